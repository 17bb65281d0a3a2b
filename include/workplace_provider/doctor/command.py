"""The command ``workplace doctor``: check an installation, and say what to do about what is wrong."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from workplace_provider.common.terminal import print_text, use_all_connections
from workplace_provider.doctor import installation
from workplace_provider.doctor.connections import clock, connections
from workplace_provider.doctor.usage import pools, read_usage

if TYPE_CHECKING:
    from workplace_provider.doctor.findings import Finding

FAILED: Final = 1
_MARKS: Final = {"ok": "✓", "warning": "!", "problem": "✗"}


def main(arguments: Sequence[str] | None = None, *, prog: str = "workplace doctor") -> int:
    """Run the command.

    :param arguments: arguments of the command; ``None`` for those of this process
    :param prog: the command as people type it
    :return: exit code: 0 without problems, else 1
    """
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Check versions, plugins, components, artifact store, DAGs, pools, connections and clock. The checks of "
        "connections sign in and read; nothing is written to a system. Signing in to Tableau with a personal access token "
        "ends the session of a running task with the same token.",
    )
    parser.add_argument(
        "connections", nargs="*", metavar="CONN_ID", help="connections to check, besides those that DAGs use"
    )
    parser.add_argument("--offline", action="store_true", help="do not send requests to the systems of connections")
    options = parser.parse_args(arguments)
    use_all_connections()
    # Airflow sets up its loggers when it is imported. The findings say what is wrong.
    os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "CRITICAL")
    findings = []
    for finding in _findings(options.connections, is_offline=options.offline):
        findings.append(finding)
        _print(finding)
    number = sum(finding.level == "problem" for finding in findings)
    warnings = sum(finding.level == "warning" for finding in findings)
    print_text(f"{len(findings)} checks: {number} problems, {warnings} warnings")
    return FAILED if number else 0


def _findings(more: Sequence[str], *, is_offline: bool) -> Iterator[Finding]:
    yield from installation.versions()
    yield from installation.plugins()
    yield from installation.components()
    yield from installation.artifacts()
    usage = read_usage()
    yield from usage.findings
    yield from pools(usage)
    if not is_offline:
        used = usage.connections | dict.fromkeys(more, "the command line")
        yield from connections(used)
        yield from clock(used)


def _print(finding: Finding) -> None:
    print_text(f"{_MARKS[finding.level]} {finding.area}: {finding.text}")
    if finding.advice:
        print_text(f"    {finding.advice}")
