"""The contract of a GAN family: everything that a plugin's `family.py` imports.

`contract.py` has the base class and `Player`, `context.py` the arguments of a loss, `Turn` and `Stage`,
`adversarial.py` helpers for families of two players, `tasks.py` the tasks of a trained family, and `optim.py` the
declarations of optimizers and schedules. Names are imported on first use, so that importing this package does not
import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gancli.plugins.lazy_names import lazy_names

if TYPE_CHECKING:
    from gancli.data.spec import DataSpec as DataSpec
    from gancli.data.spec import LabelSet as LabelSet
    from gancli.family.adversarial import alternate as alternate
    from gancli.family.adversarial import critic_players as critic_players
    from gancli.family.adversarial import maxout_players as maxout_players
    from gancli.family.adversarial import two_players as two_players
    from gancli.family.context import Batch as Batch
    from gancli.family.context import Context as Context
    from gancli.family.context import Loss as Loss
    from gancli.family.context import Losses as Losses
    from gancli.family.context import Nets as Nets
    from gancli.family.context import Stage as Stage
    from gancli.family.context import Turn as Turn
    from gancli.family.contract import Family as Family
    from gancli.family.contract import Player as Player
    from gancli.family.optim import SGD as SGD
    from gancli.family.optim import Adam as Adam
    from gancli.family.optim import Constant as Constant
    from gancli.family.optim import Exponential as Exponential
    from gancli.family.optim import Linear as Linear
    from gancli.family.optim import Optimizer as Optimizer
    from gancli.family.optim import RMSprop as RMSprop
    from gancli.family.optim import Schedule as Schedule
    from gancli.family.optim import Steps as Steps
    from gancli.family.optim import Warmup as Warmup
    from gancli.family.tasks import Detection as Detection
    from gancli.family.tasks import Detects as Detects
    from gancli.family.tasks import Discriminates as Discriminates
    from gancli.family.tasks import KnowsOptimum as KnowsOptimum
    from gancli.family.tasks import Samples as Samples
    from gancli.family.tasks import Translates as Translates
    from gancli.family.tasks import Translation as Translation
    from gancli.family.tasks import Upscales as Upscales
    from gancli.recipes.options import FamilyConfig as FamilyConfig

__getattr__, __all__ = lazy_names(
    __name__,
    {
        "gancli.data.spec": ("DataSpec", "LabelSet"),
        "gancli.family.adversarial": ("alternate", "critic_players", "maxout_players", "two_players"),
        "gancli.family.context": ("Batch", "Context", "Loss", "Losses", "Nets", "Stage", "Turn"),
        "gancli.family.contract": ("Family", "Player"),
        "gancli.family.optim": (
            *(
                "SGD",
                "Adam",
                "Constant",
                "Exponential",
                "Linear",
                "Optimizer",
                "RMSprop",
                "Schedule",
                "Steps",
                "Warmup",
            ),
        ),
        "gancli.family.tasks": (
            *("Detection", "Detects", "Discriminates", "KnowsOptimum"),
            *("Samples", "Translates", "Translation", "Upscales"),
        ),
        "gancli.recipes.options": ("FamilyConfig",),
    },
)
