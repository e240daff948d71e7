"""Progress bars for work that is not training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import Progress, TaskID, TextColumn

from gancli.cli.display.console import TerminalConsole


@contextmanager
def progress_bar(subject: str, action: str = "packing") -> Iterator[Callable[[int, int], None]]:
    """Yield `progress(done, total)`, which updates a bar on standard error labelled `{action} {subject}`.

    The bar appears with the first update, and only in a terminal.
    """
    console = TerminalConsole(stderr=True)
    label = TextColumn("{task.description}", style="progress.description", markup=False)
    with Progress(
        label, *Progress.get_default_columns()[1:], console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task: TaskID | None = None

        def progress(done: int, total: int) -> None:
            nonlocal task
            if task is None:
                task = bar.add_task(f"{action} {subject}", total=total)
            bar.update(task, completed=done, total=total)

        yield progress
