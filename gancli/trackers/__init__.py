"""Experiment trackers that training reports to.

Subclass `Tracker`, and name the subclass in a `gancli.TrackerInfo`. This package does not import torch.
"""

from __future__ import annotations

from gancli.trackers.tracker import Start, Tracker

__all__ = ["Start", "Tracker"]
