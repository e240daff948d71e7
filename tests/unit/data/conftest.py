from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gancli.data.sources.config import FolderConfig


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("GANCLI_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty folder for images."""
    folder = tmp_path / "images"
    folder.mkdir()
    return folder


@pytest.fixture
def save() -> Callable[..., Path]:
    """Writes an image of one colour, and the folders above it."""

    def write(path: Path, *, size: tuple[int, int] = (8, 8), mode: str = "RGB", colour: object = 100) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(colour, int) and len(Image.new(mode, (1, 1)).getbands()) > 1:
            colour = (colour,) * len(Image.new(mode, (1, 1)).getbands())
        Image.new(mode, size[::-1], colour).save(path)
        return path

    return write


@pytest.fixture
def config(root: Path) -> Callable[..., FolderConfig]:
    return lambda **options: FolderConfig(source="folder", root=root, **options)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real data that a checkout may lack."""
    folder = Path(os.environ.get("GANCLI_TEST_DATA", Path(__file__).parents[3].parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"needs the real data of {folder}")
    return folder


@pytest.fixture(scope="session")
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 3, 8, 12), dtype=np.uint8)
