"""`gan arithmetic`: sums of latents, shown with their terms."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gancli.inference.model import Model, open_model
from gancli.inference.sample import generate, latents
from gancli.io.images import Pixels, magnify, to_pixels

TILE = 64


@pytest.fixture
def model(unconditional: Path) -> Model:
    return open_model(unconditional, device=torch.device("cpu"))


def tile_of(model: Model, z: torch.Tensor) -> Pixels:
    """Return the image (H, W) of one latent as in the figure."""
    return magnify(to_pixels(generate(model, z[None], None)), min_side=TILE)[0, :, :, 0]


def positions(page: np.ndarray, tile: np.ndarray) -> set[tuple[int, int]]:
    """Return the columns and rows at which a tile occurs in a page."""
    windows = np.lib.stride_tricks.sliding_window_view(page, tile.shape)
    candidates = (windows[:, :, 0, 0] == tile[0, 0]) & (windows[:, :, -1, -1] == tile[-1, -1])
    return {(int(x), int(y)) for y, x in np.argwhere(candidates) if np.array_equal(windows[y, x], tile)}


def read(path: str) -> tuple[np.ndarray, dict]:
    with Image.open(path) as image:
        return np.asarray(image), json.loads(image.text["gancli"])


def refused(result, *words: str) -> bool:
    return result.code == 2 and result.err.startswith("error: ") and all(word in result.err for word in words)


def test_the_figure_holds_the_seeds_their_means_and_the_result(gan, model: Model) -> None:
    result = gan("arithmetic", "12,40 - 3 + 5,6", "--out", "sum.png")
    assert result.code == 0, result.err
    page, _ = read("sum.png")
    parts = [latents(model, seeds) for seeds in ([12, 40], [3], [5, 6])]
    means = [part.mean(0) for part in parts]
    columns = []
    for part, mean in zip(parts, means, strict=True):
        stacked = [positions(page, tile_of(model, z)) for z in part]
        mean_position = max(positions(page, tile_of(model, mean)), key=lambda position: position[1])
        assert all(found for found in stacked)
        tops = [min(position[1] for position in found) for found in stacked]
        assert max(tops) < mean_position[1], "the mean is at the bottom"
        columns.append(mean_position)
    assert len({row for _, row in columns}) == 1
    assert [column for column, _ in columns] == sorted(column for column, _ in columns)
    (sum_position,) = positions(page, tile_of(model, means[0] - means[1] + means[2]))
    assert sum_position[0] > columns[-1][0] + 2 * TILE, "the result is in the middle of its neighbours"


def test_its_metadata_says_how_to_make_it_again(gan, model: Model) -> None:
    result = gan(
        "arithmetic", "runs/gan", "12,40-3", "--seed", "4", "--truncation", "0.9", "--json", "--out", "sum.png"
    )
    (entry,) = json.loads(result.out)["images"]
    _, metadata = read("sum.png")
    assert metadata["expression"] == entry["expression"] == "12,40 - 3"
    assert metadata["groups"] == [{"sign": 1, "seeds": [12, 40]}, {"sign": -1, "seeds": [3]}]
    assert metadata["neighbours"] == {"seed": 4, "jitter": 0.25}
    assert metadata["truncation"] == 0.9
    assert metadata["checkpoint"] == model.digest


def test_the_same_command_gives_the_same_bytes_and_a_seed_other_neighbours(gan, unconditional: Path) -> None:
    for name, options in (("a", []), ("b", []), ("c", ["--seed", "1"])):
        assert gan("arithmetic", "1 - 2", "--out", f"{name}.png", *options).code == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    (first, _), (other, _) = read("a.png"), read("c.png")
    assert first.shape == other.shape
    assert not np.array_equal(first, other)


def test_where_it_goes_and_what_is_next(gan, unconditional: Path) -> None:
    result = gan("arithmetic", "--", "- 1 + 2")
    assert "wrote runs/gan/out/arithmetic--1+2.png" in result.out
    assert "next: gan sample runs/gan --grid --annotate" in result.out
    many = gan("arithmetic", ",".join(map(str, range(200))))
    assert many.code == 0
    assert len(list((unconditional / "out").glob("arithmetic-*.png"))) == 2


def test_labels(gan, conditional: Path) -> None:
    for options, label in (([], "0"), (["--label", "7"], "7")):
        assert gan("arithmetic", "1 - 2", "--out", "sum.png", *options).code == 0
        assert read("sum.png")[1]["label"] == label
    assert refused(gan("arithmetic", "1 - 2", "--label", "eleven"), "unknown label 'eleven'")


def test_what_is_no_sum(gan, unconditional: Path) -> None:
    assert refused(gan("arithmetic"), "an expression is missing")
    assert refused(gan("arithmetic", "1 - + 2"), "column 5")
    assert refused(gan("arithmetic", "runs/gan"), "column 1")
    assert refused(gan("arithmetic", "runs/gan", "1", "--label", "3"), "without labels")
    assert refused(gan("arithmetic", "1", "--out", "sum.gif"), ".png")
    assert not (unconditional / "out").exists()
