"""Descriptions have the declared types, and names that can be written in a recipe."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gancli.plugins.hookspecs import DatasetInfo, FamilyInfo, MetricInfo
from gancli.plugins.loading import check_field_types

INFO = FamilyInfo(name="a", summary="", paper="", tasks=("sample",), batch=("image",), family="a:A", config="a:C")

SOURCE = DatasetInfo(name="a", summary="", yields=("image",), needs="", source="", config="", aliases=("b",))


def test_fields_have_the_declared_types() -> None:
    check_field_types(INFO)
    for name, wrong in (("name", 1), ("summary", None), ("tasks", None), ("tasks", "sample"), ("batch", ("image", 1))):
        with pytest.raises(TypeError, match=rf"FamilyInfo\.{name} must be"):
            check_field_types(replace(INFO, **{name: wrong}))


def test_a_metric_says_which_values_are_better() -> None:
    metric = MetricInfo(name="m", summary="", needs=(), metric="")
    check_field_types(metric)
    with pytest.raises(TypeError, match=r"MetricInfo\.better must be"):
        check_field_types(replace(metric, better="higer"))


@pytest.mark.parametrize("name", ["", " a", "a\x1b[2J", "a\ud800", "\u202ea", "a\nb", "a" * 101])
def test_names_are_short_and_printable(name: str) -> None:
    check_field_types(SOURCE)
    for wrong in (replace(INFO, name=name), replace(SOURCE, name=name), replace(SOURCE, aliases=(name,))):
        with pytest.raises(TypeError, match=r"Info\.name must have 1 to 100 printable characters"):
            check_field_types(wrong)
