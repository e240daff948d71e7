"""Sampling: independence of the batch, random streams, labels and truncation."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
import torch

from gancli.errors import UsageError
from gancli.inference.model import Model, open_model
from gancli.inference.sample import BATCH, generate, latents, sample_images
from gancli.latent import label_weights
from gancli.testing.contract import FamilyContract


class Unconditional:
    family: ClassVar = "gan"
    model: ClassVar = {"generator_widths": [16], "discriminator_widths": [8]}


class Uniform:
    family: ClassVar = "gan"
    model: ClassVar = {"noise": "uniform", "generator_widths": [16], "discriminator_widths": [8]}


class Conditional:
    family: ClassVar = "cgan"
    model: ClassVar = {"channels": 4}


def trained(kind: type, folder: Path) -> Model:
    contract = type(kind.__name__, (kind, FamilyContract), {})()
    contract.trainer(folder, images=16).train()
    return open_model(folder, device=torch.device("cpu"))


@pytest.mark.parametrize("kind", [Unconditional, Conditional])
def test_an_image_does_not_depend_on_its_company(tmp_path: Path, kind: type) -> None:
    """Images are equal bit for bit."""
    model = trained(kind, tmp_path)
    seeds = range(2 * BATCH + 3)
    labels = [seed % 3 for seed in seeds] if model.labels else []
    together = sample_images(model, seeds, labels)
    alone = [sample_images(model, [seed], labels[seed : seed + 1]) for seed in seeds]
    assert torch.equal(together, torch.cat(alone))


def test_drawing_leaves_the_global_stream_alone(tmp_path: Path) -> None:
    model = trained(Unconditional, tmp_path)
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    sample_images(model, [1, 2], [])
    assert torch.equal(torch.rand(3), expected)


def test_labels_may_be_indices_or_weights(tmp_path: Path) -> None:
    model = trained(Conditional, tmp_path)
    z, label = latents(model, range(5)), torch.tensor([0, 1, 2, 0, 1])
    assert torch.equal(generate(model, z, label), generate(model, z, label_weights(label, 3)))
    assert torch.equal(generate(model, z, label), sample_images(model, range(5), label.tolist()))


def test_truncation_limits_latents_and_keeps_the_numbers_within(tmp_path: Path) -> None:
    model = trained(Unconditional, tmp_path)
    whole, cut = latents(model, range(20)), latents(model, range(20), truncation=0.7)
    assert cut.abs().max() <= 0.7
    within = whole.abs() <= 0.7
    assert torch.equal(cut[within], whole[within])


def test_uniform_latents_cannot_be_truncated(tmp_path: Path) -> None:
    model = trained(Uniform, tmp_path)
    with pytest.raises(UsageError, match="no normal numbers"):
        sample_images(model, [0], [], truncation=0.7)
    assert sample_images(model, [0], []).shape == (1, 1, 16, 16)
