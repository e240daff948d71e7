"""Size of networks that are not built: counted without memory, and compared with what may be allocated."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)

from gancli.errors import UsageError
from gancli.runtime import memory
from gancli.runtime.random import fork_torch_rng

MAX_MODULES = 20_000
"""Modules of networks that may be built. Published ones have at most a few thousand; more take minutes to create."""

TRAINING_BYTES = 20
"""Bytes of one parameter in training: weight, gradient, two moments of Adam, and average, in float32."""


class TooLargeError(Exception):
    """Networks with more parameters or modules than allowed.

    Args:
        parameters: parameters counted until then.
        modules: modules counted until then.
    """

    def __init__(self, parameters: int, modules: int) -> None:
        super().__init__(f"{parameters:,} parameters in {modules:,} modules and more")
        self.parameters, self.modules = parameters, modules


def count_parameters(build: Callable[[], Mapping[str, nn.Module]], *, max_parameters: int, max_modules: int) -> int:
    """Build networks on the meta device, which takes no memory, and count their parameters.

    A network that cannot be built there is counted as far as it gets.

    Raises:
        TooLargeError: there are more than allowed. The networks are not built any further, so this takes little time
            even for a million layers.
    """
    parameters = tensors = modules = 0

    def check() -> None:
        # Parameters are registered when a layer is created, and modules only when it is added to another.
        if parameters > max_parameters or modules > max_modules or tensors > 2 * max_modules:
            raise TooLargeError(parameters, max(modules, tensors // 2))

    def count_parameter(module: nn.Module, name: str, parameter: Any) -> None:
        nonlocal parameters, tensors
        parameters += parameter.numel() if isinstance(parameter, Tensor) else 0
        tensors += 1
        check()

    def count_module(module: nn.Module, name: str, child: Any) -> None:
        nonlocal modules
        modules += 1
        check()

    handles = [
        register_module_parameter_registration_hook(count_parameter),
        register_module_module_registration_hook(count_module),
    ]
    try:
        with torch.device("meta"), fork_torch_rng(torch.device("cpu")), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about weights that are loaded into networks without memory
            build()
    except TooLargeError:
        raise
    except (RuntimeError, NotImplementedError, TypeError) as error:
        if "overflow" in str(error).lower():  # a single tensor with more than 2**63 bytes
            raise TooLargeError(parameters, modules) from None
    finally:
        for handle in handles:
            handle.remove()
    return parameters


def check_trainable(
    build: Callable[[], Mapping[str, nn.Module]], device: torch.device, *, options: Mapping[str, int]
) -> None:
    """Check that networks fit into the memory with what training adds to them, before they are built.

    Args:
        build: function that builds the networks.
        device: device of the networks.
        options: options of the model that make it large, by their names in messages.

    Raises:
        UsageError: they do not fit.
    """
    available = memory.free(device)
    limit = 10**15 if available is None else available // TRAINING_BYTES
    try:
        count_parameters(build, max_parameters=limit, max_modules=MAX_MODULES)
    except TooLargeError as error:
        lower = " or ".join(f"{name}={value}" for name, value in options.items()) or "the options of model:"
        if error.modules >= MAX_MODULES:
            raise UsageError(f"the networks have more than {MAX_MODULES:,} layers; lower {lower}") from None
        needed = TRAINING_BYTES * error.parameters / 1e9
        raise UsageError(
            f"the networks have at least {error.parameters:,} parameters, which take {needed:,.2f} GB in training, "
            f"but {(available or 0) / 1e9:,.2f} GB of memory are free; lower {lower}, or data.resolution"
        ) from None
