"""`gan report`, and the page that is written at the end of every run."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from gancli.report.page import LIMIT

TOY = ["--set", "train.images=128", "--set", "train.log_every=64", "--device", "cpu"]


def headings(page: Path) -> list[str]:
    return re.findall(r"<h[123][^>]*>([^<]*)</h[123]>", page.read_text())


@pytest.fixture
def run(unconditional: Path) -> Path:
    return unconditional


def test_a_run_ends_with_its_page(gan, tmp_path: Path) -> None:
    result = gan("train", "gan", *TOY, "--set", "data.resolution=8")
    assert (result.code, result.err) == (0, "")
    assert "report: runs/gan/report.html\n" in result.out
    assert result.out.rstrip().splitlines()[-1].startswith("next: gan ")
    page = tmp_path / "runs" / "gan" / "report.html"
    for title in (
        "Samples during training",
        "From latent to latent",
        "Losses and discriminator outputs",
        "Reproduce this run",
    ):
        assert title in headings(page)
    text = page.read_text()
    assert "gan train gan --set train.images=128" in text
    assert json.loads((tmp_path / "runs" / "gan" / "manifest.json").read_text())["fingerprint"] in text
    assert "at the optimum" in text
    assert "batch_size: " in text


def test_the_newest_run_another_file_and_json(gan, run: Path, tmp_path: Path) -> None:
    (run / "report.html").unlink()
    result = gan("report")
    assert (result.code, result.err) == (0, "")
    assert re.fullmatch(r"wrote runs/gan/report.html \(0\.\d MB\)\nnext: gan eval runs/gan\n", result.out)
    result = gan("report", str(run), "--out", "deep/page.html", "--no-pictures", "--json")
    assert (result.code, result.err) == (0, "")
    size = (tmp_path / "deep" / "page.html").stat().st_size
    assert json.loads(result.out) == {"report": "deep/page.html", "bytes": size}
    assert size < LIMIT
    assert "From latent to latent" in headings(run / "report.html")
    assert "From latent to latent" not in headings(tmp_path / "deep" / "page.html")
    checkpoint = next((run / "checkpoints").iterdir())
    assert gan("report", str(checkpoint), "--out", "page.html").code == 0
    assert "From latent to latent" in headings(tmp_path / "page.html")


def test_the_same_run_has_the_same_page(gan, run: Path) -> None:
    at_the_end = (run / "report.html").read_bytes()
    assert gan("report", "--device", "cpu").code == 0
    assert (run / "report.html").read_bytes() == at_the_end


def test_what_was_measured_is_on_the_page_with_its_protocol(gan, run: Path) -> None:
    assert gan("eval", "--metrics", "swd", "--samples", "20", "--limit", "20").code == 0
    result = gan("report")
    assert result.out.splitlines()[-1] == "next: gan inspect runs/gan"
    text = (run / "report.html").read_text()
    assert "lower is better" in text
    assert "samples 20" in text


@pytest.mark.parametrize("missing", ["metrics.jsonl", "timings.jsonl", "samples", "checkpoints", "recipe.yaml"])
def test_a_run_of_which_something_is_missing(gan, run: Path, missing: str) -> None:
    path = run / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    result = gan("report")
    assert result.code == 0
    assert len(result.err.splitlines()) == (missing == "checkpoints")
    assert "Reproduce this run" in headings(run / "report.html")


def test_a_damaged_line_is_one_sentence(gan, run: Path) -> None:
    with (run / "metrics.jsonl").open("a") as handle:
        handle.write('{"images": 1')
    result = gan("report")
    assert result.code == 0
    assert re.fullmatch(r"runs/gan/metrics.jsonl:\d+ is damaged and omitted\.\n", result.err)
    assert "is damaged and omitted." in (run / "report.html").read_text()


def test_what_is_refused(gan, run: Path, tmp_path: Path) -> None:
    for arguments, code, words in (
        (["nowhere"], 65, "nowhere"),
        (["--out", "page.png"], 2, ".html"),
        (["--device", "tpu"], 2, "tpu"),
    ):
        result = gan("report", *arguments)
        assert (result.code, len(result.err.splitlines())) == (code, 1), result.err
        assert words in result.err
    shutil.rmtree(tmp_path / "runs")
    result = gan("report")
    assert (result.code, result.out) == (2, "")
    assert "no run under runs/ yet" in result.err


def test_no_fault_of_a_page_is_one_of_the_run(gan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: object) -> bytes:
        raise RuntimeError("out of ink\nand paper")

    monkeypatch.setattr("gancli.report.page.render_report", broken)
    result = gan("train", "gan", *TOY, "--set", "data.resolution=8")
    assert result.code == 0
    assert result.err == "no report of runs/gan was written: out of ink; try again: gan report runs/gan\n"
    assert "report:" not in result.out


def test_a_model_that_cannot_draw_leaves_the_rest(gan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("gancli.cli.shared.report_images.open_model", broken)
    assert gan("train", "gan", *TOY, "--set", "data.resolution=8").code == 0
    page = tmp_path / "runs" / "gan" / "report.html"
    assert "The model has generated no images for this page: MemoryError." in page.read_text()
    assert "Losses and discriminator outputs" in headings(page)


def test_heat_maps_are_drawn_on_demand(gan, detector: str, tmp_path: Path) -> None:
    page = tmp_path / detector / "report.html"
    assert f"gan report {detector}` adds them" in page.read_text()
    assert "Anomaly heat maps" not in headings(page)
    result = gan("report")
    assert (result.code, result.err) == (0, "")
    assert "Anomaly heat maps" in headings(page)


def test_enlargements_stand_beside_the_original(gan, toyscale: None, tmp_path: Path) -> None:
    (tmp_path / "big.yaml").write_text(
        "family: toyscale\ndata: {source: digits, resolution: 16}\ntrain: {images: 64}\n"
    )
    assert gan("train", "big.yaml", "--device", "cpu").code == 0
    page = tmp_path / "runs" / "big" / "report.html"
    assert "Upscaled 2 times" in headings(page)
    captions = re.findall(r"<figcaption>([^<]*)</figcaption><img", page.read_text())
    assert captions[-4:] == ["low", "bicubic", "big", "original"]


def test_points_need_no_model(gan, tmp_path: Path) -> None:
    (tmp_path / "ring.yaml").write_text(
        "family: gan\ndata: {source: points, count: 500}\n"
        "model: {generator_widths: [8], discriminator_widths: [8]}\ntrain: {images: 64}\n"
    )
    assert gan("train", "ring.yaml", "--device", "cpu").code == 0
    page = tmp_path / "runs" / "ring" / "report.html"
    assert "Learned distribution in the plane" in headings(page)


def test_there_and_back(gan, tmp_path: Path) -> None:
    pytest.importorskip("gancli_cyclegan")
    small = ["--set", "train.images=8", "--set", "model.channels=4", "--set", "data.resolution=16"]
    result = gan("train", "cyclegan", *small, "--device", "cpu")
    assert result.code == 0, result.err
    page = tmp_path / "runs" / "cyclegan" / "report.html"
    assert {"From a to b and back", "From b to a and back"} <= set(headings(page))


def test_weights_from_elsewhere_have_a_page_too(gan, toy_weights: Path, tmp_path: Path) -> None:
    assert gan("convert", "weights.safetensors", "--family", "toyscale", "--out", "model").code == 0
    result = gan("report", "model")
    assert result.code == 0
    assert result.err.startswith("Images that need input images are missing: model has no recipe")
    assert "gan convert weights.safetensors" in (tmp_path / "model" / "report.html").read_text()
