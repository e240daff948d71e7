"""Where to compute, and how exactly."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import nn

from gancli.errors import UsageError
from gancli.nn.layers import InstanceNorm2d

MATMUL_TOLERANCE = 1e-5
"""Largest relative error of a faster float32 matrix product that still counts as float32 (exact ones show 4e-7)."""


def choose_device(wanted: str) -> torch.device:
    """The device for `auto`, `cpu`, `cuda`, `cuda:1` or `mps`; `auto` takes the first accelerator there is.

    Raises:
        UsageError: the device is not on this machine.
    """
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(wanted)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].split(". ")[0].rstrip(".")
        raise UsageError(f"--device {wanted} cannot be used here ({reason}); `gan doctor` lists what can") from None
    return device


def choose_precision(wanted: str, device: torch.device, networks: Iterable[nn.Module] = ()) -> torch.dtype:
    """The type that `auto`, `fp32` or `bf16` stands for.

    `auto` is bf16 on a GPU that has it, and on a CPU that multiplies bf16 itself if a network convolves; perceptrons
    gain little there.
    """
    if wanted == "auto":
        on_gpu = device.type == "cuda" and torch.cuda.is_bf16_supported()
        on_cpu = device.type == "cpu" and _multiplies_bf16() and any(_convolves(network) for network in networks)
        wanted = "bf16" if on_gpu or on_cpu else "fp32"
    return torch.bfloat16 if wanted == "bf16" else torch.float32


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[object]:
    """Mixed precision where `dtype` is bf16. No gradient scaling: bf16 has the range of float32."""
    if dtype == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, dtype=dtype)


def choose_memory_format(wanted: str, network: nn.Module, device: torch.device) -> torch.memory_format:
    """What `auto`, `contiguous` or `channels_last` stands for: how a network's weights and maps lie in memory.

    `auto` puts channels last where a network convolves, which its fastest algorithms want; not with instance
    normalisation, which is slower so unless it is our own on a CPU, and not on Apple's GPUs, which would convert back
    and forth.
    """
    if wanted == "auto":
        unaware = any(
            isinstance(part, nn.InstanceNorm2d) and not (device.type == "cpu" and isinstance(part, InstanceNorm2d))
            for part in network.modules()
        )
        last = _convolves(network) and not unaware and device.type != "mps"
        wanted = "channels_last" if last else "contiguous"
    return torch.channels_last if wanted == "channels_last" else torch.contiguous_format


def use_fast_matmul() -> bool:
    """Lets the CPU take oneDNN's float32 matrix products, if they are float32 on this processor.

    On processors with matrix units the same setting rounds to bf16 inside, so the accuracy is measured before the
    setting stays. Returns whether it did.
    """
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(256, 256, generator=generator) for _ in range(2))
    exact = left.double() @ right.double()
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    error = (left @ right - exact).norm() / exact.norm()
    if error > MATMUL_TOLERANCE:
        torch.set_float32_matmul_precision(before)
    return bool(error <= MATMUL_TOLERANCE)


def _convolves(network: nn.Module) -> bool:
    return any(isinstance(part, nn.Conv2d | nn.ConvTranspose2d) for part in network.modules())


def _multiplies_bf16() -> bool:
    """Whether the CPU has instructions for it; without them bf16 is emulated, and slower than float32."""
    ask = getattr(torch.cpu, "get_capabilities", None)  # older versions of torch cannot tell
    return ask is not None and any(has for name, has in ask().items() if name.endswith("bf16"))


def make_deterministic() -> None:
    """Only algorithms that give the same bits again, at the cost of speed on a GPU."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of mallopt(3)

KEPT = 2**29
"""Bytes: blocks below are kept for the next step, and so much stays with the process in between."""


def keep_freed_memory() -> bool:
    """Lets the process keep what it frees, where the C library is glibc; returns whether it does.

    By itself glibc hands back every block above 32 MB, and a fresh one costs more than most work on it: each page is
    mapped and zeroed anew when it is first written.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries of Linux have none
    return mallopt is not None and all(mallopt(name, KEPT) == 1 for name in (_MMAP_THRESHOLD, _TRIM_THRESHOLD))


@contextmanager
def eval_mode(modules: Mapping[str, nn.Module]) -> Iterator[None]:
    """Puts networks into eval mode and lets no gradient reach them; then everything is as it was."""
    modes = [(part, part.training) for module in modules.values() for part in module.modules()]
    wanting = [parameter for module in modules.values() for parameter in module.parameters() if parameter.requires_grad]
    for module in modules.values():
        module.eval()
    for parameter in wanting:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in wanting:
            parameter.requires_grad_(True)
        for part, training in modes:
            part.training = training
