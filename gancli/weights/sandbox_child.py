"""A program of its own: opens a file that PyTorch wrote, which may be hostile, and writes its tensors as safetensors.

It is run as `python -I foreign_child.py TARGET LIMIT < FILE`, imports nothing of gancli, and answers on standard output
with one JSON object: empty, or with the `error` and its `kind`. A `.pth` file is a pickle, a program for Python's
unpickler; `weights_only` lets it build tensors and plain containers alone. Should a hole be found in that, the process
can still start no other, reach no network and write no file but through safetensors, within limits of memory and time.
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
"""Beginnings of what Python's audit calls what this program has no need of once torch is imported."""

HARMLESS = ("os.listdir", "os.scandir", "os.getxattr", "os.putenv", "os.unsetenv", "os.add_dll_directory")

SECONDS = 300
"""Of processor time."""

ROOM = 2**30
"""Bytes of memory, besides what is loaded when the file is opened and its tensors, twice."""

MAX_TENSORS = 20_000

MAX_DEPTH = 8

MAX_VALUES = 200_000
"""Of any kind; dictionaries that hold one another over and over come to billions within a few bytes."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def main() -> None:
    target, limit = sys.argv[1], int(sys.argv[2])
    import safetensors.torch  # noqa: F401 - before the limits, which count from what is loaded by then

    confine(limit)
    with open(0, "rb", closefd=False) as file:
        print(json.dumps(convert(file, target, limit)))


def convert(file: IO[bytes], target: str, limit: int) -> dict[str, str]:
    """Writes the tensors of a file, or says why not."""
    import torch
    from safetensors.torch import save_file

    try:
        tensors = dict(_tensors(torch.load(file, map_location="cpu", weights_only=True), limit))
        if not tensors:
            raise ValueError("it holds no named tensors")
        save_file(tensors, target)
    except BaseException as error:
        return {"kind": type(error).__name__, "error": str(error)[:4000]}
    return {}


def confine(limit: int) -> None:
    """From here on, this process does little else than compute; for good.

    Args:
        limit: bytes that the tensors of a file may take.
    """
    _set_caps(limit)
    sys.addaudithook(_audit)


def _set_caps(limit: int) -> None:
    with suppress(ImportError):  # not on Windows
        import resource

        caps = {
            resource.RLIMIT_CPU: SECONDS,
            resource.RLIMIT_FSIZE: limit + 2**24,
            resource.RLIMIT_CORE: 0,
        }
        with suppress(OSError), open("/proc/self/statm") as file:  # Linux: torch alone has mapped gigabytes
            mapped = int(file.read().split()[0]) * resource.getpagesize()
            caps[resource.RLIMIT_AS] = mapped + 2 * limit + ROOM
        for kind, cap in caps.items():
            with suppress(ValueError, OSError):
                resource.setrlimit(kind, (cap, cap))


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    writes = event == "open" and (set(str(arguments[1])) & set("wax+") or arguments[2] & _WRITING)
    if writes or (event.startswith(FORBIDDEN) and event not in HARMLESS):
        raise PermissionError(f"{event} is forbidden")


def _tensors(loaded: Any, limit: int) -> Any:
    """The tensors in nested dictionaries, each with its keys joined by dots, as tensors that share no memory."""
    import torch

    left, count, seen, waiting = limit, 0, 0, [("", loaded, 0)]
    while waiting:
        name, value, depth = waiting.pop()
        seen += 1
        if seen > MAX_VALUES:
            raise ValueError("it holds more values than any model has")
        if isinstance(value, dict) and depth < MAX_DEPTH:
            inner = [
                (f"{name}.{key}" if name else key, part, depth + 1) for key, part in value.items() if type(key) is str
            ]
            waiting += reversed(inner)
        elif type(value) in (torch.Tensor, torch.nn.Parameter) and name:
            if value.layout != torch.strided or value.is_quantized or value.device.type != "cpu":
                raise ValueError(f"the tensor {name[:200]!r} is of no plain kind")
            left, count = left - value.numel() * value.element_size(), count + 1
            if left < 0 or count > MAX_TENSORS:
                raise ValueError("its tensors claim to be larger than the file is")
            yield name, value.detach().clone(memory_format=torch.contiguous_format)


if __name__ == "__main__":
    main()
