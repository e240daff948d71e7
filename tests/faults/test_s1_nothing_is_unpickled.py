"""S1: loading a model never unpickles, compiles or executes anything, whatever the checkpoint contains."""

from __future__ import annotations

import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from gancli.errors import DataError
from gancli.weights.safetensors_file import read_tensors

WATCH = """
import sys
from pathlib import Path
import torch
from gancli.inference.model import open_model
open_model(Path(sys.argv[1]), device=torch.device("cpu"))   # imports everything that is needed
events = []
BAD = "pickle.find_class marshal.loads compile exec os.system subprocess.Popen socket.connect".split()
def watch(event, arguments):
    if event in BAD:
        events.append((event, str(arguments)[:100]))
sys.addaudithook(watch)
open_model(Path(sys.argv[1]), device=torch.device("cpu"))
print(events)
"""


class Canary:
    """Creates a file if it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.touch, (self.path,))


def test_s1_loading_a_model_does_nothing_but_read(gan, here: Path) -> None:
    process = gan("train", "small.yaml", "--set", "train.images=80")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    ended = subprocess.run(
        [sys.executable, "-c", WATCH, "runs/small"], cwd=here, capture_output=True, text=True, check=False
    )
    assert ended.stdout.strip() == "[]", ended.stderr


@pytest.mark.parametrize("kind", ["pickle", "torch.save", "zip", "empty", "text", "polyglot"])
def test_s1_files_that_pretend_to_be_weights_are_refused(tmp_path: Path, kind: str) -> None:
    canary, fake = tmp_path / "canary", tmp_path / "model.safetensors"
    payload = pickle.dumps(Canary(canary))
    match kind:
        case "pickle":
            fake.write_bytes(payload)
        case "torch.save":
            torch.save({"weight": torch.zeros(2), "evil": Canary(canary)}, fake)
        case "zip":
            with zipfile.ZipFile(fake, "w") as archive:
                archive.writestr("data.pkl", payload)
        case "empty":
            fake.write_bytes(b"")
        case "text":
            fake.write_text("weights")
        case "polyglot":
            header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
            fake.write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0\0\0" + payload)
    with pytest.raises(DataError):
        read_tensors(fake)
    assert not canary.exists()
