"""What follows from a measurement: the best checkpoint is kept, a collapse is answered, waiting comes to an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gancli.engine import best as best_checkpoint
from gancli.engine import checkpoint as checkpoints
from gancli.engine import course
from gancli.engine.checkpoint import Checkpoint
from gancli.engine.evaluation import Evaluation
from gancli.engine.guard import PERSISTENT
from gancli.engine.randomness import undisturbed
from gancli.engine.rest import at_rest
from gancli.errors import Collapse, DataError, UsageError

if TYPE_CHECKING:
    from gancli.engine.trainer import Trainer


def evaluate(trainer: Trainer) -> None:
    """Measures where the trainer stands, and acts on it.

    Raises:
        Collapse: the recipe wants a run that collapsed to end; its last state is saved.
        DiskError: the disk refuses.
    """
    nets, evaluations = trainer.nets(), trainer.evaluations
    live = nets.holding(trainer.cast.modules)
    trainer.listener.measuring()
    with undisturbed(trainer.generator), at_rest(nets.modules), at_rest(live.modules):
        found = evaluations.measure(nets, live, images=trainer.position.images, steps=trainer.position.step)
    trainer.listener.evaluated(found)
    for name, fault in found.faults.items():
        trainer.listener.warned(f"left out from here on: {name}: {fault}")
    if found.best:
        trainer.save()
        best_checkpoint.write(trainer.run.checkpoints, evaluations.standing.best)
    if evaluations.standing.findings.collapsed:
        _answer(trainer, found)
    elif evaluations.over and (best := evaluations.standing.best):
        trainer.listener.ended_early(
            f"{best.metric} has been no better than {best.value:.4g} for {evaluations.standing.waited} measurements, "
            f"since {best.images:,} images, so the run ends here (eval.patience)"
        )


def conclude(trainer: Trainer) -> None:
    """Draws what was measured on the way, where there is something to draw with; the report has curves of its own.

    Raises:
        DiskError: the disk refuses.
    """
    try:
        course.draw(trainer.run, best=trainer.evaluations.standing.best, floor=trainer.recipe.eval.floor)
    except (DataError, UsageError) as error:  # a line that somebody else has written; nothing to draw with
        trainer.listener.warned(f"no {course.NAME} is drawn: {error}")


def _answer(trainer: Trainer, found: Evaluation) -> None:
    """As `eval.guard` says; a run goes back once at most."""
    guard, findings = trainer.recipe.eval.guard, trainer.evaluations.standing.findings
    reason = (
        f"the samples have collapsed: at {found.images:,} images their diversity is {found.diversity:.2f} of the "
        f"data's, and it has been below {trainer.recipe.eval.floor:g} since {findings.since:,} images"
    )
    if guard == "warn":
        if findings.low == PERSISTENT:
            trainer.listener.warned(
                f"{reason}; look at {trainer.run.samples}, and if nothing comes of it, begin anew with a lower "
                "learning rate of the discriminator or another train.seed"
            )
        return
    if guard == "rollback" and not findings.rolled_back and (before := _before(trainer, findings.since)):
        trainer.go_back(before, reason)
        trainer.evaluations.standing.findings.rolled_back = True
        # Or else a run that is resumed would go on from what was given up.
        checkpoints.discard_later(trainer.run.checkpoints, before.images)
        return
    trainer.save()
    raise Collapse(
        f"{reason}; the run has ended and is saved: begin anew with a lower learning rate of the discriminator or "
        "another train.seed, or go on with --resume --set eval.guard=warn"
    )


def _before(trainer: Trainer, since: int) -> Checkpoint | None:
    """The best checkpoint from before the first low finding, or else the newest; None where there is none."""
    folder, best = trainer.run.checkpoints, trainer.evaluations.standing.best
    paths = [path for path in checkpoints.complete(folder) if int(path.name) < since]
    paths.sort(key=lambda path: best is not None and int(path.name) == best.images, reverse=True)
    for path in paths:
        try:
            return checkpoints.load(path)
        except DataError:  # damaged: an older one will do
            continue
    return None
