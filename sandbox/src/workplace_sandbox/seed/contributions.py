"""Two people on GitHub: one with a streak that includes today, and one without a contribution today yet."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workplace_sandbox.store import Store

DAYS = 420
"""The number of past days with contributions: more than the page shows."""
STREAKS = {"octocat": (12, 0), "jimin-kim": (5, 1)}
"""User name to the length of the streak, and how many days ago it ended."""


def load(store: Store, today: date) -> None:
    """Add the people; the same day gives the same calendars.

    :param today: the current day.
    """
    for login, (streak, ago) in STREAKS.items():
        days = [today - timedelta(days=number) for number in range(DAYS)]
        counts = {day: _count(login, day) for day in days}
        last = today - timedelta(days=ago)
        first = last - timedelta(days=streak - 1)
        counts |= {day: max(1, counts[day]) for day in days if first <= day <= last}
        counts |= {day: 0 for day in days if day > last or day == first - timedelta(days=1)}
        store.put_contributor(login, counts)


def _count(login: str, day: date) -> int:
    """Return the contributions of a day: more on weekdays, with days off."""
    noise = hashlib.sha256(f"{login} {day}".encode()).digest()
    if noise[0] < (180 if day.isoweekday() > 5 else 60):
        return 0
    return 1 + noise[1] % (4 if day.isoweekday() > 5 else 9)
