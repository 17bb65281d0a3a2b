"""Streaks: the rules of ``workplace_provider.github.contributions.streak``, one by one and against a naive count."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.contribution_days import record
from workplace_provider.github.contributions import Streak, contribution_streak, day_in, streak_sentence, unknown_user

TODAY = date(2026, 11, 28)
YESTERDAY = TODAY - timedelta(days=1)
TOMORROW = TODAY + timedelta(days=1)
DAYS = st.dates(date(2015, 1, 1), date(2035, 12, 31))
COUNTS = st.lists(st.sampled_from([0, 0, 1, 2, 1234]), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("counts", "last", "current", "longest", "today"),
    [
        pytest.param([0, 1, 1, 1], TODAY, Streak(3), Streak(3), 1, id="it goes on today"),
        pytest.param([0, 1, 1, 0], TODAY, Streak(2), Streak(2), 0, id="today is not over yet"),
        pytest.param([0, 1, 0, 0], TODAY, Streak(0), Streak(1), 0, id="yesterday without any broke it"),
        pytest.param([0, 1, 0, 5], TODAY, Streak(1), Streak(1), 5, id="a new one begins today"),
        pytest.param([0, 1, 1], YESTERDAY, Streak(2), Streak(2), None, id="today is not shown yet"),
        pytest.param([0, 1, 0], YESTERDAY, Streak(0), Streak(1), None, id="broken yesterday, today not shown"),
        pytest.param([0, 1, 1, 9], TOMORROW, Streak(2), Streak(2), 1, id="tomorrow has not begun"),
        pytest.param([0, 1, 0, 9], TOMORROW, Streak(1), Streak(1), 0, id="what is in tomorrow's square is not today's"),
        pytest.param([1, 1, 1], TODAY, Streak(3, at_least=True), Streak(3, at_least=True), 1, id="it may be older"),
        pytest.param([1, 1, 0, 1], TODAY, Streak(1), Streak(2, at_least=True), 1, id="the longest may be older"),
        pytest.param([1, 0, 1], TODAY, Streak(1), Streak(1, at_least=True), 1, id="equally long, one may be older"),
        pytest.param([1], TODAY, Streak(1, at_least=True), Streak(1, at_least=True), 1, id="a calendar of one day"),
        pytest.param([0], TODAY, Streak(0), Streak(0), 0, id="nothing"),
    ],
)
def test_the_rules(counts: list[int], last: date, current: Streak, longest: Streak, today: int | None) -> None:
    now = contribution_streak(record(counts, last), TODAY)
    assert (now.current, now.longest, now.today) == (current, longest, today)


@pytest.mark.parametrize("last", [TODAY - timedelta(days=2), TODAY + timedelta(days=3)])
def test_a_calendar_of_other_days_says_nothing(last: date) -> None:
    with pytest.raises(ValueError, match=r"calendar of octocat is from .* and does not include 2026-11-28"):
        contribution_streak(record([1, 1, 1], last), TODAY)


def naive(counted: set[date], first: date, today: date) -> tuple[int, bool]:
    """Step back from today, a day at a time; today itself may be without any."""
    day = today if today in counted else today - timedelta(days=1)
    length = 0
    while day in counted:
        length, day = length + 1, day - timedelta(days=1)
    return length, length > 0 and day < first


@given(COUNTS, DAYS, st.sampled_from([-1, 0, 1]))
def test_the_streak_is_what_one_counts_on_the_fingers(counts: Sequence[int], today: date, ends: int) -> None:
    calendar = record([*counts, 0, 1][: len(counts) + ends + 1], today + timedelta(days=ends))
    now = contribution_streak(calendar, today)
    counted = {day.date for day in calendar.days if day.count and day.date <= today}
    first = calendar.days[0].date
    assert (now.current.days, now.current.at_least) == naive(counted, first, today)
    assert now.last_day == max(counted, default=None)
    # A longest streak ends on one of its days.
    ends_on = [naive(counted & {d for d in counted if d <= end}, first, end) for end in counted]
    assert now.longest.days == max((length for length, _ in ends_on), default=0)
    assert now.longest.at_least == ((now.longest.days, True) in ends_on)


@given(COUNTS.filter(lambda counts: len(counts) > 1), DAYS)
def test_a_day_that_passes_without_any_breaks_it_and_one_with_some_makes_it_longer(counts: list[int], today: date) -> None:
    before = contribution_streak(record(counts, today), today).current.days
    lazy = contribution_streak(record([*counts, 0], today + timedelta(days=1)), today + timedelta(days=1)).current.days
    busy = contribution_streak(record([*counts, 1], today + timedelta(days=1)), today + timedelta(days=1)).current.days
    assert lazy == (before if counts[-1] else 0)
    assert busy == lazy + 1


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("Asia/Seoul", datetime(2026, 11, 27, 15, 30, tzinfo=UTC), date(2026, 11, 28)),  # 00:30 there
        ("Asia/Seoul", datetime(2026, 11, 27, 14, 59, tzinfo=UTC), date(2026, 11, 27)),
        ("Pacific/Honolulu", datetime(2026, 11, 28, 9, 0, tzinfo=UTC), date(2026, 11, 27)),
        ("Pacific/Kiritimati", datetime(2026, 12, 31, 10, 0, tzinfo=UTC), date(2027, 1, 1)),
        ("America/New_York", datetime(2024, 3, 1, 4, 0, tzinfo=UTC), date(2024, 2, 29)),
    ],
)
def test_the_day_it_is_where_the_person_is(zone: str, moment: datetime, day: date) -> None:
    assert day_in(zone, moment) == day


@pytest.mark.parametrize("zone", ["Seoul", "", "../etc/passwd", "/etc/localtime", "한국"])
def test_what_is_no_zone_is_named(zone: str) -> None:
    with pytest.raises(ValueError, match=r"unknown time zone .*such as Asia/Seoul"):
        day_in(zone, datetime(2026, 11, 28, tzinfo=UTC))


def test_one_calendar_stands_differently_where_the_day_is_another() -> None:
    """Half past midnight in Seoul is the afternoon before in Honolulu, and GitHub's page is between them."""
    calendar = record([0, 1, 1, 1], date(2026, 11, 27))
    moment = datetime(2026, 11, 27, 15, 30, tzinfo=UTC)
    seoul = contribution_streak(calendar, day_in("Asia/Seoul", moment))
    honolulu = contribution_streak(calendar, day_in("Pacific/Honolulu", moment))
    assert (seoul.current.days, seoul.today) == (3, None)
    assert (honolulu.current.days, honolulu.today) == (3, 1)


@pytest.mark.parametrize(
    ("counts", "last", "said"),
    [
        ([0, 1, 3], TODAY, "has contributed for *2 days* in a row: 3 contributions today."),
        ([0, 0, 1], TODAY, "has contributed for *1 day* in a row: 1 contribution today."),
        ([0, 1, 0], TODAY, "has contributed for *1 day* in a row: nothing yet today."),
        ([0, 1], YESTERDAY, "has contributed for *1 day* in a row: GitHub does not show today yet."),
        ([1, 1234], TODAY, "has contributed for *at least 2 days* in a row: 1,234 contributions today."),
        ([1, 0, 0], TODAY, "has no streak, the last contribution was on 2026-11-26: nothing yet today."),
        ([0, 0], TODAY, "has no contributions since 2026-11-27: nothing yet today."),
    ],
)
def test_the_sentence(counts: list[int], last: date, said: str) -> None:
    calendar = record(counts, last)
    assert streak_sentence(calendar, contribution_streak(calendar, TODAY)) == f"<https://github.com/octocat|octocat> {said}"


def test_an_unknown_name_cannot_say_anything_in_the_apps_name() -> None:
    assert unknown_user("옥토캣 <!channel> & `x`") == (
        "GitHub has no user `옥토캣 &lt;!channel&gt; &amp; 'x'`. Is the user name right?"
    )
    assert len(unknown_user("x" * 5000)) < 200
    assert unknown_user(" ") == "Which GitHub user do you mean?"
