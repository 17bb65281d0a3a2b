"""Comparisons of pictures, pixel by pixel. They need Pillow, which the extra ``reports`` installs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS: Final = 100_000_000
"""A picture of a few kilobytes may claim to have billions of pixels."""

_NAMES: Final = (
    ("upper left", "top", "upper right"),
    ("left", "centre", "right"),
    ("lower left", "bottom", "lower right"),
)


@dataclass(frozen=True, slots=True)
class PictureChange:
    """The difference of two pictures of the same size.

    :param share: share of the pixels that differ, 0 to 1
    :param place: where they are, such as ``upper right``; empty if no pixel differs, and ``everywhere`` for most of it
    """

    share: float
    place: str


def is_blank(stream: IO[bytes]) -> bool:
    """Return whether all pixels of a picture have the same colour.

    :raises ValueError: if the file is no picture, or has more than :data:`MOST_PIXELS`
    """
    extrema = _open(stream).convert("RGBA").getextrema()
    return all(least == most for least, most in extrema)  # type: ignore[misc]


def compare_pictures(before: IO[bytes], after: IO[bytes]) -> PictureChange | None:
    """Return the difference of two pictures; ``None`` if their sizes differ.

    :raises ValueError: if a file is no picture, or has more than :data:`MOST_PIXELS`
    """
    from PIL import ImageChops

    first, second = _open(before).convert("RGB"), _open(after).convert("RGB")
    if first.size != second.size:
        return None
    difference = ImageChops.difference(first, second).convert("L").point(lambda value: 255 if value else 0)
    box = difference.getbbox()
    if box is None:
        return PictureChange(0.0, "")
    width, height = difference.size
    share = difference.histogram()[255] / (width * height)
    left, top, right, bottom = box
    if right - left > width * 2 / 3 and bottom - top > height * 2 / 3:
        return PictureChange(share, "everywhere")
    column = min(int((left + right) / 2 / width * 3), 2)
    row = min(int((top + bottom) / 2 / height * 3), 2)
    return PictureChange(share, _NAMES[row][column])


def _open(stream: IO[bytes]) -> Image:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise ValueError("checks of pictures need Pillow; install airflow-provider-workplace[reports]") from None
    try:
        image = Image.open(stream)
        if image.width * image.height > MOST_PIXELS:
            raise ValueError(f"the picture has {image.width} x {image.height} pixels, more than {MOST_PIXELS:,}")
        image.load()
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"the file is no picture: {error}") from error
    return image
