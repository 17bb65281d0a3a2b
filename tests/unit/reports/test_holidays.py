from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import DataInterval, TimeRestriction
from hypothesis import given
from hypothesis import strategies as st
from pendulum import instance

from workplace_provider.common.periods import PeriodRule
from workplace_provider.reports import ReportError, build_dag
from workplace_provider.reports.holidays import HolidayRule, Move, MovedPeriod, skip_reason
from workplace_provider.reports.placeholders import PeriodView, period_title
from workplace_provider.reports.reading import parse_definition

REPORT = """\
schedule: "30 9 * * THU"
timezone: Asia/Seoul
period: {every: week, weekday: thursday}
page: {space: ANALYTICS, title: "%Y%m%d_주간 보고"}
holidays: {calendar: KR, move: MOVE}
"""
CHUSEOK = date(2026, 9, 24)
"""A Thursday, with Friday and Saturday holidays, too."""


def weekly(move: Move) -> HolidayRule:
    return HolidayRule("week", weekday="thursday", calendar="KR", move=move)


def runs(move: str, first: date, last: date) -> list[datetime]:
    """The scheduled runs of a report between two days, from the serialized DAG as the scheduler has it, in Seoul's time."""
    definition = parse_definition(REPORT.replace("MOVE", move), "weekly.yaml", "weekly")
    dag = DagSerialization.from_dict(DagSerialization.to_dict(build_dag(definition, Path())))
    begin, end = (instance(datetime(day.year, day.month, day.day, tzinfo=UTC)) for day in (first, last))
    infos = dag.iter_dagrun_infos_between(begin, end)
    return [info.run_after.in_timezone("Asia/Seoul").naive() for info in infos]


def test_the_run_and_the_report_day_move_and_the_period_stays() -> None:
    september = (date(2026, 9, 14), date(2026, 10, 3))
    others = [datetime(2026, 9, 17, 9, 30), datetime(2026, 10, 1, 9, 30)]
    assert runs("previous", *september) == [others[0], datetime(2026, 9, 23, 9, 30), others[1]]
    assert runs("next", *september) == [others[0], datetime(2026, 9, 28, 9, 30), others[1]]
    assert runs("skip", *september) == others

    moved = weekly("previous").at(date(2026, 9, 23))
    assert (moved.day, moved.label, moved.start) == (date(2026, 9, 23), "2026-W39", date(2026, 9, 21))
    assert moved == weekly("previous").at(CHUSEOK)
    assert period_title("%Y%m%d_주간 보고", moved) == "20260923_주간 보고"
    before, after = moved.shift(-1), moved.shift(1)
    assert [(period.day, period.label) for period in (before, after)] == [
        (date(2026, 9, 17), "2026-W38"),
        (date(2026, 10, 1), "2026-W40"),
    ]
    assert PeriodView(after).since == date(2026, 9, 23), "no conversation between two reports is left out"

    later = weekly("next").at(date(2026, 9, 28))
    assert (later.day, later.label) == (date(2026, 9, 28), "2026-W39"), "a Monday, but still the week before"
    assert weekly("next").at(CHUSEOK).label == "2026-W38", "before the moved report day"


def test_a_skipped_period_has_no_report_and_is_not_the_previous_period_of_another() -> None:
    skipped = weekly("skip").at(date(2026, 9, 25))
    assert skip_reason(skipped).startswith("There is no report for 2026-W39: its report day 2026-09-24 is ")
    assert weekly("skip").at(date(2026, 10, 1)).shift(-1).label == "2026-W38"
    assert skipped.shift(-1).label == "2026-W38"
    # From 3 to 9 October 2025 every day is a weekend or a holiday.
    assert weekly("previous").at(date(2025, 10, 16)).shift(-1).label == "2025-W40"
    assert "no working day until the neighbouring report day" in skip_reason(weekly("previous").at(date(2025, 10, 9)))
    assert skip_reason(weekly("next").at(date(2025, 10, 10))) == ""


def test_a_day_that_moves_into_another_month_keeps_the_name_of_its_month() -> None:
    rule = HolidayRule("month", calendar="DE-BY", move="previous")
    january = rule.at(date(2026, 12, 31))
    assert (january.day, january.label) == (date(2026, 12, 31), "2027-01")
    assert period_title("%Y-%m report", january) == "2027-01 report"
    assert period_title("Report {month}/{year}", january) == "Report 01/2027"
    assert period_title("%d.%m.%Y report", january) == "31.12.2026 report"
    assert rule.at(date(2026, 12, 30)).label == "2026-12"


RHYTHMS: list[dict[str, Any]] = [
    {"every": "week", "weekday": "monday"},
    {"every": "week", "weekday": "friday"},
    {"every": "month", "day": "last"},
    {"every": "year"},
]
RULES = [
    HolidayRule(**rhythm, calendar=calendar, move=move)
    for rhythm in RHYTHMS
    for calendar in ("KR", "JP")
    for move in ("previous", "next")
]


@given(st.dates(date(2020, 1, 1), date(2035, 1, 1)), st.sampled_from(RULES))
def test_reports_are_in_order_and_every_report_day_finds_its_own_period(day: date, rule: HolidayRule) -> None:
    period = rule.at(day)
    assert isinstance(period, MovedPeriod)
    assert period.day <= day or period.is_skipped
    following = [period.shift(number) for number in range(1, 5)]
    for before, after in pairwise(following):
        assert before.day < after.day
        assert before.label < after.label
        assert after.shift(-1) == before
    for each in following:
        assert rule.at(each.day) == each
        assert rule.is_holiday(each.day) is False


def test_the_next_run_follows_the_last_one_as_the_scheduler_asks_for_it() -> None:
    definition = parse_definition(REPORT.replace("MOVE", "next"), "weekly.yaml", "weekly")
    timetable: Any = DagSerialization.from_dict(DagSerialization.to_dict(build_dag(definition, Path()))).timetable
    moment = instance(datetime(2026, 9, 17, 0, 30, tzinfo=UTC))
    found = []
    for _ in range(3):
        info = timetable.next_dagrun_info(
            last_automated_data_interval=DataInterval(moment, moment), restriction=TimeRestriction(None, None, True)
        )
        moment = info.run_after
        found.append(moment)
    assert [f"{time:%m-%d %H:%M}" for time in found] == ["09-28 00:30", "10-01 00:30", "10-08 00:30"]
    assert timetable.summary == "30 9 * * THU"
    assert "on public holidays of KR: the working day after" in timetable.description


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "calendar: KR",
            "calendar: KX",
            "weekly.yaml, line 5: holidays: calendar is 'KX'; it must be the code of a country",
        ),
        ("calendar: KR", "calendar: DE-BX", "DE has no subdivision BX"),
        ("MOVE", "before", "holidays.move is 'before'"),
        ("{every: week, weekday: thursday}", "{every: day}", "a daily report can only skip holidays"),
        ("calendar: KR, move: MOVE", "move: skip", "holidays has no calendar"),
    ],
)
def test_errors_of_a_definition(old: str, new: str, message: str) -> None:
    with pytest.raises(ReportError, match=message.replace("[", r"\[")):
        parse_definition(REPORT.replace(old, new).replace("MOVE", "previous"), "weekly.yaml", "weekly")


def test_a_day_that_is_always_a_holiday_cannot_be_skipped() -> None:
    text = REPORT.replace("{every: week, weekday: thursday}", "{every: year}").replace("MOVE", "skip")
    with pytest.raises(ReportError, match="every report day is a public holiday of KR"):
        parse_definition(text, "weekly.yaml", "weekly")


def test_the_package_is_imported_only_for_holidays_and_its_absence_is_an_error_of_the_definition() -> None:
    program = f"""
import sys
from workplace_provider.reports import ReportError
from workplace_provider.reports.reading import parse_definition
import workplace_provider.plugin
text = {REPORT!r}.replace("MOVE", "next")
parse_definition(text.rpartition("holidays:")[0], "weekly.yaml", "weekly")
assert "holidays" not in sys.modules
sys.modules["holidays"] = None
try:
    parse_definition(text, "weekly.yaml", "weekly")
except ReportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "line 5: holidays: holidays needs the Python package 'holidays'" in done.stdout


def test_a_rule_without_holidays_stays_the_plain_one() -> None:
    definition = parse_definition(REPORT.partition("holidays:")[0], "weekly.yaml", "weekly")
    assert "due" not in build_dag(definition, Path()).task_ids
    assert PeriodRule("week", weekday="thursday").at(CHUSEOK).day == CHUSEOK
