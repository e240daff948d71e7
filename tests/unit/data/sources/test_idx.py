"""MNIST and the idx format, and the real MNIST if it is available."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torchvision.datasets

from gancli.data.dataset import open_dataset, open_source
from gancli.data.sources.config import DownloadConfig, EmnistConfig
from gancli.data.sources.idx import _SETS, read_idx
from gancli.errors import DataError


def idx(array: np.ndarray) -> bytes:
    return (
        bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()
    )


def write(folder: Path, *, prefix: str = "", test: str = "t10k", count: int = 10, zipped: bool = True) -> np.ndarray:
    """Write a small dataset in the files of MNIST; return the training images."""
    folder.mkdir(parents=True, exist_ok=True)
    images = np.random.default_rng(0).integers(0, 256, (count, 28, 28), dtype=np.uint8)
    for part, pixels in (("train", images), (test, images[: count // 2])):
        for kind, array in (("images-idx3", pixels), ("labels-idx1", np.arange(len(pixels)) % 10)):
            content = idx(array)
            name = f"{prefix}{part}-{kind}-ubyte"
            (folder / f"{name}.gz" if zipped else folder / name).write_bytes(
                gzip.compress(content) if zipped else content
            )
    return images


def mnist(root: Path, **options: object) -> DownloadConfig:
    return DownloadConfig(source="mnist", root=root, **options)


@pytest.mark.parametrize("place", [".", "MNIST/raw", "raw", "MNIST"])
@pytest.mark.parametrize("zipped", [True, False])
def test_places_and_spellings(root: Path, place: str, zipped: bool) -> None:
    images = write(root / place, zipped=zipped)
    packed = open_dataset(mnist(root))
    assert np.array_equal(packed.images[:, 0], images)
    assert packed.labels.tolist() == list(range(10))
    assert packed.spec.labels[3] == "3"


def test_names_with_a_dot(root: Path) -> None:
    write(root, zipped=False)
    for path in list(root.iterdir()):
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    assert len(open_dataset(mnist(root)).images) == 10


def test_splits(root: Path) -> None:
    write(root)
    assert [len(open_dataset(mnist(root, split=split)).images) for split in ("train", "test", "all")] == [10, 5, 15]


def test_gzip_does_not_change_the_fingerprint(root: Path, tmp_path: Path) -> None:
    write(root)
    write(tmp_path / "plain", zipped=False)
    assert open_dataset(mnist(root)).fingerprint == open_dataset(mnist(tmp_path / "plain")).fingerprint


def test_label_names(root: Path) -> None:
    write(root / "FashionMNIST" / "raw")
    assert open_dataset(DownloadConfig(source="fashion-mnist", root=root)).spec.labels[0] == "T-shirt/top"
    for name, which in _SETS.items():
        assert len(which.labels) == 10, name
        assert hasattr(torchvision.datasets, which.name)
    assert [*_SETS["fashion-mnist"].labels] == torchvision.datasets.FashionMNIST.classes
    assert [*_SETS["kmnist"].labels] == torchvision.datasets.KMNIST.classes


@pytest.mark.parametrize("variant", ["balanced", "byclass", "bymerge", "digits", "letters", "mnist"])
def test_emnist_labels_are_torchvisions(variant: str, root: Path) -> None:
    images = write(root, prefix=f"emnist-{variant}-", test="test", count=5)
    if variant == "letters":  # its labels start at 1
        (root / "emnist-letters-train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.arange(5) + 1)))
    packed = open_dataset(EmnistConfig(source="emnist", root=root, variant=variant))
    assert np.array_equal(packed.images[:, 0], images.transpose(0, 2, 1))
    assert packed.labels.tolist() == [0, 1, 2, 3, 4]
    expected = [name for name in torchvision.datasets.EMNIST.classes_split_dict[variant] if name != "N/A"]
    assert [*packed.spec.labels] == expected


GOOD = idx(np.zeros((2, 3, 3)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0",
        b"\0\0\x0d\x03" + GOOD[4:],
        b"\0\0\x08\x09" + GOOD[4:],
        GOOD[:9],
        GOOD[:-1],
        GOOD + b"x",
        b"\0\0\x08\x03" + b"\xff" * 12,
        b"\x89PNG\r\n\x1a\n",
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_damaged_files_are_named(content: bytes, zipped: bool, root: Path) -> None:
    path = root / ("file.gz" if zipped else "file")
    path.write_bytes(gzip.compress(content) if zipped else content)
    with pytest.raises(DataError, match="damaged") as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


def test_a_damaged_gzip_is_named(root: Path) -> None:
    write(root)
    path = root / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"no gzip", whole[:500] + bytes(100) + whole[600:]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz is damaged"):
            open_dataset(mnist(root))


def test_files_that_do_not_belong_together(root: Path) -> None:
    write(root)
    (root / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.zeros(9))))
    with pytest.raises(DataError, match="do not match"):
        open_dataset(mnist(root))
    (root / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.full(10, 10))))
    with pytest.raises(DataError, match=r"labels outside 0\.\.9"):
        open_dataset(mnist(root))


def test_s10_offline(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    (root / "notes.txt").write_text("mine")
    (root / "empty").mkdir()
    with pytest.raises(DataError) as caught:
        open_dataset(mnist(root))
    assert sorted(path.name for path in root.rglob("*")) == ["empty", "notes.txt"]  # new empty folders are removed
    text = str(caught.value)
    for part in ("train-images-idx3-ubyte.gz", "data.root", str(root), "'mnist'"):
        assert part in text
    assert "\n" not in text


def test_a_download_is_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(folder: str, **options: object) -> None:
        assert options == {"download": True}
        write(Path(folder) / "MNIST" / "raw")

    monkeypatch.setattr(torchvision.datasets, "MNIST", download)
    assert len(open_dataset(mnist(root)).images) == 10
    assert len(open_dataset(DownloadConfig(source="mnist")).images) == 10  # downloaded to the cache
    monkeypatch.setattr(torchvision.datasets, "MNIST", lambda *args, **options: None)
    with pytest.raises(DataError, match="still lacks"):
        open_dataset(DownloadConfig(source="mnist", root=root / "other"))


def test_the_real_mnist(shared: Path) -> None:
    config = mnist(shared / "mnist")
    packed = open_dataset(config)
    assert packed.images.shape == (60_000, 1, 28, 28)
    assert packed.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert packed.images.mean() == pytest.approx(33.318, abs=1e-3)
    assert open_source(mnist(shared / "mnist", split="test")).survey().count == 10_000


def test_the_real_mnist_resized(shared: Path) -> None:
    packed = open_dataset(mnist(shared / "mnist", resolution=32))
    assert packed.images.shape == (60_000, 1, 32, 32)
    assert packed.images.mean() == pytest.approx(33.3, abs=0.5)
