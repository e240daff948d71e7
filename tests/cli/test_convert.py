"""`gan convert`: weights of other programs, mappings of names, and files that are refused."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from gancli.inference.model import open_model


def refused(result, *words: str, code: int = 65) -> bool:
    one_line = len(result.err.strip().splitlines()) == 1 and result.err.startswith("error: ")
    return result.code == code and one_line and all(word in result.err for word in words)


def generator_of(run: Path) -> dict[str, torch.Tensor]:
    return open_model(run, device=torch.device("cpu")).nets.modules["generator"].state_dict()


def has_weights(run: Path, weights: Path) -> bool:
    tensors, expected = generator_of(run), load_file(weights)
    return set(tensors) == set(expected) and all(torch.equal(tensors[name], value) for name, value in expected.items())


def rename_tensors(weights: Path, target: Path, **changes: str) -> Path:
    state = load_file(weights)
    for old, new in changes.items():
        state = {name.replace(old, new): value for name, value in state.items()}
    save_file(state, target)
    return target


def test_names_that_are_ours_need_no_mapping(gan, toy_weights: Path, tmp_path: Path) -> None:
    result = gan("convert", "weights.safetensors", "--family", "toyscale")
    assert result.code == 0, result.err
    assert "wrote runs/weights: 18 tensors of toyscale" in result.out
    assert "left as initialized: discriminator" in result.out
    assert "next: gan upscale runs/weights IMAGE" in result.out
    assert has_weights(tmp_path / "runs" / "weights", toy_weights)
    listed = json.loads(gan("runs", "ls", "--json").out)
    assert [(row["run"], row["data"]) for row in listed] == [("runs/weights", "converted")]
    manifest = json.loads((tmp_path / "runs" / "weights" / "manifest.json").read_text())
    assert manifest["converted"]["file"] == "weights.safetensors"


def test_usual_wrappings_are_seen_through(gan, toy_weights: Path, tmp_path: Path) -> None:
    """Half-precision training state of `DataParallel` networks, without the counters that old versions lack."""
    state = {name: value for name, value in load_file(toy_weights).items() if "num_batches" not in name}
    wrapped = OrderedDict((f"module.{name}", value.half()) for name, value in state.items())
    steps = {"state": {0: {"step": torch.ones(())}}, "lr": 0.1}
    torch.save({"epoch": 7, "state_dict": wrapped, "optimizer": steps}, tmp_path / "other.pth")
    result = gan("convert", "other.pth", "--family", "toyscale", "--out", "model", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["absent"] == ["discriminator"]
    found = generator_of(tmp_path / "model")
    assert all(torch.equal(found[name], value.half().float()) for name, value in state.items())


def test_a_mapping_names_what_is_called_otherwise(gan, toy_weights: Path, tmp_path: Path) -> None:
    rename_tensors(
        toy_weights, tmp_path / "other.safetensors", **{"body.1.": "block4.", "body.0.": "block3.", "head": "conv1"}
    )
    (tmp_path / "names.yaml").write_text(
        'generator.head: conv1\n"generator.body.{i}.{part}": "block{i+3}.{part}"\ngenerator.unused: nothing\n'
    )
    assert (
        gan("convert", "other.safetensors", "--family", "toyscale", "--map", "names.yaml", "--out", "model").code == 0
    )
    assert has_weights(tmp_path / "model", toy_weights)


def test_names_without_a_partner_are_listed_with_the_nearest(gan, toy_weights: Path, tmp_path: Path) -> None:
    rename_tensors(toy_weights, tmp_path / "other.safetensors", head="heads")
    words = ("convert", "other.safetensors", "--family", "toyscale")
    assert refused(gan(*words), "lacks generator.head.weight (closest: heads.weight)", "--map")
    rename_tensors(toy_weights, tmp_path / "other.safetensors", **{"body.1.": "body.2."})
    assert refused(gan(*words), "lacks generator.body.1.first.weight", "model.options")
    save_file({"conv.kernel": torch.ones(3)}, tmp_path / "other.safetensors")
    assert refused(gan(*words), "no name in the file", "conv.kernel", "generator.head.weight")
    assert not (tmp_path / "runs").exists()


def test_what_is_left_over_is_an_error_unless_wanted(gan, toy_weights: Path, tmp_path: Path) -> None:
    words = ("convert", "weights.safetensors", "--family", "toyscale", "--set", "model.blocks=1", "--out", "model")
    assert refused(gan(*words), "body.1.first.bias", "--partial")
    result = gan(*words, "--partial")
    assert result.code == 0, result.err
    assert "not used from the file: body.1.first.bias" in result.out


def test_two_sets_of_weights_need_a_choice(gan, toy_weights: Path, tmp_path: Path) -> None:
    state = load_file(toy_weights)
    both = {
        f"{prefix}.{name}": value * (2 - prefix.count("_"))
        for prefix in ("params", "params_ema")
        for name, value in state.items()
    }
    save_file(both, tmp_path / "two.safetensors")
    words = ("convert", "two.safetensors", "--family", "toyscale", "--out", "model")
    assert refused(gan(*words), "more than once", "'params', 'params_ema'", "--prefix", code=2)
    assert gan(*words, "--prefix", "params_ema").code == 0
    assert has_weights(tmp_path / "model", toy_weights)


def test_other_shapes_and_values_that_are_not_finite(gan, toy_weights: Path, tmp_path: Path) -> None:
    words = ("convert", "weights.safetensors", "--family", "toyscale")
    assert refused(gan(*words, "--set", "model.channels=4"), "head.weight is 8x3x3x3 in the file and 4x3x3x3 here")
    assert refused(gan(*words, "--set", "data.channels=1"), "8x3x3x3 in the file and 8x1x3x3 here")
    state = load_file(toy_weights)
    state["head.bias"][3] = float("nan")
    save_file(state, toy_weights)
    assert refused(gan(*words), "generator.head.bias", "not finite")


def test_wrong_usage_is_said_before_the_file_is_opened(gan, toyscale: None, tmp_path: Path) -> None:
    words = ("convert", "none.pth", "--family", "toyscale")
    assert refused(gan(*words), "none.pth does not exist")
    assert refused(gan("convert", "none.pth", "--family", "toyscal"), "did you mean 'toyscale'", code=2)
    assert refused(gan(*words, "--set", "model.block=1"), "--set model.block=1", "did you mean 'blocks'", code=2)
    assert refused(gan(*words, "--set", "data.source=digits"), "unknown option 'source'", code=2)
    assert refused(gan(*words, "--set", "train.images=1"), "gan convert accepts", code=2)
    assert refused(gan(*words, "--map", "names.yaml"), "names.yaml: cannot be read", code=2)
    (tmp_path / "names.yaml").write_text("generator.a: 3\n")
    assert refused(gan(*words, "--map", "names.yaml"), "names.yaml:1:14", code=2)
    (tmp_path / "names.yaml").write_text("generator.a: b{i}\n")
    assert refused(gan(*words, "--map", "names.yaml"), "{i}", "use it in both names", code=2)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "notes.txt").write_text("mine")
    assert refused(gan(*words, "--out", "model"), "exists and is not a run directory", code=2)
    assert refused(gan("convert", "none.pth", "--family", "cgan"), "reads labels", code=2)


def test_a_file_that_would_run_code_is_refused_and_never_does(gan, toyscale: None, tmp_path: Path) -> None:
    class Runs:
        def __reduce__(self) -> object:
            return os.system, (f"touch {tmp_path / 'canary'}",)

    torch.save({"head.weight": Runs()}, tmp_path / "bad.pth")
    result = gan("convert", "bad.pth", "--family", "toyscale")
    assert refused(result, "bad.pth is refused: loading it would run posix.system", "plain state dict")
    assert not (tmp_path / "canary").exists()
    assert not (tmp_path / "runs").exists()
