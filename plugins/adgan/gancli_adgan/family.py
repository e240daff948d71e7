"""Anomaly detection of Deecke et al. 2018 and Schlegl et al. 2017: a Wasserstein GAN (Arjovsky et al. 2017) with the
networks of Radford et al. 2015, trained on normal images only.

All losses are means over the batch. With the gradient penalty, which applies to single images, the critic does not use
batch normalisation; with clipped weights it does.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gancli import losses
from gancli.family import Batch, Context, Detection, Family, Losses, Nets, Player, Stage, alternate, critic_players
from gancli.latent import LatentSampler
from gancli.nn.dcgan import initialise_normal, strided_discriminator, strided_generator
from gancli_adgan.config import Config
from gancli_adgan.search import Objective, search_latent, search_weights

BATCH = 8
"""Largest number of images that are searched for at once."""

MEMORY = {"cpu": 2**30, "cuda": 2**33}
"""Approximate memory limit in bytes for the weights and feature maps of these searches, by device type."""

MAPS, COPIES = 16, 6
"""Number of full-size feature maps with `channels` channels, and of copies of the weights, that a search needs for each
start, including gradients, moments of Adam and intermediate values.
"""


class ADGAN(Family[Config], LatentSampler):
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
        return critic_players(config.generator_lr, config.critic_lr, betas=config.betas, clip=clip)

    def stages(self) -> Sequence[Stage]:
        turns = alternate(critic=self.critic_loss, generator=self.generator_loss, repeat=self.config.critic_steps)
        return [Stage(name="train", turns=turns)]

    def critic_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        real = batch["image"]
        fake = nets.generator(self.latent(len(real), ctx))
        terms = losses.discriminator_terms(nets.critic(real), nets.critic(fake), "wasserstein")
        ctx.log(distance=-terms["adversarial"])
        if self.config.penalty == "gradient":
            penalty = losses.gradient_penalty(nets.uncompiled.critic, real, fake, ctx.rand(len(real)))
            terms["penalty"] = self.config.penalty_weight * penalty
        return terms

    def generator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        fake = nets.generator(self.latent(len(batch["image"]), ctx))
        return losses.generator_terms(nets.critic(fake), "wasserstein")

    def discriminate(self, nets: Nets, image: Tensor, label: Tensor | None = None) -> Tensor:
        scores: Tensor = nets.critic(image)
        return scores.squeeze(1)

    def detect(self, nets: Nets, image: Tensor, ctx: Context) -> Detection:
        """Search for the nearest image that the generator can make; the heat map is the distance to it."""
        starts = self.latent(self.config.seeds, ctx)
        generator, critic = (
            copy.deepcopy(net).requires_grad_(False).eval()
            for net in (nets.uncompiled.generator, nets.uncompiled.critic)
        )
        size, results = self._batch_size(generator, image), []
        with torch.autocast(image.device.type, enabled=False):
            for start in range(0, len(image), size):
                part = image[start : start + size].float()
                # The last batch is filled up by repeating its last image, because matrix products with another number
                # of rows would round differently.
                full = torch.cat([part, part[-1:].expand(size - len(part), *part.shape[1:])])
                results.append([result[: len(part)] for result in self.search(generator, critic, full, starts)])
        return Detection(*map(torch.cat, zip(*results, strict=True)))

    def search(self, generator: nn.Module, critic: nn.Module, image: Tensor, starts: Tensor) -> Detection:
        """Search for images (N, C, H, W), each from all starts (S, latent_dim), at the same time."""
        config, seeds = self.config, len(starts)
        rows, z = image.repeat_interleave(seeds, 0), starts.repeat(len(image), 1)
        assert isinstance(generator, nn.Sequential)
        assert isinstance(critic, nn.Sequential)
        if config.score == "adgan":
            generated = search_weights(
                generator,
                rows,
                z,
                steps=5 if config.steps is None else config.steps,
                latent_rate=0.25 if config.latent_rate is None else config.latent_rate,
                weights_rate=config.weights_rate,
            )
            errors = (generated - rows).square().flatten(1).mean(1)
        else:
            objective = self._objective(critic)
            generated = search_latent(
                generator,
                rows,
                z,
                objective,
                steps=25 if config.steps is None else config.steps,
                rate=0.1 if config.latent_rate is None else config.latent_rate,
            )
            errors = objective(generated, rows)
        errors, generated = errors.view(-1, seeds), generated.view(-1, seeds, *image.shape[1:])
        nearest = generated[torch.arange(len(image), device=generated.device), errors.argmin(1)]
        return Detection(errors.mean(1), (nearest - image).abs().mean(1, keepdim=True), nearest)

    def _objective(self, critic: nn.Sequential) -> Objective:
        """Return AnoGAN's error: mean absolute differences of pixels and of the inputs of the critic's last layer."""
        weight = self.config.feature_weight

        def objective(generated: Tensor, image: Tensor) -> Tensor:
            residual = (generated - image).abs().flatten(1).mean(1)
            if not weight:
                return residual
            actual, target = (critic[:-1](x).flatten(1) for x in (generated, image))
            features: Tensor = (actual - target).abs().mean(1)
            return (1 - weight) * residual + weight * features

        return objective

    def _batch_size(self, generator: nn.Module, image: Tensor) -> int:
        """Return the number of images that fit into `MEMORY`; depends only on the model and the type of device."""
        maps = MAPS * self.config.channels * image.shape[2] * image.shape[3]
        copies = COPIES * sum(weight.numel() for weight in generator.parameters())
        row = 4 * (maps + (copies if self.config.score == "adgan" else 0))
        memory = MEMORY.get(image.device.type, MEMORY["cpu"])
        size = max(1, min(BATCH, memory // (row * self.config.seeds)))
        return 1 << (size.bit_length() - 1)  # divides batches of 8, 16, ...
