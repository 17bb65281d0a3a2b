"""Exports of views and workbooks, with checks of the files and of the data that they show."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.http.client import TIMED_OUT
from workplace_provider.http.errors import AuthFailed, RateLimited, WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.tableau.client.export import (
    Exported,
    ExportOptions,
    FirstRowReached,
    InspectingSink,
    export_warnings,
)
from workplace_provider.tableau.client.filters import ViewFilters, unmatched_value
from workplace_provider.tableau.client.formats import CSV, PDF, XLSX, ViewFormat
from workplace_provider.tableau.client.responses import VIEW_NOT_FOUND_FOR_DATA, EmptyView, path_segment

if TYPE_CHECKING:
    from workplace_provider.http.client import Download, Sink
    from workplace_provider.tableau.client.model import View, Workbook
    from workplace_provider.tableau.client.rest import RestApi

log = get_logger("workplace_provider.tableau")

_WORKBOOK_PDF_SINCE: Final = "3.4"
_WORKBOOK_FILTERS_SINCE: Final = "3.23"


class ViewExports:
    """The exports of one session. It remembers which views show data with which filters.

    :param rest: the REST API
    :param seconds: limit for one export with all its attempts; ``None`` for no limit
    """

    def __init__(self, rest: RestApi, seconds: float | None) -> None:
        self._rest = rest
        self._seconds = seconds
        self._with_rows: dict[tuple[str, str], bool | None] = {}
        self._row_locks: dict[tuple[str, str], threading.Lock] = {}
        self._lock = threading.Lock()

    def export(
        self,
        view: View,
        exported: ViewFormat,
        sink: Sink,
        options: ExportOptions,
        *,
        allow_empty: bool = False,
    ) -> Exported:
        """Stream a view into a sink, and check the file; see :meth:`TableauClient.export`."""
        self._rest.require(options.needs(exported, custom=view.custom_view is not None))
        warnings: tuple[str, ...] = ()
        if exported not in (CSV, XLSX):
            warnings = self._check_rows(view, options, allow_empty=allow_empty)
        checked = InspectingSink(sink, exported, byte_order_mark=options.byte_order_mark and exported is CSV)
        try:
            download = self._download(view, exported, checked, options)
        except WorkplaceError as error:
            error.message = f"{view}: {error.message}"
            raise
        if exported is CSV:
            self._with_rows[_key(view, options)] = checked.inspection.has_rows
        pixels = checked.inspection.pixels
        warnings += export_warnings(view, exported, options, pixels)
        for warning in warnings:
            log.warning("%s", warning)
        return Exported(
            view=view,
            format=exported,
            size=download.size,
            sha256=download.sha256,
            pixels=pixels,
            has_rows=checked.inspection.has_rows,
            filters=options.filters.described(),
            language=options.language,
            updated_at=view.updated_at,
            warnings=warnings,
        )

    def export_workbook(self, workbook: Workbook, sink: Sink, options: ExportOptions) -> None:
        """Stream the PDF of a workbook into a sink, and check the file.

        Tableau returns all sheets of a workbook that opens with tabs, and only the default view of any other workbook
        (tableau/tabcmd#233).

        :raises BadResponse: the file is incomplete or no PDF
        """
        needed = {"the PDF of a workbook": _WORKBOOK_PDF_SINCE}
        if options.filters.values:
            # Older versions ignore the filters (tableau/server-client-python#643).
            needed["filters for the PDF of a workbook"] = _WORKBOOK_FILTERS_SINCE
        self._rest.require(needed)
        checked = InspectingSink(sink, PDF)
        self._rest.download(
            f"workbooks/{path_segment(workbook.id)}/{PDF.path}",
            options.query(PDF),
            checked,
            check=lambda download: checked.finish(download.media_type),
            seconds=self._seconds,
        )

    def has_rows(self, view: View, options: ExportOptions) -> bool | None:
        """Return whether a view shows data with these filters. The data is requested once, and read up to its first row.

        :return: ``None`` if this is unknown: for a dashboard, Tableau returns only the data of its first sheet, and the
            account may have no permission to see the data
        """
        key = _key(view, options)
        with self._lock:
            key_lock = self._row_locks.setdefault(key, threading.Lock())
        with key_lock:
            if key not in self._with_rows:
                self._with_rows[key] = self._request_rows(view, options)
            return self._with_rows[key]

    def knows_filter(self, view: View, name: str, value: Any) -> bool | None:
        """Return whether a view has the field of a filter. Tableau silently ignores a filter by any other field.

        The client filters by a value that no row has: if the view still shows data, it ignored the filter. This takes one
        request per view and field.

        :param name: name of the field
        :param value: a value of the filter, which determines the type of the field
        :return: ``None`` if this cannot be checked: for parameters, and for dashboards and stories
        """
        unmatched = unmatched_value(name, value)
        if unmatched is None or view.sheet_type != "worksheet":
            return None
        has_rows = self.has_rows(view, ExportOptions(filters=ViewFilters({name: unmatched})))
        return None if has_rows is None else not has_rows

    def _request_rows(self, view: View, options: ExportOptions) -> bool | None:
        sink = InspectingSink(_NullSink(), CSV)
        sink.stop_at_first_row = True
        try:
            self._download(view, CSV, sink, options)
        except FirstRowReached:
            return True
        except EmptyView:
            return False
        except WorkplaceError as error:
            if isinstance(error, AuthFailed | RateLimited) or (error.retryable and error.code != TIMED_OUT):
                raise
            log.warning("%s: cannot check whether the view shows data: %s", view, error)
            return None
        return sink.inspection.has_rows

    def _check_rows(self, view: View, options: ExportOptions, *, allow_empty: bool) -> tuple[str, ...]:
        has_rows = self.has_rows(view, options)
        if has_rows:
            return ()
        if has_rows is None:
            return (f"could not check whether {view.name!r} shows data",)
        if view.sheet_type != "worksheet":
            return (f"the first sheet of {view.name!r} shows no data with these filters",)
        if allow_empty:
            return (f"{view.name!r} shows no data with these filters",)
        raise EmptyView(
            f"{view} shows no data with these filters",
            advice="open the view in Tableau with the same filters and check that it shows data",
        )

    def _download(self, view: View, exported: ViewFormat, sink: InspectingSink, options: ExportOptions) -> Download:
        path, name, item_id = "views", "view", view.id
        if view.custom_view is not None:
            path, name, item_id = "customviews", "customView", view.custom_view.id
        try:
            return self._rest.download(
                f"{path}/{path_segment(item_id)}/{exported.path}",
                options.query(exported),
                sink,
                check=lambda download: sink.finish(download.media_type),
                seconds=self._seconds,
            )
        except WorkplaceError as error:
            if error.code == VIEW_NOT_FOUND_FOR_DATA:
                # The code is ambiguous. A request by id raises NotFound for a deleted view, so that the task is not retried.
                self._rest.get_item(path, name, item_id)
            raise


class _NullSink:
    """A sink that discards everything, for content that is only inspected."""

    def write(self, chunk: bytes, /) -> None:
        """Discard the bytes."""

    def restart(self) -> None:
        """Do nothing: no bytes were kept."""


def _key(view: View, options: ExportOptions) -> tuple[str, str]:
    return view.custom_view.id if view.custom_view else view.id, options.query(CSV)
