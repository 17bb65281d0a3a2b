"""Sources without content in a run: those that failed, and those that were left out in the form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workplace_provider.reports.checks import CheckResult

if TYPE_CHECKING:
    from workplace_provider.reports.definition import Check, Severity


@dataclass(frozen=True, slots=True)
class AbsentSources:
    """The names of the sources that have no content.

    :param failed: the sources whose task failed, or did not run because a wait failed
    :param left_out: the sources that were skipped because a param is empty
    """

    failed: Sequence[str] = ()
    left_out: Sequence[str] = ()

    def __contains__(self, name: object) -> bool:
        """Return whether a source has no content."""
        return name in self.failed or name in self.left_out


def split_checks(checks: Sequence[Check], absent: AbsentSources) -> tuple[list[Check], list[CheckResult]]:
    """Return the checks that can run, and the results of the others.

    A check of a failed source did not pass. Nothing of the source is published, so the check cannot stop the report, but it
    asks for a review if it would. A check that compares a source with an absent one has its usual effect.
    """
    possible: list[Check] = []
    results: list[CheckResult] = []
    for check in checks:
        if check.source in absent.failed:
            severity: Severity = "review" if check.severity == "review" else "note"
            results.append(CheckResult(check.source, "is read and checked", "it failed", passed=False, severity=severity))
        elif check.source in absent.left_out:
            results.append(CheckResult(check.source, "is read and checked", "left out in the form", True, check.severity))
        elif check.sum and check.sum.equals.source in absent:
            other = check.sum.equals.source
            results.append(
                CheckResult(check.source, f"compared with {other}", f"{other} was not read", False, check.severity)
            )
        else:
            possible.append(check)
    return possible, results
