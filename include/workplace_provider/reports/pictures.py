"""Comparisons of pictures, pixel by pixel. They need Pillow, which the extra ``reports`` installs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS: Final = 100_000_000
"""A picture of a few kilobytes may claim to have billions of pixels."""

MOST_COMPARED: Final = 25_000_000
"""Most pixels of a picture that is compared with another one: each takes up to four bytes."""

EVERYWHERE: Final = "everywhere"

_BAND: Final = 256  # rows of pixels that are compared at once
_MOSTLY: Final = 0.6
_NAMES: Final = (
    ("upper left", "top", "upper right"),
    ("left", "centre", "right"),
    ("lower left", "bottom", "lower right"),
)


@dataclass(frozen=True, slots=True)
class PictureChange:
    """The difference of two pictures of the same size.

    :param share: share of the pixels that differ, 0 to 1
    :param place: where most of them are, such as ``upper right`` or ``top``; empty if no pixel differs, and
        :data:`EVERYWHERE` if they are in several parts
    """

    share: float
    place: str


def is_blank(stream: IO[bytes]) -> bool:
    """Return whether all pixels of a picture have the same colour.

    :raises ValueError: if the file is no picture, or has more than :data:`MOST_PIXELS`
    """
    image = _open(stream)
    # A picture of few colours has their numbers instead of channels, and two numbers may be the same colour.
    extrema = (image if image.mode in ("RGB", "RGBA") else image.convert("RGBA")).getextrema()
    return all(least == most for least, most in extrema)  # type: ignore[misc]


def compare_pictures(before: IO[bytes], after: IO[bytes]) -> PictureChange | None:
    """Return the difference of two pictures; ``None`` if their sizes differ.

    Besides the two pictures, a band of them is in memory.

    :raises ValueError: if a file is no picture, or has more than :data:`MOST_COMPARED` pixels
    """
    first, second = _open(before, MOST_COMPARED), _open(after, MOST_COMPARED)
    if first.size != second.size:
        return None
    width, height = first.size
    columns, rows = ([round(size * part / 3) for part in range(4)] for size in first.size)
    counts = [
        [_count_changed(first, second, (left, top, right, bottom)) for left, right in pairwise(columns)]
        for top, bottom in pairwise(rows)
    ]
    changed = sum(map(sum, counts))
    return PictureChange(changed / (width * height), _place(counts, changed))


def _count_changed(first: Image, second: Image, box: tuple[int, int, int, int]) -> int:
    """Return how many pixels in a part of two pictures differ in any channel."""
    from PIL import ImageChops

    left, top, right, bottom = box
    count = 0
    for begin in range(top, bottom, _BAND):
        band = (left, begin, right, min(begin + _BAND, bottom))
        difference = ImageChops.difference(first.crop(band).convert("RGBA"), second.crop(band).convert("RGBA"))
        largest, *others = difference.split()
        for channel in others:
            largest = ImageChops.lighter(largest, channel)
        count += sum(largest.histogram()[1:])
    return count


def _place(counts: Sequence[Sequence[int]], changed: int) -> str:
    """Return where most of the changed pixels are: in a ninth of the picture, in a third, or everywhere."""
    if not changed:
        return ""
    for row, names in zip(counts, _NAMES, strict=True):
        for count, name in zip(row, names, strict=True):
            if count > changed * _MOSTLY:
                return name
    for row, names in zip(counts, _NAMES, strict=True):
        if sum(row) > changed * _MOSTLY:
            return names[1]
    for column, name in zip(zip(*counts, strict=True), _NAMES[1], strict=True):
        if sum(column) > changed * _MOSTLY:
            return name
    return EVERYWHERE


def _open(stream: IO[bytes], most: int = MOST_PIXELS) -> Image:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise ValueError("checks of pictures need Pillow; install airflow-provider-workplace[reports]") from None
    try:
        image = Image.open(stream)
        if image.width * image.height > most:
            raise ValueError(f"the picture has {image.width} x {image.height} pixels, more than {most:,}")
        image.load()
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"the file is no picture: {error}") from error
    return image
