"""JSON Schema of recipes, from the options of all installed families and data sources."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gancli.plugins import registry as plugins
from gancli.plugins.hookspecs import DatasetInfo, FamilyInfo
from gancli.recipes.options import EvalConfig, FamilyConfig, SourceConfig, TrainConfig


def schema(family: str | None = None) -> dict[str, Any]:
    """Return the JSON Schema of recipes, for editors that complete and check YAML. Broken plugins are left out.

    Args:
        family: name of a family, for its recipes only (default: all installed families).

    Raises:
        UsageError: there is no such family.
    """
    registry = plugins.registry()
    families = [registry.family(family)] if family is not None else registry.with_options(registry.families().values())
    models = {info.name: model for info in families if (model := _config(info, FamilyConfig))}
    infos = registry.with_options(registry.datasets().values())
    sources = {info.names: model for info in infos if (model := _config(info, SourceConfig))}
    every: dict[type[BaseModel], None] = dict.fromkeys([*models.values(), *sources.values(), TrainConfig, EvalConfig])
    refs, definitions = models_json_schema([(model, "validation") for model in every], ref_template="#/$defs/{model}")

    def ref(model: type[BaseModel]) -> dict[str, Any]:
        return dict(refs[model, "validation"])

    result: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Recipe of the family {family}" if family is not None else "Recipe",
        "type": "object",
        "required": ["family", "data"],
        "additionalProperties": False,
        "properties": {
            "family": {"enum": sorted(models), "description": "the GAN family; `gan plugins ls` lists them"},
            "data": {"anyOf": [_for_source(ref(model), names) for names, model in sorted(sources.items())]},
            "model": {"type": ["object", "null"], "description": "the family's own options"},
            "train": {"anyOf": [ref(TrainConfig), {"type": "null"}]},
            "eval": {"anyOf": [ref(EvalConfig), {"type": "null"}]},
        },
    }
    result["allOf"] = [
        {
            "if": {"properties": {"family": {"const": name}}, "required": ["family"]},
            "then": {"properties": {"model": {"anyOf": [ref(model), {"type": "null"}]}}},
        }
        for name, model in sorted(models.items())
    ]
    return result | definitions


def _for_source(options: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return the schema of a source by its name and aliases."""
    source: dict[str, Any] = {"const": names[0]} if len(names) == 1 else {"enum": list(names)}
    return {"title": names[0], "allOf": [options, {"properties": {"source": source}}]}


def _config(info: FamilyInfo | DatasetInfo, base: type[BaseModel]) -> type[BaseModel] | None:
    try:
        config = plugins.import_class(info.config)
    except Exception:  # a plugin may raise anything at import
        return None
    return config if isinstance(config, type) and issubclass(config, base) else None
