"""Fingerprints of what every bundled recipe computes, to show that a change of the code changes no result.

    python benchmarks/fingerprints.py --shared ../shared/data --out before.json
    python benchmarks/fingerprints.py --shared ../shared/data --out after.json --compare before.json

Trains each recipe for 2,000 images in fp32 on one thread and records SHA-256 digests of all tensors of the last
checkpoint, of the training curves, and of the pixels and scores that `gan sample`, `gan interpolate`, `gan translate`,
`gan upscale`, `gan detect` and `gan eval` make of it. Digests are comparable on one machine only: another processor
rounds differently. `--source DIR` takes the code, recipes and entry points of another checkout. Recipes that `--out`
already has are not run again.

Growing and two-stage families have their stages shortened, so that 2,000 images pass through all of them.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shared_data
from PIL import Image
from safetensors import safe_open

HOME = Path(__file__).resolve().parent.parent
IMAGES = 2_000

VERSION = "0"

RENAMED = {"to_a": "generator_ba", "to_b": "generator_ab", "judge_a": "discriminator_a", "judge_b": "discriminator_b"}
"""Networks by their earlier names, so that tensors of earlier code are comparable."""

STAGES = {
    "pggan": ("model.stable_images=200", "model.fade_images=200"),
    "pggan-mnist": ("model.stable_images=200", "model.fade_images=200"),
    "srgan": ("model.mse_images=1_000", "model.adversarial_images=1_000"),
    "enhancenet": ("model.pixel_images=1_000",),
    "simgan": ("model.refiner_warm_up=10", "model.discriminator_warm_up=10"),
}
"""Options by recipe that shorten its stages."""

SCORES = {
    "sample": "swd,distinct,ms_ssim",
    "points": "modes",
    "upscale": "psnr,ssim",
    "detect": "auroc",
}
"""Metrics that need no other network, by what a model does."""


def data_options(recipe: str, shared: Path, folder: Path) -> list[str]:
    if "mnist" in recipe:
        return shared_data.mnist(shared, folder)
    if "nuclei" in recipe:
        return (shared_data.nuclei_domains if "cyclegan" in recipe else shared_data.nuclei_pairs)(shared, folder)
    return []


def fingerprint(recipe: str, source: Path, shared: Path) -> dict[str, Any]:
    """All digests of one recipe; a command that is refused is recorded with its exit code."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        run, folder = home / "run", home / "data"
        folder.mkdir()
        options = [f"train.images={IMAGES}", "train.precision=fp32", *STAGES.get(recipe, ())]
        options += data_options(recipe, shared, folder)
        flags = [word for option in options for word in ("--set", option)]
        trained = gan(source, home, ["train", str(source / "recipes" / f"{recipe}.yaml"), *flags, "--out", str(run)])
        if trained.returncode:
            raise SystemExit(f"{recipe}: {trained.stderr[-2_000:]}")
        found = {"checkpoint": tensors_digest(run), "curves": digest((run / "metrics.jsonl").read_bytes())}
        found["previews"] = {file.name: pixels_digest(file) for file in sorted((run / "samples").glob("*.png"))}
        found["during"] = values((run / "eval.jsonl").read_text()) if (run / "eval.jsonl").exists() else []
        manifest = json.loads((run / "manifest.json").read_text())
        tasks, kind = manifest["tasks"], manifest["data"].get("kind", "image")
        for task in tasks:
            found |= use(task, kind, source, home, run)
        return found


def use(task: str, kind: str, source: Path, home: Path, run: Path) -> dict[str, Any]:
    """Digests of what one task of a trained model makes."""
    out = home / f"out-{task}"
    found: dict[str, Any] = {}

    def files(name: str, words: Sequence[str], target: Path) -> None:
        done = gan(source, home, [*words, "--out", str(target)])
        images = sorted(target.rglob("*.png")) if target.is_dir() else [target]
        found[name] = {file.name: pixels_digest(file) for file in images if file.exists()} or done.returncode

    if task == "sample" and kind == "points":
        files("sample", ["sample", str(run), "-n", "64", "--seed", "3"], home / "points.png")
        found["eval"] = scores(source, home, run, SCORES["points"])
    elif task == "sample":
        files("sample", ["sample", str(run), "-n", "4", "--seed", "3", "--format", "png"], out)
        files("grid", ["sample", str(run), "-n", "4", "--truncation", "0.7", "--annotate"], home / "grid.png")
        files("interpolate", ["interpolate", str(run), "--seeds", "1,7", "--frames", "5"], home / "strip.png")
        files("arithmetic", ["arithmetic", str(run), "1,2,3 - 4,5,6 + 7,8,9"], home / "arithmetic.png")
        found["eval"] = scores(source, home, run, SCORES["sample"])
    elif task in ("translate", "upscale"):
        photographs = inputs(home)
        files(task, [task, str(run), *map(str, photographs)], out)
        files(f"{task} in tiles", [task, str(run), *map(str, photographs), "--tile", "96"], home / f"tiles-{task}")
        if task in SCORES:
            found[f"eval {task}"] = scores(source, home, run, SCORES[task])
    elif task == "detect":
        done = gan(source, home, ["detect", str(run), *map(str, inputs(home)), "--json", "--out", str(out)])
        found["detect"] = (
            [image["score"] for image in json.loads(done.stdout)["images"]] if done.stdout else done.stderr
        )
        found["heat"] = {file.name: pixels_digest(file) for file in sorted(out.rglob("*.png"))}
        found["eval detect"] = scores(source, home, run, SCORES["detect"], "--limit", "50")
    return found


def scores(source: Path, home: Path, run: Path, metrics: str, *words: str) -> Any:
    done = gan(source, home, ["eval", str(run), "--metrics", metrics, "--json", *words])
    if done.returncode:
        return done.returncode
    return [[entry["metric"], entry["value"]] for entry in json.loads(done.stdout)["metrics"]]


def inputs(home: Path) -> list[Path]:
    """Two images of smooth random colours, created for each run; neither is square."""
    folder = home / "inputs"
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    files = []
    for name, size in (("grey.png", (128, 96)), ("colour.png", (112, 160))):
        small = random.integers(0, 256, (8, 8) if name == "grey.png" else (8, 8, 3), dtype=np.uint8)
        Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(folder / name)
        files.append(folder / name)
    return files


def values(lines: str) -> list[Any]:
    return [[entry["metric"], entry["value"]] for entry in map(json.loads, lines.splitlines())]


def tensors_digest(run: Path) -> str:
    """Over names, types, shapes and bytes of every tensor of the newest checkpoint."""
    newest = max((path for path in (run / "checkpoints").iterdir() if path.name.isdecimal()), key=lambda p: int(p.name))
    whole = hashlib.sha256()
    for file in sorted(newest.glob("*.safetensors")):
        with safe_open(file, "np") as content:
            for name, key in sorted((_current(key), key) for key in content.keys()):  # noqa: SIM118
                tensor = content.get_tensor(key)
                whole.update(f"{file.name}/{name} {tensor.dtype} {tensor.shape}\n".encode())
                whole.update(tensor.tobytes())
    return whole.hexdigest()


def _current(name: str) -> str:
    """Return the name of a tensor of the model (`to_a.0.bias`) or of an optimizer (`generator/to_a.0.bias/step`)."""
    return re.sub(r"\w+", lambda word: RENAMED.get(word[0], word[0]), name)


def pixels_digest(file: Path) -> str:
    with Image.open(file) as image:
        return digest(f"{image.mode} {image.size}\n".encode() + image.tobytes())


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def gan(source: Path, home: Path, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    projects = [source, *(path for path in sorted((source / "plugins").iterdir()) if path.is_dir())]
    metadata = home / "metadata"
    if not metadata.exists():
        for project in projects:
            _describe(project, metadata)
    paths = [str(metadata), *map(str, projects)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "NO_COLOR": "1",
    }
    command = [sys.executable, "-m", "gancli", *words]
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)


def _describe(project: Path, folder: Path) -> None:
    """Write the metadata of a distribution, so that its entry points are found whatever is installed."""
    table = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    home = folder / f"{table['name'].replace('-', '_')}-{VERSION}.dist-info"
    home.mkdir(parents=True)
    (home / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {table['name']}\nVersion: {VERSION}\n")
    groups = table.get("entry-points", {}).items()
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items()) for group, points in groups
    ]
    (home / "entry_points.txt").write_text("\n".join(lines))


def differences(before: Any, after: Any, place: str) -> list[str]:
    """Where two fingerprints differ, by path."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = sorted({*before, *after})
        return [row for key in keys for row in differences(before.get(key), after.get(key), f"{place}/{key}")]
    return [] if before == after else [f"{place}: {before} before, {after} now"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True, help="folder of the shared data: mnist/, nuclei/")
    parser.add_argument("--source", type=Path, default=HOME, help="checkout whose code runs")
    parser.add_argument("--out", type=Path, required=True, help="JSON file for the fingerprints")
    parser.add_argument("--compare", type=Path, help="fingerprints of earlier code")
    parser.add_argument("--only", help="names of recipes, separated by commas")
    parser.add_argument("--jobs", type=int, default=2, help="recipes at a time")
    arguments = parser.parse_args()
    source, shared = arguments.source.resolve(), arguments.shared.resolve()
    names = (
        arguments.only.split(",")
        if arguments.only
        else sorted(file.stem for file in (source / "recipes").glob("*.yaml"))
    )
    found = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    lock = threading.Lock()

    def run(name: str) -> None:
        if name not in found:
            digests = fingerprint(name, source, shared)
            with lock:
                found[name] = digests
                arguments.out.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")

    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(run, names))
    if arguments.compare:
        before = json.loads(arguments.compare.read_text())
        rows = {name: differences(before.get(name), found[name], name) for name in names}
        for row in (row for each in rows.values() for row in each):
            print(row)
        print(f"{sum(not each for each in rows.values())} of {len(names)} recipes are unchanged")
        sys.exit(any(rows.values()))


if __name__ == "__main__":
    main()
