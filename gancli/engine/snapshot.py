"""What of a trainer goes into a checkpoint, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gancli.engine import randomness
from gancli.engine.checkpoint import Checkpoint
from gancli.engine.identity import check_family, checkpoint_manifest
from gancli.engine.plan import Position
from gancli.errors import DataError

if TYPE_CHECKING:
    from gancli.engine.trainer import Trainer


def snapshot(trainer: Trainer) -> Checkpoint:
    """Where the trainer stands, on the CPU."""
    state = {
        "position": vars(trainer.position),
        "loader": trainer.loader.position,
        "players": {name: actor.counts() for name, actor in trainer.cast.actors.items()},
        "random": randomness.capture(trainer.generator),
        "averages": trainer.averages.state(),
        "evaluation": trainer.evaluations.standing.to_json(),
        "files": {"metrics": trainer.metrics.size, "timings": trainer.timings.size},
    }
    stage, fade = trainer.plan.reached(trainer.position)
    manifest = checkpoint_manifest(
        trainer.recipe,
        trainer.packed,
        images=trainer.position.images,
        step=trainer.position.step,
        stage=stage.name,
        fade=fade,
    )
    return Checkpoint(manifest=manifest, tensors=trainer.cast.tensors(), state=state)


def restore(trainer: Trainer, checkpoint: Checkpoint) -> None:
    """Puts a trainer where a snapshot was taken, and cuts what the run has written since.

    Raises:
        DataError: it is of another family, or does not fit the networks.
        DiskError: the disk refuses.
    """
    check_family(checkpoint.manifest, trainer.recipe)
    try:
        trainer.cast.restore(checkpoint.tensors)
    except (KeyError, RuntimeError) as error:
        raise DataError(
            f"the checkpoint at {checkpoint.images} images does not fit the networks of this recipe: "
            f"{' '.join(str(error).split())}"
        ) from None
    state = checkpoint.state
    trainer.position = Position(**state["position"])
    trainer.loader.position = state["loader"]
    for name, actor in trainer.cast.actors.items():
        actor.restore_counts(state["players"][name])
    randomness.restore(state["random"], trainer.generator)
    trainer.averages.restore(state["averages"], trainer.device)
    trainer.evaluations.restore(state.get("evaluation", {}), trainer.position.images)
    trainer.metrics.cut(state["files"]["metrics"])
    trainer.timings.cut(state["files"]["timings"])
