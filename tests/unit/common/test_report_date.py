from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.common.report_date import WEEKDAYS, report_day, title_on

SEOUL = pendulum.timezone("Asia/Seoul")


def run(moment: datetime | None = None, *, zone: Any = SEOUL, **context: Any) -> dict[str, Any]:
    run_after = moment or datetime(2026, 11, 19, tzinfo=UTC)
    return {"params": {}, "dag": SimpleNamespace(timezone=zone), "dag_run": SimpleNamespace(run_after=run_after), **context}


def test_scheduled_run_reports_on_its_own_thursday() -> None:
    due = datetime(2026, 11, 19, 0, 0, tzinfo=UTC)  # Thursday 09:00 in Seoul
    assert report_day(run(due, data_interval_end=due), weekday="thursday") == date(2026, 11, 19)


def test_the_day_is_the_one_in_the_dags_zone() -> None:
    late_on_wednesday_in_utc = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)
    assert report_day(run(late_on_wednesday_in_utc), weekday="thursday") == date(2026, 11, 19)
    assert report_day(run(late_on_wednesday_in_utc, zone=UTC), weekday="thursday") == date(2026, 11, 12)


def test_manual_run_has_no_logical_date_and_takes_the_last_thursday() -> None:
    assert report_day(run(datetime(2026, 11, 22, 3, tzinfo=UTC)), weekday="thursday") == date(2026, 11, 19)


def test_order_of_the_sources() -> None:
    end = datetime(2026, 11, 12, tzinfo=UTC)
    context = run(data_interval_end=end, partition_key="2026-11-05", params={"report_date": "2026-10-29"})
    assert report_day(context) == date(2026, 10, 29)
    context["params"] = {}
    assert report_day(context) == date(2026, 11, 5)
    del context["partition_key"]
    assert report_day(context) == date(2026, 11, 12)
    del context["data_interval_end"]
    assert report_day(context) == date(2026, 11, 19)


def test_weekday_comes_from_the_params() -> None:
    assert report_day(run(params={"weekday": "monday"})) == date(2026, 11, 16)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        # The hours around both DST changes of 2026 in Berlin; the day is the local one.
        (datetime(2026, 3, 28, 23, 30, tzinfo=UTC), date(2026, 3, 29)),
        (datetime(2026, 3, 29, 1, 30, tzinfo=UTC), date(2026, 3, 29)),
        (datetime(2026, 10, 24, 22, 30, tzinfo=UTC), date(2026, 10, 25)),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), date(2026, 10, 25)),
    ],
)
def test_dst_changes(moment: datetime, day: date) -> None:
    assert report_day(run(moment, zone=pendulum.timezone("Europe/Berlin"))) == day


def test_week_before_over_the_turn_of_a_year() -> None:
    context = run(datetime(2027, 1, 7, tzinfo=UTC))
    pattern = "%Y%m%d_데이터분석팀 주간 보고"
    assert title_on(pattern, report_day(context, weekday="thursday")) == "20270107_데이터분석팀 주간 보고"
    assert title_on(pattern, report_day(context, weekday="thursday", weeks=-1)) == "20261231_데이터분석팀 주간 보고"


def test_month_before_and_the_last_day_of_a_month() -> None:
    november = run(partition_key="2026-11")
    assert title_on("%Y-%m 월간 보고", report_day(november, months=-1)) == "2026-10 월간 보고"
    assert report_day(run(partition_key="2026-Q4"), quarters=-1) == date(2026, 7, 1)
    assert report_day(run(params={"report_date": "11/30/2026"}), months=3) == date(2027, 2, 28)
    assert report_day(run(params={"report_date": "29.2.2028"}), years=1) == date(2029, 2, 28)


def test_iso_week_53_belongs_to_its_own_year() -> None:
    assert title_on("%G-W%V", date(2026, 12, 31)) == "2026-W53"
    assert title_on("%G-W%V", date(2027, 1, 1)) == "2026-W53"
    assert title_on("%G-W%V", date(2027, 1, 4)) == "2027-W01"


def test_korean_around_and_between_the_directives() -> None:
    assert title_on("%Y년 %-m월 %-d일 주간 보고 (100%%)", date(2026, 3, 5)) == "2026년 3월 5일 주간 보고 (100%)"


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (run(params={"report_date": "19/11/2026"}), r"params\.report_date is '19/11/2026'"),
        (run(params={"report_date": "0001-01-01"}), r"params\.report_date is '0001-01-01'; the year must be between"),
        (run(params={"report_date": "9999-12-31"}), "the year must be between"),
        (run(partition_key="week-47"), "the partition key is 'week-47'"),
        (run(params={"weekday": "donnerstag"}), "'donnerstag' is no weekday: use one of monday"),
    ],
)
def test_what_is_no_date_is_named(context: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        report_day(context)


@pytest.mark.parametrize(
    ("pattern", "message"), [("주간 보고", "has no date, so every run"), ("%Y %Q", "%Q in the title pattern")]
)
def test_a_pattern_that_gives_every_week_one_title_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        title_on(pattern, date(2026, 11, 19))


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.sampled_from(WEEKDAYS), st.integers(-60, 60))
def test_rounding_down_never_leaves_the_week_and_weeks_are_seven_days(day: date, weekday: str, weeks: int) -> None:
    context = run(params={"report_date": day.isoformat()})
    rounded = report_day(context, weekday=weekday)
    assert rounded.strftime("%A").lower() == weekday
    assert timedelta(0) <= day - rounded < timedelta(days=7)
    assert report_day(context, weekday=weekday, weeks=weeks) - rounded == timedelta(weeks=weeks)
