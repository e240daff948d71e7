"""Discovery: what is there is found, and what is broken is named and stops nothing else."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest

from gancli.errors import UsageError
from gancli.plugins import listing
from gancli.plugins import registry as plugin_registry
from gancli.plugins.loading import Plugin
from gancli.plugins.registry import Registry, registry

GOOD = """
from gancli import FamilyInfo, hookimpl

@hookimpl
def gan_families():
    return FamilyInfo(name={name!r}, summary="", paper="", tasks=("sample",), batch=("image",), family="", config="")
"""

SOURCE = """
@hookimpl
def gan_datasets():
    return DatasetInfo(name="digits", summary="", yields=("image",), needs="", source="", config="")
"""

METRIC = """
from gancli import MetricInfo, hookimpl

@hookimpl
def gan_metrics():
    return MetricInfo(name={name!r}, summary="", needs=("sample",), metric="")
"""

TRACKER = """
from gancli import TrackerInfo, hookimpl

@hookimpl
def gan_trackers():
    return TrackerInfo(name={name!r}, summary="", tracker="")
"""

BROKEN = {
    "raises": "raise RuntimeError('no luck')",
    "exits": "import sys\nsys.exit(3)",
    "syntax": "def (",
    "wrong_hook": "from gancli import hookimpl\n@hookimpl\ndef gan_nonsense():\n    return 1",
    "wrong_type": "from gancli import hookimpl\n@hookimpl\ndef gan_families():\n    return 'dcgan'",
    "wrong_metric": "from gancli import hookimpl\n@hookimpl\ndef gan_metrics():\n    return [lambda subject: []]",
    "wrong_tracker": "from gancli import hookimpl\n@hookimpl\ndef gan_trackers():\n    return print",
    "raises_late": "from gancli import hookimpl\n@hookimpl\ndef gan_families():\n    raise ValueError('late')",
}


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes a module and returns an entry point to it."""
    monkeypatch.syspath_prepend(tmp_path)
    written = []

    def entry_point(name: str, source: str) -> metadata.EntryPoint:
        module = f"plugin_of_test_{name}"
        (tmp_path / f"{module}.py").write_text(source)
        written.append(module)
        return metadata.EntryPoint(name=name, value=module, group="gancli")

    yield entry_point
    for module in written:
        sys.modules.pop(module, None)


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin_is_named_and_stops_nothing(write, kind: str) -> None:
    found = Registry([write(kind, BROKEN[kind]), write("mine", GOOD.format(name="mine"))])
    assert list(found.families()) == ["mine"]
    faults = {plugin.name: plugin.fault for plugin in found.plugins()}
    assert faults["mine"] is None
    assert faults[kind]
    assert found.family("mine").name == "mine"


def test_a_name_belongs_to_the_plugin_called_like_it(write) -> None:
    found = Registry([write("another", GOOD.format(name="mine")), write("mine", GOOD.format(name="mine"))])
    faults = {plugin.name: plugin.fault for plugin in found.plugins()}
    assert faults["mine"] is None
    assert "already provided" in (faults["another"] or "")
    assert len(found.families()) == 1


def test_nobody_takes_a_name_from_gancli_itself(write) -> None:
    brings = "from gancli import DatasetInfo\n" + GOOD.format(name="greedy") + SOURCE
    core = metadata.EntryPoint(name="gancli", value="gancli.data.sources.builtin", group="gancli")
    found = Registry([write("greedy", brings), core])
    faults = {plugin.name: plugin.fault for plugin in found.plugins()}
    assert faults == {"gancli": None, "greedy": faults["greedy"]}
    assert "'digits' is already provided by" in (faults["greedy"] or "")
    assert {"digits", "photo-patches"} <= set(found.datasets())


def test_aliases_of_sources_are_found_and_their_names_are_not_taken_twice(write) -> None:
    core = metadata.EntryPoint(name="gancli", value="gancli.data.sources.builtin", group="gancli")
    source = "from gancli import DatasetInfo, hookimpl\n" + SOURCE
    mine = source.replace('"digits"', '"mine"').replace('summary=""', 'summary="", aliases=("old-mine",)')
    greedy = source.replace('"digits"', '"photos"')
    found = Registry([write("mine", mine), write("greedy", greedy), core])
    assert found.dataset("old-mine") is found.dataset("mine")
    assert found.dataset("photos").name == "photo-patches"
    assert "old-mine" not in found.datasets()
    faults = {plugin.name: plugin.fault for plugin in found.plugins()}
    assert faults["mine"] is None
    assert "the data source 'photos' is already provided by" in (faults["greedy"] or "")


def test_metrics_are_found_beside_broken_ones(write) -> None:
    found = Registry([write("mine", METRIC.format(name="mine")), write("wrong_metric", BROKEN["wrong_metric"])])
    assert list(found.metrics()) == ["mine"]
    assert found.metric("mine").needs == ("sample",)
    with pytest.raises(UsageError, match="unknown metric 'mien': did you mean 'mine'"):
        found.metric("mien")


def test_a_metrics_name_is_not_taken_twice(write) -> None:
    core = metadata.EntryPoint(name="gancli-metrics", value="gancli.metrics.builtin", group="gancli")
    found = Registry([write("greedy", METRIC.format(name="parzen")), core])
    faults = {plugin.name: plugin.fault for plugin in found.plugins()}
    assert "the metric 'parzen' is already provided by" in (faults["greedy"] or "")
    assert found.metric("parzen").metric.startswith("gancli.")


def test_trackers_are_found_and_their_names_are_not_taken_twice(write) -> None:
    core = metadata.EntryPoint(name="gancli-trackers", value="gancli.trackers.builtin", group="gancli")
    mine, greedy = write("mine", TRACKER.format(name="mine")), write("greedy", TRACKER.format(name="tensorboard"))
    found = Registry([mine, greedy, core])
    assert set(found.trackers()) == {"mine", "tensorboard"}
    assert found.tracker("tensorboard").tracker.startswith("gancli.")
    with pytest.raises(UsageError, match="unknown tracker 'mien': did you mean 'mine'"):
        found.tracker("mien")


def test_only_the_named_plugin_is_read_and_none_is_imported(write, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Registry([write("exits", BROKEN["exits"]), write("mine", GOOD.format(name="mine"))])
    read: list[str] = []

    def read_plugins(points: list[metadata.EntryPoint], *, recheck: bool) -> list[Plugin]:
        read.extend(point.name for point in points)
        return listing.read_plugins(points, recheck=recheck)

    monkeypatch.setattr(plugin_registry, "read_plugins", read_plugins)
    assert found.family("mine").name == "mine"
    assert found.owner("mine").name == "mine"
    assert read == ["mine"]
    assert not [name for name in sys.modules if name.startswith("plugin_of_test_")]


def test_unknown_names_get_the_nearest(write) -> None:
    found = Registry([write("dcgan", GOOD.format(name="dcgan"))])
    with pytest.raises(UsageError, match="did you mean 'dcgan'"):
        found.family("dcgam")


def test_a_broken_family_says_so(write) -> None:
    with pytest.raises(UsageError, match="broken: RuntimeError: no luck"):
        Registry([write("raises", BROKEN["raises"])]).family("raises")


def test_a_subset_can_be_chosen(write, monkeypatch: pytest.MonkeyPatch) -> None:
    points = [write("one", GOOD.format(name="one")), write("two", GOOD.format(name="two"))]
    monkeypatch.setenv("GANCLI_PLUGINS", "two")
    assert list(Registry(points).families()) == ["two"]


def test_the_installed_families_are_found() -> None:
    assert "gan" in registry().families()
    assert {"digits", "photo-patches", "mnist", "folder"} <= set(registry().datasets())
    assert {"feature_svm", "modes", "parzen"} <= set(registry().metrics())
    assert not [plugin.fault for plugin in registry().plugins() if plugin.fault]
