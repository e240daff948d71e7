"""Fixtures shared by several folders of unit tests."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="session")
def noise() -> np.ndarray:
    """Random RGB images, uint8 (40, 3, 8, 12)."""
    return np.random.default_rng(0).integers(0, 256, (40, 3, 8, 12), dtype=np.uint8)
