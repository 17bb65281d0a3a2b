"""The formats of exports, and the checks that detect incomplete and wrong files."""

from __future__ import annotations

import codecs
import re
import struct
from dataclasses import dataclass
from typing import Final

from workplace_provider.http.errors import BadResponse, WorkplaceError
from workplace_provider.tableau.client.responses import EmptyView

_HTML: Final = re.compile(rb"^[\s\xef\xbb\xbf]*<(!doctype\s+html|html|head|body)\b", re.I)
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_END: Final = b"IEND\xaeB`\x82"
_ZIP: Final = b"PK\x03\x04"
_ZIP_END: Final = b"PK\x05\x06"
_KEPT: Final = 1024
"""Number of bytes kept from the start and from the end of a file."""


@dataclass(frozen=True, slots=True)
class ViewFormat:
    """A format of an export.

    :param name: name of the format in operators, and extension of the file
    :param path: path of the REST method, below the view
    :param media_type: media type of the file
    :param since: first version of the REST API with this method
    :param accepted: media types that the server may declare
    """

    name: str
    path: str
    media_type: str
    since: str
    accepted: tuple[str, ...]


PNG: Final = ViewFormat("png", "image", "image/png", "2.5", ("image/png", "application/octet-stream"))
SVG: Final = ViewFormat("svg", "image", "image/svg+xml", "3.29", ("image/svg+xml", "application/octet-stream"))
CSV: Final = ViewFormat("csv", "data", "text/csv", "2.7", ("text/csv", "text/plain", "application/octet-stream"))
PDF: Final = ViewFormat("pdf", "pdf", "application/pdf", "2.7", ("application/pdf", "application/octet-stream"))
XLSX: Final = ViewFormat(
    "xlsx",
    "crosstab/excel",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "3.8",
    (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.ms-excel",
        "application/octet-stream",
    ),
)
FORMATS: Final = {view_format.name: view_format for view_format in (PNG, SVG, CSV, PDF, XLSX)}


class Inspection:
    """Checks a file while it is streamed: it must be complete and have the expected format.

    Only the first and the last kilobyte are kept, for a file of any size.

    :param expected: expected format
    """

    def __init__(self, expected: ViewFormat) -> None:
        self._format = expected
        self._head = b""
        self._tail = b""
        self._utf8 = codecs.getincrementaldecoder("utf-8")() if expected is CSV else None
        self.size = 0
        self.has_rows = False
        self._quoted = False
        self._first_line_ended = False

    def feed(self, chunk: bytes) -> None:
        """Check the next bytes.

        :raises BadResponse: the content is not of the expected format
        """
        if len(self._head) < _KEPT:
            self._head += chunk[: _KEPT - len(self._head)]
            self._check_start()
        self._tail = (self._tail + chunk[-_KEPT:])[-_KEPT:]
        self.size += len(chunk)
        if self._utf8 is not None:
            self._check_text(chunk)

    def finish(self, declared: str = "") -> None:
        """Check that the file is complete.

        :param declared: media type of the response
        :raises EmptyView: the response was empty
        :raises BadResponse: the file is incomplete, or of another format
        """
        if not self.size:
            raise EmptyView(
                "the response was empty",
                advice="open the view in Tableau with the same filters and check that it shows data",
            )
        # A file that is shorter than its signature has not been checked yet.
        self._check_start(final=True)
        if declared and declared.lower() not in self._format.accepted:
            raise self._broken(f"the server declared {declared}")
        complete = {
            PNG: self._tail.endswith(_PNG_END),
            PDF: b"%%EOF" in self._tail,
            XLSX: _ZIP_END in self._tail,
            SVG: re.search(rb"</(\w+:)?svg>\s*$", self._tail) is not None,
        }
        if not complete.get(self._format, True):
            raise self._broken(f"the file was cut off after {self.size} bytes")
        if self._utf8 is not None:
            self._check_text(b"", final=True)

    @property
    def pixels(self) -> tuple[int, int] | None:
        """The width and height of a PNG, from its header (PNG specification, 11.2.2)."""
        if self._format is not PNG or len(self._head) < 24:
            return None
        width, height = struct.unpack(">II", self._head[16:24])
        return width, height

    def _check_start(self, *, final: bool = False) -> None:
        head = self._head
        signature = {PNG: _PNG, PDF: b"%PDF-", XLSX: _ZIP}.get(self._format, b"")
        if _HTML.match(head) or (signature and head.lstrip().startswith(b"<")):
            raise self._broken(
                "got an HTML page, such as a log-in page or the message of a proxy",
                advice="open the view's URL in a browser and check for a log-in page or proxy in front of Tableau",
            )
        if len(head) >= len(signature) or final:
            if not head.startswith(signature):
                raise self._broken(f"the file starts with {head[:16]!r}")
            if self._format is PNG and (len(head) >= 24 or final) and head[12:16] != b"IHDR":
                raise self._broken("the file has no PNG header")
        if self._format is SVG and (len(head) == _KEPT or final) and b"<svg" not in head:
            raise self._broken(f"the file starts with {head[:16]!r}")

    def _check_text(self, chunk: bytes, *, final: bool = False) -> None:
        try:
            text = self._utf8.decode(chunk, final) if self._utf8 else ""
        except UnicodeDecodeError as error:
            problem = f"the text is not UTF-8: byte 0x{error.object[error.start]:02x}"
            raise self._broken(problem, retryable=False) from error
        if not self.has_rows:
            self._look_for_rows(text)

    def _look_for_rows(self, text: str) -> None:
        """Set :attr:`has_rows` if there is text after the header; a line break within quotes is part of a name.

        The :mod:`csv` module does not read a file in chunks that end anywhere.
        """
        for character in text:
            if self._first_line_ended:
                if not character.isspace():
                    self.has_rows = True
                    return
            elif character == '"':
                self._quoted = not self._quoted
            elif character == "\n" and not self._quoted:
                self._first_line_ended = True

    def _broken(self, problem: str, *, advice: str = "", retryable: bool = True) -> WorkplaceError:
        return BadResponse(
            f"expected {self._format.media_type}, but {problem}",
            advice=advice,
            retryable=retryable,
        )
