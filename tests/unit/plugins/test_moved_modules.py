"""Plugins written against version 0.1 still import, build and run, with DeprecationWarnings that name the new names."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from gancli.plugins.moved_modules import MODULES, NAMES

PLUGIN = """
import torch
import torch.nn.functional as F

from gancli import FamilyConfig, losses
from gancli.dataspec import DataSpec
from gancli.family import Batch, Context, Family, Found, Nets, Player, Stage, Terms, Turn
from gancli.hookspecs import FamilyInfo, hookimpl
from gancli.nn.norm import NormKind
from gancli.nn.pixel_norm import PixelNorm
from gancli.nn.strided import Collapse, Project
from gancli.optim import Adam
from gancli.recipe import TrainConfig
from gancli.tasks import Samples


class Old(Family[FamilyConfig]):
    references = losses.optimal("discriminator")

    def build(self):
        return {
            "generator": torch.nn.Sequential(Project(4, 8, (4, 4)), PixelNorm(), torch.nn.Conv2d(8, 1, 1)),
            "discriminator": Collapse(1, 1, (4, 4)),
        }

    def players(self):
        return [
            Player(name="generator", modules=("generator",), optimizer=Adam(lr=1e-3)),
            Player(name="discriminator", modules=("discriminator",), optimizer=Adam(lr=1e-3)),
        ]

    def stages(self):
        return [Stage(name="train", turns=(Turn(player="discriminator", loss=self.discriminator_loss),))]

    def discriminator_loss(self, nets: Nets, batch: Batch, ctx: Context) -> Terms:
        fake = nets.eager.generator(ctx.randn(2, 4)).detach()
        ctx.keep(fake=fake)
        real, fake = nets.discriminator(batch["image"]), nets.discriminator(ctx.carry["fake"])
        ctx.observe(**losses.answers(real, fake))
        return {"real": losses.real(real), "fake": losses.fake(fake)}
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_plugin_of_version_01_imports_builds_and_runs_a_loss(tmp_path: Path) -> None:
    import torch

    from gancli import DataSpec, FamilyConfig
    from gancli.family import Context, Nets

    file = tmp_path / "old_plugin.py"
    file.write_text(PLUGIN)
    spec = importlib.util.spec_from_file_location("old_plugin", file)
    assert spec
    assert spec.loader
    plugin = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plugin)
    family = plugin.Old(FamilyConfig(), DataSpec(channels=1, height=4, width=4))
    context = Context(device=torch.device("cpu"), generator=torch.Generator().manual_seed(0))
    (turn,) = family.stages()[0].turns
    terms = turn.loss(Nets(family.build()), {"image": torch.zeros(2, 1, 4, 4)}, context)
    assert all(torch.isfinite(term) for term in terms.values())
    assert set(context.logged) == {"D(x)", "D(G(z))", "V(D,G)"}
    assert context.saved["fake"].shape == (2, 1, 4, 4)
    assert family.optimum_values["discriminator/D(x)"] == 0.5


def test_every_moved_module_names_its_new_module() -> None:
    for old, new in MODULES.items():
        sys.modules.pop(old, None)
        with pytest.warns(DeprecationWarning, match=f"{old} is deprecated; use {new}$") as caught:
            importlib.import_module(old)
        assert importlib.util.find_spec(new)
        assert Path(caught[0].filename).name in ("test_moved_modules.py", "__init__.py")


def test_every_renamed_name_leads_to_the_same_object() -> None:
    for module, names in NAMES.items():
        current = importlib.import_module(module)
        for old, new in names.items():
            holders = [name for name, moved in MODULES.items() if moved == module]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                for holder in holders or [module]:
                    assert getattr(importlib.import_module(holder), old) is getattr(current, new)


def test_a_renamed_name_warns_at_the_line_that_uses_it() -> None:
    from gancli import losses

    with pytest.warns(
        DeprecationWarning, match=r"gancli.losses.real is deprecated; use gancli.losses.bce_real"
    ) as caught:
        _ = losses.real  # type: ignore[attr-defined]
    assert caught[0].filename == __file__
    with pytest.warns(DeprecationWarning, match=r"gancli.family.Terms is deprecated") as caught:
        from gancli.family import Terms  # type: ignore[attr-defined] # noqa: F401
    assert caught[0].filename == __file__


def test_unknown_names_are_still_errors() -> None:
    import gancli.losses

    with pytest.raises(ModuleNotFoundError, match=r"No module named 'gancli\.nope'"):
        importlib.import_module("gancli.nope")
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        gancli.losses.nope  # type: ignore[attr-defined] # noqa: B018
    with pytest.raises(ImportError, match="nope"):
        from gancli.nn.dcgan import nope  # type: ignore[attr-defined] # noqa: F401


def test_importing_gancli_does_not_import_the_old_names() -> None:
    program = "import sys, gancli.cli.app; sys.exit('gancli.plugins.moved_modules' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
