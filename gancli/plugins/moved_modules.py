"""Module and class names of version 0.1, which plugins may still import; each use gives a DeprecationWarning.

`gancli/__init__.py` puts a finder at the end of `sys.meta_path` that asks this module about names of `gancli` that no
other finder knows.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Mapping
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MODULES = {
    "gancli.animation": "gancli.io.video",
    "gancli.captions": "gancli.io.captions",
    "gancli.dataspec": "gancli.data.spec",
    "gancli.hookspecs": "gancli.plugins.hookspecs",
    "gancli.optim": "gancli.family.optim",
    "gancli.pictures": "gancli.io.images",
    "gancli.plots": "gancli.figures.plots",
    "gancli.recipe": "gancli.recipes.recipe",
    "gancli.recipe_sections": "gancli.recipes.options",
    "gancli.run": "gancli.runs.run",
    "gancli.tasks": "gancli.family.tasks",
    "gancli.data.arrays": "gancli.data.sources.arrays",
    "gancli.data.attributes": "gancli.data.sources.attributes",
    "gancli.data.config": "gancli.data.sources.config",
    "gancli.data.decoding": "gancli.io.decode",
    "gancli.data.digits": "gancli.data.sources.digits",
    "gancli.data.folder": "gancli.data.sources.folder",
    "gancli.data.joining": "gancli.data.sources.combine",
    "gancli.data.listing": "gancli.data.sources.listing",
    "gancli.data.packing": "gancli.data.pack",
    "gancli.data.ragged": "gancli.data.variable_size",
    "gancli.data.paired": "gancli.data.sources.paired",
    "gancli.data.points": "gancli.data.sources.points",
    "gancli.data.resizing": "gancli.io.resize",
    "gancli.data.sides": "gancli.data.sources.splits",
    "gancli.data.synthetic": "gancli.data.sources.synthetic",
    "gancli.data.unpaired": "gancli.data.sources.unpaired",
    "gancli.metrics.subject": "gancli.metrics.context",
    "gancli.nn.convolution": "gancli.nn.cpu_convolution",
    "gancli.nn.equalized": "gancli.nn.progressive",
    "gancli.nn.feature_weights": "gancli.nn.vgg",
    "gancli.nn.features": "gancli.nn.vgg",
    "gancli.nn.history_buffer": "gancli.nn.image_buffer",
    "gancli.nn.image_memory": "gancli.nn.image_buffer",
    "gancli.nn.image_pool": "gancli.nn.image_buffer",
    "gancli.nn.instance_noise": "gancli.nn.dcgan",
    "gancli.nn.maxout": "gancli.nn.layers",
    "gancli.nn.minibatch_stddev": "gancli.nn.progressive",
    "gancli.nn.norm": "gancli.nn.layers",
    "gancli.nn.perceptron": "gancli.nn.mlp",
    "gancli.nn.pixel_norm": "gancli.nn.progressive",
    "gancli.nn.strided": "gancli.nn.dcgan",
    "gancli.nn.unit_range": "gancli.nn.layers",
}
"""New module by old module."""

NAMES: dict[str, dict[str, str]] = {
    "gancli.data.pack": {"Chosen": "Selection", "Pictures": "EncodedImages", "choose": "select", "survey": "summarize"},
    "gancli.data.source": {"Packed": "PackedDataset", "Survey": "DataSummary"},
    "gancli.data.sources.combine": {"join": "combine_pairs", "join_surveys": "combine_summaries"},
    "gancli.data.sources.digits": {"bundled": "sklearn_file", "handwritten": "load_digits"},
    "gancli.data.sources.listing": {"identity": "files_identity"},
    "gancli.data.sources.splits": {"Side": "SplitFolder", "find_side": "list_split", "lonely": "unmatched"},
    "gancli.data.variable_size": {"Ragged": "VariableSizeImages"},
    "gancli.family": {"Found": "Detection", "Terms": "Losses"},
    "gancli.family.tasks": {"Found": "Detection"},
    "gancli.io.captions": {
        "above": "stack_vertically",
        "beside": "stack_horizontally",
        "blank": "blank_tile",
        "captioned": "add_captions",
        "captioned_sheet": "captioned_grid",
        "written": "render_text",
    },
    "gancli.io.images": {"SMALLEST": "MIN_SIDE", "magnified": "magnify", "sheet": "make_grid"},
    "gancli.latent": {"pace": "frame_positions", "straight": "lerp", "stretches": "segments"},
    "gancli.losses": {"answers": "discriminator_stats", "fake": "bce_fake", "real": "bce_real"},
    "gancli.metrics.context": {"Judge": "FeatureModel", "Subject": "MetricContext", "Whole": "FullSizeSplit"},
    "gancli.nn.dcgan": {"Collapse": "MapToVector", "Project": "LatentToMap"},
}
"""New name by old name, for each current module whose public names have changed."""


def deprecated(old: str, new: str, *, stacklevel: int = 3) -> None:
    """Warn that a name of version 0.1 was used."""
    warnings.warn(f"{old} is deprecated; use {new}", DeprecationWarning, stacklevel=stacklevel)


def old_names(module: str, *, stacklevel: int = 3) -> Callable[[str], Any]:
    """Return a module's `__getattr__` that resolves the names it had in version 0.1."""
    renamed = NAMES.get(module, {})

    def load(name: str) -> Any:
        if name not in renamed:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        deprecated(f"{module}.{name}", f"{module}.{renamed[name]}", stacklevel=stacklevel)
        return getattr(importlib.import_module(module), renamed[name])

    return load


def old_attribute(instance: object, name: str, renamed: Mapping[str, str]) -> Any:
    """Return the attribute that an instance's `__getattr__` was asked for under its name of version 0.1."""
    kind = type(instance).__name__
    if name not in renamed:
        raise AttributeError(f"{kind!r} object has no attribute {name!r}")
    deprecated(f"{kind}.{name}", f"{kind}.{renamed[name]}", stacklevel=4)
    return getattr(instance, renamed[name])


def find_spec(name: str) -> ModuleSpec | None:
    """Return the spec of a module that stands in for a moved one; None if `name` is not the old name of a module."""
    return ModuleSpec(name, _Loader(MODULES[name])) if name in MODULES else None


class _Loader(Loader):
    """Loads an old module name as a module whose names come from the new module."""

    def __init__(self, new: str) -> None:
        self._new = new

    def exec_module(self, module: ModuleType) -> None:
        deprecated(module.__name__, self._new)
        target, renamed = importlib.import_module(self._new), NAMES.get(self._new, {})

        def load(name: str) -> Any:
            return getattr(target, renamed.get(name, name))

        vars(module)["__getattr__"] = load
