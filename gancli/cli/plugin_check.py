"""`gan plugins check`: check the families of a plugin against the contract."""

from __future__ import annotations

import json as jsonlib
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gancli.cli.options import Json
from gancli.errors import DataError, UsageError, unknown_name

if TYPE_CHECKING:
    from gancli.plugins.hookspecs import FamilyInfo
    from gancli.plugins.loading import Plugin
    from gancli.testing.fixture import FamilyFixture, Finding
    from gancli.testing.suite import Verdict


def check(
    package: Annotated[str, typer.Argument(help="Installed package, its source folder, or one of its families.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Option of the networks to check: --set model.channels=8, data.channels, data.resolution. Small "
            "networks are faster.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Check the families of a plugin against the contract, and report each violation with file and line."""
    from contextlib import redirect_stdout

    from gancli.testing.fixture import Finding
    from gancli.testing.suite import Verdict, examine

    plugin = _find_plugin(package)
    families = [info for info in plugin.families if info.name == package] or plugin.families
    fixtures = [_make_fixture(info, overrides or []) for info in families]
    loading = [Finding(f"the plugin cannot be loaded: {plugin.fault}", plugin.where)] if plugin.fault else []
    verdicts: dict[str, list[Verdict]] = {fixture.info.name: [] for fixture in fixtures}
    stdout = sys.stdout

    def report(*lines: str) -> None:
        if not json:
            print(*lines, sep="\n", file=stdout, flush=True)

    report(f"{plugin.package} {plugin.version}", *_lines(Verdict("the plugin can be loaded", tuple(loading))))
    for fixture in fixtures:
        report(f"family {fixture.info.name}")
        with redirect_stdout(sys.stderr):  # output of the family must not mix with the report
            for verdict in examine(fixture):
                report(*_lines(verdict))
                verdicts[fixture.info.name].append(verdict)
    if json:
        print(jsonlib.dumps(_to_json(plugin, loading, verdicts)))
    count = len(loading) + sum(len(verdict.found or ()) for group in verdicts.values() for verdict in group)
    if count:
        problems = "1 problem" if count == 1 else f"{count} problems"
        raise DataError(f"{problems} found in {plugin.package}; fix what is listed, and check again")
    command = f"gan recipes schema {families[0].name}" if families else "gan plugins ls"
    report(f"no problems found\nnext: {command}")


def _find_plugin(target: str) -> Plugin:
    """Return the plugin of a package, a source folder or a family.

    Raises:
        UsageError: there is no such plugin.
    """
    import tomllib

    from gancli.plugins.registry import registry

    name, is_folder = target, False
    if (project := Path(target) / "pyproject.toml").is_file():
        try:
            name, is_folder = str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["name"]), True
        except (OSError, ValueError, KeyError):
            raise UsageError(f"{project} has no project name; give the name of an installed package") from None
    plugins = registry().plugins(recheck=True)
    for plugin in plugins:
        if _normalize(name) == _normalize(plugin.package) or name == plugin.name:
            return plugin
        if any(info.name == name for info in plugin.families):
            return plugin
    if is_folder:
        raise UsageError(f"{name} is not installed; install it first: pip install --editable {shlex.quote(target)}")
    known = {plugin.package for plugin in plugins}
    raise UsageError(f"{unknown_name('plugin', target, known)}; `gan plugins ls` lists what is installed")


def _normalize(name: str) -> str:
    """Return the name of a distribution in the form in which installers compare names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _make_fixture(info: FamilyInfo, overrides: Sequence[str]) -> FamilyFixture:
    """Return the family with its options and data for the checks.

    Raises:
        UsageError: an override is invalid.
    """
    from gancli.cli.shared.network_options import parse_network_options
    from gancli.data.spec import DataSpec
    from gancli.testing.fixture import DATA, FamilyFixture

    if not overrides:
        return FamilyFixture(info)
    defaults = {"channels": DATA.channels, "resolution": DATA.height}
    config, shape = parse_network_options(info, overrides, command="gan plugins check", shape=defaults)
    height, width = shape.size
    data = DataSpec(channels=shape.channels, height=height, width=width, labels=DATA.labels)
    return FamilyFixture(info, config.model_dump(mode="json", exclude_unset=True), data)


def _lines(verdict: Verdict) -> list[str]:
    status = "not tried" if verdict.found is None else "wrong" if verdict.found else "ok"
    return [f"  {status:<9}  {verdict.promise}", *(f"             {finding}" for finding in verdict.found or ())]


def _to_json(plugin: Plugin, loading: Sequence[Finding], verdicts: Mapping[str, Sequence[Verdict]]) -> dict[str, Any]:
    return {
        "package": plugin.package,
        "version": plugin.version,
        "findings": [_finding_to_json(finding) for finding in loading],
        "families": [
            {
                "family": name,
                "kept": [verdict.promise for verdict in group if verdict.found == ()],
                "not_tried": [verdict.promise for verdict in group if verdict.found is None],
                "findings": [
                    {"promise": verdict.promise, **_finding_to_json(finding)}
                    for verdict in group
                    for finding in verdict.found or ()
                ],
            }
            for name, group in verdicts.items()
        ],
    }


def _finding_to_json(finding: Finding) -> dict[str, Any]:
    file, line = finding.place or (None, None)
    return {"sentence": finding.sentence, "file": file, "line": line}
