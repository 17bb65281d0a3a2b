"""PDFs of several views as one file, in their order, with a bookmark for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from workplace_provider.http.errors import BadResponse, TooLarge

MOST_BYTES: Final = 256 * 1024 * 1024
"""Limit of all parts. pypdf keeps the objects of all files in memory."""


@dataclass(frozen=True, slots=True)
class PdfPart:
    """A PDF in a local file, and its title in the bookmarks."""

    title: str
    path: Path


class FileSink:
    """A sink that writes to a local file.

    :param path: the file
    """

    def __init__(self, path: Path) -> None:
        self._stream: IO[bytes] = path.open("wb")

    def write(self, chunk: bytes, /) -> None:
        """Write the next bytes."""
        self._stream.write(chunk)

    def restart(self) -> None:
        """Start again with an empty file."""
        self._stream.seek(0)
        self._stream.truncate()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def merge_pdfs(parts: Sequence[PdfPart], target: Path) -> int:
    """Write the pages of several PDFs to one file, in order.

    :return: the number of pages
    :raises ValueError: pypdf is not installed
    :raises BadResponse: a part is not a complete PDF
    :raises TooLarge: the parts have too many bytes
    """
    try:
        from pypdf import PdfWriter
        from pypdf.errors import PyPdfError
    except ImportError as error:
        raise ValueError("several views in one PDF need pypdf: pip install 'airflow-provider-workplace[tableau]'") from error
    size = sum(part.path.stat().st_size for part in parts)
    if size > MOST_BYTES:
        raise TooLarge(
            f"the PDFs have {size:,} bytes, and at most {MOST_BYTES:,} can be merged", advice="export fewer views"
        )
    with PdfWriter() as writer:
        for part in parts:
            try:
                writer.append(part.path, outline_item=part.title, import_outline=False)
            # A damaged file leads to errors of pypdf and to such of Python.
            except (PyPdfError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
                raise BadResponse(f"the PDF of {part.title!r} cannot be read: {error}", retryable=True) from error
        writer.write(target)
        return len(writer.pages)
