"""Names of version 0.1 in the interface of a metric."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gancli.metrics.context import Measurement


def test_old_names_of_the_context_give_the_same_values_and_a_warning(make_context) -> None:
    context = make_context()
    for old, new in {"draw": "generate", "judge": "feature_model", "memory": "cache", "whole": "full_size"}.items():
        with pytest.warns(DeprecationWarning, match=f"use MetricContext.{new}"):
            assert getattr(context, old) is getattr(context, new)
    with pytest.raises(AttributeError, match="unknown"):
        _ = context.unknown


def test_the_old_name_of_an_image_is_accepted_with_a_warning() -> None:
    pixels = np.zeros((2, 2, 1), dtype=np.uint8)
    with pytest.warns(DeprecationWarning, match="image="):
        measurement = Measurement(metric="a", value=1.0, picture=pixels)
    assert measurement.image is pixels
    assert replace(measurement, value=2.0).image is pixels
