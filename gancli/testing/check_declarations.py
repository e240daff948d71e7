"""Conformance checks of declarations: imports, options, tasks, and owners of networks."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from gancli.family.context import Nets
from gancli.family.contract import Family, Player
from gancli.family.tasks import TASKS
from gancli.plugins.source_location import SourceLocation
from gancli.testing import source_lines
from gancli.testing.fixture import FamilyFixture, Finding

_IMPORTS = """
import json, os, sys
path, family, package = json.loads(sys.argv[1])
sys.path[:] = path

class Torch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            os.write(1, json.dumps(location_of_caller(package)).encode())
            os._exit(0)

from importlib.metadata import entry_points
from gancli.plugins.loading import load_plugin
from gancli.plugins.source_location import location_of_caller
from gancli.plugins.registry import import_class, registry
info, plugin = registry().family(family), registry().owner(family)
sys.meta_path.insert(0, Torch())
for point in entry_points(group="gancli", name=plugin.name):
    load_plugin(point)
import_class(info.config)
"""


def needs_no_torch(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """plugin.py and config.py do not import torch, so that listings and recipe checks are quick."""
    request = json.dumps([sys.path, fixture.info.name, fixture.package])
    ended = subprocess.run([sys.executable, "-c", _IMPORTS, request], capture_output=True, text=True, check=False)
    if ended.returncode:
        last = (ended.stderr.splitlines() or ["no reason given"])[-1]
        yield Finding(f"the plugin's module or its options cannot be imported: {last}")
    elif printed := ended.stdout.splitlines():
        where = json.loads(printed[-1])
        yield Finding(
            "torch is imported here, which delays `gan plugins ls` and every recipe error; plugin.py and config.py "
            'must not import it, also indirectly: name classes as "package.module:Class" instead',
            SourceLocation(*where) if where else None,
        )


def options_are_described(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """Every option has a description, and unknown options are errors."""
    options = type(fixture.config())
    for name, field in options.model_fields.items():
        if not field.description:
            yield Finding(
                f"the option {name!r} has no description; write {name}: ... = Field(..., description=...)",
                _line_of_field(options, name),
            )
    if options.model_config.get("extra") != "forbid":
        yield Finding(
            f"{options.__name__} accepts unknown options, so that a misspelt option has no effect; keep the "
            'model_config of FamilyConfig, or set extra="forbid"',
            source_lines.definition(options),
        )


def tasks_are_implemented(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """The family has the methods of all tasks that it declares."""
    family = fixture.make()
    where = source_lines.definition(type(family))
    for task in fixture.info.tasks:
        if task not in TASKS:
            yield Finding(f"there is no task {task!r}; known tasks: {', '.join(TASKS)}", where)
        elif not isinstance(family, TASKS[task].protocol):
            methods = [name for name in vars(TASKS[task].protocol) if not name.startswith("_")]
            missing = [name for name in methods if not hasattr(family, name)]
            yield Finding(
                f"{type(family).__name__} declares the task {task!r} and does not implement it: there is no "
                f"{' and no '.join(missing)}",
                where,
            )
    if not fixture.info.tasks:
        yield Finding("the family declares no task; list its tasks in FamilyInfo.tasks", where)


def _line_of_field(options: type, name: str) -> SourceLocation | None:
    for each in options.__mro__:
        file, tree = source_lines.module_tree(each)
        for node in ast.walk(tree):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
                return SourceLocation(file, node.lineno)
    return source_lines.definition(options)


RESERVED = frozenset(name for name in {**vars(Nets), "stage": None, "fade": None} if not name.startswith("_"))
"""Attributes of `Nets`, which no network may be named after."""


def every_network_has_one_owner(fixture: FamilyFixture, folder: Path) -> Iterator[Finding]:
    """Each network has at most one player, each player has parameters, and networks without a player are frozen."""
    family = fixture.make()
    modules, players = family.build(), family.players()
    yield from _networks(family, modules)
    yield from _players(family, modules, players)
    names = {player.name for player in players}
    for turn in fixture.turns(family):
        if turn.player not in names:
            yield Finding(
                f"a turn names the player {turn.player!r}, which does not exist; players: {', '.join(sorted(names))}",
                source_lines.text_in(family.stages, turn.player),
            )
    owned = {name for player in players for name in player.modules}
    for name, module in modules.items():
        learns = [key for key, parameter in module.named_parameters() if parameter.requires_grad]
        if name not in owned and learns:
            yield Finding(
                f"no player owns the network {name!r}, so its {len(learns)} parameters are never trained; give it to a "
                f"player, or freeze it in build: {name}.requires_grad_(False)",
                source_lines.text_in(family.build, name),
            )


def _networks(family: Family[Any], modules: Mapping[str, object]) -> Iterator[Finding]:
    for name, module in modules.items():
        where = source_lines.text_in(family.build, name)
        if not isinstance(module, nn.Module):
            yield Finding(f"build returns {type(module).__name__} for {name!r}; return a torch.nn.Module", where)
        if name in RESERVED:
            yield Finding(f"a network must not be named {name!r}, which is an attribute of Nets; rename it", where)


def _players(family: Family[Any], modules: Mapping[str, nn.Module], players: Sequence[Player]) -> Iterator[Finding]:
    owner: dict[str, str] = {}
    for player in players:
        where = source_lines.text_in(family.players, player.name)
        for name in player.modules:
            if name not in modules:
                yield Finding(
                    f"the player {player.name!r} owns {name!r}, which build does not return; it returns "
                    f"{', '.join(modules)}",
                    where,
                )
            elif name in owner:
                yield Finding(
                    f"the network {name!r} is owned by both {owner[name]!r} and {player.name!r}; a network has "
                    "at most one player",
                    where,
                )
            owner[name] = player.name
        own = [modules[name] for name in player.modules if name in modules]
        if (own and not any(True for module in own for _ in module.parameters())) or not player.modules:
            yield Finding(
                f"the player {player.name!r} has no parameters to update; give it the networks that its loss trains, "
                "or remove it: a module without parameters needs no player",
                where,
            )
