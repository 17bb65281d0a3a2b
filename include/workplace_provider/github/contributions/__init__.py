"""What a person contributed on GitHub, day by day: streaks, a sentence that tells them, and a small calendar.

Nothing in here reads anything: :mod:`workplace_provider.github.client` does.
"""

from workplace_provider.github.contributions.answer import answer, unknown_user
from workplace_provider.github.contributions.image import CalendarImage, calendar_image
from workplace_provider.github.contributions.record import ContributionDay, Contributions
from workplace_provider.github.contributions.standing import Standing, Streak, day_in, standing
from workplace_provider.github.contributions.text import calendar_text

__all__ = [
    "CalendarImage",
    "ContributionDay",
    "Contributions",
    "Standing",
    "Streak",
    "answer",
    "calendar_image",
    "calendar_text",
    "day_in",
    "standing",
    "unknown_user",
]
