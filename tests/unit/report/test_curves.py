"""Grouping of values into charts, and the rendered charts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gancli.report.chart import BOTTOM, LEFT, RIGHT, TOP, plot
from gancli.report.curves import Chart, Curve, loss_charts, metric_charts, stage_spans
from gancli.report.run_data import RunData, load_run_data
from gancli.runs.run import Run

LINES = [
    {"images": 100, "step": 1, "stage": "4x4", "d/D(G(z))": 0.1, "d/D(x)": 0.9, "d/V(D,G)": -1.0, "g/adversarial": 2.0},
    {"images": 200, "step": 2, "stage": "4x4", "d/D(G(z))": 0.2, "d/D(x)": 0.8, "d/V(D,G)": -1.1, "g/adversarial": 3.0},
    {"images": 400, "step": 4, "stage": "8x8", "d/D(G(z))": 0.4, "d/D(x)": 0.6, "d/V(D,G)": -1.2, "g/adversarial": 1.0},
]


def run_data(
    folder: Path, lines: list[object], references: object = None, records: list[object] | None = None
) -> RunData:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"family": "toy", "references": references}))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "eval.jsonl").write_text("".join(json.dumps(line) + "\n" for line in records or []))
    return load_run_data(Run(folder))


def record(metric: str, value: float, images: int, **protocol: object) -> dict[str, object]:
    return {"metric": metric, "value": value, "protocol": {"images": images, "split": "train", **protocol}}


def test_answers_of_one_network_share_a_chart_and_terms_do_not(tmp_path: Path) -> None:
    charts = loss_charts(run_data(tmp_path / "run", LINES, {"d/D(x)": 0.5, "d/D(G(z))": 0.5, "d/V(D,G)": -1.386}))
    assert [(chart.player, chart.title) for chart in charts] == [
        ("d", "D(G(z)), D(x)"),
        ("d", "V(D,G)"),
        ("g", "adversarial"),
    ]
    assert [curve.optimum for chart in charts for curve in chart.curves] == [0.5, 0.5, -1.386, None]
    assert charts[2].curves[0].points == [(100, 2.0), (200, 3.0), (400, 1.0)]


def test_what_is_no_finite_number_leaves_a_gap(tmp_path: Path) -> None:
    values = [float("nan"), float("inf"), True, "1", None, [1], 10**400, -(10**400), 7]
    lines = [{"images": place, "g/loss": value} for place, value in enumerate(values)]
    (chart,) = loss_charts(run_data(tmp_path / "run", lines, {"g/loss": "0"}))
    assert chart.curves == [Curve(name="loss", points=[(8, 7.0)])]


def test_stages_follow_each_other() -> None:
    assert stage_spans(LINES) == [("4x4", 0, 200), ("8x8", 200, 400)]
    assert stage_spans([]) == []


def test_only_numbers_of_one_protocol_are_a_curve(tmp_path: Path) -> None:
    records = [
        record("swd", 9, 100, samples=50),
        record("swd/real", 1, 100, samples=50),
        record("swd", 5, 200, samples=50),
        record("swd/real", 2, 200, samples=50),
        record("swd", 4, 300, samples=999),
        record("fd", 3, 100),
    ]
    (chart,) = metric_charts(run_data(tmp_path / "run", [], records=records).records)
    assert chart.title == "swd"
    assert [(curve.name, curve.points) for curve in chart.curves] == [
        ("samples", [(100, 9.0), (200, 5.0)]),
        ("real images", [(100, 1.0), (200, 2.0)]),
    ]


def test_a_curve_lies_where_its_values_are() -> None:
    curve = Curve(name="loss", points=[(0, 0.0), (50, 1.0), (100, 0.5)], optimum=0.5)
    text = plot(Chart(player="g", title="loss", curves=[curve]), total=100)
    path = text.partition('<path d="M')[2].partition('"')[0]
    points = [tuple(map(float, point.split())) for point in path.split(" L")]
    assert [x for x, _ in points] == [LEFT, (LEFT + RIGHT) / 2, RIGHT]
    low, high, middle = (y for _, y in points)
    assert BOTTOM > low > middle > high > TOP
    assert middle == pytest.approx((low + high) / 2, abs=0.1)
    assert f'y1="{middle}" y2="{middle}"' in text.partition('class="optimum"')[2]
    assert "loss: 0 at 0 images, 0.5 at 100, between 0 and 1; 0.5 at the optimum." in text
    assert "<output>0.5</output>" in text


def test_a_single_value_is_a_dot_and_many_stay_few() -> None:
    one = plot(Chart(player="g", title="loss", curves=[Curve(name="loss", points=[(9, 1.0)])]), total=0)
    assert "<circle" in one
    many = Curve(name="loss", points=[(place, place % 7) for place in range(50_000)])
    assert len(plot(Chart(player="g", title="loss", curves=[many]), total=50_000)) < 20_000
