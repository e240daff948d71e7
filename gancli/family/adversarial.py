"""Players and turns of a game between a generator and a discriminator."""

from __future__ import annotations

from gancli.family.context import Loss, Turn
from gancli.family.contract import Player
from gancli.family.optim import SGD, Adam, Constant, Exponential, Linear, Optimizer, RMSprop, Schedule


def two_players(
    generator: Optimizer,
    discriminator: Optimizer | None,
    *,
    names: tuple[str, str] = ("generator", "discriminator"),
    lr_schedule: Schedule = Constant(),
    momentum_schedule: Schedule = Constant(),
    clip: float | None = None,
) -> list[Player]:
    """Return two players that each update the network of their name; `train.ema` applies to the generator.

    Args:
        generator: optimizer of the generator.
        discriminator: optimizer of the discriminator (None: no discriminator).
        names: names of the two players.
        lr_schedule: factor on both learning rates.
        momentum_schedule: factor on the momentum of `SGD`.
        clip: largest norm of each player's gradients (default: no limit).
    """
    return [
        Player(
            name=name,
            modules=(name,),
            optimizer=optimizer,
            lr_schedule=lr_schedule,
            momentum_schedule=momentum_schedule,
            clip=clip,
            ema=ema,
        )
        for name, optimizer, ema in zip(names, (generator, discriminator), (0.0, None), strict=True)
        if optimizer is not None
    ]


def maxout_players(divisor: float) -> list[Player]:
    """Return two players with the optimizer of the maxout networks of Goodfellow et al. 2014.

    The momentum of SGD rises from 0.5 to 0.7 over 250 epochs of 50,000 images.

    Args:
        divisor: number by which every update divides the learning rate.
    """
    sgd = SGD(lr=0.1, momentum=0.5)
    return two_players(
        sgd,
        sgd,
        lr_schedule=Exponential(divisor=divisor, floor=1e-5),
        momentum_schedule=Linear(first=1.0, last=1.4, start=0, end=250 * 50_000),
    )


def critic_players(
    generator_lr: float | None, critic_lr: float | None, *, betas: tuple[float, float], clip: float | None
) -> list[Player]:
    """Return the players of a Wasserstein GAN.

    Args:
        generator_lr: learning rate of the generator (default: the paper's, see `clip`).
        critic_lr: learning rate of the critic (default: the paper's, see `clip`).
        betas: betas of Adam.
        clip: bound of the critic's weights, with RMSprop at 5e-5 (Arjovsky et al. 2017); None for a gradient penalty,
            with Adam at 1e-4 (Gulrajani et al. 2017).
    """
    return [
        Player(
            name=name,
            modules=(name,),
            optimizer=Adam(lr=lr or 1e-4, betas=betas) if clip is None else RMSprop(lr=lr or 5e-5),
            weight_clip=clip if name == "critic" else None,
            ema=0.0 if name == "generator" else None,
        )
        for name, lr in (("generator", generator_lr), ("critic", critic_lr))
    ]


def alternate(*, repeat: int = 1, **losses: Loss) -> tuple[Turn, ...]:
    """Return one turn per player in the given order: `alternate(critic=self.critic_loss, generator=..., repeat=5)`.

    Args:
        repeat: number of updates of the first player in a step.
        losses: loss of each player, by the player's name.
    """
    return tuple(
        Turn(player=player, loss=loss, repeat=1 if index else repeat)
        for index, (player, loss) in enumerate(losses.items())
    )
