"""Recipes: accepted options, exact error messages, and no execution of code."""

from __future__ import annotations

import dataclasses
import enum
import json
import re
import subprocess
import sys
import types
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, field_validator, model_validator

from gancli.errors import UsageError
from gancli.plugins import registry
from gancli.plugins.hookspecs import DatasetInfo, FamilyInfo, hookimpl
from gancli.plugins.registry import Registry
from gancli.recipes import bundled as bundled_recipes
from gancli.recipes.bundled import bundled, bundled_dir
from gancli.recipes.json_schema import schema
from gancli.recipes.messages import wanted
from gancli.recipes.options import FamilyConfig, SourceConfig, TrainConfig
from gancli.recipes.recipe import Recipe, load_recipe

SAMPLE = """\
# gan train toy.yaml        a second
# A toy (Noone et al. 2014) on shapes. Not real.
family: toy
data: {source: shapes, resolution: [28, 32]}
model: {latent_dim: 100, widths: [256, 512], lr: 1e-3}
train: {images: 150_000, batch_size: 64, seed: 0}
"""


class Penalty(BaseModel, extra="forbid", strict=True):
    weight: float = Field(gt=0, description="of the penalty")
    every: int = 1


class ToyConfig(FamilyConfig):
    latent_dim: int = Field(default=64, gt=0, multiple_of=2, description="length of z")
    widths: tuple[int, ...] = Field(default=(128,), min_length=1, description="of the hidden layers")
    lr: float = Field(default=2e-4, gt=0, lt=1, description="learning rate")
    penalty: Penalty | None = Field(default=None, description="on gradients")
    comment: str = Field(default="", description="free text")

    @field_validator("comment")
    @classmethod
    def _explode(cls, value: str) -> str:
        if value == "explode":
            raise RuntimeError("boom")
        return value

    @model_validator(mode="after")
    def _agree(self) -> ToyConfig:
        if self.lr > 0.5 and self.latent_dim > 500:
            raise ValueError("lr and latent_dim are both too large")
        return self


class FolderConfig(SourceConfig):
    root: Path = Field(description="folder of images")


TOY = FamilyInfo(
    name="toy",
    summary="",
    paper="",
    tasks=("sample",),
    batch=("image",),
    family="no.such.module:Toy",  # a recipe is checked without it
    config="fake_gancli_plugin:ToyConfig",
)
SHAPES = DatasetInfo(
    name="shapes",
    summary="",
    yields=("image", "label"),
    needs="",
    source="no.such.module:Shapes",
    config="gancli.recipes.recipe:SourceConfig",
)


class FakePlugin:
    """A module as an entry point names it, put together by hand."""

    ToyConfig = ToyConfig
    FolderConfig = FolderConfig

    @staticmethod
    @hookimpl
    def gan_families() -> list[FamilyInfo]:
        broken = dataclasses.replace(TOY, name="broken", config="fake_gancli_plugin:NoSuchClass")
        paired = dataclasses.replace(TOY, name="paired-toy", batch=("source", "target"))
        return [TOY, broken, paired, dataclasses.replace(TOY, name="lonely", batch=("sound",))]

    @staticmethod
    @hookimpl
    def gan_datasets() -> list[DatasetInfo]:
        config = "fake_gancli_plugin:FolderConfig"
        pairs = dataclasses.replace(SHAPES, name="pairs", yields=("source", "target"), config=config)
        files = dataclasses.replace(SHAPES, name="files", yields=("image",), config=config)
        return [dataclasses.replace(SHAPES, aliases=("old-shapes",)), files, pairs]


@pytest.fixture(autouse=True)
def toy_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("fake_gancli_plugin")
    for name in ("ToyConfig", "FolderConfig", "gan_families", "gan_datasets"):
        setattr(module, name, getattr(FakePlugin, name))
    monkeypatch.setitem(sys.modules, "fake_gancli_plugin", module)
    entry = metadata.EntryPoint(name="toy", value="fake_gancli_plugin", group="gancli")
    monkeypatch.setattr(registry, "_registry", Registry([entry]))


Load = Callable[..., Recipe]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads a recipe from its text, as the file r.yaml of the current folder."""
    monkeypatch.chdir(tmp_path)

    def load(text: str, *overrides: str) -> Recipe:
        Path("r.yaml").write_bytes(text if isinstance(text, bytes) else text.encode(errors="surrogatepass"))
        return load_recipe("r.yaml", overrides)

    return load


def refusal(load: Load, text: str, *overrides: str) -> str:
    with pytest.raises(UsageError) as caught:
        load(text, *overrides)
    return str(caught.value)


def test_a_recipe_as_it_is_meant(load: Load) -> None:
    recipe = load(SAMPLE)
    assert recipe.name == "r"
    assert recipe.info == TOY
    assert recipe.heading == ["gan train toy.yaml        a second", "A toy (Noone et al. 2014) on shapes. Not real."]
    assert recipe.model == ToyConfig(latent_dim=100, widths=(256, 512), lr=0.001)
    assert recipe.data == SourceConfig(source="shapes", resolution=(28, 32))
    assert recipe.train == TrainConfig(images=150_000)


def test_only_family_and_data_are_required(load: Load) -> None:
    recipe = load("family: toy\ndata: {source: shapes}\nmodel:\n")
    assert recipe.model == ToyConfig()
    assert recipe.train == TrainConfig()
    assert recipe.heading == []


def test_paths_stay_relative_to_the_current_folder_and_home_is_expanded(load: Load) -> None:
    text = "family: toy\ndata: {source: files, root: ../faces}\n"
    assert load(text).data.root == Path("../faces")  # type: ignore[attr-defined]
    assert load(text, "data.root=~/faces").data.root == Path.home() / "faces"  # type: ignore[attr-defined]
    message = refusal(load, text, "data.root=~no-such-user/x")
    assert message.startswith("--set data.root=~no-such-user/x: data.root must be a path, and there is no home folder")


def test_strings_are_never_expanded_or_imported(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME_OF_TEST", "/nowhere")
    for text in ("${HOME_OF_TEST}", "$HOME_OF_TEST", "os:system", "{{ 1 + 1 }}", "!!python/name:os.system"):
        assert load(SAMPLE, f"model.comment='{text}'").model.comment == text  # type: ignore[attr-defined]
    assert "unknown option '_target_' in model" in refusal(load, SAMPLE, "model._target_=os.system")
    assert "unknown family 'os:system'" in refusal(load, SAMPLE, "family=os:system")


MISTAKES = [
    (
        "train: {batch_sise: 64}",
        "r.yaml:3:9: unknown option 'batch_sise' in train: did you mean 'batch_size'?",
    ),
    ("trian: {}", "r.yaml:3:1: unknown section 'trian': did you mean 'train'?"),
    ("zzz: 1", "r.yaml:3:1: unknown section 'zzz': a recipe has family, data, model, train and eval"),
    ("batch_size: 3", "r.yaml:3:1: unknown section 'batch_size': it is an option of train; move it there"),
    ("model: {seed: 3}", "r.yaml:3:9: unknown option 'seed' in model: it belongs in train"),
    (
        "model: {zzz: 3}",
        "r.yaml:3:9: unknown option 'zzz' in model: it has latent_dim, widths, lr, penalty and comment",
    ),
    (
        "train:\n  batch_size: many",
        "r.yaml:4:15: train.batch_size must be a whole number greater than 0, not 'many'",
    ),
    ('train: {batch_size: "64"}', "r.yaml:3:21: train.batch_size must be a whole number greater than 0, not '64'"),
    ("train: {batch_size: true}", "r.yaml:3:21: train.batch_size must be a whole number greater than 0, not true"),
    ("train: {batch_size: 64.0}", "r.yaml:3:21: train.batch_size must be a whole number greater than 0, not 64.0"),
    ("train: {batch_size: null}", "r.yaml:3:21: train.batch_size must be a whole number greater than 0, not null"),
    ("train: {batch_size: 0}", "r.yaml:3:21: train.batch_size must be a whole number greater than 0, not 0"),
    ("train: {ema: 1.0}", "r.yaml:3:14: train.ema must be a number at least 0 and less than 1, not 1.0"),
    (
        "train: {seed: 3_000_000_000}",
        "r.yaml:3:15: train.seed must be a whole number at least 0 and at most 2147483647, not 3000000000",
    ),
    ("train: {precision: fp16}", "r.yaml:3:20: train.precision must be 'auto', 'fp32' or 'bf16', not 'fp16'"),
    ("train: {deterministic: 1}", "r.yaml:3:24: train.deterministic must be true or false, not 1"),
    ("train: {accumulate: 3}", "r.yaml:3:21: train.accumulate must divide batch_size (64), not 3"),
    ("train: 3", "r.yaml:3:8: train must be a mapping of options, not 3"),
    (
        "model: {latent_dim: 3}",
        "r.yaml:3:21: model.latent_dim must be a whole number greater than 0 and a multiple of 2, not 3",
    ),
    (
        "model: {widths: []}",
        "r.yaml:3:17: model.widths must be a list of at least 1 item, each item a whole number, not []",
    ),
    (
        "model: {widths: [1, x]}",
        "r.yaml:3:21: model.widths must be a list of at least 1 item, each item a whole number, not [1, x]",
    ),
    ("model: {penalty: {}}", "r.yaml:3:9: model.penalty needs 'weight' (of the penalty)"),
    ("model: {penalty: {weight: 0}}", "r.yaml:3:27: model.penalty.weight must be a number greater than 0, not 0"),
    (
        "model: {penalty: {weight: 1, evry: 2}}",
        "r.yaml:3:30: unknown option 'evry' in model.penalty: did you mean 'every'?",
    ),
    ("model: {penalty: 3}", "r.yaml:3:18: model.penalty must be a mapping of options, not 3"),
    ("model: {comment: [a]}", "r.yaml:3:18: model.comment must be text, not [a]"),
    ("model: {lr: 0.9, latent_dim: 900}", "r.yaml:3:1: model: lr and latent_dim are both too large"),
    (
        "model: {comment: explode}",
        "r.yaml:3:1: the validation of model in test_recipe is broken: RuntimeError: boom",
    ),
    ("train: {images: 1, images: 2}", "r.yaml:3:20: 'images' is given twice, first on line 3; remove one of them"),
]


@pytest.mark.parametrize(("line", "message"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_the_words_for_a_mistake(load: Load, line: str, message: str) -> None:
    said = refusal(load, f"family: toy\ndata: {{source: shapes}}\n{line}\n")
    assert re.sub(r"in \S*test_recipe", "in test_recipe", said) == message


HEADS = [
    (
        "data: {source: shapes}",
        "r.yaml:1:1: a recipe needs a family; add `family: NAME` with one that `gan plugins ls` lists",
    ),
    ("family: 3\ndata: {source: shapes}", "r.yaml:1:9: family must be the name of a family, not 3"),
    (
        "family: broken\ndata: {source: shapes}",
        "r.yaml:1:9: the plugin that provides 'broken' is broken: AttributeError: module 'fake_gancli_plugin' has no "
        "attribute 'NoSuchClass'",
    ),
    (
        "family: toy",
        "r.yaml:1:1: data needs a source; write `data: {source: NAME}` with one that `gan data ls` lists",
    ),
    (
        "family: toy\ndata: {flip: true}",
        "r.yaml:2:1: data needs a source; write `data: {source: NAME}` with one that `gan data ls` lists",
    ),
    ("family: toy\ndata: {source: 3}", "r.yaml:2:16: data.source must be the name of a source, not 3"),
    ("family: toy\ndata: {source: files}", "r.yaml:2:1: data needs 'root' (folder of images)"),
    (
        "family: toy\ndata: {source: files, root: 3}",
        "r.yaml:2:29: data.root must be a path, not 3",
    ),
    (
        "family: toy\ndata: {source: shapes, resolution: [28]}",
        "r.yaml:2:36: data.resolution must be a whole number greater than 0 or a list of 2 items, each a whole number "
        "greater than 0, not [28]",
    ),
    (
        "family: toy\ndata: {source: shapes, resolution: [28, big]}",
        "r.yaml:2:41: data.resolution must be a whole number greater than 0 or a list of 2 items, each a whole number "
        "greater than 0, not [28, big]",
    ),
    (
        "family: toy\ndata: {source: shapes, channels: 2}",
        "r.yaml:2:34: data.channels must be 1, 3 or 4, not 2",
    ),
    (
        "family: paired-toy\ndata: {source: shapes}",
        "r.yaml:2:16: the family 'paired-toy' trains on source, target, but the source 'shapes' has only image, label; "
        "use pairs",
    ),
    (
        "family: lonely\ndata: {source: shapes}",
        "r.yaml:2:16: the family 'lonely' trains on sound, but the source 'shapes' has only image, label; no "
        "installed source has all of them",
    ),
]


@pytest.mark.parametrize(("text", "message"), HEADS)
def test_the_words_for_a_mistake_in_what_is_trained_on_what(load: Load, text: str, message: str) -> None:
    assert refusal(load, text) == message


def test_what_the_registry_says_gets_a_place(load: Load) -> None:
    said = refusal(load, "family: toyy\ndata: {source: shape}")
    family, source = said.splitlines()
    assert family.startswith("r.yaml:1:9: unknown family 'toyy': did you mean 'toy'?")
    assert source.startswith("r.yaml:2:16: unknown data source 'shape': did you mean 'shapes'?")


def test_all_mistakes_are_shown_at_once_the_most_important_first(load: Load) -> None:
    text = "train: {batch_sise: 1, seed: x}\nmodel: {lr: 2}\ndata: {source: shapes}\nfamily: toy\nevil: 1\n"
    assert refusal(load, text, "train.keep=0", "data.sauce=3", "nope").splitlines() == [
        "r.yaml:5:1: unknown section 'evil': did you mean 'eval'?",
        "r.yaml:1:9: unknown option 'batch_sise' in train: did you mean 'batch_size'?",
        "r.yaml:1:30: train.seed must be a whole number at least 0 and at most 2147483647, not 'x'",
        "r.yaml:2:13: model.lr must be a number greater than 0 and less than 1, not 2",
        "--set train.keep=0: train.keep must be a whole number at least 1, not 0",
        "--set data.sauce=3: unknown option 'sauce' in data: did you mean 'source'?",
        "--set nope: unknown section 'nope': a recipe has family, data, model, train and eval",
    ]


def test_overrides(load: Load) -> None:
    recipe = load(SAMPLE, "train.batch_size=128", "train.batch_size=32", "data.resolution=[16, 16]", "model.lr=1e-4")
    assert recipe.train.batch_size == 32
    assert recipe.data.resolution == (16, 16)
    assert recipe.model == ToyConfig(latent_dim=100, widths=(256, 512), lr=1e-4)
    assert load(SAMPLE, "model.penalty={weight: 2}").model == ToyConfig(
        latent_dim=100, widths=(256, 512), lr=1e-3, penalty=Penalty(weight=2)
    )


def test_null_in_an_override_is_the_default(load: Load) -> None:
    assert load(SAMPLE, "train.images=null", "model.latent_dim=null").model.latent_dim == 64  # type: ignore[attr-defined]
    assert load(SAMPLE, "train.seed=5", "train.seed=null").train.seed == 0
    assert load(SAMPLE, "train.seed=null", "train.seed=5").train.seed == 5


def test_an_override_may_change_the_family_or_the_source(load: Load) -> None:
    assert load(SAMPLE, "family=paired-toy", "data.source=pairs", "data.root=x").info.name == "paired-toy"
    text = "family: toy\ndata: {source: files, root: x}\n"
    assert refusal(load, text, "data.source=shapes").startswith("r.yaml:2:23: unknown option 'root' in data: it has ")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.batch_sise=128", "unknown option 'batch_sise' in train: did you mean 'batch_size'?"),
        ("train.batch_sise=null", "unknown option 'batch_sise' in train: did you mean 'batch_size'?"),
        ("train.batch_size=big", "train.batch_size must be a whole number greater than 0, not 'big'"),
        ("train.batch_size", "there is no '='; write --set section.option=value"),
        ("train.batch_size=", "there is no value after '='; write null for the default"),
        ("train.batch_size= # 3", "there is no value after '='; write null for the default"),
        ("=3", "no option is named; write --set section.option=value"),
        ("", "no option is named; write --set section.option=value"),
        ("train=3", "no option of train is named; write --set train.option=value"),
        ("train.=3", "no option of train is named; write --set train.option=value"),
        ("trian.seed=3", "unknown section 'trian': did you mean 'train'?"),
        ("family.name=3", "family has no options; write --set family=name"),
        ("train.seed=a: b: c", "a ':' is not allowed here; write one option per line, equally indented"),
        ("train.seed=&a 3", "the anchor &a is not allowed; write values out, or quote the text"),
        ("data.source=shape", "unknown data source 'shape': did you mean 'shapes'?"),
    ],
)
def test_the_words_for_a_mistake_in_an_override(load: Load, override: str, message: str) -> None:
    assert refusal(load, SAMPLE, override).startswith(f"--set {override}: {message}")


def test_a_long_or_strange_override_is_shortened(load: Load) -> None:
    said = refusal(load, SAMPLE, "train.seed=" + "x" * 500)
    assert len(said) < 250
    assert "\n" not in refusal(load, SAMPLE, "train.seed=[\n\x1b\udc80")


def test_the_resolved_recipe_is_read_back_equal(load: Load, tmp_path: Path) -> None:
    recipe = load(SAMPLE, "model.comment='1e3: [yes] #'", "model.penalty={weight: 1e-8}", "data.classes=['1', 2, no]")
    text = recipe.to_yaml()
    assert text.startswith("# gan train toy.yaml        a second\n# A toy")
    (tmp_path / "other.yaml").write_text(text)
    again = load_recipe("other.yaml")
    assert again == recipe
    assert again.heading == recipe.heading
    assert again.to_yaml() == text
    options = sum(len(type(part).model_fields) for part in (recipe.model, recipe.data, recipe.train, recipe.eval))
    lines = [line for line in text.splitlines() if line.startswith("  ")]
    assert len(lines) == options
    assert recipe.to_dict()["model"]["penalty"] == {"weight": 1e-8, "every": 1}
    assert json.loads(json.dumps(recipe.to_dict())) == recipe.to_dict()


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lr=st.floats(min_value=0, max_value=1, exclude_min=True, exclude_max=True),
    ema=st.none() | st.floats(min_value=0, max_value=1, exclude_max=True),
    comment=st.text(
        st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="\ufeff\ufffe\uffff")
    ),
    heading=st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126)), max_size=3),
)
def test_any_resolved_recipe_is_read_back_equal(
    load: Load, lr: float, ema: float, comment: str, heading: list[str]
) -> None:
    recipe = dataclasses.replace(
        load(SAMPLE), model=ToyConfig(lr=lr, comment=comment), train=TrainConfig(ema=ema), heading=[*heading]
    )
    again = load(recipe.to_yaml())
    assert again == recipe
    assert again.to_yaml() == recipe.to_yaml()


def test_a_recipe_is_frozen(load: Load) -> None:
    recipe = load(SAMPLE)
    for part, name in ((recipe, "name"), (recipe.train, "seed"), (recipe.model, "lr"), (recipe.data, "split")):
        with pytest.raises((AttributeError, ValueError)):
            setattr(part, name, 3)


def test_the_defaults_say_what_they_are() -> None:
    for config in (TrainConfig, SourceConfig):
        for name, field in config.model_fields.items():
            assert field.description, name


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (int, "a whole number"),
        (Annotated[int, Field(ge=2)], "a whole number at least 2"),
        (float | None, "a number"),
        (Path | None, "a path"),
        (tuple[str | int, ...], "a list, each item text or a whole number"),
        (tuple[int, str], "a list of 2 items: a whole number, text"),
        (list[bool], "a list, each item true or false"),
        (Literal["a"], "'a'"),
        (Colour, "'red' or 'blue'"),
        (dict[str, int], "a mapping of options"),
        (complex, ""),
        (tuple[complex, ...], "a list"),
        (int | complex, ""),
    ],
)
def test_what_is_wanted_in_words(annotation: Any, words: str) -> None:
    assert wanted(annotation) == words


def test_files_that_cannot_be_read(load: Load, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=re.escape("'.' is a folder; give the path of a recipe file")):
        load_recipe(".")
    said = "unknown recipe 'no/such.yaml': `gan recipes ls` lists the names, and there is no such file"
    with pytest.raises(UsageError, match=re.escape(said)):
        load_recipe("no/such.yaml")
    for strange in ("", "\x00", "x" * 5000, "\udc80"):
        with pytest.raises(UsageError):
            load_recipe(strange)


def test_bundled_recipes_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled_recipes, "bundled_dir", lambda: tmp_path / "lib")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lib/paper").mkdir(parents=True)
    for name in ("toy", "zoo", "paper/a-toy", "paper/toy-shapes"):
        (tmp_path / f"lib/{name}.yaml").write_text(SAMPLE)
    assert list(bundled()) == ["toy", "zoo", "paper/a-toy", "paper/toy-shapes"]
    for target in ("toy", "toy.yaml"):
        assert load_recipe(target).name == "toy"
    assert load_recipe("paper/toy-shapes").name == "toy-shapes"
    with pytest.raises(UsageError, match=re.escape("unknown recipe 'recipes/toyy.yaml': did you mean 'toy'?")):
        load_recipe("recipes/toyy.yaml")
    (tmp_path / "toy").mkdir()
    assert load_recipe("toy").name == "toy"  # a folder of that name, such as a checkout's, is no recipe


def test_the_schema_covers_families_and_sources() -> None:
    one = schema("toy")
    assert one["properties"]["family"]["enum"] == ["toy"]
    assert sorted(option["title"] for option in one["properties"]["data"]["anyOf"]) == ["files", "pairs", "shapes"]
    assert one["$defs"]["ToyConfig"]["properties"]["latent_dim"]["exclusiveMinimum"] == 0
    assert one["$defs"]["TrainConfig"]["additionalProperties"] is False
    assert one["$defs"]["EvalConfig"]["properties"]["guard"]["enum"] == ["off", "warn", "stop", "rollback"]
    assert one["properties"]["eval"]["anyOf"][0] == {"$ref": "#/$defs/EvalConfig"}
    refs = set(re.findall(r'"\$ref": "#/\$defs/(\w+)"', json.dumps(one)))
    assert refs <= set(one["$defs"])
    assert schema(None)["properties"]["family"]["enum"] == ["lonely", "paired-toy", "toy"]  # the broken one is left out
    with pytest.raises(UsageError, match="unknown family"):
        schema("tox")


def test_a_recipe_may_use_the_former_name_of_a_source(load: Load) -> None:
    assert load("family: toy\ndata: {source: old-shapes}").data.source == "old-shapes"
    (shapes,) = (option for option in schema("toy")["properties"]["data"]["anyOf"] if option["title"] == "shapes")
    assert shapes["allOf"][1]["properties"]["source"] == {"enum": ["shapes", "old-shapes"]}


@pytest.mark.parametrize(
    "bomb", ["a: " + "[" * 2000, "&a " * 3, "a: &a [*a]", "a: !!python/object/apply:os.system [id]"]
)
def test_bombs_are_refused_with_their_place(load: Load, bomb: str) -> None:
    assert re.match(r"r\.yaml:\d+:\d+: ", refusal(load, bomb))


PLACED = re.compile(r"(r\.yaml:[1-9]\d*:[1-9]\d*|--set .*?): \S")
EDITS = st.tuples(
    st.integers(0, len(SAMPLE)), st.integers(0, 6), st.binary(max_size=6) | st.sampled_from([b": ", b"["])
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(EDITS, min_size=1, max_size=4))
def test_a_mutated_recipe_is_valid_or_a_located_error(load: Load, edits: list[tuple[int, int, bytes]]) -> None:
    data = SAMPLE.encode()
    for start, length, new in edits:
        data = data[:start] + new + data[start + length :]
    said = ""
    try:
        load(data)
    except UsageError as error:
        said = str(error)
    assert all(PLACED.match(line) for line in said.split("\n") if said)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text("a1~/.")
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner), max_leaves=4
)
OPTIONS = st.sampled_from([f"{s}.{o}" for s, o in (("train", "images"), ("train", "ema"), ("data", "resolution"))])
MORE = st.sampled_from(["model.widths", "model.penalty", "data.classes", "train.accumulate", "data.source", "family"])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(option=OPTIONS | MORE, value=TREES)
def test_any_value_is_valid_or_a_located_error(load: Load, option: str, value: Any) -> None:
    said = ""
    try:
        load(SAMPLE, f"{option}={json.dumps(value)}")
    except UsageError as error:
        said = str(error)
    assert all(PLACED.match(line) for line in said.split("\n") if said)


@pytest.mark.parametrize("name", sorted(bundled()))
def test_bundled_recipes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registry", Registry())
    recipe = load_recipe(name)
    text = (bundled_dir() / f"{name}.yaml").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40
    assert recipe.heading[0].startswith(f"gan train recipes/{name}.yaml")
    summary = next(each for each in bundled_recipes.summaries() if each.name == name)
    assert (summary.family, summary.source) == (recipe.info.name, recipe.data.source)
    assert summary.about


def test_neither_a_recipe_nor_its_error_imports_torch(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(SAMPLE)
    code = (
        "import sys\nfrom gancli.errors import UsageError\nfrom gancli.recipes.recipe import load_recipe\n"
        "from gancli.recipes.json_schema import schema\n"
        "try: load_recipe('r.yaml')\nexcept UsageError as error: assert 'r.yaml:3:9: ' in str(error)\n"
        "schema()\nheavy = {'torch', 'torchvision', 'numpy', 'sklearn', 'rich', 'typer'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
