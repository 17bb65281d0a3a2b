from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from workplace_provider.reports import ReportError
from workplace_provider.reports.deadline import ReportDeadline
from workplace_provider.reports.reading import parse_definition

NINE = datetime(2026, 11, 19, 0, tzinfo=UTC)
"""Nine o'clock in Seoul."""
REPORT = """\
schedule: "0 9 * * THU"
timezone: Asia/Seoul
period: {every: week}
page: {space: ANALYTICS, title: "%Y%m%d"}
late: {by: "10:00", notify: "#data-alarms"}
"""


def due(by: str, run_type: str, *, begin: datetime = NINE, created_after: timedelta = timedelta()) -> datetime | None:
    return ReportDeadline(by, "Asia/Seoul").deadline(begin, run_type, begin + created_after)


def test_the_deadline_is_a_time_of_day_in_the_zone_of_the_dag() -> None:
    assert due("10:00", "scheduled") == NINE + timedelta(hours=1)
    assert due("10:00", "scheduled", created_after=timedelta(hours=3)) == NINE + timedelta(hours=1), "the scheduler is late"
    assert due("8:30", "scheduled") == NINE + timedelta(hours=23, minutes=30), "on the next morning"
    assert due("8:30", "asset_triggered") == NINE - timedelta(minutes=30), "late already"


@pytest.mark.parametrize("run_type", ["backfill", "manual"])
def test_no_one_waits_for_a_backfill_and_a_manual_run(run_type: str) -> None:
    assert due("10:00", run_type) is None


def test_a_run_of_an_old_day_is_not_late() -> None:
    assert due("10:00", "scheduled", created_after=timedelta(days=4)) is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"10:00"', '"25:00"', "line 5: late.by: '25:00' is no time of day"),
        ('"10:00"', "10", "late.by is 10; it must be a text"),
        (', notify: "#data-alarms"', "", "late has no notify"),
        ('schedule: "0 9 * * THU"\n', "", "late needs a schedule"),
    ],
)
def test_errors_of_a_definition(old: str, new: str, message: str) -> None:
    with pytest.raises(ReportError, match=message):
        parse_definition(REPORT.replace(old, new), "weekly.yaml", "weekly")
