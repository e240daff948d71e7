"""Every hook has a heading, a row in the table and an example; the examples of the page work."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from gancli.data.dataset import open_dataset
from gancli.plugins import hookspecs
from gancli.plugins.registry import KINDS, import_class, registry

PAGE = "docs/hooks.md"

EXAMPLES = {
    "gan_families": ("docs/write-a-family.md", "minigan", "family"),
    "gan_datasets": (PAGE, "stripes", "source"),
    "gan_metrics": (PAGE, "brightness", "metric"),
    "gan_trackers": (PAGE, "values", "tracker"),
}
"""By hook: the page that prints a distribution with an implementation, the folder of the distribution, and the field
with the name of its class or function."""

HOOKS = [name for name, value in vars(hookspecs).items() if getattr(value, "gancli_spec", None)]


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_explained_by_an_example_that_loads(page, installed, hook: str) -> None:
    assert f"### {hook}()" in page(PAGE).text
    assert f"| `{hook}` |" in page(PAGE).text
    example_page, name, reference = EXAMPLES[hook]
    installed(page(example_page), name)
    (plugin,) = (plugin for plugin in registry().plugins() if plugin.name == name)
    assert plugin.fault is None
    (info,) = getattr(plugin, hook.removeprefix("gan_"))
    assert f"### {type(info).__name__}" in page(PAGE).text
    assert callable(import_class(getattr(info, reference)))


def test_every_hook_is_asked() -> None:
    assert [kind.hook for kind in KINDS] == HOOKS
    assert {kind.info.__name__ for kind in KINDS} == {name for name in vars(hookspecs) if name.endswith("Info")}


def test_their_commands_work(gan, page, installed) -> None:
    installed(page(PAGE), "stripes")
    installed(page(PAGE), "brightness")
    installed(page(PAGE), "values")
    for words in page(PAGE).commands("sh"):
        short = ["--set", "train.images=640"] if words[1] == "train" else []
        ended = gan(*words[1:], *short)
        assert ended.code == 0, f"{words}: {ended.err}"


def test_the_metric_is_what_it_says(gan, page, installed) -> None:
    installed(page(PAGE), "brightness")
    assert gan("train", "gan", "--set", "train.images=64", "--set", "data.split=train").code == 0
    ended = gan("eval", "--metrics", "brightness", "--samples", "9", "--json")
    (entry,) = json.loads(ended.out)["metrics"]
    assert abs(entry["value"]) < 1
    assert (entry["protocol"]["samples"], entry["protocol"]["test"]) == (9, 360)
    assert "brightness" in gan("plugins", "ls").out


def test_the_tracker_forgets_what_is_told_again(gan, page, installed, tmp_path: Path) -> None:
    installed(page(PAGE), "values")
    small = ["--set", "data.resolution=8", "--set", "train.log_every=64", "--set", "train.checkpoint_every=128"]
    assert gan("train", "gan", *small, "--set", "train.images=256", "--track", "values").code == 0
    run = tmp_path / "runs" / "gan"
    shutil.rmtree(max((run / "checkpoints").glob("*256")))  # as if the run had been killed before
    ended = gan("train", "gan", *small, "--set", "train.images=320", "--track", "values", "--resume")
    assert ended.code == 0, ended.err
    with (run / "values.csv").open() as file:
        rows = list(csv.DictReader(file))
    log = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    tracked = [(int(row["images"]), row["name"], float(row["value"])) for row in rows if "/" in row["name"]]
    assert tracked == [(line["images"], name, line[name]) for line in log for name in line if "/" in name]


def test_it_honours_the_options_of_every_source(page, installed) -> None:
    installed(page(PAGE), "stripes")
    config = import_class(registry().dataset("stripes").config)
    counts = {
        split: len(open_dataset(config(source="stripes", split=split)).images) for split in ("train", "test", "all")
    }
    assert counts == {"train": 1_000, "test": 1_000, "all": 2_000}
    packed = open_dataset(config(source="stripes", classes=("vertical",), limit=7, resolution=8, channels=3))
    assert packed.images.shape == (7, 3, 8, 8)
    assert packed.spec.labels == ("vertical",)
    assert (packed.images == packed.images[:, :, :1]).all()  # vertical stripes: all rows are equal
