"""Places that training also reports to.

Subclass `Tracker`, and name the subclass in a `gancli.TrackerInfo`. Free of torch, so that choosing one costs nothing.
"""

from __future__ import annotations

from gancli.trackers.tracker import Start, Tracker

__all__ = ["Start", "Tracker"]
