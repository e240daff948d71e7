"""Training speed against plain PyTorch scripts of the same maths, in turns, as ratios.

    python benchmarks/speed.py --data ../shared/data/mnist

Each round runs the plain script and the engine for the same number of images, each in a process of its own, one after
the other, so that a machine whose speed drifts slows both; the median of the rounds' ratios is what to quote. The plain
script is written as public scripts are: torchvision's MNIST through a DataLoader, networks as they come, the opponent
not frozen, and the losses read back at every step.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

IMAGES = 64_000
WARM_UP = 6_400
BATCH_SIZE = 64


def plain(data: Path, precision: str) -> float:
    """The perceptrons on MNIST in plain PyTorch; images a second."""
    import torch
    import torchvision
    from torch import nn
    from torchvision.transforms import Compose, Normalize, ToTensor

    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(64, 256), nn.LeakyReLU(0.01), nn.Linear(256, 784), nn.Tanh())
    discriminator = nn.Sequential(nn.Linear(784, 128), nn.LeakyReLU(0.01), nn.Linear(128, 1), nn.Sigmoid())
    optimizers = [torch.optim.Adam(net.parameters(), lr=3e-4) for net in (generator, discriminator)]
    criterion = nn.BCELoss() if precision == "fp32" else nn.BCEWithLogitsLoss()
    if precision == "bf16":
        discriminator = discriminator[:-1]
    transform = Compose([ToTensor(), Normalize((0.5,), (0.5,))])
    with tempfile.TemporaryDirectory() as folder:
        dataset = torchvision.datasets.MNIST(unpacked(data, Path(folder)), transform=transform)
    loader = torch.utils.data.DataLoader(dataset, batch_size=BATCH_SIZE, shuffle=True, drop_last=True)

    def batches():
        while True:
            yield from loader

    shown, begun = 0, 0.0
    for images, _ in batches():
        if shown == WARM_UP:
            begun = time.perf_counter()
        if shown >= WARM_UP + IMAGES:
            break
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
            real = images.view(BATCH_SIZE, -1)
            fake = generator(torch.randn(BATCH_SIZE, 64))
            of_real, of_fake = discriminator(real), discriminator(fake.detach())
            d_loss = (criterion(of_real, torch.ones_like(of_real)) + criterion(of_fake, torch.zeros_like(of_fake))) / 2
        optimizers[1].zero_grad()
        d_loss.backward()
        optimizers[1].step()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
            output = discriminator(generator(torch.randn(BATCH_SIZE, 64)))
            g_loss = criterion(output, torch.ones_like(output))
        optimizers[0].zero_grad()
        g_loss.backward()
        optimizers[0].step()
        _ = d_loss.item(), g_loss.item(), of_real.mean().item(), of_fake.mean().item()
        shown += BATCH_SIZE
    return IMAGES / (time.perf_counter() - begun)


def ours(data: Path, precision: str) -> float:
    """The same through the engine, logging, checks and the packed data included; images a second."""
    import torch

    from gancli.data.dataset import open_dataset
    from gancli.engine.trainer import Trainer
    from gancli.recipe import load_recipe
    from gancli.run import Run

    with tempfile.TemporaryDirectory() as folder:
        recipe_file = Path(folder) / "mlp.yaml"
        recipe_file.write_text(
            "family: gan\n"
            f"data: {{source: mnist, root: {json.dumps(str(data))}}}\n"
            f"train: {{images: {WARM_UP}, batch_size: {BATCH_SIZE}, precision: {precision},"
            " preview_every: 1000000, checkpoint_every: 1000000}\n"
        )
        run = Run(Path(folder) / "run")
        run.begin({}, "")
        recipe = load_recipe(str(recipe_file))
        packed = open_dataset(recipe.data)
        Trainer(recipe, run, packed, device=torch.device("cpu")).train()
        recipe = load_recipe(str(recipe_file), [f"train.images={WARM_UP + IMAGES}"])
        trainer = Trainer(recipe, run, packed, device=torch.device("cpu"))
        trainer.resume()
        begun = time.perf_counter()
        trainer.train()
        return IMAGES / (time.perf_counter() - begun)


def unpacked(data: Path, folder: Path) -> Path:
    """MNIST where torchvision looks for it."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in data.glob("*.gz"):
        (raw / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
    return folder


def measure(side: str, data: Path, precision: str) -> float:
    """One side in a process of its own."""
    command = [sys.executable, __file__, "--data", str(data), "--side", side, "--precision", precision]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/mnist"), help="the four idx files of MNIST")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default=None, help="both if left out")
    parser.add_argument("--side", choices=["plain", "ours"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        sys.exit(f"no MNIST at {arguments.data}: name its folder with --data")
    if arguments.side:
        print({"plain": plain, "ours": ours}[arguments.side](arguments.data, arguments.precision))
        return
    for precision in [arguments.precision] if arguments.precision else ["fp32", "bf16"]:
        ratios = []
        for _ in range(arguments.rounds):
            speeds = {side: measure(side, arguments.data, precision) for side in ("plain", "ours")}
            ratios.append(speeds["ours"] / speeds["plain"])
            print(f"  plain {speeds['plain']:8,.0f}   ours {speeds['ours']:8,.0f}   ratio {ratios[-1]:.2f}", flush=True)
        print(
            f"MLP on MNIST, batch {BATCH_SIZE}, {precision}: median ratio {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f}, {arguments.rounds} rounds)",
            flush=True,
        )


if __name__ == "__main__":
    main()
