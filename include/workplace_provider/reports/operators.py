"""Operators of a report's DAG: check the sources, compose the page, publish it.

:mod:`~workplace_provider.reports.factory` makes them from a definition. They share the definition and the outputs of the
sources; the page that a reviewer sees is published unchanged, from the file that ``compose`` has written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypedDict

from airflow.sdk import BaseOperatorLink
from airflow.sdk.exceptions import AirflowFailException

from workplace_provider.common.airflow_ui import run_url
from workplace_provider.common.artifact_store import ArtifactStore, changed_at, safe_name
from workplace_provider.common.artifacts import MANIFEST, Artifact, as_artifacts, read_manifest
from workplace_provider.common.audit import audit_trail, describe_audit
from workplace_provider.common.dag_files import resolve_in_task
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.fields import Field, boolean, choice, names, optional_text, template, text
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.confluence.operators.base import run_key, shorten_diff, task_key, uploads_of
from workplace_provider.confluence.operators.document import DIFF_IN_RESULT
from workplace_provider.confluence.operators.page_result import PageLink, PageResult, emit_page_event, page_result
from workplace_provider.confluence.operators.sources import source_states
from workplace_provider.confluence.operators.templates import references_in
from workplace_provider.reports.base import ReportOperator
from workplace_provider.reports.params import SOURCE_FAILURES

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

    from workplace_provider.common.periods import Period
    from workplace_provider.confluence.hooks.confluence import ConfluenceHook
    from workplace_provider.reports.absent import AbsentSources
    from workplace_provider.reports.checks import CheckResult, SourceContent
    from workplace_provider.reports.manifest import Manifest
    from workplace_provider.reports.pages import PagePreview, PageRequest

LARGEST_FILE: Final = 512 * 1024 * 1024
"""Most bytes of a file that a report reads."""

DOCUMENT_NAME: Final = "report.json"
PREVIEW_NAME: Final = "preview.html"

_CHUNK: Final = 256 * 1024
_MEDIA_TYPES: Final = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".parquet": "application/vnd.apache.parquet",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
    ".txt": "text/plain",
    ".md": "text/markdown",
}


class ChecksOutput(TypedDict):
    """The output of the task ``check``.

    ``verdict`` is the strongest effect of a failed check, empty if all passed. ``failed`` and ``left_out`` are the sources
    without content.
    """

    verdict: str
    results: list[dict[str, Any]]
    has_previous: bool
    failed: list[str]
    left_out: list[str]


class ComposeOutput(TypedDict):
    """The output of the task ``compose``: two artifacts, and what a reviewer and a message say about the page."""

    document: dict[str, Any]
    preview: dict[str, Any]
    title: str
    url: str
    period: str
    diff: str
    changes: list[str]
    notes: list[str]
    checks: list[str]
    reasons: list[str]
    needs_review: bool
    lines: dict[str, list[str]]


class ReportResult(PageResult):
    """The output of the task ``publish``; ``missing`` lists the places that people have removed from the page."""

    missing: list[str]


class PreviewLink(BaseOperatorLink):
    """The button of a task in the UI that opens the tab *Report* of its run."""

    name = "Preview"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the URL of the tab; empty text before the task has composed the page."""
        if not getattr(operator, "has_preview", False):
            return ""
        return f"{run_url(ti_key.dag_id, ti_key.run_id)}/plugin/report"


class ReportCheckOperator(ReportOperator):
    """Check the sources of a report, before anything is published.

    The task fails for good if a check with ``else: stop`` failed, and the log lists every expectation and finding.

    ::

        ReportCheckOperator(task_id="check", definition=report, sources={"kpis": kpis.output})

    :param definition: the report
    :param sources: outputs of the source tasks, by the names of the sources
    :param if_source_fails: if a source task has failed: ``fail``, or check the others (``placeholder``)
    """

    argument_defaults: ClassVar[Mapping[str, Any]] = {"multiple_outputs": True}

    if_source_fails: Field[str] = choice(*SOURCE_FAILURES, default="fail")

    def __post_init__(self) -> None:
        """Keep the outputs of tasks, which Airflow replaces when it renders the fields."""
        self._given_sources = self.sources

    def execute(self, context: Context) -> ChecksOutput:
        """Run the checks.

        :return: the results, and the strongest effect of those that failed
        :raises AirflowFailException: if a check that stops the report failed, or a source
        """
        from workplace_provider.reports.absent import split_checks
        from workplace_provider.reports.checks import CheckInputs, run_checks, verdict
        from workplace_provider.reports.manifest import compared_rows

        with fail_on_permanent_error("the report"):
            self.parse_fields()
            absent = self._absent(context)
            checks, results = split_checks(self.definition.checks, absent)
            period = self._period(context)
            previous = self._previous(period)
            inputs = CheckInputs(
                self._contents(absent),
                now=context["dag_run"].run_after,
                previous=compared_rows(previous),
                previous_files=previous.pictures if previous else {},
            )
            results += run_checks(checks, inputs)
        self._log(results, period, previous)
        outcome = verdict(results)
        if outcome == "stop":
            # A task that fails returns nothing, and the page of the run shows each finding.
            context["ti"].xcom_push(key="results", value=[result.as_dict() for result in results])
            failed = [str(result) for result in results if not result.passed and result.severity == "stop"]
            raise AirflowFailException(
                f"Nothing was published: {'; '.join(failed)}. Fix the source and clear the task that reads it, or change"
                f" the check in {self.definition.id}.yaml"
            )
        return {
            "verdict": outcome or "",
            "results": [result.as_dict() for result in results],
            "has_previous": previous is not None,
            "failed": list(absent.failed),
            "left_out": list(absent.left_out),
        }

    def _absent(self, context: Context) -> AbsentSources:
        """Return the sources without content.

        :raises AirflowFailException: if a source has failed, and nothing may be published without it
        """
        from workplace_provider.reports.absent import AbsentSources

        given = dict(self._given_sources or {})
        states = source_states(context, given.values())
        failed = [name for name, output in given.items() if references_in(output).intersection(states.failed)]
        left_out = [name for name, output in given.items() if name not in failed and states.is_missing(output)]
        if failed and (self.if_source_fails == "fail" or len(failed) == len(given) - len(left_out)):
            raise AirflowFailException(
                f"Nothing was published, because {', '.join(failed)} failed. Clear it, or set if_source_fails to placeholder"
                " to publish the rest"
            )
        return AbsentSources(failed, left_out)

    def _log(self, results: Sequence[CheckResult], period: Period, previous: Manifest | None) -> None:
        before = period.shift(-1).label
        compared = f"compared with {before}" if previous else f"there is no manifest of {before} to compare with"
        self.log.info("%s: %d checks, %s", period.label, len(results), compared)
        for result in results:
            self.log.log(20 if result.passed else 30, "%s", result)


class ReportComposeOperator(ReportOperator):
    """Compose the page of a report, without writing it: the edits, the preview, the changes in words.

    ::

        ReportComposeOperator(
            task_id="compose", definition=report, sources={"kpis": kpis.output}, checks=check.output["results"]
        )

    :param rhythm: the report's periods as data, for the page *Reports*: it is in the serialized DAG
    :param checks: results of the task ``check``
    :param texts: the texts of the definition with their placeholders filled, by their role
    :param failed: the sources that failed
    :param left_out: the sources that were skipped
    :param ask_for_review: ask for a review even if no check demands it
    :param rehearse: write the page under the rehearsal parent
    """

    argument_defaults: ClassVar[Mapping[str, Any]] = {"multiple_outputs": True}
    operator_extra_links = (PageLink(), PreviewLink())

    rhythm: Field[Mapping[str, Any]] = template(default=None)
    checks: Field[Sequence[Mapping[str, Any]]] = template(default=())
    texts: Field[Mapping[str, Any]] = template(default=None)
    failed: Field[tuple[str, ...]] = names()
    left_out: Field[tuple[str, ...]] = names()
    ask_for_review: Field[bool] = boolean(default=False)
    rehearse: Field[bool] = boolean(default=False)

    page_url = ""
    has_preview = False

    def execute(self, context: Context) -> ComposeOutput:
        """Compose the page.

        :return: the composed page as an artifact, and what a reviewer must know about it
        :raises AirflowFailException: if the page cannot be made: a heading is missing, a source has no rows
        """
        with fail_on_permanent_error("the report"):
            composed = self.composed(context)
            document = self._store_document(context, composed)
            preview = self._preview(context, composed)
            artifact = self._store_preview(context, preview, composed)
        self.page_url = preview.page.url if preview.page else ""
        self.has_preview = True
        self.log.info("%s", "\n".join([f"{composed['title']}, from {preview.source}:", shorten_diff(preview.diff)]))
        return {
            "document": document.as_dict(),
            "preview": artifact.as_dict(),
            "title": composed["title"],
            "url": self.page_url,
            "period": composed["period"],
            "diff": preview.diff[:DIFF_IN_RESULT],
            "changes": composed["changes"],
            "notes": [*filter(None, [composed["source_note"]]), *composed["notes"]],
            "checks": [_check_line(check) for check in self.checks],
            "reasons": self._failed("review"),
            "needs_review": self.needs_review,
            "lines": composed["lines"],
        }

    def _lines(self, contents: Mapping[str, SourceContent]) -> dict[str, list[str]]:
        """Return the lines of the rows in messages, by the number of the announcement."""
        from workplace_provider.reports.row_lines import formats_of, row_lines

        rules = {
            str(number): rule
            for number, item in enumerate(self.definition.announce, 1)
            if (rule := getattr(item, "rows", None)) and rule.source in contents
        }
        return {
            number: row_lines(rule, contents[rule.source].rows or (), formats_of(self.definition, rule))
            for number, rule in rules.items()
        }

    def composed(self, context: Context) -> dict[str, Any]:
        """Return the report as plain data: titles, edits, files, changes. Nothing is stored.

        :raises ValueError: if the output of a source cannot be used
        """
        self.parse_fields()
        period = self._period(context)
        contents = self._contents((*self.failed, *self.left_out))
        return self._compose(period, contents, self._previous(period))

    def _failed(self, severity: str) -> list[str]:
        return [_check_line(check) for check in self.checks if not check["passed"] and check["severity"] == severity]

    @property
    def needs_review(self) -> bool:
        """True if a person must approve the report."""
        return bool(self._failed("review")) or self.ask_for_review or self.definition.review.when == "always"

    def _compose(self, period: Period, contents: Mapping[str, SourceContent], previous: Manifest | None) -> dict[str, Any]:
        from workplace_provider.confluence.pages.edits import to_dicts
        from workplace_provider.reports.filling import Filling
        from workplace_provider.reports.manifest import picture_digests, plain_rows
        from workplace_provider.reports.placeholders import period_title

        page = self.definition.page
        notes = self._failed("note")
        earlier = self._manifests.pictures(previous.period).artifacts(previous.kept) if previous else {}
        source_note = self.definition.source_note.replace("{sources}", ", ".join(self.failed)) if self.failed else ""
        filling = Filling(
            self.definition, contents, self.sources or {}, self.texts or {}, previous, notes, earlier, source_note
        )
        pattern = page.title
        is_dated = page.source != "existing"
        return {
            "title": period_title(pattern, period) if is_dated else pattern,
            "previous_title": period_title(pattern, period.shift(-1)) if is_dated else pattern,
            "period": period.label,
            "rehearsal": self.rehearse,
            "places": to_dicts(filling.places()),
            "always": to_dicts(filling.always()),
            "once": to_dicts(filling.once()),
            "labels": list((self.texts or {}).get("labels", ())),
            "message": str((self.texts or {}).get("message", "")),
            "template": str((self.texts or {}).get("template", "")),
            "template_id": str((self.texts or {}).get("template_id", "")),
            "files": [file.as_dict() for file in filling.files()],
            "changes": filling.changes(),
            "notes": notes,
            "source_note": source_note,
            "lines": self._lines(contents),
            "checks": [dict(check) for check in self.checks],
            "rows": {name: plain_rows(content) for name, content in contents.items() if content.rows is not None},
            "pictures": picture_digests(contents),
            "kept": {
                name: [picture.as_dict() for picture in pictures] for name, pictures in filling.changing_pictures().items()
            },
        }

    def _store_document(self, context: Context, composed: Mapping[str, Any]) -> Artifact:
        store = ArtifactStore()
        with store.publish(store.run_folder(context, self.task_id), DOCUMENT_NAME, MANIFEST) as sink:
            sink.write(json.dumps(composed, ensure_ascii=False).encode())
            sink.describe(period=composed["period"], files=len(composed["files"]))
        return sink.artifact

    def _preview(self, context: Context, composed: Mapping[str, Any]) -> PagePreview:
        from workplace_provider.confluence.hooks.confluence import ConfluenceHook
        from workplace_provider.reports.pages import page_writer

        hook = ConfluenceHook(self.definition.page.conn_id)
        with closing(hook.client):
            return page_writer(hook.client, _page_request(self, context, composed)).preview()

    def _store_preview(self, context: Context, preview: PagePreview, composed: Mapping[str, Any]) -> Artifact:
        from workplace_provider.reports.preview import render_preview

        store = ArtifactStore()
        with store.publish(store.run_folder(context, self.task_id), PREVIEW_NAME, "text/html") as sink:
            sink.write(render_preview(preview, composed, as_artifacts(composed["files"])).encode())
        return sink.artifact


class ReportPublishOperator(ReportOperator):
    """Publish the page that :class:`ReportComposeOperator` has composed, and record what it was made of.

    ::

        ReportPublishOperator(task_id="publish", definition=report, document=compose.output["document"])

    :param document: the composed page
    :param dry_run: log what would be written, and write nothing
    """

    argument_defaults: ClassVar[Mapping[str, Any]] = {"multiple_outputs": True}
    operator_extra_links = (PageLink(),)

    document: Field[Any] = template()
    is_dry_run: Field[bool] = boolean(default=False, alias="dry_run")

    page_url = ""

    @cached_property
    def hook(self) -> ConfluenceHook:
        """Return the hook of the definition's connection."""
        from workplace_provider.confluence.hooks.confluence import ConfluenceHook

        return ConfluenceHook(self.definition.page.conn_id)

    def execute(self, context: Context) -> ReportResult:
        """Write the page.

        :return: id, title, URL and version of the page, whether this task has changed it, and the places it no longer has
        :raises AirflowFailException: for an error that a retry cannot fix
        """
        from workplace_provider.reports.pages import page_writer

        with fail_on_permanent_error("Confluence"):
            self.parse_fields()
            composed = read_manifest(self.document)
            self._check_withdrawn(composed)
            trail = audit_trail(context, self.task_id)
            with closing(self.hook.client):
                request = _page_request(self, context, composed, audit=describe_audit(trail))
                writer = page_writer(self.hook.client, request)
                if self.is_dry_run:
                    return self._dry_run(writer.preview(), request.final_title)
                page, changed = writer.write()
            self._log_missing(writer.missing)
            self.log.info("%s: %s (version %d)", "written" if changed else "unchanged", page.url, page.version)
            result: ReportResult = {**page_result(page, changed=changed), "missing": list(writer.missing)}
            if not composed["rehearsal"]:
                self._record(context, composed, result)
        self.page_url = page.url
        if trail is not None:
            result["audit"] = trail
        emit_page_event(context, self.outlets, result)
        return result

    def _log_missing(self, places: Sequence[str]) -> None:
        for name in places:
            self.log.warning("the place %r is no longer on the page, and was not created again", name)

    def _dry_run(self, preview: PagePreview, title: str) -> ReportResult:
        self.log.info("dry run: nothing was written. The changes of %r:\n%s", title, shorten_diff(preview.diff))
        if preview.page is not None:
            return {**page_result(preview.page, changed=False), "missing": []}
        return {"id": "", "title": title, "url": "", "version": 0, "changed": False, "missing": []}

    def _check_withdrawn(self, composed: Mapping[str, Any]) -> None:
        manifest = self._manifests.read(composed["period"])
        withdrawal = manifest.withdrawal if manifest else None
        if withdrawal is not None and not composed["rehearsal"]:
            raise ValueError(
                f"the report of {composed['period']} was withdrawn by {withdrawal.by}: {withdrawal.reason}. To publish it "
                f"again, run: workplace report republish {self.definition.id} {composed['period']} --reason TEXT"
            )

    def _record(self, context: Context, composed: Mapping[str, Any], result: PageResult) -> None:
        from workplace_provider.reports.manifest import VERSION, Manifest, PublishedPage

        self._manifests.publish(
            Manifest(
                version=VERSION,
                report=self.definition.id,
                period=composed["period"],
                run=context["run_id"],
                page=PublishedPage(result["id"], result["title"], result["url"], self.definition.page.conn_id),
                rows=composed["rows"],
                pictures=composed["pictures"],
                kept=self._manifests.pictures(composed["period"]).keep(
                    {name: as_artifacts(pictures) for name, pictures in composed.get("kept", {}).items()}
                ),
                checks=composed["checks"],
                changes=composed["changes"],
            )
        )


class ReportFileOperator(WorkplaceOperator):
    """Copy a file into the artifact store, so that every later task and a retry use the same content.

    ::

        ReportFileOperator(task_id="costs", path="s3://finance/2026-11/costs.parquet", file_conn_id="aws_default")

    :param path: path beside the DAG file such as ``include/reports/goals.csv``, or object-storage URL
    :param file_conn_id: Airflow connection of the object store
    """

    path: Field[str] = text()
    file_conn_id: Field[str | None] = optional_text()

    def execute(self, context: Context) -> dict[str, Any]:
        """Copy the file.

        :return: the artifact; its fact ``updated_at`` is the time of the file's last change
        :raises AirflowFailException: if the file is missing, has no known extension, or is too large
        """
        from airflow.sdk import ObjectStoragePath

        with fail_on_permanent_error("the report"):
            self.parse_fields()
            is_remote = "://" in self.path
            source = ObjectStoragePath(
                self.path if is_remote else str(resolve_in_task(self.path)), conn_id=self.file_conn_id
            )
            name = safe_name(self.path.rpartition("/")[2])
            media_type = _MEDIA_TYPES.get(Path(name).suffix.lower())
            if media_type is None:
                raise ValueError(f"{name} is no file of rows, a picture or a text; use {', '.join(_MEDIA_TYPES)}")
            store = ArtifactStore()
            with (
                source.open("rb") as stream,  # type: ignore[no-untyped-call]
                store.publish(store.run_folder(context, self.task_id), name, media_type) as sink,
            ):
                while chunk := stream.read(_CHUNK):
                    sink.write(chunk)
                    if sink.size > LARGEST_FILE:
                        raise ValueError(f"{name} has more than {LARGEST_FILE:,} bytes; use a smaller file")
                if updated := changed_at(source.fs.info(source.path)):
                    sink.describe(updated_at=updated.isoformat())
            return sink.artifact.as_dict()


def _page_request(
    operator: ReportOperator, context: Context, composed: Mapping[str, Any], *, audit: str = ""
) -> PageRequest:
    """Return the page of a composed report."""
    from workplace_provider.confluence.pages.edits import from_dicts
    from workplace_provider.reports.pages import PageRequest, as_labels

    return PageRequest(
        spec=operator.definition.page,
        title=composed["title"],
        previous_title=composed["previous_title"],
        places=from_dicts(composed["places"]),
        always=from_dicts(composed["always"]),
        once=from_dicts(composed["once"]),
        labels=as_labels(composed["labels"]),
        files=uploads_of(composed["files"]),
        template=composed.get("template", ""),
        template_id=composed.get("template_id", ""),
        message=composed["message"],
        run=run_key(context, "publish"),
        task=task_key(context, "publish"),
        audit=audit,
        rehearsal=composed["rehearsal"],
    )


def _check_line(check: Mapping[str, Any]) -> str:
    return f"{check['source']}: {check['expectation']}; {check['finding']}"
