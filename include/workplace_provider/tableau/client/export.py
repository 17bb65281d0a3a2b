"""How a view is exported: what can be asked for, the query that follows, and what came out."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.http.errors import Invalid
from workplace_provider.tableau.client.answers import SYSTEM
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


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What an export shall look like.

    :param filters: fields and parameters of the view
    :param max_age: minutes that a picture or result from Tableau's cache may be old; 1 is the least that Tableau knows
    :param high_resolution: twice the pixels (PNG)
    :param width: pixels (PNG, SVG, PDF); with ``height``, from version 3.23 of the REST API on
    :param height: pixels
    :param page_type: paper size (PDF)
    :param orientation: ``Portrait`` or ``Landscape`` (PDF)
    :param language: language of dates and numbers, such as ``ko`` (PNG, CSV)
    :param byte_order_mark: begin the file with one, so that Excel reads it as UTF-8 (CSV)
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
        """Refuse what Tableau would ignore or refuse.

        :raises Invalid: the message names the option
        """
        if self.max_age < 1:
            raise _refused(f"max_age is {self.max_age}", "1 minute is the least that Tableau knows")
        if (self.width is None) != (self.height is None):
            raise _refused(f"width is {self.width} and height is {self.height}", "give both, or neither")
        for name in ("width", "height"):
            if (pixels := getattr(self, name)) is not None and pixels < 1:
                raise _refused(f"{name} is {pixels}", "give a number of pixels above 0")
        if self.page_type is not None and self.page_type not in PAGE_TYPES:
            raise _refused(f"page_type is {self.page_type!r}", f"give one of {', '.join(PAGE_TYPES)}")
        if self.orientation is not None and self.orientation not in ORIENTATIONS:
            raise _refused(f"orientation is {self.orientation!r}", f"give one of {', '.join(ORIENTATIONS)}")

    def query(self, exported: ViewFormat) -> str:
        """The query of the REST method."""
        pairs = [("maxAge", str(self.max_age))]
        if exported is PNG and self.high_resolution:
            pairs.append(("resolution", "high"))
        if exported is SVG:
            pairs.append(("format", "SVG"))
        if exported in (PNG, SVG, PDF) and self.width is not None:
            pairs += [("vizWidth", str(self.width)), ("vizHeight", str(self.height))]
        if exported is PDF:
            pairs += [
                (name, value) for name, value in (("type", self.page_type), ("orientation", self.orientation)) if value
            ]
        if exported in (PNG, SVG, CSV) and self.language:
            pairs.append(("language", self.language))
        return query([*pairs, *self.filters])

    def needs(self, exported: ViewFormat) -> Mapping[str, str]:
        """What of it only newer servers know: a name for people, to the version of the REST API."""
        needed = {exported.name: exported.since}
        if exported in (PNG, SVG, PDF) and self.width is not None:
            needed["width and height"] = _SIZE_SINCE
        return needed


@dataclass(frozen=True, slots=True)
class Exported:
    """What was exported.

    :param size: bytes
    :param sha256: of the content, as Tableau sent it
    :param pixels: width and height of a PNG
    :param has_rows: whether a CSV has more than its heading
    :param warnings: what is not as it was asked for
    """

    view: View
    format: ViewFormat
    size: int
    sha256: str
    pixels: tuple[int, int] | None
    has_rows: bool
    filters: Mapping[str, str]
    updated_at: datetime | None
    warnings: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """What a reader of the file may want to know, as JSON."""
        width, height = self.pixels or (None, None)
        known = {
            "view": self.view.name,
            "view_id": self.view.id,
            "view_url": self.view.url,
            "workbook": self.view.workbook,
            "project": self.view.project,
            "filters": dict(self.filters),
            "updated_at": self.updated_at.isoformat() if self.updated_at else None,
            "width": width,
            "height": height,
            "warnings": list(self.warnings),
        }
        return {name: value for name, value in known.items() if value not in (None, "", [], {})}


class FirstRowReached(Exception):
    """A CSV has a row; the rest of it need not be read."""


class InspectingSink:
    """Hands a file on to a sink, and looks at it while it passes by."""

    def __init__(self, sink: Sink, exported: ViewFormat, *, byte_order_mark: bool = False) -> None:
        self._sink = sink
        self._format = exported
        self._mark = byte_order_mark
        self.stop_at_first_row = False
        self.inspection = Inspection(exported)
        self._waiting: bytes | None = None
        self._begin()

    def write(self, chunk: bytes, /) -> None:
        """Take the next bytes.

        :raises BadResponse: this cannot become a file of the format
        """
        self.inspection.feed(chunk)
        if self.stop_at_first_row and self.inspection.has_rows:
            raise FirstRowReached
        if self._waiting is not None:
            # Only three bytes tell whether there is a byte-order mark; whether one is wanted is ours to say.
            self._waiting += chunk
            if len(self._waiting) < len(codecs.BOM_UTF8):
                return
            chunk, self._waiting = self._marked(self._waiting), None
        self._sink.write(chunk)

    def restart(self) -> None:
        """Begin anew."""
        self._sink.restart()
        self.inspection = Inspection(self._format)
        self._begin()

    def finish(self, declared: str) -> None:
        """Say whether the file was whole.

        :param declared: the media type that the server gave
        :raises WorkplaceError: it was not
        """
        self.inspection.finish(declared)
        if self._waiting is not None:
            self._sink.write(self._marked(self._waiting))
            self._waiting = None

    def _begin(self) -> None:
        self._waiting = b"" if self._format is CSV else None

    def _marked(self, beginning: bytes) -> bytes:
        bare = beginning.removeprefix(codecs.BOM_UTF8)
        return codecs.BOM_UTF8 + bare if self._mark else bare


def warnings_of(view: View, exported: ViewFormat, options: ExportOptions, pixels: tuple[int, int] | None) -> tuple[str, ...]:
    """What is not as one might expect."""
    found = []
    if exported in (CSV, XLSX) and view.sheet_type == "dashboard":
        found.append(f"{view.name!r} is a dashboard: Tableau exports the data of its first sheet only, by alphabet")
    # Servers and fixed-size dashboards ignore a size silently.
    if exported is PNG and pixels and options.width is not None and options.height is not None:
        times = 2 if options.high_resolution else 1
        asked = (options.width * times, options.height * times)
        if pixels != asked:
            found.append(
                f"asked for {asked[0]} x {asked[1]} pixels, got {pixels[0]} x {pixels[1]}: the view has a size of its own"
            )
    return tuple(found)


def _refused(what: str, advice: str) -> Invalid:
    return Invalid(what, system=SYSTEM, advice=advice)
