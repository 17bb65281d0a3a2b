"""The state of each period of a report, from the runs of its DAG."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from workplace_provider.common.report_date import report_day
from workplace_provider.reports.holidays import is_skipped

if TYPE_CHECKING:
    from workplace_provider.common.periods import Period
    from workplace_provider.reports.rhythm import Rhythm

COLUMNS: Final = 8
"""Periods on a page."""


class State(StrEnum):
    """The state of a period, in the words of the page."""

    PUBLISHED = "Published"
    WAITING = "Waiting for review"
    RUNNING = "Running"
    LATE = "Late"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    MISSING = "Missing"
    HOLIDAY = "Holiday"
    NOT_DUE = "Not due"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request for a review.

    :param by: name of the person; empty if no one answered in time
    :param option: the chosen option, such as ``Approve``; empty until there is an answer
    :param asked: names of the people who may answer
    """

    by: str = ""
    option: str = ""
    asked: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.option:
            return f"waits for {', '.join(self.asked)}" if self.asked else "waits for an answer"
        verb = {"Approve": "approved", "Reject": "rejected"}.get(self.option, self.option)
        return f"{verb} by {self.by}" if self.by else f"{verb}: no answer in time"


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a report's DAG.

    :param number: number of the run in Airflow's database, which grows
    :param active_since: the time at which the run was created or cleared last
    :param conf: values of the trigger form
    :param tasks: states of the tasks ``check``, ``compose``, ``review`` and ``publish``
    :param failed: tasks that failed, with their map index
    :param results: outputs of these tasks, by task and key
    :param review: the request for a review
    """

    dag_id: str
    run_id: str
    number: int
    state: str
    run_after: dt.datetime
    active_since: dt.datetime
    data_interval_end: dt.datetime | None = None
    partition_key: str | None = None
    conf: Mapping[str, Any] = field(default_factory=dict)
    start: dt.datetime | None = None
    end: dt.datetime | None = None
    tasks: Mapping[str, str | None] = field(default_factory=dict)
    failed: Sequence[tuple[str, int]] = ()
    results: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    review: Answer | None = None

    @property
    def is_trial(self) -> bool:
        """Return whether the run is a rehearsal or a dry run, which publishes nothing."""
        return self.conf.get("dry_run") is True or self.conf.get("rehearsal") is True

    @property
    def state_of_report(self) -> State:
        """Return what the run means for its period."""
        if self.tasks.get("publish") == "success" and not self.is_trial:
            # The tasks after it only announce the page.
            return State.PUBLISHED
        if self.state in ("queued", "running"):
            return State.WAITING if self.tasks.get("review") == "awaiting_input" else State.RUNNING
        return State.FAILED if self.state == "failed" else State.SKIPPED

    @property
    def duration(self) -> dt.timedelta | None:
        """Return the time from start to end, with the time that a review waited."""
        return self.end - self.start if self.start and self.end else None

    @property
    def page_url(self) -> str:
        """Return the URL of the page that the run has written, if it is one that a browser opens."""
        url = self.text("publish", "url")
        return url if url.startswith(("https://", "http://")) else ""

    @property
    def has_preview(self) -> bool:
        """Return whether the run has composed the page."""
        return self.tasks.get("compose") == "success"

    @property
    def changes(self) -> list[str]:
        """Return the changes in words."""
        return self.lines("compose", "changes")

    def text(self, task: str, key: str) -> str:
        """Return a text from the output of a task; empty if there is none."""
        value = self.results.get((task, key))
        return value if isinstance(value, str) else ""

    def lines(self, task: str, key: str) -> list[str]:
        """Return the texts in a list of the output of a task."""
        value = self.results.get((task, key))
        return [line for line in value if isinstance(line, str)] if isinstance(value, list) else []

    def label(self, rhythm: Rhythm) -> str:
        """Return the label of the period that the run reports on: as its task has stated it, else by its date."""
        if stated := self.text("compose", "period"):
            return stated
        context = {
            "params": {"report_date": self.conf.get("report_date")},
            "partition_key": self.partition_key,
            "data_interval_end": self.data_interval_end,
            "dag_run": SimpleNamespace(run_after=self.run_after),
            "dag": SimpleNamespace(timezone=ZoneInfo(rhythm.zone)),
        }
        try:
            return rhythm.rule.at(report_day(context)).label
        except ValueError:
            return ""  # a report date that is no date: the run fails, and is of no period


@dataclass(frozen=True, slots=True)
class Cell:
    """A period of a report.

    :param run: the run that decides the state
    :param published: the run that wrote the page, which may be an earlier one
    :param trial: the latest rehearsal or dry run
    :param is_late: the page was due, and is not published yet
    """

    period: Period
    state: State
    run: Run | None = None
    published: Run | None = None
    trial: Run | None = None
    is_late: bool = False

    @property
    def may_start(self) -> bool:
        """Return whether a new run makes sense."""
        return self.state in (State.LATE, State.FAILED, State.SKIPPED, State.MISSING)


def make_cells(rhythm: Rhythm, periods: Sequence[Period], runs: Sequence[Run], now: dt.datetime) -> list[Cell]:
    """Return the cells of a report, one for each period.

    :param periods: the periods to show
    :param runs: runs of the DAG, in any order
    :param now: the present time
    """
    by_label: dict[str, list[Run]] = {period.label: [] for period in periods}
    for run in sorted(runs, key=lambda run: (run.active_since, run.number)):
        if (label := run.label(rhythm)) in by_label:
            by_label[label].append(run)
    return [_cell(rhythm, period, by_label[period.label], now) for period in periods]


def _cell(rhythm: Rhythm, period: Period, runs: Sequence[Run], now: dt.datetime) -> Cell:
    """Return the cell of a period. The latest run decides; a published page outweighs a later run that was skipped."""
    trial = next((run for run in reversed(runs) if run.is_trial), None)
    real = [run for run in runs if not run.is_trial]
    published = next((run for run in reversed(real) if run.state_of_report is State.PUBLISHED), None)
    run = real[-1] if real else None
    if published and run and run.state_of_report is State.SKIPPED:
        run = published
    state = run.state_of_report if run else _state_without_run(rhythm, period, now)
    is_late = state is State.LATE or (state in (State.RUNNING, State.WAITING) and _is_overdue(rhythm, period, now))
    return Cell(period, state, run, published, trial, is_late and published is None)


def _state_without_run(rhythm: Rhythm, period: Period, now: dt.datetime) -> State:
    current = rhythm.current(now)
    if is_skipped(period):
        return State.HOLIDAY
    if period.label < current.label:
        return State.MISSING
    return State.LATE if period.label == current.label and _is_overdue(rhythm, period, now, grace=True) else State.NOT_DUE


def _is_overdue(rhythm: Rhythm, period: Period, now: dt.datetime, *, grace: bool = False) -> bool:
    """Return whether a page was due. A run that takes long is late only if the definition names a time."""
    if not (rhythm.late_by or grace):
        return False
    late_from = rhythm.late_from(period)
    return late_from is not None and now >= late_from


def column_group(rhythm: Rhythm) -> tuple[str, int]:
    """Return what reports whose periods have the same labels have in common."""
    rule = rhythm.rule
    return rule.every, rule.fiscal_start if rule.every in ("quarter", "year") else 1


def aligned_periods(rhythms: Sequence[Rhythm], now: dt.datetime, page: int = 0) -> list[list[Period]]:
    """Return the periods of reports of one group, newest first: the columns have the same label for each report.

    :param rhythms: rhythms with the same :func:`column_group`
    :param page: 0 for the newest periods, 1 for those before
    """
    newest = max(rhythm.current(now).label for rhythm in rhythms)
    return [list(_periods_until(newest, rhythm, now, page)) for rhythm in rhythms]


def _periods_until(newest: str, rhythm: Rhythm, now: dt.datetime, page: int) -> Iterator[Period]:
    period = rhythm.current(now)
    while period.label < newest:  # another weekday, or another time zone: at most a few periods
        period = rhythm.next(period)
    return rhythm.newest_first(period, page * COLUMNS, COLUMNS)
