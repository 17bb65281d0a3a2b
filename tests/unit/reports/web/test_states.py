"""The state of each period, without Airflow's database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.common.periods import EVERY, WEEKDAYS, PeriodRule
from workplace_provider.reports.holidays import HolidayRule
from workplace_provider.reports.rhythm import Rhythm
from workplace_provider.reports.web.states import COLUMNS, Answer, Run, State, aligned_periods, column_group, make_cells

WEEKLY = Rhythm(PeriodRule("week", weekday="thursday"), "Asia/Seoul", "30 9 * * THU")
SEOUL = ZoneInfo("Asia/Seoul")
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=SEOUL)


def run(day: date, state: str = "success", number: int = 1, **facts: Any) -> Run:
    """Return a run of the form for a period, whose page was published unless the facts say otherwise."""
    facts = {"tasks": {"compose": "success", "publish": "success"} if state == "success" else {}} | facts
    conf = {"report_date": day.isoformat()} | facts.pop("conf", {})
    moment = NOW + timedelta(minutes=number)
    return Run("weekly", f"run{number}", number, state, moment, moment, conf=conf, **facts)


def cells(runs: list[Run], now: datetime = NOW, rhythm: Rhythm = WEEKLY) -> dict[str, Any]:
    ((periods),) = aligned_periods([rhythm], now)
    return {cell.period.label: cell for cell in make_cells(rhythm, periods, runs, now)}


THIS, LAST = date(2026, 11, 26), date(2026, 11, 19)
SKIPPED = {"tasks": {"compose": "success", "publish": "skipped"}}


@pytest.mark.parametrize(
    ("runs", "state"),
    [
        ([run(LAST)], State.PUBLISHED),
        ([run(LAST, "running", tasks={"review": "awaiting_input"})], State.WAITING),
        ([run(LAST, "queued")], State.RUNNING),
        ([run(LAST, "failed")], State.FAILED),
        ([run(LAST, **SKIPPED)], State.SKIPPED),
        ([], State.MISSING),
        # The announcement failed: the page is there.
        ([run(LAST, "failed", tasks={"publish": "success"})], State.PUBLISHED),
        # The latest run decides, except that a skipped one takes nothing back.
        ([run(LAST, "failed", 1), run(LAST, number=2)], State.PUBLISHED),
        ([run(LAST, number=1), run(LAST, "failed", 2)], State.FAILED),
        ([run(LAST, number=2, **SKIPPED), run(LAST, number=1)], State.PUBLISHED),
        ([run(LAST, number=1, **SKIPPED), run(LAST, "running", 2)], State.RUNNING),
        # They publish nothing.
        ([run(LAST, conf={"dry_run": True})], State.MISSING),
        ([run(LAST, conf={"rehearsal": True}), run(LAST, "failed", 0)], State.FAILED),
    ],
)
def test_the_state_of_a_period(runs: list[Run], state: State) -> None:
    cell = cells(runs)["2026-W47"]
    assert cell.state is state
    assert cell.may_start is (state in (State.FAILED, State.SKIPPED, State.MISSING))


def test_a_page_stays_linked_after_a_later_run_failed_and_a_rehearsal_is_no_page() -> None:
    url = {("publish", "url"): "https://wiki.example.com/1"}
    cell = cells([run(LAST, number=1, results=url), run(LAST, "failed", 2)])["2026-W47"]
    assert (cell.run.run_id, cell.published.page_url) == ("run2", "https://wiki.example.com/1")
    rehearsed = cells([run(LAST, conf={"rehearsal": True}, results=url)])["2026-W47"]
    assert (rehearsed.published, rehearsed.run, rehearsed.trial.run_id) == (None, None, "run1")


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//evil.example.com", 7, None])
def test_only_addresses_of_the_web_are_links(url: Any) -> None:
    assert run(LAST, results={("publish", "url"): url}).page_url == ""


@pytest.mark.parametrize(
    ("now", "late_by", "state"),
    [
        (datetime(2026, 11, 26, 9, 0), "", State.NOT_DUE),
        (datetime(2026, 11, 26, 9, 40), "", State.NOT_DUE),
        (datetime(2026, 11, 26, 9, 45), "", State.LATE),
        (datetime(2026, 11, 26, 10, 59), "11:00", State.NOT_DUE),
        (datetime(2026, 12, 2, 23, 59), "11:00", State.LATE),
        (datetime(2026, 12, 3, 0, 0), "11:00", State.MISSING),
    ],
)
def test_a_report_without_a_run_is_late_after_its_schedule(now: datetime, late_by: str, state: State) -> None:
    rhythm = Rhythm(WEEKLY.rule, WEEKLY.zone, WEEKLY.cron, late_by)
    assert cells([], now.replace(tzinfo=SEOUL), rhythm)["2026-W48"].state is state


def test_a_run_that_takes_long_is_late_only_if_the_definition_names_a_time() -> None:
    waiting = run(THIS, "running", tasks={"review": "awaiting_input"})
    assert cells([waiting])["2026-W48"].is_late is False
    rhythm = Rhythm(WEEKLY.rule, WEEKLY.zone, WEEKLY.cron, "10:00")
    cell = cells([waiting], rhythm=rhythm)["2026-W48"]
    assert (cell.state, cell.is_late) == (State.WAITING, True)
    assert cells([run(THIS)], rhythm=rhythm)["2026-W48"].is_late is False


def test_a_report_of_the_last_day_is_due_when_its_schedule_runs_on_the_day_after() -> None:
    monthly = Rhythm(PeriodRule("month", day="last"), "UTC", "0 10 1 * *")
    for moment, state in (((11, 30, 23), State.NOT_DUE), ((12, 1, 9), State.NOT_DUE), ((12, 1, 11), State.LATE)):
        month, day, hour = moment
        assert cells([], datetime(2026, month, day, hour, tzinfo=UTC), monthly)["2026-11"].state is state
    without = Rhythm(PeriodRule("month", day="last"), "UTC")
    assert cells([], datetime(2026, 12, 1, 11, tzinfo=UTC), without)["2026-11"].state is State.NOT_DUE


def test_a_run_is_of_the_period_that_its_task_has_stated_else_of_its_date() -> None:
    moved = run(THIS, results={("compose", "period"): "2026-W47"})
    assert cells([moved])["2026-W47"].run is moved
    scheduled = Run(
        "weekly", "s", 1, "success", datetime(2026, 11, 19, 0, 30, tzinfo=UTC), NOW, tasks={"publish": "success"}
    )
    assert cells([scheduled])["2026-W47"].run is scheduled
    assert all(cell.run is None for cell in cells([run(THIS, conf={"report_date": "no date"})]).values())


def test_the_columns_of_reports_with_other_days_have_the_same_labels() -> None:
    rhythms = [Rhythm(PeriodRule("week", weekday=day)) for day in ("monday", "thursday", "sunday")]
    now = datetime(2026, 11, 24, tzinfo=UTC)  # a Tuesday
    rows = aligned_periods(rhythms, now)
    assert [[period.label for period in row] for row in rows] == [[f"2026-W{week}" for week in range(48, 40, -1)]] * 3
    assert make_cells(rhythms[1], rows[1], [], now)[0].state is State.NOT_DUE
    assert aligned_periods(rhythms, now, page=1)[0][0].label == "2026-W40"


def test_a_holiday_moves_the_time_and_a_skipped_period_keeps_its_column() -> None:
    christmas = date(2026, 12, 25)  # a Friday
    rule = {"every": "week", "weekday": "friday", "calendar": "KR"}
    moved = Rhythm(HolidayRule(**rule), "Asia/Seoul", "30 9 * * FRI")
    for hour, state in ((9, State.NOT_DUE), (10, State.LATE)):
        now = datetime(2026, 12, 24, hour, tzinfo=SEOUL)
        assert cells([], now, moved)["2026-W52"].state is state
    skipping = Rhythm(HolidayRule(**rule, move="skip"), "Asia/Seoul", "30 9 * * FRI")
    plain = Rhythm(PeriodRule("week", weekday="friday"), "Asia/Seoul", "30 9 * * FRI")
    now = datetime(2026, 12, 31, 12, tzinfo=SEOUL)
    skipped, other = aligned_periods([skipping, plain], now)
    assert [period.label for period in skipped] == [period.label for period in other]
    shown = {cell.period.label: cell.state for cell in make_cells(skipping, skipped, [run(date(2026, 12, 18))], now)}
    assert (shown["2026-W52"], shown["2026-W51"]) == (State.HOLIDAY, State.PUBLISHED)
    assert christmas in [period.day for period in skipped]
    assert Rhythm.parse(skipping.as_dict()) == skipping


rules = st.builds(
    PeriodRule,
    st.sampled_from(EVERY),
    weekday=st.sampled_from(WEEKDAYS),
    day=st.one_of(st.integers(1, 28), st.just("last"), st.sampled_from(["first monday", "last friday"])),
    fiscal_start=st.integers(1, 12),
)


@given(
    st.lists(rules, min_size=1, max_size=4),
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),
    st.integers(0, 5),
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["success", "failed", "running", "queued"])), max_size=8),
)
def test_every_period_appears_once_and_the_next_page_continues(
    some: list[PeriodRule], moment: datetime, page: int, past: list[tuple[int, str]]
) -> None:
    now = moment.replace(tzinfo=UTC)
    rhythms = [Rhythm(rule) for rule in some]
    rhythms = [rhythm for rhythm in rhythms if column_group(rhythm) == column_group(rhythms[0])]
    rows, older = aligned_periods(rhythms, now, page), aligned_periods(rhythms, now, page + 1)
    for rhythm, row, next_row in zip(rhythms, rows, older, strict=True):
        labels = [period.label for period in [*row, *next_row]]
        assert labels == sorted(set(labels), reverse=True)
        assert len(labels) == 2 * COLUMNS
        assert [period.label for period in row] == [period.label for period in rows[0]]
        assert row[-1].shift(-1) == next_row[0]
        runs = [run(rhythm.current(now).shift(-ago).day, state, number) for number, (ago, state) in enumerate(past)]
        shown = make_cells(rhythm, row, runs, now)
        assert [cell.period for cell in shown] == row
        assert Rhythm.parse(rhythm.as_dict()) == rhythm


def test_a_person_or_the_time_decides_a_review() -> None:
    assert str(Answer("지민", "Approve")) == "approved by 지민"
    assert str(Answer("", "Reject")) == "rejected: no answer in time"
    assert str(Answer(asked=("otto",))) == "waits for otto"


@pytest.mark.parametrize("data", [None, {}, {"rule": {"every": "hour"}}, {"rule": {"every": "day"}, "zone": "Mars/Base"}])
def test_an_invalid_rhythm_is_an_error(data: Any) -> None:
    with pytest.raises(ValueError, match=r"rhythm|every"):
        Rhythm.parse(data)
