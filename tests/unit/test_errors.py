"""Suggestions of names in error messages."""

from __future__ import annotations

from gancli.errors import closest, did_you_mean, unknown_name


def test_the_closest_name_is_suggested() -> None:
    assert did_you_mean("mien", ["mine", "other"]) == "did you mean 'mine'?"
    assert did_you_mean("xyz", ["mine"], "use mine") == "use mine"
    assert did_you_mean("xyz", ["mine"]) == ""
    assert did_you_mean("mien", ["mine"], "use mine", cutoff=0.9) == "use mine"


def test_an_unknown_name_is_reported_with_the_closest_or_all_names() -> None:
    assert unknown_name("metric", "mien", {"mine": 1, "other": 2}) == "unknown metric 'mien': did you mean 'mine'?"
    assert unknown_name("metric", "xyz", ["mine", "far"]) == "unknown metric 'xyz': choose from far, mine"
    assert unknown_name("run", "xyz", []) == "unknown run 'xyz': there are none"


def test_similarity_has_a_lower_bound() -> None:
    assert closest("body.1", ["body.2", "head"]) == "body.2"
    assert closest("body.1", ["head"]) is None
