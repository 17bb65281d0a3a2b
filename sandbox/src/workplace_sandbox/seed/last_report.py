"""A file of storage format as last week's report: its checks, and the files it refers to."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workplace_sandbox.seed.pictures import stand_in
from workplace_sandbox.ui.sanitize import pixels
from workplace_sandbox.ui.storage import AC, RI, StorageError, parse_storage, qname

if TYPE_CHECKING:
    from pathlib import Path

    from lxml import etree

_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/svg+xml"})
_LONGEST_SIDE = 1000


@dataclass(frozen=True)
class PlaceholderFile:
    """A made-up file for a reference in a body."""

    filename: str
    media_type: str
    content: bytes


def read_report(path: Path) -> str:
    """Read a file of storage format, line ends included.

    :param path: a file from an export or from the view "storage format" of a page.
    :return: the body; encoded again it is the file, byte for byte.
    :raises OSError: the file cannot be read.
    :raises ValueError: the file is not UTF-8 or not well-formed storage format; the message has the place and the text
        there.
    """
    raw = path.read_bytes()
    try:
        body = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise ValueError(f"{path}, line {line}, column {column}: byte 0x{raw[error.start]:02x} is not UTF-8") from None
    try:
        parse_storage(body)
    except StorageError as error:
        lines = body.split("\n")
        near = lines[error.line - 1][max(0, error.column - 31) : error.column + 10].strip()
        raise ValueError(f"{path}, line {error.line}, column {error.column}: {error.reason}; found {near!r}") from None
    return body


def referenced_files(body: str) -> list[PlaceholderFile]:
    """Return a file for every attachment of its own page that a body refers to.

    :param body: well-formed storage format.
    :return: in the order of the references, each name once. A picture has the size in the body; any other file is a
        short
        text.
    """
    made: dict[str, PlaceholderFile] = {}
    for reference in parse_storage(body).iter(qname(RI, "attachment")):
        filename = reference.get(qname(RI, "filename"), "")
        # A reference that contains a page refers to that page's attachment.
        if filename and filename not in made and len(reference) == 0:
            made[filename] = _make(filename, reference.getparent())
    return list(made.values())


def _make(filename: str, image: etree._Element | None) -> PlaceholderFile:
    in_image = image is not None and image.tag == qname(AC, "image")
    media_type = mimetypes.guess_type(filename)[0] or ("image/png" if in_image else "text/plain")
    if media_type in _PICTURES:
        return PlaceholderFile(filename, media_type, stand_in(filename, media_type, _size(image if in_image else None)))
    return PlaceholderFile(filename, media_type, f"Stands in for {filename}.\n".encode())


def _size(image: etree._Element | None) -> tuple[int, int]:
    if image is None:
        return 960, 560
    width, height = (
        pixels(image.get(qname(AC, f"original-{side}"))) or pixels(image.get(qname(AC, side)))
        for side in ("width", "height")
    )
    width = width or 960
    height = height or width * 7 // 12
    scale = min(1.0, _LONGEST_SIDE / max(width, height))
    return max(24, round(width * scale)), max(24, round(height * scale))
