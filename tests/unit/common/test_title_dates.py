"""Titles of one pattern are ordered by the dates in them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.common.title_dates import latest_title_before, read_title

WEEKLY = [
    "%Y%m%d_데이터분석팀 주간 보고", "%Y-%m-%d Weekly", "Weekly %d %b %Y", "Weekly %B %-d, %Y", "%d.%m.%Y Woche",
    "%m/%d/%Y Weekly", "%Y년 %-m월 %-d일 주간 보고", "%Y年%-m月%-d日 週報", "%-m월 %-d일 주간 보고", "%-m/%-d 주간 보고",
    "%b %d weekly", "%G-W%V 주간 보고", "%G년 %-V주차 보고", "Week %V, %G", "Week %V", "第%-V週 週報", "%y년 %-m월 %-d일",
]  # fmt: skip
MONTHLY = [
    "%Y-%m 월간 보고", "%Y년 %-m월 월간 보고", "%-m월 월간 보고", "%B %Y", "Report %b. %Y", "%Y %B", "%B report", "%Y/%m 2",
]  # fmt: skip
QUARTERS = [
    "{year}-Q{quarter}",
    "Q{quarter} {year}",
    "{year}년 {quarter}분기 보고",
    "{quarter}Q{short}",
    "{quarter}분기 보고",
    "{year}年第{quarter}四半期",
]
MONDAYS = st.integers(0, 3000).map(lambda weeks: date(2000, 1, 31) + timedelta(weeks=weeks))  # two digits mean 20xx


def on(pattern: str, day: date) -> str:
    for short, full in (("%-d", str(day.day)), ("%-m", str(day.month)), ("%-V", str(day.isocalendar().week))):
        pattern = pattern.replace(short, full)
    return day.strftime(pattern)


@pytest.mark.parametrize("pattern", WEEKLY)
@given(MONDAYS)
def test_last_week_comes_before_this_week_and_next_week_does_not(pattern: str, monday: date) -> None:
    others = [on(pattern, monday + timedelta(weeks=weeks)) for weeks in (-3, 1, -1, -2, 2)]
    assert latest_title_before(on(pattern, monday), others) == others[2]


@pytest.mark.parametrize("pattern", MONTHLY)
@given(st.integers(0, 1200))
def test_last_month_comes_before_this_month(pattern: str, number: int) -> None:
    others = [on(pattern, date(2000 + (number + step) // 12, (number + step) % 12 + 1, 1)) for step in (-2, 1, -1, -3)]
    this = on(pattern, date(2000 + number // 12, number % 12 + 1, 1))
    assert latest_title_before(this, others) == others[2]


@pytest.mark.parametrize("pattern", QUARTERS)
@given(st.integers(4, 360))
def test_last_quarter_comes_before_this_quarter(pattern: str, number: int) -> None:
    def title(number: int) -> str:
        return pattern.format(year=2000 + number // 4, short=f"{number // 4:02}", quarter=number % 4 + 1)

    assert latest_title_before(title(number), [title(number - 1), title(number + 1)]) == title(number - 1)


@pytest.mark.parametrize(
    ("title", "others", "before"),
    [
        ("12월 1주차 보고", ["11월 3주차 보고", "11월 4주차 보고", "12월 2주차 보고"], "11월 4주차 보고"),
        ("12월 3주차 보고", ["11월 2주차 보고", "12월 1주차 보고"], "12월 1주차 보고"),
        ("1월 1주차", ["12월 5주차", "12월 4주차"], "12월 5주차"),
        ("2027년 1월 1주차", ["2026년 12월 5주차", "2026년 1월 1주차"], "2026년 12월 5주차"),
        ("Part 13/31", ["Part 11/31", "Part 12/31"], "Part 12/31"),
        ("Release v1.10", ["Release v1.2", "Release v1.9"], "Release v1.9"),
        ("Sprint 12", ["Sprint 9", "Sprint 11", "Sprint 13"], "Sprint 11"),
        ("Weekly 2 (7 Dec 2026)", ["Weekly 2 (30 Nov 2026)", "Weekly 1 (7 Dec 2026)"], "Weekly 1 (7 Dec 2026)"),
        ("Weekly 7 Dec 2026", ["Monthly 30 Nov 2026"], None),
        ("Weekly 7 Dec 2026", ["Weekly 7 Dec 2026", "Weekly 14 Dec 2026"], None),
        ("Notes", ["Notes", "Other notes"], None),
        ("1/7 주간", ["1/14 주간"], None),
    ],
)
def test_titles_that_need_care(title: str, others: list[str], before: str | None) -> None:
    assert latest_title_before(title, others) == before


@pytest.mark.parametrize("title", ["Maybe", "Marching on", "31/12/x", "2026-13-45", "Deck", "주간 보고", "", "Augusta"])
def test_words_that_only_look_like_dates_are_text(title: str) -> None:
    found = read_title(title)
    assert found.day is None or found.day == date(2026, 1, 1)


@given(st.text(max_size=60))
def test_every_title_can_be_read(title: str) -> None:
    assert latest_title_before(title, [title]) is None
