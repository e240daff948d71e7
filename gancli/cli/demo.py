"""`gan demo`: train a first model and sample from it."""

from __future__ import annotations

from gancli.cli.options import Device


def demo(device: Device = "auto") -> None:
    """Train a small GAN on handwritten digits in about a minute, and sample from it."""
    from gancli.cli.sample import sample
    from gancli.cli.train import train_run
    from gancli.recipes.bundled import FIRST as RECIPE

    print(f"gan train {RECIPE}")
    run = train_run(RECIPE, [], device=device)
    print(f"\ngan sample {run.path}")
    sample(run.path, device=device)
    print(f"next: gan recipes cp {RECIPE} my-{RECIPE}.yaml    # edit it, then: gan train my-{RECIPE}.yaml")
