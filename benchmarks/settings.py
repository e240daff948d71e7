"""Settings of the results table: every bundled recipe, and variants of some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import domain_scores
import refinement_scores
import shared_data
import translation_scores
import upscaling_scores
from measures import Measure, all_of, conditional, judged, line, metrics, plain, without_shared

DIGITS = metrics("fd", "distinct")
JUDGED = all_of(plain(judged), metrics("fd"))
CONDITIONAL = all_of(plain(conditional), metrics("fd"))
PARZEN = metrics("parzen")
MASKS = without_shared(translation_scores.masks)
SET5 = plain(upscaling_scores.set5)
SPLIT = "the first 50,000 images"


@dataclass(frozen=True)
class Setting:
    """A recipe with changed options, its data and its measure.

    Args:
        recipe: name of a bundled recipe.
        measure: measures the model.
        options: changed options, as for `--set`.
        data: finds the data, as options of the recipe.
        variant: distinguishes it from other settings of the recipe.
        needs: folders of shared data that it requires.
        papers: values that the family's paper reports with the same measuring protocol, whatever it was trained on.
    """

    recipe: str
    measure: Measure
    options: tuple[str, ...] = ()
    data: shared_data.Finder = shared_data.nothing
    variant: str = ""
    needs: tuple[str, ...] = ()
    papers: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.recipe}{self.variant and '-'}{self.variant}"


def _mnist(
    recipe: str, measure: Measure, *options: str, judge: bool = False, papers: Mapping[str, str] = {}
) -> Setting:
    needs = ("mnist", "features") if judge else ("mnist",)
    return Setting(recipe, measure, options, data=shared_data.mnist, needs=needs, papers=papers)


def _nuclei(recipe: str, measure: Measure, *options: str, variant: str = "") -> Setting:
    data = shared_data.nuclei_domains if recipe.startswith("cyclegan") else shared_data.nuclei_pairs
    return Setting(recipe, measure, options, data=data, variant=variant, needs=("nuclei",))


def _set5(recipe: str, *options: str, variant: str = "", paper: str = "") -> Setting:
    papers = {"PSNR": paper} if paper else {}
    return Setting(recipe, SET5, options, variant=variant, needs=("set5",), papers=papers)


_GOODFELLOW = {"parzen": "225 ± 2 (standard error over test images)"}

SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("gan-1d", without_shared(line)),
        Setting("lsgan-ring", metrics("modes")),
        Setting("gan", DIGITS),
        Setting("dcgan", DIGITS),
        Setting("lsgan", DIGITS),
        Setting("cgan", metrics("fd", "distinct", "label_accuracy")),
        Setting("wgan-gp", DIGITS),
        Setting("pggan", metrics("fd", "distinct", "swd")),
        Setting("adgan", metrics("auroc")),
        Setting("cyclegan", without_shared(translation_scores.known_truth)),
        Setting("pix2pix", without_shared(translation_scores.coloured)),
        Setting("simgan", without_shared(refinement_scores.worth)),
        Setting("stargan", without_shared(domain_scores.colours_and_digits)),
        _mnist("gan-mnist", PARZEN, papers=_GOODFELLOW),
        _mnist("dcgan-mnist", all_of(JUDGED, metrics("feature_svm")), judge=True),
        _mnist("lsgan-mnist", JUDGED, judge=True),
        _mnist("cgan-mnist", CONDITIONAL, judge=True),
        _mnist("pggan-mnist", JUDGED, judge=True),
        _mnist("adgan-mnist", metrics("auroc", limit=500)),
        _mnist("paper/gan-mnist-mlp", PARZEN, "data.limit=50000", papers=_GOODFELLOW),
        _mnist("paper/gan-mnist", PARZEN, "train.images=400_000", papers=_GOODFELLOW),
        _nuclei("pix2pix-nuclei", MASKS),
        _nuclei("pix2pix-nuclei", MASKS, "model.adversarial=false", variant="l1"),
        _nuclei("cyclegan-nuclei", without_shared(translation_scores.variety)),
        _set5("srgan", paper="29.40 (SRGAN)"),
        _set5("srgan", "model.adversarial_images=0", variant="mse", paper="32.05 (SRResNet)"),
        _set5("srgan", "model.residual=none", "model.norm=batch", variant="published", paper="29.40 (SRGAN)"),
        _set5("enhancenet"),
    )
}
