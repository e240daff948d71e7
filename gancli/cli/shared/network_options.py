"""Options of networks that are built without a recipe: `--set model.*`, `data.channels` and `data.resolution`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from gancli.errors import UsageError
from gancli.plugins.hookspecs import FamilyInfo
from gancli.plugins.registry import import_class
from gancli.recipes.messages import problems, unknown_option
from gancli.recipes.options import FamilyConfig, Options, Side
from gancli.recipes.overrides import Draft
from gancli.recipes.yaml import Document


class ImageShape(Options):
    """Shape of the images that networks are built for."""

    channels: Literal[1, 3, 4] = Field(default=3, description="1 grey, 3 colour, 4 colour and opacity")
    resolution: Side | tuple[Side, Side] = Field(default=64, description="side of the images, or [height, width]")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.resolution if isinstance(self.resolution, tuple) else (self.resolution, self.resolution)


def parse_network_options(
    info: FamilyInfo, overrides: Sequence[str], *, command: str, shape: Mapping[str, Any] | None = None
) -> tuple[FamilyConfig, ImageShape]:
    """Return the options of a family and the shape of its images.

    Args:
        info: family.
        overrides: options as `--set` takes them.
        command: command for the error message.
        shape: defaults of `data.channels` and `data.resolution`.

    Raises:
        UsageError: an option is invalid; one line for each mistake.
    """
    draft = Draft(Document("--set", {"family": info.name}), overrides)
    if draft.family != info.name or draft.sections["train"]:
        raise UsageError(f"{command} accepts only --set model.option=value, data.channels and data.resolution")
    draft.sections["data"] = {**(shape or {}), **draft.sections["data"]}
    config = _validate(draft, "model", import_class(info.config))
    image_shape = _validate(draft, "data", ImageShape)
    draft.raise_errors()
    assert isinstance(config, FamilyConfig)
    assert isinstance(image_shape, ImageShape)
    return config, image_shape


def _validate(draft: Draft, section: str, options: type[BaseModel]) -> BaseModel | None:
    """Validate a section. Report mistakes to the draft and return None if there are any."""
    values = draft.sections[section]
    for option in draft.resets[section] - set(options.model_fields):
        draft.add_error(unknown_option(option, section, options.model_fields, {}), (section, option), key=True)
    try:
        return options.model_validate_json(json.dumps(values))
    except ValidationError as error:
        for message, path, key in problems(error, options, section, values, {}):
            draft.add_error(message, path, key=key)
    return None
