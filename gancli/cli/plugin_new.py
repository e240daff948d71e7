"""`gan plugins new`: write the distribution of a new family from templates."""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from gancli.errors import DiskError, UsageError

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
"""Files of gancli/cli/templates/family, without their suffix `.template`, and the paths they are written to."""

_NAME = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"

_MAX_LENGTH = 40


def new(
    name: Annotated[str, typer.Argument(help="Name of the family: lower case, words joined by hyphens.")],
    out: Annotated[
        Path | None, typer.Option(help="Parent of the new folder gancli-NAME (default: the current directory).")
    ] = None,
) -> None:
    """Create a plugin with a new family: a distribution that installs, passes its tests and trains unchanged."""
    _check_name(name)
    parent = out or Path()
    folder = parent / f"gancli-{name}"
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} already exists; choose another name or another --out")
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".gancli-", dir=parent) as temporary:
            draft = Path(temporary) / folder.name
            for path, text in render_templates(name):
                (draft / path).parent.mkdir(parents=True, exist_ok=True)
                (draft / path).write_text(text, encoding="utf-8")
            os.rename(draft, folder)  # atomic: all files or none
    except OSError as error:
        raise DiskError(f"{folder} cannot be written: {error.strerror}") from None
    print(f"wrote {folder}: a family that installs, passes its tests and trains unchanged")
    print(f"next: pip install --editable {shlex.quote(str(folder))} && gan plugins check {name}")
    print(f"then: gan train {shlex.quote(str(folder / 'recipes' / f'{name}.yaml'))}")


def render_templates(name: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the content of every file of the distribution."""
    from datetime import date
    from importlib import resources
    from string import Template

    module = name.replace("-", "_")
    words = name.removesuffix("gan").rstrip("-").split("-")
    values = {
        "name": name,
        "module": module,
        "package": f"gancli_{module}",
        "classname": "".join(word.capitalize() for word in words) + "GAN",
        "year": str(date.today().year),
    }
    templates = resources.files("gancli.cli") / "templates" / "family"
    for source, target in FILES.items():
        text = (templates / f"{source}.template").read_text(encoding="utf-8")
        yield Template(target).substitute(values), Template(text).substitute(values)


def _check_name(name: str) -> None:
    """Check that a name is valid for installers, entry points and recipes, and not taken.

    Raises:
        UsageError: the name is invalid or taken.
    """
    from gancli.plugins.registry import registry

    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-").removeprefix("gancli-")
    if not re.fullmatch(_NAME, name) or name.startswith("gancli-") or len(name) > _MAX_LENGTH:
        valid = re.fullmatch(_NAME, plain) and len(plain) <= _MAX_LENGTH
        suggestion = f"try {plain!r}" if valid else "try 'wobble'"
        raise UsageError(
            f"{name!r} is not a valid family name: use lower-case letters and digits, a letter first, words joined by "
            f"hyphens, at most {_MAX_LENGTH} characters, and no prefix gancli-; {suggestion}"
        )
    for plugin in registry().plugins():
        families = {info.name for info in plugin.families}
        if name in families | {plugin.name} or f"gancli-{name}" == plugin.package:
            raise UsageError(f"{name!r} is taken by the installed package {plugin.package}; choose another name")
