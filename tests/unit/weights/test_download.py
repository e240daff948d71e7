"""Published weight files: downloaded once, loaded in a sandbox, cached, and refused if the hash differs."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from gancli.errors import DataError
from gancli.weights.download import PublishedWeights, check, find, read

TENSORS = {"features.0.weight": torch.arange(6.0).view(2, 3), "classifier.weight": torch.ones(100)}

INSTEAD = "do without"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The weights directory of torch.hub, with `cache` next to it; downloads fail."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no route to host\nand more")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setenv("GANCLI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


def published(folder: Path, content: Any = TENSORS) -> PublishedWeights:
    """Write a weight file to a folder and describe it."""
    torch.save(content, folder / "net.pth")
    digest = hashlib.sha256((folder / "net.pth").read_bytes()).hexdigest()
    return PublishedWeights(
        network="Some Net",
        file="net.pth",
        url="https://example.org/v1",
        sha256=digest,
        size="1 kB",
        prefix="features.",
    )


def test_what_is_needed_is_kept_and_then_nothing_else_is(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = published(hub)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("unpickled in this process"))
    first = read(weights, find(weights, instead=INSTEAD))
    (hub / "net.pth").unlink()
    kept = find(weights, instead=INSTEAD, fetch=False)
    assert kept.suffix == ".safetensors"
    for tensors in (first, read(weights, kept)):
        assert list(tensors) == ["features.0.weight"]
        assert torch.equal(tensors["features.0.weight"], TENSORS["features.0.weight"])


def test_a_damaged_copy_is_made_again(hub: Path) -> None:
    weights = published(hub)
    read(weights, find(weights, instead=INSTEAD))
    kept = find(weights, instead=INSTEAD)
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    assert find(weights, instead=INSTEAD) == hub / "net.pth"
    read(weights, hub / "net.pth")
    assert find(weights, instead=INSTEAD) == kept


def test_no_file_that_waits_under_a_known_name_is_written(hub: Path, tmp_path: Path) -> None:
    """A link with a name that another user could foresee, as older versions used it, leads nowhere."""
    weights, folder = published(hub), tmp_path / "cache" / "backbones"
    folder.mkdir(parents=True)
    (tmp_path / "mine").write_text("mine")
    (folder / f"some-net-{weights.sha256[:8]}.part").symlink_to(tmp_path / "mine")
    read(weights, find(weights, instead=INSTEAD))
    assert find(weights, instead=INSTEAD).suffix == ".safetensors"
    assert (tmp_path / "mine").read_text() == "mine"
    assert len(list(folder.iterdir())) == 2, "the link and the cached copy"


def test_a_copy_that_cannot_be_kept_is_read_all_the_same(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = published(hub)
    (hub / "file").touch()
    monkeypatch.setenv("GANCLI_CACHE", str(hub / "file"))
    assert list(read(weights, find(weights, instead=INSTEAD))) == ["features.0.weight"]


def test_it_is_downloaded_once(hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights, urls = published(tmp_path), []

    def fetch(url: str, path: str, **_: Any) -> None:
        urls.append(url)
        Path(path).write_bytes((tmp_path / "net.pth").read_bytes())

    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    assert find(weights, instead=INSTEAD) == find(weights, instead=INSTEAD) == hub / "net.pth"
    assert urls == ["https://example.org/v1/net.pth"]


def test_without_a_network_one_sentence_says_what_to_do(hub: Path, tmp_path: Path) -> None:
    weights = published(tmp_path)
    for fetch, why in ((True, "could not be downloaded (no route to host)"), (False, "are not on this machine")):
        with pytest.raises(DataError) as caught:
            find(weights, instead=INSTEAD, fetch=fetch)
        assert str(caught.value) == (
            f"the weights of Some Net {why}: download net.pth, 1 kB, from https://example.org/v1 and put it into "
            f"{hub}, or do without"
        )


def test_another_file_of_that_name_is_refused(hub: Path) -> None:
    other = replace(published(hub), sha256=64 * "0")
    with pytest.raises(
        DataError, match=r"damaged, or another file: .*with 00000000; download net\.pth again from https"
    ):
        find(other, instead=INSTEAD)
    with pytest.raises(DataError, match="another file"):
        check(other, hub / "net.pth")


def test_what_would_run_code_is_refused(hub: Path) -> None:
    weights = published(hub, {"features.0.weight": Path("x")})
    with pytest.raises(DataError, match="is refused"):
        read(weights, find(weights, instead=INSTEAD))
    assert not (hub.parent / "cache").exists()
