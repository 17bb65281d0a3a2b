"""The formats that a view can be exported in, and how a finished file of each is known from a broken one."""

from __future__ import annotations

import codecs
import re
import struct
from dataclasses import dataclass
from typing import Final

from workplace_provider.http.errors import BadResponse, WorkplaceError
from workplace_provider.tableau.client.answers import SYSTEM, EmptyView

_HTML: Final = re.compile(rb"^[\s\xef\xbb\xbf]*<(!doctype\s+html|html|head|body)\b", re.I)
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_END: Final = b"IEND\xaeB`\x82"
_ZIP: Final = b"PK\x03\x04"
_ZIP_END: Final = b"PK\x05\x06"
_KEPT: Final = 1024


@dataclass(frozen=True, slots=True)
class ViewFormat:
    """A format of an export.

    :param name: as operators call it
    :param path: of the REST method, below the view
    :param media_type: of the file
    :param since: version of the REST API that has the method
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
FORMATS: Final = {each.name: each for each in (PNG, SVG, CSV, PDF, XLSX)}


class Inspection:
    """Looks at a file while it passes by, and says at the end whether it is whole and of its format.

    Keeps a kilobyte of the beginning and of the end, whatever the size of the file is.
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
        """Look at the next bytes.

        :raises BadResponse: this cannot become a file of the format
        """
        if len(self._head) < _KEPT:
            self._head += chunk[: _KEPT - len(self._head)]
            self._check_beginning()
        self._tail = (self._tail + chunk[-_KEPT:])[-_KEPT:]
        self.size += len(chunk)
        if self._utf8 is not None:
            self._check_text(chunk)

    def finish(self, declared: str = "") -> None:
        """Say whether it was whole.

        :param declared: the media type that the server gave
        :raises EmptyView: there was nothing
        :raises BadResponse: it was cut off, or is of another format
        """
        if not self.size:
            raise EmptyView(
                "the answer was empty",
                system=SYSTEM,
                advice="open the view in Tableau with these filters: does it show anything?",
            )
        # What is shorter than the signature has not been looked at yet.
        self._check_beginning(final=True)
        if declared and declared.lower() not in self._format.accepted:
            raise self._broken(f"the server called it {declared}")
        complete = {
            PNG: self._tail.endswith(_PNG_END),
            PDF: b"%%EOF" in self._tail,
            XLSX: _ZIP_END in self._tail,
            SVG: re.search(rb"</(\w+:)?svg>\s*$", self._tail) is not None,
        }
        if not complete.get(self._format, True):
            raise self._broken(f"it was cut off after {self.size} bytes")
        if self._utf8 is not None:
            self._check_text(b"", final=True)

    @property
    def pixels(self) -> tuple[int, int] | None:
        """Width and height of a PNG, from its header (PNG specification, 11.2.2)."""
        if self._format is not PNG or len(self._head) < 24:
            return None
        width, height = struct.unpack(">II", self._head[16:24])
        return width, height

    def _check_beginning(self, *, final: bool = False) -> None:
        head = self._head
        signature = {PNG: _PNG, PDF: b"%PDF-", XLSX: _ZIP}.get(self._format, b"")
        if _HTML.match(head) or (signature and head.lstrip().startswith(b"<")):
            raise self._broken(
                "it is an HTML page, such as a log-in page or the message of a proxy",
                advice="open the view's URL in a browser: what stands before Tableau?",
            )
        if len(head) >= len(signature) or final:
            if not head.startswith(signature):
                raise self._broken(f"it begins with {head[:16]!r}")
            if self._format is PNG and (len(head) >= 24 or final) and head[12:16] != b"IHDR":
                raise self._broken("its header is no PNG header")
        if self._format is SVG and (len(head) == _KEPT or final) and b"<svg" not in head:
            raise self._broken(f"it begins with {head[:16]!r}")

    def _check_text(self, chunk: bytes, *, final: bool = False) -> None:
        try:
            text = self._utf8.decode(chunk, final) if self._utf8 else ""
        except UnicodeDecodeError as error:
            raise self._broken(f"it is not UTF-8: byte 0x{error.object[error.start]:02x}", retryable=False) from error
        if not self.has_rows:
            self._look_for_rows(text)

    def _look_for_rows(self, text: str) -> None:
        """Whether anything stands behind the first line; a line end within quotes is part of a name."""
        for each in text:
            if self._first_line_ended:
                if not each.isspace():
                    self.has_rows = True
                    return
            elif each == '"':
                self._quoted = not self._quoted
            elif each == "\n" and not self._quoted:
                self._first_line_ended = True

    def _broken(self, what: str, *, advice: str = "", retryable: bool = True) -> WorkplaceError:
        return BadResponse(
            f"expected {self._format.media_type}, but {what}",
            system=SYSTEM,
            advice=advice,
            retryable=retryable,
        )
