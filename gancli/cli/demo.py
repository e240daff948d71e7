"""`gan demo`."""

from __future__ import annotations

from gancli.cli.sample import sample
from gancli.cli.train import train
from gancli.recipes.bundled import FIRST as RECIPE


def demo(*, device: str) -> None:
    """Trains the recipe `gan` on the built-in digits and draws a sheet of samples."""
    print(f"gan train {RECIPE}")
    run = train(RECIPE, [], resume=False, device=device, out=None, dry_run=False)
    print(f"\ngan sample {run.path}")
    sample(
        run.path,
        count=None,
        labels=[],
        seed=0,
        truncation=None,
        form="grid",
        grid=False,
        annotate=False,
        ema=None,
        out=None,
        device=device,
        json=False,
    )
    print(f"next: gan recipes cp {RECIPE} my-{RECIPE}.yaml    # change it, then: gan train my-{RECIPE}.yaml")
