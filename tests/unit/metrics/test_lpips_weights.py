"""Download and cache of the weights of LPIPS."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision

from gancli.errors import DataError
from gancli.metrics import lpips
from gancli.metrics.lpips import HEADS, TRUNKS, load_lpips


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setenv("GANCLI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


@pytest.mark.parametrize(("name", "file"), [("alexnet", "alex.pth"), ("vgg16", "vgg.pth")])
def test_the_heads_are_those_that_the_authors_distribute(name: str, file: str) -> None:
    content = (files("lpips") / "weights" / "v0.1" / file).read_bytes()
    assert HEADS[name].file == file
    assert HEADS[name].sha256 == hashlib.sha256(content).hexdigest()


def test_files_carry_the_first_digits_of_their_sha256() -> None:
    for each in TRUNKS.values():
        assert each.sha256.startswith(Path(each.file).stem.rpartition("-")[2])


def test_from_files_of_ones_own(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    state = {f"features.{key}": part for key, part in torchvision.models.alexnet().features.state_dict().items()}
    trunk = TRUNKS["alexnet"]
    torch.save(state, hub / trunk.file)
    digest = hashlib.sha256((hub / trunk.file).read_bytes()).hexdigest()
    monkeypatch.setitem(lpips.TRUNKS, "alexnet", replace(trunk, sha256=digest))
    (hub / "alex.pth").write_bytes((files("lpips") / "weights" / "v0.1" / "alex.pth").read_bytes())
    network = load_lpips("alexnet")
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert torch.equal(network.features[0].weight, state["features.0.weight"])
    assert network(torch.ones(1, 3, 40, 40), -torch.ones(1, 3, 40, 40)).item() > 0


@pytest.mark.parametrize(("name", "small"), [("alexnet", "alex.pth"), ("vgg16", "vgg.pth")])
def test_without_them_one_sentence_says_what_to_do(hub: Path, name: str, small: str) -> None:
    with pytest.raises(DataError) as caught:
        load_lpips(name)
    for word in ("no route to host", small, "PerceptualSimilarity", str(hub), "--metrics psnr,ssim"):
        assert word in str(caught.value)
    (hub / small).write_bytes((files("lpips") / "weights" / "v0.1" / small).read_bytes())
    with pytest.raises(DataError) as caught:
        load_lpips(name, fetch=False)
    for word in ("not on this machine", TRUNKS[name].file, "download.pytorch.org", str(hub), "name lpips in --metrics"):
        assert word in str(caught.value)
