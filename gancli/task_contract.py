"""What `gancli.testing.FamilyContract` asks of the tasks that a family declares: the promises of `gancli.tasks`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from gancli.data.synthetic import BATCH_SIZE
from gancli.engine.model import open_model
from gancli.engine.randomness import aside
from gancli.engine.trainer import Trainer
from gancli.family import Context, DataSpec, Detects, Samples, Translates, Upscales
from gancli.hookspecs import FamilyInfo


class TaskContract:
    """The promises of a family's tasks, as tests; the rest is `FamilyContract`'s."""

    family: ClassVar[str]
    data: ClassVar[DataSpec]

    @property
    def info(self) -> FamilyInfo:
        raise NotImplementedError

    def trainer(self, folder: Path, **train: Any) -> Trainer:
        """A trainer over random images, which writes into `folder`."""
        raise NotImplementedError

    def test_samples(self, tmp_path: Path) -> None:
        """Images have the data's shape, or that of the stage that was reached, lie in [-1, 1], as points need not, and
        depend on latent and label.
        """
        if "sample" not in self.info.tasks:
            pytest.skip(f"{self.family} does not sample")
        trainer = self.trainer(tmp_path / "run", images=2 * BATCH_SIZE)
        trainer.train()
        model = open_model(tmp_path / "run", device=torch.device("cpu"))
        family = model.family
        assert isinstance(family, Samples)
        z = family.latent(4, context())
        labels = torch.zeros(4, dtype=torch.long) if "label" in self.info.batch else None
        images = family.sample(model.nets, z, labels)
        reached = model.nets.stage.resolution if model.nets.stage else None
        assert images.shape == (4, self.data.channels, *(reached or self.data.shape[1:]))
        if self.data.kind == "image":
            assert images.min() >= -1
            assert images.max() <= 1
        assert torch.equal(images, family.sample(model.nets, z, labels))
        assert not torch.equal(images[0], images[1])
        if labels is not None:
            assert not torch.equal(images, family.sample(model.nets, z, labels + 1))

    def test_translates(self, tmp_path: Path) -> None:
        """To every domain: images of the input's size, also of another one than in training, that lie in [-1, 1] and
        depend on the input, each on its own alone; the same again from the same noise.
        """
        if "translate" not in self.info.tasks:
            pytest.skip(f"{self.family} does not translate")
        self.trainer(tmp_path / "run", images=2 * BATCH_SIZE).train()
        model = open_model(tmp_path / "run", device=torch.device("cpu"))
        family = model.family
        assert isinstance(family, Translates)
        ways = family.translations()
        assert ways
        assert len({way.to for way in ways}) == len(ways)

        def translated(image: Tensor, to: str) -> Tensor:
            with aside(torch.device("cpu")):
                torch.manual_seed(0)
                return family.translate(model.nets, image, to)

        for way in ways:
            assert way.reads in self.info.batch
            assert way.truth is None or way.truth in self.info.batch
            images = torch.rand(2, *model.family.data.shape_of(way.reads), generator=context().generator) * 2 - 1
            drawn = translated(images, way.to)
            assert drawn.shape[2:] == images.shape[2:]
            assert drawn.min() >= -1
            assert drawn.max() <= 1
            assert torch.equal(drawn, translated(images, way.to))
            assert not torch.allclose(drawn, translated(images.flip(0), way.to))
            assert torch.allclose(drawn[:1], translated(images[:1], way.to), atol=1e-4)
            larger = torch.zeros(1, images.shape[1], *(side + way.multiple for side in images.shape[2:]))
            assert translated(larger, way.to).shape[2:] == larger.shape[2:]

    def test_upscales(self, tmp_path: Path) -> None:
        """By its scale: small images of any size, also of odd sides, to ones in [-1, 1] that depend on the input, each
        on its own alone; the same again each time.
        """
        if "upscale" not in self.info.tasks:
            pytest.skip(f"{self.family} does not upscale")
        self.trainer(tmp_path / "run", images=2 * BATCH_SIZE).train()
        model = open_model(tmp_path / "run", device=torch.device("cpu"))
        family = model.family
        assert isinstance(family, Upscales)
        for height, width in ((7, 9), (12, 5)):
            small = torch.rand(3, self.data.channels, height, width, generator=context().generator) * 2 - 1
            large = family.upscale(model.nets, small)
            assert large.shape == (3, self.data.channels, height * family.scale, width * family.scale)
            assert large.min() >= -1
            assert large.max() <= 1
            assert torch.equal(large, family.upscale(model.nets, small))
            assert not torch.allclose(large, family.upscale(model.nets, small.flip(0)), atol=1e-2)
            assert torch.allclose(large[:1], family.upscale(model.nets, small[:1]), atol=1e-4)

    def test_detects(self, tmp_path: Path) -> None:
        """A finite score, a map of what departs and a nearest image for each image, on its own alone; the same again
        from the same noise, with every tensor of the networks as it was.
        """
        if "detect" not in self.info.tasks:
            pytest.skip(f"{self.family} does not detect")
        self.trainer(tmp_path / "run", images=2 * BATCH_SIZE).train()
        model = open_model(tmp_path / "run", device=torch.device("cpu"))
        family, nets = model.family, model.nets
        assert isinstance(family, Detects)
        before = _content(nets.modules)
        images = torch.rand(3, *self.data.shape, generator=context().generator) * 2 - 1
        found = family.detect(nets, images, context())
        assert _content(nets.modules) == before
        assert not [name for name, module in nets.modules.items() if module.training]
        assert found.score.shape == (3,)
        assert found.heat.shape == (3, 1, *images.shape[2:])
        assert found.nearest.shape == images.shape
        assert all(torch.isfinite(each).all() and not each.requires_grad for each in found)
        assert found.heat.min() >= 0
        assert found.nearest.abs().max() <= 1
        assert len(set(found.score.tolist())) == 3
        again = family.detect(nets, images, context())
        others = family.detect(nets, torch.cat([images[:1], images.flip(0), images]), context())
        alone = family.detect(nets, images[:1], context())
        for first, same, among, single in zip(found, again, others, alone, strict=True):
            assert torch.equal(first, same)
            assert torch.allclose(first[:1], among[:1], atol=1e-5)
            assert torch.allclose(first[:1], single, atol=1e-5)


def context(seed: int = 0) -> Context:
    """A context on the CPU with a random stream of its own."""
    return Context(device=torch.device("cpu"), generator=torch.Generator().manual_seed(seed))


def _content(modules: Mapping[str, torch.nn.Module]) -> str:
    """SHA-256 of all parameters and buffers."""
    digest = hashlib.sha256()
    for name, module in modules.items():
        for key, tensor in module.state_dict().items():
            digest.update(f"{name}.{key}".encode())
            digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
