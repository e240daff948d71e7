"""Trackers of gancli itself, as a plugin like any other. Imports nothing heavy."""

from __future__ import annotations

from gancli.plugins.hookspecs import TrackerInfo, hookimpl


@hookimpl
def gan_trackers() -> list[TrackerInfo]:
    return [
        TrackerInfo(
            name="tensorboard",
            summary="curves and sample sheets for TensorBoard, in the run's directory tensorboard",
            tracker="gancli.trackers.tensorboard:TensorBoard",
            needs="tensorboard",
            install="gancli[tensorboard]",
        )
    ]
