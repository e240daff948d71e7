"""The game of Shrivastava et al. 2017: a refiner changes synthetic images (a) until a discriminator that judges every
patch by itself takes them for real (b), and is held to the images that it was given.

First the refiner learns to keep images as they are, then the discriminator learns alone; then they alternate. Half of
the refined images that the discriminator sees are from earlier, or the refiner would bring back what it was once cured
of. Losses are sums over patches and over pixels, as they are printed, and means over the batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.errors import UsageError
from gancli.family import SGD, Adam, Batch, Context, Family, Losses, Nets, Player, Stage, Translation, Turn
from gancli.nn.image_buffer import HistoryBuffer
from gancli_simgan import networks
from gancli_simgan.config import Config
from gancli_simgan.networks import REAL, REFINED

CLIP = 50.0
"""Largest norm of a player's gradients with SGD. Sums over pixels have gradients in the thousands, which would drive
the refiner into the flat ends of its tanh at once.
"""


class SimGAN(Family[Config]):
    """A refiner, a discriminator, and the `history` of refined images."""

    optimum_values = {"discriminator/D(y)": 0.5, "discriminator/D(R(x))": 0.5}

    def build(self) -> dict[str, nn.Module]:
        config, shape = self.config, self.data.shape_of("a")
        if shape != self.data.shape_of("b"):
            raise UsageError(
                f"a refined image has the {shape[0]} channels of the synthetic one, real ones have "
                f"{self.data.shape_of('b')[0]}; set data.channels, so that both have as many"
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
        return [
            self._player("refiner", self.config.refiner_lr, ema=0.0),
            self._player("discriminator", self.config.discriminator_lr, ema=None),
        ]

    def stages(self) -> Sequence[Stage]:
        config = self.config
        keeps = Turn(player="refiner", loss=self.warm_up_loss)
        judges = Turn(player="discriminator", loss=self.discriminator_loss)
        turns = (
            Turn(player="refiner", loss=self.refiner_loss, repeat=config.refiner_updates),
            Turn(player="discriminator", loss=self.discriminator_loss, repeat=config.discriminator_updates),
        )
        return [
            Stage(name="refiner warm-up", turns=(keeps,), steps=config.refiner_warm_up),
            Stage(name="discriminator warm-up", turns=(judges,), steps=config.discriminator_warm_up),
            Stage(name="train", turns=turns),
        ]

    def warm_up_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Losses:
        """The distance alone, unweighted: the part of the refiner's loss without the discriminator."""
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
        ctx.log(**{"D(y)": answer(real_logits).mean(), "D(R(x))": answer(refined_logits).mean()})
        return {"real": cross_entropy(real_logits, REAL), "refined": cross_entropy(refined_logits, REFINED)}

    def translations(self) -> Sequence[Translation]:
        return [Translation(to="refined", reads="a")]

    def translate(self, nets: Nets, image: Tensor, to: str) -> Tensor:
        refined: Tensor = nets.refiner(image)
        return refined.clamp(-1, 1)

    def _player(self, name: str, lr: float, *, ema: float | None) -> Player:
        if self.config.optimizer == "adam":
            return Player(name=name, modules=(name,), optimizer=Adam(lr=lr), ema=ema)
        return Player(name=name, modules=(name,), optimizer=SGD(lr=lr), clip=CLIP, ema=ema)


def distance(refined: Tensor, synthetic: Tensor) -> Tensor:
    """The L1 distance of images (N, C, H, W), summed over channels and pixels, as a mean over the batch."""
    return (refined - synthetic).abs().flatten(1).sum(1).mean()


def cross_entropy(logits: Tensor, target: int) -> Tensor:
    """Of calling every place of (N, 2, h, w) `target`: summed over the places, a mean over the batch."""
    return -F.log_softmax(logits, 1)[:, target].flatten(1).sum(1).mean()


def answer(logits: Tensor) -> Tensor:
    """The paper's D at every place, (N, h, w): the probability of being refined."""
    return torch.softmax(logits, 1)[:, REFINED]
