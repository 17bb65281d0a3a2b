"""Report periods: the report day of a period, its neighbours, and dates as people and Airflow write them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.common.periods import (
    ORDINALS,
    WEEKDAYS,
    Period,
    PeriodRule,
    month_number,
    parse_day,
    shift,
    shift_months,
)

DAYS = st.dates(date(1990, 1, 1), date(2100, 12, 31))
REPORT_DAYS = st.one_of(
    st.integers(1, 28),
    st.just("last"),
    st.builds("{} {}".format, st.sampled_from(ORDINALS), st.sampled_from(WEEKDAYS)),
)
RULES = st.one_of(
    st.just(PeriodRule("day")),
    st.builds(PeriodRule, st.just("week"), weekday=st.sampled_from(WEEKDAYS)),
    st.builds(PeriodRule, st.sampled_from(["month", "quarter", "year"]), day=REPORT_DAYS, fiscal_start=st.integers(1, 12)),
)
THURSDAY = date(2026, 11, 19)


@pytest.mark.parametrize(
    ("rule", "report_day", "label", "before"),
    [
        (PeriodRule("day"), date(2026, 11, 19), "2026-11-19", date(2026, 11, 18)),
        (PeriodRule("week", weekday="monday"), date(2026, 11, 16), "2026-W47", date(2026, 11, 9)),
        (PeriodRule("week", weekday="Friday"), date(2026, 11, 13), "2026-W46", date(2026, 11, 6)),
        (PeriodRule("month"), date(2026, 11, 1), "2026-11", date(2026, 10, 1)),
        (PeriodRule("month", day=20), date(2026, 10, 20), "2026-10", date(2026, 9, 20)),
        (PeriodRule("month", day="last"), date(2026, 10, 31), "2026-10", date(2026, 9, 30)),
        (PeriodRule("month", day="first monday"), date(2026, 11, 2), "2026-11", date(2026, 10, 5)),
        (PeriodRule("month", day="last friday"), date(2026, 10, 30), "2026-10", date(2026, 9, 25)),
        (PeriodRule("quarter"), date(2026, 10, 1), "2026-Q4", date(2026, 7, 1)),
        (PeriodRule("quarter", day="last"), date(2026, 9, 30), "2026-Q3", date(2026, 6, 30)),
        (PeriodRule("quarter", fiscal_start=4), date(2026, 10, 1), "2026-Q3", date(2026, 7, 1)),
        (PeriodRule("quarter", fiscal_start=2), date(2026, 11, 1), "2026-Q4", date(2026, 8, 1)),
        (PeriodRule("year"), date(2026, 1, 1), "2026", date(2025, 1, 1)),
        (PeriodRule("year", day="last"), date(2025, 12, 31), "2025", date(2024, 12, 31)),
        (PeriodRule("year", fiscal_start=4), date(2026, 4, 1), "2026", date(2025, 4, 1)),
        (PeriodRule("year", day="last", fiscal_start=4), date(2026, 3, 31), "2025", date(2025, 3, 31)),
    ],
    ids=str,
)
def test_the_report_day_is_the_last_one_that_has_come(rule: PeriodRule, report_day: date, label: str, before: date) -> None:
    period = rule.at(THURSDAY)
    assert (period.day, period.label, period.shift(-1).day) == (report_day, label, before)


@given(RULES, DAYS)
def test_periods_follow_each_other_without_a_gap(rule: PeriodRule, day: date) -> None:
    period = rule.at(day)
    following = period.shift(1)
    assert period.day <= day < following.day
    assert rule.at(period.day) == period
    assert following.shift(-1) == period
    assert period.start <= period.day <= period.end
    assert (following.start - period.end).days == 1
    assert period.label < following.label


@given(RULES, DAYS, st.integers(-40, 40), st.integers(-40, 40))
def test_shifts_add_up(rule: PeriodRule, day: date, first: int, second: int) -> None:
    period = rule.at(day)
    assert period.shift(first).shift(second) == period.shift(first + second)


def test_a_fiscal_year_has_four_quarters() -> None:
    quarters = [Period(PeriodRule("quarter", fiscal_start=4), date(2026, 4, 1)).shift(n) for n in range(5)]
    assert [each.label for each in quarters] == ["2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4", "2027-Q1"]
    assert quarters[3].start == date(2027, 1, 1)


def test_a_week_at_new_year_has_the_year_of_iso_8601() -> None:
    assert PeriodRule("week", weekday="thursday").at(date(2027, 1, 2)).label == "2026-W53"


@pytest.mark.parametrize(
    ("day", "months", "shifted"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2026, 2, 28), 1, date(2026, 3, 31)),
        (date(2028, 2, 28), 1, date(2028, 3, 28)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2026, 1, 30), 1, date(2026, 2, 28)),
        (date(2026, 11, 19), -11, date(2025, 12, 19)),
        (date(2026, 11, 30), 1, date(2026, 12, 31)),
    ],
    ids=str,
)
def test_the_end_of_a_month_stays_the_end_of_a_month(day: date, months: int, shifted: date) -> None:
    assert shift_months(day, months) == shifted


def test_months_quarters_and_years_are_added_before_days() -> None:
    assert shift(date(2026, 1, 31), quarters=1, years=1, months=-1, weeks=1, days=-1) == date(2027, 4, 6)
    with pytest.raises(ValueError, match="between 1900 and 9000"):
        shift(THURSDAY, years=9000)
    with pytest.raises(ValueError, match="is no date"):
        shift(THURSDAY, days=10**9)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-11-19", THURSDAY),
        (" 2026-11-19T09:00:00+09:00 ", THURSDAY),
        ("2026-11-16 (W47)", date(2026, 11, 16)),
        ("20261119", THURSDAY),
        ("2026-W47", date(2026, 11, 16)),
        ("2026-W47-4", THURSDAY),
        ("2026-11", date(2026, 11, 1)),
        ("2026-Q4", date(2026, 10, 1)),
        ("2026", date(2026, 1, 1)),
        ("11/19/2026", THURSDAY),
        ("19.11.2026", THURSDAY),
        ("2026.11.19", THURSDAY),
        ("2026. 11. 19.", THURSDAY),
        ("2026/11/19", THURSDAY),
        ("Nov 19, 2026", THURSDAY),
        ("november 19th 2026", THURSDAY),
        ("19 Nov. 2026", THURSDAY),
        ("2026년 11월 19일", THURSDAY),
        ("2026年11月19日", THURSDAY),
        ("2026년 11월", date(2026, 11, 1)),
    ],
)
def test_a_day_is_read_as_people_and_airflow_write_it(text: str, day: date) -> None:
    assert parse_day(text, "the date") == day


@pytest.mark.parametrize(
    "text",
    [
        "", "today", "2026-13-01", "2026-02-30", "19/11/2026", "2026-W54", "2026-Q5", "Novum 19, 2026", "Ma 3, 2026",
        "31.11.2026", "26-11-19", "2026-11-191",
    ],
)  # fmt: skip
def test_what_names_no_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"the date is '.*', which begins with no date such as 2026-11-19"):
        parse_day(text, "the date")


def test_a_year_without_neighbours_is_refused() -> None:
    with pytest.raises(ValueError, match="the year must be between 1900 and 9000"):
        parse_day("9999-12-31", "the date")


def test_airflows_partition_keys_are_read() -> None:
    """The keys that Airflow's own mappers make of a moment, with their default formats."""
    from airflow import partition_mappers

    for name, day in {
        "StartOfHourMapper": date(2026, 11, 19),
        "StartOfDayMapper": date(2026, 11, 19),
        "StartOfWeekMapper": date(2026, 11, 16),
        "StartOfMonthMapper": date(2026, 11, 1),
        "StartOfQuarterMapper": date(2026, 10, 1),
        "StartOfYearMapper": date(2026, 1, 1),
    }.items():
        key = getattr(partition_mappers, name)().to_downstream("2026-11-19T08:30:00")
        assert parse_day(key, name) == day


@pytest.mark.parametrize(
    ("name", "number"), [("January", 1), ("sept", 9), ("Sep.", 9), ("DEC", 12), ("ma", None), ("Mayor", None), ("", None)]
)
def test_months_have_names(name: str, number: int | None) -> None:
    assert month_number(name) == number


@pytest.mark.parametrize(
    "arguments",
    [
        {"every": "fortnight"},
        {"every": "week", "weekday": "목요일"},
        {"every": "month", "day": 31},
        {"every": "month", "day": 0},
        {"every": "month", "day": "fifth monday"},
        {"every": "month", "day": "first 월요일"},
        {"every": "year", "fiscal_start": 13},
    ],
    ids=str,
)
def test_a_rule_that_cannot_be_is_refused_by_its_argument(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=rf"^{list(arguments)[-1]} is .*; it must be"):
        PeriodRule(**arguments)  # type: ignore[arg-type]
