"""What `--track` names."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from gancli.errors import UsageError
from gancli.hookspecs import TrackerInfo
from gancli.plugins import registry


def named_trackers(names: Sequence[str]) -> list[TrackerInfo]:
    """The trackers of these names, each once, without importing them.

    Raises:
        UsageError: there is none of a name, or what it needs is not installed; the text says how to install it.
    """
    infos = [registry().tracker(name) for name in dict.fromkeys(names)]
    for info in infos:
        if info.needs and importlib.util.find_spec(info.needs) is None:
            raise UsageError(
                f"--track {info.name} needs the module {info.needs}, which is not installed: "
                f"pip install '{info.install or info.needs}'"
            )
    return infos
