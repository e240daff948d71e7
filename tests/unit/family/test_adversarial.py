"""Players and turns of a game between a generator and a discriminator."""

from __future__ import annotations

import torch

from gancli.family import SGD, Adam, Batch, Context, Linear, Losses, Nets, alternate, two_players


def test_two_players_average_the_generator_only() -> None:
    generator, critic = two_players(Adam(lr=1.0), Adam(lr=2.0), names=("generator", "critic"), clip=5.0)
    assert [(player.name, player.modules, player.ema) for player in (generator, critic)] == [
        ("generator", ("generator",), 0.0),
        ("critic", ("critic",), None),
    ]
    assert [player.optimizer for player in (generator, critic)] == [Adam(lr=1.0), Adam(lr=2.0)]
    assert generator.clip == critic.clip == 5.0


def test_two_players_share_schedules_and_the_discriminator_may_be_missing() -> None:
    (generator,) = two_players(SGD(lr=0.1), None, momentum_schedule=Linear(last=1.4))
    assert (generator.name, generator.momentum_schedule) == ("generator", Linear(last=1.4))


def test_turns_alternate_in_the_given_order_and_the_first_repeats() -> None:
    def loss(nets: Nets, batch: Batch, ctx: Context) -> Losses:
        return {"adversarial": torch.zeros(())}

    turns = alternate(critic=loss, generator=loss, repeat=5)
    assert [(turn.player, turn.repeat, turn.every) for turn in turns] == [("critic", 5, 1), ("generator", 1, 1)]
