"""Write one small run of every family in the format of this version, for `test_r11_old_checkpoints.py`.

Run it once for each release, from the root of the repository, and commit the directory that it writes:

    python tests/faults/checkpoints/make.py tests/faults/checkpoints/0.2.0

Each family gets a run directory without sample sheets, and next to it a file of its reference outputs.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from gancli.data.sources.synthetic import BATCH_SIZE, synthetic
from gancli.family import DataSpec
from gancli.inference.model import open_model
from gancli.inference.reference_outputs import reference_outputs
from gancli.plugins.registry import registry
from gancli.runs.manifest import run_manifest
from gancli.testing.fixture import FamilyFixture

GREY = DataSpec(channels=1, height=16, width=16, labels=("zero", "one", "two"))
COLOUR = DataSpec(channels=3, height=16, width=16)

FAMILIES: dict[str, tuple[dict[str, Any], DataSpec]] = {
    "adgan": ({"channels": 4, "latent_dim": 8, "critic_steps": 2, "seeds": 3, "steps": 2}, GREY),
    "cgan": ({"channels": 4, "latent_dim": 8}, GREY),
    "cyclegan": (
        {"channels": 2, "blocks": 1, "pool_size": 10},
        DataSpec(channels=3, height=16, width=16, channels_of={"a": 3, "b": 3}),
    ),
    "dcgan": ({"channels": 4, "latent_dim": 8}, GREY),
    "enhancenet": ({"blocks": 1, "channels": 4, "discriminator_channels": 2, "loss": "E", "scale": 2}, COLOUR),
    "gan": (
        {"latent_dim": 8, "generator_widths": [16], "discriminator_widths": [16], "batch_norm": True, "dropout": 0.3},
        GREY,
    ),
    "lsgan": ({"channels": 4, "latent_dim": 8}, GREY),
    "pggan": (
        {
            "latent_dim": 8,
            "channels_base": 32,
            "channels_max": 8,
            "stable_images": BATCH_SIZE,
            "fade_images": 3 * BATCH_SIZE,
        },
        COLOUR,
    ),
    "pix2pix": (
        {"channels": 2},
        DataSpec(channels=3, height=16, width=16, channels_of={"source": 1, "target": 3}),
    ),
    "simgan": (
        {
            "channels": 2,
            "discriminator_channels": 2,
            "refiner_warm_up": 1,
            "discriminator_warm_up": 1,
            "blocks": 1,
            "history_size": 10,
        },
        DataSpec(channels=1, height=15, width=11, channels_of={"a": 1, "b": 1}),
    ),
    "srgan": (
        {
            "blocks": 1,
            "channels": 4,
            "discriminator_channels": 2,
            "mse_images": 2 * BATCH_SIZE,
            "adversarial_images": 4 * BATCH_SIZE,
        },
        COLOUR,
    ),
    "stargan": (
        {"channels": 2, "blocks": 1, "n_critic": 2},
        DataSpec(channels=3, height=16, width=16, labels=("red", "green", "blue")),
    ),
    "wgan-gp": ({"channels": 4, "latent_dim": 8, "critic_steps": 2}, GREY),
}
"""Model options and data of each family; the options keep the files small."""


def main(target: Path) -> None:
    for name in sorted(registry().families()):
        model, data = FAMILIES[name]
        fixture = FamilyFixture(registry().family(name), model, data)
        folder = target / name
        trainer = fixture.trainer(folder, images=5 * BATCH_SIZE, ema=0.9, checkpoint_every=2 * BATCH_SIZE, keep=1)
        packed = synthetic(data, keys=fixture.info.batch)
        manifest = run_manifest(trainer.recipe, packed, device=torch.device("cpu"), total=5 * BATCH_SIZE)
        trainer.run.begin({**manifest, "command": f"gan train {name}"}, trainer.recipe.to_yaml())
        trainer.train()
        shutil.rmtree(folder / "samples")
        outputs = reference_outputs(open_model(folder, device=torch.device("cpu")))
        save_file({task: output.contiguous() for task, output in outputs.items()}, target / f"{name}.safetensors")
        size = sum(path.stat().st_size for path in folder.rglob("*"))
        print(f"{name}: {size:,} bytes, {', '.join(outputs)}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
