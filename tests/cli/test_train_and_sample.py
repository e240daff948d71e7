"""Training and sampling on the command line, on the bundled digits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

SMALL = ["--set", "train.images=640", "--set", "data.resolution=8", "--set", "model.generator_widths=[16]"]


@pytest.fixture
def trained(gan, tmp_path: Path) -> Path:
    result = gan("train", "gan", *SMALL, "--device", "cpu")
    assert result.code == 0, result.err
    return tmp_path / "runs" / "gan"


def test_train_says_what_runs_and_what_to_type_next(gan, tmp_path: Path) -> None:
    result = gan("train", "gan", *SMALL, "--device", "cpu")
    assert result.code == 0
    assert "gan on digits: 1,797 images of 1x8x8, cpu, fp32" in result.out
    assert "preview: runs/gan/samples/000000640.png" in result.out
    assert "next: gan sample runs/gan" in result.out
    assert result.err == ""
    run = tmp_path / "runs" / "gan"
    record = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert {"images", "step", "stage", "discriminator/D(x)", "discriminator/V(D,G)", "generator/adversarial"} <= set(
        record
    )
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["command"].startswith("gan train gan --set train.images=640")
    assert manifest["versions"]["gancli-gan"]


def test_the_same_seed_gives_the_same_bytes(gan, trained: Path, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        assert gan("sample", "--seed", "5", "-n", "9", "--out", name).code == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        made = json.loads(image.text["gancli"])
    assert made["run"] == "gan"
    assert made["seeds"] == list(range(5, 14))
    assert len(made["checkpoint"]) == 64


def test_an_image_does_not_depend_on_its_company(gan, trained: Path, tmp_path: Path) -> None:
    """Seed 7 gives the same image alone and among 100 others."""
    assert gan("sample", "-n", "100", "--format", "png", "--out", "many").code == 0
    assert gan("sample", "-n", "1", "--seed", "7", "--format", "png", "--out", "one").code == 0
    assert len(list((tmp_path / "many").iterdir())) == 100
    assert (tmp_path / "many" / "seed000007.png").read_bytes() == (tmp_path / "one" / "seed000007.png").read_bytes()


def test_json_is_the_only_output(gan, trained: Path) -> None:
    result = gan("sample", "-n", "2", "--format", "png", "--json")
    listed = json.loads(result.out)["images"]
    assert [entry["seed"] for entry in listed] == [0, 1]
    assert all(Path(entry["image"]).is_file() for entry in listed)


def test_a_run_is_never_overwritten_and_the_newest_is_taken(gan, trained: Path, tmp_path: Path) -> None:
    before = sorted(path.name for path in trained.rglob("*"))
    assert gan("train", "gan", *SMALL, "--device", "cpu").code == 0
    assert sorted(path.name for path in trained.rglob("*")) == before
    result = gan("sample", "-n", "1")
    assert "runs/gan-2/out/" in result.out
    refused = gan("train", "gan", *SMALL, "--out", "runs/gan")
    assert refused.code == 2
    assert "--resume" in refused.err


def test_resume_goes_on_and_refuses_other_options(gan, trained: Path) -> None:
    more = ["--set", "train.images=1280"]
    result = gan("train", "gan", *SMALL, *more, "--resume", "--device", "cpu")
    assert result.code == 0, result.err
    assert "resumed at 640 of 1,280 images" in result.out
    refused = gan("train", "gan", *SMALL, *more, "--set", "train.batch_size=16", "--resume")
    assert refused.code == 2
    assert "train.batch_size (64 then, 16 now)" in refused.err


def test_runs_are_listed_and_removed(gan, trained: Path, tmp_path: Path) -> None:
    (row,) = json.loads(gan("runs", "ls", "--json").out)
    assert (row["family"], row["data"], row["images"], row["total"]) == ("gan", "digits", 640, 640)
    assert "640 of 640" in gan("runs", "ls").out
    assert gan("runs", "rm", "gam").code == 2
    assert gan("runs", "rm", "gan", "--yes").code == 0
    assert not trained.exists()
    assert "gan train gan" in gan("runs", "ls").out


def test_a_run_describes_itself_wherever_it_lies(gan, trained: Path, tmp_path: Path) -> None:
    shutil.move(trained, tmp_path / "elsewhere")
    checkpoint = next((tmp_path / "elsewhere" / "checkpoints").iterdir())
    for target in ("elsewhere", str(checkpoint.relative_to(tmp_path))):
        result = gan("sample", target, "-n", "1")
        assert result.code == 0, result.err
        assert "wrote elsewhere/out/" in result.out


def test_dry_run_estimates_and_writes_nothing(gan, tmp_path: Path) -> None:
    result = gan("train", "gan", *SMALL, "--device", "cpu", "--dry-run")
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert lines[0] == "gan on digits: 1,797 images of 1x8x8, seed 0"
    assert " ".join(lines[1].split()) == "stage resolution batch images steps parameters time peak memory"
    name, resolution, batch, images, steps, parameters, time, unit, *memory = lines[2].split()
    assert (name, resolution, batch, images, steps) == ("train", "8x8", "64", "640", "10")
    networks = dict(line.removesuffix(" parameters").split(": ") for line in lines if line.endswith(" parameters"))
    assert int(parameters.replace(",", "")) == sum(int(count.replace(",", "")) for count in networks.values())
    assert float(time) > 0
    assert unit in ("s", "min")
    assert memory[-1] in ("MB", "GB")
    assert lines[3].split()[:3] == ["total", "640", "10"]
    assert "turns: discriminator x1, generator x1" in lines
    assert list(tmp_path.iterdir()) == []


def test_dry_run_fails_as_training_would(gan, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(
        "family: gan\ndata: {source: folder, root: nowhere, resolution: 8}\ntrain: {images: 64}\n"
    )
    trained, dry = gan("train", "r.yaml"), gan("train", "r.yaml", "--dry-run")
    assert dry.code == trained.code == 65
    assert dry.err == trained.err


def test_averaged_and_live_weights(gan, tmp_path: Path) -> None:
    assert gan("train", "gan", *SMALL, "--set", "train.ema=0.99", "--device", "cpu").code == 0
    for flag in ("--ema", "--no-ema"):
        assert gan("sample", flag, "-n", "4", "--out", f"{flag}.png").code == 0
    assert gan("sample", "-n", "4", "--out", "default.png").code == 0
    assert (tmp_path / "default.png").read_bytes() == (tmp_path / "--ema.png").read_bytes()
    assert (tmp_path / "default.png").read_bytes() != (tmp_path / "--no-ema.png").read_bytes()


def test_doctor_and_plugins(gan) -> None:
    findings = json.loads(gan("doctor", "--json").out)
    assert "cpu" in findings["devices"]
    assert "gan" in findings["families"]
    assert findings["problems"] == []
    (plugin,) = [entry for entry in json.loads(gan("plugins", "ls", "--json").out) if entry["name"] == "gan"]
    (family,) = plugin["families"]
    assert (family["name"], family["tasks"]) == ("gan", ["sample"])
    assert family["paper"].startswith("Goodfellow et al. 2014")
    assert plugin["fault"] is None
    assert "gancli-gan" in gan("plugins", "ls").out
