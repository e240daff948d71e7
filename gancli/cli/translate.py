"""`gan translate`."""

from __future__ import annotations

import json as jsonlib
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gancli.cli.display.live import reading
from gancli.cli.shared.input_images import find_images, name_results, read_image, split_run
from gancli.cli.shared.models import about, check_able, file_name, open_able, path_for, safe
from gancli.family.tasks import Translates, Translation
from gancli.inference.model import Model
from gancli.inference.translate import find_translation
from gancli.inference.translate import translate as translated
from gancli.io.images import to_pixels, write_png


def translate(
    arguments: Sequence[Path],
    *,
    to: str | None,
    tile: int | None,
    seed: int,
    ema: bool | None,
    out: Path | None,
    device: str,
    json: bool,
) -> list[Path]:
    """Translates images, each to a PNG of its size and name. Returns the files written.

    Args:
        arguments: a run or checkpoint directory, which may be left out, and files and folders of images.
        to: a domain of the model; its first, if None.
        tile: side of the tiles to do it in; whole, if None.
        seed: of the noise in every image.
        ema: averaged weights or live ones; averaged where there are any, if None.
        out: a directory; one in the run's, if None.
        device: as the command line names it.
        json: prints one object instead of sentences.

    Raises:
        GanError: the run cannot, the domain is unknown, or there is nothing to read.
    """
    run, paths = split_run(arguments)
    files = find_images(paths, like=f"gan translate {'[RUN]' if run is None else run} photo.jpg")
    path, model = open_able(run, lambda able: "translate" in able, wanted="translates images", ema=ema, device=device)
    check_able(model, ("translate",), "gan translate")
    way = find_translation(model, to)
    folder = out or path_for(path, file_name([f"translated-{safe(way.to)}", f"seed{seed}" if seed else ""]))
    results = name_results(files, folder)
    channels, *_ = model.family.data.shape_of(way.reads)
    pairs = [(file.path, result) for file, result in zip(files, results, strict=True)]
    noisy = False
    with reading("images", "translating") as progress:
        for done, (file, result) in enumerate(pairs, 1):
            image, drawn_from_noise = translated(model, read_image(file, channels), way, tile=tile, seed=seed)
            noisy |= drawn_from_noise
            (pixels,) = to_pixels(image)
            write_png(result, pixels, metadata=_made(model, way, file, tile=tile, seed=seed))
            progress(done, len(pairs))
    if json:
        shown = [{"image": str(result), "from": str(file), "to": way.to, "seed": seed} for file, result in pairs]
        print(jsonlib.dumps({"images": shown}))
        return results
    print(f"wrote {results[0]}" if len(results) == 1 else f"wrote {folder}/ ({len(results)} files)")
    print(f"next: {shlex.join(_following(model, path, paths, folder, way, seed=seed, noisy=noisy))}")
    return results


def _made(model: Model, way: Translation, file: Path, *, tile: int | None, seed: int) -> dict[str, Any]:
    """What the picture says of itself."""
    tiles = {} if tile is None else {"tile": tile}
    return {**about(model, None), "to": way.to, "seed": seed, **tiles, "from": file.name}


def _following(
    model: Model, run: Path, paths: Sequence[Path], folder: Path, way: Translation, *, seed: int, noisy: bool
) -> list[str]:
    """The way back, where there is one; other noise, where there is some; or else a look at what was learned when."""
    assert isinstance(model.family, Translates)
    others = [other.to for other in model.family.translations() if other.to != way.to]
    if others:
        return ["gan", "translate", str(run), str(folder), "--to", others[0]]
    if noisy:
        return ["gan", "translate", str(run), *map(str, paths), "--seed", str(seed + 1)]
    return ["gan", "runs", "ls"]
