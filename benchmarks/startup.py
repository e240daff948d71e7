"""What commands cost that a person waits for: milliseconds over bare Python, in turns, medians."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 15

GAN = [str(Path(sys.executable).with_name("gan"))]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        typo = Path(folder) / "typo.yaml"
        typo.write_text("family: gan\ndata: {source: digits}\ntrain: {images: 100, batch_sise: 8}\n")
        commands = {
            "bare Python": [sys.executable, "-c", "pass"],
            "gan --help": [*GAN, "--help"],
            "gan recipes ls": [*GAN, "recipes", "ls"],
            "gan plugins ls": [*GAN, "plugins", "ls"],
            "gan train typo.yaml": [*GAN, "train", str(typo)],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, command in commands.items():
                begun = time.perf_counter()
                subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
                times[name].append(1_000 * (time.perf_counter() - begun))
    bare = statistics.median(times["bare Python"])
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:>20}  {median:6.0f} ms  {median - bare:6.0f} ms over bare Python")


if __name__ == "__main__":
    main()
