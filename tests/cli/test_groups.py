"""Several seeds: `gan train --seeds`, `gan eval` of the group, and `gan eval --compare`."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest

from gancli.runs.checkpoint import BestCheckpoint, write_best
from gancli.training.signals import GracefulStop
from gancli.training.trainer import Trainer

SMALL = ["--set", "train.images=128", "--set", "data.resolution=8", "--set", "model.generator_widths=[16]"]
SHORT = [*SMALL, "--device", "cpu"]
SWD = ["--metrics", "swd", "--samples", "40", "--device", "cpu"]


@pytest.fixture
def group(gan, tmp_path: Path) -> Path:
    """`runs/gan`: a group with the seeds 0 and 3."""
    result = gan("train", "gan", *SHORT, "--seeds", "0,3")
    assert result.code == 0, result.err
    assert result.out.splitlines()[-1] == "next: gan eval runs/gan"
    return tmp_path / "runs"


def weights(run: Path) -> bytes:
    return (run / "checkpoints" / "128" / "model.safetensors").read_bytes()


def assert_refused(result, code: int, *words: str) -> None:
    assert result.code == code, result.err
    assert result.out == ""
    assert len(result.err.strip().splitlines()) == 1
    for word in words:
        assert word in result.err


def test_a_group_is_runs_like_any_others(gan, group: Path) -> None:
    assert sorted(path.name for path in group.iterdir()) == ["gan-seed0", "gan-seed3"]
    for seed in (0, 3):
        manifest = json.loads((group / f"gan-seed{seed}" / "manifest.json").read_text())
        assert (manifest["seed"], manifest["group"]) == (seed, "gan")
    assert gan("train", "gan", *SHORT, "--set", "train.seed=3", "--out", "alone").code == 0
    assert weights(group / "gan-seed3") == weights(group.parent / "alone") != weights(group / "gan-seed0")
    assert "group" not in json.loads((group.parent / "alone" / "manifest.json").read_text())
    listed = json.loads(gan("runs", "ls", "--json").out)
    assert [row["run"] for row in listed] == ["runs/gan-seed3", "runs/gan-seed0"]
    assert gan("sample", "-n", "1").out.startswith("wrote runs/gan-seed3/out/")


def test_no_run_or_group_takes_the_name_of_another(gan, group: Path) -> None:
    assert gan("train", "gan", *SHORT).code == 0
    assert gan("train", "gan", *SHORT, "--seeds", "0").code == 0
    names = sorted(path.name for path in group.iterdir())
    assert names == ["gan-2", "gan-3-seed0", "gan-seed0", "gan-seed3"]


def test_resume_goes_on_with_what_stopped_and_begins_what_did_not(
    gan, group: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Path] = []

    class Stop(GracefulStop):
        requested = True

    train = Trainer.train

    def stopped(trainer: Trainer, stop: GracefulStop | None = None) -> bool:
        begun.append(trainer.run.path)
        return train(trainer, Stop() if len(begun) == 2 else stop)

    monkeypatch.setattr(Trainer, "train", stopped)
    result = gan("train", "gan", *SHORT, "--seeds", "0,3,5", "--out", "all")
    assert result.code == 75
    assert "continue with:\n  gan train gan" in result.err
    assert result.err.rstrip().endswith("--seeds 0,3,5 --device cpu --out all --resume")
    assert begun == [Path("all-seed0"), Path("all-seed3")]
    assert_refused(gan("train", "gan", *SHORT, "--seeds", "0,3,5", "--out", "all"), 2, "add --resume")
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    result = gan("train", "gan", *SHORT, "--seeds", "0,3,5", "--out", "all", "--resume")
    assert result.code == 0, result.err
    for seed in (0, 3):
        assert weights(tmp_path / f"all-seed{seed}") == weights(group / f"gan-seed{seed}")
    assert weights(tmp_path / "all-seed5")


def test_without_a_name_the_newest_group_is_resumed_and_may_grow(gan, group: Path) -> None:
    result = gan("train", "gan", *SHORT, "--seeds", "0,3,4", "--resume")
    assert result.code == 0, result.err
    assert sorted(path.name for path in group.iterdir()) == ["gan-seed0", "gan-seed3", "gan-seed4"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--seeds", "0,1", "--set", "train.seed=4"], ["contradicts"]),
        (["--seeds", "1,2,1"], ["contains 1 twice"]),
        (["--seeds", "1,x"], ["a seed (a whole number)"]),
        (["--seeds", "0", "--resume"], ["no group of runs of 'gan'", "omit --resume"]),
        (["--seeds", "0", "--resume", "--out", "none"], ["none is not a group of runs to resume"]),
        (["--seeds", str(2**31)], ["train.seed"]),
    ],
)
def test_what_makes_no_group_is_refused(gan, tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    assert_refused(gan("train", "gan", *arguments), 2, *words)
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_of_a_group_writes_nothing(gan, tmp_path: Path) -> None:
    result = gan("train", "gan", *SHORT, "--seeds", "7,8", "--dry-run")
    assert result.code == 0, result.err
    assert result.out.startswith("2 runs, one after the other")
    assert "seed 7" in result.out
    assert list(tmp_path.iterdir()) == []


def test_mean_and_spread_of_a_group_are_those_of_its_runs(gan, group: Path) -> None:
    result = gan("eval", "runs/gan", *SWD, "--json")
    assert (result.code, result.err) == (0, "")
    found = {entry["metric"]: entry for entry in json.loads(result.out)["metrics"]}
    alone = {}
    for seed in (0, 3):
        name = f"runs/gan-seed{seed}"
        alone[name] = {e["metric"]: e["value"] for e in json.loads(gan("eval", name, *SWD, "--json").out)["metrics"]}
    values = {name: metrics["swd"] for name, metrics in alone.items()}
    assert found["swd"]["values"] == values
    assert found["swd"]["value"] == statistics.fmean(values.values())
    assert found["swd"]["spread"] == statistics.stdev(values.values()) > 0
    assert found["swd/real"]["spread"] == 0
    protocol = found["swd"]["protocol"]
    assert (protocol["samples"], protocol["data"], protocol["images"]) == (40, "digits", 128)
    assert not {"run", "checkpoint"} & set(protocol)
    assert len((group / "gan-seed0" / "eval.jsonl").read_text().splitlines()) == 2 * len(found)
    assert gan("eval", "runs/gan-seed0", "runs/gan-seed3", *SWD, "--json").out == result.out
    shown = gan("eval", "runs/gan", *SWD).out
    assert "2 runs at 128 images" in shown
    assert f"{found['swd']['value']:.4g}" in shown


def test_only_seeds_of_one_recipe_have_a_mean(gan, group: Path) -> None:
    assert gan("train", "gan", *SHORT, "--set", "model.latent_dim=7", "--out", "runs/other").code == 0
    assert_refused(
        gan("eval", "runs/gan-seed3", "runs/other", *SWD),
        2,
        "different recipes",
        "model.latent_dim (64, 7)",
        "--compare",
    )
    assert gan("train", "gan", *SHORT, "--out", "runs/same").code == 0
    assert_refused(gan("eval", "runs/gan-seed0", "runs/same", *SWD), 2, "have the same seed, 0")
    assert_refused(gan("eval", "runs/gan", "runs/gan-seed0", *SWD), 2, "runs/gan-seed0 is named twice")
    assert not (group / "other" / "eval.jsonl").exists()


def test_side_by_side_a_row_a_run_or_group(gan, group: Path) -> None:
    assert gan("train", "gan", *SHORT, "--set", "model.latent_dim=7", "--out", "runs/other").code == 0
    assert gan("eval", "runs/gan", *SWD).code == 0
    measured = json.loads(gan("eval", "runs/other", *SWD, "--json").out)["metrics"]
    before = {path: path.read_bytes() for path in group.rglob("eval.jsonl")}
    result = gan("eval", "--compare", "runs/gan", "runs/other", "runs/gan-seed0", "--json")
    assert (result.code, result.err) == (0, "")
    cells = {(cell["run"], cell["metric"]): cell for cell in json.loads(result.out)["metrics"]}
    assert cells["runs/other", "swd"]["value"] == measured[0]["value"]
    assert set(cells["runs/gan", "swd"]["values"]) == {"runs/gan-seed0", "runs/gan-seed3"}
    assert cells["runs/gan", "swd"]["values"]["runs/gan-seed0"] == cells["runs/gan-seed0", "swd"]["value"]
    shown = gan("eval", "--compare", "runs/gan", "runs/other").out.splitlines()
    assert shown[0].split() == ["run", "swd", "swd/8", "swd/real", "swd/real/8"]
    assert "±" in shown[1]
    assert "(n=2)" in shown[1]
    assert shown[2].split()[:2] == ["runs/other", f"{measured[0]['value']:.4g}"]
    assert "samples 40" in shown[3]
    assert {path: path.read_bytes() for path in group.rglob("eval.jsonl")} == before


def test_unlike_protocols_are_kept_out_of_one_column(gan, group: Path) -> None:
    first, second = "runs/gan-seed0", "runs/gan-seed3"
    assert gan("eval", first, *SWD).code == 0
    assert gan("eval", second, "--metrics", "swd,distinct", "--samples", "30", "--device", "cpu").code == 0
    refused = gan("eval", "--compare", first, second)
    assert_refused(refused, 2, "swd (samples 40 against 30 (runs/gan-seed3)", "in one column", "--metrics")
    assert "distinct" not in refused.err
    assert_refused(gan("eval", "--compare", "runs/gan"), 2, "samples 40 against 30")
    narrowed = gan("eval", "--compare", first, second, "--metrics", "distinct")
    assert narrowed.code == 0
    assert narrowed.out.splitlines()[1].split() == [first, "-"]
    assert gan("eval", first, "--metrics", "swd", "--samples", "30", "--device", "cpu").code == 0
    partly = gan("eval", "--compare", "runs/gan")
    assert partly.code == 0
    assert partly.err == "left out of runs/gan: distinct, not measured of runs/gan-seed0\n"
    assert gan("eval", "--compare", first, second).code == 0  # the newest measurement counts


def test_what_cannot_be_compared(gan, group: Path) -> None:
    assert_refused(gan("eval", "--compare"), 2, "--compare needs the runs")
    assert_refused(gan("eval", "--compare", "runs/none"), 65, "runs/none is neither a run directory nor a group")
    assert_refused(gan("eval", "--compare", "runs/gan"), 2, "these runs have no measurement yet", "gan eval runs/gan")
    assert_refused(gan("eval", "--compare", "runs/gan", "--samples", "9"), 2, "--samples has no effect")
    (group / "gan-seed0" / "eval.jsonl").write_text("{}\n")
    assert_refused(gan("eval", "--compare", "runs/gan"), 65, "eval.jsonl:1: this line is not a measurement")


def test_truncation_is_part_of_the_protocol_and_changes_samples(gan, group: Path) -> None:
    command = ("eval", "runs/gan-seed0", *SWD, "--json")
    plain, cut = (json.loads(gan(*command, *more).out)["metrics"][0] for more in ([], ["--truncation", "0.5"]))
    assert plain["value"] != cut["value"]
    assert (plain["protocol"]["truncation"], cut["protocol"]["truncation"]) == (None, 0.5)
    assert_refused(gan(*command, "--truncation", "0"), 2, "--truncation must be a number greater than 0")
    svm = ("eval", "runs/gan-seed0", "--metrics", "feature_svm", "--truncation", "0.5")
    assert_refused(gan(*svm), 2, "--truncation applies to generated samples")


def test_a_protocol_says_how_a_number_was_taken(gan, group: Path) -> None:
    result = gan("eval", "runs/gan-seed3", "--metrics", "swd,feature_svm", "--labelled", "40", *SWD[2:], "--json")
    assert result.code == 0, result.err
    found = {entry["metric"]: entry["protocol"] for entry in json.loads(result.out)["metrics"]}
    swd, svm = found["swd"], found["feature_svm"]
    for protocol in (swd, svm):
        assert (protocol["run"], protocol["images"], protocol["seed"]) == ("gan-seed3", 128, 0)
        assert (protocol["chosen"], protocol["ema"], protocol["truncation"]) == ("last", True, None)
        assert protocol["resize"] == "crop to 8x8, bicubic"
        assert (protocol["backbone"], protocol["data_limit"], protocol["trained_on"]) == (None, None, "digits all")
        assert protocol["gancli"]
        assert len(protocol["checkpoint"]) == 64
    assert (swd["by"], swd["split"], list(swd["fingerprint"])) == ("swd", "train", ["train"])
    assert (svm["by"], svm["split"], set(svm["fingerprint"])) == ("feature_svm", "test", {"train", "test"})
    assert svm["fingerprint"]["train"] == swd["fingerprint"]["train"] != svm["fingerprint"]["test"]


def test_the_best_checkpoint_is_measured_beside_the_last_and_never_mixed_with_it(gan, tmp_path: Path) -> None:
    often = ["--set", "train.checkpoint_every=64"]
    assert gan("train", "gan", *SHORT, *often, "--seeds", "0,3").code == 0
    for seed in (0, 3):
        best = BestCheckpoint(images=64, metric="swd", value=1.0)
        write_best(tmp_path / "runs" / f"gan-seed{seed}" / "checkpoints", best)
    first = "runs/gan-seed0"
    found = json.loads(gan("eval", first, *SWD, "--json").out)["metrics"]
    taken = {(e["protocol"]["chosen"], e["protocol"]["images"]): e["value"] for e in found if e["metric"] == "swd"}
    assert list(taken) == [("last", 128), ("best by swd", 64)]
    assert taken["last", 128] != taken["best by swd", 64]
    shown = gan("eval", first, *SWD).out
    assert "gan-seed0 at 128 images (last checkpoint) and 64 images (best checkpoint)" in shown
    assert "swd (best by swd)" in shown
    named = json.loads(gan("eval", f"{first}/checkpoints/best", *SWD, "--json").out)["metrics"]
    assert [e["value"] for e in named] == [e["value"] for e in found[len(found) // 2 :]]
    cells = json.loads(gan("eval", "runs/gan", *SWD, "--json").out)["metrics"]
    means = {e["protocol"]["chosen"]: e["values"][first] for e in cells if e["metric"] == "swd"}
    assert means == {"last": taken["last", 128], "best by swd": taken["best by swd", 64]}
    heads = gan("eval", "--compare", "runs/gan", "--metrics", "swd").out.splitlines()[0]
    assert "swd (best by swd)" in heads
    (tmp_path / "runs" / "gan-seed0" / "checkpoints" / "best.json").unlink()
    earlier = json.loads(gan("eval", f"{first}/checkpoints/64", *SWD, "--json").out)["metrics"]
    assert {e["protocol"]["chosen"] for e in earlier} == {"at 64 images"}


def test_one_class_normal_after_the_other_has_a_mean(gan, tmp_path: Path) -> None:
    options = ["adgan", "--set", "train.images=64", "--set", "model.channels=4", "--device", "cpu"]
    for digit in (3, 8):
        assert gan("train", *options, "--set", f"data.classes=[{digit}]", "--out", f"normal-{digit}").code == 0
    few = ["--metrics", "auroc", "--limit", "40", "--device", "cpu"]
    result = gan("eval", "normal-3", "normal-8", *few, "--json")
    assert result.code == 0, result.err
    found = {entry["metric"]: entry for entry in json.loads(result.out)["metrics"]}
    area = found["auroc"]
    assert set(area["values"]) == {"normal-3", "normal-8"}
    assert area["value"] == statistics.fmean(area["values"].values())
    assert not {"normal", "anomalous", "fingerprint"} & set(area["protocol"])
    assert area["protocol"]["samples"] == 40
    assert "over classes" in gan("eval", "normal-3", "normal-8", *few).out
    assert gan("train", *options, "--set", "data.classes=[8]", "--out", "again").code == 0
    assert_refused(gan("eval", "normal-8", "again", *few), 2, "have the same seed, 0")
