"""One step of each player equals the same step in plain PyTorch."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.family import DataSpec, LabelSet, Nets
from gancli.testing import context
from gancli_stargan.config import Config
from gancli_stargan.family import StarGAN

FACES = LabelSet(name="faces", labels=("black", "blond", "young"), exclusive=False)
MOODS = LabelSet(name="moods", labels=("happy", "sad"), exclusive=True)
RATE, BETAS = 1e-3, (0.5, 0.999)


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(16, 16, 3, 1, 1, bias=False), nn.InstanceNorm2d(16, affine=True), nn.ReLU()),
            *(nn.Conv2d(16, 16, 3, 1, 1, bias=False), nn.InstanceNorm2d(16, affine=True)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class PlainGenerator(nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(inputs, 4, 7, 1, 3, bias=False), nn.InstanceNorm2d(4, affine=True), nn.ReLU()),
            *(nn.Conv2d(4, 8, 4, 2, 1, bias=False), nn.InstanceNorm2d(8, affine=True), nn.ReLU()),
            *(nn.Conv2d(8, 16, 4, 2, 1, bias=False), nn.InstanceNorm2d(16, affine=True), nn.ReLU()),
            Block(),
            *(nn.ConvTranspose2d(16, 8, 4, 2, 1, bias=False), nn.InstanceNorm2d(8, affine=True), nn.ReLU()),
            *(nn.ConvTranspose2d(8, 4, 4, 2, 1, bias=False), nn.InstanceNorm2d(4, affine=True), nn.ReLU()),
            *(nn.Conv2d(4, 3, 7, 1, 3, bias=False), nn.Tanh()),
        )

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        planes = c.view(c.size(0), c.size(1), 1, 1).repeat(1, 1, x.size(2), x.size(3))
        return self.body(torch.cat([x, planes], dim=1))


class PlainDiscriminator(nn.Module):
    def __init__(self, labels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(3, 4, 4, 2, 1), nn.LeakyReLU(0.01)),
            *(nn.Conv2d(4, 8, 4, 2, 1), nn.LeakyReLU(0.01)),
            *(nn.Conv2d(8, 16, 4, 2, 1), nn.LeakyReLU(0.01)),
        )
        self.src = nn.Conv2d(16, 1, 3, 1, 1, bias=False)
        self.cls = nn.Conv2d(16, labels, (2, 3), bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.body(x)
        return self.src(h), self.cls(h).view(x.size(0), -1)


def spec(*sets: LabelSet) -> DataSpec:
    labels = tuple(label for each in sets for label in each.labels)
    return DataSpec(channels=3, height=16, width=24, labels=labels, label_sets=sets)


def copied(plain: nn.Module, ours: nn.Module) -> nn.Module:
    for parameter, value in zip(plain.parameters(), ours.parameters(), strict=True):
        parameter.data.copy_(value)
    return plain


def cross_entropy(data: DataSpec, logits: Tensor, labels: Tensor) -> Tensor:
    """Return the loss of the authors' code for batches of one dataset."""
    if data.label_sets == (FACES,):
        return F.binary_cross_entropy_with_logits(logits, labels, reduction="sum") / logits.size(0)
    if data.label_sets == (MOODS,):
        return F.cross_entropy(logits, labels.argmax(1))
    raise AssertionError


def penalty(d: nn.Module, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    alpha = mix.view(-1, 1, 1, 1)
    x_hat = ((1 - alpha) * real.data + alpha * fake.data).requires_grad_(True)
    y = d(x_hat)[0]
    dydx = torch.autograd.grad(y, x_hat, grad_outputs=torch.ones_like(y), create_graph=True)[0]
    return ((torch.sqrt((dydx.view(dydx.size(0), -1) ** 2).sum(dim=1)) - 1) ** 2).mean()


def differing(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor], mine: nn.Module, plain: nn.Module) -> list[str]:
    """Return the terms and parameters whose values or gradients differ; then both take a step of Adam."""
    if ours.keys() != theirs.keys():
        return sorted(ours.keys() ^ theirs.keys())
    found = [name for name, term in theirs.items() if ours[name].item() != pytest.approx(term.item(), rel=1e-5)]
    gradients = []
    for terms, network in ((ours, mine), (theirs, plain)):
        gradients.append(torch.autograd.grad(sum(terms.values()), list(network.parameters())))
    for (name, _), one, other in zip(mine.named_parameters(), *gradients, strict=True):
        if not (one - other).norm() <= 1e-5 * other.norm() + 1e-7:
            found.append(name)
    # Both get the same gradients, because Adam would turn the rounding error of a tiny gradient into a whole step.
    for network in (mine, plain):
        for parameter, gradient in zip(network.parameters(), gradients[1], strict=True):
            parameter.grad = gradient
        torch.optim.Adam(network.parameters(), lr=RATE, betas=BETAS).step()
        network.zero_grad()
    return found


@pytest.mark.parametrize("data", [spec(FACES), spec(MOODS)], ids=["attributes", "labels"])
def test_steps_equal_plain_pytorch(data: DataSpec) -> None:
    torch.manual_seed(0)
    count = len(data.labels)
    family = StarGAN(Config(channels=4, blocks=1), data)
    modules = family.build()
    g = copied(PlainGenerator(3 + count), modules["generator"])
    d = copied(PlainDiscriminator(count), modules["discriminator"])
    nets, dataset = Nets(modules), torch.zeros(4, dtype=torch.long)
    noise, ctx = torch.Generator().manual_seed(0), context()

    def targets(labels: Tensor) -> Tensor:
        """Return target labels: row k of one random order gets the labels of row k of another."""
        to, source = (torch.rand(4, generator=noise).argsort() for _ in range(2))
        wanted = torch.empty_like(labels)
        wanted[to] = labels[source]
        return wanted

    for _ in range(2):
        x = torch.rand(4, *data.shape) * 2 - 1
        c_org = torch.randint(2, (4, count)).float() if data.label_sets == (FACES,) else torch.eye(2)[[0, 1, 1, 0]]
        batch = {"image": x, "attributes": c_org, "dataset": dataset}

        ours = family.discriminator_loss(nets, batch, ctx)
        x_fake = g(x, targets(c_org)).detach()
        out_src, out_cls = d(x)
        theirs = {
            "adversarial": -out_src.mean() + d(x_fake)[0].mean(),
            "classification": cross_entropy(data, out_cls, c_org),
            "penalty": 10 * penalty(d, x, x_fake, torch.rand(4, generator=noise)),
        }
        assert differing(ours, theirs, modules["discriminator"], d) == []

        ours = family.generator_loss(nets, batch, ctx)
        c_trg = targets(c_org)
        x_fake = g(x, c_trg)
        out_src, out_cls = d(x_fake)
        theirs = {
            "adversarial": -out_src.mean(),
            "classification": cross_entropy(data, out_cls, c_trg),
            "reconstruction": 10 * torch.mean(torch.abs(x - g(x_fake, c_org))),
        }
        assert differing(ours, theirs, modules["generator"], g) == []


def test_a_mixed_batch_is_the_mean_of_its_data_sets() -> None:
    """Half of a batch is from each dataset; the authors' code processes them one after the other, with masks."""
    torch.manual_seed(0)
    both = spec(FACES, MOODS)
    family = StarGAN(Config(channels=4, blocks=1, penalty_weight=0), both)
    modules = family.build()
    g, d = (
        copied(PlainGenerator(3 + 5 + 2), modules["generator"]),
        copied(PlainDiscriminator(5), modules["discriminator"]),
    )
    x, zeros = torch.rand(2, *both.shape) * 2 - 1, torch.zeros(1, 3)
    faces, moods = torch.tensor([[1.0, 0, 1]]), torch.tensor([[0.0, 1]])
    batch = {
        "image": x,
        "attributes": torch.cat([torch.cat([faces, zeros[:, :2]], 1), torch.cat([zeros, moods], 1)]),
        "dataset": torch.tensor([0, 1]),
    }
    ours = family.generator_loss(Nets(modules), batch, context())  # one target label of each dataset
    conditions = [
        torch.cat([faces, torch.zeros(1, 2), torch.tensor([[1.0, 0]])], dim=1),
        torch.cat([zeros, moods, torch.tensor([[0.0, 1]])], dim=1),
    ]
    parts = []
    for index, (data, columns, labels) in enumerate(
        [(spec(FACES), slice(0, 3), faces), (spec(MOODS), slice(3, 5), moods)]
    ):
        image, condition = x[index : index + 1], conditions[index]
        x_fake = g(image, condition)
        out_src, out_cls = d(x_fake)
        parts.append(
            {
                "adversarial": -out_src.mean(),
                "classification": cross_entropy(data, out_cls[:, columns], labels),
                "reconstruction": 10 * torch.mean(torch.abs(image - g(x_fake, condition))),
            }
        )
    theirs = {name: (parts[0][name] + parts[1][name]) / 2 for name in parts[0]}
    assert differing(ours, theirs, modules["generator"], g) == []
