from __future__ import annotations

import importlib
import types

import gancli.nn


def test_public_names_are_importable_from_the_package() -> None:
    for name in gancli.nn.__all__:
        exported = getattr(gancli.nn, name)
        assert not isinstance(exported, types.ModuleType), name
        assert getattr(importlib.import_module(exported.__module__), name) is exported
