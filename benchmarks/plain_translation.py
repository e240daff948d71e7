"""Plain scripts for image translation: pix2pix on pairs of 256x256 and CycleGAN on two domains of 128x128, both with
batches of one image, contiguous networks, and a DataLoader on bytes in memory.

Pix2pix: the U-Net with 8 levels and the PatchGAN of Isola et al. 2017, batch normalisation, dropout, and L1 times 100.
CycleGAN: two residual generators with 6 blocks and two PatchGANs of Zhu et al. 2017, instance normalisation, a pool of
50 images per domain, least squares and a cycle weight of 10. As in the engine, generators are updated before
discriminators and no generator runs twice on the same image. Nothing is frozen while others are updated.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from plain_scripts import Clock, autocast
from torch import Tensor, nn

IMAGES = 64

PARAMETERS = {"unet": 54_413_955, "patch of pairs": 2_768_705, "residual": 7_837_699, "patch": 2_764_737}
"""Parameters of the published networks; the families' tests check the engine's networks against them."""


class Down(nn.Module):
    """A level of the U-Net with all deeper levels inside; concatenates its input and its output."""

    def __init__(self, outer: int, inner: int, deeper: nn.Module | None, *, dropout: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.LeakyReLU(0.2), nn.Conv2d(outer, inner, 4, 2, 1, bias=False)]
        if deeper is not None:
            layers += [nn.BatchNorm2d(inner), deeper]
        wide = inner if deeper is None else 2 * inner
        layers += [nn.ReLU(), nn.ConvTranspose2d(wide, outer, 4, 2, 1, bias=False), nn.BatchNorm2d(outer)]
        if dropout:
            layers.append(nn.Dropout(0.5))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.layers(x)], 1)


def unet() -> nn.Sequential:
    level: nn.Module | None = None
    for depth in range(4):
        level = Down(512, 512, level, dropout=depth < 3)
    for outer, inner in ((256, 512), (128, 256), (64, 128)):
        level = Down(outer, inner, level, dropout=False)
    assert level is not None
    first = nn.Conv2d(3, 64, 4, 2, 1, bias=False)
    return nn.Sequential(first, level, nn.ReLU(), nn.ConvTranspose2d(128, 3, 4, 2, 1), nn.Tanh())


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        half = [nn.ReflectionPad2d(1), nn.Conv2d(256, 256, 3), nn.InstanceNorm2d(256)]
        other = [nn.ReflectionPad2d(1), nn.Conv2d(256, 256, 3), nn.InstanceNorm2d(256)]
        self.layers = nn.Sequential(*half, nn.ReLU(True), *other)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def residual() -> nn.Sequential:
    def normed(layer: nn.Module, width: int) -> list[nn.Module]:
        return [layer, nn.InstanceNorm2d(width), nn.ReLU(True)]

    return nn.Sequential(
        nn.ReflectionPad2d(3),
        *normed(nn.Conv2d(3, 64, 7), 64),
        *normed(nn.Conv2d(64, 128, 3, 2, 1), 128),
        *normed(nn.Conv2d(128, 256, 3, 2, 1), 256),
        *(Block() for _ in range(6)),
        *normed(nn.ConvTranspose2d(256, 128, 3, 2, 1, output_padding=1), 128),
        *normed(nn.ConvTranspose2d(128, 64, 3, 2, 1, output_padding=1), 64),
        nn.ReflectionPad2d(3),
        nn.Conv2d(64, 3, 7),
        nn.Tanh(),
    )


def patch(inputs: int, norm: Callable[[int], nn.Module], *, bias: bool) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(inputs, 64, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for before, after, stride in ((64, 128, 2), (128, 256, 2), (256, 512, 1)):
        layers += [nn.Conv2d(before, after, 4, stride, 1, bias=bias), norm(after), nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(512, 1, 4, 1, 1))


class Pool:
    def __init__(self, capacity: int = 50) -> None:
        self.capacity = capacity
        self.images: list[Tensor] = []

    def __call__(self, image: Tensor) -> Tensor:
        image = image.detach()
        if len(self.images) < self.capacity:
            self.images.append(image)
            return image
        if random.random() < 0.5:
            return image
        slot = random.randrange(self.capacity)
        image, self.images[slot] = self.images[slot], image
        return image


class Pairs(torch.utils.data.Dataset[tuple[Tensor, Tensor]]):
    """Random bytes, converted to [-1, 1] one by one."""

    def __init__(self, side: int) -> None:
        self.images = torch.randint(0, 256, (2, IMAGES, 3, side, side), dtype=torch.uint8)

    def __len__(self) -> int:
        return IMAGES

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        first, second = (self.images[key, index].float() / 127.5 - 1 for key in range(2))
        return first, second


def batches(side: int) -> Iterator[tuple[Tensor, Tensor]]:
    pairs = Pairs(side)
    while True:
        yield from torch.utils.data.DataLoader(pairs, batch_size=1, shuffle=True)


def adam(*networks: nn.Module) -> torch.optim.Adam:
    parameters = itertools.chain(*(network.parameters() for network in networks))
    return torch.optim.Adam(parameters, lr=2e-4, betas=(0.5, 0.999))


def initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)


def begin(network: nn.Module, name: str) -> nn.Module:
    """Return a newly initialised network after checking its number of parameters."""
    count = sum(parameter.numel() for parameter in network.parameters())
    if count != PARAMETERS[name]:
        raise RuntimeError(f"{name} has {count:,} parameters instead of {PARAMETERS[name]:,}")
    return network.apply(initialise)


def pix2pix(precision: str, *, warm_up: int, timed: int) -> float:
    """Return images per second."""
    torch.manual_seed(0)
    g, d = begin(unet(), "unet"), begin(patch(6, nn.BatchNorm2d, bias=False), "patch of pairs")
    g_optimizer, d_optimizer = adam(g), adam(d)
    criterion = nn.BCEWithLogitsLoss()
    clock = Clock(warm_up, timed)
    for source, target in batches(256):
        with autocast(precision):
            fake = g(source)
            answer = d(torch.cat([source, fake], 1))
            g_loss = criterion(answer, torch.ones_like(answer)) + 100 * F.l1_loss(fake, target)
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()
        with autocast(precision):
            of_real = d(torch.cat([source, target], 1))
            of_fake = d(torch.cat([source, fake.detach()], 1))
            d_loss = criterion(of_real, torch.ones_like(of_real)) + criterion(of_fake, torch.zeros_like(of_fake))
        d_optimizer.zero_grad()
        (d_loss / 2).backward()
        d_optimizer.step()
        _ = d_loss.item(), g_loss.item()
        if clock.tick(len(source)):
            break
    return clock.speed


def cyclegan(precision: str, *, warm_up: int, timed: int) -> float:
    """Return pairs of images per second."""
    torch.manual_seed(0)
    to_a, to_b = (begin(residual(), "residual") for _ in range(2))
    judge_a, judge_b = (begin(patch(3, nn.InstanceNorm2d, bias=True), "patch") for _ in range(2))
    g_optimizer, d_optimizer = adam(to_a, to_b), adam(judge_a, judge_b)
    pool_a, pool_b = Pool(), Pool()
    criterion = nn.MSELoss()
    clock = Clock(warm_up, timed)
    for a, b in batches(128):
        with autocast(precision):
            fake_b, fake_a = to_b(a), to_a(b)
            answers = judge_a(fake_a), judge_b(fake_b)
            g_loss = sum(criterion(answer, torch.ones_like(answer)) for answer in answers)
            g_loss = g_loss + 10 * (F.l1_loss(to_a(fake_b), a) + F.l1_loss(to_b(fake_a), b))
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()
        with autocast(precision):
            d_loss = torch.zeros(())
            for judge, real, fake in ((judge_a, a, pool_a(fake_a)), (judge_b, b, pool_b(fake_b))):
                of_real, of_fake = judge(real), judge(fake)
                d_loss = d_loss + criterion(of_real, torch.ones_like(of_real)) / 2
                d_loss = d_loss + criterion(of_fake, torch.zeros_like(of_fake)) / 2
        d_optimizer.zero_grad()
        d_loss.backward()
        d_optimizer.step()
        _ = d_loss.item(), g_loss.item()
        if clock.tick(len(a)):
            break
    return clock.speed


SCRIPTS = {"pix2pix": pix2pix, "cyclegan": cyclegan}
