"""Device, precision and memory format of the networks, and settings of the process."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import nn

from gancli.errors import UsageError

MATMUL_TOLERANCE = 1e-5
"""Maximum relative error of a faster matrix product that still counts as float32 (exact ones have 4e-7)."""

KEPT_BYTES = 2**29
"""Blocks up to this size, and this much free memory in total, stay with the process between steps."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # parameters of mallopt(3)


def choose_device(name: str) -> torch.device:
    """Return the device for `auto`, `cpu`, `cuda`, `cuda:1` or `mps`; `auto` selects the first available accelerator.

    Raises:
        UsageError: the device is not available on this machine.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].split(". ")[0].rstrip(".")
        raise UsageError(f"--device {name} is not available ({reason}); `gan doctor` lists the devices") from None
    return device


def choose_precision(name: str, device: torch.device, networks: Iterable[nn.Module] = ()) -> torch.dtype:
    """Return the dtype for `auto`, `fp32` or `bf16`.

    `auto` is bf16 on a GPU that supports it, and on a CPU with bf16 instructions if a network has convolutions (others
    gain little).
    """
    if name == "auto":
        on_gpu = device.type == "cuda" and torch.cuda.is_bf16_supported()
        on_cpu = device.type == "cpu" and _has_bf16_instructions() and any(map(_has_convolutions, networks))
        name = "bf16" if on_gpu or on_cpu else "fp32"
    return torch.bfloat16 if name == "bf16" else torch.float32


def choose_memory_format(name: str, network: nn.Module, device: torch.device) -> torch.memory_format:
    """Return the memory format of a network's weights and feature maps for `auto`, `contiguous` or `channels_last`.

    `auto` is channels_last for networks with convolutions, whose fastest algorithms need it. Exceptions are instance
    normalisation, which is slower in this format (except gancli's own on a CPU), and Apple GPUs, which would convert
    back and forth.
    """
    if name == "auto":
        slower = any(
            isinstance(part, nn.InstanceNorm2d)
            and not (device.type == "cpu" and getattr(part, "keeps_channels_last", False))
            for part in network.modules()
        )
        name = "channels_last" if _has_convolutions(network) and not slower and device.type != "mps" else "contiguous"
    return torch.channels_last if name == "channels_last" else torch.contiguous_format


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[object]:
    """Return a context of mixed precision for bf16. Gradients are not scaled, because bf16 has the range of float32."""
    if dtype == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, dtype=dtype)


@contextmanager
def eval_mode(modules: Mapping[str, nn.Module]) -> Iterator[None]:
    """Temporarily put networks in eval mode without gradients."""
    modes = [(part, part.training) for module in modules.values() for part in module.modules()]
    trainable = [param for module in modules.values() for param in module.parameters() if param.requires_grad]
    for module in modules.values():
        module.eval()
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)
        for part, training in modes:
            part.training = training


def use_fast_matmul() -> bool:
    """Allow oneDNN's float32 matrix products on the CPU if they are accurate. Return True if they are used.

    On processors with matrix units the same setting rounds to bf16 internally, so the accuracy is measured first.
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


def make_deterministic() -> None:
    """Use only algorithms with bit-for-bit reproducible results, which are slower on a GPU."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False


def keep_freed_memory() -> bool:
    """Make glibc keep freed memory for reuse by the process. Return True if the C library is glibc.

    By default glibc returns every block above 32 MB to the system, and a fresh block costs more than most operations on
    it, because each page is mapped and zeroed when it is first written.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # missing in other C libraries of Linux
    parameters = (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD)
    return mallopt is not None and all(mallopt(parameter, KEPT_BYTES) == 1 for parameter in parameters)


def _has_convolutions(network: nn.Module) -> bool:
    return any(isinstance(part, nn.Conv2d | nn.ConvTranspose2d) for part in network.modules())


def _has_bf16_instructions() -> bool:
    """Return whether the CPU has bf16 instructions; otherwise bf16 is emulated and slower than float32."""
    capabilities = getattr(torch.cpu, "get_capabilities", None)  # missing in older versions of torch
    return capabilities is not None and any(has for name, has in capabilities().items() if name.endswith("bf16"))
