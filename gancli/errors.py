"""Errors with the exit codes of the command line, and the wording of suggestions.

The text of an error is one sentence for the user: what is wrong, then what to do. Commands let these errors propagate;
`gancli.cli.app.main` prints them and exits with the code.
"""

from __future__ import annotations

from collections.abc import Iterable


class GanError(Exception):
    """Base of all errors that a user can act on; never shown as a traceback."""

    exit_code = 1


class UsageError(GanError):
    """A wrong command line or recipe."""

    exit_code = 2


class DataError(GanError):
    """Input that cannot be read or does not fit: images, data sets, checkpoints."""

    exit_code = 65


class NumericalError(GanError):
    """Training produced a value that is not finite."""

    exit_code = 70


class Collapse(NumericalError):
    """The generator's samples lost their diversity, and the recipe ends such a run; the last state is saved."""


class DiskError(GanError):
    """The disk is full or cannot be written to."""

    exit_code = 74


class Interrupted(GanError):
    """Training was stopped by a signal after everything was saved; the same command with --resume continues it."""

    exit_code = 75


OUT_OF_MEMORY = (
    "DefaultCPUAllocator",
    "not enough memory",
    "out of memory",
    "Cannot allocate memory",
    "can't allocate memory",
    "Unable to allocate",
    "Storage size calculation overflowed",
    "numel: integer multiplication overflow",
    "invalid buffer size",
    "Invalid buffer size",
    "array is too big",
    "Maximum allowed size exceeded",
    "Maximum allowed dimension exceeded",
    "Overflow when unpacking long",
    "Python int too large to convert to C",
    "std::bad_alloc",
)
"""Parts of the messages with which PyTorch, NumPy and others refuse an allocation, or a size beyond all memory."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an allocation was refused; on a CPU, PyTorch has no error class for it."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if not isinstance(error, RuntimeError | ValueError | OverflowError | TypeError | OSError):
        return False
    return any(words in str(error) for words in OUT_OF_MEMORY)


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "", *, cutoff: float = 0.5) -> str:
    """Return the question "did you mean 'x'?" for the closest of some names, or `otherwise` if none is close."""
    nearest = closest(name, known, cutoff=cutoff)
    return f"did you mean {nearest!r}?" if nearest else otherwise


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the beginning of the sentence about a name that does not exist, with the closest one that does.

    Args:
        kind: noun for the message, such as `family`.
        name: name that was given.
        known: names that exist.
    """
    names = sorted(known)
    otherwise = f"choose from {', '.join(names)}" if names else "there are none"
    return f"unknown {kind} {name!r}: {did_you_mean(name, names, otherwise)}"


def closest(name: str, known: Iterable[str], *, cutoff: float = 0.5) -> str | None:
    """Return the name that is most similar to `name`; None if none has at least the similarity `cutoff` in [0, 1]."""
    import difflib

    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)), None)
