"""The StarGAN of Choi et al. 2018: one generator translates to all domains, and a discriminator also classifies the
domain of an image.

The target labels are those of other images of the batch. All losses are means over the batch and over the patch
outputs. The penalty applies to the gradient of the sum of the patch outputs, as in the authors' code.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli import losses
from gancli.errors import UsageError
from gancli.family import (
    Adam,
    Batch,
    Context,
    DataSpec,
    Family,
    Losses,
    Nets,
    Player,
    Stage,
    Translation,
    alternate,
    two_players,
)
from gancli.nn.residual import MULTIPLE
from gancli_stargan.conditions import Conditions
from gancli_stargan.config import Config
from gancli_stargan.networks import Discriminator, Generator

MIN_SIDE = 2 * MULTIPLE
"""Smallest side of an image, because a feature map of one pixel cannot be normalised."""


class StarGAN(Family[Config]):
    """A generator and a discriminator."""

    optimum_values = {"discriminator/distance": 0.0}

    def __init__(self, config: Config, data: DataSpec) -> None:
        super().__init__(config, data)
        self.conditions = Conditions(data, config.exclusive)

    def build(self) -> dict[str, nn.Module]:
        config, data = self.config, self.data
        if any(side % MULTIPLE or side < MIN_SIDE for side in data.shape[1:]):
            raise UsageError(
                f"images of {data.height}x{data.width} do not fit the generator, which halves them twice; set "
                f"data.resolution to {max(MIN_SIDE, min(data.shape[1:]) // MULTIPLE * MULTIPLE)}, for example"
            )
        return {
            "generator": Generator(data.channels, self.conditions.width, width=config.channels, blocks=config.blocks),
            "discriminator": Discriminator(
                data.shape, self.conditions.labels, width=config.channels, halvings=config.halvings
            ),
        }

    def players(self) -> Sequence[Player]:
        config = self.config
        betas = (config.beta1, 0.999)
        return two_players(Adam(lr=config.generator_lr, betas=betas), Adam(lr=config.discriminator_lr, betas=betas))

    def stages(self) -> Sequence[Stage]:
        turns = alternate(
            discriminator=self.discriminator_loss, generator=self.generator_loss, repeat=self.config.n_critic
        )
        return [Stage(name="train", turns=turns)]

    def discriminator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        config, image, attributes, dataset = self.config, batch["image"], batch["attributes"], batch["dataset"]
        target = attributes[shuffled(dataset, ctx)]
        fake = nets.generator(image, self.conditions.encode(target, dataset))
        outputs, logits = nets.discriminator(image)
        terms = losses.discriminator_terms(outputs, nets.discriminator(fake)[0], "wasserstein")
        ctx.log(distance=-terms["adversarial"])
        if config.classification_weight:
            entropy = self.conditions.cross_entropy(logits, attributes, dataset)
            terms["classification"] = config.classification_weight * entropy
        if config.penalty_weight:
            critic = nets.uncompiled.discriminator
            penalty = losses.gradient_penalty(lambda x: critic(x)[0], image, fake, ctx.rand(len(image)))
            terms["penalty"] = config.penalty_weight * penalty
        return terms

    def generator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        config, image, attributes, dataset = self.config, batch["image"], batch["attributes"], batch["dataset"]
        target = attributes[shuffled(dataset, ctx)]
        fake = nets.generator(image, self.conditions.encode(target, dataset))
        outputs, logits = nets.discriminator(fake)
        terms = losses.generator_terms(outputs, "wasserstein")
        if config.classification_weight:
            entropy = self.conditions.cross_entropy(logits, target, dataset)
            terms["classification"] = config.classification_weight * entropy
        if config.reconstruction_weight:
            reconstructed = nets.generator(fake, self.conditions.encode(attributes, dataset))
            terms["reconstruction"] = config.reconstruction_weight * F.l1_loss(reconstructed, image)
        if config.identity_weight:
            same = nets.generator(image, self.conditions.encode(attributes, dataset))
            terms["identity"] = config.identity_weight * F.l1_loss(same, image)
        return terms

    def translations(self) -> Sequence[Translation]:
        return [Translation(to=domain.name, reads="image", multiple=MULTIPLE) for domain in self.conditions.domains()]

    def translate(self, nets: Nets, image: Tensor, to: str) -> Tensor:
        (domain,) = (domain for domain in self.conditions.domains() if domain.name == to)
        size = (self.data.height, self.data.width)  # the only input size of the discriminator
        resized = image if image.shape[2:] == size else F.interpolate(image, size, mode="bilinear", antialias=True)
        _, logits = nets.discriminator(resized)
        translated: Tensor = nets.generator(image, self.conditions.for_domain(domain, logits))
        return translated


def shuffled(dataset: Tensor, ctx: Context) -> Tensor:
    """Return a random permutation (N,) int64 of the rows of a batch within each dataset (N,)."""
    orders = [(dataset + ctx.rand(len(dataset)) / 2).argsort() for _ in range(2)]  # by dataset, in random order within
    return torch.empty_like(orders[0]).scatter(0, *orders)
