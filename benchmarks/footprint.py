"""What gancli and its families take on the disk beyond torch: megabytes and distributions, the largest first.

Counted is what the interpreter that runs this has installed: every distribution that `gancli[families]` requires,
directly or not, but for torch and what torch itself requires. Bytes are those of the files that installers recorded, so
distributions that are installed in editable form count next to nothing; run it in an environment made of wheels:

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
    """The installed distributions that a requirement comes to, itself included, by their normalised names."""
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
    """What a distribution requires: of itself (`extra` empty), or of one of its extras.

    Markers of platforms are not evaluated: what they rule out is not installed, and so does not count.
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
