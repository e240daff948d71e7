"""A page for every family that this checkout brings, made of its README, its recipe and its results.

The README stands beside the code and says what the family is and what was measured; the page adds the pictures, the
bundled recipe in full, the rows of the table of results, and the way to the options. So nothing is written twice.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gancli.plugins.hookspecs import FamilyInfo
from gancli.recipes.bundled import Summary, summaries

FOLDER = "docs/families"
PICTURES = "docs/pictures/families"

_LINK = re.compile(r"(\]\()([^)\s:#][^)\s:]*)(\))")
_PAPER = re.compile(r"(?P<who>[^,;]+ \d{4})")


PHOTOGRAPHS = "The photographs are by danielbuechele and vultilion (CC BY 2.0)."


@dataclass(frozen=True)
class Picture:
    """What a family's picture shows.

    Args:
        shows: a clause, for those who do not see it and below it.
        made: the recipe, with its options where they were changed.
        credit: of images that others took.
    """

    shows: str
    made: str
    credit: str = ""


SHOWN = {
    "adgan": Picture("digits, the nearest that a generator of eights can draw, and where they differ", "adgan"),
    "cgan": Picture("four samples each of the labels 2 to 5", "cgan-mnist"),
    "cyclegan": Picture(
        "fluorescence, the same as stained tissue; stained tissue, the same as fluorescence",
        "cyclegan-nuclei",
        "The images are of the Data Science Bowl 2018 (CC0).",
    ),
    "dcgan": Picture("sixteen samples", "dcgan-mnist"),
    "enhancenet": Picture(
        "bicubic, drawn, original; four times as large as what goes in",
        "enhancenet --set model.pixel_images=6_000 --set train.images=8_400",
        PHOTOGRAPHS,
    ),
    "gan": Picture("sixteen samples", "gan-mnist"),
    "lsgan": Picture("sixteen samples", "lsgan"),
    "pggan": Picture("four latents at 4x4, 8x8, 16x16 and 32x32", "pggan-mnist"),
    "pix2pix": Picture("grey patches, their colours as drawn, and the photographs", "pix2pix", PHOTOGRAPHS),
    "simgan": Picture("digits of a font, each beside what becomes of it", "simgan"),
    "srgan": Picture(
        "bicubic, drawn, original; four times as large as what goes in",
        "srgan --set model.mse_images=7_000 --set model.adversarial_images=2_400",
        PHOTOGRAPHS,
    ),
    "stargan": Picture("digits, and the same in red, green and blue", "stargan --set train.images=8_000"),
    "wgan-gp": Picture("sixteen samples", "wgan-gp"),
}
"""By family: the picture of that name in PICTURES."""


def pages(families: Sequence[FamilyInfo], root: Path) -> dict[Path, str]:
    """The pages by path."""
    return {root / FOLDER / f"{info.name}.md": "\n\n".join(_page(info, root)) + "\n" for info in families}


def table(families: Sequence[FamilyInfo], root: Path) -> str:
    """Every family with its picture, its paper and what it does, the oldest first."""
    lines = ["| | family | paper | does |", "|---|---|---|---|"]
    for info in sorted(families, key=_age):
        picture = f'<img src="{PICTURES}/{info.name}.png" width="120" alt="{SHOWN[info.name].shows}">'
        lines.append(f"| {picture} | [`{info.name}`]({FOLDER}/{info.name}.md) | {_who(info)} | {info.summary} |")
    return "\n".join(lines)


def _page(info: FamilyInfo, root: Path) -> Iterator[str]:
    readme = root / "plugins" / info.name / "README.md"
    heading, _, text = readme.read_text(encoding="utf-8").strip().partition("\n\n")
    assert heading == f"# gancli-{info.name}", f"{readme} should begin with its distribution's name"
    shown = SHOWN[info.name]
    yield f"# {info.name}"
    yield f"<!-- Made by `make docs` from plugins/{info.name}/README.md, recipes/ and docs/results.md. -->"
    yield f"![{shown.shows}](../pictures/families/{info.name}.png)"
    yield f"{_sentence(shown.shows)} Made by `gan train {shown.made}`. {shown.credit}".rstrip()
    yield _relinked(text, readme.parent, root / FOLDER)
    yield from _recipes(info, root)
    yield from _results(info, root)
    yield "## More"
    yield (
        f"- Every option: [`model:` of {info.name}](../recipes.md#family-{info.name}).\n"
        "- What the commands take: [commands](../cli.md). What the numbers mean: [metrics](../metrics.md)."
    )


def _relinked(text: str, here: Path, there: Path) -> str:
    """A page's text with its relative links as they are from another folder."""

    def moved(match: re.Match[str]) -> str:
        target, _, anchor = match[2].partition("#")
        path = Path(os.path.relpath(here / target, there)).as_posix()
        return f"{match[1]}{path}{'#' if anchor else ''}{anchor}{match[3]}"

    return _LINK.sub(moved, text)


def _recipes(info: FamilyInfo, root: Path) -> Iterator[str]:
    known = [each for each in summaries() if each.family == info.name]
    text = (root / "recipes" / f"{info.name}.yaml").read_text(encoding="utf-8").strip()
    yield "## The recipe"
    yield f"```yaml\n{text}\n```"
    if others := [each for each in known if each.name != info.name]:
        yield "\n".join(["| others | what |", "|---|---|", *(_line(each) for each in others)])


def _line(recipe: Summary) -> str:
    return f"| `{recipe.name}` | {recipe.about} |"


def _results(info: FamilyInfo, root: Path) -> Iterator[str]:
    """The family's rows of docs/results.md, which `make results` writes."""
    lines = (root / "docs" / "results.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("|")]
    head, body = rows[:2], rows[2:]
    named, mine = "", []
    for row in body:
        named = row.split("|")[1].strip() or named
        mine += [row] if named == info.name else []
    yield "## Results"
    yield "\n".join([*head, *mine])
    yield "[Results](../results.md) says how each number was taken, and holds those of the other families."


def _sentence(clause: str) -> str:
    return f"{clause[0].upper()}{clause[1:]}."


def _who(info: FamilyInfo) -> str:
    match = _PAPER.match(info.paper)
    assert match, info.paper
    return match["who"]


def _age(info: FamilyInfo) -> tuple[str, str]:
    """The year of the paper, and within it the number that arXiv gave it."""
    number = re.search(r"arXiv:([\d.]+)", info.paper)
    return _who(info)[-4:], number[1] if number else ""
