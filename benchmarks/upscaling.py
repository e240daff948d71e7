"""`gan upscale` relative to its own network: speed, memory and seams.

    python benchmarks/upscaling.py
    python benchmarks/upscaling.py --blocks 16 --channels 64 --large 3000 4000

Uses an untrained SRResNet at x4. Prints the share of the bare network's speed that remains when files are read and
written, the largest difference between tiled and untiled output, and the peak memory for one large photograph. On a CPU
this is the resident set of the process, including the interpreter and its libraries.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from gancli.cli.convert import convert
from gancli.cli.upscale import upscale
from gancli.data.spec import DataSpec
from gancli.family.tasks import Upscales
from gancli.inference.model import Model, open_model
from gancli.inference.upscale import Upscaler
from gancli.plugins.registry import import_class, registry
from gancli.runtime.device import autocast, choose_device
from gancli.runtime.memory import peak, reset_peak

COUNT, SIDE = 20, 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=8)
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--large", type=int, nargs=2, default=(2000, 3000), metavar=("HEIGHT", "WIDTH"), help="0 0: none"
    )
    parser.add_argument("--precision", choices=["auto", "fp32", "bf16"], default="fp32")
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    device = choose_device(arguments.device)
    with tempfile.TemporaryDirectory() as folder:
        run = untrained(Path(folder), blocks=arguments.blocks, channels=arguments.channels)
        model = open_model(run, device=device)
        rate(run, model, arguments.precision, Path(folder), repeats=arguments.repeats)
        seams(model, arguments.precision)
        if all(arguments.large):
            memory(run, model, tuple(arguments.large), arguments.precision, Path(folder))


def untrained(folder: Path, *, blocks: int, channels: int) -> Path:
    """Write a model directory that contains only the generator."""
    options = {"blocks": blocks, "channels": channels, "residual": "bicubic", "norm": "none"}
    info = registry().family("srgan")
    spec = DataSpec(channels=3, height=96, width=96)
    torch.manual_seed(0)
    generator = import_class(info.family)(import_class(info.config)(**options), spec).build()["generator"]
    save_file(generator.state_dict(), folder / "weights.safetensors")
    overrides = [f"model.{name}={value}" for name, value in options.items()] + ["data.resolution=96"]
    convert(folder / "weights.safetensors", family="srgan", overrides=overrides, out=folder / "model")
    return folder / "model"


def photo(path: Path, height: int, width: int, seed: int) -> Path:
    """Write smooth random colours with a little noise, which compress about as well as photographs."""
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 256, (height // 16 + 1, width // 16 + 1, 3), dtype=np.uint8))
    pixels = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)).astype(np.int16)
    noisy = pixels + random.integers(-4, 5, pixels.shape, dtype=np.int16)
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path)
    return path


def rate(run: Path, model: Model, precision: str, folder: Path, *, repeats: int) -> None:
    for number in range(COUNT):
        photo(folder / "small" / f"{number}.png", SIDE, SIDE, number)
    bare, whole, work = [], [], []
    for _ in range(repeats):
        begun_work = time.process_time()
        bare.append(COUNT / forward(model, precision))
        begun, between = time.perf_counter(), time.process_time()
        upscale(
            [run, folder / "small"],
            tile=None,
            format=None,
            precision=precision,
            ema=None,
            out=folder / "out",
            device=str(model.device),
            json=False,
        )
        whole.append(COUNT / (time.perf_counter() - begun))
        work.append((between - begun_work) / (time.process_time() - between))
    parts = [ours / theirs for ours, theirs in zip(whole, bare, strict=True)]
    print(
        f"{COUNT} images of {SIDE}x{SIDE}: {np.median(whole):.2f}/s with files, {np.median(bare):.2f}/s bare; "
        f"{', '.join(f'{part:.0%}' for part in parts)}; by processor time {np.median(work):.0%}",
        flush=True,
    )


def forward(model: Model, precision: str) -> float:
    """Return the seconds of the network alone, in the memory format of `gan upscale`."""
    family = model.family
    assert isinstance(family, Upscales)
    dtype = Upscaler(model, precision=precision)._dtype
    images = torch.rand(COUNT, 1, 3, SIDE, SIDE, device=model.device) * 2 - 1
    with torch.inference_mode(), autocast(model.device, dtype):
        family.upscale(model.nets, images[0])
        begun = time.perf_counter()
        for image in images:
            drawn = family.upscale(model.nets, image)
        drawn.cpu()
        return time.perf_counter() - begun


def seams(model: Model, precision: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 420, 3), dtype=np.uint8)
    whole = Upscaler(model, precision=precision, tile=10_000)(pixels).astype(int)
    tiler = Upscaler(model, precision=precision, tile=128)
    apart = np.abs(whole - tiler(pixels))
    print(f"tiles of 128 compared with no tiles: {apart.max()} of 255, {(apart > 0).mean():.2%} of the values differ")


def memory(run: Path, model: Model, size: tuple[int, int], precision: str, folder: Path) -> None:
    file = photo(folder / "large.png", *size, seed=0)
    device = model.device
    reset_peak(device)
    begun = time.perf_counter()
    upscale(
        [run, file],
        tile=None,
        format=None,
        precision=precision,
        ema=None,
        out=folder / "out",
        device=str(device),
        json=False,
    )
    print(f"{size[0]}x{size[1]}: {peak(device) / 1e9:.2f} GB peak memory, {time.perf_counter() - begun:.0f} s")
    reset_peak(torch.device("cpu"))


if __name__ == "__main__":
    main()
