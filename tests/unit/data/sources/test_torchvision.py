"""CIFAR's binary files, the datasets of torchvision, and LSUN."""

from __future__ import annotations

import io
import sys
import types
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torchvision.datasets
from PIL import Image

from gancli.data.dataset import open_dataset, open_source
from gancli.data.sources.builtin import gan_datasets
from gancli.data.sources.config import DownloadConfig, LsunConfig
from gancli.data.sources.torchvision import SETS
from gancli.errors import DataError


def cifar_records(count: int, label_bytes: int, seed: int = 0) -> np.ndarray:
    records = np.random.default_rng(seed).integers(0, 256, (count, label_bytes + 3072), dtype=np.uint8)
    records[:, :label_bytes] %= 10
    return records


def test_cifar10_binary(root: Path) -> None:
    folder = root / "cifar-10-batches-bin"
    folder.mkdir()
    parts = [cifar_records(4, 1, seed) for seed in range(6)]
    for number, part in enumerate(parts[:5], 1):
        part.tofile(folder / f"data_batch_{number}.bin")
    parts[5].tofile(folder / "test_batch.bin")
    for place in (root, folder):
        packed = open_dataset(DownloadConfig(source="cifar10", root=place, split="all"))
        expected = np.concatenate(parts)
        assert np.array_equal(packed.images.reshape(24, -1), expected[:, 1:])
        assert np.array_equal(packed.labels, expected[:, 0])
        assert packed.spec.shape == (3, 32, 32)
        assert packed.spec.labels[5] == "dog"
    assert len(open_dataset(DownloadConfig(source="cifar10", root=root)).images) == 20
    assert open_source(DownloadConfig(source="cifar10", root=root, split="test")).survey().count == 4


def test_cifar100_binary(root: Path) -> None:
    records = cifar_records(5, 2)
    records.tofile(root / "train.bin")
    with pytest.raises(DataError, match=r"fine_label_names\.txt"):
        open_dataset(DownloadConfig(source="cifar100", root=root))
    (root / "fine_label_names.txt").write_text("\n".join(f"thing_{number}" for number in range(10)) + "\n\n")
    packed = open_dataset(DownloadConfig(source="cifar100", root=root))
    assert np.array_equal(packed.labels, records[:, 1])
    assert packed.spec.labels[3] == "thing_3"


def test_damaged_cifar_files(root: Path) -> None:
    config = DownloadConfig(source="cifar10", root=root, split="test")
    (root / "test_batch.bin").write_bytes(bytes(3000))
    with pytest.raises(DataError, match=r"test_batch\.bin is damaged"):
        open_dataset(config)
    (root / "test_batch.bin").write_bytes(bytes([200] * 3073))
    with pytest.raises(DataError, match="label is outside"):
        open_dataset(config)
    with pytest.raises(DataError, match=r"data_batch_1\.bin cannot be read"):
        open_dataset(DownloadConfig(source="cifar10", root=root))


def test_cifar_through_torchvision(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)

    def cifar(folder: str, *, train: bool, download: bool) -> types.SimpleNamespace:
        half = slice(0, 3) if train else slice(3, 4)
        return types.SimpleNamespace(data=data[half], targets=[1, 0, 1, 0][half], classes=["a", "b"])

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", cifar)
    packed = open_dataset(DownloadConfig(source="cifar10", root=root, split="all"))
    assert np.array_equal(packed.images.transpose(0, 2, 3, 1), data)
    assert packed.labels.tolist() == [1, 0, 1, 0]


def test_the_table_and_the_plugin_agree() -> None:
    described = {info.name: info for info in gan_datasets() if info.source.endswith(":TorchvisionSource")}
    assert set(described) == set(SETS)
    for name, which in SETS.items():
        assert hasattr(torchvision.datasets, which.name)
        assert ("label" in described[name].yields) == (which.labels is not None)
        size = f"{which.size[0]}x{which.size[1]}" if which.size else "many sizes"
        assert size in described[name].summary


DOWNLOADED = [info.name for info in gan_datasets() if info.needs == "download"]


@pytest.mark.parametrize("name", DOWNLOADED)
def test_s10_offline_is_one_sentence(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise URLError("no network")

    for each in torchvision.datasets.__all__:
        monkeypatch.setattr(torchvision.datasets, each, refuse)
    with pytest.raises(DataError) as caught:
        open_dataset(DownloadConfig(source=name, resolution=32))
    text = str(caught.value)
    assert "\n" not in text
    for part in (repr(name), "could not be downloaded", "no network", "http", "data.root", str(tmp_path / "cache")):
        assert part in text


class Pretend:
    """A torchvision dataset of four images."""

    classes = ("cat", ("dog", "hound"))

    def __init__(self, root: str, *, split: str, download: bool) -> None:
        print("torchvision says something")
        self.shade = {"train": 10, "test": 20, "val": 30}[split]
        self._labels = [0, 1, 1, 0]

    def __len__(self) -> int:
        return 4

    def __getitem__(self, row: int) -> tuple[Image.Image, int]:
        return Image.new("RGB", (6 + row, 8), (self.shade + row, 0, 0)), self._labels[row]


def test_reading_a_set(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torchvision.datasets, "DTD", Pretend)
    with pytest.raises(DataError, match=r"set data\.resolution"):
        open_dataset(DownloadConfig(source="dtd"))
    for _ in range(2):  # the second time, it reads from the cache
        packed = open_dataset(DownloadConfig(source="dtd", resolution=4))
        assert packed.images[:, 0, 0, 0].tolist() == [10, 11, 12, 13]
        assert packed.labels.tolist() == [0, 1, 1, 0]
        assert packed.spec.labels == ("cat", "dog, hound")
    whole = open_dataset(DownloadConfig(source="dtd", resolution=4, split="all", classes=("cat",)))
    assert whole.images[:, 0, 0, 0].tolist() == [10, 13, 20, 23, 30, 33]
    assert len({open_dataset(DownloadConfig(source="dtd", resolution=4, limit=n)).fingerprint for n in (2, 3)}) == 2
    survey = open_source(DownloadConfig(source="dtd")).survey()
    assert survey.count == 4
    assert survey.labels == {"cat": 2, "dog, hound": 2}
    assert capsys.readouterr().out == ""  # stdout is for results


def test_labels_are_asked_one_by_one_where_no_attribute_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class Shy(Pretend):
        def __init__(self, root: str, *, split: str, download: bool) -> None:
            super().__init__(root, split=split, download=download)
            self.secret, self._labels = self._labels, []

        def __getitem__(self, row: int) -> tuple[Image.Image, int]:
            return Image.new("RGB", (6, 8)), self.secret[row]

    monkeypatch.setattr(torchvision.datasets, "DTD", Shy)
    assert open_dataset(DownloadConfig(source="dtd", resolution=4)).labels.tolist() == [0, 1, 1, 0]


def test_sets_without_a_test_split() -> None:
    with pytest.raises(DataError, match="no test split"):
        open_dataset(DownloadConfig(source="eurosat", split="test"))


class _Lmdb:
    """The used part of the package lmdb; a database is a folder of files here."""

    class Error(Exception):
        pass

    @staticmethod
    def open(path: str, **options: object) -> object:
        files = {
            file.name.encode(): file.read_bytes() for file in sorted(Path(path).iterdir()) if file.suffix != ".mdb"
        }
        if not files:
            raise _Lmdb.Error("no database")

        class Transaction:
            def __enter__(self) -> Transaction:
                return self

            def __exit__(self, *error: object) -> None:
                pass

            def get(self, key: bytes) -> bytes:
                return files[key]

            def cursor(self) -> object:
                return types.SimpleNamespace(iternext=lambda keys, values: iter(files))

        return types.SimpleNamespace(begin=Transaction)


def scene(root: Path, name: str, count: int, shade: int) -> None:
    (root / name).mkdir()
    (root / name / "data.mdb").write_bytes(b"x")
    for row in range(count):
        buffer = io.BytesIO()
        Image.new("RGB", (8 + row, 6), (shade + row,) * 3).save(buffer, "WEBP", lossless=True)
        (root / name / f"key{row}").write_bytes(buffer.getvalue())


def test_lsun(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="bedroom_train_lmdb"):
        open_dataset(LsunConfig(source="lsun", root=root))
    scene(root, "church_train_lmdb", 2, 10)
    scene(root, "bedroom_train_lmdb", 3, 20)
    scene(root, "bedroom_val_lmdb", 1, 30)
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(DataError, match="pip install lmdb"):
        open_dataset(LsunConfig(source="lsun", root=root))
    monkeypatch.setitem(sys.modules, "lmdb", _Lmdb)
    with pytest.raises(DataError, match=r"set data\.resolution"):
        open_dataset(LsunConfig(source="lsun", root=root))
    packed = open_dataset(LsunConfig(source="lsun", root=root, resolution=4))
    assert packed.spec.labels == ("bedroom", "church")
    assert packed.images[:, 0, 0, 0].tolist() == [20, 21, 22, 10, 11]
    assert packed.labels.tolist() == [0, 0, 0, 1, 1]
    one = open_dataset(LsunConfig(source="lsun", root=root, resolution=4, classes=("church",)))
    assert (one.spec.labels, one.images[:, 0, 0, 0].tolist()) == (("church",), [10, 11])
    assert open_source(LsunConfig(source="lsun", root=root, split="all")).survey().count == 6
    (root / "church_train_lmdb" / "key0").write_bytes(b"damaged")
    with pytest.raises(DataError, match="church_train_lmdb: key0 cannot be read"):
        open_dataset(LsunConfig(source="lsun", root=root, resolution=5))
    (root / "tower_train_lmdb").mkdir()
    with pytest.raises(DataError, match="is not a valid LMDB folder"):
        open_dataset(LsunConfig(source="lsun", root=root, resolution=5))
