"""What can go wrong, each with the exit code that the documentation promises.

An error's text is one sentence for the person at the terminal: what is wrong, and what to do about it. Commands let
these errors rise; `gancli.cli.app.main` prints them and exits with the code.
"""

from __future__ import annotations


class GanError(Exception):
    """Anything a user can act on. Never shown as a traceback."""

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
    """The generator's samples lost their diversity, and the recipe says to end there; the last state is saved."""


class DiskError(GanError):
    """The disk is full or refuses to write."""

    exit_code = 74


class Interrupted(GanError):
    """Stopped by a signal, with everything saved: the same command with --resume goes on."""

    exit_code = 75
