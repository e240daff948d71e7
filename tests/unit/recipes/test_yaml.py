"""The YAML of recipes: what it reads, what it refuses, and that nothing but a YamlError ever comes out of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gancli.errors import UsageError
from gancli.recipes.yaml import MAX_BYTES, Document, Position, YamlError, decode, inline, parse, parse_value, write

LOCATED = re.compile(r"r\.yaml:[1-9]\d*:[1-9]\d*: \S")


def refusal(text: str) -> str:
    with pytest.raises(YamlError) as caught:
        parse(text, name="r.yaml")
    assert LOCATED.match(str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E5", 100_000.0),
        ("-2.5e+3", -2500.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("150_000", 150_000),
        ("012", 12),
        ("0x1F", 31),
        ("0o17", 15),
        ("+7", 7),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("[28, 28]", [28, 28]),
        ("{a: 1, b: [x]}", {"a": 1, "b": ["x"]}),
    ],
)
def test_values_follow_yaml_1_2(text: str, value: Any) -> None:
    found = parse_value(text, name="x")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        *("yes", "no", "on", "off", "tRue", "1:30", "2024-01-01", "1__0", "1_", "_1", "1_000.5", "0b11", "e5", "<<"),
        *("${oc.env:HOME}", "../data", "torch.optim:Adam"),
    ],
)
def test_everything_else_is_text(text: str) -> None:
    assert parse_value(text, name="x") == text


def test_quoted_scalars_are_text() -> None:
    assert parse("a: '1'\nb: \"true\"\nc: |\n  null\n", name="x").value == {"a": "1", "b": "true", "c": "null\n"}


def test_places_of_keys_and_values() -> None:
    document = parse("# c\nfamily: gan\ntrain:\n  sizes: [1, {a: 2}]\n", name="x")
    assert document.position(("family",), key=True) == Position(2, 1)
    assert document.position(("family",)) == Position(2, 9)
    assert document.position(("train", "sizes", 1, "a"), key=True) == Position(4, 15)
    assert document.position(("train", "sizes", 1, "a")) == Position(4, 18)


def test_the_place_of_what_is_missing_is_that_of_what_should_hold_it() -> None:
    document = parse("# c\na:\n  b: 1\n", name="x")
    assert document.position(("a", "nope")) == Position(2, 1)
    assert document.position(("nope",)) == Position(2, 1)
    assert Document("x", {}).position(("a",)) == Position(1, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", "r.yaml:2:1: 'a' is given twice, first on line 1; remove one of them"),
        ("a: {b: 1, b: 2}", "r.yaml:1:11: 'b' is given twice, first on line 1; remove one of them"),
        ("a: &x 1", "r.yaml:1:4: the anchor &x is not allowed; write values out, or quote the text"),
        ("a: *x", "r.yaml:1:4: the alias *x is not allowed; write the value out, or quote the text"),
        ("*x : 1", "r.yaml:1:1: the alias *x is not allowed; write the value out, or quote the text"),
        ("1: 2", "r.yaml:1:1: the key 1 is not text; put it in quotes"),
        ("? [a]\n: 2", "r.yaml:1:3: a key must be a word, not a list or mapping; look for a stray bracket or '?'"),
        ("a: 1\n---\nb: 2", "r.yaml:2:1: a second document begins here; keep one document in a file"),
        ("a: .nan", "r.yaml:1:4: .nan is not a finite number; give a number, or omit the option"),
        ("a: -.INF", "r.yaml:1:4: -.INF is not a finite number; give a number, or omit the option"),
        ("a: 1e999", "r.yaml:1:4: 1e999 is too large for a number; give a smaller one"),
        ("- 1", "r.yaml:1:1: not a mapping; a recipe consists of `key: value` lines"),
        ("", "r.yaml:1:1: empty; a recipe consists of `key: value` lines"),
        ("a:\tb", "r.yaml:1:3: a tab is not allowed here; indent and separate with spaces"),
        ("a: b: c", "r.yaml:1:5: a ':' is not allowed here; write one option per line, equally indented"),
        ("a: 'x\nb: 3\n", "r.yaml:1:4: this quote is not closed; add the closing one"),
        ("a: \x00", "r.yaml:1:4: the character U+0000 is not allowed in a recipe; remove it"),
        ('a: "\\ud800"', "r.yaml:1:4: the character U+D800 is not allowed in a recipe; remove it"),
    ],
)
def test_refusals(text: str, message: str) -> None:
    assert refusal(text) == message


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.system ['id']",
        "!!python/name:os.system\na: 1",
        "!!python/object:os.system : 1",
        "a: !x",
        "a: ! 1",
        "a: !!int '1'",
    ],
)
def test_tags_are_refused(text: str) -> None:
    assert "a tag (!) is not allowed" in refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 5000,
        "a: " + "[" * 1200 + "]" * 1200,
        "a: " + "{a: " * 1200,
        "- " * 1200,
        "\n".join(" " * level + "a:" for level in range(300)),
        "? " * 1200 + "a",
    ],
)
def test_depth_bombs_are_refused_without_exhausting_the_stack(text: str) -> None:
    assert refusal(text).startswith("r.yaml:")


def test_depth_is_counted_before_it_hurts() -> None:
    assert "nested more than 20 deep" in refusal("a: " + "[" * 21 + "]" * 21)
    assert parse("a: " + "[" * 19 + "]" * 19, name="x").value


def test_the_billion_laughs_are_refused() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    assert "the anchor &a is not allowed" in refusal(bomb)


@pytest.mark.parametrize("text", ['a: "\\UFFFFFFFF"', "%YAML " + "9" * 5000 + ".1\n---\na: 1", "a: " + "9" * 5000])
def test_what_makes_pyyaml_or_int_raise_value_errors(text: str) -> None:
    assert refusal(text).startswith("r.yaml:")


def test_bytes() -> None:
    assert decode("\ufeffa: ü".encode(), name="r.yaml") == "a: ü"
    with pytest.raises(YamlError, match=re.escape("r.yaml:2:4: not UTF-8; save the file as UTF-8 text")):
        decode(b"a: 1\nb: \xff", name="r.yaml")
    with pytest.raises(YamlError, match="longer than 64 KB"):
        decode(b"#" * (MAX_BYTES + 1), name="r.yaml")
    assert "longer than 64 KB" in refusal("#" * (MAX_BYTES + 1))


def test_a_single_value_is_refused_without_a_place() -> None:
    with pytest.raises(YamlError) as caught:
        parse_value("[1", name="--set a.b=[1")
    assert str(caught.value).startswith("--set a.b=[1: this list is not closed")


def test_errors_are_usage_errors_with_a_quiet_past() -> None:
    with pytest.raises(UsageError) as caught:
        parse("a: [", name="r.yaml")
    assert caught.value.__suppress_context__


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="\ufeff\ufffe\uffff"))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=8)
WORDS = st.sampled_from(
    ["1e3", "yes", "null", "~", ".inf", "012", "1_0", "...", "..", "a: b", "- a", "#", "0x1F", "\n"]
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(TEXTS.filter(lambda key: len(key) < 500), VALUES | WORDS, min_size=1))
def test_what_is_written_is_read_back(value: dict[str, Any]) -> None:
    assert parse(write(value), name="x").value == value


def test_writing_is_plain_where_it_can_be() -> None:
    text = write({"family": "gan", "data": {"root": "~/data", "size": [28, 28], "x": None}, "model": {}})
    assert text == "family: gan\ndata:\n  root: ~/data\n  size: [28, 28]\n  x: null\nmodel: {}\n"
    assert inline("1e3") == '"1e3"'
    assert inline({"a": (1, "b c")}) == '{a: [1, "b c"]}'


FRAGMENTS = st.sampled_from(
    [
        *"a-[]{},'\"|>#%?@`:\t\n\r\\\x85\u2028\ufeff",
        *("b: ", "\n  ", "- ", "? ", "&a ", "*a ", "!!int ", "<<: ", "\n---\n", "\n...\n", "1e-3", "\n%YAML 1.2\n"),
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(FRAGMENTS, max_size=40).map("".join) | st.text())
def test_any_text_is_a_mapping_or_a_located_error(text: str) -> None:
    said = ""
    try:
        value = parse(text, name="r.yaml").value
    except YamlError as error:
        said = str(error)
    assert LOCATED.match(said) if said else isinstance(value, dict)
