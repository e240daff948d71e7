"""Matplotlib figures: layout shared by all figures, densities on a line, and scatter plots of points in the plane.

Matplotlib is an optional dependency (the extra `plots`). Figures do not use pyplot, whose state is global; equal data
give equal bytes. Colours are those of Okabe and Ito, which colour-blind people can distinguish; dashes differ too.
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

_OPTIMUM: Mapping[str, Any] = {"color": VERMILION, "linestyle": "-.", "linewidth": 1, "label": "best D*(x)"}

_POINTS: Mapping[str, Any] = {"color": VERMILION, "alpha": 0.5, "linewidths": 0}


@dataclass(frozen=True, kw_only=True)
class LinePanel:
    """A model of points on a line.

    Args:
        title: shown above the panel.
        curves: densities and discriminators.
        arrows: (K, 2), pairs of z and x = G(z), for a latent space of one dimension; or None.
        ticks: (N,), samples to mark on the axis; or None.
    """

    title: str
    curves: Curves
    arrows: Numbers | None = None
    ticks: Numbers | None = None


@dataclass(frozen=True, kw_only=True)
class PlanePanel:
    """A model of points in the plane: title of the panel, and generated points (N, 2)."""

    title: str
    points: Numbers


def require() -> None:
    """Check that matplotlib is installed.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise UsageError("figures need matplotlib, which is not installed: pip install 'gancli[plots]'") from None


@contextmanager
def new_figure(count: int, *, width: float, height: float) -> Iterator[Figure]:
    """Create an empty figure for `count` panels of the given size in inches; a single panel is 1.5 times as large.

    Inside the context, matplotlib's default style replaces the user's settings.
    """
    require()
    from matplotlib import style
    from matplotlib.figure import Figure

    rows, columns = _grid(count)
    scale = 1.5 if count == 1 else 1.0
    size = (scale * width * columns, scale * height * rows + 0.3)
    with style.context(["default", {"font.size": 9, "axes.titlesize": 10, "legend.frameon": False}]):
        yield Figure(figsize=size, dpi=DPI, layout="constrained")


def subplot_cells(figure: Figure, count: int) -> list[Any]:
    """Return the grid cells of `count` panels, for `figure.add_subplot`."""
    rows, columns = _grid(count)
    grid = figure.add_gridspec(rows, columns)
    return [grid[index // columns, index % columns] for index in range(count)]


def add_legend(figure: Figure) -> None:
    """Add one legend below all panels, with each label once."""
    entries: dict[str, Artist] = {}
    for axes in figure.axes:
        handles, labels = axes.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
    look: Mapping[str, Any] = {"ncols": len(entries), "columnspacing": 1.2, "handlelength": 1.8}
    legend = figure.legend(list(entries.values()), list(entries), loc="outside lower center", **look)
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1)


def to_pixels(figure: Figure) -> Pixels:
    """Render the figure as bytes (height, width, 3)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)  # untyped
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def densities(panels: Sequence[LinePanel]) -> Pixels:
    """Plot panels side by side, as figure 1 of Goodfellow et al. 2014: densities on the left axis, D on the right.

    The left axes are shared and end at 2.5 times the data's peak, so that a collapsed generator leaves it readable.
    """
    arrows = any(panel.arrows is not None for panel in panels)
    top = 2.5 * max(panel.curves.data.max() for panel in panels)
    highest = max(max(panel.curves.data.max(), panel.curves.generated.max()) for panel in panels)
    output_range = _output_range([panel.curves for panel in panels])
    with new_figure(len(panels), width=3.6, height=3.9 if arrows else 3.1) as figure:
        for index, (cell, panel) in enumerate(zip(subplot_cells(figure, len(panels)), panels, strict=True)):
            upper, lower = _split(figure, cell) if arrows else (figure.add_subplot(cell), None)
            upper.set_title(panel.title)
            upper.set_ylim(0, min(top, 1.08 * highest))
            right = _plot_curves(upper, panel, output_range)
            if lower is not None:
                _plot_arrows(lower, panel)
            (lower or upper).set_xlabel("x")
            _label_ends_of_row(upper, right, index, len(panels))
        add_legend(figure)
        return to_pixels(figure)


def scatters(panels: Sequence[PlanePanel], data: Numbers, *, limits: tuple[float, float, float, float]) -> Pixels:
    """Plot panels side by side: generated points in colour over data in grey.

    Args:
        panels: models to plot.
        data: (M, 2), points of the data, the same in every panel.
        limits: left, right, bottom and top of the plotted area.
    """
    with new_figure(len(panels), width=3.5, height=4.0) as figure:
        for index, (cell, panel) in enumerate(zip(subplot_cells(figure, len(panels)), panels, strict=True)):
            axes = figure.add_subplot(cell)
            axes.set_title(panel.title)
            axes.scatter(data[:, 0], data[:, 1], s=10, label="data", color=GREY, linewidths=0)
            size = 6 if len(panel.points) > 200 else 16
            axes.scatter(panel.points[:, 0], panel.points[:, 1], s=size, label="generated", **_POINTS)
            axes.set(xlim=limits[:2], ylim=limits[2:], xlabel="$x_1$", aspect="equal")
            if index % _grid(len(panels))[1] == 0:
                axes.set_ylabel("$x_2$")
            else:
                axes.tick_params(labelleft=False)
        add_legend(figure)
        return to_pixels(figure)


def _grid(count: int) -> tuple[int, int]:
    """Return rows and columns: the fewest rows, filled as evenly as possible."""
    rows = math.ceil(count / COLUMNS)
    return rows, math.ceil(count / rows)


def _split(figure: Figure, cell: Any) -> tuple[Axes, Axes]:
    inner = cell.subgridspec(2, 1, height_ratios=(4, 1), hspace=0)
    upper = figure.add_subplot(inner[0])
    upper.tick_params(labelbottom=False)
    return upper, figure.add_subplot(inner[1], sharex=upper)


def _output_range(all_curves: Sequence[Curves]) -> tuple[float, float]:
    """Return (0, 1), extended to the outputs of discriminators that are not probabilities."""
    outputs = [curve for curves in all_curves for curve in (curves.discriminator, curves.optimum) if curve is not None]
    values = np.concatenate([curve[np.isfinite(curve)] for curve in outputs] or [np.zeros(1)])
    low, high = float(min(0.0, values.min())), float(max(1.0, values.max()))
    padding = 0.05 * (high - low)
    return (low - padding if low < 0 else 0.0), high + padding


def _label_ends_of_row(left: Axes, right: Axes | None, index: int, count: int) -> None:
    """Label only the axes at the ends of a row, since all panels have the same scales."""
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


def _plot_curves(axes: Axes, panel: LinePanel, output_range: tuple[float, float]) -> Axes | None:
    """Return the axes of the discriminators; None if there are none."""
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
    right.set_ylim(output_range)
    for curve, look in ((curves.discriminator, _LEARNED), (curves.optimum, _OPTIMUM)):
        if curve is not None:
            right.plot(curves.x, curve, **look)
    return right


def _plot_arrows(axes: Axes, panel: LinePanel) -> None:
    """Plot the two lines below the densities: z at the bottom, spread over the width, and arrows from z to x = G(z)."""
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
