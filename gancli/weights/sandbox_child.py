"""Child process of the sandbox: loads an untrusted PyTorch file and writes its tensors as safetensors.

Run as `python -I sandbox_child.py TARGET LIMIT < FILE`. It imports nothing of gancli and prints one JSON object: empty,
or with `error` and `kind`. A `.pth` file is a pickle, a program for Python's unpickler; `weights_only` restricts it to
tensors and plain containers. If that restriction fails, the process still cannot start programs, use the network or
write files other than through safetensors, and it has limits of memory and time.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import IO, Any

FORBIDDEN = (
    "os.",
    "subprocess.",
    "socket.",
    "shutil.",
    "ctypes.",
    "urllib.",
    "http.",
    "ftplib.",
    "smtplib.",
    "webbrowser.",
)
"""Prefixes of audit events that this program does not need after torch has been imported."""

ALLOWED = ("os.listdir", "os.scandir", "os.getxattr", "os.putenv", "os.unsetenv", "os.add_dll_directory")

SECONDS = 300
"""Limit of processor time."""

HEADROOM = 2**30
"""Bytes of memory allowed on top of the loaded program and twice the size of the tensors."""

MAX_TENSORS = 20_000

MAX_DEPTH = 8

MAX_VALUES = 200_000
"""Limit of values of any kind; nested references to the same dictionary reach billions within a few bytes."""

_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def main() -> None:
    target, limit = sys.argv[1], int(sys.argv[2])
    import safetensors.torch  # noqa: F401 - before the limits, which are relative to what is loaded

    confine(limit)
    with open(0, "rb", closefd=False) as file:
        print(json.dumps(convert(file, target, limit)))


def convert(file: IO[bytes], target: str, limit: int) -> dict[str, str]:
    """Write the tensors of a file to `target`. Return an empty dict, or the error and its kind."""
    import torch
    from safetensors.torch import save_file

    try:
        tensors = dict(_tensors(torch.load(file, map_location="cpu", weights_only=True), limit))
        if not tensors:
            raise ValueError("it contains no named tensors")
        save_file(tensors, target)
    except BaseException as error:
        return {"kind": type(error).__name__, "error": str(error)[:4000]}
    return {}


def confine(limit: int) -> None:
    """Restrict this process permanently to computing and reading.

    Args:
        limit: maximum size in bytes of the tensors of a file.
    """
    _set_limits(limit)
    sys.addaudithook(_audit)


def _set_limits(limit: int) -> None:
    with suppress(ImportError):  # not on Windows
        import resource

        limits = {
            resource.RLIMIT_CPU: SECONDS,
            resource.RLIMIT_FSIZE: limit + 2**24,
            resource.RLIMIT_CORE: 0,
        }
        with suppress(OSError), open("/proc/self/statm") as file:  # Linux: torch alone maps gigabytes
            mapped = int(file.read().split()[0]) * resource.getpagesize()
            limits[resource.RLIMIT_AS] = mapped + 2 * limit + HEADROOM
            limits[resource.RLIMIT_NPROC] = 0  # neither processes nor threads; root is exempt
        for kind, maximum in limits.items():
            with suppress(ValueError, OSError):
                resource.setrlimit(kind, (maximum, maximum))


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    writes = event == "open" and (set(str(arguments[1])) & set("wax+") or arguments[2] & _WRITE_FLAGS)
    if writes or (event.startswith(FORBIDDEN) and event not in ALLOWED):
        raise PermissionError(f"{event} is forbidden")


def _tensors(loaded: Any, limit: int) -> Any:
    """Yield the tensors of nested dictionaries, named by their keys joined by dots, as copies that share no memory."""
    import torch

    left, tensors, values, stack = limit, 0, 0, [("", loaded, 0)]
    while stack:
        name, value, depth = stack.pop()
        values += 1
        if values > MAX_VALUES:
            raise ValueError("it contains more values than any model")
        if isinstance(value, dict) and depth < MAX_DEPTH:
            inner = [
                (f"{name}.{key}" if name else key, part, depth + 1) for key, part in value.items() if type(key) is str
            ]
            stack += reversed(inner)
        elif type(value) in (torch.Tensor, torch.nn.Parameter) and name:
            if value.layout != torch.strided or value.is_quantized or value.device.type != "cpu":
                raise ValueError(f"the tensor {name[:200]!r} is not a plain dense tensor")
            left, tensors = left - value.numel() * value.element_size(), tensors + 1
            if left < 0 or tensors > MAX_TENSORS:
                raise ValueError("its tensors claim to be larger than the file is")
            yield name, value.detach().clone(memory_format=torch.contiguous_format)


if __name__ == "__main__":
    main()
