"""`gan export`: only the networks of a run, with the same outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from gancli.inference.model import open_model
from gancli.inference.reference_outputs import reference_outputs

CPU = torch.device("cpu")


def pixels(path: Path) -> bytes:
    return Image.open(path).tobytes()


def files(model: Path) -> set[str]:
    (checkpoint,) = (model / "checkpoints").iterdir()
    return {file.name for file in checkpoint.iterdir()}


def test_it_draws_what_the_run_draws(gan, conditional: Path, tmp_path: Path) -> None:
    result = gan("export")
    assert result.code == 0, result.err
    assert "wrote models/digits" in result.out
    assert "bit for bit: sample, discriminate" in result.out
    assert "next: gan sample models/digits" in result.out
    model = tmp_path / "models" / "digits"
    assert files(model) == {"manifest.json", "model.safetensors", "state.json"}
    for path, out in ((conditional, "a.png"), (model, "b.png")):
        assert gan("sample", str(path), "--label", "3", "-n", "4", "--out", out).code == 0
    assert pixels(tmp_path / "a.png") == pixels(tmp_path / "b.png")
    assert gan("eval", str(model), "--metrics", "distinct", "--samples", "10").code == 0


def test_averaged_weights_take_the_place_of_live_ones(gan, tmp_path: Path) -> None:
    words = (
        "--set",
        "train.images=64",
        "--set",
        "train.batch_size=16",
        "--set",
        "train.ema=0.9",
        "--set",
        "data.resolution=8",
    )
    assert gan("train", "gan", *words, "--device", "cpu").code == 0
    assert gan("export", "--out", "averaged").code == 0
    assert gan("export", "--no-ema", "--out", "live").code == 0
    kept = load_file(tmp_path / "runs" / "gan" / "checkpoints" / "64" / "ema.safetensors")
    averaged = load_file(tmp_path / "averaged" / "checkpoints" / "64" / "model.safetensors")
    live = load_file(tmp_path / "live" / "checkpoints" / "64" / "model.safetensors")
    assert kept
    assert all(torch.equal(averaged[name], value) for name, value in kept.items())
    assert not all(torch.equal(live[name], value) for name, value in kept.items())
    manifest = json.loads((tmp_path / "averaged" / "manifest.json").read_text())
    assert manifest["exported"]["run"] == "gan"
    assert manifest["exported"]["ema"] is True


def test_other_tasks_are_compared_too(gan, toy_weights: Path, tmp_path: Path) -> None:
    assert gan("convert", "weights.safetensors", "--family", "toyscale").code == 0
    result = gan("export", "runs/weights", "--json")
    assert json.loads(result.out)["compared"] == ["upscale"]
    assert not (tmp_path / "models" / "weights" / "recipe.yaml").exists()
    assert "next: gan upscale models/w IMAGE" in gan("export", "runs/weights", "--out", "models/w").out


def test_a_directory_is_not_written_over(gan, unconditional: Path) -> None:
    assert gan("export").code == 0
    result = gan("export")
    assert result.code == 2
    assert result.err == "error: models/gan already exists; choose another --out\n"


def test_a_model_that_answers_otherwise_is_not_kept(
    gan, unconditional: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(path: Path, **options: object) -> object:
        model = open_model(path, **options)  # type: ignore[arg-type]
        if path == unconditional:
            return model
        next(iter(model.nets.modules["generator"].parameters())).data.view(-1)[0] += 1
        return model

    monkeypatch.setattr("gancli.inference.model.open_model", changed)
    result = gan("export", str(unconditional))
    assert result.code == 65
    assert "sample" in result.err
    assert "discriminate" not in result.err
    assert not (tmp_path / "models" / "gan").exists()


def test_an_exported_model_is_no_run_to_resume(gan, unconditional: Path) -> None:
    assert gan("export", "--out", "model").code == 0
    result = gan("train", "gan", "--resume", "--out", "model", "--set", "train.images=128", "--device", "cpu")
    assert result.code in (2, 65)
    assert len(result.err.splitlines()) == 1


def test_answers_are_the_same_twice_and_tell_models_apart(unconditional: Path) -> None:
    first, second = open_model(unconditional, device=CPU), open_model(unconditional, device=CPU)
    before = reference_outputs(first)
    assert before.keys() == {"sample", "discriminate"}
    assert all(torch.equal(value, reference_outputs(second)[name]) for name, value in before.items())
    for parameter in second.nets.modules["discriminator"].parameters():
        parameter.data += 0.1
    after = reference_outputs(second)
    assert torch.equal(before["sample"], after["sample"])
    assert not torch.equal(before["discriminate"], after["discriminate"])
