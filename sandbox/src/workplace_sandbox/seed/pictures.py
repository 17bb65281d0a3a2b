"""Draws the pictures of the seeded pages.

All lettering is ASCII in the font that comes with Pillow: a picture looks the same on every machine, with or without
Korean fonts. Charts are drawn at twice their size and reduced, which smooths their lines.
"""

from __future__ import annotations

import hashlib
import io
from functools import cache, lru_cache, wraps
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, ParamSpec

from PIL import Image, ImageDraw, ImageFont, ImageOps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_P = ParamSpec("_P")

_INK, _MUTED, _GRID = "#1f2937", "#6b7280", "#e5e7eb"
_BLUE, _PALE, _ORANGE, _GREEN = "#2563eb", "#c3d5f9", "#ea7a26", "#16976a"
_SCALE = 2
_WIDTH, _HEIGHT = 860, 400
# Two of them are shown beside each other, where a wide chart would become too small to read.
_NARROW = 600


WIDE, NARROW = (_WIDTH, _HEIGHT), (_NARROW, _HEIGHT)
"""Width and height in pixels of a line chart, and of the other charts."""


# Drawing takes most of the time of a reset, and each reset draws the same pictures.
_KEPT_PICTURES = 128


def _draw_once(draw: Callable[_P, bytes]) -> Callable[_P, bytes]:
    """Keep the pictures that a function drew last; the same arguments give the same picture."""
    known = lru_cache(maxsize=_KEPT_PICTURES)(draw)

    @wraps(draw)
    def drawn(*arguments: _P.args, **options: _P.kwargs) -> bytes:
        return known(*map(_frozen, arguments), **{name: _frozen(value) for name, value in options.items()})

    return drawn


def _frozen(value: object) -> object:
    """Return lists as tuples, which a cache can look up."""
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


class _Canvas:
    """A drawing surface in the units of the finished picture.

    :param density: pixels of the finished picture per unit.
    """

    def __init__(self, title: str, width: int = _WIDTH, height: int = _HEIGHT, density: int = 1) -> None:
        self._scale = _SCALE * density
        self._image = Image.new("RGB", (width * self._scale, height * self._scale), "white")
        self._draw = ImageDraw.Draw(self._image)
        self.text(28, 24, title, _INK, 17)

    def line(self, points: Sequence[tuple[float, float]], colour: str, width: float = 1) -> None:
        scaled = [(x * self._scale, y * self._scale) for x, y in points]
        self._draw.line(scaled, colour, round(width * self._scale), joint="curve")

    def box(self, left: float, top: float, right: float, bottom: float, colour: str, radius: float = 0) -> None:
        corners = (left * self._scale, top * self._scale, right * self._scale - 1, bottom * self._scale - 1)
        self._draw.rounded_rectangle(corners, radius * _SCALE, colour)

    def dot(self, x: float, y: float, colour: str, radius: float = 4) -> None:
        self._draw.ellipse([(v + d) * self._scale for d in (-radius, radius) for v in (x, y)], colour)

    def area(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        self._draw.polygon([(x * self._scale, y * self._scale) for x, y in points], colour)

    def text(self, x: float, y: float, text: str, colour: str, size: int = 13, anchor: str = "lm") -> None:
        self._draw.text((x * self._scale, y * self._scale), text, colour, _font(size * self._scale), anchor)

    def png(self) -> bytes:
        return _png(self._image.reduce(_SCALE))


@_draw_once
def line_chart(
    title: str,
    labels: Sequence[str],
    values: Sequence[float],
    targets: Sequence[float],
    *,
    width: int = _WIDTH,
    density: int = 1,
) -> bytes:
    """Return a PNG with the course of a figure and its target.

    :param labels: one per value, below the axis; every second one is shown.
    :param width: width in units; pixels when the density is 1.
    :param density: pixels per unit, for screens that show more of them.
    """
    canvas = _Canvas(title, width, density=density)
    low, high, step = _axis([*values, *targets])
    left, right, top, bottom = 84, width - 30, 62, _HEIGHT - 46

    def at(index: int, value: float) -> tuple[float, float]:
        return (
            left + (right - left) * (index + 0.5) / len(values),
            bottom - (bottom - top) * (value - low) / (high - low),
        )

    for tick in range(round((high - low) / step) + 1):
        y = at(0, low + tick * step)[1]
        canvas.line([(left, y), (right, y)], _GRID)
        canvas.text(left - 12, y, f"{low + tick * step:,.0f}", _MUTED, 12, "rm")
    course = [at(index, value) for index, value in enumerate(values)]
    canvas.area([(course[0][0], bottom), *course, (course[-1][0], bottom)], "#eef4ff")
    goal = [at(index, target) for index, target in enumerate(targets)]
    for first, second in pairwise(goal):
        middle = ((first[0] * 2 + second[0]) / 3, (first[1] * 2 + second[1]) / 3)
        canvas.line([first, middle], _ORANGE, 1.5)
    canvas.line(course, _BLUE, 2.5)
    for index, point in enumerate(course):
        canvas.dot(*point, _BLUE, 4 if index < len(course) - 1 else 6)
        if (len(course) - 1 - index) % 2 == 0:
            canvas.text(point[0], bottom + 18, labels[index], _MUTED, 12, "mm")
    canvas.text(course[-1][0], course[-1][1] - 20, f"{values[-1]:,.0f}", _BLUE, 15, "mm")
    canvas.line([(right - 156, 25), (right - 132, 25)], _BLUE, 2.5)
    canvas.text(right - 124, 25, "Actual", _MUTED, 12)
    canvas.line([(right - 68, 25), (right - 58, 25)], _ORANGE, 1.5)
    canvas.text(right - 48, 25, "Target", _MUTED, 12)
    return canvas.png()


@_draw_once
def bar_chart(
    title: str, labels: Sequence[str], before: Sequence[float], values: Sequence[float], unit: str, *, density: int = 1
) -> bytes:
    """Return a PNG with pairs of bars: the week before and this week.

    :param density: pixels per unit, for screens that show more of them.
    """
    canvas = _Canvas(title, _NARROW, density=density)
    low, high, step = 0.0, *_axis([0.0, *before, *values])[1:]
    left, right, top, bottom = 48, _NARROW - 20, 88, _HEIGHT - 46
    for tick in range(round(high / step) + 1):
        y = bottom - (bottom - top) * tick * step / (high - low)
        canvas.line([(left, y), (right, y)], _GRID)
        canvas.text(left - 12, y, f"{tick * step:g}", _MUTED, 12, "rm")
    slot = (right - left) / len(labels)
    for index, label in enumerate(labels):
        middle = left + slot * (index + 0.5)
        for value, offset, colour in ((before[index], -42, _PALE), (values[index], 2, _BLUE)):
            y = bottom - (bottom - top) * value / high
            canvas.box(middle + offset, y, middle + offset + 40, bottom, colour, 3)
            canvas.text(middle + offset + 20, y - 11, f"{value:.1f}", _MUTED if offset < 0 else _INK, 12, "mm")
        canvas.text(middle, bottom + 19, label, _INK, 13, "mm")
    canvas.box(28, 47, 40, 59, _PALE, 2)
    canvas.text(47, 53, "Last week", _MUTED, 13)
    canvas.box(132, 47, 144, 59, _BLUE, 2)
    canvas.text(151, 53, f"This week, {unit}", _MUTED, 13)
    return canvas.png()


@_draw_once
def funnel_chart(title: str, steps: Sequence[tuple[str, int]], *, density: int = 1) -> bytes:
    """Return a PNG with a bar per step and the share that took the next one.

    :param density: pixels per unit, for screens that show more of them.
    """
    canvas = _Canvas(title, _NARROW, density=density)
    left, right = 122, _NARROW - 132
    for index, (name, people) in enumerate(steps):
        y = 76 + index * 60
        width = (right - left) * people / steps[0][1]
        canvas.box(left, y, right, y + 34, "#f3f4f6", 4)
        canvas.box(left, y, left + max(width, 6), y + 34, _GREEN if index == len(steps) - 1 else _BLUE, 4)
        canvas.text(left - 14, y + 17, name, _INK, 13, "rm")
        canvas.text(right + 14, y + 17, f"{people:,}", _INK, 14)
        if index:
            canvas.text(right + 78, y + 17, f"{100 * people / steps[index - 1][1]:.0f} %", _MUTED, 13)
    return canvas.png()


@_draw_once
def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """Return a PNG with a table; its first column is text, the others are figures."""
    canvas = _Canvas(title, _NARROW, 78 + 32 * (len(rows) + 1))
    left, right, top = 28, _NARROW - 28, 52
    edges = [left + 190 + (right - left - 190) * (index + 1) / (len(header) - 1) for index in range(len(header) - 1)]
    for index, row in enumerate([header, *rows]):
        y = top + 32 * index
        if index == 0:
            canvas.box(left, y, right, y + 32, "#eef4ff")
        colour = _BLUE if index == 0 else _INK
        canvas.text(left + 12, y + 16, row[0], colour, 13)
        for edge, cell in zip(edges, row[1:], strict=True):
            canvas.text(edge - 14, y + 16, cell, colour, 13, "rm")
        canvas.line([(left, y + 32), (right, y + 32)], _GRID)
    return canvas.png()


@_draw_once
def blank_chart(title: str, size: tuple[int, int], *, density: int = 1) -> bytes:
    """Return a PNG with a title and no marks: a chart without data.

    :param size: width and height in units.
    :param density: pixels per unit.
    """
    return _Canvas(title, *size, density).png()


def stacked(rows: Sequence[Sequence[bytes]]) -> bytes:
    """Return a PNG made of others.

    :param rows: pictures beside each other, from the top downwards. Pictures of a row are of one height, rows of one width.
    """
    images = [[Image.open(io.BytesIO(picture)) for picture in row] for row in rows]
    whole = Image.new("RGB", (sum(image.width for image in images[0]), sum(row[0].height for row in images)), "white")
    y = 0
    for row in images:
        x = 0
        for image in row:
            whole.paste(image, (x, y))
            x += image.width
        y += row[0].height
    return _png(whole)


def fitted(picture: bytes, width: int, height: int) -> Image.Image:
    """Return a picture as large as it can be within a white area, its proportions kept, in the middle.

    :param picture: any format that Pillow reads.
    :param width: of the area, in pixels.
    :param height: of the area, in pixels.
    """
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    return ImageOps.pad(image, (width, height), Image.Resampling.LANCZOS, color="white")


@lru_cache(maxsize=_KEPT_PICTURES)
def resized(picture: bytes, width: int, height: int) -> bytes:
    """Return the result of ``fitted`` as a PNG."""
    return _png(fitted(picture, width, height))


@lru_cache(maxsize=_KEPT_PICTURES)
def stand_in(filename: str, media_type: str, size: tuple[int, int] = (960, 560)) -> bytes:
    """Return a placeholder picture: a window with a side bar and rows, coloured by its name.

    :param filename: its ASCII part is written on the picture.
    :param media_type: ``image/png``, ``image/jpeg``, ``image/gif``, ``image/webp``, ``image/bmp`` or ``image/svg+xml``.
    :param size: width and height in pixels.
    """
    width, height = size
    digest = hashlib.sha256(filename.encode("utf-8", "replace")).digest()
    hue = digest[0] * 360 // 256
    label = " ".join("".join(c if " " < c <= "~" else " " for c in filename).split()) or "picture"
    if media_type == "image/svg+xml":
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
            f'<rect width="100%" height="100%" fill="hsl({hue},40%,94%)"/>'
            f'<text x="50%" y="50%" text-anchor="middle" font-family="sans-serif" fill="hsl({hue},40%,35%)">'
            f"{escape(label)}</text></svg>"
        ).encode()
    image = Image.new("RGB", size, f"hsl({hue},30%,97%)")
    draw = ImageDraw.Draw(image)
    strong, pale = f"hsl({hue},45%,48%)", f"hsl({hue},32%,88%)"
    bar = max(6, min(44, height // 6))
    draw.rectangle((0, 0, width, bar), fill=strong)
    if width >= 320 and height >= 100:
        side = width // 5
        draw.rectangle((0, bar, side, height), fill=pale)
        for index in range((height - bar) // 34):
            y = bar + 20 + index * 34
            draw.rectangle((14, y, side - 16 - digest[index % 32] % 40, y + 8), fill=f"hsl({hue},26%,74%)")
            length = side + 26 + (width - side - 60) * (40 + digest[(index + 7) % 32] % 60) // 100
            draw.rectangle((side + 26, y, length, y + 10), fill=pale if index else strong)
        draw.text((14, bar // 2), label[: width // 9], "white", ImageFont.load_default(max(10, bar // 3)), "lm")
    draw.rectangle((0, 0, width - 1, height - 1), outline=f"hsl({hue},20%,78%)")
    target = io.BytesIO()
    formats = {
        "image/png": "PNG",
        "image/jpeg": "JPEG",
        "image/gif": "GIF",
        "image/webp": "WEBP",
        "image/bmp": "BMP",
    }
    image.save(target, formats[media_type])
    return target.getvalue()


def _png(image: Image.Image) -> bytes:
    target = io.BytesIO()
    image.save(target, "PNG")
    return target.getvalue()


def _axis(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the lower end, the upper end and the step of an axis with four to eight round ticks."""
    low, high = min(values), max(values)
    spread = (high - low) or abs(high) or 1.0
    magnitude = 10.0 ** (len(f"{spread:.0f}") - 1)
    step = next(
        (magnitude * f for f in (0.1, 0.2, 0.25, 0.5, 1.0, 2.0) if spread / (magnitude * f) <= 6),
        magnitude * 2,
    )
    # Half a step of air above the highest value holds its label.
    return step * (low // step), step * -(-(high + step / 2) // step), step
