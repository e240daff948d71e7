"""What a run says of itself in a few words: at the top of its report, and where it tells how to do it again."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from gancli.errors import UsageError
from gancli.hookspecs import FamilyInfo
from gancli.plugins import registry
from gancli.report.story import Line, Story, number

Facts = Mapping[str, str]


def subtitle(story: Story) -> str:
    """What kind of model this is."""
    info = _family(story)
    if info is None:
        return f"A model of the family {story.manifest.get('family')}, which is not installed here."
    summary = f"{info.summary[:1].upper()}{info.summary[1:].rstrip('.')}."
    return f"{summary} {info.paper.rstrip('.')}." if info.paper else summary


def overview(story: Story) -> Facts:
    """Family, data, length, speed and memory, as far as they are known."""
    manifest, total = story.manifest, story.manifest.get("images")
    length = f"{story.images:,}"
    if isinstance(total, int) and total > story.images:
        length += f" of {total:,}"
    found = {
        "family": manifest.get("family"),
        "data": _data(manifest),
        "training images": length,
        "device": manifest.get("device"),
        "time": _time(_seconds(story.timings)),
        "images a second": _speed(story.timings),
        "peak memory": _memory(story.timings),
        "begun": str(manifest.get("created") or "").partition("T")[0],
    }
    return {name: str(value) for name, value in found.items() if value}


def origin(story: Story) -> Facts:
    """What it takes to know whether a run that is done again is the same."""
    manifest = story.manifest
    versions = manifest.get("versions")
    named = versions if isinstance(versions, dict) else {}
    found = {
        "begun": manifest.get("created"),
        "data fingerprint": manifest.get("fingerprint"),
        "seed": manifest.get("seed"),
        "device": manifest.get("device"),
        "threads": manifest.get("threads"),
        "group": manifest.get("group"),
        **{f"version of {name}": version for name, version in named.items()},
    }
    return {name: str(value) for name, value in found.items() if value is not None}


def _family(story: Story) -> FamilyInfo | None:
    """None of a family that is not installed here."""
    try:
        return registry().family(str(story.manifest.get("family")))
    except UsageError:
        return None


def _data(manifest: Mapping[str, Any]) -> str:
    source, spec = str(manifest.get("source", "")), manifest.get("data")
    if not isinstance(spec, dict):
        return source
    if spec.get("kind") == "points":
        return f"{source}, {spec.get('channels')} coordinates" if spec.get("channels") != 1 else f"{source} on a line"
    return f"{source}, {spec.get('height')}x{spec.get('width')}"


def _numbers(timings: Sequence[Line], name: str) -> list[float]:
    return [found for line in timings if (found := number(line.get(name))) is not None]


def _seconds(timings: Sequence[Line]) -> float:
    """Of all stretches together: the clock begins anew where a run was resumed."""
    seconds = [0.0, *_numbers(timings, "seconds")]
    return sum(later - before if later >= before else later for before, later in pairwise(seconds))


def _time(seconds: float) -> str:
    if seconds < 1:
        return "under a second" if seconds else ""
    minutes, hours = round(seconds / 60), round(seconds / 3600, 1)
    return f"{seconds:.0f} s" if seconds < 120 else f"{minutes:,} min" if minutes < 120 else f"{hours:,} h"


def _speed(timings: Sequence[Line]) -> str:
    speeds = _numbers(timings, "images_per_second")
    return f"{statistics.median(speeds):,.0f}" if speeds else ""


def _memory(timings: Sequence[Line]) -> str:
    peaks = [peak for peak in _numbers(timings, "peak_memory_bytes") if peak > 0]
    return f"{max(peaks) / 1e6:,.0f} MB" if peaks else ""
