"""`gan plugins new`: the distribution of a family, to begin with."""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from collections.abc import Iterator
from datetime import date
from importlib import resources
from pathlib import Path
from string import Template

from gancli.errors import DiskError, UsageError
from gancli.plugins.registry import registry

FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "LICENSE": "LICENSE",
    "gitignore": ".gitignore",
    "workflow.yml": ".github/workflows/test.yml",
    "package/__init__.py": "$package/__init__.py",
    "package/py.typed": "$package/py.typed",
    "package/plugin.py": "$package/plugin.py",
    "package/config.py": "$package/config.py",
    "package/networks.py": "$package/networks.py",
    "package/family.py": "$package/family.py",
    "recipes/recipe.yaml": "recipes/$name.yaml",
    "tests/test.py": "tests/test_$module.py",
}
"""What lies in gancli/cli/templates/family, each with `.template` behind its name, and where it comes to lie."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

_LONGEST = 40


def new(name: str, *, out: Path | None) -> Path:
    """Writes a distribution that installs, passes its tests and trains as it is. Returns its folder.

    Args:
        name: of the family.
        out: the folder to put `gancli-<name>` into; the current one if None.

    Raises:
        UsageError: the name will not do, or is taken, or there is such a folder.
        DiskError: the files cannot be written.
    """
    _check(name)
    parent = out or Path()
    folder = parent / f"gancli-{name}"
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} is there already; give another name, or another --out")
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".gancli-", dir=parent) as draft:
            whole = Path(draft) / folder.name
            for path, text in files(name):
                (whole / path).parent.mkdir(parents=True, exist_ok=True)
                (whole / path).write_text(text, encoding="utf-8")
            os.rename(whole, folder)  # all of it, or nothing
    except OSError as error:
        raise DiskError(f"{folder} cannot be written: {error.strerror}") from None
    shown = shlex.quote(str(folder))
    print(f"wrote {folder}: a family that installs, passes its tests and trains as it is")
    print(f"next: pip install --editable {shown} && gan plugins check {name}")
    print(f"then: gan train {shlex.quote(str(folder / 'recipes' / f'{name}.yaml'))}")
    return folder


def _check(name: str) -> None:
    """Holds a name to what installers, entry points and recipes take.

    Raises:
        UsageError: it will not do.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-").removeprefix("gancli-")
    if not _NAME.fullmatch(name) or name.startswith("gancli-") or len(name) > _LONGEST:
        usable = _NAME.fullmatch(plain) and len(plain) <= _LONGEST
        advice = f"try {plain!r}" if usable else "try 'wobble'"
        raise UsageError(
            f"{name!r} is no name for a family, which has lower-case letters and digits, a letter first, words joined "
            f"by hyphens, {_LONGEST} characters at most, and no prefix gancli-; {advice}"
        )
    for plugin in registry().plugins():
        families = {info.name for info in plugin.families}
        if name in families | {plugin.name} or f"gancli-{name}" == plugin.package:
            raise UsageError(f"{name!r} is taken by the installed package {plugin.package}; give another name")


def files(name: str) -> Iterator[tuple[str, str]]:
    """Every file's path and content."""
    module = name.replace("-", "_")
    words = name.removesuffix("gan").rstrip("-").split("-")
    names = {
        "name": name,
        "module": module,
        "package": f"gancli_{module}",
        "classname": "".join(word.capitalize() for word in words) + "GAN",
        "year": str(date.today().year),
    }
    templates = resources.files("gancli.cli") / "templates" / "family"
    for source, target in FILES.items():
        text = (templates / f"{source}.template").read_text(encoding="utf-8")
        yield Template(target).substitute(names), Template(text).substitute(names)
