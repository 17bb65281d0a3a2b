"""Options and results of exports, and the sink that checks a file while it is streamed."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.http.errors import Invalid
from workplace_provider.tableau.client.filters import ViewFilters, query
from workplace_provider.tableau.client.formats import CSV, PDF, PNG, SVG, XLSX, Inspection, ViewFormat

if TYPE_CHECKING:
    from workplace_provider.http.client import Sink
    from workplace_provider.tableau.client.model import View

PAGE_TYPES: Final = (
    *("A3", "A4", "A5", "B4", "B5", "Executive", "Folio", "Ledger", "Legal", "Letter", "Note", "Quarto", "Tabloid"),
    "Unspecified",
)
ORIENTATIONS: Final = ("Portrait", "Landscape")
_SIZE_SINCE: Final = "3.23"
_CUSTOM_IMAGE_SINCE: Final = "3.18"
_CUSTOM_FILE_SINCE: Final = "3.23"
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}([_-][A-Za-z]{2,4}){0,2}")


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """Options of an export.

    ::

        ExportOptions(filters=ViewFilters({"지역": "서울"}), high_resolution=True, language="ko")

    :param filters: values for fields and parameters of the view
    :param max_age: maximum age in minutes of an image or result from Tableau's cache; Tableau's minimum is 1
    :param high_resolution: twice the pixels (PNG)
    :param width: width in pixels (PNG, SVG, PDF), together with ``height``; needs version 3.23 of the REST API
    :param height: height in pixels
    :param page_type: paper size in upper or lower case, such as ``A4`` (PDF)
    :param orientation: ``Portrait`` or ``Landscape``, in upper or lower case (PDF)
    :param language: language of dates and numbers, such as ``ko``. It also changes the numbers in data: ``1.234,5``
    :param byte_order_mark: start the file with a byte-order mark, so that Excel reads it as UTF-8 (CSV)
    """

    filters: ViewFilters = field(default_factory=lambda: ViewFilters({}))
    max_age: int = 1
    high_resolution: bool = False
    width: int | None = None
    height: int | None = None
    page_type: str | None = None
    orientation: str | None = None
    language: str | None = None
    byte_order_mark: bool = False

    def __post_init__(self) -> None:
        """Check for values that Tableau would ignore or reject.

        :raises Invalid: a value is not valid; the message names the option
        """
        if self.max_age < 1:
            raise _invalid(f"max_age is {self.max_age}", "set at least 1 minute, Tableau's minimum")
        if (self.width is None) != (self.height is None):
            raise _invalid(f"width is {self.width} and height is {self.height}", "set both, or neither")
        for name in ("width", "height"):
            if (pixels := getattr(self, name)) is not None and pixels < 1:
                raise _invalid(f"{name} is {pixels}", "set a number of pixels above 0")
        for name, choices in (("page_type", PAGE_TYPES), ("orientation", ORIENTATIONS)):
            text = getattr(self, name)
            if text is not None and text.lower() not in map(str.lower, choices):
                raise _invalid(f"{name} is {text!r}", f"use one of {', '.join(choices)}")
        if self.language is not None and not _LANGUAGE.fullmatch(self.language):
            raise _invalid(f"language is {self.language!r}", "use a code such as ko, de or zh_CN")

    def query(self, exported: ViewFormat) -> str:
        """Return the query string of the REST method."""
        pairs = [("maxAge", str(self.max_age))]
        if exported is PNG and self.high_resolution:
            pairs.append(("resolution", "high"))
        if exported is SVG:
            pairs.append(("format", "SVG"))
        if exported in (PNG, SVG, PDF) and self.width is not None:
            pairs += [("vizWidth", str(self.width)), ("vizHeight", str(self.height))]
        if exported is PDF:
            # Tableau's reference has "A4", its Python client sends "a4"; servers accept what that client sends.
            texts = (("type", self.page_type), ("orientation", self.orientation))
            pairs += [(name, value.lower()) for name, value in texts if value]
        if self.language:
            pairs.append(("language", self.language))
        return query([*pairs, *self.filters])

    def needs(self, exported: ViewFormat, *, custom: bool = False) -> Mapping[str, str]:
        """Return the minimum version of the REST API for each option in use, by the option's name for messages.

        :param custom: the export is of a custom view
        :raises Invalid: Tableau does not export custom views in this format
        """
        needed = {exported.name: exported.since}
        if custom:
            if exported is XLSX:
                raise _invalid("a custom view cannot be exported as xlsx", "use csv, or the original view with filters")
            images = exported in (PNG, SVG)
            needed[f"{exported.name} of a custom view"] = _CUSTOM_IMAGE_SINCE if images else _CUSTOM_FILE_SINCE
        if exported in (PNG, SVG, PDF) and self.width is not None:
            needed["width and height"] = _SIZE_SINCE
        return needed


@dataclass(frozen=True, slots=True)
class Exported:
    """The result of an export.

    :param view: the exported view
    :param format: format of the file
    :param size: size in bytes
    :param sha256: checksum of the content as Tableau sent it
    :param pixels: width and height of a PNG
    :param has_rows: whether a CSV has rows after the header
    :param filters: the filters as text
    :param language: language of dates and numbers, if the options name one
    :param updated_at: time of the last change of the view
    :param warnings: differences between the options and the file, and doubts about the data
    """

    view: View
    format: ViewFormat
    size: int
    sha256: str
    pixels: tuple[int, int] | None
    has_rows: bool
    filters: Mapping[str, str]
    language: str | None
    updated_at: datetime | None
    warnings: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """Return metadata of the file as JSON, without empty values."""
        width, height = self.pixels or (None, None)
        custom = self.view.custom_view
        known = {
            "view": self.view.name,
            "view_id": self.view.id,
            "view_url": self.view.url,
            "custom_view": custom.name if custom else None,
            "custom_view_id": custom.id if custom else None,
            "workbook": self.view.workbook,
            "project": self.view.project,
            "filters": dict(self.filters),
            "language": self.language,
            "updated_at": self.updated_at.isoformat() if self.updated_at else None,
            "width": width,
            "height": height,
            "warnings": list(self.warnings),
        }
        return {name: value for name, value in known.items() if value not in (None, "", [], {})}


class FirstRowReached(Exception):
    """A CSV has a row; the rest of the file does not need to be read."""


class InspectingSink:
    """Passes a file to another sink, and inspects it while it is streamed.

    :param sink: the other sink
    :param exported: expected format
    :param byte_order_mark: start a CSV with a byte-order mark
    """

    def __init__(self, sink: Sink, exported: ViewFormat, *, byte_order_mark: bool = False) -> None:
        self._sink = sink
        self._format = exported
        self._mark = byte_order_mark
        self.stop_at_first_row = False
        self.inspection = Inspection(exported)
        self._buffered: bytes | None = None
        self._start()

    def write(self, chunk: bytes, /) -> None:
        """Write the next bytes.

        :raises BadResponse: the content is not of the expected format
        """
        self.inspection.feed(chunk)
        if self.stop_at_first_row and self.inspection.has_rows:
            raise FirstRowReached
        if self._buffered is not None:
            # A byte-order mark has three bytes; Tableau's mark is removed, and one is added if the options ask for it.
            self._buffered += chunk
            if len(self._buffered) < len(codecs.BOM_UTF8):
                return
            chunk, self._buffered = self._with_mark(self._buffered), None
        self._sink.write(chunk)

    def restart(self) -> None:
        """Discard everything and start again."""
        self._sink.restart()
        self.inspection = Inspection(self._format)
        self._start()

    def finish(self, declared: str) -> None:
        """Check that the file is complete.

        :param declared: media type of the response
        :raises WorkplaceError: the file is incomplete or of another format
        """
        self.inspection.finish(declared)
        if self._buffered is not None:
            self._sink.write(self._with_mark(self._buffered))
            self._buffered = None

    def _start(self) -> None:
        self._buffered = b"" if self._format is CSV else None

    def _with_mark(self, beginning: bytes) -> bytes:
        bare = beginning.removeprefix(codecs.BOM_UTF8)
        return codecs.BOM_UTF8 + bare if self._mark else bare


def export_warnings(
    view: View, exported: ViewFormat, options: ExportOptions, pixels: tuple[int, int] | None
) -> tuple[str, ...]:
    """Return warnings about a file that differs from what a user may expect."""
    warnings = []
    if exported in (CSV, XLSX) and view.sheet_type == "dashboard":
        warnings.append(f"{view.name!r} is a dashboard: Tableau exports the data of its first sheet only, by alphabet")
    # Old servers and dashboards of a fixed size ignore width and height without an error.
    if exported is PNG and pixels and options.width is not None and options.height is not None:
        scale = 2 if options.high_resolution else 1
        expected = (options.width * scale, options.height * scale)
        if pixels != expected:
            warnings.append(
                f"the image has {pixels[0]} x {pixels[1]} pixels instead of {expected[0]} x {expected[1]}: the view has a "
                "fixed size"
            )
    return tuple(warnings)


def _invalid(message: str, advice: str) -> Invalid:
    return Invalid(message, advice=advice)
