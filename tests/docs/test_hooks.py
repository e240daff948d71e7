"""The data source and the metric that the hooks page prints are real ones."""

from __future__ import annotations

import json

from gancli.data.dataset import open_dataset
from gancli.plugins import import_class, registry

PAGE = "docs/hooks.md"


def test_their_commands_work(gan, page, installed) -> None:
    installed(page(PAGE), "stripes")
    installed(page(PAGE), "brightness")
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
    assert (packed.images == packed.images[:, :, :1]).all()  # vertical stripes: every row is the same
