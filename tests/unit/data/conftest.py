from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from gancli.data.sources.config import FolderConfig


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use an empty cache folder for each test."""
    monkeypatch.setenv("GANCLI_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return an empty folder for images."""
    folder = tmp_path / "images"
    folder.mkdir()
    return folder


@pytest.fixture
def save() -> Callable[..., Path]:
    """Return a function that writes an image of one colour, and its parent folders."""

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
    """Folder of real data; tests are skipped if it is missing."""
    folder = Path(os.environ.get("GANCLI_TEST_DATA", Path(__file__).parents[3].parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"needs the real data of {folder}")
    return folder
