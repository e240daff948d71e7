"""Output files: what gancli wrote is recognised by its content, links are refused, tables contain no formulas."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from safetensors.numpy import save

from gancli.cli.shared.detection_table import HEADERS
from gancli.errors import UsageError
from gancli.io import outputs
from gancli.io.image_reader import ImageMetadata
from gancli.io.image_writer import write_image
from gancli.io.images import write_png
from gancli.io.outputs import GENERATOR, check_outputs, is_output, write_csv
from gancli.io.video import write_gif, write_mp4
from gancli.report.html import render_page

ORIGIN = {"run": "a", "images": 64, "checkpoint": "0f", "ema": False}

FRAMES = np.arange(3 * 64 * 64, dtype=np.uint8).reshape(3, 64, 64, 1)


def test_files_of_gancli_are_recognised(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", FRAMES[0], metadata=ORIGIN)
    write_image(tmp_path / "8.png", FRAMES[0], ImageMetadata(text={"Comment": "x"}), format="PNG", origin=ORIGIN)
    deep = FRAMES[0].repeat(3, axis=2).astype(np.uint16)
    write_image(tmp_path / "16.png", deep, ImageMetadata(icc=b"profile" * 1000), format="PNG", origin=ORIGIN)
    write_gif(tmp_path / "a.gif", FRAMES, metadata={**ORIGIN, "keys": list(range(500))})
    (tmp_path / "a.safetensors").write_bytes(save({"z": np.zeros(2)}, {"gancli": json.dumps(ORIGIN)}))
    page = render_page("images.html.jinja", title="t", sections=[])
    assert page.count(GENERATOR) == 1
    (tmp_path / "a.html").write_text(page)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files if is_output(file)] == [file.name for file in files]
    check_outputs(files)


def test_a_video_of_gancli_is_recognised(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    write_mp4(tmp_path / "a.mp4", FRAMES, metadata=ORIGIN)
    assert is_output(tmp_path / "a.mp4")
    with av.open(str(tmp_path / "b.mp4"), "w") as container:
        container.metadata["comment"] = "holiday"
        stream = container.add_stream("h264", rate=20)
        stream.height, stream.width, stream.pix_fmt = 64, 64, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(FRAMES[0].repeat(3, axis=2), format="rgb24")))
        container.mux(stream.encode())
    assert not is_output(tmp_path / "b.mp4")


def test_files_of_others_are_kept_unless_forced(tmp_path: Path) -> None:
    image = Image.new("L", (8, 8))
    other = PngImagePlugin.PngInfo()
    other.add_text("gancli2", "x")
    other.add_text("Comment", "gancli\0")
    image.save(tmp_path / "a.png", pnginfo=other)
    image.save(tmp_path / "a.gif", comment=b'{"run": "a"}')
    image.save(tmp_path / "b.gif")
    image.save(tmp_path / "a.jpg")
    (tmp_path / "a.html").write_text("<html><head><title>gancli</title></head></html>")
    (tmp_path / "a.safetensors").write_bytes(save({"z": np.zeros(2)}, {"format": "pt"}))
    (tmp_path / "b.safetensors").write_bytes(save({"z": np.zeros(2)}))
    (tmp_path / "a.csv").write_text("image,score,mine\n")
    (tmp_path / "b.csv").write_text("image,label\na.png,0\n")
    (tmp_path / "half.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    (tmp_path / "empty").touch()
    (tmp_path / "deep").write_bytes((200_000).to_bytes(8, "little") + b"[" * 200_000)
    for file in sorted(tmp_path.iterdir()):
        assert not is_output(file, HEADERS), file
        with pytest.raises(UsageError) as caught:
            check_outputs([tmp_path / "new", file], headers=HEADERS)
        assert str(caught.value) == (
            f"{file} exists, and gan did not write it; choose another --out, or overwrite it with --force"
        )
        check_outputs([file], force=True)
        check_outputs([file], own=True)


@pytest.mark.parametrize("own", [False, True])
def test_only_regular_files_are_written(tmp_path: Path, own: bool) -> None:
    write_png(tmp_path / "own.png", FRAMES[0], metadata=ORIGIN)
    (tmp_path / "link.png").symlink_to("own.png")
    (tmp_path / "dangling.png").symlink_to("nothing")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "elsewhere").symlink_to(tmp_path / "folder.png")
    os.mkfifo(tmp_path / "pipe.png")
    for name, words in {
        "link.png": "link.png is a symbolic link, and nothing is written through links",
        "dangling.png": "dangling.png is a symbolic link",
        "elsewhere/new.png": "elsewhere is a symbolic link",
        "folder.png": "folder.png is a directory, not a file",
        "pipe.png": "pipe.png is a device, a pipe or a socket, not a file",
        "own.png/new.png": "own.png is not a directory",
    }.items():
        with pytest.raises(UsageError, match=f"{words}.*; choose another --out$"):
            check_outputs([tmp_path / name], force=True, own=own, below=tmp_path)
    check_outputs([tmp_path / "new/folder/a.png"], below=tmp_path)
    check_outputs([tmp_path / "elsewhere" / "a.png"])  # the user has named this directory
    for place in (Path("."), Path("/"), tmp_path):
        with pytest.raises(UsageError, match="is a directory, not a file"):
            check_outputs([place], force=True)


def test_two_devices_take_tables_and_nothing_else() -> None:
    for device in map(Path, ("/dev/null", "/dev/stdout")):
        check_outputs([device], option="--csv")
        with pytest.raises(UsageError):
            check_outputs([device], force=True)
    with pytest.raises(UsageError, match=r"/dev/zero is a device.*; choose another --csv"):
        check_outputs([Path("/dev/zero")], option="--csv", force=True)


def test_no_file_takes_the_place_of_a_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other names stand for the devices: a mistake must not replace those of the machine."""
    assert (Path("/dev/null"), Path("/dev/stdout")) == (outputs.NOTHING, outputs.STANDARD_OUTPUT)
    for name in ("NOTHING", "STANDARD_OUTPUT"):
        monkeypatch.setattr(outputs, name, tmp_path / name)
        write_csv(tmp_path / name, ["a", "b"], [{"a": "=1", "b": -2}])
    assert capsys.readouterr().out == "a,b\n'=1,-2\n"
    assert not list(tmp_path.iterdir())


def test_texts_are_no_formulas_and_numbers_stay_numbers(tmp_path: Path) -> None:
    texts = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "a=1", "'=1", "", 'say "hi", ok', "a\nb", "\udcff"]
    numbers = [-1.5, 0.1, -3, 1e-300, 7, 0, 1, 2, 3, 4, 5, -0.0]
    rows = [{"text": text, "number": number} for text, number in zip(texts, numbers, strict=True)]
    write_csv(tmp_path / "sub" / "a.csv", ["text", "number"], rows)
    with open(tmp_path / "sub" / "a.csv", encoding="utf-8", newline="") as handle:
        header, *cells = csv.reader(handle)
    assert header == ["text", "number"]
    assert [text for text, _ in cells] == [
        *("'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\t=1", "'\r=1"),
        *("a=1", "'=1", "", 'say "hi", ok', "a\nb", "\\udcff"),
    ]
    assert [number for _, number in cells] == [str(number) for number in numbers]


def test_every_table_of_detection_is_recognised(tmp_path: Path) -> None:
    assert len(HEADERS) == 8
    assert {"image,score", "image,score,anomalous,label,map"} < HEADERS
    for header in HEADERS:
        (tmp_path / "a.csv").write_text(f"{header}\na.png,1\n")
        check_outputs([tmp_path / "a.csv"], headers=HEADERS)
