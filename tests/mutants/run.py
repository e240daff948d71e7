"""Mutation check: remove one protection at a time, and print which tests fail without it.

    python tests/mutants/run.py                  # every mutant; `make mutants`
    python tests/mutants/run.py --only runs      # those of one file, tests/mutants/runs.yaml
    python tests/mutants/run.py --only rename    # or those whose name contains the text
    python tests/mutants/run.py --list

A mutant is an entry of a YAML file in this folder:

    - name: a file is replaced, not overwritten
      promise: R6
      file: gancli/io/files.py
      replace: "        os.replace(temporary, path)"
      by: "        path.write_bytes(temporary.read_bytes())"
      tests: [tests/unit/io/test_files.py]

`replace` occurs exactly once in the file. A mutant that no test can tell from the original, because the result is the
same, has `equivalent: <the proof>` in place of `tests`; it is listed and not run. Each mutant runs in a copy of the
sources, so several can run at a time. First all named tests must pass without a mutant. The exit code is 1 if a mutant
survives.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

FOLDER = Path(__file__).resolve().parent

ROOT = FOLDER.parents[1]

SECONDS = 900
"""Time limit of one run of tests; a mutant that makes them hang counts as caught."""

FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One removed protection.

    Args:
        area: name of the YAML file.
        name: clause about the protection that is removed.
        promise: id in docs/promises.md.
        file: source file, relative to the root.
        replace: text of the file, which occurs once.
        by: text in its place.
        tests: test files or test ids that must fail.
        equivalent: proof that no test can tell the difference; None if tests can.
    """

    area: str
    name: str
    promise: str
    file: str
    replace: str
    by: str
    tests: Sequence[str] = ()
    equivalent: str | None = None

    def apply(self, root: Path) -> None:
        """Change the file below a copy of the sources."""
        path = root / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.replace) != 1:
            raise SystemExit(f"{self.area}: {self.name}: `replace` occurs {text.count(self.replace)} times in {path}")
        mutated = text.replace(self.replace, self.by)
        if path.suffix == ".py":
            compile(mutated, str(path), "exec")  # a syntax error would fail every test
        path.write_text(mutated, encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Result of one mutant: the ids of the failed tests, and the seconds it took."""

    mutant: Mutant
    failed: Sequence[str]
    seconds: float


def load_mutants(folder: Path = FOLDER) -> list[Mutant]:
    """Return the mutants of all YAML files of a folder."""
    return [
        Mutant(area=path.stem, **entry)
        for path in sorted(folder.glob("*.yaml"))
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]


def run_mutant(mutant: Mutant) -> Outcome:
    """Run the tests of a mutant in a copy of the sources."""
    started = time.monotonic()
    with copy_of_sources() as copy:
        mutant.apply(copy)
        return Outcome(mutant=mutant, failed=run_tests(copy, mutant.tests), seconds=time.monotonic() - started)


@contextmanager
def copy_of_sources() -> Iterator[Path]:
    """Yield the root of a copy of all files that git tracks or does not ignore, with the shared data beside it."""
    with tempfile.TemporaryDirectory(prefix="gancli-mutant-") as temporary:
        copy = Path(temporary) / "checkout"
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
        for source in (ROOT / name for name in listed.split("\0") if name):
            if source.is_file():
                target = copy / source.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        if (ROOT.parent / "shared").is_dir():
            (copy.parent / "shared").symlink_to(ROOT.parent / "shared")
        yield copy


def run_tests(root: Path, tests: Sequence[str]) -> list[str]:
    """Run tests of a copy of the sources until one fails. Return the ids of the failed tests."""
    sources = [str(root), *(str(path) for path in sorted((root / "plugins").iterdir()))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sources), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        "0",
        "-x",
        "-m",
        "not long",
        "--tb=no",
        "-rfE",
        "-p",
        "no:cacheprovider",
    ]
    process = subprocess.Popen(
        [*command, *tests],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.communicate()
        return [f"no end within {SECONDS} seconds"]
    if process.returncode in (0, 1):
        return FAILED.findall(output)
    return FAILED.findall(output) or [f"pytest ended with code {process.returncode}: {output.strip()[-200:]}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="area, or part of the name")
    parser.add_argument("--jobs", type=int, default=2, help="mutants at a time (default: 2)")
    parser.add_argument("--list", action="store_true", help="list them and run nothing")
    arguments = parser.parse_args()
    mutants = [
        mutant
        for mutant in load_mutants()
        if not arguments.only or arguments.only == mutant.area or arguments.only in mutant.name
    ]
    to_run = [mutant for mutant in mutants if mutant.equivalent is None]
    if arguments.list:
        for mutant in mutants:
            print(f"{mutant.area:10} {mutant.promise:4} {mutant.name}" + (" (equivalent)" if mutant.equivalent else ""))
        return
    tests = list(dict.fromkeys(test for mutant in to_run for test in mutant.tests))
    with copy_of_sources() as copy:
        if tests and (failed := run_tests(copy, tests)):
            sys.exit(f"without a mutant these tests must pass: {', '.join(failed)}")
    survived = 0
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for outcome in pool.map(run_mutant, to_run):
            survived += not outcome.failed
            verdict = ", ".join(outcome.failed) if outcome.failed else "SURVIVED"
            print(f"{outcome.mutant.area}: {outcome.mutant.name}: {verdict} ({outcome.seconds:.0f} s)", flush=True)
    for mutant in mutants:
        if mutant.equivalent is not None:
            print(f"{mutant.area}: {mutant.name}: equivalent: {mutant.equivalent}")
    print(f"{len(to_run)} mutants, {survived} survived; {len(mutants) - len(to_run)} proven equivalent")
    sys.exit(1 if survived else 0)


if __name__ == "__main__":
    main()
