"""Files that commands overwrite: their own; others only with --force; nothing through links. Asked before the work."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PIL import Image

OUT = {
    ("sample", "none"): "mine.png",
    ("arithmetic", "none", "1 - 2"): "mine.png",
    ("interpolate", "none"): "mine.gif",
    ("interpolate", "none", "--seeds", "1,2"): "mine.mp4",
    ("inspect", "none"): "mine.png",
    ("inspect", "none", "--seed", "1"): "mine.html",
    ("report", "none"): "mine.html",
    ("translate", "in"): "out/a.png",
    ("project", "in"): "out/a.png",
    ("project", "in", "--steps", "1"): "out/a.safetensors",
    ("detect", "in"): "out/a.png",
    ("detect", "in", "--no-maps"): "mine.csv",
}
"""Commands without a run, so that every question about the model comes too late, and a file each would write."""


def refused(result, *words: str) -> bool:
    return result.code == 2 and result.err.startswith("error: ") and all(word in result.err for word in words)


@pytest.mark.parametrize("command", OUT, ids=" ".join)
def test_a_file_of_another_origin_is_refused_before_the_model_is_opened(gan, tmp_path: Path, command) -> None:
    (tmp_path / "in").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "in" / "a.png")
    file, option = Path(OUT[command]), "--csv" if OUT[command].endswith(".csv") else "--out"
    file.parent.mkdir(exist_ok=True)
    target = "out" if file.parent.name else str(file)
    file.write_text("mine")
    words = f"{file} exists, and gan did not write it; choose another {option}, or overwrite it with --force"
    assert refused(gan(*command, option, target), words)
    forced = gan(*command, option, target, "--force")
    assert forced.code != 0, "there is no run"
    assert "gan did not write it" not in forced.err
    assert file.read_text() == "mine"
    file.rename("target")
    file.symlink_to(tmp_path / "target")
    for force in ([], ["--force"]):
        assert refused(gan(*command, option, target, *force), f"{file} is a symbolic link")
    assert Path("target").read_text() == "mine"


def test_own_files_are_overwritten(gan, unconditional: Path, tmp_path: Path) -> None:
    """Every kind of file, at a given place and at the default one, is written twice."""
    commands = [
        (["sample", "runs/gan", "-n", "2"], "a.png"),
        (["sample", "runs/gan", "-n", "2", "--format", "png"], "folder"),
        (["arithmetic", "runs/gan", "1 - 2"], "a.png"),
        (["interpolate", "runs/gan", "--frames", "5"], "a.gif"),
        (["inspect", "runs/gan"], "a.html"),
        (["inspect", "runs/gan"], "pages"),
        (["report", "runs/gan", "--no-pictures"], "b.html"),
    ]
    for command, out in commands:
        for _ in range(2):
            result = gan(*command, "--out", out)
            assert result.code == 0, result.err
    Path("pages").rename("folder2")
    names = sorted(path.name for path in Path("folder2").iterdir())
    Path("folder2", names[-1]).write_text("mine")
    assert refused(gan("inspect", "runs/gan", "--out", "folder2"), f"folder2/{names[-1]} exists", "--force")
    Path("folder", "seed000001.png").write_text("mine")
    assert refused(gan("sample", "runs/gan", "-n", "2", "--format", "png", "--out", "folder"), "seed000001.png exists")


def test_default_names_in_the_run_belong_to_gan(gan, unconditional: Path, tmp_path: Path) -> None:
    result = gan("sample", "runs/gan", "-n", "2")
    assert result.code == 0, result.err
    file = unconditional / "out" / "samples-seed0-n2.png"
    content = file.read_bytes()
    file.write_text("damaged")
    assert gan("sample", "runs/gan", "-n", "2").code == 0
    assert file.read_bytes() == content
    file.rename(tmp_path / "other.png")
    file.symlink_to(tmp_path / "other.png")
    assert refused(gan("sample", "runs/gan", "-n", "2", "--force"), "samples-seed0-n2.png is a symbolic link")
    (tmp_path / "documents").mkdir()
    (unconditional / "out").rename(tmp_path / "old")
    (unconditional / "out").symlink_to(tmp_path / "documents")
    for command in (
        ["sample", "runs/gan"],
        ["sample", "runs/gan", "--format", "png"],
        ["arithmetic", "runs/gan", "1 - 2"],
        ["interpolate", "runs/gan"],
        ["inspect", "runs/gan"],
        ["project", "runs/gan", "other.png"],
    ):
        assert refused(gan(*command, "--force"), "runs/gan/out is a symbolic link"), command
    measured = gan("eval", "runs/gan", "--metrics", "neighbours", "--samples", "20", "--limit", "20")
    assert refused(measured, "runs/gan/out is a symbolic link")
    assert not list((tmp_path / "documents").iterdir())
    (unconditional / "report.html").unlink()
    (unconditional / "report.html").symlink_to(tmp_path / "other.png")
    assert refused(gan("report", "runs/gan"), "report.html is a symbolic link")


def test_a_table_has_no_formulas_and_is_written_again(gan, detector: str, tmp_path: Path, monkeypatch) -> None:
    Image.new("L", (8, 8), 250).save(tmp_path / "=1+1.png")
    Image.new("L", (8, 8), 130).save(tmp_path / "b.png")
    for options in ([], ["--threshold", "0.5"]):
        result = gan("detect", "=1+1.png", "b.png", "--csv", "table.csv", "--no-maps", *options)
        assert result.code == 0, result.err
    with open("table.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [(row["image"], row["anomalous"]) for row in rows] == [("'=1+1.png", "1"), ("b.png", "0")]
    Path("labels.csv").write_text("'=1+1.png,1\nb.png,0\n")
    monkeypatch.setattr("gancli.io.outputs.STANDARD_OUTPUT", Path("stdout"))  # a mistake must not replace the device
    result = gan("detect", "=1+1.png", "b.png", "--labels", "labels.csv", "--csv", "stdout", "--no-maps")
    assert result.code == 0, result.err
    assert "image,score,label\n'=1+1.png,0.96" in result.out
    maps = Path(detector) / "out" / "detected"
    maps.mkdir(parents=True)
    (maps / "b.png").symlink_to(tmp_path / "b.png")
    assert refused(gan("detect", "=1+1.png", "--out", str(tmp_path)), "would be overwritten")
    assert refused(gan("detect", "=1+1.png", "b.png"), "b.png")


def test_upscaling_writes_through_no_link(gan, toy_weights: Path, tmp_path: Path) -> None:
    assert gan("convert", "weights.safetensors", "--family", "toyscale").code == 0
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    Path("out").mkdir()
    Path("out/a.png").symlink_to(tmp_path / "nothing")
    result = gan("upscale", "a.png", "--out", "out", "--skip-existing")
    assert refused(result, "out/a.png is a symbolic link")
    assert gan("upscale", "a.png", "--out", "out").code == 0
    assert Path("out/a-2.png").is_file()
    assert not Path("nothing").exists()


def test_help_shows_every_bracket(gan) -> None:
    result = gan("interpolate", "--help")
    assert "gancli[video]" in result.out


def test_no_help_text_is_taken_for_markup() -> None:
    r"""Rich leaves out words in brackets that could be a style; `\[` is a bracket."""
    import typer
    from rich.text import Text

    from gancli.cli.app import app

    waiting, texts = [typer.main.get_command(app)], []
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        texts += [command.help, command.epilog, *(getattr(parameter, "help", None) for parameter in command.params)]
    shown = [text for text in texts if text]
    assert len(shown) > 150
    for text in shown:
        assert Text.from_markup(text).plain == text.replace("\\[", "["), text
