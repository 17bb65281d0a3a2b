"""Checks of the sources before anything is published: expectation, finding, result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.common.yaml_description import closest
from workplace_provider.reports.changes import key_of, plain_text
from workplace_provider.reports.figures import Figure, figure_of, total
from workplace_provider.reports.reading import parse_change, parse_duration

if TYPE_CHECKING:
    from workplace_provider.common.artifacts import Artifact
    from workplace_provider.reports.definition import Check, Severity, SumCheck, ValueRange

Row = Mapping[str, Any]

SHOWN: Final = 5
"""Most rows or files that a finding names."""


@dataclass(frozen=True, slots=True)
class SourceContent:
    """The output of a source.

    :param rows: its rows, with names of columns; ``None`` if it has none
    :param files: its files
    :param updated_at: when its data was last updated, if the source states it
    """

    rows: Sequence[Row] | None = None
    files: Sequence[Artifact] = ()
    updated_at: datetime | None = None

    @property
    def pictures(self) -> list[Artifact]:
        """The files that are pictures."""
        return [file for file in self.files if file.media_type.startswith("image/")]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one expectation.

    :param source: name of the source
    :param expectation: what must be true, in words
    :param finding: what the source has
    :param severity: the effect if it failed
    """

    source: str
    expectation: str
    finding: str
    passed: bool
    severity: Severity

    def __str__(self) -> str:
        """Return one line for logs and messages."""
        return f"{'ok' if self.passed else self.severity}: {self.source}: {self.expectation}; {self.finding}"

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True)
class CheckInputs:
    """The data that checks compare.

    :param contents: the outputs of this period's sources, by name
    :param previous: rows of the previous period's sources; ``None`` if that period has no manifest
    :param previous_files: digests of the previous period's pictures, by source
    :param now: time of the run, for the age of data
    """

    contents: Mapping[str, SourceContent]
    now: datetime
    previous: Mapping[str, Sequence[Row]] | None = None
    previous_files: Mapping[str, Sequence[str]] = field(default_factory=dict)


def run_checks(checks: Sequence[Check], inputs: CheckInputs) -> list[CheckResult]:
    """Return the result of every expectation, in the order of the definition.

    ::

        run_checks([Check(source="kpis", rows=Limits(min=5))], CheckInputs({"kpis": SourceContent(rows)}, now))

    A check on rows that a source does not have, and on a column that its rows do not have, fails.
    """
    return [result for check in checks for result in _CheckRun(check, inputs).results()]


def verdict(results: Sequence[CheckResult]) -> Severity | None:
    """Return the strongest effect of the failed checks; ``None`` if all passed."""
    failed = {result.severity for result in results if not result.passed}
    order: tuple[Severity, ...] = ("stop", "review", "note")
    return next((severity for severity in order if severity in failed), None)


class _CheckRun:
    """One check of the definition, which may have several expectations."""

    def __init__(self, check: Check, inputs: CheckInputs) -> None:
        self._check = check
        self._inputs = inputs
        self._content = inputs.contents[check.source]

    def results(self) -> Iterator[CheckResult]:
        """Yield a result for each expectation."""
        check = self._check
        rows: tuple[tuple[Any, Callable[[Sequence[Row]], Iterator[CheckResult]]], ...] = (
            (check.rows, self._row_count),
            (check.columns, self._columns),
            (check.not_null, self._not_null),
            (check.unique, self._unique),
            (check.range, self._range),
            (check.sum, self._sum),
            (check.change, self._change),
        )
        for expectation, run in rows:
            if not expectation:
                continue
            if self._content.rows is None:
                yield self._result("has rows", "it has none", passed=False)
                return
            yield from run(self._content.rows)
        if check.fresh_within:
            yield self._freshness()
        if check.picture:
            yield from self._pictures()
        if check.filtered:
            yield self._filters()

    def _result(self, expectation: str, finding: str, *, passed: bool) -> CheckResult:
        return CheckResult(self._check.source, expectation, finding, passed, self._check.severity)

    def _missing(self, rows: Sequence[Row], columns: Sequence[str]) -> list[str]:
        return [column for column in columns if rows and column not in rows[0]]

    def _without_columns(self, rows: Sequence[Row], columns: Sequence[str]) -> CheckResult | None:
        """Return a failure if the rows do not have the columns that an expectation is about.

        It stops the report whatever the effect of the check: a check that cannot be made is a mistake in the definition.
        """
        missing = self._missing(rows, columns)
        if not missing:
            return None
        near = closest(missing[0], rows[0]).rstrip(".")
        expectation = f"has the column {', '.join(missing)}{near}"
        return CheckResult(
            self._check.source, expectation, f"its columns are {', '.join(rows[0])}", passed=False, severity="stop"
        )

    def _row_count(self, rows: Sequence[Row]) -> Iterator[CheckResult]:
        limits = self._check.rows
        if limits is None:
            return
        count = len(rows)
        passed = (limits.min is None or count >= limits.min) and (limits.max is None or count <= limits.max)
        yield self._result(f"number of rows {_limits(limits.min, limits.max)}", f"{count}", passed=passed)

    def _columns(self, rows: Sequence[Row]) -> Iterator[CheckResult]:
        wanted = self._check.columns
        missing = self._missing(rows, wanted)
        finding = f"{', '.join(missing)} missing" if missing else "all present"
        yield self._result(
            f"columns {', '.join(wanted)}", finding if rows else "it has no rows", passed=bool(rows) and not missing
        )

    def _not_null(self, rows: Sequence[Row]) -> Iterator[CheckResult]:
        if failure := self._without_columns(rows, self._check.not_null):
            yield failure
            return
        for column in self._check.not_null:
            empty = [str(number) for number, row in enumerate(rows, 1) if not plain_text(row.get(column))]
            finding = f"empty in row {_some(empty)}" if empty else "no empty cell"
            yield self._result(f"{column} is never empty", finding, passed=not empty)

    def _unique(self, rows: Sequence[Row]) -> Iterator[CheckResult]:
        columns = self._check.unique
        if failure := self._without_columns(rows, columns):
            yield failure
            return
        counts = Counter(key_of(row, columns) for row in rows)
        twice = [" · ".join(key) for key, count in counts.items() if count > 1]
        finding = f"more than once: {_some(twice)}" if twice else "all different"
        yield self._result(f"{', '.join(columns)} identifies a row", finding, passed=not twice)

    def _range(self, rows: Sequence[Row]) -> Iterator[CheckResult]:
        limits = self._check.range
        if limits is None:
            return
        if failure := self._without_columns(rows, [limits.column]):
            yield failure
            return
        outside = [
            f"{plain_text(row.get(limits.column))} in row {number}"
            for number, row in enumerate(rows, 1)
            if not _is_inside(figure_of(row.get(limits.column)), limits)
        ]
        finding = _some(outside) if outside else "all values inside"
        yield self._result(f"{limits.column} {_limits(limits.min, limits.max)}", finding, passed=not outside)

    def _sum(self, rows: Sequence[Row]) -> Iterator[CheckResult]:
        rule = self._check.sum
        if rule is None:
            return
        other = self._inputs.contents[rule.equals.source].rows or []
        if failure := self._without_columns(rows, [rule.column]):
            yield failure
            return
        if missing := self._missing(other, [rule.equals.column]):
            expectation = f"{rule.equals.source} has the column {', '.join(missing)}"
            finding = f"its columns are {', '.join(other[0])}"
            yield CheckResult(self._check.source, expectation, finding, passed=False, severity="stop")
            return
        yield self._compare_sums(rule, rows, other)

    def _compare_sums(self, rule: SumCheck, rows: Sequence[Row], other: Sequence[Row]) -> CheckResult:
        own = total([row.get(rule.column) for row in rows])
        theirs = total([row.get(rule.equals.column) for row in other])
        return self._result(
            f"the sum of {rule.column} is that of {rule.equals.source}.{rule.equals.column}",
            f"{own:,} and {theirs:,}",
            passed=abs(own - theirs) <= Decimal(str(rule.tolerance)),
        )

    def _change(self, rows: Sequence[Row]) -> Iterator[CheckResult]:
        check = self._check
        if check.change is None:
            return
        columns = [check.key] if isinstance(check.key, str) else check.key
        expectation = f"{check.column} changes by at most {check.change.max} from the previous period"
        if failure := self._without_columns(rows, [*columns, check.column]):
            yield failure
            return
        if self._inputs.previous is None or check.source not in self._inputs.previous:
            yield self._result(expectation, "there is no previous period to compare with", passed=True)
            return
        before = {key_of(row, columns): figure_of(row.get(check.column)) for row in self._inputs.previous[check.source]}
        limit, is_share = parse_change(check.change.max)
        beyond = []
        for row in rows:
            old, new = before.get(key_of(row, columns)), figure_of(row.get(check.column))
            if old and new and _differs(old, new, Decimal(str(limit)), is_share=is_share):
                beyond.append(f"{' · '.join(key_of(row, columns))} from {old.text()} to {new.text()}")
        yield self._result(expectation, _some(beyond) if beyond else "none changed more", passed=not beyond)

    def _freshness(self) -> CheckResult:
        updated = self._content.updated_at
        expectation = f"updated within {self._check.fresh_within}"
        if updated is None:
            return self._result(expectation, "the source does not state when it was updated", passed=False)
        age = self._inputs.now - updated
        return self._result(
            expectation, f"updated {updated:%Y-%m-%d %H:%M %Z}", passed=age <= parse_duration(self._check.fresh_within)
        )

    def _pictures(self) -> Iterator[CheckResult]:
        demands, pictures = self._check.picture, self._content.pictures
        if demands is None:
            return
        if not pictures:
            yield self._result("has pictures", "it has none", passed=False)
            return
        if demands.blank is False:
            blank = [picture.name for picture in pictures if _is_blank(picture)]
            yield self._result("no picture is blank", f"blank: {_some(blank)}" if blank else "none is", passed=not blank)
        if demands.same_as == "never":
            digests = [picture.sha256 for picture in pictures]
            alike = [picture.name for picture in pictures if digests.count(picture.sha256) > 1]
            yield self._result(
                "no two pictures are alike", f"alike: {_some(alike)}" if alike else "none are", passed=not alike
            )
        if demands.same_as_previous is False:
            before = self._inputs.previous_files.get(self._check.source, ())
            repeated = [picture.name for picture in pictures if picture.sha256 in before]
            finding = f"unchanged: {_some(repeated)}" if repeated else "none is"
            yield self._result("no picture is that of the previous period", finding, passed=not repeated)

    def _filters(self) -> CheckResult:
        without = sorted({name for file in self._content.files for name in file.facts.get("filters_without_effect", ())})
        finding = f"no effect: {_some(without)}" if without else "all have"
        return self._result("every filter has an effect", finding, passed=not without)


def _is_inside(figure: Figure | None, limits: ValueRange) -> bool:
    if figure is None:
        return False
    value = float(figure.value)
    return (limits.min is None or value >= limits.min) and (limits.max is None or value <= limits.max)


def _differs(old: Figure, new: Figure, limit: Decimal, *, is_share: bool) -> bool:
    difference = abs(new.value - old.value)
    # From zero every change is beyond any share.
    return difference > (limit * abs(old.value) if is_share else limit)


def _limits(least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return f"between {least:,} and {most:,}"
    return f"at least {least:,}" if least is not None else f"at most {most:,}"


def _some(items: Sequence[str]) -> str:
    shown = ", ".join(items[:SHOWN])
    return f"{shown} and {len(items) - SHOWN} more" if len(items) > SHOWN else shown


def _is_blank(picture: Artifact) -> bool:
    """Return whether all pixels of a picture have the same colour."""
    from workplace_provider.reports.pictures import is_blank

    with picture.open() as stream:
        return is_blank(stream)
