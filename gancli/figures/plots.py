"""Figures for a person to read: what a GAN learns of a distribution that is known.

They are drawn with matplotlib, which the extra `plots` brings: most runs never use it. Everything is drawn on canvases
of its own, never through pyplot, whose figures are global; the same numbers give the same bytes. Colours are Okabe and
Ito's, which colour-blind people tell apart; lines differ in their dashes too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gancli.errors import UsageError
from gancli.metrics.densities import Curves

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gancli.io.images import Pixels


Numbers = npt.NDArray[np.float64]

DPI = 120

COLUMNS = 4

BLACK, GREY, BLUE, GREEN, VERMILION = "#000000", "#999999", "#0072B2", "#009E73", "#D55E00"

_DATA: Mapping[str, Any] = {"color": BLACK, "linestyle": ":", "linewidth": 2, "label": "data p"}

_GENERATED: Mapping[str, Any] = {"color": GREEN, "linestyle": "-", "linewidth": 2, "label": "generated q"}

_LEARNED: Mapping[str, Any] = {"color": BLUE, "linestyle": "--", "linewidth": 1.5, "label": "D(x)"}

_BEST: Mapping[str, Any] = {"color": VERMILION, "linestyle": "-.", "linewidth": 1, "label": "best D*(x)"}

_POINTS: Mapping[str, Any] = {"color": VERMILION, "alpha": 0.5, "linewidths": 0}


@dataclass(frozen=True, kw_only=True)
class LinePanel:
    """One moment of a GAN on a line.

    Args:
        title: above the panel.
        curves: densities and discriminators.
        arrows: (K, 2), pairs of z and the x = G(z) that it becomes, for a latent space of one dimension; or None.
        ticks: (N,) single samples, marked on the axis; or None.
    """

    title: str
    curves: Curves
    arrows: Numbers | None = None
    ticks: Numbers | None = None


@dataclass(frozen=True, kw_only=True)
class PlanePanel:
    """One moment of a GAN in the plane: its title, and generated points (N, 2)."""

    title: str
    points: Numbers


@dataclass(frozen=True, kw_only=True)
class MetricCurve:
    """A number through training.

    Args:
        title: above the panel.
        images: (M,), training images shown.
        values: (M,).
        level: what it is compared with, drawn across; None: nothing.
        level_name: of that.
        best: images shown at the best moment; None: none is marked.
    """

    title: str
    images: Numbers
    values: Numbers
    level: float | None = None
    level_name: str = ""
    best: int | None = None


def require() -> None:
    """Sees to it that there is something to draw with.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise UsageError(
            "figures are drawn with matplotlib, which is not installed: pip install 'gancli[plots]'"
        ) from None


def metric_curves(panels: Sequence[MetricCurve]) -> Pixels:
    """Panels side by side, each a curve over the training images shown."""
    with _figure(len(panels), width=3.6, height=2.8) as figure:
        for spot, panel in zip(_spots(figure, len(panels)), panels, strict=True):
            axes = figure.add_subplot(spot)
            axes.set_title(panel.title)
            axes.plot(panel.images, panel.values, color=BLUE, marker="o", markersize=3, linewidth=1.5)
            if panel.level is not None:
                axes.axhline(panel.level, color=BLACK, linestyle=":", linewidth=1.5, label=panel.level_name)
            if panel.best is not None:
                axes.axvline(panel.best, color=VERMILION, linestyle="--", linewidth=1, label="best checkpoint")
            axes.set_xlabel("images shown")
            axes.ticklabel_format(axis="x", style="sci", scilimits=(0, 3))
        if any(axes.get_legend_handles_labels()[0] for axes in figure.axes):
            _add_legend(figure)
        return _pixels(figure)


def densities(panels: Sequence[LinePanel]) -> Pixels:
    """Panels side by side, each as figure 1 of Goodfellow et al. 2014: densities to the left axis, D to the right.

    The left axes are alike and end at 2.5 times the data's peak, so that a collapsed generator leaves it readable.
    """
    arrows = any(panel.arrows is not None for panel in panels)
    top = 2.5 * max(panel.curves.data.max() for panel in panels)
    highest = max(max(panel.curves.data.max(), panel.curves.generated.max()) for panel in panels)
    answers = _answers_range([panel.curves for panel in panels])
    with _figure(len(panels), width=3.6, height=3.9 if arrows else 3.1) as figure:
        for index, (spot, panel) in enumerate(zip(_spots(figure, len(panels)), panels, strict=True)):
            upper, lower = _split(figure, spot) if arrows else (figure.add_subplot(spot), None)
            upper.set_title(panel.title)
            upper.set_ylim(0, min(top, 1.08 * highest))
            right = _draw_curves(upper, panel, answers)
            if lower is not None:
                _draw_arrows(lower, panel)
            (lower or upper).set_xlabel("x")
            _label_ends_of_row(upper, right, index, len(panels))
        _add_legend(figure)
        return _pixels(figure)


def scatters(panels: Sequence[PlanePanel], data: Numbers, *, limits: tuple[float, float, float, float]) -> Pixels:
    """Panels side by side: generated points in colour over the data's (M, 2) in grey.

    Args:
        panels: the moments.
        data: points of the data, the same in every panel.
        limits: left, right, bottom and top of what is shown.
    """
    with _figure(len(panels), width=3.5, height=4.0) as figure:
        for index, (spot, panel) in enumerate(zip(_spots(figure, len(panels)), panels, strict=True)):
            axes = figure.add_subplot(spot)
            axes.set_title(panel.title)
            axes.scatter(data[:, 0], data[:, 1], s=10, label="data", color=GREY, linewidths=0)
            size = 6 if len(panel.points) > 200 else 16
            axes.scatter(
                panel.points[:, 0],
                panel.points[:, 1],
                s=size,
                color=VERMILION,
                alpha=0.5,
                linewidths=0,
                label="generated",
            )
            axes.set(xlim=limits[:2], ylim=limits[2:], xlabel="$x_1$", aspect="equal")
            if index % _grid(len(panels))[1] == 0:
                axes.set_ylabel("$x_2$")
            else:
                axes.tick_params(labelleft=False)
        _add_legend(figure)
        return _pixels(figure)


@contextmanager
def _figure(count: int, *, width: float, height: float) -> Iterator[Figure]:
    """An empty figure for so many panels, of so many inches each; a single one is half as large again.

    Matplotlib's own style is used, whatever the user's settings say, while the figure is filled and drawn.
    """
    require()
    from matplotlib import style
    from matplotlib.figure import Figure

    rows, columns = _grid(count)
    scale = 1.5 if count == 1 else 1.0
    size = (scale * width * columns, scale * height * rows + 0.3)
    with style.context(["default", {"font.size": 9, "axes.titlesize": 10, "legend.frameon": False}]):
        yield Figure(figsize=size, dpi=DPI, layout="constrained")


def _spots(figure: Figure, count: int) -> list[Any]:
    rows, columns = _grid(count)
    grid = figure.add_gridspec(rows, columns)
    return [grid[index // columns, index % columns] for index in range(count)]


def _grid(count: int) -> tuple[int, int]:
    """Rows and columns: as few rows as there can be, filled as evenly as they can be."""
    rows = math.ceil(count / COLUMNS)
    return rows, math.ceil(count / rows)


def _split(figure: Figure, spot: Any) -> tuple[Axes, Axes]:
    inner = spot.subgridspec(2, 1, height_ratios=(4, 1), hspace=0)
    upper = figure.add_subplot(inner[0])
    upper.tick_params(labelbottom=False)
    return upper, figure.add_subplot(inner[1], sharex=upper)


def _answers_range(all_curves: Sequence[Curves]) -> tuple[float, float]:
    """From 0 to 1, or from the lowest to the highest answer of any discriminator where these are no probabilities."""
    answers = [curve for curves in all_curves for curve in (curves.discriminator, curves.optimum) if curve is not None]
    seen = np.concatenate([curve[np.isfinite(curve)] for curve in answers] or [np.zeros(1)])
    low, high = float(min(0.0, seen.min())), float(max(1.0, seen.max()))
    spare = 0.05 * (high - low)
    return (low - spare if low < 0 else 0.0), high + spare


def _label_ends_of_row(left: Axes, right: Axes | None, index: int, count: int) -> None:
    """The scales of all panels are alike, so those at the ends of a row speak for the others."""
    _, columns = _grid(count)
    if index % columns == 0:
        left.set_ylabel("density")
    else:
        left.tick_params(labelleft=False)
    if right is not None:
        if index % columns == columns - 1 or index == count - 1:
            right.set_ylabel("discriminator")
        else:
            right.tick_params(labelright=False)


def _draw_curves(axes: Axes, panel: LinePanel, answers: tuple[float, float]) -> Axes | None:
    """Returns the axes of the discriminators, if there are any."""
    curves = panel.curves
    axes.set_xlim(curves.x[0], curves.x[-1])
    axes.plot(curves.x, curves.data, **_DATA)
    axes.plot(curves.x, curves.generated, **_GENERATED)
    if panel.ticks is not None:
        heights = np.zeros(len(panel.ticks))
        axes.plot(panel.ticks, heights, "|", color=GREEN, markersize=12, markeredgewidth=1, label="samples")
    if curves.discriminator is None and curves.optimum is None:
        return None
    right = axes.twinx()
    right.set_ylim(answers)
    for curve, look in ((curves.discriminator, _LEARNED), (curves.optimum, _BEST)):
        if curve is not None:
            right.plot(curves.x, curve, **look)
    return right


def _draw_arrows(axes: Axes, panel: LinePanel) -> None:
    """The two lines under the figure of 2014: z below, spread over the width, and what the generator makes of it."""
    axes.set(yticks=[0, 1], yticklabels=["z", "x"], ylim=(-0.15, 1.15))
    axes.grid(axis="y", color=BLACK, linewidth=0.8)
    for side in ("left", "right", "top", "bottom"):
        axes.spines[side].set_visible(False)
    if panel.arrows is None:
        return
    z, x = panel.arrows.T
    left, right = panel.curves.x[0], panel.curves.x[-1]
    middle, spread = (z[0] + z[-1]) / 2, max(z[-1] - z[0], 1e-9)
    starts = (left + right) / 2 + (z - middle) / spread * 0.9 * (right - left)
    here, there = np.zeros(len(z)), np.ones(len(z))
    look: Mapping[str, Any] = {"color": GREEN, "units": "inches", "width": 0.012, "headwidth": 5}
    axes.quiver(starts, here, x - starts, there, angles="xy", scale_units="xy", scale=1, **look)


def _add_legend(figure: Figure) -> None:
    """One below all panels, with every label once."""
    found: dict[str, Artist] = {}
    for axes in figure.axes:
        handles, labels = axes.get_legend_handles_labels()
        found |= dict(zip(labels, handles, strict=True))
    look: Mapping[str, Any] = {"ncols": len(found), "columnspacing": 1.2, "handlelength": 1.8}
    legend = figure.legend(list(found.values()), list(found), loc="outside lower center", **look)
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1)


def _pixels(figure: Figure) -> Pixels:
    """The figure as bytes (height, width, 3)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)  # which is not typed
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()
