"""Players during training: networks with their optimizer and their exponential moving average (EMA)."""

from __future__ import annotations

import copy
import math
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

_SLOTS: dict[type, set[str]] = {
    torch.optim.Adam: {"step", "exp_avg", "exp_avg_sq"},
    torch.optim.RMSprop: {"step", "square_avg"},
}
"""Tensors without which a step of an optimizer fails, for each parameter that has taken one."""


class PlayerState:
    """Networks, optimizer and EMA of one player.

    Args:
        player: declaration of the player.
        modules: all networks by name, on their device.

    Attributes:
        updates: number of optimizer steps taken.
        first_update: by parameter, the number of optimizer steps before its first gradient; layers that a growing
            network has not reached yet are missing.
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
        self.first_update: dict[str, int] = {}
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

    def set_trainable(self, trainable: bool) -> None:
        for parameter in self.parameters:
            parameter.requires_grad_(trainable)

    def zero_grad(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None

    def update(self, clock: Clock) -> None:
        """Take an optimizer step with the accumulated gradients, and update the EMA.

        Raises:
            NumericalError: a gradient is not finite; nothing has changed.
        """
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        if not gradients:
            raise UsageError(f"no gradient reaches the player {self.player.name!r}; does its loss use its networks?")
        norm = nn.utils.get_total_norm(gradients)
        if not torch.isfinite(norm):
            raise NumericalError(f"the gradient of {self.player.name} is not finite")
        if self.player.clip is not None:
            nn.utils.clip_grads_with_norm_(self.parameters, self.player.clip, norm)
        if len(self.first_update) < len(self.named_parameters):
            for name, parameter in self.named_parameters.items():
                if parameter.grad is not None:
                    self.first_update.setdefault(name, self.updates)
        self._apply_schedules(clock)
        self.optimizer.step()
        if self.player.weight_clip is not None:
            for parameter in self.parameters:
                parameter.data.clamp_(-self.player.weight_clip, self.player.weight_clip)
        self.updates += 1
        self._update_ema()

    def reset_optimizer(self) -> None:
        self.optimizer.state.clear()

    def optimizer_tensors(self) -> Tensors:
        """State of the optimizer as `<player>/<parameter>/<slot>`; parameters that never had a gradient have none."""
        return {
            f"{self.player.name}/{name}/{slot}": value
            for name, parameter in self.named_parameters.items()
            for slot, value in self.optimizer.state.get(parameter, {}).items()
            if isinstance(value, Tensor)
        }

    def restore_optimizer(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore `optimizer_tensors`; entries of other players are ignored.

        Raises:
            KeyError: a parameter does not exist.
            ValueError: a tensor has another shape, or is missing beside others.
        """
        self.reset_optimizer()
        for key, value in tensors.items():
            player, _, rest = key.partition("/")
            name, _, slot = rest.rpartition("/")
            if player == self.player.name:
                parameter = self.named_parameters[name]
                state = self.optimizer.state[parameter]
                if value.shape not in (parameter.shape, ()):
                    raise ValueError(f"{key} has the shape {list(value.shape)}, but {list(parameter.shape)} is needed")
                if value.shape == parameter.shape:  # in the parameter's memory format
                    state[slot] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
                else:
                    state[slot] = value.to(parameter.device, copy=True)
        slots = next((slots for kind, slots in _SLOTS.items() if isinstance(self.optimizer, kind)), set())
        for name, parameter in self.named_parameters.items():
            state = self.optimizer.state.get(parameter, {})
            if state and not slots <= state.keys():
                missing = ", ".join(sorted(slots - state.keys()))
                raise ValueError(f"the optimizer of {self.player.name} lacks {missing} of {name}")
            if "step" in state and not float(state["step"]) >= 0:
                raise ValueError(f"the optimizer of {self.player.name} has taken {float(state['step'])} steps")

    def counters(self) -> dict[str, Any]:
        """Counters of the EMA, as JSON."""
        return {"updates": self.updates, "joined": dict(self.first_update)}

    def restore_counters(self, counters: Mapping[str, Any]) -> None:
        """Restore `counters`."""
        self.updates, self.first_update = counters["updates"], dict(counters["joined"])

    def _apply_schedules(self, clock: Clock) -> None:
        declared = self.player.optimizer
        for group in self.optimizer.param_groups:
            group["lr"] = declared.lr * self.player.lr_schedule(clock)
            if "momentum" in group:
                group["momentum"] = getattr(declared, "momentum", 0.0) * self.player.momentum_schedule(clock)

    @torch.no_grad()
    def _update_ema(self) -> None:
        groups: defaultdict[int, list[str]] = defaultdict(list)
        for name in self._averages:
            if name in self.first_update:
                groups[self.first_update[name]].append(name)
        decay = self.player.ema or 0.0
        for before, names in groups.items():
            # Bias-corrected as Adam's moments are: the initial weights have no part in the average, so that it is
            # useful long before their share has decayed.
            weight = (1 - decay) / (1 - decay ** (self.updates - before))
            averages = [self._averages[name] for name in names]
            live: list[Tensor] = [self.named_parameters[name] for name in names]
            torch._foreach_lerp_(averages, live, weight)
        for average, current in self._buffer_pairs:
            average.copy_(current)


class Players:
    """All players of a family, and the networks that no player owns.

    Args:
        modules: networks that the family built, on their device.
        players: players that the family declared.
        compile: pass compiled networks to the losses.
    """

    def __init__(self, modules: Mapping[str, nn.Module], players: Sequence[Player], *, compile: bool = False) -> None:
        _check_ownership(modules, players)
        self.modules = dict(modules)
        self.states = {player.name: PlayerState(player, modules) for player in players}
        owned = {name for player in players for name in player.modules}
        for name, module in self.modules.items():
            module.requires_grad_(False).train(name in owned)
        networks = {
            name: module for name, module in self.modules.items() if next(module.parameters(), None) is not None
        }
        compiled: dict[str, Any] = {name: torch.compile(net) for name, net in networks.items()} if compile else {}
        self.nets = Nets(self.modules, compiled)
        self._active: PlayerState | None = None

    @property
    def has_ema(self) -> bool:
        """True if any player keeps an EMA of its networks."""
        return any(state.averaged for state in self.states.values())

    def begin_turn(self, player: str) -> PlayerState:
        """Let only this player's parameters require gradients, and clear the gradients of the previous turn."""
        state = self.states[player]
        if self._active is not None:
            self._active.zero_grad()
        if self._active is not state:
            if self._active is not None:
                self._active.set_trainable(False)
            state.set_trainable(True)
            self._active = state
        return state

    def averaged(self) -> dict[str, nn.Module]:
        """The networks that tasks use: the EMA if the player keeps one, else the live network."""
        return {**self.modules, **self._averages()}

    def tensors(self) -> dict[str, Tensors]:
        """Tensors of a checkpoint, by file and name, on the CPU."""
        files = {"model": module_state(self.modules), "ema": module_state(self._averages())}
        files["optimizers"] = {
            key: value.cpu() for state in self.states.values() for key, value in state.optimizer_tensors().items()
        }
        return {name: tensors for name, tensors in files.items() if tensors}

    def check_finite(self) -> None:
        """Check weights, averages and the moments of the optimizers, with one transfer from the device.

        Raises:
            NumericalError: one of them is not finite, because it has overflowed.
        """
        named = {name: tensor for name, tensor in self._floating().items() if tensor.numel()}
        if torch.isfinite(nn.utils.get_total_norm(named.values(), norm_type=math.inf)):
            return
        broken = next(name for name, tensor in named.items() if not bool(tensor.isfinite().all()))
        raise NumericalError(f"{broken} is not finite")

    def _floating(self) -> dict[str, Tensor]:
        """Return all tensors that a checkpoint contains, on their devices, by their names in messages."""
        kinds = {"": self.modules, "the average of ": self._averages()}
        tensors = {
            f"{kind}{name}.{key}": tensor
            for kind, modules in kinds.items()
            for name, module in modules.items()
            for key, tensor in module.state_dict().items()
        }
        for player, state in self.states.items():
            for name, parameter in state.named_parameters.items():
                for slot, value in state.optimizer.state.get(parameter, {}).items():
                    tensors[f"{slot} of {name} in the optimizer of {player}"] = value
        return {name: tensor for name, tensor in tensors.items() if tensor.is_floating_point()}

    def restore(self, files: Mapping[str, Tensors]) -> None:
        """Restore `tensors`."""
        load_state(self.modules, files["model"])
        for state in self.states.values():
            state.restore_optimizer(files.get("optimizers", {}))
            if state.averaged:
                load_state(state.averaged, files["ema"])

    def _averages(self) -> dict[str, nn.Module]:
        return {name: module for state in self.states.values() for name, module in state.averaged.items()}


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
    """Build the declared optimizer for parameters that are on their device already."""
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
    """Adam that passes tensors to the fused CPU kernel in their memory order.

    Updates are element-wise, so that the order is free. The kernel would first copy channels-last tensors, which takes
    longer than the update, and would pair the elements of a gradient in another memory format with the wrong
    parameters.
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
