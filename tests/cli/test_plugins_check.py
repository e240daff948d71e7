"""`gan plugins check`: every mistake in a family is reported as a sentence with file and line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gancli.cli.plugin_new import render_templates
from gancli.plugins import registry as plugins
from gancli.plugins.registry import registry

Plant = Callable[..., dict[str, Any]]

EXPLICIT = (
    ("Player, Stage, alternate, two_players\nfrom gancli.latent import LatentSampler", "Player, Stage, Turn"),
    ("(Family[Config], LatentSampler)", "(Family[Config])"),
    (
        """        betas = (0.5, 0.999)
        return two_players(
            Adam(lr=self.config.generator_lr, betas=betas), Adam(lr=self.config.discriminator_lr, betas=betas)
        )
""",
        """        return [
            self._player("generator", self.config.generator_lr, ema=0.0),
            self._player("discriminator", self.config.discriminator_lr, ema=None),
        ]
""",
    ),
    (
        "        turns = alternate(discriminator=self.discriminator_loss, generator=self.generator_loss)\n",
        """        turns = (
            Turn(player="discriminator", loss=self.discriminator_loss),
            Turn(player="generator", loss=self.generator_loss),
        )
""",
    ),
    ('losses.generator_terms(fake, "bce")', '{"adversarial": losses.non_saturating(fake)}'),
    (
        "    def discriminate(",
        """    def latent(self, n: int, ctx: Context) -> Tensor:
        return ctx.randn(n, self.config.latent_dim)

    def sample(self, nets: Nets, z: Tensor, label: Tensor | None = None) -> Tensor:
        images: Tensor = nets.generator(z)
        return images

    def discriminate(""",
    ),
    (
        "        return logits.squeeze(1).sigmoid()\n",
        """        return logits.squeeze(1).sigmoid()

    def _player(self, name: str, lr: float, *, ema: float | None) -> Player:
        return Player(name=name, modules=(name,), optimizer=Adam(lr=lr, betas=(0.5, 0.999)), ema=ema)
""",
    ),
)
"""Replacements that write out the shared helpers of the template, so that a test can change each part of them."""


@pytest.fixture
def plant(gan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plant]:
    """Return a function that creates a family with `gan plugins new`, changes it, and returns the findings."""

    def planted(file: str, old: str, new: str, *more: str) -> dict[str, Any]:
        site = tmp_path / "site"
        for path, text in render_templates("wobble"):
            for before, after in EXPLICIT if path.endswith("/family.py") else ():
                assert text.count(before) == 1, f"{before!r} occurs {text.count(before)} times in {path}"
                text = text.replace(before, after)
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            (site / path).write_text(text)
        changes = [(file, old, new), *zip(more[::3], more[1::3], more[2::3], strict=True)]
        for name, before, after in changes:
            path = site / "gancli_wobble" / name
            text = path.read_text()
            assert text.count(before) == 1, f"{before!r} stands {text.count(before)} times in {name}"
            path.write_text(text.replace(before, after))
        about = site / "gancli_wobble-0.1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: gancli-wobble\nVersion: 0.1.0\n")
        (about / "entry_points.txt").write_text("[gancli]\nwobble = gancli_wobble.plugin\n")
        monkeypatch.syspath_prepend(site)
        monkeypatch.delenv(plugins.SUBSET_VARIABLE, raising=False)
        monkeypatch.setattr(plugins, "_registry", None)
        result = gan("plugins", "check", "gancli-wobble", "--set", "model.channels=4", "--json")
        said: dict[str, Any] = json.loads(result.out)
        findings = said["findings"] + [finding for family in said["families"] for finding in family["findings"]]
        assert result.code == (65 if findings else 0), result.err
        assert bool(findings) == ("found in gancli-wobble" in result.err)
        return {"findings": findings, "site": site, "said": said}

    yield planted
    for module in [name for name in sys.modules if name.split(".")[0] == "gancli_wobble"]:
        del sys.modules[module]


def the_finding(planted: dict[str, Any], *, file: str, line: str) -> str:
    """Return the sentence of the only finding, which must be at the line of a file that contains a text."""
    (finding,) = planted["findings"]
    path = planted["site"] / "gancli_wobble" / file
    assert finding["file"] == str(path)
    assert line in path.read_text().splitlines()[finding["line"] - 1]
    return str(finding["sentence"])


def test_a_sound_plugin(plant: Plant) -> None:
    said = plant("family.py", "A generator and a discriminator", "Two networks")["said"]
    assert said["families"][0]["findings"] == []
    assert said["families"][0]["not_tried"] == []
    assert "losses only compute" in said["families"][0]["kept"]


LOSS = '        return {"adversarial": losses.non_saturating(fake)}'


def test_backward_in_a_loss(plant: Plant) -> None:
    new = f"        losses.non_saturating(fake).backward(retain_graph=True)\n{LOSS}"
    sentence = the_finding(plant("family.py", LOSS, new), file="family.py", line=".backward(")
    assert sentence.startswith("backward() is called by the training engine")


def test_an_optimizers_step_in_a_loss(plant: Plant) -> None:
    new = f'        if hasattr(self, "sgd"):\n            self.sgd.step()\n{LOSS}'
    sentence = the_finding(plant("family.py", LOSS, new), file="family.py", line="self.sgd.step()")
    assert sentence.startswith("step() is called by the training engine")


WAITING = {
    "fake.mean().item()": "item()",
    "float(fake.mean())": "float()",
    "bool(fake.mean() > 0)": "bool() or if",
    "int(fake.mean())": "int()",
    "fake.detach().cpu()": "cpu()",
    "fake.detach().numpy()": "numpy()",
    "fake.tolist()": "tolist()",
    "str(fake)": "print() of a tensor",
    'f"{fake.mean():.3f}"': "formatting a tensor",
}


@pytest.mark.parametrize("expression", WAITING)
def test_what_makes_the_device_wait(plant: Plant, expression: str) -> None:
    sentence = the_finding(plant("family.py", LOSS, f"        {expression}\n{LOSS}"), file="family.py", line=expression)
    assert sentence.startswith(f"{WAITING[expression]} makes the device wait")


def test_a_wait_within_a_network(plant: Plant) -> None:
    """The wait is in another file than the loss."""
    old = "def generator(latent_dim: int"
    loud = "class Loud(nn.Module):\n    def forward(self, x):\n        return x if x.mean() > 9 else x * 1\n\n\n"
    changed = plant(
        "networks.py", old, loud + old, "networks.py", "        nn.Tanh(),", "        Loud(),\n        nn.Tanh(),"
    )
    assert the_finding(changed, file="networks.py", line="x.mean() > 9").startswith("bool() or if")


def test_print_in_a_loss_says_so_and_leaves_the_answer_whole(plant: Plant) -> None:
    sentence = the_finding(plant("family.py", LOSS, f'        print("here")\n{LOSS}'), file="family.py", line="print(")
    assert sentence.startswith("print()")


@pytest.mark.parametrize("kept", ["self.fake = fake", "self.seen = [fake]"])
def test_a_tensor_kept_on_self(plant: Plant, kept: str) -> None:
    sentence = the_finding(plant("family.py", LOSS, f"        {kept}\n{LOSS}"), file="family.py", line=kept)
    assert f"kept on {kept.split(' ')[0]}" in sentence
    assert "ctx.save" in sentence


def test_terms_without_names(plant: Plant) -> None:
    new = "        return losses.non_saturating(fake)"
    sentence = the_finding(plant("family.py", LOSS, new), file="family.py", line=new)
    assert "returns Tensor, not its terms by name" in sentence


def test_a_term_whose_name_is_no_text(plant: Plant) -> None:
    new = "        return {0: losses.non_saturating(fake)}"
    assert "is named 0" in the_finding(plant("family.py", LOSS, new), file="family.py", line=new)


def test_a_term_that_is_no_scalar(plant: Plant) -> None:
    new = '        return {"adversarial": -fake}'
    sentence = the_finding(plant("family.py", LOSS, new), file="family.py", line=new)
    assert "generator/adversarial has the shape (8, 1), not ()" in sentence


def test_a_term_that_is_no_tensor(plant: Plant) -> None:
    new = '        return {"adversarial": losses.non_saturating(fake), "constant": 0.5}'
    assert "generator/constant is float" in the_finding(plant("family.py", LOSS, new), file="family.py", line=new)


PLAYER = '            self._player("discriminator", self.config.discriminator_lr, ema=None),'
NETWORKS = '            "discriminator": networks.discriminator(shape, config.channels),'


def test_a_player_without_parameters(plant: Plant) -> None:
    old, new = NETWORKS, f'{NETWORKS}\n            "pool": nn.Identity(),'
    added = f'{PLAYER}\n            Player(name="keeper", modules=("pool",), optimizer=Adam(lr=1.0)),'
    changed = plant("family.py", old, new, "family.py", PLAYER, added)
    sentence = the_finding(changed, file="family.py", line='name="keeper"')
    assert "the player 'keeper' has no parameters" in sentence


def test_a_network_that_nobody_trains(plant: Plant) -> None:
    new = f'{NETWORKS}\n            "encoder": nn.Linear(3, 3),'
    sentence = the_finding(plant("family.py", NETWORKS, new), file="family.py", line='"encoder"')
    assert "no player owns the network 'encoder'" in sentence


def test_a_network_that_is_frozen_on_purpose(plant: Plant) -> None:
    new = f'{NETWORKS}\n            "encoder": nn.Linear(3, 3).requires_grad_(False),'
    assert plant("family.py", NETWORKS, new)["findings"] == []


@pytest.mark.parametrize("file", ["plugin.py", "config.py"])
@pytest.mark.parametrize("line", ["import torch", "from gancli.family import Family"])
def test_torch_imported_before_it_is_needed(plant: Plant, file: str, line: str) -> None:
    old = "from __future__ import annotations"
    sentence = the_finding(plant(file, old, f"{old}\n\n{line}  # noqa"), file=file, line=line)
    assert sentence.startswith("torch is imported here")


def test_a_task_that_is_declared_and_not_implemented(plant: Plant) -> None:
    old = 'tasks=("sample",)'
    sentence = the_finding(plant("plugin.py", old, 'tasks=("sample", "translate")'), file="family.py", line="class Wob")
    assert "declares the task 'translate' and does not implement it" in sentence
    assert "no translations and no translate" in sentence


def test_a_task_that_does_not_exist(plant: Plant) -> None:
    changed = plant("plugin.py", 'tasks=("sample",)', 'tasks=("sample", "refine")')
    assert "there is no task 'refine'" in the_finding(changed, file="family.py", line="class Wob")


def test_images_beyond_their_range(plant: Plant) -> None:
    """Also reported if the outputs of the untrained network happen to be small."""
    changed = plant("networks.py", "        nn.Tanh(),\n", "")
    sentence = the_finding(changed, file="family.py", line="def sample(")
    assert "beyond [-1, 1]" in sentence


def test_a_label_that_is_ignored(plant: Plant) -> None:
    changed = plant("plugin.py", 'batch=("image",)', 'batch=("image", "label")')
    sentences = [finding["sentence"] for finding in changed["findings"]]
    assert any("the same images whatever the label" in sentence for sentence in sentences)
    assert any("no loss reads batch['label']" in sentence for sentence in sentences)
    lines = (changed["site"] / "gancli_wobble" / "family.py").read_text().splitlines()
    assert ["class Wob" in lines[f["line"] - 1] or "def sample" in lines[f["line"] - 1] for f in changed["findings"]]


def test_a_key_that_is_not_declared(plant: Plant) -> None:
    new = LOSS.replace("losses.", 'batch["label"].float().mean() + losses.')
    assert "'label'" in the_finding(plant("family.py", LOSS, new), file="family.py", line='batch["label"]')


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("modules=(name,)", 'modules=(name, "critic")', '"generator"', "owns 'critic', which build does not return"),
        ("modules=(name,)", 'modules=("generator",)', '"discriminator"', "is owned by both 'generator' and 'discrim"),
        (
            'Turn(player="generator"',
            'Turn(player="artist"',
            '"artist"',
            "a turn names the player 'artist', which does not exist",
        ),
        (LOSS, LOSS.replace("(fake)", "(fake.detach())"), "def generator_loss", "no gradient reaches generator"),
        (LOSS, f"        nets.generator[0].bias.data += 1\n{LOSS}", "def generator_loss", "changes generator.0.bias"),
        (LOSS, "        return {}", "return {}", "the loss of generator returns no term"),
        (LOSS, LOSS.replace("losses.", "0 / 0 * losses."), "0 / 0", "ZeroDivisionError"),
        (LOSS, LOSS.replace("losses.", '(-1) * batch["image"].log().mean() + losses.'), "log()", "is not finite"),
        (
            "return images",
            "return images[:, :, ::2]",
            "def sample",
            "returns images of shape (4, 1, 8, 16); return (4, 1, 16, 16)",
        ),
        ("return images", "return images * 0", "def sample", "the same image for two latent vectors"),
        ("return images", "return images * ctx_free()", "def sample", "different images for the same latent vectors"),
    ],
)
def test_what_else_can_be_wrong(plant: Plant, old: str, new: str, line: str, says: str) -> None:
    more = (
        "family.py",
        "class WobbleGAN",
        "import torch\n\n\ndef ctx_free():\n    return torch.rand(())\n\n\nclass WobbleGAN",
    )
    changed = plant("family.py", old, new, *more)
    found = [finding for finding in changed["findings"] if says in finding["sentence"]]
    assert found, changed["findings"]
    lines = (changed["site"] / "gancli_wobble" / "family.py").read_text().splitlines()
    assert line in lines[found[0]["line"] - 1]


METHODS = {
    "translate": """
    def translations(self):
        return [Translation(to="same", reads="image")]

    def translate(self, nets, image, to):
        return MADE
""",
    "upscale": """
    scale = 2

    def upscale(self, nets, image):
        larger = image.repeat_interleave(2, 2).repeat_interleave(2, 3)
        return MADE
""",
    "detect": """
    def detect(self, nets, image, ctx):
        nearest = nets.generator(self.latent(1, ctx)).expand_as(image)
        heat = (image - nearest).abs().mean(1, keepdim=True)
        return MADE
""",
}


@pytest.mark.parametrize(
    ("task", "made", "says"),
    [
        ("translate", "image.clamp(-1, 1)", None),
        ("translate", "1.5 * image", "returns values up to 1.5, beyond [-1, 1]"),
        ("translate", "image[:, :, 1:]", "changes the size of images of 16x16"),
        ("translate", "image * 0", "the same for every image"),
        ("translate", "image * image.abs().mean()", "when the batch has other images"),
        ("upscale", "larger", None),
        ("upscale", "2 * larger", "beyond [-1, 1]; clamp them"),
        ("upscale", "larger * 0", "the same for every image"),
        ("upscale", "image", "upscale returns (3, 1, 7, 9) for images of 7x9; return (3, 1, 14, 18)"),
        ("upscale", "larger * larger.abs().mean()", "when the batch has other images"),
        ("detect", "Detection(heat.mean((1, 2, 3)), heat, nearest)", None),
        ("detect", "Detection(heat.mean().expand(len(heat)), heat, nearest)", "gives different images the same score"),
        ("detect", "Detection(heat.mean((1, 2, 3)), heat - 5, nearest)", "heat below 0"),
        ("detect", "Detection(heat.mean((1, 2, 3)), heat, nearest + 2)", "nearest images beyond [-1, 1]"),
        (
            "detect",
            "Detection(heat.mean((1, 2, 3)) * heat.mean(), heat, nearest)",
            "another score for an image when the batch has",
        ),
        ("detect", "Detection(nets + 1, heat, nearest)", "TypeError"),
    ],
)
def test_other_tasks(plant: Plant, task: str, made: str, says: str | None) -> None:
    methods = METHODS[task].replace("MADE", made)
    changed = plant(
        "family.py",
        "\n    def _player(",
        f"{methods}\n    def _player(",
        "family.py",
        "Context, Family, Losses, Nets, Player, Stage, Turn",
        "Context, Detection, Family, Losses, Nets, Player, Stage, Translation, Turn",
        "plugin.py",
        'tasks=("sample",)',
        f'tasks=("sample", "{task}")',
    )
    if says is None:
        assert changed["findings"] == []
    else:
        line = "return Detection" if says == "TypeError" else f"def {task}("
        assert says in the_finding(changed, file="family.py", line=line)


def test_an_option_without_description(plant: Plant) -> None:
    old = 'r1: float = Field(0.0, ge=0, description="weight of the R1 gradient penalty on real images; 0 disables it")'
    sentence = the_finding(plant("config.py", old, "r1: float = Field(0.0, ge=0)"), file="config.py", line="r1: float")
    assert "'r1' has no description" in sentence


def test_whatever_is_raised_is_named_once(plant: Plant) -> None:
    new = f'        raise RuntimeError("no luck")\n{LOSS}'
    changed = plant("family.py", LOSS, new)
    assert "RuntimeError: no luck" in the_finding(changed, file="family.py", line="no luck")
    assert "training resumes exactly" in changed["said"]["families"][0]["not_tried"]


def test_a_plugin_that_cannot_be_loaded(plant: Plant) -> None:
    changed = plant("plugin.py", "@hookimpl\n", '@hookimpl\n"oops"\n')
    assert "cannot be loaded: SyntaxError" in the_finding(changed, file="plugin.py", line="oops")


def test_several_mistakes_are_named_together(plant: Plant) -> None:
    new = f"        fake.mean().item()\n        self.fake = fake\n{LOSS}"
    changed = plant("family.py", LOSS, new, "networks.py", "        nn.Tanh(),\n", "")
    promises = {finding["promise"] for finding in changed["findings"]}
    assert {"losses only compute", "losses keep no tensor", "images are sampled in [-1, 1]"} <= promises


def test_what_is_meant(gan, tmp_path: Path) -> None:
    unknown = gan("plugins", "check", "gancli-gam")
    assert unknown.code == 2
    assert "did you mean 'gancli-gan'" in unknown.err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "pyproject.toml").write_text('[project]\nname = "mine"\n')
    absent = gan("plugins", "check", "mine")
    assert absent.code == 2
    assert "mine is not installed; install it first: pip install --editable mine" in absent.err
    assert "model.latent_dim must be" in gan("plugins", "check", "gan", "--set", "model.latent_dim=x").err


SMALL = {
    "adgan": ("channels=4", "seeds=3", "steps=2"),
    "cyclegan": ("channels=2", "blocks=1"),
    "enhancenet": ("blocks=1", "channels=4", "discriminator_channels=2"),
    "pggan": ("channels_base=32", "channels_max=8", "latent_dim=8"),
    "pix2pix": ("channels=4",),
    "simgan": ("channels=2", "blocks=1", "discriminator_channels=2"),
    "srgan": ("blocks=1", "channels=4", "discriminator_channels=2"),
    "stargan": ("channels=2", "blocks=1"),
}
"""Options for small networks of the installed families."""


@pytest.mark.parametrize("family", sorted(registry().families()))
def test_nothing_is_wrong_with_an_installed_family(gan, family: str) -> None:
    small = [word for option in SMALL.get(family, ()) for word in ("--set", f"model.{option}")]
    result = gan("plugins", "check", family, *small)
    assert result.code == 0, result.out
    assert "no problems found" in result.out
    assert "  ok         losses only compute" in result.out
