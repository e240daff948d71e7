"""The report page of a run: complete, within its size limit, and inert for any content of the run (promise S9)."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gancli.io.images import Pixels, write_png
from gancli.report import page as page_module
from gancli.report.images import ImageBlock, ImageSection
from gancli.report.page import LIMIT, render_report
from gancli.report.run_data import load_run_data
from gancli.runs.run import Run

VOID = {"meta", "link", "input", "img"}

ACTIVE = {"iframe", "frame", "object", "embed", "applet", "base", "form", "audio", "video", "source", "image", "use"}

PAYLOADS = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</pre></code><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "'><img src=x onerror=alert(1)>",
    '" onload="alert(1)',
    "' onfocus='alert(1)' autofocus='",
    '" autofocus tabindex=1 onfocus=alert(1) x="',
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<iframe src=javascript:alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "<link rel=stylesheet href=//example.com/x.css>",
    "<base href=//example.com/>",
    '<meta http-equiv="refresh" content="0;url=//example.com">',
    "<form action=//example.com><input type=submit>",
    "<object data=//example.com>",
    "<embed src=//example.com>",
    "<style>@import '//example.com/x.css';</style>",
    "<!--<script>alert(1)</script>-->",
    "]]><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "\u202e\u0000<b>\u2028</b>",
]


class Reader(HTMLParser):
    """Parse a page; check that its elements are nested correctly and that no attribute is active."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.scripts: list[str] = []
        self.texts: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ACTIVE, tag
        given = dict(attrs)
        assert len(given) == len(attrs)
        assert not any(name.startswith("on") or name == "style" for name in given), given
        for name in {"src", "href"} & set(given):
            assert (given[name] or "").startswith(("data:image/", "data:,", "#")), given
        self.elements.append((tag, given))
        self.ids += [given["id"] or ""] if "id" in given else []
        self.targets += [given[name] or "" for name in ("for", "aria-labelledby", "aria-describedby") if name in given]
        self.targets += [(given["href"] or "")[1:]] if (given.get("href") or "").startswith("#") else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        (self.scripts if self.open and self.open[-1] == "script" else self.texts).append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def read(content: bytes) -> Reader:
    """Parse a page and check the properties of every page."""
    assert len(content) < LIMIT
    reader = Reader(content.decode())
    assert len(reader.ids) == len(set(reader.ids))
    assert set(reader.targets) <= set(reader.ids)
    assert all((given.get("alt") or "").strip() for tag, given in reader.elements if tag == "img")
    assert len(reader.scripts) == 1
    policy = next(given["content"] for _, given in reader.elements if given.get("http-equiv"))
    assert b64encode(hashlib.sha256(reader.scripts[0].encode()).digest()).decode() in (policy or "")
    assert (policy or "").startswith("default-src 'none'; img-src data:;")
    return reader


def run_of(folder: Path, text: str = "plain", *, samples: int = 3, pixels: Pixels | None = None) -> Run:
    """Write a run that contains `text` in every place that it controls."""
    folder.mkdir(parents=True)
    manifest = {
        "family": text,
        "source": text,
        "tasks": ["sample"],
        "images": 300,
        "device": text,
        "seed": 0,
        "fingerprint": text,
        "command": f"gan train {text}",
        "created": text,
        "group": text,
        "versions": {text: text},
        "references": {f"{text}/{text}": 0.5},
        "data": {"kind": "image", "height": text, "width": 8},
        "labels": [text],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    lines = [{"images": 100 * k, "stage": f"{text}{k}", f"{text}/{text}": k / 7, "g/x(y)": k} for k in (1, 2, 3)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    records = [
        {
            "metric": text,
            "value": k,
            "observed": {text: text},
            "protocol": {"images": k, "split": text, "by": text, "chosen": text, text: text},
        }
        for k in (100, 200)
    ]
    (folder / "eval.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder / "recipe.yaml").write_text(f"# {text}\n", errors="replace")
    image = np.full((20, 30, 3), 9, dtype=np.uint8) if pixels is None else pixels
    for place in range(samples):
        write_png(folder / "samples" / f"{place * 100:09d}.png", image, metadata={})
    write_png(folder / "growing.png", image, metadata={})
    write_png(folder / "out" / "metric.png", image, metadata={"metric": text})
    return Run(folder)


def image_sections(text: str = "plain") -> list[ImageSection]:
    block = ImageBlock(name="x", caption=text, pixels=np.zeros((4, 4, 1), dtype=np.uint8))
    return [ImageSection(heading=text, note=text, blocks=[block, block], in_row=True)]


def test_text_that_cannot_be_written_is_left_out_and_said(tmp_path: Path) -> None:
    """Half of a surrogate pair is valid in JSON, but in no file."""
    run_data = load_run_data(run_of(tmp_path / "run", "\ud800"))
    assert run_data.records == []
    assert any("this line is not a measurement" in fault for fault in run_data.faults)
    assert "\ud800" not in render_report(run_data, image_sections("x"), []).decode()


@pytest.mark.parametrize("payload", PAYLOADS)
def test_s9_whatever_a_run_says_of_itself_stays_text(tmp_path: Path, payload: str) -> None:
    name = payload.replace("/", "\u2215").replace("\0", "")[:80]
    run_data = load_run_data(run_of(tmp_path / name, payload))
    reader = read(render_report(run_data, image_sections(payload), [payload]))
    harmless = "x" * len(payload)
    plain = read(
        render_report(load_run_data(run_of(tmp_path / "plain", harmless)), image_sections(harmless), [harmless])
    )
    assert [tag for tag, _ in reader.elements] == [tag for tag, _ in plain.elements]
    assert reader.scripts == plain.scripts
    shown = payload.replace("\0", "\ufffd")
    assert any(shown in text.replace("\0", "\ufffd") for text in reader.texts)


def test_there_are_thirty_payloads() -> None:
    assert len(set(PAYLOADS)) == 30


def test_the_page_has_headings_landmarks_and_labels(tmp_path: Path) -> None:
    reader = read(render_report(load_run_data(run_of(tmp_path / "run")), image_sections()))
    tags = [tag for tag, _ in reader.elements]
    assert [tags.count(tag) for tag in ("h1", "main", "nav", "header", "footer")] == [1, 1, 1, 1, 1]
    levels = [int(tag[1]) for tag in tags if tag in ("h1", "h2", "h3")]
    assert all(later - before <= 1 for before, later in pairwise(levels))
    sliders = [given["id"] for tag, given in reader.elements if given.get("type") == "range"]
    labels = [given["for"] for tag, given in reader.elements if tag == "label"]
    assert sliders == labels == ["moment", "measured-at", "losses-at"]
    assert tags.count("table") == tags.count("caption") > 0
    assert all(given.get("aria-label") for tag, given in reader.elements if given.get("role") in ("img", "region"))
    assert next(given for tag, given in reader.elements if tag == "html") == {"lang": "en"}


def test_a_long_run_with_large_pictures_fits_and_says_what_is_left_out(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    run = run_of(tmp_path / "run", samples=40, pixels=noise)
    lines = [{"images": k, **{f"g/term{n}": k / (n + 1) for n in range(80)}} for k in range(1, 2_000)]
    run.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    reader = read(render_report(load_run_data(run), []))
    texts = " ".join(reader.texts)
    assert "Shows 24 of 40 previews" in texts
    assert "The images are compressed" in texts
    assert "Shows 60 of 80 charts" in texts
    assert sum(tag == "img" for tag, _ in reader.elements) >= 24


def test_pictures_give_way_before_the_limit_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    run_data = load_run_data(run_of(tmp_path / "run", pixels=noise))
    with monkeypatch.context() as patched:
        patched.setattr(page_module, "LIMIT", 100_000)
        assert len(render_report(run_data, [])) < 100_000
    assert len(render_report(run_data, [])) > 300_000


def test_a_young_run_and_a_damaged_one(tmp_path: Path) -> None:
    young = tmp_path / "young"
    young.mkdir()
    (young / "manifest.json").write_text("{}")
    assert "Losses" not in " ".join(read(render_report(load_run_data(Run(young)), [])).texts)
    run = run_of(tmp_path / "run")
    run.metrics.write_bytes(b'{"images": 5, "g/x": 1}\n\xff\xfe{\n[1]\n{"images": -1}\n{"images": 9, "g/x": 2}\n')
    run.evaluations.write_text("no json\n")
    run.timings.mkdir()
    (run.samples / "000000000.png").write_bytes(b"no image")
    (run.path / "growing.png").write_bytes(b"\x89PNG no image")
    run_data = load_run_data(run)
    assert [line["images"] for line in run_data.lines] == [5, 9]
    texts = " ".join(read(render_report(run_data, [])).texts)
    for words in (
        "metrics.jsonl:2 and 2 other lines are damaged",
        "is not a measurement",
        "cannot be read",
        "000000000.png",
    ):
        assert words in texts
