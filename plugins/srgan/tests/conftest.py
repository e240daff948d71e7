from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from gancli.nn.vgg import CONVOLUTIONS


@pytest.fixture
def vgg(tmp_path: Path) -> Path:
    """Write a file with VGG-19 weights of 2 channels per layer, all positive so that no activation is always zero."""
    generator, index, before, tensors = torch.Generator().manual_seed(0), 0, 3, {}
    for convolutions in CONVOLUTIONS:
        for _ in range(convolutions):
            tensors[f"features.{index}.weight"] = torch.rand(2, before, 3, 3, generator=generator) / 9
            tensors[f"features.{index}.bias"] = torch.rand(2, generator=generator)
            index, before = index + 2, 2
        index += 1
    content = save(tensors)
    path = tmp_path / f"tiny-{hashlib.sha256(content).hexdigest()[:8]}.safetensors"
    path.write_bytes(content)
    return path
