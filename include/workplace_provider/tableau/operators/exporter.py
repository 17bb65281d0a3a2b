"""Export of one view into one file of the artifact store. The view operators export once, the batch operator often."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.common.artifact_store import ArtifactStore, safe_name
from workplace_provider.http.redaction import get_logger
from workplace_provider.tableau.pictures import PictureBuffer, PictureEdit, edit_picture

if TYPE_CHECKING:
    from workplace_provider.common.artifacts import Artifact
    from workplace_provider.tableau.client import ExportOptions, TableauClient, View, ViewFormat
    from workplace_provider.tableau.client.metadata import DashboardSheet

log = get_logger("workplace_provider.tableau")

ON_EMPTY: Final = ("fail", "skip", "keep")
ON_IDENTICAL: Final = ("warn", "fail", "allow")
VIEW_KEYS: Final = ("view", "workbook", "project", "custom_view")
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_PARAMETERS: Final = "Parameters."


@dataclass(frozen=True, slots=True)
class ViewName:
    """A view as a DAG names it, in the forms of :meth:`~workplace_provider.tableau.client.TableauClient.find_view`."""

    view: str
    workbook: str = ""
    project: str = ""
    custom_view: str = ""

    def __str__(self) -> str:
        return " / ".join(filter(None, (self.project, self.workbook, self.view, self.custom_view)))


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """A request to export one view as one file.

    :param name: the view
    :param format: format of the file
    :param options: filters, size and other options of the export
    :param file_name: template of the file's name; see :func:`file_name_of`
    :param on_empty: ``keep`` keeps the file of a view without data; any other value makes it an error
    :param edit: parts of a PNG to keep
    """

    name: ViewName
    format: ViewFormat
    options: ExportOptions
    file_name: str
    on_empty: str = "fail"
    edit: PictureEdit | None = None

    def __str__(self) -> str:
        filters = ", ".join(f"{name}={value}" for name, value in self.options.filters.described().items())
        return f"{self.name} as {self.format.name}" + (f" with {filters}" if filters else "")


class ViewExporter:
    """Exports views into a folder of the artifact store. Thread-safe.

    :param client: client whose session serves all exports
    :param store: store for the files
    :param folder: folder in the store
    """

    def __init__(self, client: TableauClient, store: ArtifactStore, folder: str) -> None:
        self._client = client
        self._store = store
        self._folder = folder
        self._lock = threading.Lock()
        self._views: dict[ViewName, View] = {}
        self._sheets: dict[str, list[DashboardSheet]] = {}

    def find(self, name: ViewName) -> View:
        """Return the view with this name. Every name is looked up only once.

        :raises WorkplaceError: no view has the name, or several have it
        """
        with self._lock:
            if name not in self._views:
                self._views[name] = self._client.find_view(
                    name.view, workbook=name.workbook, project=name.project, custom_view=name.custom_view
                )
            return self._views[name]

    def sheets_of(self, dashboard: View) -> list[DashboardSheet]:
        """Return the sheets of a dashboard. Each dashboard is looked up only once."""
        with self._lock:
            if dashboard.id not in self._sheets:
                self._sheets[dashboard.id] = self._client.metadata.sheets_of(dashboard)
            return self._sheets[dashboard.id]

    def export(self, request: ExportRequest) -> Artifact:
        """Export a view to its file. The file is published only when it is complete.

        :raises EmptyView: the view shows no data
        :raises WorkplaceError: the view cannot be exported
        """
        from workplace_provider.tableau.client import CSV, EmptyView

        view = self.find(request.name)
        name = file_name_of(request.file_name, request, view)
        with self._store.publish(self._folder, name, request.format.media_type) as sink:
            keep = request.on_empty == "keep"
            picture = PictureBuffer() if request.edit else None
            exported = self._client.export(view, request.format, picture or sink, request.options, allow_empty=keep)
            if request.format is CSV and not exported.has_rows and request.on_empty != "keep":
                raise EmptyView(
                    f"{view} has no rows: {request}",
                    advice="open the view in Tableau with the same filters and check that it shows data",
                )
            facts = exported.facts()
            if picture and request.edit:
                scale = 2 if request.options.high_resolution else 1
                edited = edit_picture(bytes(picture.content), request.edit, scale=scale)
                sink.write(edited.content)
                warnings = [*facts.pop("warnings", ()), *edited.warnings]
                facts |= {"width": edited.width, "height": edited.height} | ({"warnings": warnings} if warnings else {})
            if ignored := self._ignored_filters(view, request):
                facts["filters_without_effect"] = ignored
                listed = ", ".join(map(repr, ignored))
                warning = f"{view} has no field {listed}: Tableau ignores this filter and exports all data"
                log.warning("%s", warning)
                facts["warnings"] = [*facts.get("warnings", ()), warning]
            sink.describe(**facts)
        size = f"{facts['width']} x {facts['height']} pixels, " if exported.pixels else ""
        log.info(
            "%s: %s%s bytes of %s, as of %s", name, size, f"{sink.size:,}", view, exported.updated_at or "an unknown time"
        )
        return sink.artifact

    def _ignored_filters(self, view: View, request: ExportRequest) -> list[str]:
        """Return the filters whose field the view does not have, where this can be checked.

        The client checks each field once per view.
        """
        from workplace_provider.http.errors import WorkplaceError

        ignored = []
        for name, value in request.options.filters.values.items():
            try:
                known = self._client.knows_filter(view, name, value)
            except WorkplaceError as error:
                log.warning("%s: cannot check whether the filter %r has an effect: %s", view, name, error)
                continue
            if known is False:
                ignored.append(name)
        return ignored


def file_name_of(template: str, request: ExportRequest, view: View) -> str:
    """Return the name of an export's file.

    :param template: text with ``{view}``, ``{custom_view}``, ``{workbook}``, ``{project}``, and the name of any filter or
        parameter in braces, such as ``image_{지역}.png``; a missing extension is added for the format
    :return: a name that is valid in every file system and wiki
    :raises ValueError: a name in braces is unknown
    """
    known = {name.removeprefix(_PARAMETERS): value for name, value in request.options.filters.described().items()}
    custom = view.custom_view.name if view.custom_view else ""
    known = {"view": view.name, "custom_view": custom, "workbook": view.workbook, "project": view.project, **known}

    def value_of(match: re.Match[str]) -> str:
        if match[1] not in known:
            raise ValueError(
                f"file_name is {template!r}: {{{match[1]}}} is unknown; use one of {', '.join(sorted(known))}, "
                "or add it to filters"
            )
        # Tableau escapes a comma in a filter value with a backslash; the file name does not need it.
        return re.sub(r"\\(.)", r"\1", known[match[1]])

    name = _PLACEHOLDER.sub(value_of, template)
    end = f".{request.format.name}"
    return safe_name(name if name.lower().endswith(end) else f"{name}{end}")


def expand_dashboards(exporter: ViewExporter, requests: Sequence[ExportRequest]) -> tuple[list[ExportRequest], list[str]]:
    """Return requests for the data of each sheet, in place of those for the data of dashboards.

    :return: the requests, without duplicates for a sheet that is in several dashboards; and warnings about hidden sheets
    :raises ValueError: all sheets of a dashboard are hidden
    """
    expanded: dict[str, ExportRequest] = {}
    warnings: dict[str, None] = {}
    for request in requests:
        view = exporter.find(request.name)
        if view.sheet_type != "dashboard" or request.format.name not in ("csv", "xlsx"):
            custom = view.custom_view.id if view.custom_view else ""
            expanded.setdefault(repr(replace(request, name=ViewName(view.id, custom_view=custom))), request)
            continue
        sheets = exporter.sheets_of(view)
        visible = [sheet for sheet in sheets if not sheet.hidden]
        if not visible:
            raise ValueError(f"the dashboard {view} has no sheet that is not hidden; show one of them in its workbook")
        for sheet in visible:
            own = replace(request, name=ViewName(sheet.view_id))
            expanded.setdefault(repr(own), own)
        if hidden := [sheet.name for sheet in sheets if sheet.hidden]:
            warnings[f"{view} has hidden sheets, whose data cannot be exported: {', '.join(hidden)}"] = None
    for warning in warnings:
        log.warning("%s", warning)
    return list(expanded.values()), list(warnings)


def view_entries(views: Any, keys: Collection[str]) -> Iterator[Mapping[str, Any]]:
    """Yield the views as mappings. They may be one text or mapping, a list of these, or JSON.

    :param keys: keys that a mapping may have
    """
    if isinstance(views, str) and views.lstrip()[:1] in ("[", "{"):
        views = json.loads(views)
    for view in [views] if isinstance(views, str | Mapping) else views:
        entry = {"view": view} if isinstance(view, str) else view
        if not isinstance(entry, Mapping) or not entry.get("view"):
            raise ValueError(f"views: {view!r} is not a view; it must be text, or a mapping with the key 'view'")
        if unknown := set(entry) - set(keys):
            raise ValueError(
                f"views: unknown key {', '.join(sorted(unknown))} of the view {entry['view']!r}; "
                f"use {', '.join(sorted(keys))}"
            )
        yield entry


def view_name_of(entry: Mapping[str, Any]) -> ViewName:
    """Return the name of the view in a mapping."""
    return ViewName(*(str(entry.get(key) or "") for key in VIEW_KEYS))
