"""`gan eval`: metrics, protocols and errors."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gancli.plugins import registry
from gancli.plugins.hookspecs import ENTRY_POINT_GROUP
from gancli.plugins.registry import Registry

FEW = ["--labelled", "40", "--device", "cpu"]


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Create a folder of colour images with two labels and two splits."""
    random = np.random.default_rng(0)
    for split, count in (("train", 8), ("test", 3)):
        for label in ("cat", "dog"):
            folder = tmp_path / "pets" / split / label
            folder.mkdir(parents=True)
            for number in range(count):
                Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    return tmp_path / "pets"


@pytest.fixture
def metric(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Return a function that installs a third-party metric."""
    written: list[str] = []

    def install(name: str, body: str, *, needs: str = "()") -> None:
        module = f"metric_of_test_{name}"
        (tmp_path / f"{module}.py").write_text(
            "from gancli import MetricInfo, hookimpl\n\n\n@hookimpl\ndef gan_metrics():\n"
            f"    return MetricInfo(name={name!r}, summary='', needs={needs}, metric='{module}_body:measure')\n"
        )
        (tmp_path / f"{module}_body.py").write_text(body)
        written.extend((module, f"{module}_body"))
        mine = metadata.EntryPoint(name=name, value=module, group=ENTRY_POINT_GROUP)
        points = [*metadata.entry_points(group=ENTRY_POINT_GROUP), mine]
        monkeypatch.setattr(registry, "_registry", Registry(points))

    monkeypatch.syspath_prepend(tmp_path)
    yield install
    for name in written:
        sys.modules.pop(name, None)


def assert_refused(result, code: int, *words: str) -> None:
    assert result.code == code, result.err
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert len(result.err.strip().splitlines()) == 1
    for word in words:
        assert word in result.err


def test_json_is_the_only_output_and_every_number_has_its_protocol(gan, unconditional: Path) -> None:
    result = gan("eval", "--metrics", "feature_svm", *FEW, "--json")
    assert (result.code, result.err) == (0, "")
    (key,) = (found := json.loads(result.out))
    assert key == "metrics"
    names = [entry["metric"] for entry in found["metrics"]]
    assert names == ["feature_svm", "feature_svm/untrained", "feature_svm/pixels"]
    for entry in found["metrics"]:
        assert 0 <= entry["value"] <= 1
        protocol = entry["protocol"]
        assert (protocol["run"], protocol["images"], protocol["seed"]) == ("gan", 64, 0)
        assert (protocol["data"], protocol["split"], protocol["samples"]) == ("digits", "test", 360)
        assert protocol["trained_on"] == "digits all"
        assert len(protocol["checkpoint"]) == 64
    lines = (unconditional / "eval.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == found["metrics"]


def test_the_same_seed_gives_the_same_numbers_and_the_history_grows(gan, unconditional: Path) -> None:
    checkpoint = next((unconditional / "checkpoints").iterdir())
    first = gan("eval", "--metrics", "feature_svm", *FEW, "--seed", "3", "--json")
    again = gan("eval", str(checkpoint), "--metrics", "feature_svm", *FEW, "--seed", "3", "--json")
    assert first.out == again.out
    assert len((unconditional / "eval.jsonl").read_text().splitlines()) == 6


def test_without_names_every_metric_that_fits_is_taken(gan, unconditional: Path) -> None:
    result = gan("eval", *FEW)
    assert result.code == 0
    assert "feature_svm/pixels" in result.out
    assert "labelled 40" in result.out
    assert "added to runs/gan/eval.jsonl" in result.out
    assert result.out.splitlines()[-1] == "next: gan inspect runs/gan"
    assert result.err.startswith("left out: parzen: no training images of 'digits' were held out")
    assert "modes" not in result.out + result.err


def test_parzen_takes_what_training_left_out(gan, tmp_path: Path) -> None:
    few = ["--set", "train.images=64", "--set", "data.resolution=8", "--set", "data.limit=1400"]
    assert gan("train", "gan", *few, "--set", "data.split=train", "--device", "cpu").code == 0
    result = gan("eval", "--metrics", "parzen", "--samples", "20", "--limit", "30", "--json")
    assert result.code == 0, result.err
    (entry,) = json.loads(result.out)["metrics"]
    assert entry["protocol"]["validation"] == 37
    assert (entry["protocol"]["samples"], entry["protocol"]["test"]) == (20, 30)


def test_patches_and_pairs_of_samples_beside_those_of_training_images(gan, unconditional: Path) -> None:
    result = gan("eval", "--metrics", "swd,ms_ssim", "--samples", "60", "--json")
    assert (result.code, result.err) == (0, "")
    found = json.loads(result.out)["metrics"]
    names = ["swd", "swd/8", "swd/real", "swd/real/8", "ms_ssim", "ms_ssim/real"]
    assert [entry["metric"] for entry in found] == names
    assert all(entry["protocol"]["samples"] == entry["protocol"]["train"] == 60 for entry in found[:4])
    assert all(entry["protocol"]["pairs"] == 30 for entry in found[4:])
    assert found[0]["value"] > 0
    assert 0 <= found[4]["value"] <= 1
    assert gan("eval", "--metrics", "ms_ssim,swd", "--samples", "60").code == 0
    lines = [json.loads(line) for line in (unconditional / "eval.jsonl").read_text().splitlines()]
    assert lines == [*found, *found[4:], *found[:4]]


def test_pairs_of_one_label_where_the_model_takes_labels(gan, conditional: Path) -> None:
    result = gan("eval", "--metrics", "ms_ssim", "--samples", "40", "--json")
    assert result.code == 0, result.err
    found = {entry["metric"]: entry["protocol"]["pairs"] for entry in json.loads(result.out)["metrics"]}
    assert found["ms_ssim"] == found["ms_ssim/real"] == found["ms_ssim/same_label"] == 20
    assert 10 <= found["ms_ssim/real/same_label"] <= 20


def test_points_have_modes(gan, tmp_path: Path) -> None:
    (tmp_path / "ring.yaml").write_text(
        "family: gan\ndata: {source: points, count: 500}\n"
        "model: {generator_widths: [8], discriminator_widths: [8]}\ntrain: {images: 640, preview_every: 640}\n"
    )
    assert gan("train", "ring.yaml", "--device", "cpu").code == 0
    result = gan("eval", "--json")
    assert (result.code, result.err) == (0, "")
    entry = json.loads(result.out)["metrics"][0]
    assert entry["metric"] == "modes"
    assert entry["protocol"]["modes"] == 8
    assert_refused(
        gan("eval", "--metrics", "feature_svm,modes"), 2, "runs/ contains one run, and it cannot be measured by"
    )
    assert_refused(gan("eval", "runs/ring", "--metrics", "feature_svm"), 2, "is a model of points", "gan runs ls")


def test_other_data_is_brought_to_the_models_shape(gan, conditional: Path, pets: Path) -> None:
    result = gan("eval", "--metrics", "feature_svm", "--data", "pets", "--labelled", "8", "--json")
    assert result.code == 0, result.err
    record = json.loads(result.out)["metrics"][2]
    pixels = {**record["protocol"], **record["observed"]}
    assert (pixels["dimensions"], pixels["samples"], pixels["labelled"]) == (16 * 16, 6, 8)
    assert pixels["trained_on"] == "digits train"
    result = gan("eval", "--metrics", "feature_svm", "--data", "digits", "--set", "data.classes=[3,5]", *FEW, "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["metrics"][0]["protocol"]["samples"] < 100
    assert_refused(gan("eval", "--data", "points", "--metrics", "feature_svm"), 65, "points in 2 dimensions")
    assert_refused(gan("eval", "--data", "nowhere"), 2, "neither a data source, nor a folder, nor a recipe")


def test_data_without_labels_or_without_a_test_split(gan, unconditional: Path, pets: Path) -> None:
    command = ("eval", "--metrics", "feature_svm", "--labelled", "4", "--data")
    assert_refused(gan(*command, "pets/train"), 65, "pets/train has no test split")
    for split in ("train", "test"):
        for image in (pets / split).rglob("*.png"):
            image.rename(pets / split / f"{image.parent.name}{image.name}")
    assert_refused(gan(*command, "pets"), 65, "requires labels, and this data has none", "--data")
    assert not (unconditional / "eval.jsonl").exists()


def test_too_few_labelled_images(gan, unconditional: Path) -> None:
    assert_refused(gan("eval", "--metrics", "feature_svm", "--labelled", "9"), 2, "at least 20", "--labelled 9")


def test_unknown_metrics_and_missing_runs(gan, unconditional: Path) -> None:
    assert_refused(gan("eval", "--metrics", "feature_swm"), 2, "did you mean 'feature_svm'?")
    assert_refused(gan("eval", "--metrics", ","), 2, "--metrics names no metric", "feature_svm")
    assert_refused(gan("eval", "runs/none"), 65, "runs/none")
    (unconditional / "recipe.yaml").unlink()
    assert_refused(gan("eval"), 2, "runs/gan has no recipe", "--data")


def test_a_metric_may_need_what_a_model_has_not(gan, unconditional: Path, metric) -> None:
    metric("by_label", "def measure(subject):\n    return []\n", needs="('sample', 'label')")
    assert_refused(gan("eval", "runs/gan", "--metrics", "by_label"), 2, "'by_label'", "was trained without labels")
    assert_refused(gan("eval", "--metrics", "by_label"), 2, "cannot be measured by by_label")


def test_a_strangers_metric_gets_the_subject(gan, conditional: Path, metric) -> None:
    metric(
        "spread",
        "from gancli.metrics.context import Measurement\n\n\n"
        "def measure(subject):\n"
        "    drawn = subject.samples(20)\n"
        "    return [Measurement(metric='spread', value=float(drawn.std()), protocol={'shape': list(drawn.shape)})]\n",
        needs="('sample', 'label')",
    )
    (entry,) = json.loads(gan("eval", "--metrics", "spread", "--json").out)["metrics"]
    assert entry["value"] > 0
    assert entry["protocol"]["shape"] == [20, 1, 16, 16]
    listed = json.loads(gan("plugins", "ls", "--json").out)
    assert ["spread"] in [plugin["metrics"] for plugin in listed]
    assert "spread" in gan("plugins", "ls").out


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise RuntimeError('no luck')", "RuntimeError: no luck"),
        ("measure = lambda subject: [3]", "it returned 3"),
        (
            "from gancli.metrics.context import Measurement\n"
            "measure = lambda subject: [Measurement(metric='bad', value=float('nan'))]",
            "value=nan",
        ),
    ],
)
def test_a_broken_metric_is_named_and_stops_no_other(gan, unconditional: Path, metric, body: str, message: str) -> None:
    metric("bad", body)
    assert_refused(gan("eval", "--metrics", "bad"), 2, "the plugin of the metric 'bad' is broken", message)
    result = gan("eval", *FEW, "--json")
    assert result.code == 0
    taken = {record["protocol"]["by"] for record in json.loads(result.out)["metrics"]}
    assert taken >= {"distinct", "feature_svm", "ms_ssim", "swd"}
    assert "bad" not in taken
    assert "left out: bad: " in result.err


@pytest.fixture
def upscaling(gan, toyscale, tmp_path: Path) -> Path:
    """Train `runs/large` on crops of photographs."""
    (tmp_path / "large.yaml").write_text(
        "family: toyscale\ndata: {source: photographs, random_crop: 32, flip: true}\n"
        "train: {images: 32, batch_size: 8}\n"
    )
    assert gan("train", "large.yaml", "--device", "cpu").code == 0
    return tmp_path / "runs" / "large"


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Create two pairs of different sizes: images in `small`, and images of twice their size in `large`."""
    random = np.random.default_rng(0)
    for number, (height, width) in enumerate([(20, 30), (25, 16)]):
        for folder, factor in (("small", 1), ("large", 2)):
            path = tmp_path / "pairs" / folder / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            coarse = Image.fromarray(random.integers(0, 256, (4, 4, 3), dtype=np.uint8))
            coarse.resize((width * factor, height * factor)).save(path)
    return tmp_path / "pairs"


def test_upscaled_images_beside_bicubic_ones(gan, upscaling: Path, pairs: Path) -> None:
    names = ["psnr", "psnr/rgb", "psnr/bicubic", "psnr/rgb/bicubic", "ssim", "ssim/rgb", "ssim/bicubic"]
    own = gan("eval", "--metrics", "psnr,ssim", "--json")
    assert (own.code, own.err) == (0, "")
    found = json.loads(own.out)["metrics"]
    assert [entry["metric"] for entry in found] == [*names, "ssim/rgb/bicubic"]
    protocol = found[0]["protocol"]
    assert (protocol["data"], protocol["trained_on"], protocol["split"]) == ("photographs", "photographs train", "test")
    assert (protocol["samples"], protocol["scale"], protocol["border"], protocol["channel"]) == (2, 2, 2, "y")

    folders = ["--set", "data.source_folder=small", "--set", "data.target_folder=large"]
    paired = ["--data", "paired", "--set", f"data.root={pairs}", *folders]
    for data, low_res in ((paired, "as given"), (["--data", str(pairs / "large")], "bicubic, as MATLAB's imresize")):
        result = gan("eval", "--metrics", "psnr", *data, "--json")
        assert (result.code, result.err) == (0, "")
        protocol = json.loads(result.out)["metrics"][0]["protocol"]
        assert (protocol["samples"], protocol["low_res"], protocol["split"]) == (2, low_res, "all")
    assert_refused(
        gan("eval", "--metrics", "psnr", *paired[:-4], "--set", "data.source_folder=large", *folders[2:]), 65
    )


def test_lpips_is_downloaded_only_where_it_is_asked_for(
    gan, upscaling: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def refuse(url: str, *_: object, **__: object) -> None:
        asked.append(url)
        raise OSError("no route to host")

    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    result = gan("eval", "--json")
    assert result.code == 0
    assert {record["protocol"]["by"] for record in json.loads(result.out)["metrics"]} == {"psnr", "ssim"}
    assert "left out: lpips: the weights of LPIPS on AlexNet are not on this machine: download alex.pth" in result.err
    assert asked == []
    assert_refused(gan("eval", "--metrics", "lpips"), 65, "no route to host")
    assert len(asked) == 1


def test_only_a_model_that_upscales_is_measured_so(gan, unconditional: Path) -> None:
    assert_refused(gan("eval", "runs/gan", "--metrics", "psnr"), 2, "cannot upscale images")
