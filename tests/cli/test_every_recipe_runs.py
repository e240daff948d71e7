"""A short run of every bundled recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gancli.plugins.registry import registry
from gancli.recipes.bundled import bundled, summaries
from gancli.recipes.recipe import load_recipe
from gancli.training import preview

STEPS = 3
SHORT = [f"train.images={STEPS * 4}", "train.batch_size=4"]
"""Small batches, because some networks need a GPU. Recipes with several updates a step take more batches, hence fewer
steps.
"""

GROWING = ["model.channels_base=64", "model.stable_images=4", "model.fade_images=4"]
"""One step for each stage."""

SMALL_TRANSLATORS = ["model.channels=2", "data.resolution=34", "data.random_crop=32"]

REFINING = [
    *("model.channels=2", "model.discriminator_channels=2", "model.history_size=10"),
    *("model.refiner_warm_up=1", "model.discriminator_warm_up=1"),
]
"""One step for each stage."""

REFINED_FOLDERS = ["data.a_folder=A", "data.b_folder=B"]

UPSCALING = ["model.blocks=1", "model.channels=4", "model.discriminator_channels=2"]

THREE_STAGES = [f"model.{stage}_images=4" for stage in ("mse", "adversarial", "fine")]

BUNDLED_PHOTOGRAPHS = ["data.root=null", "data.random_crop=32"]

NARROWER = {
    "paper/dcgan-lsun": ["model.channels=16"],
    "paper/lsgan-lsun": ["model.latent_dim=16"],
    "paper/wgan-gp-cifar10": ["model.channels=16"],
    "pggan": GROWING,
    "pggan-mnist": GROWING,
    "paper/pggan-cifar10": GROWING,
    "pix2pix": ["model.channels=2", "data.resolution=16"],
    "cyclegan": ["model.channels=2", "data.resolution=16", "model.receptive_field=null"],
    **{f"paper/pix2pix-{name}": SMALL_TRANSLATORS for name in ("facades", "maps", "edges2shoes")},
    "pix2pix-nuclei": SMALL_TRANSLATORS,
    "cyclegan-nuclei": [*SMALL_TRANSLATORS, "data.a_folder=A", "data.b_folder=B"],
    "paper/cyclegan-horse2zebra": SMALL_TRANSLATORS,
    **{f"paper/cyclegan-{name}2photo": SMALL_TRANSLATORS for name in ("monet", "cezanne", "ukiyoe", "vangogh")},
    **{name: ["eval.metrics=[]"] for name in ("dcgan", "cgan")},  # their metrics would train a classifier first
    "stargan": ["model.channels=2", "model.n_critic=2"],
    **{f"paper/stargan-{name}": ["model.channels=2", "data.resolution=16"] for name in ("celeba", "celeba-rafd")},
    "simgan": REFINING,
    **{name: ["model.channels=8", "model.critic_steps=2"] for name in ("paper/adgan-mnist", "paper/adgan-cifar10")},
    "srgan": [*UPSCALING, *THREE_STAGES],
    "enhancenet": [*UPSCALING, "model.pixel_images=4"],
    "paper/srgan": [*UPSCALING, *THREE_STAGES, *BUNDLED_PHOTOGRAPHS, "model.content=mse"],
    "paper/enhancenet-pat": [*UPSCALING, *BUNDLED_PHOTOGRAPHS, "model.pixel_images=4", "model.loss=EA"],
    **{f"paper/{name}": [*REFINING, *REFINED_FOLDERS] for name in ("simgan-gaze", "simgan-gaze-cvpr")},
    "paper/pggan-celebahq": [*GROWING, "data.resolution=16", "model.batch_sizes=[4]"],
}
"""Options for small networks: a checkpoint stores the weights three times."""


def mnist(folder: Path) -> list[str]:
    random = np.random.default_rng(0)
    for name, shape in (("images-idx3", (60, 28, 28)), ("labels-idx1", (60,))):
        header = bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
        content = header + random.integers(0, 10, shape, dtype=np.uint8).tobytes()
        for part in ("train", "t10k"):
            (folder / f"{part}-{name}-ubyte").write_bytes(content)
    return [f"data.root={folder}", "data.limit=null"]


def cifar10(folder: Path) -> list[str]:
    """Write the binary version: records of 1 byte for the label and 3,072 bytes for the image."""
    random = np.random.default_rng(0)
    for name in ("test_batch", *(f"data_batch_{number}" for number in range(1, 6))):
        records = random.integers(0, 256, (12, 1 + 3 * 32 * 32), dtype=np.uint8)
        records[:, 0] = np.arange(12) % 10
        (folder / f"{name}.bin").write_bytes(records.tobytes())
    return [f"data.root={folder}"]


def write_images(root: Path, size: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    for number in range(12):
        pixels = random.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f"{number}.png")


def folder(root: Path) -> list[str]:
    write_images(root, (120, 160))
    return [f"data.root={root}"]


def paired(root: Path) -> list[str]:
    """Write side-by-side pairs in two splits, and two folders of pairs."""
    for split in ("train", "val"):
        (root / split).mkdir()
        write_images(root / split, (40, 80))
    for name in ("images", "masks"):
        (root / name).mkdir()
        write_images(root / name, (40, 40))
    return [f"data.root={root}"]


def unpaired(root: Path) -> list[str]:
    """Write two domains in two splits, in folders with the names that the authors of CycleGAN use."""
    for name in ("trainA", "trainB", "testA", "testB"):
        (root / name).mkdir()
        write_images(root / name, (40, 50))
    return [f"data.root={root}"]


def attributes(root: Path) -> list[str]:
    """Write images and a table of the attributes of CelebA that recipes use."""
    write_images(root, (40, 30))
    names = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")
    lines = [
        f"{number}.png {' '.join('1' if number % 5 == each else '-1' for each in range(5))}" for number in range(12)
    ]
    (root / "table.txt").write_text("\n".join(["12", " ".join(names), *lines]) + "\n")
    return [f"data.root={root}", f"data.table={root / 'table.txt'}"]


def joined(root: Path) -> list[str]:
    """Write images with attributes; the second source is coloured digits."""
    options = [option.removeprefix("data.").replace("=", ": ") for option in attributes(root)]
    sources = f"faces: {{source: attributes, {', '.join(options)}}}, digits: {{source: coloured-digits}}"
    return [f"data.sources={{{sources}}}"]


def lsun(root: Path) -> list[str]:
    """Write images to a folder, because LSUN databases need a package that gancli does not depend on."""
    return ["data.source=folder", *folder(root)]


STAND_INS: dict[str, Callable[[Path], list[str]]] = {
    "attributes": attributes,
    "joined": joined,
    "mnist": mnist,
    "cifar10": cifar10,
    "folder": folder,
    "lsun": lsun,
    "paired": paired,
    "unpaired": unpaired,
}
"""Functions by source that write small files in place of the real ones and return the options that use them."""


def stand_in(source: str, folder: Path) -> list[str]:
    if not registry().dataset(source).needs:
        return []
    assert source in STAND_INS, f"add a function for the source {source!r} to STAND_INS"
    folder.mkdir()
    return STAND_INS[source](folder)


@pytest.fixture
def short_run(gan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Return a function that trains a recipe for a few steps and returns the result of the command."""
    monkeypatch.setattr(preview, "ROWS", 1)

    def run(name: str) -> Any:
        options = [*SHORT, *NARROWER.get(name, []), *stand_in(load_recipe(name).data.source, tmp_path / "data")]
        result = gan("train", name, *(word for option in options for word in ("--set", option)), "--device", "cpu")
        assert result.code == 0, result.err
        return result

    return run


@pytest.mark.parametrize("name", bundled())
def test_a_short_run(gan, short_run, tmp_path: Path, name: str) -> None:
    recipe, result = load_recipe(name), short_run(name)
    for task in recipe.info.tasks:
        assert f"next: gan {task}" in result.out
    if "sample" in recipe.info.tasks:
        assert gan("sample", "-n", "4").code == 0
    if "translate" in recipe.info.tasks:
        write_images(tmp_path, (20, 30))
        assert gan("translate", "0.png", "1.png").code == 0
    if "upscale" in recipe.info.tasks:
        write_images(tmp_path, (20, 30))
        assert gan("upscale", "0.png", "1.png").code == 0


@pytest.mark.parametrize("name", [each.name for each in summaries() if each.name in (each.family, "gan-1d")])
def test_the_report_opens_in_a_browser_without_complaint_or_request(
    browse, short_run, tmp_path: Path, name: str
) -> None:
    short_run(name)
    seen = browse(tmp_path / "runs" / name / "report.html")
    assert seen.console == []
    assert seen.requests == []
    assert "<img" in seen.dom


@pytest.mark.parametrize("name", bundled())
def test_a_heading_says_how_to_start_it_and_what_to_expect(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.heading[0].startswith(f"gan train recipes/{name}.yaml")
    assert any("Expect" in line for line in recipe.heading)
