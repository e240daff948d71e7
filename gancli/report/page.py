"""The report as a page: what a run made, how it went, what was measured, and how to do it again."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import gancli
from gancli.errors import UsageError
from gancli.evaluation.protocol import described, told, unlike
from gancli.plugins.hookspecs import FamilyInfo
from gancli.plugins.registry import registry
from gancli.report.chart import LEFT, RIGHT, Stretch, drawn, exact
from gancli.report.curves import Chart, logged, measured, stages
from gancli.report.html import Html, document, element, figure
from gancli.report.images import FRAME_BYTES, GALLERY_BYTES, Frames, Gallery, ImageSection, frames, galleries
from gancli.report.run_data import Line, RunData, number
from gancli.runs.eval_log import Record, column, newest

LIMIT = 5_000_000
"""Bytes of a page, at most."""

CHARTS = 60
"""Charts of either kind, at most."""


def render_report(story: RunData, drawn_for_it: Sequence[ImageSection], notes: Sequence[str] = ()) -> bytes:
    """The whole page, in less than `LIMIT` bytes.

    Args:
        story: of the run.
        drawn_for_it: pictures that need the model.
        notes: sentences on what is not on the page, besides the story's faults.
    """
    content = b""
    for share in (1.0, 0.5, 0.2, 0.05, 0.0):
        course = frames(story.samples if share else {}, room=int(share * FRAME_BYTES))
        pictures = galleries(story.run, drawn_for_it, room=int(share * GALLERY_BYTES)) if share else []
        content = _page(story, course, pictures, [*story.faults, *notes]).encode(errors="replace")
        if len(content) < LIMIT:
            break
    return content


def _page(story: RunData, course: Frames, pictures: Sequence[Gallery], notes: Sequence[str]) -> str:
    sections = list(_sections(story, course, pictures))
    links = [element("li", element("a", title, href=f"#{key}")) for key, title, _ in sections]
    header = element(
        "header",
        element("p", "gan report", class_="kind"),
        element("h1", story.run.name),
        element("p", subtitle(story), class_="lede"),
        _list_of(overview(story), "facts"),
    )
    body = [
        element("section", element("h2", title, id=f"{key}-title"), *parts, id=key, aria_labelledby=f"{key}-title")
        for key, title, parts in sections
    ]
    return document(
        f"{story.run.name}: gan report",
        element("a", "to the content", href="#content", class_="skip"),
        header,
        element("nav", element("ul", *links), aria_label="sections"),
        element("main", *_notes(notes), *body, id="content"),
        element("footer", element("p", f"Made by gancli {gancli.__version__}. This page asks no server for anything.")),
        script=True,
    )


def _sections(story: RunData, course: Frames, pictures: Sequence[Gallery]) -> Iterator[tuple[str, str, list[Html]]]:
    """Key, title and content of each section that has something to show."""
    if course.shown:
        yield "time", _subject(story)[0], [_course(story, course)]
    if pictures:
        yield "pictures", "What it makes", [gallery.to_html() for gallery in pictures]
    if story.records:
        yield "measured", "Measured", _measured(story)
    if story.lines:
        yield "losses", "Losses and answers", _losses(story)
    yield "again", "Do it again", _again(story)


def _subject(story: RunData) -> tuple[str, str]:
    """What the pictures through time show: as a title, and in a sentence."""
    tasks = story.manifest.get("tasks")
    known = tasks if isinstance(tasks, list) else []
    if "sample" in known:
        return "The same latents through time", "what the generator makes of the same latents"
    if "upscale" in known:
        return "The same images through time", "the bicubic enlargement, the model's, and the original of each image"
    return "The same images through time", "each image beside what the model makes of it"


def _course(story: RunData, course: Frames) -> Html:
    count, shows = len(course.shown), _subject(story)[1]
    made = []
    for images, picture in course.shown:
        caption = f"{images:,} images"
        alt = f"after {caption}: {shows}"
        made.append(figure(picture.uri, caption=caption, alt=alt, width=picture.width, height=picture.height))
    slider = element(
        "input", type="range", min=0, max=count - 1, value=count - 1, id="moment", aria_describedby="moment-help"
    )
    control = element(
        "div",
        element("label", "moment", for_="moment"),
        slider,
        element("button", "play", type="button", class_="play"),
        element("small", "arrow keys go from moment to moment", id="moment-help"),
        class_="control",
        hidden=True,
    )
    note = [element("p", course.note, class_="note")] if course.note else []
    return element("div", control, element("div", *made, class_="frames"), *note, class_="course")


def _losses(story: RunData) -> list[Html]:
    """The charts of each player under its name."""
    charts = logged(story)
    shown = charts[:CHARTS]
    parts = [_control("losses"), *_stages_note(stages(story.lines))]
    for player in dict.fromkeys(chart.player for chart in shown):
        parts += [element("h3", player)] if player else []
        parts.append(_charts(story, [chart for chart in shown if chart.player == player]))
    if len(charts) > len(shown):
        parts.append(element("p", f"{CHARTS} of {len(charts):,} charts are shown; metrics.jsonl has all values."))
    return parts if shown else [element("p", "No value was logged yet.")]


def _stages_note(between: Sequence[Stretch]) -> list[Html]:
    """The stages in words, where there are several: in a chart, their names seldom fit."""
    if len(between) < 2:
        return []
    ends = ", ".join(f"{name} to {last:,}" for name, _, last in between)
    return [element("p", f"Stages, to so many training images: {ends}.", class_="note")]


def _measured(story: RunData) -> list[Html]:
    charts = measured(story.records)[:CHARTS]
    curves = [_control("measured"), _charts(story, charts)] if charts else []
    return [*curves, table(story.records)]


def _control(key: str) -> Html:
    """A slider that points at a moment in all charts of the section."""
    return element(
        "div",
        element("label", "values at", for_=f"{key}-at"),
        element("input", type="range", min=LEFT, max=RIGHT, step="any", value=RIGHT, id=f"{key}-at", class_="at"),
        element("output", "the end", class_="shown-at", for_=f"{key}-at"),
        class_="control",
        hidden=True,
    )


def _charts(story: RunData, charts: Sequence[Chart]) -> Html:
    """Charts side by side."""
    between = stages(story.lines)
    made = [drawn(chart, total=story.images, stages=between if len(between) > 1 else ()) for chart in charts]
    return element("div", *made, class_="charts")


def _again(story: RunData) -> list[Html]:
    parts = []
    command = story.manifest.get("command")
    if isinstance(command, str) and command:
        parts += [element("h3", "Command"), _copied(command)]
    if known := origin(story):
        parts += [element("h3", "Where it comes from"), _list_of(known, "origin")]
    if story.recipe is not None:
        parts += [element("h3", "Recipe, with every option as it ran"), _copied(story.recipe)]
    return parts


def _copied(text: str) -> Html:
    """A text to take away."""
    return element(
        "div",
        element("pre", element("code", text), tabindex=0),
        element("button", "copy", type="button", class_="copy", hidden=True),
        class_="take",
    )


def _list_of(facts: Facts, look: str) -> Html:
    entries = [element("div", element("dt", name), element("dd", value)) for name, value in facts.items()]
    return element("dl", *entries, class_=look)


def _notes(notes: Sequence[str]) -> list[Html]:
    if not notes:
        return []
    return [element("aside", element("ul", *(element("li", note) for note in notes)), aria_label="what is missing")]


Facts = Mapping[str, str]


def subtitle(story: RunData) -> str:
    """What kind of model this is."""
    info = _family(story)
    if info is None:
        return f"A model of the family {story.manifest.get('family')}, which is not installed here."
    summary = f"{info.summary[:1].upper()}{info.summary[1:].rstrip('.')}."
    return f"{summary} {info.paper.rstrip('.')}." if info.paper else summary


def overview(story: RunData) -> Facts:
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


def origin(story: RunData) -> Facts:
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


def _family(story: RunData) -> FamilyInfo | None:
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


SIGNS = {"lower": "lower is better", "higher": "higher is better"}


def table(records: Sequence[Record]) -> Html:
    """A row for each metric, and below the protocols; of unlike protocols the newest one counts."""
    rows = [_row(name, record, records) for name, record in newest(records).items()]
    head = [element("th", name, scope="col") for name in ("metric", "last", "at", "best", "at", "seen besides")]
    made = element(
        "table",
        element("caption", "The last and the best value of each metric, at so many training images"),
        element("thead", element("tr", *head)),
        element("tbody", *rows),
    )
    lines = described({name: record["protocol"] for name, record in newest(records).items()})
    protocols = [element("li", line) for line in lines]
    return element(
        "div",
        element("div", made, class_="wide", tabindex=0, role="region", aria_label="what was measured"),
        element("h3", "Protocols"),
        element("ul", *protocols, class_="protocols"),
    )


def _row(name: str, record: Record, records: Sequence[Record]) -> Html:
    better = _better(record)
    best = _best(record, records, better)
    hint = [element("small", f" {SIGNS[better]}")] if better else []
    values = [_value(record), _images(record), *((_value(best), _images(best)) if best is not None else ("", ""))]
    observed = record.get("observed")
    besides = ", ".join(f"{key} {told(value)}" for key, value in observed.items()) if isinstance(observed, dict) else ""
    return element(
        "tr",
        element("th", name, *hint, scope="row"),
        *(element("td", value) for value in values),
        element("td", besides, class_="words"),
    )


def _better(record: Record) -> str | None:
    """Which way is better; None where the metric's plugin is gone, and of all that a metric says besides, such as
    `swd/16` and `swd/real`, for which its direction was not declared.
    """
    if "/" in record["metric"]:
        return None
    try:
        better = registry().metric(str(record["protocol"].get("by", record["metric"]))).better
    except UsageError:
        return None
    return better if better in SIGNS else None


def _best(record: Record, records: Sequence[Record], better: str | None) -> Record | None:
    """Of those that were taken as this one was; None where nobody knows which way is better."""
    if better is None:
        return None
    protocol = record["protocol"]
    alike = [
        other
        for other in records
        if column(other) == column(record) and not unlike({"": protocol, "other": other["protocol"]})
    ]
    sound = {place: value for place, other in enumerate(alike) if (value := number(other["value"])) is not None}
    if not sound:
        return None
    return alike[(min if better == "lower" else max)(sound, key=sound.__getitem__)]


def _value(record: Record) -> str:
    value = number(record["value"])
    return "not finite" if value is None else exact(value)


def _images(record: Record) -> str:
    images = number(record["protocol"].get("images"))
    return "" if images is None else f"{images:,.0f}"
