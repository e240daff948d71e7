"""The report as a page: what a run made, how it went, what was measured, and how to do it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import gancli
from gancli.report import measurements
from gancli.report.blocks import Section
from gancli.report.chart import LEFT, RIGHT, Stretch, drawn
from gancli.report.curves import Chart, logged, measured, stages
from gancli.report.document import document, figure
from gancli.report.facts import Facts, origin, overview, subtitle
from gancli.report.frames import FRAME_BYTES
from gancli.report.frames import Frames, frames
from gancli.report.galleries import GALLERY_BYTES
from gancli.report.galleries import Gallery, galleries
from gancli.report.markup import Html, element
from gancli.report.story import Story

LIMIT = 5_000_000
"""Bytes of a page, at most."""

CHARTS = 60
"""Charts of either kind, at most."""


def page(story: Story, drawn_for_it: Sequence[Section], notes: Sequence[str] = ()) -> bytes:
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


def _page(story: Story, course: Frames, pictures: Sequence[Gallery], notes: Sequence[str]) -> str:
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


def _sections(story: Story, course: Frames, pictures: Sequence[Gallery]) -> Iterator[tuple[str, str, list[Html]]]:
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


def _subject(story: Story) -> tuple[str, str]:
    """What the pictures through time show: as a title, and in a sentence."""
    tasks = story.manifest.get("tasks")
    known = tasks if isinstance(tasks, list) else []
    if "sample" in known:
        return "The same latents through time", "what the generator makes of the same latents"
    if "upscale" in known:
        return "The same images through time", "the bicubic enlargement, the model's, and the original of each image"
    return "The same images through time", "each image beside what the model makes of it"


def _course(story: Story, course: Frames) -> Html:
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


def _losses(story: Story) -> list[Html]:
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


def _measured(story: Story) -> list[Html]:
    charts = measured(story.records)[:CHARTS]
    curves = [_control("measured"), _charts(story, charts)] if charts else []
    return [*curves, measurements.table(story.records)]


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


def _charts(story: Story, charts: Sequence[Chart]) -> Html:
    """Charts side by side."""
    between = stages(story.lines)
    made = [drawn(chart, total=story.images, stages=between if len(between) > 1 else ()) for chart in charts]
    return element("div", *made, class_="charts")


def _again(story: Story) -> list[Html]:
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
