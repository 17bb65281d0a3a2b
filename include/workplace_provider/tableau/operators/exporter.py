"""Export of one view into one file of the artifact store. The view operators export once, the batch operator often."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workplace_provider.common.artifact_store import ArtifactStore, safe_name
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.common.artifacts import Artifact
    from workplace_provider.tableau.client import ExportOptions, TableauClient, View, ViewFormat

log = get_logger("workplace_provider.tableau")

ON_EMPTY: Final = ("fail", "skip", "keep")
ON_IDENTICAL: Final = ("warn", "fail", "allow")
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
    """

    name: ViewName
    format: ViewFormat
    options: ExportOptions
    file_name: str
    on_empty: str = "fail"

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
            exported = self._client.export(view, request.format, sink, request.options, allow_empty=keep)
            if request.format is CSV and not exported.has_rows and request.on_empty != "keep":
                raise EmptyView(
                    f"{view} has no rows: {request}",
                    advice="open the view in Tableau with the same filters and check that it shows data",
                )
            facts = exported.facts()
            if ignored := self._ignored_filters(view, request):
                facts["filters_without_effect"] = ignored
                listed = ", ".join(map(repr, ignored))
                warning = f"{view} has no field {listed}: Tableau ignores this filter and exports all data"
                log.warning("%s", warning)
                facts["warnings"] = [*facts.get("warnings", ()), warning]
            sink.describe(**facts)
        size = f"{exported.pixels[0]} x {exported.pixels[1]} pixels, " if exported.pixels else ""
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
