"""Start-up time of commands, as milliseconds over the import of typer, rich, pluggy and pydantic alone.

    python benchmarks/startup.py
    python benchmarks/startup.py --rounds 15 --limit 60    # exit with 1 if a required command is slower

Each round starts every command once, so that a busy machine slows all of them alike. Figures are medians. Compiled
modules are cached in a temporary folder, which a first round fills, as they are in an installed package.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GAN = str(Path(sys.executable).with_name("gan"))
IMPORTS = "imports alone"
LIBRARIES = "import typer.rich_utils, rich.console, rich.table, pluggy; from pydantic import BaseModel, TypeAdapter"
"""The parts of the libraries that commands use: typer, rich and pydantic import most of their modules on first use, and
typer itself uses `TypeAdapter` for every command but `gan --help`.
"""

REQUIRED = ("gan --help", "gan train --help", "gan recipes ls")
"""Commands that must stay within the limit."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--limit", type=float, help="milliseconds that a required command may take over the imports")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        typo = Path(folder) / "typo.yaml"
        typo.write_text("family: gan\ndata: {source: digits}\ntrain: {images: 100, batch_sise: 8}\n")
        commands = {
            "bare Python": [sys.executable, "-c", "pass"],
            IMPORTS: [sys.executable, "-c", LIBRARIES],
            **{name: [GAN, *name.split()[1:]] for name in (*REQUIRED, "gan plugins ls")},
            "gan train typo.yaml": [GAN, "train", str(typo)],
        }
        times = measure(commands, arguments.rounds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name:>20}  {median:6.0f} ms  {median - medians[IMPORTS]:+6.0f} ms over the imports")
    slow = [
        name for name in REQUIRED if arguments.limit is not None and medians[name] > medians[IMPORTS] + arguments.limit
    ]
    if slow:
        sys.exit(f"slower than the limit: {', '.join(slow)}")


def measure(commands: dict[str, list[str]], rounds: int) -> dict[str, list[float]]:
    """Run all commands in turn and return the milliseconds of each run after a first one."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as cache:
        environment["PYTHONPYCACHEPREFIX"] = cache
        for _ in range(rounds + 1):
            for name, command in commands.items():
                start = time.perf_counter()
                subprocess.run(command, env=environment, capture_output=True, check=False)
                times[name].append(1_000 * (time.perf_counter() - start))
    return {name: values[1:] for name, values in times.items()}


if __name__ == "__main__":
    main()
