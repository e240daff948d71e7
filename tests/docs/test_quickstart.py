"""Every command of the quickstart works in the order of the page, with shorter training and fewer samples."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

PAGE = "docs/quickstart.md"


def test_every_command_works(gan, page, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for name in "abc":
        Image.radial_gradient("L").resize((40, 30)).save(tmp_path / "pictures" / f"{name}.png")
    commands = page(PAGE).commands("sh")
    assert len(commands) > 10
    for words in commands:
        images = 1280 if "--resume" in words else 640
        shorter = {"train": ["--set", f"train.images={images}"], "eval": ["--samples", "100", "--labelled", "100"]}
        added = [] if "--compare" in words else shorter.get(words[1], [])  # --compare computes no metrics
        ended = gan(*words[1:], *added)
        assert ended.code == 0, f"{words}: {ended.err}"
    assert Image.open(tmp_path / "pictures-of-digits" / "seed000000.png").text["gancli"]
    assert len(Image.open(tmp_path / "strip.png").text["gancli"]) > 0
    measured = (tmp_path / "runs" / "measured" / "eval.jsonl").read_text()
    assert all(name in measured for name in ("feature_svm/untrained", "feature_svm/pixels", "parzen"))
    assert Image.open(tmp_path / "green" / "b.png").size == (40, 30)
    assert not (tmp_path / "runs" / "gan").exists()  # the last command removes it
