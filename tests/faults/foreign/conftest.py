"""The corpus for S1 and S2: 300 invalid or hostile weight files, generated reproducibly."""

from __future__ import annotations

import io
import json
import random
import struct
import tarfile
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

SIZE = 300

CANARY, MODULE = "canary", "canary_module"
"""A file that code in the corpus would create, and a module that it would import."""

TOUCH, OPEN = f"touch {CANARY}", f"open('{CANARY}', 'w')"

TARGETS = (
    *((module, "system", TOUCH) for module in ("os", "posix", "nt")),
    ("os", "popen", TOUCH),
    ("os", "mkdir", CANARY),
    ("subprocess", "getoutput", TOUCH),
    ("subprocess", "Popen", "true"),
    *((module, "eval", OPEN) for module in ("builtins", "__builtin__")),
    ("builtins", "exec", OPEN),
    ("builtins", "__import__", MODULE),
    ("builtins", "open", CANARY, "w"),
    ("io", "open", CANARY, "w"),
    ("importlib", "import_module", MODULE),
    (MODULE, "anything"),
    ("runpy", "run_module", MODULE),
    ("timeit", "timeit", OPEN),
    ("cProfile", "run", OPEN),
    ("torch.hub", "load", ".", "anything"),
    ("torch.serialization", "os.system", TOUCH),
)
"""Functions that a pickle would call, with their arguments."""


def text(value: str) -> bytes:
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def calls(module: str, name: str, *arguments: str) -> dict[str, bytes]:
    """Return one call for each way in which a pickle can import and call a function."""
    imported, items = f"c{module}\n{name}\n".encode(), b"".join(map(text, arguments))
    row, named = b"(" + items + b"t", text(module) + text(name) + b"\x93"
    return {
        "global": imported + row + b"R",
        "stack-global": named + row + b"R",
        "inst": b"(" + items + f"i{module}\n{name}\n".encode(),
        "obj": b"(" + imported + items + b"o",
        "newobj": imported + row + b"\x81",
        "newobj-ex": named + row + b"}\x92",
        "build": imported + b"}" + text("a") + row + b"sb",
        "memo": imported + b"q\x000h\x00" + row + b"R",
    }


def pickled(value: bytes) -> bytes:
    """Return a pickle of a dictionary with this value."""
    return b"\x80\x04}" + text("a") + value + b"s."


def archive(content: bytes, folder: str = "archive", **others: bytes) -> bytes:
    """Return a file in the format of `torch.save` that contains the given pickle."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(f"{folder}/data.pkl", content)
        file.writestr(f"{folder}/version", "3\n")
        for name, other in others.items():
            file.writestr(f"{folder}/{name}", other)
    return buffer.getvalue()


def legacy(*parts: bytes) -> bytes:
    """Return a file in the format of PyTorch before 1.6: magic number, version, machine, tensors, storages."""
    valid = [
        b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.",
        b"\x80\x02M\xe9\x03.",
        b"\x80\x02}" + text("little_endian") + b"\x88s.",
        b"\x80\x02}.",
        b"\x80\x02].",
    ]
    return b"".join([*parts, *valid[len(parts) :]])


def saved(value: Any, *, new: bool = True) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=new)
    return buffer.getvalue()


def imports() -> Iterator[tuple[str, bytes]]:
    for number, target in enumerate(TARGETS):
        for turn, (way, call) in enumerate(calls(*target).items()):
            wrap: Callable[[bytes], bytes] = archive if (number + turn) % 2 else bytes
            yield f"{way}-{target[0]}-{target[1]}.pth", wrap(pickled(call))
    call = calls("os", "system", TOUCH)["global"]
    for place in range(5):
        valid = legacy()
        parts = [part + b"." for part in valid.split(b".")[:place]]
        yield f"legacy-{place}.pth", legacy(*parts, pickled(call))
    for name, opcode in (("1", b"\x82\x01"), ("2", b"\x83\x01\x00"), ("4", b"\x84\x01\x00\x00\x00")):
        yield f"extension-{name}.pth", archive(pickled(opcode))
    yield "persistent-text.pth", archive(pickled(b"Pos.system\n"))
    yield "persistent-call.pth", archive(pickled(call + b"Q"))
    yield "persistent-storage.pth", archive(pickled(b"(" + text("storage") + b"cos\nsystem\n" + text(TOUCH) + b"tQ"))
    yield "after-the-stop.pth", pickled(b"N") + pickled(call)


def polyglots() -> Iterator[tuple[str, bytes]]:
    call = pickled(calls("os", "system", TOUCH)["global"])
    harmless, inside = saved([1]), archive(call)
    yield "pickle-then-zip.pth", call + inside
    yield "pickle-then-harmless-zip.pth", call + harmless
    yield "harmless-zip-then-pickle.pth", harmless + call
    yield "safetensors-then-zip.pth", headed({}) + inside
    yield "zip-then-zip.pth", harmless + inside
    yield "zip-in-zip.pth", archive(inside)
    yield "climbing.pth", archive(call, folder="../..")
    yield "absolute.pth", archive(call, folder="/tmp")
    yield "no-folder.pth", archive(call, folder="")
    yield "script.pth", archive(b"\x80\x02}.", **{"constants.pkl": call, "code/a.py": OPEN.encode()})
    yield "byte-order.pth", archive(call, byteorder=b"middle")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", b"\x80\x02" + b"N0" * 2**25 + b"N.")
        file.writestr("archive/version", "3\n")
    yield "inflating.pth", buffer.getvalue()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in ("storages", "tensors", "pickle"):
            entry = tarfile.TarInfo(name)
            entry.size = len(call)
            tar.addfile(entry, io.BytesIO(call))
    yield "tar.pth", buffer.getvalue()
    for name, content in (
        ("text", b"no weights"),
        ("html", b"<script>"),
        ("elf", b"\x7fELF"),
        ("gzip", b"\x1f\x8b\x08"),
    ):
        yield f"{name}.pth", content
    for name, content in (("pickle", call), ("zip", inside), ("saved", harmless), ("empty", b""), ("zero", b"\x00")):
        yield f"{name}.safetensors", content
        yield f"{name}.pt", content


def headed(header: Any, body: bytes = b"") -> bytes:
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(encoded)) + encoded + body


def headers() -> Iterator[tuple[str, bytes]]:
    def one(shape: Any, offsets: Any, dtype: Any = "F32") -> dict[str, Any]:
        return {"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}

    four = bytes(4)
    yield "claims-all.safetensors", struct.pack("<Q", 2**64 - 1)
    yield "claims-more.safetensors", struct.pack("<Q", 100) + b"{}"
    yield "claims-much.safetensors", struct.pack("<Q", 5_000_000) + b" " * 5_000_000
    yield "nested.safetensors", headed(b"[" * 100_000)
    yield "no-json.safetensors", headed(b"\xff\xfe{}")
    yield "list.safetensors", headed([1])
    yield "twice.safetensors", headed(b'{"a":1,"a":2}')
    yield "many.safetensors", headed({str(n): one([0], [0, 0])["a"] for n in range(20_001)})
    yield "no-tensor.safetensors", headed({"a": 1})
    for name, values in {
        "too-far": ([1], [0, 8]),
        "hole": ([1], [4, 8]),
        "backwards": ([1], [4, 0]),
        "negative": ([-1], [0, 4]),
        "overflowing": ([2**32, 2**32], [0, 4]),
        "short": ([2], [0, 4]),
        "fraction": ([1.5], [0, 6]),
        "text": ("x", [0, 4]),
        "dtype": ([1], [0, 4], "PICKLE"),
    }.items():
        yield f"{name}.safetensors", headed(one(*values), four)
    overlap = {name: one([1], [0, 4])["a"] for name in "ab"}
    yield "overlap.safetensors", headed(overlap, four)
    yield "appended.safetensors", headed(one([1], [0, 4]), four + archive(pickled(b"N")))


class Bent:
    """A tensor of four numbers that is rebuilt with wrong arguments."""

    def __init__(self, offset: Any, size: Any, stride: Any, *more: Any) -> None:
        self._call = torch.ones(4)._typed_storage(), offset, size, stride, *(more or (False, OrderedDict()))

    def __reduce__(self) -> Any:
        return torch._utils._rebuild_tensor_v2, self._call


def tensors() -> Iterator[tuple[str, bytes]]:
    bent = {
        "beyond": (0, (100,), (1,)),
        "offset": (10**9, (1,), (1,)),
        "before": (-1, (1,), (1,)),
        "reversed": (3, (4,), (-1,)),
        "negative": (0, (-1,), (1,)),
        "expanded": (0, (2**40,), (0,)),
        "overflowing": (0, (2**32, 2**32), (0, 0)),
        "apart": (0, (4,), (2**61,)),
        "unlike": (0, (2, 2), (1,)),
        "words": (0, "four", (1,)),
        "nested": (0, ((4,),), ((1,),)),
        "fraction": (0.5, (1,), (1,)),
        "none": (None, None, None),
    }
    for name, arguments in bent.items():
        yield f"bent-{name}.pth", saved({"a": Bent(*arguments)})
    others = {
        "sparse": torch.eye(3).to_sparse(),
        "compressed": torch.eye(4).to_sparse_csr(),
        "quantized": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
        "meta": torch.ones(2, device="meta"),
    }
    for name, tensor in others.items():
        yield f"{name}.pth", saved({"a": tensor})
    yield "changed-hooks.pth", saved({"a": Bent(0, (4,), (1,), False, OrderedDict(a="print"))})
    yield "many-numbers.pth", saved({"a": torch.ones(1)} | dict.fromkeys(map(str, range(200_001)), 0))
    yield "many-tensors.pth", saved(dict.fromkeys(map(str, range(20_001)), torch.ones(1)))
    yield "wider-than-the-file.pth", saved({str(number): torch.ones(1).expand(2**18) for number in range(9)})
    for name, key in {"number": 1, "nothing": "", "bytes": b"a", "pair": ("a", "b")}.items():
        yield f"key-{name}.pth", saved({key: torch.ones(1)})
    whole = saved({"a": torch.ones(1000)})
    without = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as source, zipfile.ZipFile(without, "w") as target:
        for entry in source.namelist():
            if not entry.endswith("data/0"):
                target.writestr(entry, source.read(entry))
    yield "no-storage.pth", without.getvalue()


def shapes() -> Iterator[tuple[str, bytes]]:
    """Yield containers that are deeply nested, circular, or exponentially large."""
    yield "deep-list.pth", archive(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".")
    yield "deep-tuple.pth", archive(b"\x80\x02)" + b"\x85" * 100_000 + b".")
    yield "deep-dict.pth", archive(b"\x80\x02" + (b"}" + text("a")) * 5_000 + b"N" + b"s" * 5_000 + b".")
    yield "circle-list.pth", archive(b"\x80\x02]q\x00h\x00a.")
    yield "circle-dict.pth", archive(b"\x80\x02}q\x00" + text("a") + b"h\x00s.")
    loop = b"".join(text(str(number)) + b"h\x00" for number in range(40))
    yield "circle-of-many.pth", archive(b"\x80\x02}q\x00(" + loop + b"u.")
    levels = b"}q\x00"
    for level in range(1, 8):
        inner = b"".join(text(str(number)) + b"h" + bytes([level - 1]) for number in range(40))
        levels += b"0}q" + bytes([level]) + b"(" + inner + b"u"
    yield "doubling.pth", archive(b"\x80\x02" + levels + b".")
    yield "long-text.pth", archive(b"\x80\x04\x8e" + (2**62).to_bytes(8, "little") + b"x.")
    yield "long-bytes.pth", archive(b"\x80\x04B\xff\xff\xff\x7fx.")
    yield "long-number.pth", archive(b"\x80\x04\x8b\xff\xff\xff\x7fx.")
    yield "memo.pth", archive(b"\x80\x02}r" + (2**31 - 1).to_bytes(4, "little") + b".")


def cut_and_changed() -> Iterator[tuple[str, bytes]]:
    """Yield valid files that were truncated or had random bytes changed, without end."""
    random_ = random.Random(0)
    value = OrderedDict((f"layer{number}.weight", torch.ones(number, 3)) for number in range(1, 6))
    both = saved(value), saved(value, new=False)
    number = 0
    while True:
        number += 1
        content = bytearray(both[number % 2])
        if number % 3 == 0:
            yield f"cut-{number}.pth", bytes(content[: random_.randrange(len(content))])
            continue
        for _ in range(random_.choice((1, 2, 8, 64))):
            content[random_.randrange(len(content))] = random_.randrange(256)
        yield f"changed-{number}.pth", bytes(content)


@pytest.fixture(scope="session")
def corpus() -> dict[str, bytes]:
    """Files by name. Those called `changed-…` may still contain valid tensors; no other file does."""
    files: dict[str, bytes] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about deprecated kinds of tensors
        for part in (imports, polyglots, headers, tensors, shapes):
            for name, content in part():
                assert name not in files, name
                files[name] = content
    filler = cut_and_changed()
    while len(files) < SIZE:
        name, content = next(filler)
        files[name] = content
    assert len(files) == SIZE
    return files
