"""Every installed family fulfils the contract with its default options."""

from __future__ import annotations

from gancli.plugins.registry import registry
from gancli.testing.contract import FamilyContract

for _name in registry().families():
    globals()[f"Test_{_name.replace('-', '_')}"] = type(f"Test_{_name}", (FamilyContract,), {"family": _name})
del FamilyContract
