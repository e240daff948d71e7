"""`gan inspect`: pages of filters and features, and errors."""

from __future__ import annotations

import base64
import json
import re
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gancli.plugins import registry
from gancli.plugins.hookspecs import ENTRY_POINT_GROUP
from gancli.plugins.registry import Registry
from gancli.runs import checkpoint as checkpoints


def text_of(path: Path) -> dict[str, object]:
    with Image.open(path) as image:
        return json.loads(image.text["gancli"])


def assert_refused(result, code: int, *words: str) -> None:
    assert result.code == code, result.err
    assert result.err.startswith("error: ")
    assert len(result.err.strip().splitlines()) == 1
    for word in words:
        assert word in result.err


@pytest.fixture
def mute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install a family like `gan` that does not implement `Discriminates`."""
    (tmp_path / "mute_plugin.py").write_text(
        "from gancli import FamilyInfo, hookimpl\n\n\n@hookimpl\ndef gan_families():\n"
        "    return FamilyInfo(name='mute', summary='', paper='', tasks=('sample',), batch=('image',),\n"
        "                      family='mute_family:Mute', config='gancli_gan.config:Config')\n"
    )
    (tmp_path / "mute_family.py").write_text(
        "from gancli_gan.family import GAN\n\n\nclass Mute(GAN):\n    discriminate = None\n"
    )
    mine = metadata.EntryPoint(name="mute", value="mute_plugin", group=ENTRY_POINT_GROUP)
    points = [*metadata.entry_points(group=ENTRY_POINT_GROUP), mine]
    monkeypatch.setattr(registry, "_registry", Registry(points))
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("mute_plugin", "mute_family"):
        sys.modules.pop(name, None)


def test_a_page_says_what_made_it_and_is_the_same_again(gan, unconditional: Path, tmp_path: Path) -> None:
    before = checkpoints.load(next((unconditional / "checkpoints").iterdir())).digest
    result = gan("inspect", "--device", "cpu")
    assert (result.code, result.err) == (0, "")
    assert result.out == "wrote runs/gan/out/inspect.png\nnext: gan eval runs/gan\n"
    made = text_of(unconditional / "out" / "inspect.png")
    assert (made["run"], made["images"], made["data"], made["checkpoint"]) == ("gan", 64, "digits", before)
    assert gan("inspect", "--out", "again.png", "--device", "cpu").code == 0
    assert (tmp_path / "again.png").read_bytes() == (unconditional / "out" / "inspect.png").read_bytes()
    assert gan("inspect", "--out", "other.png", "--seed", "1", "--device", "cpu").code == 0
    assert (tmp_path / "again.png").read_bytes() != (tmp_path / "other.png").read_bytes()
    assert checkpoints.load(next((unconditional / "checkpoints").iterdir())).digest == before


def test_single_pictures_of_a_conditional_model(gan, conditional: Path, tmp_path: Path) -> None:
    result = gan("inspect", "--out", "seen", "--json")
    assert (result.code, result.err) == (0, "")
    files = [entry["image"] for entry in json.loads(result.out)["images"]]
    assert sorted(files) == sorted(f"seen/{path.name}" for path in (tmp_path / "seen").iterdir())
    for name in ("first-layer", "last-layer", "layer1", "layer2"):
        assert [file for file in files if name in file and "-trained" in file], name
    for file in files:
        other = file.replace("-trained", "-untrained")
        assert Path(file).read_bytes() != Path(other).read_bytes() or file == other
        assert "shows" in text_of(Path(file))


def test_a_page_of_html_holds_everything_and_no_foreign_markup(gan, unconditional: Path, tmp_path: Path) -> None:
    shutil.move(unconditional, tmp_path / "<b>bold")
    result = gan("inspect", "<b>bold", "--out", "page.html")
    assert result.code == 0, result.err
    page = (tmp_path / "page.html").read_text()
    assert "<b>" not in page
    assert "&lt;b&gt;bold at 64 images" in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    images = re.findall(r"data:image/png;base64,([\w+/=]+)", page)
    assert len(images) >= 4
    assert base64.b64decode(images[0]).startswith(b"\x89PNG")


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colour_and_the_images_of_another_folder(gan, tmp_path: Path, mode: str) -> None:
    random = np.random.default_rng(0)
    (tmp_path / "mine").mkdir()
    for number in range(5):
        pixels = random.integers(0, 256, (8, 8, len(mode)), dtype=np.uint8)
        Image.fromarray(pixels, mode=mode).save(tmp_path / "mine" / f"{number}.png")
    (tmp_path / "r.yaml").write_text("family: gan\ndata: {source: folder, root: mine}\ntrain: {images: 64}\n")
    assert gan("train", "r.yaml", "--device", "cpu").code == 0
    result = gan("inspect", "--data", "mine", "--out", "seen")
    assert result.code == 0, result.err
    with Image.open(tmp_path / "seen" / "layer1-trained-images.png") as image:
        assert image.mode == "RGB"
    for path in list((tmp_path / "mine").iterdir())[1:]:
        path.unlink()
    assert_refused(gan("inspect"), 65, "has only one image", "--data")


def test_what_cannot_be_inspected(gan, unconditional: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert_refused(gan("inspect", "--out", "file"), 65, "file is a file", ".png or .html")
    assert_refused(gan("inspect", "--data", "points"), 65, "points in 2 dimensions", "images of 1x8x8")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_family_that_cannot_be_asked(gan, mute: None) -> None:
    assert gan("train", "gan", "--set", "family=mute", "--set", "train.images=64", "--device", "cpu").code == 0
    assert_refused(gan("inspect", "runs/gan"), 2, "no discriminator that scores images", "gan plugins ls")
    assert_refused(gan("inspect"), 2, "runs/ contains one run, and it cannot be inspected")
    assert_refused(gan("eval", "runs/gan", "--metrics", "feature_svm"), 2, "'feature_svm'", "no discriminator")


def test_points_are_not_inspected(gan, tmp_path: Path) -> None:
    (tmp_path / "ring.yaml").write_text(
        "family: gan\ndata: {source: points, count: 500}\n"
        "model: {generator_widths: [8], discriminator_widths: [8]}\ntrain: {images: 64}\n"
    )
    assert gan("train", "ring.yaml", "--device", "cpu").code == 0
    assert_refused(gan("inspect", "runs/ring"), 2, "ring: it is a model of points")
