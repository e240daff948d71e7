"""Plain training scripts to compare the engine with: a DataLoader, contiguous networks, no frozen opponent, and the
losses read back at every step.

Each takes a folder of MNIST's four idx files, a precision, and the numbers of images to warm up with and to time. It
returns images per second.
"""

from __future__ import annotations

import gzip
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import torch
import torchvision
from torch import Tensor, nn
from torchvision.transforms import Compose, Normalize, Resize, ToTensor


def mlp(data: Path, precision: str, *, warm_up: int, timed: int) -> float:
    """Multilayer perceptrons as in most tutorials on MNIST at 28x28, batch size 64, the discriminator first."""
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(64, 256), nn.LeakyReLU(0.01), nn.Linear(256, 784), nn.Tanh())
    discriminator = nn.Sequential(nn.Linear(784, 128), nn.LeakyReLU(0.01), nn.Linear(128, 1), nn.Sigmoid())
    optimizers = [torch.optim.Adam(net.parameters(), lr=3e-4) for net in (generator, discriminator)]
    criterion = nn.BCELoss() if precision == "fp32" else nn.BCEWithLogitsLoss()
    if precision == "bf16":
        discriminator = discriminator[:-1]
    clock = Clock(warm_up, timed)
    for images in mnist(data, 28, 64):
        with autocast(precision):
            real = images.view(64, -1)
            fake = generator(torch.randn(64, 64))
            of_real, of_fake = discriminator(real), discriminator(fake.detach())
            d_loss = (criterion(of_real, torch.ones_like(of_real)) + criterion(of_fake, torch.zeros_like(of_fake))) / 2
        optimizers[1].zero_grad()
        d_loss.backward()
        optimizers[1].step()
        with autocast(precision):
            output = discriminator(generator(torch.randn(64, 64)))
            g_loss = criterion(output, torch.ones_like(output))
        optimizers[0].zero_grad()
        g_loss.backward()
        optimizers[0].step()
        _ = d_loss.item(), g_loss.item(), of_real.mean().item(), of_fake.mean().item()
        if clock.tick(64):
            break
    return clock.speed


def dcgan32(data: Path, precision: str, *, warm_up: int, timed: int) -> float:
    """Networks of PyTorch's DCGAN example at 32x32, batch size 64, the generator first."""
    return _dcgan(mnist(data, 32, 64), precision, side=32, channels=1, clock=Clock(warm_up, timed))


def dcgan64(data: Path, precision: str, *, warm_up: int, timed: int) -> float:
    """The same networks at 64x64 in colour, batch size 128, on images in memory."""
    return _dcgan(noise(64, 128), precision, side=64, channels=3, clock=Clock(warm_up, timed))


def _dcgan(batches: Iterator[Tensor], precision: str, *, side: int, channels: int, clock: Clock) -> float:
    torch.manual_seed(0)
    widths = [64 * side // 8 >> index for index in range((side // 8).bit_length())]
    up: list[nn.Module] = [nn.ConvTranspose2d(100, widths[0], 4, 1, 0, bias=False)]
    down: list[nn.Module] = [nn.Conv2d(channels, widths[-1], 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
    for wide, narrow in pairwise(widths):
        up += [nn.BatchNorm2d(wide), nn.ReLU(True), nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False)]
    for wide, narrow in zip(widths[-2::-1], widths[:0:-1], strict=True):
        down += [nn.Conv2d(narrow, wide, 4, 2, 1, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2, inplace=True)]
    up += [nn.BatchNorm2d(64), nn.ReLU(True), nn.ConvTranspose2d(64, channels, 4, 2, 1, bias=False), nn.Tanh()]
    down += [nn.Conv2d(widths[0], 1, 4, 1, 0, bias=False), nn.Flatten()]
    generator, discriminator = nn.Sequential(*up), nn.Sequential(*down)
    g_optimizer, d_optimizer = (
        torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999)) for net in (generator, discriminator)
    )
    criterion = nn.BCEWithLogitsLoss()
    for real in batches:
        ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        g_optimizer.zero_grad()
        with autocast(precision):
            fake = generator(torch.randn(len(real), 100, 1, 1))
            g_loss = criterion(discriminator(fake), ones)
        g_loss.backward()
        g_optimizer.step()
        d_optimizer.zero_grad()
        with autocast(precision):
            of_real, of_fake = discriminator(real), discriminator(fake.detach())
            d_loss = criterion(of_real, ones) + criterion(of_fake, zeros)
        d_loss.backward()
        d_optimizer.step()
        _ = d_loss.item(), g_loss.item(), of_real.mean().item(), of_fake.mean().item()
        if clock.tick(len(real)):
            break
    return clock.speed


class Clock:
    """Measures the images per second after the warm-up."""

    def __init__(self, warm_up: int, timed: int) -> None:
        self.warm_up, self.timed = warm_up, timed
        self.shown, self.begun, self.speed = 0, 0.0, 0.0

    def tick(self, images: int) -> bool:
        """Count a batch; return True if it was the last."""
        self.shown += images
        if self.begun == 0 and self.shown >= self.warm_up:
            self.begun, self.warm_up = time.perf_counter(), self.shown
        done = self.begun > 0 and self.shown >= self.warm_up + self.timed
        if done:
            self.speed = (self.shown - self.warm_up) / (time.perf_counter() - self.begun)
        return done


def autocast(precision: str) -> torch.autocast:
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16")


def mnist(data: Path, side: int, batch_size: int) -> Iterator[Tensor]:
    """Yield batches of torchvision's MNIST dataset forever."""
    steps = [Resize(side)] if side != 28 else []
    transform = Compose([*steps, ToTensor(), Normalize((0.5,), (0.5,))])
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for file in data.glob("*.gz"):
            (raw / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
        dataset = torchvision.datasets.MNIST(folder, transform=transform)
    while True:
        for images, _ in torch.utils.data.DataLoader(dataset, batch_size=batch_size, shuffle=True, drop_last=True):
            yield images


def noise(side: int, batch_size: int) -> Iterator[Tensor]:
    """Yield batches of random colour images from a tensor in memory forever."""
    images = torch.rand(2_048, 3, side, side) * 2 - 1
    dataset = torch.utils.data.TensorDataset(images)
    while True:
        for (batch,) in torch.utils.data.DataLoader(dataset, batch_size=batch_size, shuffle=True, drop_last=True):
            yield batch


SCRIPTS = {"mlp": mlp, "dcgan32": dcgan32, "dcgan64": dcgan64}
