"""Every command of the quickstart works, in the order of the page, on shorter training."""

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
        short = ["--set", f"train.images={images}"] if words[1] == "train" else []
        ended = gan(*words[1:], *short)
        assert ended.code == 0, f"{words}: {ended.err}"
    assert Image.open(tmp_path / "pictures-of-digits" / "seed000000.png").text["gancli"]
    assert not (tmp_path / "runs" / "gan").exists()  # the last command removes it
