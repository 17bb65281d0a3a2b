"""Contributions of a person on GitHub: calendar, streak, and their forms as text and image.

This package does no input or output; :mod:`workplace_provider.github.client` reads the calendars.
"""

from workplace_provider.github.contributions.board import BoardEntry, board_text, ranked
from workplace_provider.github.contributions.image import CalendarImage, calendar_image
from workplace_provider.github.contributions.record import ContributionDay, Contributions
from workplace_provider.github.contributions.streak import ContributionStreak, Streak, contribution_streak, day_in
from workplace_provider.github.contributions.text import calendar_text, since_sentence, streak_sentence, unknown_user

__all__ = [
    "BoardEntry",
    "CalendarImage",
    "ContributionDay",
    "ContributionStreak",
    "Contributions",
    "Streak",
    "board_text",
    "calendar_image",
    "calendar_text",
    "contribution_streak",
    "day_in",
    "ranked",
    "since_sentence",
    "streak_sentence",
    "unknown_user",
]
