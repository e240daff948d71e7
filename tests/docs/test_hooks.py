"""The data source that the hooks page prints is a real one."""

from __future__ import annotations

from gancli.data.dataset import open_dataset
from gancli.plugins import import_class, registry

PAGE = "docs/hooks.md"


def test_its_commands_work(gan, page, installed) -> None:
    installed(page(PAGE), "stripes")
    for words in page(PAGE).commands("sh"):
        short = ["--set", "train.images=640"] if words[1] == "train" else []
        ended = gan(*words[1:], *short)
        assert ended.code == 0, f"{words}: {ended.err}"


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
