"""The game of Arjovsky et al. 2017 between the networks of Radford et al. 2015, on normal images alone.

Every number is a mean over the batch. Under the gradient penalty, which is about single images, the critic does not
normalise over the batch; with clipped weights it does.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from gancli import losses
from gancli.family import Adam, Batch, Context, Detection, Family, Losses, Nets, Optimizer, Player, RMSprop, Stage, Turn
from gancli.nn.dcgan import initialise_normal, strided_discriminator, strided_generator
from gancli_adgan.config import Config
from gancli_adgan.search import Objective, search_latent, search_weights

WIDTH = 8
"""Images that are searched for at once, at most."""

MEMORY = {"cpu": 2**30, "cuda": 2**33}
"""Bytes that their copies and maps may take, about."""

MAPS, COPIES = 16, 6
"""Maps as large as the image with as many channels as the layer beside it, and copies of the weights, that a search
holds for each start: gradients, Adam's moments and what is in between.
"""


C = TypeVar("C", int, float)


class ADGAN(Family[Config]):
    """A generator and a critic."""

    optimum_values = {"critic/distance": 0.0}

    def build(self) -> dict[str, nn.Module]:
        config, data = self.config, self.data
        norm = nn.BatchNorm2d if config.penalty == "clip" else None
        return {
            "generator": initialise_normal(strided_generator(config.latent_dim, data.shape, channels=config.channels)),
            "critic": initialise_normal(
                strided_discriminator(data.shape, channels=config.channels, norm=norm, bias=norm is None)
            ),
        }

    def players(self) -> Sequence[Player]:
        config = self.config
        clip = config.clip if config.penalty == "clip" else None
        return [
            Player(name="generator", modules=("generator",), optimizer=self._optimizer(config.generator_lr), ema=0.0),
            Player(name="critic", modules=("critic",), optimizer=self._optimizer(config.critic_lr), weight_clip=clip),
        ]

    def stages(self) -> Sequence[Stage]:
        turns = (
            Turn(player="critic", loss=self.critic_loss, repeat=self.config.critic_steps),
            Turn(player="generator", loss=self.generator_loss),
        )
        return [Stage(name="train", turns=turns)]

    def critic_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        real = batch["image"]
        fake = nets.generator(self.latent(len(real), ctx))
        distance = nets.critic(real).mean() - nets.critic(fake).mean()
        ctx.log(distance=distance)
        terms = {"adversarial": -distance}
        if self.config.penalty == "gradient":
            penalty = losses.gradient_penalty(nets.uncompiled.critic, real, fake, ctx.rand(len(real)))
            terms["penalty"] = self.config.penalty_weight * penalty
        return terms

    def generator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        fake = nets.generator(self.latent(len(batch["image"]), ctx))
        return {"adversarial": -nets.critic(fake).mean()}

    def latent(self, n: int, ctx: Context) -> Tensor:
        return ctx.randn(n, self.config.latent_dim)

    def sample(self, nets: Nets, z: Tensor, label: Tensor | None = None) -> Tensor:
        images: Tensor = nets.generator(z)
        return images

    def discriminate(self, nets: Nets, image: Tensor, label: Tensor | None = None) -> Tensor:
        scores: Tensor = nets.critic(image)
        return scores.squeeze(1)

    def detect(self, nets: Nets, image: Tensor, ctx: Context) -> Detection:
        """By the score of `config.score`; the heat is the distance from the nearest image, a mean over channels."""
        starts = self.latent(self.config.seeds, ctx)
        generator, critic = (
            copy.deepcopy(net).requires_grad_(False).eval()
            for net in (nets.uncompiled.generator, nets.uncompiled.critic)
        )
        width, found = self._width(generator, image), []
        with torch.autocast(image.device.type, enabled=False):
            for start in range(0, len(image), width):
                part = image[start : start + width].float()
                # Always as many, the last one repeated where some are missing: for another number of rows, products
                # would round otherwise.
                full = torch.cat([part, part[-1:].expand(width - len(part), *part.shape[1:])])
                found.append([each[: len(part)] for each in self.searched(generator, critic, full, starts)])
        return Detection(*map(torch.cat, zip(*found, strict=True)))

    def searched(self, generator: nn.Module, critic: nn.Module, image: Tensor, starts: Tensor) -> Detection:
        """What a search from each of the starts (S, latent_dim) finds of images (N, C, H, W), all at once."""
        config, seeds = self.config, len(starts)
        rows, z = image.repeat_interleave(seeds, 0), starts.repeat(len(image), 1)
        assert isinstance(generator, nn.Sequential)
        assert isinstance(critic, nn.Sequential)
        if config.score == "adgan":
            made = search_weights(
                generator,
                rows,
                z,
                steps=_chosen(config.steps, 5),
                latent_rate=_chosen(config.latent_rate, 0.25),
                weights_rate=config.weights_rate,
            )
            errors = (made - rows).square().flatten(1).mean(1)
        else:
            objective = self._objective(critic)
            made = search_latent(
                generator, rows, z, objective, steps=_chosen(config.steps, 25), rate=_chosen(config.latent_rate, 0.1)
            )
            errors = objective(made, rows)
        errors, made = errors.view(-1, seeds), made.view(-1, seeds, *image.shape[1:])
        nearest = made[torch.arange(len(image), device=made.device), errors.argmin(1)]
        return Detection(errors.mean(1), (nearest - image).abs().mean(1, keepdim=True), nearest)

    def _objective(self, critic: nn.Sequential) -> Objective:
        """AnoGAN's: the mean absolute difference of pixels, and of the maps before the critic's last layer."""
        weight = self.config.feature_weight

        def objective(made: Tensor, image: Tensor) -> Tensor:
            residual = (made - image).abs().flatten(1).mean(1)
            if not weight:
                return residual
            maps, known = (critic[:-1](x).flatten(1) for x in (made, image))
            features: Tensor = (maps - known).abs().mean(1)
            return (1 - weight) * residual + weight * features

        return objective

    def _width(self, generator: nn.Module, image: Tensor) -> int:
        """How many images fit into `MEMORY` at once; it depends on nothing but the model and the kind of device."""
        maps = MAPS * self.config.channels * image.shape[2] * image.shape[3]
        copies = COPIES * sum(weight.numel() for weight in generator.parameters())
        row = 4 * (maps + (copies if self.config.score == "adgan" else 0))
        memory = MEMORY.get(image.device.type, MEMORY["cpu"])
        fitting = max(1, min(WIDTH, memory // (row * self.config.seeds)))
        return 1 << (fitting.bit_length() - 1)  # parts of batches of 8, 16, ... then need no filling up

    def _optimizer(self, lr: float | None) -> Optimizer:
        if self.config.penalty == "clip":
            return RMSprop(lr=lr or 5e-5)
        return Adam(lr=lr or 1e-4, betas=self.config.betas)


def _chosen(option: C | None, default: C) -> C:
    return default if option is None else option
