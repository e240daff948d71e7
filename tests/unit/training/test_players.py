"""Players against closed forms and plain PyTorch."""

from __future__ import annotations

import copy
import json

import pytest
import torch
from torch import nn

from gancli.errors import NumericalError, UsageError
from gancli.family.contract import Player
from gancli.family.optim import SGD, Adam, Clock, Exponential, Linear, RMSprop
from gancli.training.players import Players

CLOCK = Clock(images=0, total=100, updates=0)
OPTIMIZERS = {
    "adam": (Adam(lr=0.01, betas=(0.5, 0.9)), lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.5, 0.9))),
    "sgd": (SGD(lr=0.1, momentum=0.9), lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
    "rmsprop": (RMSprop(lr=5e-5), lambda p: torch.optim.RMSprop(p, lr=5e-5)),
}


def player(name: str = "g", **options: object) -> Player:
    return Player(**({"name": name, "modules": (name,), "optimizer": SGD(lr=1.0)} | options))


def set_gradient(module: nn.Module, value: float) -> None:
    for parameter in module.parameters():
        parameter.grad = torch.full_like(parameter, value)


def flat(module: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates_equal_plain_torch(name: str) -> None:
    declared, reference = OPTIMIZERS[name]
    torch.manual_seed(0)
    ours, plain = nn.Linear(5, 3), nn.Linear(5, 3)
    plain.load_state_dict(ours.state_dict())
    cast, optimizer = Players({"g": ours}, [player(optimizer=declared)]), reference(plain.parameters())
    for step in range(5):
        x = torch.randn(7, 5, generator=torch.Generator().manual_seed(step))
        actor = cast.begin_turn("g")
        ours(x).square().mean().backward()
        actor.update(CLOCK)
        optimizer.zero_grad()
        plain(x).square().mean().backward()
        optimizer.step()
        assert torch.allclose(flat(ours), flat(plain), rtol=1e-5, atol=1e-7)


def test_only_the_player_whose_turn_it_is_requires_grad_and_the_unowned_are_frozen() -> None:
    modules = {"g": nn.Linear(2, 2), "d": nn.Linear(2, 2), "vgg": nn.Sequential(nn.Linear(2, 2), nn.Dropout())}
    cast = Players(modules, [player("g"), player("d")])
    assert not modules["vgg"].training
    assert modules["g"].training
    for name in ("g", "d", "g"):
        cast.begin_turn(name)
        required = {key for key, module in modules.items() for p in module.parameters() if p.requires_grad}
        assert required == {name}


def test_ema_after_n_updates_is_a_closed_form() -> None:
    """Weights change by 1 per update; the EMA is a geometric series without the initial weights."""
    module = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)
    cast = Players({"g": module}, [player(ema=0.9)])
    for _ in range(10):
        actor = cast.begin_turn("g")
        set_gradient(module, -1.0)
        actor.update(CLOCK)
    shares = [0.9 ** (10 - update) for update in range(1, 11)]
    expected = sum(share * update for update, share in enumerate(shares, start=1)) / sum(shares)
    assert cast.averaged()["g"].weight.item() == pytest.approx(expected, rel=1e-5)
    assert module.weight.item() == pytest.approx(10)


def test_a_parameter_that_joins_late_is_averaged_from_there_on() -> None:
    """As layers of a growing network: initial weights are not part of the EMA."""
    layers = nn.ModuleList([nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)])
    cast = Players({"g": layers}, [player(ema=0.5)])
    for layer in layers:
        layer.weight.data.fill_(100.0)
    actor = cast.begin_turn("g")
    for update in range(4):
        layers[0].weight.grad = torch.ones(1, 1)  # 99, 98, 97, 96
        layers[1].weight.grad = None if update < 2 else torch.ones(1, 1)  # 100, 100, 99, 98
        actor.update(CLOCK)
    averaged = cast.averaged()["g"]
    expected = (99 + 2 * 98 + 4 * 97 + 8 * 96) / 15, (99 + 2 * 98) / 3
    assert [float(layer.weight) for layer in averaged] == pytest.approx(expected)
    assert actor.first_update == {"g.0.weight": 0, "g.1.weight": 2}
    again = Players({"g": copy.deepcopy(layers)}, [player(ema=0.5)]).states["g"]
    again.restore_counters(json.loads(json.dumps(actor.counters())))
    assert (again.updates, again.first_update) == (actor.updates, actor.first_update)


def test_ema_copies_buffers() -> None:
    modules = {"g": nn.BatchNorm1d(2)}
    cast = Players(modules, [player(ema=0.5)])
    actor = cast.begin_turn("g")
    modules["g"](torch.randn(8, 2) + 3).sum().backward()
    actor.update(CLOCK)
    assert torch.equal(cast.averaged()["g"].running_mean, modules["g"].running_mean)
    assert cast.averaged()["g"].num_batches_tracked == 1


def test_clipping_scales_all_gradients_together() -> None:
    module = nn.Linear(1, 1)
    before = flat(module)
    cast = Players({"g": module}, [player(clip=1.0)])
    actor = cast.begin_turn("g")
    module.weight.grad, module.bias.grad = torch.full((1, 1), 3.0), torch.full((1,), 4.0)
    actor.update(CLOCK)
    assert torch.allclose(before - flat(module), torch.tensor([0.6, 0.8]), atol=1e-5)


def test_schedules_drive_rate_and_momentum() -> None:
    module = nn.Linear(1, 1)
    schedules = {"lr_schedule": Exponential(divisor=2), "momentum_schedule": Linear(first=1, last=1.4, end=100)}
    cast = Players({"g": module}, [player(optimizer=SGD(lr=0.8, momentum=0.5), **schedules)])
    actor = cast.begin_turn("g")
    set_gradient(module, 0.0)
    actor.update(Clock(images=50, total=1_000, updates=3))
    (group,) = actor.optimizer.param_groups
    assert group["lr"] == pytest.approx(0.1)
    assert group["momentum"] == pytest.approx(0.6)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_changes_nothing(bad: float) -> None:
    module = nn.Linear(2, 2)
    cast = Players({"g": module}, [player(optimizer=Adam(lr=1), ema=0.9)])
    before, average = flat(module), flat(cast.averaged()["g"])
    actor = cast.begin_turn("g")
    set_gradient(module, 1.0)
    module.bias.grad[1] = bad
    with pytest.raises(NumericalError, match="gradient of g is not finite"):
        actor.update(CLOCK)
    assert torch.equal(flat(module), before)
    assert torch.equal(flat(cast.averaged()["g"]), average)
    assert not actor.optimizer.state
    assert actor.updates == 0


def test_state_goes_through_a_save() -> None:
    def make() -> Players:
        torch.manual_seed(0)
        return Players(
            {"g": nn.Linear(3, 3), "d": nn.Linear(3, 1)}, [player("g", ema=0.9, optimizer=Adam(lr=0.1)), player("d")]
        )

    first, second = make(), make()
    actor = first.begin_turn("g")
    set_gradient(first.modules["g"], 0.3)
    actor.update(CLOCK)
    saved = first.tensors()
    assert {name.split("/")[0] for name in saved["optimizers"]} == {"g"}
    second.restore(saved)
    second.states["g"].restore_counters(first.states["g"].counters())
    for cast in (first, second):
        actor = cast.begin_turn("g")
        set_gradient(cast.modules["g"], -0.7)
        actor.update(CLOCK)
    for file, tensors in first.tensors().items():
        for name, tensor in tensors.items():
            assert torch.equal(tensor, second.tensors()[file][name]), name


@pytest.mark.parametrize(
    ("players", "words"),
    [
        ([player("g"), player("g", modules=("g",))], "owned by both"),
        ([player("x")], "does not build"),
        ([player("empty")], "no parameters"),
    ],
)
def test_mistakes_of_authors_are_named(players: list[Player], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Players({"g": nn.Linear(1, 1), "empty": nn.Flatten()}, players)


def test_a_loss_that_does_not_reach_its_player_is_named() -> None:
    cast = Players({"g": nn.Linear(1, 1)}, [player()])
    with pytest.raises(UsageError, match="no gradient reaches the player 'g'"):
        cast.begin_turn("g").update(CLOCK)


def test_levels_that_no_gradient_reaches_stay_as_they_are() -> None:
    """A growing network is built whole; unused layers have no moments, and its checkpoint still fits."""
    torch.manual_seed(0)
    cast = Players({"g": nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])}, [player(optimizer=Adam(lr=0.1), ema=0.5)])
    idle = flat(cast.modules["g"][1])
    actor = cast.begin_turn("g")
    cast.modules["g"][0](torch.ones(3, 2)).sum().backward()
    actor.update(CLOCK)
    assert torch.equal(flat(cast.modules["g"][1]), idle)
    saved = cast.tensors()
    assert {name.split("/")[1].split(".")[1] for name in saved["optimizers"]} == {"0"}
    cast.restore(saved)
    assert len(actor.optimizer.state) == 2


def test_clipped_weights_stay_in_their_box_after_every_update() -> None:
    modules = {"critic": nn.Linear(3, 2), "g": nn.Linear(3, 2)}
    cast = Players(modules, [player("critic", weight_clip=0.01, optimizer=RMSprop(lr=1.0)), player("g")])
    for sign in (1.0, -1.0, 1.0):
        actor = cast.begin_turn("critic")
        set_gradient(modules["critic"], sign)
        actor.update(CLOCK)
        # One step goes far beyond the bound, so every weight is clamped to it.
        assert torch.equal(flat(modules["critic"]), torch.full((8,), -0.01 * sign))
    assert flat(modules["g"]).abs().max() > 0.01


def test_restored_moments_lie_in_memory_as_their_parameters_do() -> None:
    """Saving does not change the memory layout, on which the order of sums depends."""

    def make() -> Players:
        torch.manual_seed(0)
        module = nn.Conv2d(8, 16, 3).to(memory_format=torch.channels_last)
        return Players({"d": module}, [player("d", optimizer=Adam(lr=0.1))])

    def update(cast: Players, seed: int) -> None:
        x = torch.randn(2, 8, 6, 6, generator=torch.Generator().manual_seed(seed))
        actor = cast.begin_turn("d")
        cast.modules["d"](x.contiguous(memory_format=torch.channels_last)).square().mean().backward()
        actor.update(CLOCK)

    first, second = make(), make()
    update(first, 0)
    saved = {
        file: {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
        for file, tensors in first.tensors().items()
    }
    second.restore(saved)
    for cast in (first, second):
        update(cast, 1)
    weight = second.modules["d"].weight
    assert weight.stride() == first.modules["d"].weight.stride() != weight.contiguous().stride()
    for slot in ("exp_avg", "exp_avg_sq"):
        assert second.states["d"].optimizer.state[weight][slot].stride() == weight.stride()
    assert torch.equal(flat(first.modules["d"]), flat(second.modules["d"]))


def test_state_without_parameters_is_saved_restored_and_never_compiled() -> None:
    """State of a loss: a module without parameters or player, which is not compiled."""

    def build() -> dict[str, nn.Module]:
        memory = nn.Module()
        memory.register_buffer("seen", torch.zeros(3))
        return {"g": nn.Linear(2, 1), "memory": memory}

    cast, restored = (Players(build(), [player("g", modules=("g",))], compile=True) for _ in range(2))
    assert cast.nets.memory is cast.modules["memory"]
    assert cast.nets.g is not cast.modules["g"]
    cast.modules["memory"].get_buffer("seen").add_(torch.arange(3))
    restored.restore(cast.tensors())
    assert restored.nets.memory.get_buffer("seen").tolist() == [0, 1, 2]
