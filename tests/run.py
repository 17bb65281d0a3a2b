"""Run every test, for ``make test``.

Three pytest runs share the machine. One has the tests that compute, on two workers. The others have those of ``tests/e2e``,
which mostly wait for Airflow's processes, browsers and installers: those that share one Airflow, which run one after
another, and the rest. At the end is a table of the durations of each part.

    python tests/run.py [--all] [arguments of pytest]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

PROJECT = Path(__file__).resolve().parent.parent
E2E = "tests/e2e"
SHARED_AIRFLOW = f"{E2E}/shared_airflow"
CLUSTER = f"{E2E}/cluster"  # needs the whole machine, so it has a target of its own
WORKERS = 2
NO_TESTS = 5  # pytest's status when a selection (`-k`) leaves none


@dataclass
class Group:
    """A pytest run.

    :param title: its name in the output.
    :param arguments: of pytest.
    :param nice: how far it steps back when runs want the processor; waiting tests have timeouts, computing ones do not.
    """

    title: str
    arguments: list[str]
    nice: int = 0
    seconds: float = field(default=0.0, init=False)
    status: int = field(default=0, init=False)


@dataclass
class Part:
    """The tests of a folder."""

    tests: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0


def groups(everything: bool) -> list[Group]:
    """Return the runs.

    :param everything: with the tests that are marked as large, and with every example of the others.
    """
    selected = ["-m", "", "--hypothesis-profile", "all"] if everything else []
    workers = ["-n", str(WORKERS), "--dist", "worksteal"]
    return [
        Group("everything but e2e", ["tests", f"--ignore={E2E}", *workers, *selected], nice=5),
        Group("e2e on the shared Airflow", [SHARED_AIRFLOW, *selected]),
        Group("e2e of other kinds", [E2E, f"--ignore={SHARED_AIRFLOW}", f"--ignore={CLUSTER}", *selected]),
    ]


def run(group: Group, arguments: Sequence[str], report: Path, output: Path | None) -> subprocess.Popen[bytes]:
    """Start a run.

    :param report: file for the results, as JUnit's XML.
    :param output: file for what it prints; None for the terminal.
    """
    command = [sys.executable, "-m", "pytest", *group.arguments, f"--junitxml={report}", *arguments]
    sink = output.open("wb") if output else None
    try:
        return subprocess.Popen(
            command, cwd=PROJECT, stdout=sink, stderr=subprocess.STDOUT, preexec_fn=lambda: os.nice(group.nice)
        )
    finally:
        if sink:
            sink.close()


def read_parts(reports: Sequence[Path]) -> dict[str, Part]:
    """Return the results by part: ``dags``, ``e2e``, ``unit/slack``, …"""
    parts: dict[str, Part] = {}
    for report in reports:
        for case in ET.parse(report).iter("testcase") if report.exists() else ():
            part = parts.setdefault(part_of(case.get("classname", "")), Part())
            part.tests += 1
            part.failed += any(case.find(kind) is not None for kind in ("failure", "error"))
            part.skipped += case.find("skipped") is not None
            part.seconds += float(case.get("time", 0))
    return dict(sorted(parts.items()))


def part_of(module: str) -> str:
    """Return the part that a test module is in: its folder below ``tests``, and one more level for unit tests."""
    folders = module.split(".")[1:]
    return "/".join(folders[:2]) if folders[:1] == ["unit"] and len(folders) > 2 else folders[0] if folders else "?"


def table(parts: dict[str, Part]) -> str:
    """Return the parts as a table."""
    row = "{:<20} {:>6} {:>7} {:>8} {:>8}".format
    lines = [row("Part", "Tests", "Failed", "Skipped", "Seconds")]
    lines += [row(name, part.tests, part.failed, part.skipped, f"{part.seconds:.1f}") for name, part in parts.items()]
    every = parts.values()
    totals = (sum(part.tests for part in every), sum(part.failed for part in every), sum(part.skipped for part in every))
    return "\n".join([*lines, row("All", *totals, f"{sum(part.seconds for part in every):.1f}")])


def main(arguments: Sequence[str]) -> int:
    """Run all groups at the same time, print the output of each, and then the table."""
    everything = "--all" in arguments
    passed_on = [argument for argument in arguments if argument != "--all"]
    runs = groups(everything)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="test-reports-") as directory:
        folder = Path(directory)
        reports = [folder / f"{number}.xml" for number, _ in enumerate(runs)]
        # The output of the other runs follows that of the first, so that the lines are not mixed.
        outputs = [None, *(folder / f"{number}.txt" for number, _ in enumerate(runs[1:], 1))]
        running = [
            run(group, passed_on, report, output) for group, report, output in zip(runs, reports, outputs, strict=True)
        ]
        try:
            while any(process.poll() is None for process in running):
                time.sleep(0.2)
                for group, process in zip(runs, running, strict=True):
                    if process.poll() is None:
                        group.seconds = time.monotonic() - started
        except KeyboardInterrupt:
            pass  # each run gets the signal from the terminal too, and reports its progress
        for group, process, output in zip(runs, running, outputs, strict=True):
            group.status = process.wait()
            if output:
                print(f"\n{group.title}\n{output.read_text(errors='replace')}", flush=True)
        parts = read_parts(reports)
    print(f"\n{table(parts)}\n")
    for group in runs:
        print(f"{group.title}: {group.seconds / 60:.1f} minutes, pytest ended with {group.status}")
    print(f"Together: {(time.monotonic() - started) / 60:.1f} minutes", flush=True)
    failed = [group.status for group in runs if group.status not in (0, NO_TESTS)]
    return 1 if failed or not parts else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
