"""What `joined` takes: the options of several other sources, each checked as if it stood alone. Torch-free."""

from __future__ import annotations

import json
from typing import Any

from pydantic import Field, SerializeAsAny, ValidationError, field_validator

from gancli.errors import UsageError
from gancli.plugins.registry import import_class, registry
from gancli.recipes.messages import complaints, shown
from gancli.recipes.options import SourceConfig

COMMON = ("resolution", "channels", "split", "random_crop", "flip", "fit")
"""Options that are the same for every source, and so stand beside `sources`."""


class JoinedConfig(SourceConfig):
    """`joined`: several sources of images with labels or attributes as one data set, each with labels of its own.

    All images have one size and as many channels: set `resolution` where they differ.
    """

    sources: dict[str, SerializeAsAny[SourceConfig]] = Field(
        min_length=2, description="the data section of each source, by a name for it"
    )
    balance: bool = Field(
        default=True, description="show images of every source equally often, repeating those of smaller ones"
    )

    @field_validator("sources", mode="before")
    @classmethod
    def _checks_each(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: _checked(str(name), given) for name, given in value.items()}

    @field_validator("classes", "limit", mode="after")
    @classmethod
    def _is_of_one_source(cls, value: Any) -> Any:
        if value is not None:
            raise ValueError("must be left out: set it within a source")
        return value


def _checked(name: str, given: Any) -> SourceConfig:
    """The options of one source.

    Raises:
        ValueError: something in them is wrong; the text opens with the source's name.
    """
    if isinstance(given, SourceConfig):
        return given
    if not isinstance(given, dict) or not isinstance(given.get("source"), str):
        raise ValueError(f"{name} must be a mapping of options with a source, not {shown(given)}")
    try:
        info = registry().dataset(given["source"])
    except UsageError as error:
        raise ValueError(f"{name}: {error}") from None
    if "image" not in info.yields or "attributes" not in info.serves or "dataset" in info.yields:
        raise ValueError(f"{name}: the source {info.name!r} cannot be joined; use one that yields label or attributes")
    model: type[SourceConfig] = import_class(info.config)
    try:
        config = model.model_validate_json(json.dumps(given))
    except ValidationError as error:
        raise ValueError("; ".join(each.sentence for each in complaints(error, model, name, given, {}))) from None
    for option in COMMON:
        if getattr(config, option) != model.model_fields[option].default:
            raise ValueError(f"{name}.{option} must be left out: set data.{option}, which is for all sources")
    return config
