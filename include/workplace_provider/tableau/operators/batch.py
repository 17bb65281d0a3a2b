"""Operator that exports many views, filters and formats in one session."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from workplace_provider.common.arguments import parse_bool, parse_int
from workplace_provider.common.artifacts import MANIFEST
from workplace_provider.tableau.operators.base import TableauExportOperator
from workplace_provider.tableau.operators.exporting import (
    ON_EMPTY,
    ON_IDENTICAL,
    ExportRequest,
    ViewExporter,
    ViewName,
    as_mapping,
    named_file,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.common.artifact_store import ArtifactStore
    from workplace_provider.common.artifacts import Artifact
    from workplace_provider.http.errors import WorkplaceError
    from workplace_provider.tableau.client import TableauClient

MANIFEST_NAME: Final = "manifest.json"
_OF_A_VIEW: Final = ("view", "workbook", "project")
_OF_AN_EXPORT: Final = frozenset((*_OF_A_VIEW, "filters", "format", "file_name", "width", "height", "high_resolution"))


@dataclass(frozen=True, slots=True)
class _Outcome:
    request: ExportRequest
    artifact: Artifact | None = None
    error: WorkplaceError | None = None
    left_out: bool = False


class TableauExportBatchOperator(TableauExportOperator):
    """Export views times filters times formats in one session, a few at a time.

    The result is a manifest, an artifact that stands for all files: ``ConfluenceAttachOperator`` attaches them, and an edit
    of a table reads the rows of its CSV. One export that fails does not keep the others from being made.

    :param views: one view or a list; each is what ``TableauViewImageOperator`` takes as ``view``, or a mapping of ``view``,
        ``workbook``, ``project`` and, for this view alone, ``filters``, ``format``, ``file_name``, ``width``, ``height``,
        ``high_resolution``
    :param formats: one of ``png``, ``svg``, ``csv``, ``pdf``, ``xlsx``, or a list of them
    :param filters: filters of all exports
    :param each: name of a field or parameter to a list of values: one export for each value, and with several names for
        each combination. A value that is a list means "one of these"
    :param file_name: template of the files' names; by default the view and the values of ``each``
    :param concurrency: exports at the same time; Tableau renders each on the server
    :param on_error: ``fail`` the task when any export failed, or hand on the ``partial`` result; none at all is a failure
    :param on_empty: when a view shows no data with its filters: ``fail`` the export, ``skip`` it, or ``keep`` the file with
        a warning. The view's data decides, once for all formats
    :param on_identical: when exports of a view with different filters have the same content: ``warn``, ``fail``, or
        ``allow`` it. Tableau ignores a filter by a field that the view does not have
    :param high_resolution: twice the pixels (PNG)
    :param width: pixels, with ``height`` (PNG, SVG, PDF)
    :param height: pixels
    :param page_type: paper size (PDF)
    :param orientation: ``Portrait`` or ``Landscape`` (PDF)
    :param language: language of dates and numbers, such as ``ko`` (PNG, CSV)
    :param max_age: minutes that a result from Tableau's cache may be old
    """

    template_fields: Sequence[str] = (
        "tableau_conn_id",
        "views",
        "formats",
        "filters",
        "each",
        "file_name",
        "concurrency",
        "on_error",
        "on_empty",
        "on_identical",
        "high_resolution",
        "width",
        "height",
        "page_type",
        "orientation",
        "language",
        "max_age",
        "enabled",
        "output_path",
        "output_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"views": "json", "filters": "json", "each": "json"}
    choices: ClassVar[dict[str, tuple[str, ...]]] = {
        "on_error": ("fail", "partial"),
        "on_empty": ON_EMPTY,
        "on_identical": ON_IDENTICAL,
    }

    def __init__(
        self,
        *,
        views: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]],
        formats: str | Sequence[str] = "png",
        filters: Mapping[str, Any] | str | None = None,
        each: Mapping[str, Sequence[Any]] | str | None = None,
        file_name: str = "",
        concurrency: int | str = 4,
        on_error: str = "fail",
        on_empty: str = "fail",
        on_identical: str = "warn",
        high_resolution: bool | str = True,
        width: int | str | None = None,
        height: int | str | None = None,
        page_type: str | None = "A4",
        orientation: str | None = None,
        language: str | None = None,
        max_age: int | str = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.views = views
        self.formats = formats
        self.filters = filters
        self.each = each
        self.file_name = file_name
        self.concurrency = concurrency
        self.on_error = on_error
        self.on_empty = on_empty
        self.on_identical = on_identical
        self.high_resolution = high_resolution
        self.width = width
        self.height = height
        self.page_type = page_type
        self.orientation = orientation
        self.language = language
        self.max_age = max_age

    def _export(self, client: TableauClient, store: ArtifactStore, folder: str, context: Context) -> Artifact:
        requests = list(self._requests())
        if not requests:
            raise ValueError("there is nothing to export: views, formats and the lists in each must not be empty")
        exporter = ViewExporter(client, store, folder)
        outcomes = self._carried_out(exporter, requests)
        files = [outcome.artifact for outcome in outcomes if outcome.artifact]
        failed = [outcome for outcome in outcomes if outcome.error and not outcome.left_out]
        left_out = [outcome for outcome in outcomes if outcome.left_out]
        self.log.info("%d files of %d exports; %d empty, %d failed", len(files), len(outcomes), len(left_out), len(failed))
        if failed and (self.on_error == "fail" or not files):
            raise _together(failed, len(outcomes))
        identical = [] if self.on_identical == "allow" else _identical(outcomes)
        for warning in identical:
            self.log.warning("%s", warning)
        if identical and self.on_identical == "fail":
            raise ValueError("; ".join(identical))
        facts: dict[str, Any] = {"files": len(files), "failed": len(failed), "left_out": len(left_out)}
        if identical:
            facts["warnings"] = identical
        content = {
            "dag_id": context["dag"].dag_id,
            "run_id": context["run_id"],
            "task_id": self.task_id,
            "files": [artifact.as_dict() for artifact in files],
            "failed": [{"export": str(each.request), "error": str(each.error)} for each in failed],
            "left_out": [str(each.request) for each in left_out],
        }
        with store.publish(folder, MANIFEST_NAME, MANIFEST) as sink:
            sink.write(json.dumps(content, ensure_ascii=False, indent=2).encode())
            sink.describe(**facts)
        return sink.artifact

    def _carried_out(self, exporter: ViewExporter, requests: Sequence[ExportRequest]) -> list[_Outcome]:
        """Look every view up and give every file its name, then export: mistakes show before Tableau renders anything."""
        from workplace_provider.http.errors import AuthFailed, RateLimited, WorkplaceError
        from workplace_provider.tableau.client import EmptyView

        names: dict[str, ExportRequest] = {MANIFEST_NAME: requests[0]}
        ready: list[ExportRequest | _Outcome] = []
        for request in requests:
            try:
                view = exporter.find(request.name)
            except WorkplaceError as error:
                if isinstance(error, AuthFailed | RateLimited) or self.on_error == "fail":
                    raise
                ready.append(_Outcome(request, error=error))
                continue
            self.view_url = self.view_url or view.url
            name = named_file(request.file_name, request, view)
            if name in names:
                raise ValueError(
                    f"{names[name]} and {request} would both be the file {name}: put what tells them apart into file_name"
                )
            names[name] = request
            ready.append(request)
        stop = threading.Event()
        total = len(requests)
        counter = itertools.count(1)

        def carried_out(each: ExportRequest | _Outcome) -> _Outcome:
            if isinstance(each, _Outcome):
                return each
            if stop.is_set():
                return _Outcome(
                    each, error=WorkplaceError("not begun, since another export failed for good", system="Tableau")
                )
            try:
                outcome = _Outcome(each, exporter.export(each))
            except EmptyView as error:
                outcome = _Outcome(each, error=error, left_out=self.on_empty == "skip")
            except WorkplaceError as error:
                outcome = _Outcome(each, error=error)
                if isinstance(error, AuthFailed | RateLimited):
                    # Every other export would run into the same wall, and knock on a door that is shut.
                    stop.set()
            done = next(counter)
            if outcome.error:
                self.log.warning("%d of %d: %s: %s", done, total, each, outcome.error)
            else:
                self.log.info("%d of %d: %s", done, total, each)
            return outcome

        concurrency = max(1, int(self.concurrency))
        with ThreadPoolExecutor(min(concurrency, total), thread_name_prefix="tableau-export") as pool:
            return list(pool.map(carried_out, ready))

    def _requests(self) -> Iterator[ExportRequest]:
        from workplace_provider.tableau.client import FORMATS, ExportOptions, ViewFilters

        shared = as_mapping(self.filters, "filters")
        each = as_mapping(self.each, "each")
        for name, values in each.items():
            if isinstance(values, str | Mapping) or not isinstance(values, Sequence):
                raise ValueError(f"each: {name!r} is {values!r}; it must be a list, with one export for each of its values")
        for entry in _entries(self.views):
            own = as_mapping(entry.get("filters"), "filters of a view")
            for name in _listed(entry.get("format") or self.formats):
                if name not in FORMATS:
                    raise ValueError(f"the format {name!r} is none of {', '.join(FORMATS)}")
                for values in itertools.product(*each.values()):
                    varied = dict(zip(each, values, strict=True))
                    yield ExportRequest(
                        ViewName(*(str(entry.get(part) or "") for part in _OF_A_VIEW)),
                        FORMATS[name],
                        ExportOptions(
                            filters=ViewFilters({**shared, **own, **varied}),
                            max_age=int(self.max_age),
                            high_resolution=parse_bool(
                                entry.get("high_resolution", self.high_resolution), "high_resolution"
                            ),
                            width=parse_int(entry.get("width", self.width), "width"),
                            height=parse_int(entry.get("height", self.height), "height"),
                            page_type=self.page_type or None,
                            orientation=self.orientation or None,
                            language=self.language or None,
                        ),
                        str(entry.get("file_name") or self.file_name or _usual_name(each)),
                        self.on_empty,
                    )


def _entries(views: Any) -> Iterator[Mapping[str, Any]]:
    """The views as mappings, whichever way they were given."""
    if isinstance(views, str) and views.lstrip()[:1] in ("[", "{"):
        views = json.loads(views)
    for view in [views] if isinstance(views, str | Mapping) else views:
        entry = {"view": view} if isinstance(view, str) else view
        if not isinstance(entry, Mapping) or not entry.get("view"):
            raise ValueError(f"{view!r} is no view: give a text, or a mapping with 'view' in it")
        if unknown := set(entry) - _OF_AN_EXPORT:
            raise ValueError(
                f"{', '.join(sorted(unknown))} of the view {entry['view']!r} is none of {', '.join(_OF_AN_EXPORT)}"
            )
        yield entry


def _listed(value: Any) -> Sequence[str]:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else list(value)


def _usual_name(each: Mapping[str, Any]) -> str:
    return "_".join(["{view}", *(f"{{{name.removeprefix('Parameters.')}}}" for name in each)])


def _identical(outcomes: Sequence[_Outcome]) -> list[str]:
    """What has the same content although its filters differ, in words."""
    groups: dict[tuple[object, ...], list[_Outcome]] = {}
    for outcome in outcomes:
        if outcome.artifact:
            request = outcome.request
            unfiltered = replace(request.options, filters=type(request.options.filters)({}))
            groups.setdefault((request.name, request.format, repr(unfiltered), outcome.artifact.sha256), []).append(outcome)
    warnings = []
    for group in groups.values():
        described = [outcome.request.options.filters.described() for outcome in group]
        if len({json.dumps(filters, sort_keys=True) for filters in described}) < 2:
            continue
        names = sorted({name for filters in described for name in filters if len({f.get(name) for f in described}) > 1})
        warnings.append(
            f"{len(group)} exports of {group[0].request.name} as {group[0].request.format.name} have the same content, "
            f"although they differ in {', '.join(map(repr, names))}: does the view have that field?"
        )
    return warnings


def _together(failed: Sequence[_Outcome], total: int) -> WorkplaceError:
    """The errors of several exports as one, which may be retried when any of them may."""
    from workplace_provider.http.errors import WorkplaceError

    errors = [outcome.error for outcome in failed if outcome.error]
    listed = "".join(f"\n  {outcome.request}: {outcome.error}" for outcome in failed)
    waits = [error.retry_after for error in errors if error.retry_after is not None]
    return WorkplaceError(
        f"{len(failed)} of {total} exports failed:{listed}",
        system="Tableau",
        retryable=any(error.retryable for error in errors),
        retry_after=max(waits, default=None),
    )
