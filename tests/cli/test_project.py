"""`gan project`, and its latent files in `gan interpolate`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from gancli.io.video import FRAMES_PER_SECOND

FEW = ["--steps", "5", "--seeds", "2", "--device", "cpu"]


def refused(result, *words: str, code: int = 65) -> bool:
    return result.code == code and result.err.startswith("error: ") and all(word in result.err for word in words)


def projected(gan, *arguments: str) -> list[dict]:
    result = gan("project", *arguments, "--json")
    assert result.code == 0, result.err
    return json.loads(result.out)["images"]


def sampled(gan, folder: str, *options: str) -> str:
    """Sample three images and return their folder."""
    result = gan("sample", *options, "-n", "3", "--format", "png", "--out", folder)
    assert result.code == 0, result.err
    return folder


def halves(path: str | Path, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the image and its reconstruction, at their original size."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("L"))
    factor = -(-48 // side)
    return tuple(pixels[2::factor, 2 + (side * factor + 2) * place :: factor][:side, :side] for place in (0, 1))


def changed_metadata(made: dict[str, str], **changes: object) -> dict[str, str]:
    """Return the metadata of a latent file with changes."""
    return {"gancli": json.dumps({**json.loads(made["gancli"]), **changes})}


def frames(path: Path) -> list[np.ndarray]:
    """Return the frames of a GIF in grey."""
    with Image.open(path) as image:
        found = []
        for index in range(image.n_frames):
            image.seek(index)
            times = round(image.info["duration"] * FRAMES_PER_SECOND / 1000)
            found += [np.asarray(image.convert("L"))] * times
    return found


def test_a_picture_and_a_latent_of_every_image(gan, unconditional: Path) -> None:
    sampled(gan, "in")
    result = gan("project", str(unconditional), "in", *FEW)
    assert result.code == 0, result.err
    assert "in/seed000000.png: mean squared error" in result.out
    assert f"wrote {unconditional}/out/projected/ (3 pairs)" in result.out
    command = result.out.splitlines()[-1].removeprefix("next: gan ").split()
    assert command[:2] == ["interpolate", str(unconditional)]
    assert gan(*command).code == 0
    assert sorted(path.name for path in (unconditional / "out" / "projected").iterdir()) == [
        f"seed00000{seed}{ending}" for seed in range(3) for ending in (".png", ".safetensors")
    ]


def test_an_image_of_the_model_is_found_at_its_own_seed(gan, unconditional: Path) -> None:
    sampled(gan, "in")
    (one,) = projected(gan, "in/seed000001.png", "--steps", "0", "--seeds", "5", "--out", "out")
    assert one["seed"] == 1
    assert one["error"] < (1 / 127.5) ** 2, "the images are equal up to rounding to bytes"
    target, made = halves(one["image"], 8)
    with Image.open("in/seed000001.png") as image:
        assert np.array_equal(target, np.asarray(image))
    assert np.array_equal(made, target)
    assert one["latent"] == "out/seed000001.safetensors"


def test_more_steps_explain_more(gan, unconditional: Path) -> None:
    Path("in").mkdir()
    Image.fromarray(np.eye(8, dtype=np.uint8) * 255).save("in/eye.png")
    errors = [projected(gan, "in", "--seeds", "1", "--steps", str(steps))[0]["error"] for steps in (0, 60)]
    assert errors[1] < errors[0]


def test_the_latent_says_what_it_belongs_to(gan, unconditional: Path) -> None:
    sampled(gan, "in")
    (one,) = projected(gan, "in/seed000001.png", *FEW)
    with safe_open(one["latent"], framework="pt") as file:
        made = json.loads(file.metadata()["gancli"])
    assert (made["run"], made["from"], made["steps"], made["error"]) == ("gan", "seed000001.png", 5, one["error"])
    assert len(made["checkpoint"]) == 64
    assert list(load_file(one["latent"])) == ["z"]
    with Image.open(one["image"]) as image:
        assert json.loads(image.text["gancli"]) == made


def test_a_walk_begins_and_ends_at_what_was_projected(gan, unconditional: Path) -> None:
    sampled(gan, "in")
    first, second, _ = projected(gan, "in", *FEW)
    files = f"{first['latent']},{second['latent']}"
    for options in ((), ("--path", "linear")):
        result = gan("interpolate", "--latents", files, "--frames", "9", *options, "--out", "walk.gif", "--json")
        assert result.code == 0, result.err
        (entry,) = json.loads(result.out)["images"]
        assert entry["latents"] == ["seed000000", "seed000001"]
        assert "seeds" not in entry
        assert entry["keys"] == [0, 8]
        shown = frames(Path("walk.gif"))
        assert np.array_equal(shown[0][::24, ::24], halves(first["image"], 8)[1])
        assert np.array_equal(shown[8][::24, ::24], halves(second["image"], 8)[1])


def test_a_walk_goes_on_to_seeds(gan, unconditional: Path) -> None:
    sampled(gan, "in")
    (one,) = projected(gan, "in/seed000002.png", *FEW)
    result = gan("interpolate", "--latents", one["latent"], "--seeds", "1,7", "--frames", "7", "--out", "walk.gif")
    assert result.code == 0, result.err
    shown = frames(Path("walk.gif"))
    assert np.array_equal(shown[0][::24, ::24], halves(one["image"], 8)[1])
    with Image.open(Path(sampled(gan, "ones", "--seed", "5")) / "seed000007.png") as image:
        assert np.array_equal(shown[6][::24, ::24], np.asarray(image))
    assert refused(gan("interpolate", "--latents", one["latent"]), "at least two keyframes", code=2)
    two = f"{one['latent']},{one['latent']}"
    assert refused(gan("interpolate", "--latents", two, "--truncation", "0.7"), "--truncation", code=2)
    strip = gan("interpolate", "--latents", one["latent"], "--seeds", "1")
    assert "interpolation-latentsseed000002-seeds1.gif" in strip.out


def test_labels(gan, conditional: Path) -> None:
    sampled(gan, "in", "--label", "3", "--label", "4")
    (one,) = projected(gan, "in/seed000001-label3.png", "--steps", "0", "--seeds", "3")
    assert one["label"] in map(str, range(10))
    assert one["error"] < (1 / 127.5) ** 2, "every label is tried"
    (one,) = projected(gan, "in/seed000001-label3.png", "--steps", "0", "--seeds", "3", "--label", "3")
    assert (one["label"], one["seed"]) == ("3", 1)
    (other,) = projected(gan, "in/seed000001-label3.png", *FEW, "--label", "4", "--out", "other")
    assert other["label"] == "4"
    files = f"{one['latent']},{other['latent']}"
    result = gan("interpolate", "--latents", files, "--frames", "5", "--out", "walk.gif", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["images"][0]["labels"] == ["3", "4"]
    shown = frames(Path("walk.gif"))
    assert np.array_equal(shown[0][::12, ::12], halves(one["image"], 16)[1])
    assert np.array_equal(shown[4][::12, ::12], halves(other["image"], 16)[1])
    wrong = gan("project", "in/seed000001-label3.png", "--label", "eleven")
    assert refused(wrong, "unknown label 'eleven'", code=2)


def test_a_latent_of_another_model(gan, unconditional: Path, tmp_path: Path) -> None:
    sampled(gan, "in")
    first, second, _ = projected(gan, "in", *FEW)
    files = f"{first['latent']},{second['latent']}"
    other = ["--set", "data.resolution=8", "--set", "model.generator_widths=[16]", "--set", "train.seed=1"]
    assert gan("train", "gan", *other, "--set", "train.images=64", "--device", "cpu", "--out", "runs/b").code == 0
    result = gan("interpolate", "runs/b", "--latents", files)
    assert refused(result, "seed000000.safetensors belongs to another model (gan at 64 images)")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda z, made: ({"z": z[:, :3].contiguous()}, made), "damaged"),
        (lambda z, made: ({"z": z * torch.nan}, made), "damaged"),
        (lambda z, made: ({"weight": z}, made), "not a latent file of `gan project`"),
        (lambda z, made: ({"z": z}, None), "not a latent file of `gan project`"),
        (lambda z, made: ({"z": z}, {"gancli": "[]"}), "not a latent file of `gan project`"),
        (lambda z, made: ({"z": z}, changed_metadata(made, label="eleven")), "damaged"),
        (lambda z, made: ({"z": z}, changed_metadata(made, ema=True)), "other weights of gan; add --ema"),
    ],
    ids=["shape", "not finite", "name", "no metadata", "other metadata", "label", "ema"],
)
def test_a_damaged_latent(gan, unconditional: Path, damage, words: str) -> None:
    sampled(gan, "in")
    (one,) = projected(gan, "in/seed000001.png", "--steps", "0", "--no-ema")
    with safe_open(one["latent"], framework="pt") as file:
        tensors, made = damage(file.get_tensor("z"), file.metadata())
    save_file(tensors, "broken.safetensors", made)
    assert refused(gan("interpolate", "--latents", "broken.safetensors", "--seeds", "1", "--no-ema"), words)


def test_what_cannot_be_done(gan, unconditional: Path, tmp_path: Path) -> None:
    assert refused(gan("project", str(unconditional)), "no images are given", "photo.png", code=2)
    (tmp_path / "broken.png").write_bytes(b"no image")
    assert refused(gan("project", "broken.png"), "broken.png cannot be read")
    assert refused(gan("interpolate", "--latents", "none.safetensors,broken.png"), "none.safetensors is not")
    assert refused(gan("interpolate", "--latents", "broken.png", "--seeds", "1"), "broken.png")


def test_unreadable_images_and_existing_results(gan, unconditional: Path, tmp_path: Path) -> None:
    files = sampled(gan, "in")
    names = sorted(path.name for path in Path(files).glob("*.png"))
    (tmp_path / "in" / names[0]).write_text("no image")
    result = gan("project", files, *FEW, "--out", "out", "--json")
    assert refused(result, f"{names[0]} cannot be read", "the other 2 are done")
    assert [Path(entry["from"]).name for entry in json.loads(result.out)["images"]] == names[1:]
    last = tmp_path / "out" / names[2]
    before = last.read_bytes()
    last.with_suffix(".safetensors").unlink()  # as if it had ended between the two files
    (tmp_path / "out" / names[1]).write_text("kept")
    result = gan("project", files, *FEW, "--out", "out", "--skip-existing")
    assert "skipped 1 of 3 images" in result.err
    assert (tmp_path / "out" / names[1]).read_text() == "kept"
    assert last.with_suffix(".safetensors").is_file()
    assert last.read_bytes() == before
    assert refused(gan("project", files, *FEW, "--out", "none", "--unreadable", "fail"), names[0])
    assert not (tmp_path / "none").exists()
