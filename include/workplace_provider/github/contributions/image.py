"""The calendar as an image."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workplace_provider.github.contributions.grid import WEEKDAYS, month_labels, weeks_of

if TYPE_CHECKING:
    from types import ModuleType

    from workplace_provider.github.contributions.record import ContributionDay

COLOURS: Final = ("#ebedf0", "#9be9a8", "#40c463", "#30a14e", "#216e39")
_INK, _MUTED = "#1f2328", "#59636e"
# Pixels of the image, which is drawn for displays with double density.
_SQUARE, _STEP, _RADIUS = 22, 28, 4
_LEFT, _TOP, _EDGE = 92, 108, 32
_TITLE, _LABEL = 30, 20


@dataclass(frozen=True, slots=True)
class CalendarImage:
    """An image.

    :param png: content of the PNG file
    :param width: width in pixels
    :param height: height in pixels
    """

    png: bytes
    width: int
    height: int


def calendar_image(days: Sequence[ContributionDay], title: str) -> CalendarImage:
    """Draw a calendar with all weeks of the days.

    ::

        calendar_image(calendar.until(today), "octocat: 12 days in a row").png

    The font is the one that comes with Pillow, so the image is the same on every machine.

    :param days: consecutive days
    :param title: title above the calendar, in ASCII
    :raises ValueError: Pillow is not installed
    """
    image_module, draw_module, font_module = _pillow()
    columns = weeks_of(days)
    # Room for the title and the legend, however few weeks there are.
    width = max(_LEFT + len(columns) * _STEP + _EDGE, 640)
    height = _TOP + 7 * _STEP + 2 * _EDGE + _LABEL
    image = image_module.new("RGB", (width, height), "white")
    draw = draw_module.Draw(image)
    title_font, label_font = font_module.load_default(_TITLE), font_module.load_default(_LABEL)

    def square(x: int, y: int, level: int) -> None:
        draw.rounded_rectangle((x, y, x + _SQUARE - 1, y + _SQUARE - 1), _RADIUS, COLOURS[level])

    draw.text((_EDGE, _EDGE // 2), title, _INK, title_font)
    for index, month in month_labels(columns, room=2).items():
        draw.text((_LEFT + index * _STEP, _TOP - _LABEL - 8), month, _MUTED, label_font)
    for row in (1, 3, 5):
        draw.text((_EDGE, _TOP + row * _STEP), WEEKDAYS[row], _MUTED, label_font)
    for index, week in enumerate(columns):
        for row, day in enumerate(week):
            if day is not None:
                square(_LEFT + index * _STEP, _TOP + row * _STEP, day.level)
    legend = _TOP + 7 * _STEP + _EDGE // 2
    right = width - _EDGE
    draw.text((right, legend), "More", _MUTED, label_font, anchor="ra")
    begin = right - int(draw.textlength("More ", label_font)) - len(COLOURS) * _STEP
    for level in range(len(COLOURS)):
        square(begin + level * _STEP, legend, level)
    draw.text((begin - 8, legend), "Less", _MUTED, label_font, anchor="ra")
    output = io.BytesIO()
    image.save(output, "PNG", optimize=True)
    return CalendarImage(output.getvalue(), width, height)


def _pillow() -> tuple[ModuleType, ModuleType, ModuleType]:
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError as error:
        raise ValueError(
            "Pillow, which draws the calendar, is not installed: pip install 'airflow-provider-workplace[bot]'"
        ) from error
    return Image, ImageDraw, ImageFont
