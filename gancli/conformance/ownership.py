"""Who owns which network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from gancli.conformance import authored
from gancli.conformance.finding import Finding
from gancli.conformance.specimen import Specimen
from gancli.family import Family, Nets, Player

RESERVED = frozenset(name for name in {**vars(Nets), "stage": None, "fade": None} if not name.startswith("_"))
"""What `Nets` calls its own, so that no network can be asked for by these names."""


def every_network_has_one_owner(specimen: Specimen, folder: Path) -> Iterator[Finding]:
    """Each network has one player at most, each player parameters, and what has no player is frozen by its author."""
    family = specimen.make()
    modules, players = family.build(), family.players()
    yield from _networks(family, modules)
    yield from _players(family, modules, players)
    names = {player.name for player in players}
    for turn in specimen.turns(family):
        if turn.player not in names:
            yield Finding(
                f"a turn is {turn.player!r}'s, who is none of the players; known are {', '.join(sorted(names))}",
                authored.text_in(family.stages, turn.player),
            )
    owned = {name for player in players for name in player.modules}
    for name, module in modules.items():
        learns = [key for key, parameter in module.named_parameters() if parameter.requires_grad]
        if name not in owned and learns:
            yield Finding(
                f"no player owns the network {name!r}, so that its {len(learns)} parameters never train; give it to a "
                f"player, or say in build that it stays as it is: {name}.requires_grad_(False)",
                authored.text_in(family.build, name),
            )


def _networks(family: Family[Any], modules: Mapping[str, object]) -> Iterator[Finding]:
    for name, module in modules.items():
        where = authored.text_in(family.build, name)
        if not isinstance(module, nn.Module):
            yield Finding(f"build returns {type(module).__name__} for {name!r}, where a module is wanted", where)
        if name in RESERVED:
            yield Finding(f"no network may be called {name!r}, which is a name of Nets itself; rename it", where)


def _players(family: Family[Any], modules: Mapping[str, nn.Module], players: Sequence[Player]) -> Iterator[Finding]:
    owner: dict[str, str] = {}
    for player in players:
        where = authored.text_in(family.players, player.name)
        for name in player.modules:
            if name not in modules:
                yield Finding(
                    f"the player {player.name!r} owns {name!r}, which build does not return; it returns "
                    f"{', '.join(modules)}",
                    where,
                )
            elif name in owner:
                yield Finding(
                    f"the network {name!r} is owned by both {owner[name]!r} and {player.name!r}; one player may own "
                    "several networks, but no network has two players",
                    where,
                )
            owner[name] = player.name
        own = [modules[name] for name in player.modules if name in modules]
        if (own and not any(True for module in own for _ in module.parameters())) or not player.modules:
            yield Finding(
                f"the player {player.name!r} has no parameters to update; give it the networks that its loss trains, "
                "or leave it out: what has no parameters is state, and needs no player",
                where,
            )
