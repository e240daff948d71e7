"""What a GAN has learned of a known distribution: observed, put into words, written as JSON and drawn."""

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
from gancli.family.context import Context, Nets
from gancli.family.contract import Family
from gancli.family.tasks import Discriminates, KnowsOptimum, Samples
from gancli.figures import plots
from gancli.inference.model import Model
from gancli.io.files import disk_errors, write_atomically
from gancli.io.images import Pixels, write_png
from gancli.metrics import densities, modes
from gancli.metrics.densities import Curves
from gancli.metrics.modes import Coverage
from gancli.runs.run import Run
from gancli.runtime.random import fork_torch_rng, make_generator

Numbers = npt.NDArray[np.float64]

BATCH = 10_000

SHOWN = 1_000

ARROWS = 15

_VALUE = "V(D,G)"  # a family that logs it plays the game of 2014, whose discriminator answers with a probability

_RARE = 0.01  # of the data's peak: where both densities are lower, the best discriminator is an estimate's noise


@dataclass(frozen=True, kw_only=True)
class DensityResult:
    """A model of points with one coordinate.

    Args:
        curves: the densities and the discriminators.
        arrows: (K, 2), z at equal steps of probability and G(z); None where z has more than one number.
        gap: the largest |D - D*|, see `densities.gap`.
        value: V(D, G) of the 2014 game; None in any other.
        beside: the share of generated points that lie beside the line that the curves cover.
    """

    curves: Curves
    arrows: Numbers | None
    gap: float | None
    value: float | None
    beside: float

    @property
    def caption(self) -> str:
        gap = "" if self.gap is None else f"max |D - D*| {self.gap:.3f}"
        value = "" if self.value is None else f"V(D,G) {self.value:.3f}"
        beside = "" if self.beside < 0.01 else f"{self.beside:.0%} of the points lie beside the figure"
        return ", ".join(part for part in (gap, value, beside) if part)

    def to_json(self) -> dict[str, Any]:
        arrows = None if self.arrows is None else densities.listed(self.arrows)
        rest = {"gap": self.gap, "value": self.value, "beside": self.beside, "samples": densities.SAMPLES}
        return {**rest, "arrows": arrows, "curves": self.curves.to_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> DensityResult:
        arrows = None if values["arrows"] is None else np.array(values["arrows"], dtype=np.float64)
        rest = {name: values[name] for name in ("gap", "value", "beside")}
        return cls(curves=Curves.from_json(values["curves"]), arrows=arrows, **rest)


@dataclass(frozen=True, kw_only=True)
class ModeResult:
    """A model of points with two coordinates or more.

    Args:
        coverage: of the mixture's modes.
        points: (N, 2), some generated points, their first two coordinates.
    """

    coverage: Coverage
    points: Numbers

    @property
    def caption(self) -> str:
        found = self.coverage
        return f"{found.covered} of {found.total} modes, {found.high_quality:.0%} of high quality"

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self.coverage), "points": densities.listed(self.points)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ModeResult:
        counted = {name: values[name] for name in Coverage.__dataclass_fields__}
        return cls(coverage=Coverage(**counted), points=np.array(values["points"], dtype=np.float64))


ToyResult = DensityResult | ModeResult


@torch.no_grad()
def evaluate(family: Family[Any], nets: Nets, mixture: Mixture, ctx: Context, *, labels: int) -> ToyResult:
    """Looks at networks in eval mode.

    Args:
        family: one that samples.
        nets: its networks.
        mixture: what they should have learned.
        ctx: for the latents of `densities.SAMPLES` points on a line, of `modes.SAMPLES` in the plane.
        labels: how many labels the family reads, which take turns; 0: none.
    """
    if mixture.dimensions > 1:
        points, _ = generate(family, nets, ctx, count=modes.SAMPLES, labels=labels)
        return ModeResult(coverage=modes.coverage(points, mixture), points=points[:SHOWN, :2])
    points, z = generate(family, nets, ctx, count=densities.SAMPLES, labels=labels)
    curves = _curves(family, nets, mixture, points[:, 0], ctx.device, labels)
    x = curves.x
    plays = any(name.endswith(_VALUE) for name in family.optimum_values)
    return DensityResult(
        curves=curves,
        arrows=_arrows(z[:, 0], points[:, 0]) if z[0].size == 1 else None,
        gap=densities.gap(curves),
        value=densities.value(curves) if plays else None,
        beside=float(1 - ((points >= x[0]) & (points <= x[-1])).mean()),
    )


def generate(family: Family[Any], nets: Nets, ctx: Context, *, count: int, labels: int) -> tuple[Numbers, Numbers]:
    """Generated points (count, dimensions) and the latents (count, ...) behind them; labels take turns."""
    assert isinstance(family, Samples)
    points, latents = [], []
    for start in range(0, count, BATCH):
        z = family.latent(min(BATCH, count - start), ctx)
        label = (torch.arange(len(z), device=ctx.device) + start) % labels if labels else None
        points.append(_array(family.sample(nets, z, label).flatten(1)))
        latents.append(_array(z))
    return np.concatenate(points), np.concatenate(latents)


def plot(views: Sequence[tuple[str, ToyResult]], mixture: Mixture, *, samples: Numbers | None = None) -> Pixels:
    """One figure of titled views side by side, which are of one kind.

    Args:
        views: at least one.
        mixture: what the model should have learned.
        samples: points (N, dimensions) to show instead of a view's own in the plane, and marked on a line.
    """
    line = [
        plots.LinePanel(
            title=title, curves=view.curves, arrows=view.arrows, ticks=None if samples is None else samples[:, 0]
        )
        for title, view in views
        if isinstance(view, DensityResult)
    ]
    if line:
        return plots.densities(line)
    plane = [
        plots.PlanePanel(title=title, points=view.points if samples is None else samples[:, :2])
        for title, view in views
        if isinstance(view, ModeResult)
    ]
    data, _ = mixture.sample(modes.SAMPLES, np.random.default_rng(0))
    return plots.scatters(plane, data[:, :2], limits=_limits(mixture))


def plot_model(model: Model, samples: Tensor, *, seed: int, truncation: float | None) -> Pixels:
    """A figure of a trained model of points.

    Args:
        model: with a `mixture`.
        samples: points (N, dimensions, 1, 1) to show.
        seed: of the many points that are measured.
        truncation: as in `Context`.
    """
    assert model.mixture is not None
    generator = make_generator(model.device, seed)
    context = Context(device=model.device, generator=generator, truncation=truncation)
    with fork_torch_rng(model.device):
        view = evaluate(model.family, model.nets, model.mixture, context, labels=len(model.labels))
    title = f"{model.run} after {model.images:,} points" + (f"\n{view.caption}" if view.caption else "")
    return plot([(title, view)], model.mixture, samples=_array(samples.flatten(1)))


def _curves(
    family: Family[Any], nets: Nets, mixture: Mixture, points: Numbers, device: torch.device, labels: int
) -> Curves:
    x = densities.line(mixture)
    data = mixture.density(x[:, None])
    generated = densities.kernel_density(points, x, densities.BANDWIDTH * mixture.std)
    answers = optimum = None
    if isinstance(family, Discriminates) and labels < 2:  # given one label of several, D knows only a part of the data
        line = torch.tensor(x, dtype=torch.float32, device=device).view(-1, 1, 1, 1)
        label = torch.zeros(len(x), dtype=torch.long, device=device) if labels else None
        answers = _array(family.discriminate(nets, line, label))
    if isinstance(family, KnowsOptimum):
        best = _array(family.optimal_discriminator(torch.from_numpy(data), torch.from_numpy(generated)))
        optimum = np.where(np.maximum(data, generated) > _RARE * data.max(), best, np.nan)
    return Curves(x=x, data=data, generated=generated, discriminator=answers, optimum=optimum)


def _arrows(z: Numbers, points: Numbers) -> Numbers:
    z = z.reshape(-1)
    order = z.argsort()
    chosen = order[((np.arange(ARROWS) + 0.5) / ARROWS * len(order)).astype(np.int64)]
    return np.stack([z[chosen], points[chosen]], axis=1)


def _limits(mixture: Mixture) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of a square around the modes, with a quarter of their extent to spare."""
    centres = mixture.centres[:, :2]
    low, high = centres.min(0), centres.max(0)
    reach = float((high - low).max()) * 0.75 + 4 * mixture.std
    middle = (low + high) / 2
    return (
        float(middle[0] - reach),
        float(middle[0] + reach),
        float(middle[1] - reach),
        float(middle[1] + reach),
    )


def _array(tensor: Tensor) -> Numbers:
    return tensor.double().cpu().numpy()


PANELS = 8


def write(view: ToyResult, mixture: Mixture, run: Run, images: int, *, metadata: Mapping[str, Any]) -> Path:
    """Writes what a view says, and the run's story up to it; returns the path of the view's figure.

    Raises:
        DiskError: the disk refuses.
    """
    path = run.samples / f"{images:09d}.png"
    write_png(path, plot([(_title(images, view.caption), view)], mixture), metadata=metadata)
    numbers = path.with_suffix(".json")
    with disk_errors(numbers):
        write_atomically(numbers, json.dumps({"images": images, **view.to_json()}).encode())
    story = "densities.png" if isinstance(view, DensityResult) else "modes.png"
    moments = _chosen(_recorded(type(view), run, images))
    panels = [(_title(seen, _brief(moment)), moment) for seen, moment in moments]
    write_png(run.path / story, plot(panels, mixture), metadata={**metadata, "shown": [seen for seen, _ in moments]})
    return path


def _recorded(kind: type[ToyResult], run: Run, images: int) -> list[tuple[int, ToyResult]]:
    """Every moment up to `images`, in order; what cannot be read, and what lies ahead of a resumed run, is left out."""
    found: list[tuple[int, ToyResult]] = []
    for path in sorted(run.samples.glob("*.json")):
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values["images"] <= images:
                found.append((int(values["images"]), kind.from_json(values)))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def _chosen(moments: list[tuple[int, ToyResult]]) -> list[tuple[int, ToyResult]]:
    """The first, the last, and at most `PANELS` in all, evenly spread."""
    places = np.linspace(0, len(moments) - 1, min(PANELS, len(moments))).round().astype(int)
    return [moments[place] for place in places]


def _title(images: int, text: str) -> str:
    return f"{images:,} points seen" + (f"\n{text}" if text else "")


def _brief(view: ToyResult) -> str:
    return f"{view.coverage.covered} of {view.coverage.total} modes" if isinstance(view, ModeResult) else ""
