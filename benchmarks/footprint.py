"""Disk space of gancli and its families in addition to torch: megabytes and distributions, the largest first.

Counts the distributions installed for the interpreter that runs this script: every distribution that
`gancli[families]` requires, directly or indirectly, except torch and its requirements. Sizes are those of the files
recorded by installers, so distributions installed in editable form count almost nothing. Run it in an environment of
wheels:

    make dist && python -m venv /tmp/fresh && /tmp/fresh/bin/pip install --find-links dist "gancli[families]"
    /tmp/fresh/bin/python benchmarks/footprint.py
"""

from __future__ import annotations

import re
from importlib import metadata

WANTED = "gancli[families]"
TORCH = "torch"
SHOWN = 8

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[([^\]]*)\])?[^;]*(?:;(.*))?")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")


def main() -> None:
    torch = closure(TORCH)
    ours = {name: megabytes(name) for name in closure(WANTED) - torch}
    print(f"{WANTED} beyond torch: {sum(ours.values()):.0f} MB in {len(ours)} distributions")
    for name, size in sorted(ours.items(), key=lambda item: -item[1])[:SHOWN]:
        print(f"{size:8.1f} MB  {name}")
    rest = sorted(ours.values(), reverse=True)[SHOWN:]
    print(f"{sum(rest):8.1f} MB  the other {len(rest)}")
    print(f"torch, with what it requires: {sum(map(megabytes, torch)):.0f} MB in {len(torch)} distributions")


def closure(requirement: str) -> set[str]:
    """Return the installed distributions that a requirement needs, including itself, by normalised name."""
    found: set[str] = set()
    asked: set[tuple[str, str]] = set()
    waiting = [requirement]
    while waiting:
        name, extras = _named(waiting.pop())
        for extra in ("", *extras):
            if (name, extra) not in asked:
                asked.add((name, extra))
                waiting += _required(name, extra)
        if _installed(name):
            found.add(name)
    return found


def megabytes(name: str) -> float:
    files = metadata.distribution(name).files or []
    return sum(path.stat().st_size for path in (file.locate() for file in files) if path.is_file()) / 1e6


def _required(name: str, extra: str) -> list[str]:
    """Return the requirements of a distribution itself (`extra` empty), or of one of its extras.

    Platform markers are not evaluated: distributions they exclude are not installed, so they are not counted.
    """
    if not _installed(name):
        return []
    listed = metadata.requires(name) or []
    return [each for each in listed if ({extra} if extra else set()) == set(_EXTRA.findall(each))]


def _named(requirement: str) -> tuple[str, list[str]]:
    match = _REQUIREMENT.match(requirement)
    assert match, requirement
    name = re.sub(r"[-_.]+", "-", match[1]).lower()
    return name, [extra.strip() for extra in (match[2] or "").split(",") if extra.strip()]


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    main()
