"""`gan plugins check`: a plugin held to the contract."""

from __future__ import annotations

import json as jsonlib
import re
import shlex
import sys
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, TextIO

from pydantic import ValidationError

from gancli.cli.convert import Shape
from gancli.data.spec import DataSpec
from gancli.errors import DataError, UsageError
from gancli.plugins.hookspecs import FamilyInfo
from gancli.plugins.registry import Plugin, import_class, registry, unknown
from gancli.recipes.messages import complaints
from gancli.recipes.options import FamilyConfig
from gancli.recipes.overrides import Draft
from gancli.recipes.yaml import Document
from gancli.testing.finding import Finding
from gancli.testing.fixture import DATA, FamilyFixture
from gancli.testing.suite import Verdict, examine


def check(target: str, overrides: Sequence[str], *, json: bool) -> None:
    """Prints what holds of a plugin's families, and what does not, with file and line.

    Args:
        target: the name of a distribution, a plugin or a family, or the folder of an installed distribution's source.
        overrides: `model.option=value`, `data.channels` and `data.resolution`, of what is built for the checks.
        json: prints one object instead.

    Raises:
        UsageError: there is no such plugin, or an override is wrong.
        DataError: something is wrong with the plugin.
    """
    plugin, out = _plugin(target), sys.stdout
    families = [info for info in plugin.families if info.name == target] or plugin.families
    subjects = [_specimen(info, overrides) for info in families]
    loading = [Finding(f"the plugin cannot be loaded: {plugin.fault}", plugin.where)] if plugin.fault else []
    show = _Printed(out, quiet=json)
    show.heading(f"{plugin.package} {plugin.version}")
    show.verdict(Verdict("the plugin can be loaded", tuple(loading)))
    verdicts: dict[str, list[Verdict]] = {}
    for fixture in subjects:
        show.heading(f"family {fixture.info.name}")
        verdicts[fixture.info.name] = []
        with redirect_stdout(sys.stderr):  # what a family prints is no answer of ours
            for verdict in examine(fixture):
                show.verdict(verdict)
                verdicts[fixture.info.name].append(verdict)
    if json:
        print(jsonlib.dumps(_listed(plugin, loading, verdicts), ensure_ascii=False))
    wrong = len(loading) + sum(len(verdict.found or ()) for each in verdicts.values() for verdict in each)
    if wrong:
        things = "1 thing is" if wrong == 1 else f"{wrong} things are"
        raise DataError(f"{things} wrong with {plugin.package}; mend what is named, and check again")
    if not json:
        print(f"nothing is wrong\nnext: {_next(families)}")


def _plugin(target: str) -> Plugin:
    """The plugin that is meant.

    Raises:
        UsageError: none is.
    """
    name, folder = target, False
    if (project := Path(target) / "pyproject.toml").is_file():
        try:
            name, folder = str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["name"]), True
        except (OSError, ValueError, KeyError):
            raise UsageError(f"{project} names no project; give the name of an installed package") from None
    plugins = registry().plugins()
    for plugin in plugins:
        if _normal(name) == _normal(plugin.package) or name == plugin.name:
            return plugin
        if any(info.name == name for info in plugin.families):
            return plugin
    if folder:
        raise UsageError(f"{name} is not installed; install it first: pip install --editable {shlex.quote(target)}")
    known = {plugin.package for plugin in plugins}
    raise UsageError(f"{unknown('plugin', target, known)}; `gan plugins ls` lists what is installed")


def _normal(name: str) -> str:
    """The name of a distribution as installers compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _specimen(info: FamilyInfo, overrides: Sequence[str]) -> FamilyFixture:
    """What to check.

    Raises:
        UsageError: one line for each override that is wrong.
    """
    if not overrides:
        return FamilyFixture(info)
    draft = Draft(Document("--set", {"family": info.name}), overrides)
    if draft.family != info.name or draft.sections["train"]:
        raise UsageError("gan plugins check takes --set model.option=value, data.channels and data.resolution alone")
    options: type[FamilyConfig] = import_class(info.config)
    shape = {"channels": DATA.channels, "resolution": DATA.height} | draft.sections["data"]
    for section, model, given in (("model", options, draft.sections["model"]), ("data", Shape, shape)):
        try:
            model.model_validate_json(jsonlib.dumps(given))
        except ValidationError as error:
            for sentence, trail, key in complaints(error, model, section, given, {}):
                draft.mistake(sentence, trail, key=key)
    draft.finish()
    images = Shape.model_validate_json(jsonlib.dumps(shape))
    height, width = images.resolution if isinstance(images.resolution, tuple) else (images.resolution,) * 2
    data = DataSpec(channels=images.channels, height=height, width=width, labels=DATA.labels)
    return FamilyFixture(info, draft.sections["model"], data)


class _Printed:
    """What came of each check, as soon as it is known.

    Args:
        out: where to.
        quiet: print nothing.
    """

    def __init__(self, out: TextIO, *, quiet: bool) -> None:
        self.out = out
        self.quiet = quiet

    def heading(self, line: str) -> None:
        if not self.quiet:
            print(line, file=self.out, flush=True)

    def verdict(self, verdict: Verdict) -> None:
        word = "not tried" if verdict.found is None else "wrong" if verdict.found else "ok"
        for line in (f"  {word:<9}  {verdict.promise}", *(f"             {each}" for each in verdict.found or ())):
            self.heading(line)


def _listed(plugin: Plugin, loading: Sequence[Finding], verdicts: Mapping[str, Sequence[Verdict]]) -> dict[str, Any]:
    return {
        "package": plugin.package,
        "version": plugin.version,
        "findings": [_json(finding) for finding in loading],
        "families": [
            {
                "family": name,
                "kept": [verdict.promise for verdict in each if verdict.found == ()],
                "not_tried": [verdict.promise for verdict in each if verdict.found is None],
                "findings": [
                    {"promise": verdict.promise, **_json(finding)}
                    for verdict in each
                    for finding in verdict.found or ()
                ],
            }
            for name, each in verdicts.items()
        ],
    }


def _json(finding: Finding) -> dict[str, Any]:
    file, line = finding.place or (None, None)
    return {"sentence": finding.sentence, "file": file, "line": line}


def _next(families: Sequence[FamilyInfo]) -> str:
    return f"gan recipes schema {families[0].name}" if families else "gan plugins ls"
