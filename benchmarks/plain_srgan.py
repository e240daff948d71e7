"""Plain script for the adversarial step of SRGAN: 24x24 to 96x96 in colour, contiguous networks, a DataLoader of pairs.

The published networks of Ledig et al. 2017, SRResNet with 16 blocks and 64 channels and a discriminator with 8
convolutions, with the content loss on VGG-19's phi_{5,4}. As in the engine, the generator is updated first. The weights
of VGG-19 are random, which does not affect the speed. Nothing is frozen while others are updated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from plain_scripts import Clock, autocast
from safetensors.torch import save
from torch import Tensor, nn
from torchvision.models import vgg19

SIDE, SCALE, IMAGES = 96, 4, 256

PARAMETERS = {"generator": 1_549_462, "discriminator": 23_565_505}
"""Parameters of the published networks; the family's tests check the engine's networks against them."""


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        first = [nn.Conv2d(64, 64, 3, 1, 1), nn.BatchNorm2d(64), nn.PReLU()]
        self.layers = nn.Sequential(*first, nn.Conv2d(64, 64, 3, 1, 1), nn.BatchNorm2d(64))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(3, 64, 9, 1, 4), nn.PReLU())
        self.body = nn.Sequential(*(Block() for _ in range(16)), nn.Conv2d(64, 64, 3, 1, 1), nn.BatchNorm2d(64))
        doublings: list[nn.Module] = []
        for _ in range(2):
            doublings += [nn.Conv2d(64, 256, 3, 1, 1), nn.PixelShuffle(2), nn.PReLU()]
        self.tail = nn.Sequential(*doublings, nn.Conv2d(64, 3, 9, 1, 4))

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        return self.tail(x + self.body(x))


def discriminator() -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, 1, 1), nn.LeakyReLU(0.2)]
    layers += [nn.Conv2d(64, 64, 3, 2, 1), nn.BatchNorm2d(64), nn.LeakyReLU(0.2)]
    for before, after in pairwise((64, 128, 256, 512)):
        layers += [nn.Conv2d(before, after, 3, 1, 1), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
        layers += [nn.Conv2d(after, after, 3, 2, 1), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
    side = SIDE // 16
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512 * side**2, 1024), nn.LeakyReLU(0.2), nn.Linear(1024, 1))


class Features(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = vgg19(weights=None).features[:36].eval()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(((x + 1) / 2 - self.mean) / self.std)


class Pairs(torch.utils.data.Dataset[tuple[Tensor, Tensor]]):
    """Random bytes in [-1, 1], and the same images downscaled, in [0, 1]; converted one by one."""

    def __init__(self) -> None:
        self.images = torch.randint(0, 256, (IMAGES, 3, SIDE, SIDE), dtype=torch.uint8)

    def __len__(self) -> int:
        return IMAGES

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image = self.images[index].float() / 255
        small = F.interpolate(image[None], scale_factor=1 / SCALE, mode="bicubic", antialias=True)[0]
        return small.clamp(0, 1), image * 2 - 1


def batches(size: int) -> Iterator[tuple[Tensor, Tensor]]:
    pairs = Pairs()
    while True:
        yield from torch.utils.data.DataLoader(pairs, batch_size=size, shuffle=True, drop_last=True)


def random_vgg(folder: Path) -> Path:
    """Write a file of random weights for the engine's feature network, named by its hash."""
    content = save({key: value.contiguous() for key, value in vgg19(weights=None).state_dict().items()})
    file = folder / f"random-{hashlib.sha256(content).hexdigest()[:8]}.safetensors"
    file.write_bytes(content)
    return file


def run(precision: str, batch_size: int, *, warm_up: int, timed: int) -> float:
    """Return images per second."""
    torch.manual_seed(0)
    g, d, features = Generator(), discriminator(), Features()
    for name, network in (("generator", g), ("discriminator", d)):
        count = sum(parameter.numel() for parameter in network.parameters())
        if count != PARAMETERS[name]:
            raise RuntimeError(f"the {name} has {count:,} parameters instead of {PARAMETERS[name]:,}")
    g_optimizer, d_optimizer = (torch.optim.Adam(each.parameters(), lr=1e-4) for each in (g, d))
    criterion = nn.BCEWithLogitsLoss()
    clock = Clock(warm_up, timed)
    for small, image in batches(batch_size):
        with autocast(precision):
            fake = g(small)
            answer = d(fake)
            content = F.mse_loss(features(fake), features(image)) / 12.75**2
            g_loss = content + 1e-3 * criterion(answer, torch.ones_like(answer))
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()
        with autocast(precision):
            of_real, of_fake = d(image), d(fake.detach())
            d_loss = criterion(of_real, torch.ones_like(of_real)) + criterion(of_fake, torch.zeros_like(of_fake))
        d_optimizer.zero_grad()
        d_loss.backward()
        d_optimizer.step()
        _ = d_loss.item(), g_loss.item()
        if clock.tick(len(image)):
            break
    return clock.speed
