"""Tasks of a trained family: the protocols of their methods, and the registry of all tasks.

Families import the protocols from `gancli.family`. `TASKS` is the one list of tasks: commands, help page, conformance
checks, previews, reports and reference outputs all follow it. Importing this module does not import torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor

    from gancli.family.context import Context, Nets


@runtime_checkable
class Samples(Protocol):
    """The task `sample`: generate images from noise."""

    def latent(self, n: int, ctx: Context) -> Tensor:
        """`n` latent vectors, (n, ...), drawn from `ctx` alone."""
        ...

    def sample(self, nets: Nets, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] for latent vectors (N, ...).

        Args:
            nets: networks of the family.
            z: latent vectors from `latent`, or interpolated between such.
            label: in a family that reads labels, class indices (N,), or weights (N, labels) that sum to one for a point
                between labels; `gancli.latent.label_weights` makes weights of either.
        """
        ...


@runtime_checkable
class Discriminates(Protocol):
    """A family whose discriminator scores images, for figures, inspection and features."""

    def discriminate(self, nets: Nets, image: Tensor, label: Tensor | None = None) -> Tensor:
        """Scores (N,) of the discriminator for images (N, C, H, W) in [-1, 1]; higher is more real.

        The score is the D of the paper: a probability for the loss of Goodfellow et al. 2014, an unbounded number for
        least-squares and Wasserstein losses. `label` is as in `Samples.sample`.
        """
        ...


@runtime_checkable
class KnowsOptimum(Protocol):
    """A family whose optimal discriminator has a closed form."""

    def optimal_discriminator(self, data_density: Tensor, model_density: Tensor) -> Tensor:
        """Output of the optimal discriminator for densities of data and generator (same shapes)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Translation:
    """A direction of image translation.

    Args:
        to: target domain, such as `b`; the value of `gan translate --to`.
        reads: batch key of the input images; inputs have its number of channels.
        truth: batch key of the ground truth, if training data are pairs; None if unknown.
        multiple: the sides of input images are multiples of this.
    """

    to: str
    reads: str
    truth: str | None = None
    multiple: int = 1


@runtime_checkable
class Translates(Protocol):
    """The task `translate`: image-to-image translation."""

    def translations(self) -> Sequence[Translation]:
        """All directions, the default first; each has its own target domain."""
        ...

    def translate(self, nets: Nets, image: Tensor, to: str) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] for images (N, C', H, W) in [-1, 1], each independent of the others.

        Noise, if any, is drawn from torch's global random stream, which the caller seeds.

        Args:
            nets: networks of the family.
            image: images of any size whose sides are multiples of `Translation.multiple`.
            to: target domain of one of `translations`.
        """
        ...


class Detection(NamedTuple):
    """Results of anomaly detection.

    Args:
        score: anomaly scores (N,); higher is more anomalous.
        heat: heat maps (N, 1, H, W), at least 0: deviation of each pixel from the nearest image that can be generated.
        nearest: nearest generated images (N, C, H, W) in [-1, 1].
    """

    score: Tensor
    heat: Tensor
    nearest: Tensor


@runtime_checkable
class Detects(Protocol):
    """The task `detect`: anomaly detection."""

    def detect(self, nets: Nets, image: Tensor, ctx: Context) -> Detection:
        """Score images (N, C, H, W) in [-1, 1] of the training size, each independently of the others.

        Called with gradients enabled, since a search may need them; leaves every tensor of `nets` unchanged.

        Args:
            nets: networks of the family.
            image: images of the training size.
            ctx: source of all randomness; it is the same for every image.
        """
        ...


@runtime_checkable
class Upscales(Protocol):
    """The task `upscale`: super-resolution."""

    @property
    def scale(self) -> int:
        """Upscaling factor of width and height."""
        ...

    def upscale(self, nets: Nets, image: Tensor) -> Tensor:
        """Images (N, C, scale * H, scale * W) in [-1, 1] for images (N, C, H, W) in [-1, 1] of any size."""
        ...


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task, and the code that serves it as `module:name`, imported on use.

    Args:
        name: value in `FamilyInfo.tasks` and `MetricInfo.needs`, and name of its command.
        protocol: methods that a family with this task implements.
        promise: statement that the conformance check tests.
        check: conformance check of the task.
        lacks: end of the sentence "this model ..." for a model without the task.
        commands: commands of the task, in the order of the help page.
        takes_images: True if the command needs input images.
        preview: class of the grid of images that shows training progress; None if there is none.
        preview_heading: heading of the previews in the report.
        preview_caption: phrase that describes a preview in the report.
        report: function that yields the task's sections of the report; None if there is none.
        slow_report: True if the report's sections take long and are skipped at the end of training.
        reference: function that computes reference outputs, which tell whether two models are the same.
    """

    name: str
    protocol: type[Any]
    promise: str
    check: str
    lacks: str
    commands: tuple[str, ...]
    reference: str
    takes_images: bool = True
    preview: str | None = None
    preview_heading: str = "Previews during training"
    preview_caption: str = "outputs of the model"
    report: str | None = None
    slow_report: bool = False


TASKS = {
    task.name: task
    for task in (
        Task(
            name="sample",
            protocol=Samples,
            promise="images are sampled in [-1, 1]",
            check="gancli.testing.check_tasks:samples",
            lacks="cannot generate samples",
            commands=(
                "gancli.cli.sample:sample",
                "gancli.cli.interpolate:interpolate",
                "gancli.cli.arithmetic:arithmetic",
            ),
            takes_images=False,
            preview="gancli.figures.grids:SampleGrid",
            preview_heading="Samples during training",
            preview_caption="samples from the same latents",
            report="gancli.cli.shared.report_images:latent_walks",
            reference="gancli.inference.sample:reference_outputs",
        ),
        Task(
            name="translate",
            protocol=Translates,
            promise="images are translated in [-1, 1]",
            check="gancli.testing.check_tasks:translates",
            lacks="cannot translate images",
            commands=("gancli.cli.translate:translate",),
            preview="gancli.figures.grids:TranslationGrid",
            preview_heading="Translations during training",
            preview_caption="each image beside the model's output",
            report="gancli.cli.shared.report_images:translations",
            reference="gancli.inference.translate:reference_outputs",
        ),
        Task(
            name="upscale",
            protocol=Upscales,
            promise="images are upscaled in [-1, 1]",
            check="gancli.testing.check_tasks:upscales",
            lacks="cannot upscale images",
            commands=("gancli.cli.upscale:upscale",),
            preview="gancli.figures.grids:UpscalingGrid",
            preview_heading="Upscaled images during training",
            preview_caption="the bicubic upscaling, the model's, and the original of each image",
            report="gancli.cli.shared.report_images:upscalings",
            reference="gancli.inference.upscale:reference_outputs",
        ),
        Task(
            name="detect",
            protocol=Detects,
            promise="images are scored, each by itself",
            check="gancli.testing.check_tasks:detects",
            lacks="cannot detect anomalies",
            commands=("gancli.cli.detect:detect", "gancli.cli.project:project"),
            report="gancli.cli.shared.report_images:heat_maps",
            slow_report=True,
            reference="gancli.inference.detect:reference_outputs",
        ),
    )
}
"""All tasks by name. Previews are of the first task of a family that has one."""


def abilities(family: type[Any], *, tasks: Iterable[str], kind: str, labels: bool) -> frozenset[str]:
    """Abilities of a model, in the words of `MetricInfo.needs`.

    Args:
        family: class of the family.
        tasks: its tasks.
        kind: `image` or `points`, the kind of its data.
        labels: True if it reads labels.
    """
    extra = {"label"} if labels else set()
    extra |= {"discriminate"} if issubclass(family, Discriminates) else set()
    return frozenset({*tasks, kind, *extra})
