"""Run the long tier of the fault tests and write its figures to docs/promises.json: `make faults`.

Each test records the number of faults that it has injected and the largest memory of its process and children, as
properties of the JUnit report of pytest. Arguments are passed on to pytest: `long_run.py -k r7` runs one promise, and
updates its row alone.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "docs" / "promises.json"

_PROMISE = re.compile(r"test_([rs]\d+)_")


def main(arguments: list[str]) -> int:
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-m", "long", "tests/faults", f"--junitxml={report}", *arguments]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        if report.exists():
            write(rows(report), minutes=(time.monotonic() - started) / 60)
    return code


def rows(report: Path) -> dict[str, dict[str, Any]]:
    """Return the figures of a JUnit report by promise, such as `R1`."""
    found: defaultdict[str, dict[str, Any]] = defaultdict(
        lambda: {"tests": 0, "failed": 0, "skipped": 0, "injected": 0, "seconds": 0.0, "peak_mb": 0}
    )
    for case in ET.parse(report).iter("testcase"):  # a report of pytest
        match = _PROMISE.match(case.get("name", ""))
        if match is None:
            continue
        row = found[match[1].upper()]
        properties = {entry.get("name"): int(entry.get("value", "0")) for entry in case.iter("property")}
        row["tests"] += 1
        row["failed"] += bool(case.findall("failure") or case.findall("error"))
        row["skipped"] += bool(case.findall("skipped"))
        row["injected"] += properties.get("injected", 0)
        row["seconds"] += float(case.get("time", "0"))
        row["peak_mb"] = max(row["peak_mb"], properties.get("peak_mb", 0))
    return {name: {**row, "seconds": round(row["seconds"])} for name, row in found.items()}


def write(new: dict[str, dict[str, Any]], *, minutes: float) -> None:
    """Write the figures, keeping the rows of promises that were not run."""
    before = json.loads(FIGURES.read_text()) if FIGURES.exists() else {"promises": {}}
    date = datetime.now(UTC).date().isoformat()
    run = {"date": date, "python": platform.python_version(), "cores": os.cpu_count() or 1, "minutes": round(minutes)}
    merged = before["promises"] | {name: {**row, **run} for name, row in new.items()}
    ordered = dict(sorted(merged.items(), key=lambda item: (item[0][0], int(item[0][1:]))))
    FIGURES.write_text(json.dumps({"promises": ordered}, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
