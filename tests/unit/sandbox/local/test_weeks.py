"""Which week a moment belongs to, and the dates of a backfill."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from workplace_sandbox.local.weeks import backfill_range, due, title_begins, week_of


@pytest.mark.parametrize(
    ("moment", "week"),
    [
        (datetime(2026, 11, 19, 0, 0, tzinfo=UTC), date(2026, 11, 19)),  # Thursday 09:00 in Seoul
        (datetime(2026, 11, 18, 15, 0, tzinfo=UTC), date(2026, 11, 19)),  # Thursday midnight in Seoul
        (datetime(2026, 11, 18, 14, 59, tzinfo=UTC), date(2026, 11, 12)),  # Wednesday, a minute before
        (datetime(2026, 11, 25, 12, 0, tzinfo=UTC), date(2026, 11, 19)),
        (datetime(2026, 1, 1, 0, 0, tzinfo=UTC), date(2026, 1, 1)),
        (datetime(2025, 12, 31, 0, 0, tzinfo=UTC), date(2025, 12, 25)),
    ],
)
def test_the_week_of_a_moment_is_its_thursday_in_seoul(moment: datetime, week: date) -> None:
    assert week_of(moment) == week


def test_a_run_is_due_at_nine_in_seoul() -> None:
    assert due(date(2026, 11, 19)) == datetime(2026, 11, 19, 0, tzinfo=UTC)


def test_a_backfill_includes_the_run_of_its_last_thursday() -> None:
    begin, end = (datetime.fromisoformat(text) for text in backfill_range(date(2026, 11, 5), date(2026, 11, 12)))
    first, last = datetime(2026, 11, 5, 0, tzinfo=UTC), datetime(2026, 11, 12, 0, tzinfo=UTC)  # 09:00 in Seoul
    assert begin <= first < last < end
    assert end < datetime(2026, 11, 19, 0, tzinfo=UTC)


def test_titles_begin_with_the_day() -> None:
    assert title_begins(date(2026, 1, 8)) == "20260108_"
