"""The SimGAN of Shrivastava et al. 2017: a refiner changes synthetic images (a) so that a patch discriminator
classifies them as real (b), and a self-regularisation loss keeps them close to its input.

First the refiner is trained to reproduce its input, then the discriminator is trained alone, then they alternate. Half
of the refined images in a batch of the discriminator are from earlier steps, so that the refiner does not reintroduce
old artifacts. Losses are sums over patches and pixels, as in the paper, and means over the batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.errors import UsageError
from gancli.family import (
    SGD,
    Adam,
    Batch,
    Context,
    Family,
    Losses,
    Nets,
    Player,
    Stage,
    Translation,
    Turn,
    alternate,
    two_players,
)
from gancli.nn.image_buffer import HistoryBuffer
from gancli_simgan import networks
from gancli_simgan.config import Config
from gancli_simgan.networks import REAL, REFINED

CLIP = 50.0
"""Largest norm of a player's gradients with SGD. Sums over pixels have gradients in the thousands, which would saturate
the tanh of the refiner at once.
"""


class SimGAN(Family[Config]):
    """A refiner, a discriminator, and a buffer `history` of earlier refined images."""

    optimum_values = {"discriminator/D(y)": 0.5, "discriminator/D(R(x))": 0.5}

    def build(self) -> dict[str, nn.Module]:
        config, shape = self.config, self.data.shape_of("a")
        if shape != self.data.shape_of("b"):
            raise UsageError(
                f"synthetic images have {shape[0]} channels, but real images have {self.data.shape_of('b')[0]}; set "
                "data.channels to use the same number for both"
            )
        architecture = networks.ARCHITECTURES[config.architecture]
        return {
            "refiner": networks.refiner(
                shape[0],
                channels=config.channels,
                blocks=config.blocks or architecture.blocks,
                first_kernel=config.first_kernel or architecture.first_kernel,
                tanh=config.tanh,
            ),
            "discriminator": networks.discriminator(shape[0], architecture, channels=config.discriminator_channels),
            "history": HistoryBuffer(config.history_size, shape),
        }

    def players(self) -> Sequence[Player]:
        config, names = self.config, ("refiner", "discriminator")
        if config.optimizer == "adam":
            return two_players(Adam(lr=config.refiner_lr), Adam(lr=config.discriminator_lr), names=names)
        return two_players(SGD(lr=config.refiner_lr), SGD(lr=config.discriminator_lr), names=names, clip=CLIP)

    def stages(self) -> Sequence[Stage]:
        config = self.config
        discriminator = Turn(player="discriminator", loss=self.discriminator_loss, repeat=config.discriminator_updates)
        turns = (Turn(player="refiner", loss=self.refiner_loss, repeat=config.refiner_updates), discriminator)
        return [
            Stage(name="refiner warm-up", turns=alternate(refiner=self.warm_up_loss), steps=config.refiner_warm_up),
            Stage(
                name="discriminator warm-up",
                turns=alternate(discriminator=self.discriminator_loss),
                steps=config.discriminator_warm_up,
            ),
            Stage(name="train", turns=turns),
        ]

    def warm_up_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        """Return the self-regularisation loss only, without weight."""
        return {"self_regularisation": distance(nets.refiner(batch["a"]), batch["a"])}

    def refiner_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        synthetic = batch["a"]
        refined = nets.refiner(synthetic)
        terms = {"adversarial": cross_entropy(nets.discriminator(refined), REAL)}
        if weight := self.config.self_regularisation_weight:
            terms["self_regularisation"] = weight * distance(refined, synthetic)
        return terms

    def discriminator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        refined = nets.history(nets.refiner(batch["a"]), ctx)
        real_logits, refined_logits = nets.discriminator(batch["b"]), nets.discriminator(refined)
        ctx.log(
            **{"D(y)": refined_probability(real_logits).mean(), "D(R(x))": refined_probability(refined_logits).mean()}
        )
        return {"real": cross_entropy(real_logits, REAL), "refined": cross_entropy(refined_logits, REFINED)}

    def translations(self) -> Sequence[Translation]:
        return [Translation(to="refined", reads="a")]

    def translate(self, nets: Nets, image: Tensor, to: str) -> Tensor:
        refined: Tensor = nets.refiner(image)
        return refined.clamp(-1, 1)


def distance(refined: Tensor, synthetic: Tensor) -> Tensor:
    """Return the L1 distance of images (N, C, H, W), summed over channels and pixels and averaged over the batch."""
    return (refined - synthetic).abs().flatten(1).sum(1).mean()


def cross_entropy(logits: Tensor, target: int) -> Tensor:
    """Return the cross entropy of logits (N, 2, h, w), summed over positions and averaged over the batch."""
    return -F.log_softmax(logits, 1)[:, target].flatten(1).sum(1).mean()


def refined_probability(logits: Tensor) -> Tensor:
    """Return the paper's D (N, h, w): the probability of being refined at every position."""
    return torch.softmax(logits, 1)[:, REFINED]
