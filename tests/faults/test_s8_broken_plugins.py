"""S8: a broken plugin never breaks the program; third-party plugins next to it still work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import pytest

from gancli.cli import app
from gancli.plugins import registry
from gancli.plugins.listing import TIMEOUT_VARIABLE
from gancli.plugins.registry import SUBSET_VARIABLE, Registry

HOOK = """
from gancli import FamilyInfo, hookimpl
@hookimpl
def gan_families():
    return FamilyInfo(name={name!r}, summary="", paper="", tasks=("sample",), batch=("image",), family="", config="")
"""

BROKEN = {
    "raises": "raise RuntimeError('no luck')",
    "raises-late": "from gancli import hookimpl\n@hookimpl\ndef gan_families():\n    raise OSError('late')",
    "exits": "raise SystemExit(7)",
    "misspelt": "def (",
    "missing": "import a_module_that_is_not_there",
    "old-hook": "from gancli import hookimpl\n@hookimpl\ndef gan_models():\n    return []",
    "old-argument": "from gancli import hookimpl\n@hookimpl\ndef gan_families(configuration):\n    return []",
    "wrong-type": "from gancli import hookimpl\n@hookimpl\ndef gan_families():\n    return {'name': 'x'}",
    "field-of-no-sense": HOOK.format(name="odd").replace('("sample",)', "None"),
    "hangs": "while True:\n    try:\n        import time; time.sleep(60)\n    except BaseException:\n        pass",
    "never-ends": "def f():\n    f()\nf()",
    "takes-a-name": HOOK.format(name="gan"),
    "aborted": "raise KeyboardInterrupt",
    "unprintable": "class Odd(Exception):\n    def __str__(self):\n        raise ValueError\nraise Odd",
    "unprintable-and-base": (
        "class Odd(BaseException):\n    def __str__(self):\n        raise KeyboardInterrupt\n"
        "    __repr__ = __str__\nraise Odd"
    ),
    "strange-message": "raise RuntimeError('\\x1b[2J\\ud800\\u202e\\nsecond line')",
    "no-name": (
        "class M(type):\n    def __getattribute__(self, name):\n        raise OSError\n"
        "class E(Exception, metaclass=M):\n    pass\nraise E"
    ),
    "leaves": "import os; os._exit(0)",
    "leaves-late": "from gancli import hookimpl\nimport os\n@hookimpl\ndef gan_families():\n    os._exit(9)",
    "dumps-core": "import os; os.abort()",
    "kills-itself": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "kills-its-group": "import os, signal; os.killpg(os.getpgid(0), signal.SIGKILL)",
    "kills-its-parent": "import os, signal; os.kill(os.getppid(), signal.SIGKILL)",
    "ignores-alarms": (
        "import signal\nfor number in range(1, 65):\n    try:\n        signal.signal(number, signal.SIG_IGN)\n"
        "    except (OSError, ValueError):\n        pass\nwhile True:\n    pass"
    ),
    "eats-memory": "kept = []\nwhile True:\n    kept.append(bytearray(2**26))",
    "eats-shared-memory": (
        "import mmap\nkept = []\nwhile True:\n    kept.append(mmap.mmap(-1, 2**26))\n    kept[-1].write(b'x' * 2**26)"
    ),
    "raises-limits": (
        "import resource\nfor kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):\n    try:\n"
        "        resource.setrlimit(kind, (-1, -1))\n    except ValueError:\n        pass\n"
        "kept = []\nwhile True:\n    kept.append(b'x' * 2**26)"
    ),
    "closes-everything": "import os; os.closerange(0, 4096)",
    "spoils-json": "import json\njson.dumps = lambda *a, **k: 'spoilt'\njson.encoder.JSONEncoder.encode = None",
    "spoils-builtins": (
        "import builtins\nfor name in ('isinstance', 'len', 'str', 'open', 'print'):\n    setattr(builtins, name, None)"
    ),
    "too-much": HOOK.format(name="much").replace('summary=""', 'summary="x" * 2**20'),
    "invisible-name": HOOK.format(name="\x1b[2Jgan\u202e"),
}
"""Source by name; each of these is named as broken."""

STRANGE = {
    "floods": "for _ in range(20_000):\n    print('x' * 1000)\n" + HOOK.format(name="floods"),
    "prints-surrogates": "import sys\nsys.stdout.buffer.write('\\ud800'.encode('utf-8', 'surrogatepass'))\n"
    + HOOK.format(name="prints-surrogates").replace('summary=""', 'summary="\\ud800 \\x1b[2J"'),
    "closes-output": "import os\nos.close(1)\nos.close(2)\n" + HOOK.format(name="closes-output"),
    "spoils-gancli": (
        HOOK.format(name="spoils-gancli") + "import gancli.errors, gancli.plugins.registry, gancli.io.files\n"
        "gancli.__version__ = None\ngancli.errors.UsageError = gancli.io.files.cache_folder = None\n"
        "gancli.plugins.registry.registry = None\n"
    ),
    "spoils-torch": (
        "import torch\ntorch.set_default_dtype(torch.float64)\ntorch.set_grad_enabled(False)\ntorch.manual_seed(1)\n"
        "torch.nn.Linear = None\n" + HOOK.format(name="spoils-torch")
    ),
    "starts-threads": (
        "import atexit, threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()\n"
        "atexit.register(time.sleep, 1000)\n" + HOOK.format(name="starts-threads")
    ),
    "starts-a-process": (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(30)'], close_fds=False)\n"
        + HOOK.format(name="starts-a-process")
    ),
    "moves": "import os, sys\nos.chdir('/')\nos.environ.clear()\nsys.path.clear()\n" + HOOK.format(name="moves"),
    "replaces-streams": (
        "import sys\nsys.stdout = sys.stderr = sys.excepthook = sys.exit = None\n"
        + HOOK.format(name="replaces-streams")
    ),
}
"""Plugins that would harm the process that imports them, and describe themselves well."""

LEFT_BEHIND = {"gone": "gone = broken_gone", "unreadable": "unreadable = "}
"""Entry points of distributions that were partly removed or partly installed, without module and metadata."""


def install(folder: Path, name: str, source: str) -> Path:
    """Write a distribution with the plugin `name` to a folder of `sys.path`; return its module."""
    module = folder / f"broken_{name.replace('-', '_')}.py"
    module.write_text(source, encoding="utf-8")
    info = folder / f"{module.stem}-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: broken-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[gancli]\n{name} = {module.stem}\n")
    return module


def leave_behind(folder: Path) -> None:
    """Write the distributions of `LEFT_BEHIND`."""
    for name, line in LEFT_BEHIND.items():
        info = folder / f"broken_{name}-1.0.dist-info"
        info.mkdir()
        (info / "entry_points.txt").write_text(f"[gancli]\n{line}\n")


SLOW = ("hangs", "ignores-alarms", "eats-memory", "eats-shared-memory", "raises-limits")

TINY = "family: gan\ndata: {source: digits, resolution: 8}\ntrain: {images: 64, batch_size: 16}\n"

COMMANDS = {
    "--help": "Usage",
    "--version": "gan ",
    "recipes ls": "dcgan",
    "recipes check tiny.yaml": "tiny.yaml",
    "recipes schema": '"gan"',
    "recipes schema gan": '"gan"',
    "data ls": "digits",
    "runs ls": "earlier",
    "plugins ls": "gancli-gan",
    "doctor --json": '"gan"',
    "train tiny.yaml --dry-run": "gan",
    "train tiny.yaml --out runs/new": "runs/new",
    "inspect runs/earlier": "gan",
    "sample runs/earlier -n 1": "runs/earlier",
}
"""Commands, and a text of the output of each."""

Site = Callable[[dict[str, str]], Path]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Return a function that installs plugins in a folder, for this process and those that it starts."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]))
    monkeypatch.setenv("GANCLI_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(registry, "_registry", None)

    def build(sources: dict[str, str]) -> Path:
        for name, source in sources.items():
            install(folder, name, source)
        return folder

    return build


def gan(folder: Path, *arguments: str, cache: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `gan` in another process."""
    environment = {**os.environ, **({"GANCLI_CACHE": str(cache)} if cache else {})}
    command = [sys.executable, "-m", "gancli", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, errors="replace", timeout=300
    )


def test_s8_every_fault_is_named(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = site({name: source for name, source in (BROKEN | STRANGE).items() if name not in SLOW})
    leave_behind(folder)
    listed = {plugin["name"]: plugin for plugin in json.loads(gan(folder, "plugins", "ls", "--json").stdout)}
    broken = {name: str(plugin["fault"]) for name, plugin in listed.items() if plugin["fault"] is not None}
    assert broken.keys() == (BROKEN.keys() - set(SLOW)) | LEFT_BEHIND.keys()
    assert not any(listed[name]["families"] for name in broken)
    assert all([each["name"] for each in listed[name]["families"]] == [name] for name in STRANGE)
    assert listed["raises"]["package"] == "broken-raises"
    assert listed["raises"]["where"] == "broken_raises.py:1"
    assert listed["misspelt"]["where"] == "broken_misspelt.py:1"
    assert broken["raises"] == "RuntimeError: no luck"
    assert broken["aborted"] == "KeyboardInterrupt"
    assert broken["unprintable"] == "Exception without a message"
    assert broken["unprintable-and-base"] == "BaseException without a message"
    assert broken["strange-message"] == "RuntimeError: \\x1b[2J\\ud800\\u202e"
    assert broken["leaves"] == "it ended its process with exit code 0"
    assert broken["leaves-late"] == "it ended its process with exit code 9"
    assert broken["dumps-core"] == "it ended its process by the signal SIGABRT"
    assert broken["kills-itself"] == "it ended its process by the signal SIGKILL"
    assert broken["kills-its-parent"] == "it ended the process that reads plugins"
    assert broken["closes-everything"] == "it changes or closes what its process needs to describe it"
    assert broken["too-much"] == "it describes itself in more than 256 KB"
    assert "FamilyInfo.tasks must be a tuple of text" in broken["field-of-no-sense"]
    assert "FamilyInfo.name must have 1 to 100 printable characters" in broken["invisible-name"]
    assert broken["takes-a-name"] == "the family 'gan' is already provided by gancli-gan"
    assert all(text.isprintable() for text in broken.values())
    summaries = {info.name: info.summary for info in registry.registry().families().values()}
    assert summaries["prints-surrogates"] == "\\ud800 \\x1b[2J"


def test_s8_plugins_that_use_up_time_or_memory_are_stopped(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site({name: BROKEN[name] for name in SLOW})
    monkeypatch.setenv(TIMEOUT_VARIABLE, "1.5")
    late = "it did not load within 1.5 seconds"
    points = [point for point in metadata.entry_points(group="gancli") if point.name in SLOW]
    faults = {plugin.name: plugin.fault for plugin in Registry(points).plugins()}
    assert faults["hangs"] == faults["ignores-alarms"] == late
    large = ("it takes more than 1,024 MB of memory", "MemoryError", late)  # late if the machine is busy
    assert all((faults[name] or "").startswith(large) for name in SLOW[2:])


def run_here(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str) -> tuple[int, str]:
    """Run `gan` in this process. Return its exit code and its output."""
    monkeypatch.setattr("sys.argv", ["gan", *command.split()])
    monkeypatch.setattr(registry, "_registry", None)
    with pytest.raises(SystemExit) as end:
        app.main()
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err
    return int(end.value.code or 0), out + err


def test_s8_commands_work_beside_broken_plugins(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """None of them imports a broken plugin."""
    site({name: source for name, source in (BROKEN | STRANGE).items() if name not in (*SLOW, "spoils-torch")})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    Path("tiny.yaml").write_text(TINY)
    place = os.getcwd()
    assert run_here(capfd, monkeypatch, "train tiny.yaml --out runs/earlier")[0] == 0
    for command, text in COMMANDS.items():
        code, output = run_here(capfd, monkeypatch, command)
        assert (code, text in output) == (0, True), f"gan {command}: {output[-2000:]}"
        assert not [name for name in sys.modules if name.startswith("broken_")], command
        assert os.getcwd() == place, command


def test_s8_a_subset_leaves_the_broken_ones_asleep(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = site({"raises": BROKEN["raises"]})
    monkeypatch.setenv(SUBSET_VARIABLE, "dcgan, gan")
    listed = json.loads(gan(folder, "plugins", "ls", "--json").stdout)
    families = [family["name"] for plugin in listed for family in plugin["families"]]
    assert sorted(families) == ["dcgan", "gan"]
    assert not [plugin["fault"] for plugin in listed if plugin["fault"]]
    assert [plugin for plugin in listed if plugin["datasets"]], "gancli's own are always there"


def test_s8_a_broken_family_is_named_where_it_is_wanted(site: Site) -> None:
    folder = site({"raises": BROKEN["raises"]})
    (folder / "r.yaml").write_text("family: raises\ndata: {source: digits}\ntrain: {images: 8}\n")
    ended = gan(folder, "train", "r.yaml")
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: r.yaml:1:9: ")
    assert "is broken: RuntimeError: no luck" in ended.stderr


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("print('{')\nraise SystemExit(7)", "SystemExit: 7"),
        (BROKEN["unprintable-and-base"], "BaseException without a message"),
        (BROKEN["unprintable"], "Exception without a message"),
        ("Config = dict", "TypeError: broken_late_config:Config is not a subclass of FamilyConfig"),
    ],
)
def test_s8_options_that_cannot_be_imported_are_one_sentence(
    site: Site, source: str, words: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A plugin may be sound when it is listed, and break when its family is used."""
    named = HOOK.format(name="late").replace('config=""', 'config="broken_late_config:Config"')
    folder = site({"late": named, "late-config": source})
    monkeypatch.chdir(folder)
    Path("r.yaml").write_text("family: late\ndata: {source: digits}\ntrain: {images: 8}\n")
    monkeypatch.setattr("sys.argv", ["gan", "recipes", "check", "r.yaml"])
    try:
        with pytest.raises(SystemExit) as end:
            app.main()
    finally:
        sys.modules.pop("broken_late_config", None)
    out, err = capfd.readouterr()
    assert (end.value.code, out) == (2, "")
    assert f"r.yaml:1:9: the plugin that provides 'late' is broken: {words}" in err


def test_s8_the_schema_leaves_out_options_that_end_the_process(
    site: Site, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    named = HOOK.format(name="late").replace('config=""', 'config="broken_late_config:Config"')
    monkeypatch.chdir(site({"late": named, "late-config": "import os; os._exit(9)"}))
    code, output = run_here(capfd, monkeypatch, "recipes schema")
    families = json.loads(output)["properties"]["family"]["enum"]
    assert code == 0
    assert "gan" in families
    assert "late" not in families


@pytest.mark.long
def test_s8_every_fault_beside_every_command(site: Site, tmp_path: Path) -> None:
    """Every plugin alone, with every command, in processes of their own: exit code 0, no traceback, at most 2 GB."""
    start = site({})
    (start / "tiny.yaml").write_text(TINY)
    assert gan(start, "train", "tiny.yaml", "--out", "runs/earlier").returncode == 0
    faults = BROKEN | STRANGE

    def check(name: str) -> list[str]:
        folder = tmp_path / name
        folder.mkdir()
        shutil.copytree(start, folder / "work")
        install(folder / "work", name, faults[name])
        wrong = []
        for command, text in COMMANDS.items():
            problem = _problem(folder / "work", command, text, cache=folder / "cache")
            wrong += [f"{name}: gan {command}: {problem}"] if problem else []
        return wrong

    with ThreadPoolExecutor(2) as pool:
        wrong = [line for lines in pool.map(check, faults) for line in lines]
    assert len(faults) * len(COMMANDS) >= 500
    assert wrong == []


MEASURE = """
import os, resource, subprocess, sys, time
started = time.monotonic()
code = subprocess.call([sys.executable, "-m", "gancli", *sys.argv[1:]])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
os.write(2, f"\\nmeasured {code} {time.monotonic() - started} {used.ru_maxrss}".encode())
"""
"""Program that runs `gan`, and then writes its exit code, seconds and kilobytes of memory."""


HANGING = 60
"""Seconds after which a command hangs; on an idle machine the slowest takes a quarter of that."""


def _problem(folder: Path, command: str, text: str, *, cache: Path) -> str:
    """Run a command beside a broken plugin; return what went wrong, or ""."""
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{os.environ['PYTHONPATH']}"}
    ended = subprocess.run(
        [sys.executable, "-c", MEASURE, *command.split()],
        cwd=folder,
        env={**environment, "GANCLI_CACHE": str(cache), "COLUMNS": "200"},
        capture_output=True,
        check=False,
        timeout=300,
    )
    output = (ended.stdout + ended.stderr).decode(errors="replace")
    code, seconds, kilobytes = output.rpartition("measured ")[2].split()
    if code != "0" or text not in output:
        return f"exit code {code}: {output[-500:]}"
    if "Traceback" in output or "internal error" in output:
        return output[-1000:]
    if float(seconds) > HANGING or int(kilobytes) > 2_000_000:
        return f"{float(seconds):.1f} s, {int(kilobytes) / 1000:,.0f} MB"
    return ""
