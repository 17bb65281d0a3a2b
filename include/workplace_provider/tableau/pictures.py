"""Crop and trim of exported pictures, with limits for pictures that would fill the memory."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.http.errors import BadResponse, TooLarge

if TYPE_CHECKING:
    from PIL import Image as Pillow

MOST_BYTES: Final = 100 * 1024 * 1024
MOST_PIXELS: Final = 50_000_000
"""Limit of pixels to decode, checked in the header: a small file can contain a picture of many gigabytes."""
_PADDING: Final = 8
"""Pixels that remain around a trimmed picture, so that it does not touch the text of a page."""
_TOLERANCE: Final = 8
"""Difference from the colour of the background, of 255, that still is background: the edges of letters are softened."""
_EDGES: Final = ("left", "top", "right", "bottom")


@dataclass(frozen=True, slots=True)
class Edge:
    """A position in a picture: pixels, or a share of the width or height."""

    value: float
    is_share: bool = False

    def pixels(self, length: int, scale: int) -> int:
        """Return the position in a picture.

        :param length: width or height of the picture
        :param scale: pixels of the picture for a pixel of the view
        """
        return round(self.value * length) if self.is_share else round(self.value * scale)

    def __str__(self) -> str:
        return f"{self.value:.0%}" if self.is_share else f"{self.value:g}"


@dataclass(frozen=True, slots=True)
class PictureEdit:
    """The parts of an exported picture to keep.

    :param crop: left, top, right and bottom edge of the part to keep
    :param trim: remove the background around the content
    """

    crop: tuple[Edge, ...] = ()
    trim: bool = False

    def __bool__(self) -> bool:
        return bool(self.crop) or self.trim


@dataclass(frozen=True, slots=True)
class EditedPicture:
    """A PNG with its size, and a warning if there was nothing to trim."""

    content: bytes
    width: int
    height: int
    warnings: tuple[str, ...] = ()


class PictureBuffer:
    """A sink that keeps a picture in memory, up to a limit."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, chunk: bytes, /) -> None:
        """Add the next bytes.

        :raises TooLarge: the picture has too many bytes
        """
        self.content += chunk
        if len(self.content) > MOST_BYTES:
            raise TooLarge(f"the picture has more than {MOST_BYTES:,} bytes", advice="export it without crop and trim")

    def restart(self) -> None:
        """Discard the bytes."""
        self.content.clear()


def parse_crop(value: Any, where: str) -> tuple[Edge, ...]:
    """Return the edges of the part of a picture to keep.

    :param value: left, top, right and bottom in pixels of the view, or as percentages: ``[0, 60, 800, 400]``, or as text
        ``"0, 10%, 100%, 90%"``; blank for the whole picture
    :param where: name of the argument in errors
    :raises ValueError: the value does not have four edges, or they are in the wrong order
    """
    if isinstance(value, tuple) and all(isinstance(edge, Edge) for edge in value):
        return value
    if value is None or (isinstance(value, str) and value.strip() in ("", "None")):
        return ()
    parts = value.strip("[]() ").split(",") if isinstance(value, str) else value
    if not isinstance(parts, Sequence) or len(parts) != len(_EDGES):
        raise ValueError(f"{where} is {value!r}; it must have four edges: left, top, right, bottom")
    edges = tuple(_parse_edge(part, f"{where}: {name}") for part, name in zip(parts, _EDGES, strict=True))
    for first, second in (edges[0::2], edges[1::2]):
        if first.is_share == second.is_share and first.value >= second.value:
            raise ValueError(f"{where} is {value!r}; left must be less than right, and top less than bottom")
    return edges


def _parse_edge(part: Any, where: str) -> Edge:
    text = str(part).strip().strip("'\"")
    try:
        edge = Edge(float(text[:-1]) / 100, is_share=True) if text.endswith("%") else Edge(float(text))
    except ValueError:
        raise ValueError(f"{where} is {part!r}; it must be a number of pixels, or a percentage such as '10%'") from None
    # Also false for NaN.
    if not 0 <= edge.value <= (1 if edge.is_share else MOST_PIXELS):
        raise ValueError(f"{where} is {part!r}; it must be inside of the picture")
    return edge


def edit_picture(content: bytes, edit: PictureEdit, *, scale: int = 1) -> EditedPicture:
    """Crop and trim a PNG. A crop comes first, then the background around the rest is removed.

    :param scale: pixels of the picture for a pixel of the view
    :raises ValueError: the crop is outside of the picture, or Pillow is not installed
    :raises BadResponse: the picture cannot be read
    :raises TooLarge: the picture has too many pixels
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ValueError("crop and trim need Pillow: pip install 'airflow-provider-workplace[tableau]'") from error
    # PNG specification, 11.2.2: width and height are at a fixed place.
    width, height = struct.unpack(">II", content[16:24])
    if width * height > MOST_PIXELS:
        raise TooLarge(
            f"the picture has {width} x {height} pixels; crop and trim take at most {MOST_PIXELS:,}",
            advice="export it with less resolution, or without crop and trim",
        )
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as opened:
            opened.load()
            picture: Pillow.Image = opened.copy()
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError) as error:
        raise BadResponse(f"the picture cannot be read: {error}", retryable=True) from error
    warnings: tuple[str, ...] = ()
    if edit.crop:
        picture = picture.crop(_box_of(edit.crop, picture.size, scale))
    if edit.trim:
        box = _content_box(picture, _PADDING * scale)
        if box is None:
            warnings = ("the picture has one colour, so there is nothing to trim",)
        else:
            picture = picture.crop(box)
    target = io.BytesIO()
    picture.save(target, "PNG")
    return EditedPicture(target.getvalue(), picture.width, picture.height, warnings)


def _box_of(crop: Sequence[Edge], size: tuple[int, int], scale: int) -> tuple[int, int, int, int]:
    width, height = size
    left, top, right, bottom = (edge.pixels(size[index % 2], scale) for index, edge in enumerate(crop))
    if not (left < right <= width and top < bottom <= height):
        listed = ", ".join(map(str, crop))
        raise ValueError(f"crop is {listed}, but the view has {width // scale} x {height // scale} pixels")
    return left, top, right, bottom


def _content_box(picture: Pillow.Image, padding: int) -> tuple[int, int, int, int] | None:
    """Return the part of a picture that is not background, whose colour is that of the first corner."""
    from PIL import Image, ImageChops

    opaque = Image.new("RGB", picture.size, "white")
    with_alpha = picture.convert("RGBA")
    opaque.paste(with_alpha, mask=with_alpha)
    background = Image.new("RGB", picture.size, opaque.getpixel((0, 0)))
    difference = ImageChops.difference(opaque, background).point(lambda value: 255 if value > _TOLERANCE else 0)
    box = difference.getbbox()
    if box is None:
        return None
    width, height = picture.size
    return max(0, box[0] - padding), max(0, box[1] - padding), min(width, box[2] + padding), min(height, box[3] + padding)
