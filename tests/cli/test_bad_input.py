"""Bad input: one sentence that says what to do, the documented exit code, and no lost data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from gancli.runs import checkpoint as checkpoints
from gancli.runs.checkpoint import Checkpoint

SMALL = ["--set", "train.images=320", "--set", "data.resolution=8", "--device", "cpu"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a valid image, a text file and a truncated image."""
    path = tmp_path / "pictures"
    path.mkdir()
    Image.radial_gradient("L").resize((16, 16)).save(path / "good.png")
    (path / "notes.txt").write_text("these are mine")
    content = (path / "good.png").read_bytes()
    (path / "cut.png").write_bytes(content[: len(content) // 2])
    return path


def from_folder(path: str) -> list[str]:
    options = ("data.source=folder", f"data.root={path}", "data.resolution=8")
    return ["train", "gan", *(word for option in options for word in ("--set", option)), "--device", "cpu"]


def assert_refused(result, code: int, *words: str) -> None:
    assert result.code == code, result.err
    assert result.err.startswith("error: ")
    assert len(result.err.strip().splitlines()) == 1
    for word in words:
        assert word in result.err


def test_unknown_family(gan, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("family: gam\ndata: {source: digits}\ntrain: {images: 10}\n")
    assert_refused(gan("train", "r.yaml"), 2, "r.yaml:1:9", "did you mean 'gan'")


def test_unknown_recipe(gan) -> None:
    assert_refused(gan("train", "gam"), 2, "gan")


def test_wrong_set(gan, tmp_path: Path) -> None:
    assert_refused(gan("train", "gan", "--set", "train.batch_sise=64"), 2, "batch_sise", "did you mean 'batch_size'")
    assert_refused(gan("train", "gan", "--set", "train.batch_size=many"), 2, "train.batch_size")
    assert_refused(gan("train", "gan", "--set", "train.batch_size"), 2, "--set")
    assert not (tmp_path / "runs").exists()


def test_missing_folder(gan, tmp_path: Path) -> None:
    assert_refused(gan(*from_folder("nowhere")), 65, "nowhere")
    assert not (tmp_path / "runs").exists()


def test_folder_with_an_unreadable_image(gan, folder: Path, tmp_path: Path) -> None:
    assert_refused(gan(*from_folder("pictures")), 65, "cut.png", "gan data check", "data.unreadable=skip")
    assert not (tmp_path / "runs").exists()
    checked = gan("data", "check", "pictures")
    assert checked.code == 65
    assert "cut.png" in checked.out
    assert "notes.txt" in checked.out


def test_empty_folder(gan, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert_refused(gan(*from_folder("empty")), 65, "empty")


def test_label_on_a_family_without_labels(gan) -> None:
    assert_refused(gan("sample", "--label", "5"), 2, "no run under runs/")
    assert gan("train", "gan", *SMALL).code == 0
    assert_refused(gan("sample", "runs/gan", "--label", "5"), 2, "without labels", "--label")
    assert_refused(gan("sample", "--label", "5"), 2, "take labels")


def test_no_run_and_no_such_run(gan) -> None:
    assert_refused(gan("sample"), 2, "no run under runs/", "gan recipes ls")
    assert_refused(gan("sample", "runs/none"), 65, "runs/none", "gan runs ls")
    assert_refused(gan("train", "gan", "--resume"), 2, "omit --resume")


def changed(checkpoint: Checkpoint, images: int, **manifest: object) -> Checkpoint:
    """Return a later checkpoint with other fields in its manifest."""
    state = {**checkpoint.state, "position": {**checkpoint.state["position"], "images": images}}
    return replace(checkpoint, state=state, manifest={**checkpoint.manifest, "images": images, **manifest})


def test_checkpoint_of_another_family(gan, tmp_path: Path) -> None:
    assert gan("train", "gan", *SMALL).code == 0
    folder = tmp_path / "runs" / "gan" / "checkpoints"
    good = checkpoints.load(folder / "320")
    checkpoints.save(folder, changed(good, 400, family="foreign"), keep=5)
    assert_refused(gan("sample"), 2, "unknown family 'foreign'")
    result = gan("train", "gan", *SMALL, "--set", "train.images=640", "--set", "train.keep=5", "--resume")
    assert result.code == 0, result.err
    assert "skipped: the checkpoint belongs to the family 'foreign', but the recipe to 'gan'" in result.out
    assert "resumed at 320 of 640 images" in result.out
    assert checkpoints.load(folder / "320").digest == good.digest


def test_checkpoint_of_another_version_of_its_family(gan, tmp_path: Path) -> None:
    assert gan("train", "gan", *SMALL).code == 0
    folder = tmp_path / "runs" / "gan" / "checkpoints"
    good = checkpoints.load(folder / "320")
    options = {**good.manifest["model"], "latent_dims": 64, "noise": "cauchy"}
    checkpoints.save(folder, changed(good, 400, model=options), keep=5)
    assert_refused(
        gan("sample"),
        65,
        "unknown option 'latent_dims' in model: did you mean 'latent_dim'?",
        "model.noise must be 'normal' or 'uniform', not 'cauchy'",
        "manifest.json",
    )
    options = {**good.manifest["model"], "latent_dim": 7}
    checkpoints.save(folder, changed(good, 401, model=options), keep=5)
    assert_refused(gan("sample"), 65, "do not fit the installed family 'gan'", "size mismatch")


def test_a_damaged_newest_checkpoint_is_passed_over(gan, tmp_path: Path) -> None:
    assert gan("train", "gan", *SMALL, "--set", "train.checkpoint_every=192").code == 0
    newest = tmp_path / "runs" / "gan" / "checkpoints" / "320" / "model.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1])
    result = gan("train", "gan", *SMALL, "--set", "train.checkpoint_every=192", "--resume")
    assert result.code == 0, result.err
    assert "skipped: the checkpoint" in result.out
    assert "resumed at 192 of 320 images" in result.out


def test_device_that_is_not_there(gan) -> None:
    assert_refused(gan("train", "gan", "--device", "cuda:77"), 2, "cuda:77", "gan doctor")
    assert_refused(gan("train", "gan", "--device", "tpu9"), 2, "tpu9")


def test_data_that_changed_under_a_run(gan, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for name in "abc":
        Image.radial_gradient("L").resize((16, 16)).save(tmp_path / "pictures" / f"{name}.png")
    command = [*from_folder("pictures"), "--set", "train.images=64"]
    assert gan(*command).code == 0
    (tmp_path / "pictures" / "a.png").unlink()
    assert_refused(gan(*command, "--set", "train.images=128", "--resume"), 65, "has changed since the run started")


def test_out_that_is_something_else(gan, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("mine")
    assert_refused(gan("train", "gan", *SMALL, "--out", "precious"), 2, "not a run directory")
    assert [path.name for path in (tmp_path / "precious").iterdir()] == ["file"]


def test_a_plan_that_cannot_be_leaves_no_directory_behind(gan, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("family: gan\ndata: {source: digits}\n")
    assert_refused(gan("train", "r.yaml"), 2, "train.images is missing")
    assert not (tmp_path / "runs").exists()


def test_a_model_option_out_of_range(gan) -> None:
    assert_refused(gan("train", "gan", "--set", "model.generator_widths=[-1]"), 2, "generator_widths", "--set")


def test_sampling_says_when_it_passes_over_a_damaged_checkpoint(gan, tmp_path: Path) -> None:
    assert gan("train", "gan", *SMALL, "--set", "train.checkpoint_every=192").code == 0
    newest = tmp_path / "runs" / "gan" / "checkpoints" / "320" / "state.json"
    newest.write_bytes(b"{}")
    result = gan("sample", "-n", "1")
    assert result.code == 0
    assert "skipped: the checkpoint runs/gan/checkpoints/320 is damaged: state.json" in result.err
