from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from workplace_provider.github.contributions import ContributionDay, Contributions


def record(counts: Sequence[int], last: date, login: str = "octocat") -> Contributions:
    """Return a calendar whose last day is ``last``; the shade of a day is its count, up to the darkest."""
    first = last - timedelta(days=len(counts) - 1)
    days = tuple(
        ContributionDay(first + timedelta(days=number), count, min(count, 4)) for number, count in enumerate(counts)
    )
    return Contributions(login, days, sum(counts), "page", f"https://github.com/{login}")
