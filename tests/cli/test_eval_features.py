"""`gan eval` with feature metrics and their backbones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

METRICS = "fd,kid,prdc,label_accuracy,inception_score"


def measured(gan: Any, *arguments: str) -> dict[str, dict[str, Any]]:
    result = gan("eval", *arguments, "--device", "cpu", "--json")
    assert (result.code, result.err) == (0, "")
    return {entry["metric"]: entry for entry in json.loads(result.out)["metrics"]}


def test_every_number_names_its_backbone_and_stands_beside_the_floor(gan, conditional: Path) -> None:
    found = measured(gan, "--metrics", METRICS, "--samples", "40")
    pair = ("precision", "recall", "density", "coverage")
    names = ["FD", "KD", *pair, "IS"]
    assert {f"{name}(classifier)" for name in names} | {"label_accuracy"} <= set(found)
    assert set(found) == {name + side for name in found if "/" not in name for side in ("", "/real")}
    assert not set(found) & {"FID", "KID", "IS"}
    for entry in found.values():
        protocol = entry["protocol"]
        assert protocol["backbone"] == "classifier"
        assert len(protocol["backbone_sha256"]) == 64
        assert 0 <= protocol["backbone_accuracy"] <= 1
    assert found["FD(classifier)"]["protocol"]["samples"] == found["FD(classifier)/real"]["protocol"]["samples"] == 40
    assert found["FD(classifier)"]["protocol"]["train"] == 1437
    assert 0 <= found["FD(classifier)/real"]["value"] < found["FD(classifier)"]["value"]


def test_twice_the_same_numbers_the_second_time_out_of_the_cache(gan, conditional: Path, tmp_path: Path) -> None:
    first = measured(gan, "--metrics", METRICS, "--samples", "40")
    cached = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.safetensors")}
    assert {path.parent.name for path in cached} == {"classifiers", "features"}
    assert measured(gan, "--metrics", METRICS, "--samples", "40") == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.safetensors")} == cached


def test_inception_without_its_file_or_a_network(gan, conditional: Path, tmp_path: Path, monkeypatch) -> None:
    def fetch(*_: Any, **__: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    result = gan("eval", "--metrics", "fd", "--backbone", "inception")
    assert (result.code, result.out) == (65, "")
    assert len(result.err.strip().splitlines()) == 1
    for word in ("no route to host", "6726825d.pth", "torch-fidelity", str(tmp_path), "--backbone classifier", "swd"):
        assert word in result.err


def test_the_discriminator_of_a_run_as_a_backbone(gan, conditional: Path, unconditional: Path) -> None:
    found = measured(gan, "runs/digits", "--metrics", "fd", "--samples", "20", "--backbone", "runs/gan")
    assert list(found) == ["FD(gan)", "FD(gan)/real"]
    assert found["FD(gan)"]["protocol"]["backbone_accuracy"] is None
    result = gan("eval", "runs/digits", "--metrics", "label_accuracy", "--samples", "20", "--backbone", "runs/gan")
    assert result.code == 65
    assert "labels 0, 1, 2" in result.err


def test_a_classifier_of_other_data_as_a_backbone(gan, conditional: Path, unconditional: Path, tmp_path: Path) -> None:
    measured(gan, "runs/gan", "--metrics", "fd", "--samples", "20")
    (file,) = (tmp_path / "cache" / "classifiers").iterdir()
    file.rename(tmp_path / "small.safetensors")
    found = measured(gan, "runs/digits", "--metrics", "fd", "--samples", "20", "--backbone", "small.safetensors")
    assert list(found) == ["FD(small)", "FD(small)/real"]
    assert list((tmp_path / "cache" / "classifiers").iterdir()) == []


def test_what_is_no_backbone(gan, conditional: Path) -> None:
    result = gan("eval", "--metrics", "fd", "--backbone", "incepton")
    assert (result.code, result.out) == (2, "")
    assert "there is no backbone 'incepton'; use `classifier`, `inception`" in result.err


def test_data_without_labels(gan, unconditional: Path, tmp_path: Path) -> None:
    for split in ("train", "test"):
        (tmp_path / "plain" / split).mkdir(parents=True)
        for number in range(8):
            Image.new("L", (8, 8), number * 9).save(tmp_path / "plain" / split / f"{number}.png")
    result = gan("eval", "--metrics", "fd", "--data", "plain")
    assert (result.code, result.out) == (65, "")
    assert "no labels to train a classifier on; use another backbone with --backbone inception" in result.err
    assert "swd or ms_ssim" in result.err


def test_the_nearest_training_images_are_a_picture_of_the_run(gan, unconditional: Path) -> None:
    result = gan("eval", "--metrics", "neighbours", "--samples", "30")
    assert result.code == 0
    assert "neighbours/nearer" in result.out
    assert "runs/gan/out/neighbours.png" in result.out
    with Image.open(unconditional / "out" / "neighbours.png") as picture:
        about = json.loads(picture.text["gancli"])
        assert picture.width > 10 * 48
    assert (about["run"], about["metric"], about["seed"]) == ("gan", "neighbours", 0)


@pytest.mark.parametrize("metric", ["neighbours", "fd"])
def test_json_says_nothing_of_pictures(gan, unconditional: Path, metric: str) -> None:
    for entry in measured(gan, "--metrics", metric, "--samples", "20").values():
        assert set(entry) <= {"metric", "value", "observed", "protocol"}
