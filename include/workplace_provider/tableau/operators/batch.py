"""Operator that exports many combinations of views, filters and formats in one session."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.common.arguments import none_if_blank, parse_bool, parse_int, parse_mapping, parse_names
from workplace_provider.common.artifacts import MANIFEST
from workplace_provider.common.fields import Field, boolean, choice, integer, mapping, names, optional_text, template, text
from workplace_provider.tableau.operators.base import TableauExportOperator
from workplace_provider.tableau.operators.exporter import (
    ON_EMPTY,
    ON_IDENTICAL,
    VIEW_KEYS,
    ExportRequest,
    ViewExporter,
    expand_dashboards,
    file_name_of,
    view_entries,
    view_name_of,
)
from workplace_provider.tableau.pictures import PictureEdit, parse_crop

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.common.artifact_store import ArtifactStore
    from workplace_provider.common.artifacts import Artifact
    from workplace_provider.http.errors import WorkplaceError
    from workplace_provider.tableau.client import TableauClient

MANIFEST_NAME: Final = "manifest.json"
_EXPORT_KEYS: Final = frozenset(
    (*VIEW_KEYS, "filters", "format", "file_name", "width", "height", "high_resolution", "language", "crop", "trim"),
)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The result of one export: an artifact, or an error.

    :param skipped: the view is empty and ``on_empty`` is ``skip``; ``error`` is then not a failure
    """

    request: ExportRequest
    artifact: Artifact | None = None
    error: WorkplaceError | None = None
    skipped: bool = False


class TableauExportBatchOperator(TableauExportOperator):
    """Export every combination of views, filters and formats in one session, several at a time.

    The operator returns a manifest: one artifact that lists all files. ``ConfluenceAttachOperator`` attaches these files,
    and an edit of a table reads the rows of a CSV among them. If one export fails, the others still run.

    ::

        TableauExportBatchOperator(
            task_id="kpi_images",
            views=["WeeklyKPI/WAU", {"view": "WeeklyKPI/Revenue", "format": "csv"}],
            each={"지역": ["서울", "부산"]},
        )

    :param views: one view or a list. Each is a text as for ``TableauViewImageOperator``, or a mapping of ``view``,
        ``workbook``, ``project``, ``custom_view`` and, for this view alone, ``filters``, ``format``, ``file_name``,
        ``width``, ``height``, ``high_resolution``, ``language``, ``crop``, ``trim``
    :param formats: one of ``png``, ``svg``, ``csv``, ``pdf``, ``xlsx``, or a list of them
    :param filters: filters of all exports
    :param each: mapping of a field's or parameter's name to a list of values: one export for each value, or for each
        combination when there are several names. A value that is itself a list filters by "one of these"
    :param file_name: template of the files' names; by default the view and the values of ``each``
    :param concurrency: number of parallel exports; Tableau renders each on the server
    :param on_error: ``fail`` the task when any export failed, or return the ``partial`` result. The task also fails when no
        file was exported
    :param on_empty: when a view shows no data with its filters: ``fail`` the export, ``skip`` it, or ``keep`` the file with
        a warning. The operator checks the view's data once for all formats
    :param on_identical: when exports of a view with different filters have the same content: ``warn``, ``fail``, or
        ``allow`` it. The usual cause is a filter by a field that the view does not have, which Tableau ignores
    :param high_resolution: twice the pixels (PNG)
    :param width: pixels, with ``height`` (PNG, SVG, PDF)
    :param height: pixels
    :param page_type: paper size in upper or lower case (PDF)
    :param orientation: ``Portrait`` or ``Landscape`` (PDF)
    :param language: language of dates and numbers, such as ``ko``; it also changes the numbers in data
    :param max_age: maximum age in minutes of a result from Tableau's cache
    :param crop: part of the pictures to keep, as for ``TableauViewImageOperator`` (PNG)
    :param trim: remove the background around the content of the pictures (PNG)
    :param sheets: export the data of each sheet of a dashboard, in place of its first sheet (CSV, XLSX). Hidden sheets have
        no export of their own; a warning names them
    """

    views: Field[Any] = template(renderer="json")
    formats: Field[tuple[str, ...]] = names(default="png")
    filters: Field[Mapping[str, Any]] = mapping(renderer="json")
    each: Field[Mapping[str, Sequence[Any]]] = mapping(renderer="json")
    file_name: Field[str] = text(default="")
    concurrency: Field[int] = integer(default=4, least=1)
    on_error: Field[str] = choice("fail", "partial", default="fail")
    on_empty: Field[str] = choice(*ON_EMPTY, default="fail")
    on_identical: Field[str] = choice(*ON_IDENTICAL, default="warn")
    high_resolution: Field[bool] = boolean(default=True)
    width: Field[int | None] = integer()
    height: Field[int | None] = integer()
    page_type: Field[str | None] = optional_text(default="A4")
    orientation: Field[str | None] = optional_text()
    language: Field[str | None] = optional_text()
    max_age: Field[int] = integer(default=1)
    crop: Field[Any] = template(default=None, parse=parse_crop)
    trim: Field[bool] = boolean(default=False)
    sheets: Field[bool] = boolean(default=False)

    def _export(self, client: TableauClient, store: ArtifactStore, folder: str, context: Context) -> Artifact:
        requests = list(self._requests())
        if not requests:
            raise ValueError("nothing to export: views, formats and the lists in each must not be empty")
        exporter = ViewExporter(client, store, folder)
        hidden: list[str] = []
        if self.sheets:
            requests, hidden = expand_dashboards(exporter, requests)
        outcomes = self._run(exporter, requests)
        files = [outcome.artifact for outcome in outcomes if outcome.artifact]
        failed = [outcome for outcome in outcomes if outcome.error and not outcome.skipped]
        skipped = [outcome for outcome in outcomes if outcome.skipped]
        self.log.info("%d files of %d exports; %d empty, %d failed", len(files), len(outcomes), len(skipped), len(failed))
        if failed and (self.on_error == "fail" or not files):
            raise _combine_errors(failed, len(outcomes))
        warnings = [] if self.on_identical == "allow" else _identical_content(outcomes)
        for warning in warnings:
            self.log.warning("%s", warning)
        if warnings and self.on_identical == "fail":
            raise ValueError("; ".join(warnings))
        facts: dict[str, Any] = {"files": len(files), "failed": len(failed), "left_out": len(skipped)}
        if warnings or hidden:
            facts["warnings"] = [*warnings, *hidden]
        content = {
            "dag_id": context["dag"].dag_id,
            "run_id": context["run_id"],
            "task_id": self.task_id,
            "files": [artifact.as_dict() for artifact in files],
            "failed": [{"export": str(outcome.request), "error": str(outcome.error)} for outcome in failed],
            "left_out": [str(outcome.request) for outcome in skipped],
        }
        with store.publish(folder, MANIFEST_NAME, MANIFEST) as sink:
            sink.write(json.dumps(content, ensure_ascii=False, indent=2).encode())
            sink.describe(**facts)
        return sink.artifact

    def _run(self, exporter: ViewExporter, requests: Sequence[ExportRequest]) -> list[_Outcome]:
        """Look up every view and name every file, then export: wrong arguments fail before Tableau renders anything."""
        prepared = self._prepare(exporter, requests)
        export = _ParallelExport(exporter, len(requests), skip_empty=self.on_empty == "skip", log=self.log)
        with ThreadPoolExecutor(min(self.concurrency, len(requests)), thread_name_prefix="tableau-export") as pool:
            return list(pool.map(export.run, prepared))

    def _prepare(self, exporter: ViewExporter, requests: Sequence[ExportRequest]) -> list[ExportRequest | _Outcome]:
        """Return the requests whose view was found, and failed outcomes for the others.

        :raises ValueError: two files would have the same name
        :raises WorkplaceError: a look-up failed, and ``on_error`` is ``fail`` or every other look-up would fail, too
        """
        from workplace_provider.http.errors import AuthFailed, RateLimited, WorkplaceError

        names: dict[str, ExportRequest] = {MANIFEST_NAME: requests[0]}
        prepared: list[ExportRequest | _Outcome] = []
        for request in requests:
            try:
                view = exporter.find(request.name)
            except WorkplaceError as error:
                if isinstance(error, AuthFailed | RateLimited) or self.on_error == "fail":
                    raise
                prepared.append(_Outcome(request, error=error))
                continue
            self.view_url = self.view_url or view.url
            self.record_input(view.url)
            name = file_name_of(request.file_name, request, view)
            if name in names:
                raise ValueError(
                    f"{names[name]} and {request} would both be the file {name}: add a filter in braces to file_name "
                    "so that the names differ"
                )
            names[name] = request
            prepared.append(request)
        return prepared

    def _requests(self) -> Iterator[ExportRequest]:
        from workplace_provider.tableau.client import FORMATS, ExportOptions, ViewFilters

        for name, values in self.each.items():
            if isinstance(values, str | Mapping) or not isinstance(values, Sequence):
                raise ValueError(f"each: {name!r} is {values!r}; it must be a list, with one export for each of its values")
        for entry in view_entries(self.views, _EXPORT_KEYS):
            own = parse_mapping(entry.get("filters"), "filters of a view")
            edit = PictureEdit(
                parse_crop(entry.get("crop", self.crop), "crop"), parse_bool(entry.get("trim", self.trim), "trim")
            )
            for name in parse_names(entry.get("format"), "format") or self.formats:
                if name not in FORMATS:
                    raise ValueError(f"format is {name!r}; it must be one of {', '.join(FORMATS)}")
                for values in itertools.product(*self.each.values()):
                    varied = dict(zip(self.each, values, strict=True))
                    yield ExportRequest(
                        view_name_of(entry),
                        FORMATS[name],
                        ExportOptions(
                            filters=ViewFilters({**self.filters, **own, **varied}),
                            max_age=self.max_age,
                            high_resolution=parse_bool(
                                entry.get("high_resolution", self.high_resolution), "high_resolution"
                            ),
                            width=parse_int(entry.get("width", self.width), "width"),
                            height=parse_int(entry.get("height", self.height), "height"),
                            page_type=self.page_type,
                            orientation=self.orientation,
                            language=none_if_blank(entry.get("language", self.language)),
                        ),
                        str(entry.get("file_name") or self.file_name or _default_file_name(self.each)),
                        self.on_empty,
                        edit if name == "png" and edit else None,
                    )


class _ParallelExport:
    """Exports requests from several threads, and stops when every further export would fail, too.

    :param exporter: exporter that all threads use
    :param total: number of requests, for the log
    :param skip_empty: an empty view is skipped instead of failed
    :param log: the task's log
    """

    def __init__(self, exporter: ViewExporter, total: int, *, skip_empty: bool, log: Any) -> None:
        self._exporter = exporter
        self._total = total
        self._skip_empty = skip_empty
        self._log = log
        self._stop = threading.Event()
        self._counter = itertools.count(1)

    def run(self, request: ExportRequest | _Outcome) -> _Outcome:
        """Export one view and log the result.

        :param request: the export; if the preparation has an outcome already, it is returned unchanged
        """
        from workplace_provider.http.errors import WorkplaceError

        if isinstance(request, _Outcome):
            return request
        if self._stop.is_set():
            return _Outcome(request, error=WorkplaceError("not started: another export failed for good"))
        outcome = self._export(request)
        done = next(self._counter)
        if outcome.error:
            self._log.warning("%d of %d: %s: %s", done, self._total, request, outcome.error)
        else:
            self._log.info("%d of %d: %s", done, self._total, request)
        return outcome

    def _export(self, request: ExportRequest) -> _Outcome:
        from workplace_provider.http.errors import AuthFailed, RateLimited, WorkplaceError
        from workplace_provider.tableau.client import EmptyView

        try:
            return _Outcome(request, self._exporter.export(request))
        except EmptyView as error:
            return _Outcome(request, error=error, skipped=self._skip_empty)
        except WorkplaceError as error:
            if isinstance(error, AuthFailed | RateLimited):
                # These concern the credential or the whole site, not this view; more requests would only add failures.
                self._stop.set()
            return _Outcome(request, error=error)


def _default_file_name(each: Mapping[str, Any]) -> str:
    return "_".join(["{view}", *(f"{{{name.removeprefix('Parameters.')}}}" for name in each)])


def _identical_content(outcomes: Sequence[_Outcome]) -> list[str]:
    """Return a warning for each group of exports that have the same content although their filters differ."""
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
            f"although their filters differ in {', '.join(map(repr, names))}. Check that the view has this field"
        )
    return warnings


def _combine_errors(failed: Sequence[_Outcome], total: int) -> WorkplaceError:
    """Combine the errors of several exports into one, which is retryable if any of them is."""
    from workplace_provider.http.errors import WorkplaceError

    errors = [outcome.error for outcome in failed if outcome.error]
    listed = "".join(f"\n  {outcome.request}: {outcome.error}" for outcome in failed)
    waits = [error.retry_after for error in errors if error.retry_after is not None]
    return WorkplaceError(
        f"{len(failed)} of {total} exports failed:{listed}",
        retryable=any(error.retryable for error in errors),
        retry_after=max(waits, default=None),
    )
