"""The players at work: each with its networks, optimizer and averaged copy."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gancli.errors import NumericalError, UsageError
from gancli.family.context import Nets
from gancli.family.contract import Player
from gancli.family.optim import SGD, Adam, Clock, Optimizer, RMSprop
from gancli.runs.checkpoint import load_state, module_state

Tensors = dict[str, Tensor]


class PlayerState:
    """One player's networks while they train.

    Args:
        player: its declaration.
        modules: its networks, on their device.

    Attributes:
        updates: so many were made.
        joined: by parameter, how many of them came before its first gradient: the layers that a growing network has not
            reached yet are not in it.
    """

    def __init__(self, player: Player, modules: Mapping[str, nn.Module]) -> None:
        self.player = player
        self.named_parameters = {
            f"{name}.{key}": parameter for name in player.modules for key, parameter in modules[name].named_parameters()
        }
        if not self.named_parameters:
            raise UsageError(f"the player {player.name!r} has no parameters to update")
        self.parameters = list(self.named_parameters.values())
        self.optimizer = build_optimizer(player.optimizer, self.parameters)
        self.updates = 0
        self.joined: dict[str, int] = {}
        self.averaged = {name: _averaged(modules[name]) for name in player.modules} if player.ema else {}
        self._averages: dict[str, Tensor] = {
            f"{name}.{key}": average
            for name, module in self.averaged.items()
            for key, average in module.named_parameters()
        }
        self._buffer_pairs = [
            (average, live)
            for name, module in self.averaged.items()
            for average, live in zip(module.buffers(), modules[name].buffers(), strict=True)
        ]

    def play(self, active: bool) -> None:
        """Lets gradients reach this player's parameters, or not."""
        for parameter in self.parameters:
            parameter.requires_grad_(active)

    def forget_gradients(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None

    def update(self, clock: Clock) -> None:
        """Applies the gradients that backward left behind.

        Raises:
            NumericalError: the gradients are not finite; nothing has changed.
        """
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        if not gradients:
            raise UsageError(f"no gradient reaches the player {self.player.name!r}; does its loss use its networks?")
        norm = nn.utils.get_total_norm(gradients)
        if not torch.isfinite(norm):
            raise NumericalError(f"the gradient of {self.player.name} is not finite")
        if self.player.clip is not None:
            nn.utils.clip_grads_with_norm_(self.parameters, self.player.clip, norm)
        if len(self.joined) < len(self.named_parameters):
            for name, parameter in self.named_parameters.items():
                if parameter.grad is not None:
                    self.joined.setdefault(name, self.updates)
        self._follow_schedules(clock)
        self.optimizer.step()
        if self.player.weight_clip is not None:
            for parameter in self.parameters:
                parameter.data.clamp_(-self.player.weight_clip, self.player.weight_clip)
        self.updates += 1
        self._average()

    def forget_moments(self) -> None:
        self.optimizer.state.clear()

    def optimizer_tensors(self) -> Tensors:
        """The optimizer's state by parameter and slot; parameters that never had a gradient have none."""
        return {
            f"{self.player.name}/{name}/{slot}": value
            for name, parameter in self.named_parameters.items()
            for slot, value in self.optimizer.state.get(parameter, {}).items()
            if isinstance(value, Tensor)
        }

    def restore_optimizer(self, tensors: Mapping[str, Tensor]) -> None:
        """Puts `optimizer_tensors` back; entries of other players are passed over."""
        self.forget_moments()
        for key, value in tensors.items():
            player, _, rest = key.partition("/")
            name, _, slot = rest.rpartition("/")
            if player == self.player.name:
                parameter = self.named_parameters[name]
                state = self.optimizer.state[parameter]
                if value.shape == parameter.shape:  # laid out in memory as the parameter is
                    state[slot] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
                else:
                    state[slot] = value.to(parameter.device, copy=True)

    def counts(self) -> dict[str, Any]:
        """What its average is counted by, as JSON takes it."""
        return {"updates": self.updates, "joined": dict(self.joined)}

    def restore_counts(self, counts: Mapping[str, Any]) -> None:
        """Puts `counts` back."""
        self.updates, self.joined = counts["updates"], dict(counts["joined"])

    def _follow_schedules(self, clock: Clock) -> None:
        declared = self.player.optimizer
        for group in self.optimizer.param_groups:
            group["lr"] = declared.lr * self.player.lr_schedule(clock)
            if "momentum" in group:
                group["momentum"] = getattr(declared, "momentum", 0.0) * self.player.momentum_schedule(clock)

    @torch.no_grad()
    def _average(self) -> None:
        together: defaultdict[int, list[str]] = defaultdict(list)
        for name in self._averages:
            if name in self.joined:
                together[self.joined[name]].append(name)
        decay = self.player.ema or 0.0
        for before, names in together.items():
            # Normalised, as Adam corrects its moments: the weights that a parameter began with have no part in its
            # average, so that it is of use long before the decay has made them vanish.
            weight = (1 - decay) / (1 - decay ** (self.updates - before))
            averages = [self._averages[name] for name in names]
            live: list[Tensor] = [self.named_parameters[name] for name in names]
            torch._foreach_lerp_(averages, live, weight)
        for average, current in self._buffer_pairs:
            average.copy_(current)


class Players:
    """All players, and the networks nobody owns.

    Args:
        modules: what the family built, on their device.
        players: what the family declared.
        compile: hand the losses compiled networks.
    """

    def __init__(self, modules: Mapping[str, nn.Module], players: Sequence[Player], *, compile: bool = False) -> None:
        _check_ownership(modules, players)
        self.modules = dict(modules)
        self.actors = {player.name: PlayerState(player, modules) for player in players}
        owned = {name for player in players for name in player.modules}
        for name, module in self.modules.items():
            module.requires_grad_(False).train(name in owned)
        networks = {
            name: module for name, module in self.modules.items() if next(module.parameters(), None) is not None
        }
        compiled: dict[str, Any] = {name: torch.compile(net) for name, net in networks.items()} if compile else {}
        self.nets = Nets(self.modules, compiled)
        self._active: PlayerState | None = None

    def turn(self, player: str) -> PlayerState:
        """Opens a turn: only this player's parameters require grad, and nobody holds gradients of an earlier turn."""
        actor = self.actors[player]
        if self._active is not None:
            self._active.forget_gradients()
        if self._active is not actor:
            if self._active is not None:
                self._active.play(False)
            actor.play(True)
            self._active = actor
        return actor

    def averaged(self) -> dict[str, nn.Module]:
        """The networks that tasks use: averaged where a player keeps an average, live elsewhere."""
        averages = {name: module for actor in self.actors.values() for name, module in actor.averaged.items()}
        return {**self.modules, **averages}

    def tensors(self) -> dict[str, Tensors]:
        """Everything to save, by file and name, on the CPU."""
        averages = {name: module for actor in self.actors.values() for name, module in actor.averaged.items()}
        files = {"model": module_state(self.modules), "ema": module_state(averages)}
        files["optimizers"] = {
            key: value.cpu() for actor in self.actors.values() for key, value in actor.optimizer_tensors().items()
        }
        return {name: tensors for name, tensors in files.items() if tensors}

    def restore(self, files: Mapping[str, Tensors]) -> None:
        """Puts `tensors` back."""
        load_state(self.modules, files["model"])
        for actor in self.actors.values():
            actor.restore_optimizer(files.get("optimizers", {}))
            if actor.averaged:
                load_state(actor.averaged, files["ema"])


def _averaged(module: nn.Module) -> nn.Module:
    return copy.deepcopy(module).requires_grad_(False).eval()


def _check_ownership(modules: Mapping[str, nn.Module], players: Sequence[Player]) -> None:
    owner: dict[str, str] = {}
    for player in players:
        for name in player.modules:
            if name not in modules:
                raise UsageError(f"the player {player.name!r} owns {name!r}, which the family does not build")
            if name in owner:
                raise UsageError(f"the network {name!r} is owned by both {owner[name]!r} and {player.name!r}")
            owner[name] = player.name


def build_optimizer(declared: Optimizer, parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer of one player over its parameters, which must be on their device already."""
    match declared:
        case Adam():
            return _Adam(
                parameters,
                lr=declared.lr,
                betas=declared.betas,
                eps=declared.eps,
                weight_decay=declared.weight_decay,
                fused=True,
            )
        case SGD():
            return torch.optim.SGD(
                parameters,
                lr=declared.lr,
                momentum=declared.momentum,
                weight_decay=declared.weight_decay,
                fused=True,
            )
        case RMSprop():
            return torch.optim.RMSprop(parameters, lr=declared.lr, alpha=declared.alpha, eps=declared.eps, foreach=True)


class _Adam(torch.optim.Adam):
    """Shows the fused kernel of a CPU its tensors in the order in which they lie in memory.

    Every number is updated by itself, so that the order is free. Tensors with channels last would be copied first,
    which takes longer than the update; and a gradient that did not lie as its parameter does would be paired with the
    wrong numbers.
    """

    def _init_group(self, group: Any, params: list[Tensor], grads: list[Tensor], *rest: list[Tensor]) -> bool:
        has_complex: bool = super()._init_group(group, params, grads, *rest)  # type: ignore[no-untyped-call]
        averages, squares, *_ = rest
        for index, parameter in enumerate(params):
            if parameter.device.type != "cpu":
                continue
            if not parameter.is_contiguous():
                order = sorted(range(parameter.dim()), key=parameter.stride, reverse=True)
                for tensors in (params, grads, averages, squares):
                    tensors[index] = tensors[index].permute(order)
            grads[index] = grads[index].contiguous()
        return has_complex
