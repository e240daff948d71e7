"""A short run of every bundled recipe: what is in the box works."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gancli.bundled import bundled
from gancli.plugins import registry
from gancli.recipe import load_recipe

STEPS = 3
BATCH_SIZE = 4


def stand_in(source: str, folder: Path) -> list[str]:
    """Options that put small local files in the place of a download."""
    if not registry().dataset(source).needs:
        return []
    random = np.random.default_rng(0)
    folder.mkdir()
    if source == "mnist":
        for name, shape in (("images-idx3", (60, 28, 28)), ("labels-idx1", (60,))):
            header = bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
            content = header + random.integers(0, 10, shape, dtype=np.uint8).tobytes()
            for part in ("train", "t10k"):
                (folder / f"{part}-{name}-ubyte").write_bytes(content)
        return [f"data.root={folder}", "data.limit=null"]
    for name in "abc":
        Image.fromarray(random.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(folder / f"{name}.png")
    return ["data.source=folder", f"data.root={folder}"]


@pytest.mark.parametrize("name", bundled())
def test_a_short_run(gan, tmp_path: Path, name: str) -> None:
    recipe = load_recipe(name)
    batch = min(BATCH_SIZE, recipe.train.batch_size)
    length = [f"train.batch_size={batch}", f"train.images={STEPS * batch}"]
    options = [*length, *stand_in(recipe.data.source, tmp_path / "data")]
    words = [word for option in options for word in ("--set", option)]
    ended = gan("train", name, *words, "--device", "cpu")
    assert ended.code == 0, ended.err
    for task in recipe.info.tasks:
        assert f"next: gan {task}" in ended.out
    if "sample" in recipe.info.tasks:
        assert gan("sample", "-n", "4").code == 0


@pytest.mark.parametrize("name", bundled())
def test_a_heading_says_how_to_start_it_and_what_to_expect(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.heading[0].startswith(f"gan train recipes/{name}.yaml")
    assert any("Expect" in line for line in recipe.heading)
