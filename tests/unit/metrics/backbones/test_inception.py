"""Inception, compared with torch-fidelity's with the same weights, and the download of its weights."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from gancli.errors import DataError, UsageError
from gancli.metrics.backbones import inception
from gancli.metrics.backbones.inception import WEIGHTS, Inception, load_inception, resize_like_tensorflow


@pytest.fixture(scope="module")
def ours() -> Inception:
    """A network with random weights, and statistics that keep the scale of signals."""
    torch.manual_seed(0)
    network = Inception()
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = 1.0
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.uniform_(part.bias, -0.5, 0.5)
    with torch.no_grad():
        network.train()(torch.rand(2, 3, 75, 75) * 2 - 1)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def theirs(ours: Inception, tmp_path_factory: pytest.TempPathFactory) -> FeatureExtractorInceptionV3:
    file = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.save(ours.state_dict(), file)
    return FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"], str(file))


@pytest.mark.parametrize("size", [(32, 32), (40, 320)])
def test_answers_are_those_of_torch_fidelity(ours: Inception, theirs: FeatureExtractorInceptionV3, size: Any) -> None:
    pixels = torch.randint(0, 256, (2, 3, *size), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    features, logits = theirs(pixels)
    found = ours(pixels.float() / 127.5 - 1)
    assert found.features.shape == (2, 2048)
    assert found.logits is not None
    assert found.logits.shape == (2, 1008)
    assert features.std() > 0.01
    torch.testing.assert_close(found.features, features, rtol=1e-4, atol=1e-4 * features.abs().max().item())
    torch.testing.assert_close(found.logits, logits, rtol=1e-4, atol=1e-4 * logits.abs().max().item())


def test_grey_is_three_times_the_same(ours: Inception) -> None:
    grey = torch.rand(1, 1, 20, 20) * 2 - 1
    assert torch.equal(ours(grey).features, ours(grey.repeat(1, 3, 1, 1)).features)
    with pytest.raises(UsageError, match="1 or 3 channels, not 4"):
        ours(torch.zeros(1, 4, 8, 8))


def test_resizing_reads_from_corners() -> None:
    row = torch.tensor([0.0, 6.0]).view(1, 1, 1, 2)
    assert resize_like_tensorflow(row, 4)[0, 0, 0].tolist() == [0, 3, 6, 6]
    assert resize_like_tensorflow(row.transpose(2, 3), 4)[0, 0, :, 3].tolist() == [0, 3, 6, 6]
    fine = torch.arange(8.0).view(1, 1, 1, 8)
    assert resize_like_tensorflow(fine, 4)[0, 0, 0].tolist() == [0, 2, 4, 6]  # without smoothing


class Tiny(nn.Module):
    """Small replacement for Inception in tests of its file."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 2)
        self.bn = nn.BatchNorm1d(2)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the download folder; the cache folder has the same parent."""
    monkeypatch.setenv("GANCLI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(inception, "Inception", Tiny)
    return tmp_path / "checkpoints"


def published(path: Path, monkeypatch: pytest.MonkeyPatch, content: Any = None) -> dict[str, torch.Tensor]:
    """Write a file of weights to `path` and make its hash the published one."""
    state = Tiny().state_dict()
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({k: v for k, v in state.items() if "num_batches" not in k} if content is None else content, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(inception, "WEIGHTS", replace(WEIGHTS, sha256=digest))
    return state


def same(network: Any, state: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(network.state_dict()[name], tensor) for name, tensor in state.items())


def test_a_file_is_opened_apart_and_then_read_from_the_cache(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = published(tmp_path / "mine.pth", monkeypatch)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("unpickled in this process"))
    assert same(load_inception(tmp_path / "mine.pth"), state)
    (tmp_path / "mine.pth").unlink()
    assert same(load_inception(), state)


def test_a_downloaded_file_is_used_and_a_damaged_copy_made_again(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = published(hub / WEIGHTS.file, monkeypatch)
    assert same(load_inception(), state)
    (copy,) = (hub.parent / "cache" / "backbones").iterdir()
    copy.write_bytes(copy.read_bytes()[:-1] + b"x")
    assert same(load_inception(), state)


def test_another_file_is_refused(hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / WEIGHTS.file
    published(other, monkeypatch)
    other.write_bytes(b"")
    with pytest.raises(DataError, match=r"damaged, or another file: its SHA-256 begins with e3b0c442"):
        load_inception(other)
    with pytest.raises(DataError, match="is no file"):
        load_inception(tmp_path / "none.pth")
    published(other, monkeypatch, {"other": torch.zeros(1)})
    with pytest.raises(DataError, match="does not contain the tensors of Inception"):
        load_inception(other)


def test_without_a_network_one_sentence_says_what_to_do(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(*_: Any, **__: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    with pytest.raises(DataError) as caught:
        load_inception()
    message = str(caught.value)
    for word in (
        "no route to host",
        WEIGHTS.file,
        "github.com/toshas/torch-fidelity",
        str(hub),
        "--backbone classifier",
        "swd",
    ):
        assert word in message
    assert "\n" not in message
    assert not (hub / WEIGHTS.file).exists()
