"""A board: the streaks of several people in one message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workplace_provider.common.mrkdwn import escape, linked
from workplace_provider.github.contributions.text import today_words, unknown_user

if TYPE_CHECKING:
    from workplace_provider.github.contributions.record import Contributions
    from workplace_provider.github.contributions.streak import ContributionStreak


@dataclass(frozen=True, slots=True)
class BoardEntry:
    """A person on a board.

    :param record: calendar of the person
    :param streak: streak of the person
    """

    record: Contributions
    streak: ContributionStreak


def ranked(entries: Sequence[BoardEntry]) -> list[tuple[int, BoardEntry]]:
    """Return the people with their ranks: the longest current streak first, then the most active days.

    People with equal numbers share a rank, and the next rank is skipped: 1, 1, 3.
    """
    ordered = sorted(entries, key=lambda entry: (*_score(entry), entry.record.login.lower()))
    scores = [_score(entry) for entry in ordered]
    return [(scores.index(score) + 1, entry) for score, entry in zip(scores, ordered, strict=True)]


def board_text(entries: Sequence[BoardEntry], unknown: Sequence[str] = (), *, has_start: bool = False) -> str:
    """Return a board in mrkdwn, with a line for each person.

    :param entries: the people
    :param unknown: names that do not exist
    :param has_start: the streaks have a start date, so the days since then are shown
    """
    return "\n".join(
        [*(_line(rank, entry, has_start) for rank, entry in ranked(entries)), *(unknown_user(name) for name in unknown)]
    )


def _line(rank: int, entry: BoardEntry, has_start: bool) -> str:
    streak = entry.streak
    since = f", {streak.active_days:,} of {streak.active_days + streak.missed_days:,} since {streak.first_day}"
    days = f"*{escape(str(streak.current))}*{since if has_start else ''}"
    return f"{rank}. {linked(entry.record.login, entry.record.url)}: {days} ({today_words(streak.today)})"


def _score(entry: BoardEntry) -> tuple[int, int]:
    return -entry.streak.current.days, -entry.streak.active_days
