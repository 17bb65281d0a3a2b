"""Exports of a view: picture, data, PDF, spreadsheet. The refusals and their codes differ from method to method.

Source: reference sections 2.3 and 2.5.
"""

from __future__ import annotations

import base64
import csv
import io
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from openpyxl import Workbook as Spreadsheet

from workplace_sandbox.seed.pictures import resized
from workplace_sandbox.seed.sheets import EMPTY
from workplace_sandbox.tableau.big import BigContents
from workplace_sandbox.tableau.errors import TableauError
from workplace_sandbox.tableau.paper import PAPERS, UNSPECIFIED, pdf

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from workplace_sandbox.tableau.catalogue import Sheet, SheetContents, SheetData, SheetQuery, TableauView
    from workplace_sandbox.tableau.view_filters import ViewFilters

Kind = Literal["image", "data", "pdf", "crosstab"]
Version = tuple[int, int]

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
THUMBNAIL = (192, 192)
_FORBIDDEN: dict[Kind, str] = {"image": "403004", "data": "403032", "pdf": "403032", "crosstab": "403130"}
_VIZ_SIZE_SINCE: Version = (3, 23)
_FORMAT_SINCE: Version = (3, 29)
_LARGEST_VIZ = 4096
_EMPTY_CSV = b"\r\n"
_DECIMAL_COMMA = frozenset({"de", "es", "it", "nl", "pt"})
_NUMBER = re.compile(r"[+-]?[\d,]+(\.\d+)?%?")
_SWAPPED = str.maketrans(",.", ".,")


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """The options of a file besides the filters; equal ones share a cache entry.

    :param image_format: ``PNG`` or ``SVG``.
    :param density: 2 for ``resolution=high``, else 1.
    :param viz: requested width and height of the view.
    :param paper: width and height of the paper in points; None for paper that fits.
    :param language: language of the numbers in data; empty for English.
    """

    image_format: str = "PNG"
    density: int = 1
    viz: tuple[int, int] | None = None
    paper: tuple[int, int] | None = None
    language: str = ""


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A complete file."""

    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ExportStream:
    """A file that is generated while it is sent."""

    media_type: str
    size: int
    pieces: Iterator[bytes]


def check_allowed(kind: Kind, view: TableauView, user: str) -> None:
    """Refuse exports without permission, and exports that are not possible.

    :raises TableauError: the code depends on ``kind``.
    """
    if view.sheet.exporters is not None and user not in view.sheet.exporters:
        raise TableauError(_FORBIDDEN[kind], f"User '{user}' does not have permission to export view '{view.luid}'.")
    if view.sheet.disconnected:
        raise TableauError(
            "400081",
            "There was a problem querying the data for view: com.tableausoftware.domain.exceptions."
            "DataSourcesNotConnectedException: the data sources of this view are not connected.",
        )


def read_options(kind: Kind, query: Mapping[str, str], version: Version) -> ExportOptions:
    """Read the options of a request. A version that does not know an option ignores it, like unknown ones.

    :param query: the parameters of the request.
    :param version: of the REST API, as the client wrote it.
    :raises TableauError: an option is invalid.
    """
    viz = _viz(query) if kind in {"image", "pdf"} and version >= _VIZ_SIZE_SINCE else None
    if kind == "image":
        image_format = query.get("format", "PNG").upper()
        if image_format not in {"PNG", "SVG"}:
            raise TableauError("400003", f"The format {image_format} is neither PNG nor SVG.")
        if image_format == "SVG" and version < _FORMAT_SINCE:
            raise TableauError("403157", "The feature SVG export is disabled.")
        return ExportOptions(image_format, 2 if query.get("resolution") == "high" else 1, viz)
    if kind == "pdf":
        name = query.get("type", "Legal").lower()
        paper = PAPERS.get(name)
        if paper is None and name != UNSPECIFIED:
            raise TableauError("400003", f"There is no page type {name}.")
        turned = query.get("orientation", "Portrait").lower() == "landscape"
        return ExportOptions(viz=viz, paper=paper[::-1] if paper and turned else paper)
    return ExportOptions(language=query.get("language", "").replace("-", "_").partition("_")[0].lower())


def make_file(kind: Kind, view: TableauView, filters: ViewFilters, options: ExportOptions, *, cloud: bool) -> ExportFile:
    """Make the file of an export.

    :param cloud: whether it is Tableau Cloud, which names the encoding of data.
    :raises TableauError: 400130: the spreadsheet would be empty.
    """
    if kind in {"image", "pdf"}:
        return _draw(kind, view, filters, options)
    table = _localized(table_of(view, filters), options.language)
    if kind == "data":
        # Without a charset clients assume Latin-1, and Korean becomes unreadable.
        return ExportFile("text/csv;charset=UTF-8" if cloud else "text/csv", csv_of(table))
    if not table.rows:
        raise TableauError("400130", f"The view '{view.luid}' is empty: there is no crosstab to export.")
    return ExportFile(XLSX, _xlsx(table))


def workbook_file(views: Sequence[TableauView], filters: ViewFilters, options: ExportOptions) -> ExportFile:
    """Make the PDF of a workbook with tabs: a page for each view."""
    pictures = [picture(view, filters, 2) for view in views]
    return ExportFile("application/pdf", pdf(pictures, views[0].workbook.name, options.paper or PAPERS["legal"]))


def stream(kind: Kind, view: TableauView, *, cloud: bool) -> ExportStream | None:
    """Return the file of an export that is too large to be held in memory; None for any other."""
    contents = view.workbook.data_sheet(view.sheet).contents
    if not isinstance(contents, BigContents) or kind not in {"data", "crosstab"}:
        return None
    if kind == "data":
        return ExportStream("text/csv;charset=UTF-8" if cloud else "text/csv", contents.csv_bytes, contents.csv())
    return ExportStream(XLSX, contents.xlsx_bytes, contents.xlsx())


def thumbnail(view: TableauView, filters: ViewFilters) -> bytes:
    """Return the small square picture of a view, as a PNG."""
    return resized(picture(view, filters), *THUMBNAIL)


def picture(view: TableauView, filters: ViewFilters, density: int = 1) -> bytes:
    """Return the picture of a view, as a PNG.

    :param density: 1, or 2 for twice as many pixels each way.
    """
    contents = contents_of(view.sheet)
    return _picture(contents, filters.question(view.sheet, contents, view.workbook), density)


def table_of(view: TableauView, filters: ViewFilters) -> SheetData:
    """Return the data of a view; of a dashboard that of its first worksheet."""
    sheet = view.workbook.data_sheet(view.sheet)
    contents = contents_of(sheet)
    return contents.table(filters.question(sheet, contents, view.workbook))


def csv_of(table: SheetData) -> bytes:
    """Return a table as Tableau writes CSV: UTF-8 without a byte order mark, quotes where they are needed."""
    if not table.columns:
        return _EMPTY_CSV
    target = io.StringIO()
    csv.writer(target).writerows([table.columns, *table.rows])
    return target.getvalue().encode()


def contents_of(sheet: Sheet) -> SheetContents:
    """Return the contents of a sheet; a big one has none, its data is in its files."""
    return EMPTY if isinstance(sheet.contents, BigContents) else sheet.contents


@lru_cache(maxsize=128)
def _picture(contents: SheetContents, question: SheetQuery, density: int) -> bytes:
    return contents.picture(question, density)


def _draw(kind: Kind, view: TableauView, filters: ViewFilters, options: ExportOptions) -> ExportFile:
    width, height = contents_of(view.sheet).size
    # A dashboard of a fixed size keeps it, whatever the request.
    requested = options.viz if view.sheet.kind == "worksheet" else None
    density = 2 if kind == "pdf" else options.density
    if requested is None:
        made = picture(view, filters, density)
    else:
        width, height = requested
        made = resized(picture(view, filters, 2), width * density, height * density)
    if kind == "pdf":
        if options.paper is None:
            return ExportFile("application/pdf", pdf([made], view.sheet.name, (width, height), margin=0))
        return ExportFile("application/pdf", pdf([made], view.sheet.name, options.paper))
    if options.image_format == "SVG":
        return ExportFile("image/svg+xml", _svg(made, width, height))
    return ExportFile("image/png", made)


def _svg(png: bytes, width: int, height: int) -> bytes:
    """Return the picture in an SVG; Tableau's own has shapes, but shows the same to a reader."""
    data = base64.b64encode(png).decode()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<image width="{width}" height="{height}" href="data:image/png;base64,{data}"/></svg>'
    ).encode()


def _localized(table: SheetData, language: str) -> SheetData:
    """Return a table with the numbers of a language that has a comma before decimals."""
    if language not in _DECIMAL_COMMA:
        return table

    def localized(text: str) -> str:
        return text.translate(_SWAPPED) if _NUMBER.fullmatch(text) else text

    return replace(table, rows=tuple(tuple(map(localized, row)) for row in table.rows))


def _xlsx(table: SheetData) -> bytes:
    spreadsheet = Spreadsheet(write_only=True)
    sheet = spreadsheet.create_sheet("Sheet1")
    for row in (table.columns, *table.rows):
        sheet.append(row)
    target = io.BytesIO()
    spreadsheet.save(target)
    return target.getvalue()


def _viz(query: Mapping[str, str]) -> tuple[int, int] | None:
    values = [query[name] for name in ("vizWidth", "vizHeight") if name in query]
    if not values:
        return None
    sizes = [int(text) for text in values if text.isascii() and text.isdigit() and len(text) < 9]
    if len(sizes) != 2 or not all(0 < size <= _LARGEST_VIZ for size in sizes):
        raise TableauError("400003", f"vizWidth and vizHeight come together, each from 1 to {_LARGEST_VIZ} pixels.")
    return sizes[0], sizes[1]
