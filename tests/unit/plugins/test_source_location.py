"""The line of a package, out of an error and out of what is being executed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gancli.plugins.source_location import SourceLocation, location_of_caller, location_of_error

HERE = __name__.partition(".")[0]


def test_the_innermost_line_of_the_package() -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads("{")  # this line
    place = location_of_error(caught.value, HERE)
    assert place is not None
    assert "this line" in Path(place.file).read_text().splitlines()[place.line - 1]
    assert location_of_error(caught.value, "missing_package") is None


def test_a_line_that_cannot_be_parsed() -> None:
    with pytest.raises(SyntaxError) as caught:
        compile("a = 1\nb = (", "some.py", "exec")
    assert location_of_error(caught.value, HERE) == SourceLocation("some.py", 2)


def test_who_is_calling() -> None:
    place = location_of_caller(HERE)  # this call
    assert place is not None
    assert "this call" in Path(place.file).read_text().splitlines()[place.line - 1]
    assert location_of_caller("missing_package") is None


def test_files_below_the_working_directory_are_named_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert str(SourceLocation(str(tmp_path / "a" / "b.py"), 3)) == "a/b.py:3"
    assert str(SourceLocation("/elsewhere/b.py", 3)) == "/elsewhere/b.py:3"
