"""Tools to test a family: conformance checks, the test suite `FamilyContract`, and small batches of data.

    from gancli.testing import FamilyContract

    class TestMine(FamilyContract):
        family = "mine"
        model = {"channels": 8}

`gan plugins check` runs the same checks (`suite.py`) without pytest. Names are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gancli.plugins.lazy_names import lazy_names

if TYPE_CHECKING:
    from gancli.data.sources.synthetic import BATCH_SIZE as BATCH_SIZE
    from gancli.data.sources.synthetic import batch as batch
    from gancli.data.sources.synthetic import synthetic as synthetic
    from gancli.testing.contract import FamilyContract as FamilyContract
    from gancli.testing.fixture import context as context

__getattr__, __all__ = lazy_names(
    __name__,
    {
        "gancli.data.sources.synthetic": ("BATCH_SIZE", "batch", "synthetic"),
        "gancli.testing.contract": ("FamilyContract",),
        "gancli.testing.fixture": ("context",),
    },
)
