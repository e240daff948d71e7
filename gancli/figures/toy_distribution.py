"""Figures of models of a known distribution of points: evaluation, JSON, and plots of one or all previews of a run.

`samples/<images>.png` is the figure of a preview, and `samples/<images>.json` contains its numbers. `densities.png` (on
a line) or `modes.png` (in the plane) is plotted from all JSON files each time, so that it is complete for resumed runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gancli.data.mixture import Mixture
from gancli.errors import DataError
from gancli.family.context import Context, Nets
from gancli.family.contract import Family
from gancli.family.tasks import Discriminates, KnowsOptimum, Samples
from gancli.figures import plots
from gancli.inference.model import Model
from gancli.io.files import disk_errors, write_atomically
from gancli.io.images import Pixels, write_png
from gancli.io.input_files import read_json_object
from gancli.metrics import densities, modes
from gancli.metrics.densities import Curves
from gancli.metrics.modes import Coverage
from gancli.runs.run import Run
from gancli.runtime.random import fork_torch_rng, make_generator

Numbers = npt.NDArray[np.float64]

BATCH = 10_000

PLOTTED_POINTS = 1_000

ARROWS = 15

MAX_PANELS = 8

_VALUE_NAME = "V(D,G)"  # families that log it use the loss of 2014, whose discriminator outputs a probability

_MIN_DENSITY = 0.01  # share of the data's peak; if both densities are lower, the estimated optimum is noise


@dataclass(frozen=True, kw_only=True)
class DensityResult:
    """Evaluation of a model of points with one coordinate.

    Args:
        curves: densities and discriminators.
        arrows: (K, 2), z at equal steps of probability and G(z); None if z has more than one dimension.
        gap: maximum of |D - D*|, see `densities.optimum_gap`.
        value: V(D, G) of the loss of 2014; None for other losses.
        outside: share of generated points outside the range of the curves.
    """

    curves: Curves
    arrows: Numbers | None
    gap: float | None
    value: float | None
    outside: float

    @property
    def caption(self) -> str:
        gap = "" if self.gap is None else f"max |D - D*| {self.gap:.3f}"
        value = "" if self.value is None else f"V(D,G) {self.value:.3f}"
        outside = "" if self.outside < 0.01 else f"{self.outside:.0%} of the points lie beside the figure"
        return ", ".join(part for part in (gap, value, outside) if part)

    def to_json(self) -> dict[str, Any]:
        numbers = {"gap": self.gap, "value": self.value, "beside": self.outside, "samples": densities.SAMPLES}
        arrows = None if self.arrows is None else densities.to_json_list(self.arrows)
        return {**numbers, "arrows": arrows, "curves": self.curves.to_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> DensityResult:
        return cls(
            curves=Curves.from_json(values["curves"]),
            arrows=None if values["arrows"] is None else np.array(values["arrows"], dtype=np.float64),
            gap=values["gap"],
            value=values["value"],
            outside=values["beside"],
        )


@dataclass(frozen=True, kw_only=True)
class ModeResult:
    """Evaluation of a model of points with two or more coordinates.

    Args:
        coverage: coverage of the modes of the mixture.
        points: (N, 2), the first two coordinates of some generated points.
    """

    coverage: Coverage
    points: Numbers

    @property
    def caption(self) -> str:
        coverage = self.coverage
        return f"{coverage.covered} of {coverage.total} modes, {coverage.high_quality:.0%} of high quality"

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self.coverage), "points": densities.to_json_list(self.points)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ModeResult:
        coverage = Coverage(**{name: values[name] for name in Coverage.__dataclass_fields__})
        return cls(coverage=coverage, points=np.array(values["points"], dtype=np.float64))


ToyResult = DensityResult | ModeResult


@torch.no_grad()
def evaluate(family: Family[Any], nets: Nets, mixture: Mixture, ctx: Context, *, labels: int) -> ToyResult:
    """Compare networks, in eval mode, with the distribution that they were trained on.

    Args:
        family: family that samples.
        nets: networks of the family.
        mixture: distribution of the data.
        ctx: context for the latents of `densities.SAMPLES` points on a line, or `modes.SAMPLES` in the plane.
        labels: number of labels that the family reads, used in turn; 0 for none.
    """
    if mixture.dimensions > 1:
        points, _ = generate(family, nets, ctx, count=modes.SAMPLES, labels=labels)
        return ModeResult(coverage=modes.coverage(points, mixture), points=points[:PLOTTED_POINTS, :2])
    points, z = generate(family, nets, ctx, count=densities.SAMPLES, labels=labels)
    curves = _curves(family, nets, mixture, points[:, 0], ctx.device, labels)
    has_value = any(name.endswith(_VALUE_NAME) for name in family.optimum_values)
    return DensityResult(
        curves=curves,
        arrows=_arrows(z[:, 0], points[:, 0]) if z[0].size == 1 else None,
        gap=densities.optimum_gap(curves),
        value=densities.game_value(curves) if has_value else None,
        outside=float(1 - ((points >= curves.x[0]) & (points <= curves.x[-1])).mean()),
    )


def generate(family: Family[Any], nets: Nets, ctx: Context, *, count: int, labels: int) -> tuple[Numbers, Numbers]:
    """Return generated points (count, dimensions) and their latents (count, ...); labels are used in turn."""
    assert isinstance(family, Samples)
    points, latents = [], []
    for start in range(0, count, BATCH):
        z = family.latent(min(BATCH, count - start), ctx)
        label = (torch.arange(len(z), device=ctx.device) + start) % labels if labels else None
        points.append(_to_numpy(family.sample(nets, z, label).flatten(1)))
        latents.append(_to_numpy(z))
    return np.concatenate(points), np.concatenate(latents)


def plot(results: Sequence[tuple[str, ToyResult]], mixture: Mixture, *, samples: Numbers | None = None) -> Pixels:
    """Plot results of one kind side by side.

    Args:
        results: titles and results, at least one.
        mixture: distribution of the data.
        samples: points (N, dimensions) to plot instead of the result's own points in the plane, or to mark on a line.
    """
    ticks = None if samples is None else samples[:, 0]
    density_panels = [
        plots.LinePanel(title=title, curves=result.curves, arrows=result.arrows, ticks=ticks)
        for title, result in results
        if isinstance(result, DensityResult)
    ]
    if density_panels:
        return plots.densities(density_panels)
    panels = [
        plots.PlanePanel(title=title, points=result.points if samples is None else samples[:, :2])
        for title, result in results
        if isinstance(result, ModeResult)
    ]
    data, _ = mixture.sample(modes.SAMPLES, np.random.default_rng(0))
    return plots.scatters(panels, data[:, :2], limits=_limits(mixture))


def plot_model(model: Model, samples: Tensor, *, seed: int, truncation: float | None) -> Pixels:
    """Plot a trained model of points.

    Args:
        model: model with a `mixture`.
        samples: points (N, dimensions, 1, 1) to plot.
        seed: seed of the points that are evaluated.
        truncation: as in `Context`.
    """
    assert model.mixture is not None
    generator = make_generator(model.device, seed)
    context = Context(device=model.device, generator=generator, truncation=truncation)
    with fork_torch_rng(model.device):
        result = evaluate(model.family, model.nets, model.mixture, context, labels=len(model.labels))
    title = f"{model.run} after {model.images:,} points" + (f"\n{result.caption}" if result.caption else "")
    return plot([(title, result)], model.mixture, samples=_to_numpy(samples.flatten(1)))


def write(result: ToyResult, mixture: Mixture, run: Run, images: int, *, metadata: Mapping[str, Any]) -> Path:
    """Write the figure and the numbers of a preview, and the figure of all previews so far.

    Args:
        result: evaluation to write.
        mixture: distribution of the data.
        run: run directory to write to.
        images: number of training points shown; later previews, left by a resumed run, are ignored.
        metadata: PNG metadata.

    Returns:
        The path of the preview's figure.

    Raises:
        DiskError: the files cannot be written.
    """
    path = run.samples / f"{images:09d}.png"
    write_png(path, plot([(_title(images, result.caption), result)], mixture), metadata=metadata)
    numbers = path.with_suffix(".json")
    with disk_errors(numbers):
        write_atomically(numbers, json.dumps({"images": images, **result.to_json()}).encode())
    previews = _select(_read_previews(type(result), run, images))
    panels = [(_title(count, _short_caption(preview)), preview) for count, preview in previews]
    name = "densities.png" if isinstance(result, DensityResult) else "modes.png"
    write_png(run.path / name, plot(panels, mixture), metadata={**metadata, "shown": [count for count, _ in previews]})
    return path


def _curves(
    family: Family[Any], nets: Nets, mixture: Mixture, points: Numbers, device: torch.device, labels: int
) -> Curves:
    x = densities.line(mixture)
    data = mixture.density(x[:, None])
    generated = densities.kernel_density(points, x, densities.BANDWIDTH * mixture.std)
    discriminator = optimum = None
    if isinstance(family, Discriminates) and labels < 2:  # given one of several labels, D knows only part of the data
        line = torch.tensor(x, dtype=torch.float32, device=device).view(-1, 1, 1, 1)
        label = torch.zeros(len(x), dtype=torch.long, device=device) if labels else None
        discriminator = _to_numpy(family.discriminate(nets, line, label))
    if isinstance(family, KnowsOptimum):
        best = _to_numpy(family.optimal_discriminator(torch.from_numpy(data), torch.from_numpy(generated)))
        optimum = np.where(np.maximum(data, generated) > _MIN_DENSITY * data.max(), best, np.nan)
    return Curves(x=x, data=data, generated=generated, discriminator=discriminator, optimum=optimum)


def _arrows(z: Numbers, points: Numbers) -> Numbers:
    z = z.reshape(-1)
    order = z.argsort()
    chosen = order[((np.arange(ARROWS) + 0.5) / ARROWS * len(order)).astype(np.int64)]
    return np.stack([z[chosen], points[chosen]], axis=1)


def _limits(mixture: Mixture) -> tuple[float, float, float, float]:
    """Return left, right, bottom and top of a square around the modes, padded by a quarter of their extent."""
    centres = mixture.centres[:, :2]
    low, high = centres.min(0), centres.max(0)
    radius = float((high - low).max()) * 0.75 + 4 * mixture.std
    x, y = ((low + high) / 2).tolist()
    return x - radius, x + radius, y - radius, y + radius


def _to_numpy(tensor: Tensor) -> Numbers:
    return tensor.double().cpu().numpy()


def _read_previews(kind: type[ToyResult], run: Run, images: int) -> list[tuple[int, ToyResult]]:
    """Read all previews up to `images`, in order; unreadable files are ignored."""
    previews: list[tuple[int, ToyResult]] = []
    for path in run.previews(".json").values():
        try:
            values = read_json_object(path)
            if values["images"] <= images:
                previews.append((int(values["images"]), kind.from_json(values)))
        except (DataError, ValueError, KeyError, TypeError, IndexError, OverflowError):
            continue
    return previews


def _select(previews: list[tuple[int, ToyResult]]) -> list[tuple[int, ToyResult]]:
    """Return at most `MAX_PANELS` evenly spaced previews, including the first and the last."""
    indices = np.linspace(0, len(previews) - 1, min(MAX_PANELS, len(previews))).round().astype(int)
    return [previews[index] for index in indices]


def _title(images: int, text: str) -> str:
    return f"{images:,} points seen" + (f"\n{text}" if text else "")


def _short_caption(result: ToyResult) -> str:
    return f"{result.coverage.covered} of {result.coverage.total} modes" if isinstance(result, ModeResult) else ""
