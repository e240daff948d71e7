"""The game of Choi et al. 2018: one generator that translates to every domain, and a discriminator that also reads
which domain an image is of.

The labels to reach are those of other images of the batch. Every number is a mean over the batch, and over the map of
answers; the penalty is on the gradient of the map's sum, as in the authors' code.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli import losses
from gancli.errors import UsageError
from gancli.family import Adam, Batch, Context, DataSpec, Family, Losses, Nets, Player, Stage, Translation, Turn
from gancli.nn.residual import MULTIPLE
from gancli_stargan.conditions import Conditions
from gancli_stargan.config import Config
from gancli_stargan.networks import Discriminator, Generator

SMALLEST = 2 * MULTIPLE
"""Side of an image: a map of one pixel cannot be normalised."""


class StarGAN(Family[Config]):
    """A generator and a discriminator."""

    optimum_values = {"discriminator/distance": 0.0}

    def __init__(self, config: Config, data: DataSpec) -> None:
        super().__init__(config, data)
        self.conditions = Conditions(data, config.exclusive)

    def build(self) -> dict[str, nn.Module]:
        config, data = self.config, self.data
        if any(side % MULTIPLE or side < SMALLEST for side in data.shape[1:]):
            raise UsageError(
                f"images of {data.height}x{data.width} do not fit the generator, which halves twice; set "
                f"data.resolution to {max(SMALLEST, min(data.shape[1:]) // MULTIPLE * MULTIPLE)}, for example"
            )
        return {
            "generator": Generator(data.channels, self.conditions.width, width=config.channels, blocks=config.blocks),
            "discriminator": Discriminator(
                data.shape, self.conditions.labels, width=config.channels, halvings=config.halvings
            ),
        }

    def players(self) -> Sequence[Player]:
        config = self.config
        return [
            self._player("generator", config.generator_lr, ema=0.0),
            self._player("discriminator", config.discriminator_lr, ema=None),
        ]

    def stages(self) -> Sequence[Stage]:
        turns = (
            Turn(player="discriminator", loss=self.discriminator_loss, repeat=self.config.n_critic),
            Turn(player="generator", loss=self.generator_loss),
        )
        return [Stage(name="train", turns=turns)]

    def discriminator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        config, image, attributes, dataset = self.config, batch["image"], batch["attributes"], batch["dataset"]
        wanted = attributes[shuffled(dataset, ctx)]
        fake = nets.generator(image, self.conditions.told(wanted, dataset))
        answers, logits = nets.discriminator(image)
        distance = answers.mean() - nets.discriminator(fake)[0].mean()
        ctx.log(distance=distance)
        terms = {"adversarial": -distance}
        if config.classification_weight:
            misread = self.conditions.misread(logits, attributes, dataset)
            terms["classification"] = config.classification_weight * misread
        if config.penalty_weight:
            critic = nets.uncompiled.discriminator
            penalty = losses.gradient_penalty(lambda x: critic(x)[0], image, fake, ctx.rand(len(image)))
            terms["penalty"] = config.penalty_weight * penalty
        return terms

    def generator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        config, image, attributes, dataset = self.config, batch["image"], batch["attributes"], batch["dataset"]
        wanted = attributes[shuffled(dataset, ctx)]
        fake = nets.generator(image, self.conditions.told(wanted, dataset))
        answers, logits = nets.discriminator(fake)
        terms = {"adversarial": -answers.mean()}
        if config.classification_weight:
            misread = self.conditions.misread(logits, wanted, dataset)
            terms["classification"] = config.classification_weight * misread
        if config.reconstruction_weight:
            back = nets.generator(fake, self.conditions.told(attributes, dataset))
            terms["reconstruction"] = config.reconstruction_weight * F.l1_loss(back, image)
        if config.identity_weight:
            same = nets.generator(image, self.conditions.told(attributes, dataset))
            terms["identity"] = config.identity_weight * F.l1_loss(same, image)
        return terms

    def translations(self) -> Sequence[Translation]:
        return [Translation(to=domain.name, reads="image", multiple=MULTIPLE) for domain in self.conditions.domains()]

    def translate(self, nets: Nets, image: Tensor, to: str) -> Tensor:
        (domain,) = (domain for domain in self.conditions.domains() if domain.name == to)
        size = (self.data.height, self.data.width)  # the only one at which labels can be read
        known = image if image.shape[2:] == size else F.interpolate(image, size, mode="bilinear", antialias=True)
        _, logits = nets.discriminator(known)
        translated: Tensor = nets.generator(image, self.conditions.reached(domain, logits))
        return translated

    def _player(self, name: str, lr: float, *, ema: float | None) -> Player:
        optimizer = Adam(lr=lr, betas=(self.config.beta1, 0.999))
        return Player(name=name, modules=(name,), optimizer=optimizer, ema=ema)


def shuffled(dataset: Tensor, ctx: Context) -> Tensor:
    """A random permutation of a batch's rows, int64 (N,), in which each stays among those of its data set (N,)."""
    orders = [(dataset + ctx.rand(len(dataset)) / 2).argsort() for _ in range(2)]  # data sets in turn, each at random
    return torch.empty_like(orders[0]).scatter(0, *orders)
