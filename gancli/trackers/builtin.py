"""The trackers that gancli itself brings, as a plugin like any other. Imports nothing heavy."""

from __future__ import annotations

from gancli.plugins.hookspecs import TrackerInfo, hookimpl


@hookimpl
def gan_trackers() -> list[TrackerInfo]:
    return [
        TrackerInfo(
            name="tensorboard",
            summary="curves and pictures for TensorBoard, in the run's folder tensorboard",
            tracker="gancli.trackers.tensorboard:TensorBoard",
            needs="tensorboard",
            install="gancli[tensorboard]",
        )
    ]
