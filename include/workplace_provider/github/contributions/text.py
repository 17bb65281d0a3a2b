"""The calendar as text, for a code block in Slack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from workplace_provider.github.contributions.grid import WEEKDAYS, month_labels, weeks_of

if TYPE_CHECKING:
    from workplace_provider.github.contributions.record import ContributionDay

# All from one block of Unicode: fonts differ in how wide such signs are, but not among these. A mix of shades and blocks is
# of two widths on a Korean or Japanese machine.
SQUARES: Final = "□▤▦▩■"
MARGIN: Final = 4
CELL: Final = 2


def calendar_text(days: Sequence[ContributionDay], weeks: int = 15) -> str:
    """The last weeks as lines of equal signs: a heading with months, then a line for each weekday from Sunday on.

    :param days: in their order, without a gap; the last one is the last that is shown
    :param weeks: how many; fifteen fit on a telephone
    """
    columns = weeks_of(days, weeks)
    heading = ""
    for index, month in month_labels(columns, room=2).items():
        heading = heading.ljust(MARGIN + index * CELL) + month
    lines = [heading]
    for row, name in enumerate(WEEKDAYS):
        signs = [SQUARES[day.level] if (day := week[row]) else " " for week in columns]
        lines.append(f"{name.ljust(MARGIN)}{' '.join(signs)}".rstrip())
    return "\n".join(lines)
