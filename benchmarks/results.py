"""Write docs/results.md, the table of results of every bundled recipe, from the stored results.

    python benchmarks/results.py
    python benchmarks/results.py --figures elsewhere.jsonl --page results.md

This script trains nothing: `quality.py` trains the recipes and stores the results.
"""

from __future__ import annotations

import argparse
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import figures
from figures import Figures
from settings import SETTINGS, Setting

from gancli.recipes.bundled import bundled
from gancli.recipes.recipe import load_recipe

PAGE = Path(__file__).resolve().parents[1] / "docs" / "results.md"
SEEDS = 3
NONE = "-"
UNMEASURED = "not measured yet"
HEAD = ("family", "recipe", "images", "time", "seeds", "metric", "last", "best", "paper")

INTRODUCTION = """# Results

Results of every bundled recipe. `make results` trains each recipe with three seeds and writes this page. Every training
is a line of [results.jsonl](results.jsonl).

- Values are means over seeds, ± the sample standard deviation if there are several seeds.
- `last` is the checkpoint at the end of training. `best` is the best checkpoint that the run kept, with the metric that
  selected it; a dash if it was always the last one, or if the recipe keeps none.
- `time` is the processor time of training on one thread.
- `paper` is the value that the family's paper reports with the same measuring protocol, for networks trained on far
  more images; a dash if it reports none.
- `images` says if a recipe was shortened. The values then show the beginning of the training, not its result.
- A recipe that has changed since it was measured counts as not measured.
"""


def render(at_hand: Sequence[Figures]) -> str:
    """Return the page for results of any settings and seeds."""
    rows: list[Sequence[str]] = []
    notes: list[str] = []
    current: list[Figures] = []
    for name, setting in _everything().items():
        found = figures.of_setting(at_hand, name, figures.digest(setting.recipe, setting.options)) if setting else []
        rows += _rows(name, setting, found)
        current += found
        notes += _notes(name, found)
    lines = [f"| {' | '.join(_escaped(cell) for cell in row)} |" for row in (HEAD, *rows)]
    lines.insert(1, f"|{'---|' * len(HEAD)}")
    how = ["## Measuring protocols", "", *notes] if notes else []
    trained = _trained(current)
    return "\n".join([INTRODUCTION, *lines, *trained, *(["", *how] if how else []), "", _unrun()]).rstrip() + "\n"


def _everything() -> dict[str, Setting | None]:
    """Return every setting, and every bundled recipe that is not a paper's even if it has no setting, by name."""
    recipes = {name: None for name in bundled() if "/" not in name}
    both: dict[str, Setting | None] = {**recipes, **SETTINGS}
    return {name: both[name] for name in sorted(both, key=lambda name: ("/" in name, name))}


def _rows(name: str, setting: Setting | None, found: Sequence[Figures]) -> Iterator[Sequence[str]]:
    recipe = setting.recipe if setting else name
    changed = f": {' '.join(setting.options)}" if setting and setting.options else ""
    start = (load_recipe(recipe).info.name, f"{recipe}{changed}")
    if not found or setting is None:
        yield (*start, NONE, NONE, "0", NONE, UNMEASURED, NONE, NONE)
        return
    minutes = statistics.mean(row.cpu_seconds for row in found) / 60
    first = (*start, _span(found) + _cut_short(setting), f"{minutes:.1f} min", _seeds(found))
    blank = ("",) * len(first)
    bests = [row.best if row.best is not None else row.last for row in found]
    for index, metric in enumerate(metric for metric in found[0].last if all(metric in row.last for row in found)):
        best = _told([each[metric] for each in bests]) if any(row.best is not None for row in found) else NONE
        by = f" (by {found[0].best_by})" if best != NONE else ""
        last = _told([row.last[metric] for row in found])
        yield (*(blank if index else first), metric, last, best + by, setting.papers.get(metric, NONE))


def _told(values: Sequence[float]) -> str:
    mean = f"{statistics.mean(values):.4g}"
    return mean if len(values) < 2 else f"{mean} ± {statistics.stdev(values):.2g}"


def _span(found: Sequence[Figures]) -> str:
    least, most = min(row.images for row in found), max(row.images for row in found)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _cut_short(setting: Setting) -> str:
    """Return the recipe's number of images if the setting runs fewer."""
    whole, run = (load_recipe(setting.recipe, options).train.images for options in ((), setting.options))
    return f" of {whole:,}" if whole != run else ""


def _seeds(found: Sequence[Figures]) -> str:
    return f"{len(found)}" if len(found) >= SEEDS else f"{len(found)} of {SEEDS}"


def _notes(name: str, found: Sequence[Figures]) -> Iterator[str]:
    by_protocol: dict[str, list[str]] = {}
    for metric, protocol in (found[0].protocols if found else {}).items():
        by_protocol.setdefault(protocol, []).append(metric)
    for protocol, metrics in by_protocol.items():
        yield f"- `{name}`, {', '.join(metrics)}: {protocol}"


def _trained(current: Sequence[Figures]) -> Iterator[str]:
    """Return the precisions of the trainings, since some processors train convolutional networks in bf16."""
    counted = Counter(f"in {row.precision} with torch {row.torch}" for row in current)
    if counted:
        yield ""
        yield f"Trainings: {_and([f'{n} {how}' for how, n in sorted(counted.items())])}."


def _and(parts: Sequence[str]) -> str:
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]


def _unrun() -> str:
    papers = sorted(name for name in bundled() if "/" in name and name not in SETTINGS)
    listed = ", ".join(f"`{name}`" for name in papers)
    return f"Recipes of published settings that have not been run for this table: {listed}."


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("*", "\\*")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figures", type=Path, default=figures.WHERE)
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    at_hand = figures.read(arguments.figures)
    arguments.page.write_text(render(at_hand), encoding="utf-8")
    print(f"wrote {arguments.page}, from {len(at_hand)} trainings in {arguments.figures}")


if __name__ == "__main__":
    main()
