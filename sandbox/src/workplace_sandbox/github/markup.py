"""The fragment that GitHub's profile pages load: as it is now, as it was, and as it could become overnight."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal, get_args

from jinja2 import Environment, PackageLoader

from workplace_sandbox.github.calendar import page_range, squares, weeks

if TYPE_CHECKING:
    from datetime import date

    from workplace_sandbox.github.calendar import Square
    from workplace_sandbox.model import GithubUser

Markup = Literal["tool-tip", "table", "rect", "data-count"]
"""The place of a day's count: in a tool-tip beside the cell (now), in the cell of a table (from March 2023), in a rectangle
of an SVG (from January 2023), in an attribute of it (before)."""
Change = Literal[
    "no-tool-tips", "other-tags", "other-language", "no-dates", "no-range", "wrong-headline", "first-day-missing"
]
"""Changes that a program must notice, because the numbers on the page are no longer reliable."""
MARKUPS: tuple[str, ...] = get_args(Markup)
CHANGES: tuple[str, ...] = get_args(Change)

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def fragment(contributor: GithubUser, today: date, markup: str = "tool-tip") -> str:
    """Render the fragment.

    :param contributor: the person.
    :param today: the last day on it.
    :param markup: one of ``MARKUPS``, or one of ``CHANGES`` to the current one.
    """
    first, last = page_range(today)
    days = squares(contributor, first, last)
    shown = days[1:] if markup == "first-day-missing" else days
    columns = weeks(shown)
    return (
        _environment()
        .get_template("contributions.html")
        .render(
            login=contributor.login,
            first=first,
            last=last,
            total=sum(day.count for day in days) + (markup == "wrong-headline"),
            weeks=columns,
            rows=[[(ix, day) for ix, week in enumerate(columns) for day in week if day.weekday == row] for row in range(7)],
            markup=markup if markup in MARKUPS else "tool-tip",
            change=markup if markup in CHANGES else None,
        )
    )


def day_text(day: Square, long: bool = False) -> str:
    """Return the text for a day: ``No contributions on March 16th.``; before 2024 with the weekday and the year."""
    count = f"{day.count:,}" if day.count else "No"
    when = f"{day.date:%A}, {_MONTHS[day.date.month - 1]} {day.date.day}, {day.date.year}" if long else _short(day.date)
    return f"{count} contribution{'' if day.count == 1 else 's'} on {when}{'' if long else '.'}"


def day_text_in_german(day: Square) -> str:
    """Return the text for a day in another language."""
    count = f"{day.count:,}".replace(",", ".") if day.count else "Keine"
    return f"{count} {'Beitrag' if day.count == 1 else 'Beiträge'} am {day.date:%d.%m.}"


def _short(day: date) -> str:
    ordinal = "th" if 10 < day.day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    return f"{_MONTHS[day.month - 1]} {day.day}{ordinal}"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("workplace_sandbox.github"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    made.filters.update(day_text=day_text, day_text_in_german=day_text_in_german)
    return made
