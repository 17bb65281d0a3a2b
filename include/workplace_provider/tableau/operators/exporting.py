"""One view into one file of the artifact store: what the single operators do once and the batch does often."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.common.artifact_store import ArtifactStore, safe_name
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.common.artifacts import Artifact
    from workplace_provider.tableau.client import ExportOptions, TableauClient, View, ViewFormat

log = get_logger("workplace_provider.tableau")

ON_EMPTY: Final = ("fail", "skip", "keep")
ON_IDENTICAL: Final = ("warn", "fail", "allow")
_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_PARAMETERS: Final = "Parameters."


@dataclass(frozen=True, slots=True)
class ViewName:
    """A view as a DAG names it: see :meth:`~workplace_provider.tableau.client.TableauClient.find_view`."""

    view: str
    workbook: str = ""
    project: str = ""

    def __str__(self) -> str:
        return " / ".join(filter(None, (self.project, self.workbook, self.view)))


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """A file to make.

    :param name: which view
    :param format: of the file
    :param options: how it shall look
    :param file_name: template of the file's name; see :func:`named_file`
    :param on_empty: what to do when the view shows no data: ``keep`` the file, otherwise it is an error
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
    """Exports views into a folder of the artifact store. May be used by several threads.

    :param client: one session for everything
    :param store: where the files go
    :param folder: of the store
    """

    def __init__(self, client: TableauClient, store: ArtifactStore, folder: str) -> None:
        self._client = client
        self._store = store
        self._folder = folder
        self._lock = threading.Lock()
        self._found: dict[ViewName, View] = {}

    def find(self, name: ViewName) -> View:
        """The view of a name; each is looked up once.

        :raises WorkplaceError: there is none, or there are several
        """
        with self._lock:
            if name not in self._found:
                self._found[name] = self._client.find_view(name.view, workbook=name.workbook, project=name.project)
            return self._found[name]

    def export(self, request: ExportRequest) -> Artifact:
        """Make the file; nothing is there under its name before it is whole.

        :raises EmptyView: the view shows nothing
        :raises WorkplaceError: it cannot be exported
        """
        from workplace_provider.tableau.client import CSV, EmptyView

        view = self.find(request.name)
        name = named_file(request.file_name, request, view)
        with self._store.publish(self._folder, name, request.format.media_type) as sink:
            keep = request.on_empty == "keep"
            exported = self._client.export(view, request.format, sink, request.options, allow_empty=keep)
            if request.format is CSV and not exported.has_rows and request.on_empty != "keep":
                raise EmptyView(
                    f"{view} has no rows: {request}", system="Tableau", advice="open the view in Tableau with these filters"
                )
            facts = exported.facts()
            if without := self._filters_without_effect(view, request):
                facts["filters_without_effect"] = without
                listed = ", ".join(map(repr, without))
                warning = f"{view} has no field {listed}: Tableau ignores a filter by it, and exports everything"
                log.warning("%s", warning)
                facts["warnings"] = [*facts.get("warnings", ()), warning]
            sink.describe(**facts)
        size = f"{exported.pixels[0]} x {exported.pixels[1]} pixels, " if exported.pixels else ""
        log.info(
            "%s: %s%s bytes of %s, as of %s", name, size, f"{sink.size:,}", view, exported.updated_at or "an unknown time"
        )
        return sink.artifact

    def _filters_without_effect(self, view: View, request: ExportRequest) -> list[str]:
        """The filters by fields that the view lacks, as far as that can be known; each field is tried once per view."""
        from workplace_provider.http.errors import WorkplaceError

        without = []
        for name, value in request.options.filters.values.items():
            try:
                known = self._client.knows_filter(view, name, value)
            except WorkplaceError as error:
                log.warning("%s: whether the filter %r has an effect cannot be checked: %s", view, name, error)
                continue
            if known is False:
                without.append(name)
        return without


def named_file(template: str, request: ExportRequest, view: View) -> str:
    """The name of a file.

    :param template: text with ``{view}``, ``{workbook}``, ``{project}``, and the name of any filter or parameter in braces,
        such as ``image_{지역}.png``; the extension follows from the format when it is missing
    :return: a name that every file system and wiki takes
    :raises ValueError: a name in braces is none of these
    """
    known = {name.removeprefix(_PARAMETERS): value for name, value in request.options.filters.described().items()}
    known = {"view": view.name, "workbook": view.workbook, "project": view.project, **known}

    def filled(match: re.Match[str]) -> str:
        if match[1] not in known:
            raise ValueError(
                f"the file name {template!r} has {{{match[1]}}} in it, which is none of {', '.join(sorted(known))}"
            )
        # A backslash before a comma is Tableau's way of writing it.
        return re.sub(r"\\(.)", r"\1", known[match[1]])

    name = _PLACE.sub(filled, template)
    end = f".{request.format.name}"
    return safe_name(name if name.lower().endswith(end) else f"{name}{end}")


def as_mapping(value: Any, what: str) -> Mapping[str, Any]:
    """A mapping that may have come through a template as JSON.

    :param what: what it is, for the message
    :raises ValueError: it is none
    """
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else {}
        except ValueError as error:
            raise ValueError(f"{what} is {value!r}, which is no JSON: in a template, write … | tojson ({error})") from error
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} is {value!r}; it must be a mapping of names to values")
    return value
