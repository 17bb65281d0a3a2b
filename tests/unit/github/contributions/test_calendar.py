"""The calendar as text and as a picture."""

from __future__ import annotations

import io
import sys
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from support.contribution_days import record
from workplace_provider.github.contributions import calendar_image, calendar_text
from workplace_provider.github.contributions.grid import month_labels, weekday, weeks_of
from workplace_provider.github.contributions.image import COLOURS
from workplace_provider.github.contributions.text import SQUARES

DAYS = st.dates(date(2015, 1, 1), date(2035, 12, 31))


def test_weeks_stand_beside_each_other_from_sunday_down_over_new_year() -> None:
    # From Tuesday, the 22nd of December, to Sunday, the 10th of January.
    days = record([0, 1, 2, 3, 4] * 4, date(2027, 1, 10)).days
    assert calendar_text(days).splitlines() == [
        "    Dec Jan",
        "Sun   □ ▦ ■",
        "Mon   ▤ ▩",
        "Tue □ ▦ ■",
        "Wed ▤ ▩ □",
        "Thu ▦ ■ ▤",
        "Fri ▩ □ ▦",
        "Sat ■ ▤ ▩",
    ]
    assert calendar_text(days, weeks=1).splitlines()[:3] == ["    Jan", "Sun ■", "Mon"]


def test_a_leap_day_has_its_square() -> None:
    days = record([1] * 3, date(2024, 3, 1)).days
    assert [day.date for day in days][1] == date(2024, 2, 29)
    assert [line for line in calendar_text(days).splitlines() if "▤" in line] == ["Wed ▤", "Thu ▤", "Fri ▤"]


@given(DAYS, st.integers(1, 400), st.integers(1, 60))
def test_every_day_is_in_its_row_and_nothing_is_twice(last: date, length: int, most: int) -> None:
    days = record([number % 5 for number in range(length)], last).days
    weeks = weeks_of(days)
    assert [day for week in weeks for day in week if day] == list(days)
    for week in weeks:
        assert all(day is None or weekday(day.date) == row for row, day in enumerate(week))
        dates = {day.date - timedelta(days=row) for row, day in enumerate(week) if day}
        assert len(dates) == 1  # of one week, whose Sunday it is
        assert dates.pop().strftime("%A") == "Sunday"
    lines = calendar_text(days, most).splitlines()
    assert len(lines) == 8
    shown = sum(sign in SQUARES for line in lines[1:] for sign in line)
    assert shown == sum(day is not None for week in weeks[-most:] for day in week)


@given(DAYS, st.integers(1, 400))
def test_labels_of_months_do_not_run_into_each_other(last: date, length: int) -> None:
    weeks = weeks_of(record([0] * length, last).days)
    labels = month_labels(weeks, room=2)
    columns = list(labels)
    assert all(after - before >= 2 for before, after in pairwise(columns))
    months = len({(day.date.year, day.date.month) for week in weeks if (day := next(filter(None, week)))})
    assert months - 1 <= len(labels) <= months


def test_the_picture_shows_every_day_in_its_shade() -> None:
    days = record([number % 5 for number in range(371)], date(2026, 11, 28)).days
    drawn = calendar_image(days, "octocat: 12 days in a row")
    with Image.open(io.BytesIO(drawn.png)) as image:
        image.load()
    assert (image.format, image.size) == ("PNG", (drawn.width, drawn.height))
    pixels = image.convert("RGB")
    for index, week in enumerate(weeks_of(days)):
        for row, day in enumerate(week):
            if day is not None:
                found = pixels.getpixel((92 + index * 28 + 11, 108 + row * 28 + 11))
                assert "#{:02x}{:02x}{:02x}".format(*found) == COLOURS[day.level], day  # type: ignore[misc]


@given(DAYS, st.integers(1, 60))
def test_a_picture_of_any_days(last: date, length: int) -> None:
    drawn = calendar_image(record([1] * length, last).days, "x" * 39 + ": at least 1,234 days in a row")
    with Image.open(io.BytesIO(drawn.png)) as image:
        image.verify()


def test_without_pillow_it_says_which_extra_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ValueError, match=r"Pillow.*pip install 'airflow-provider-workplace\[bot\]'"):
        calendar_image(record([1], date(2026, 11, 28)).days, "octocat")
