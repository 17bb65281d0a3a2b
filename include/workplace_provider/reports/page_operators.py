"""Operators of the DAG that makes the reports of template pages: find, compose, gate, publish, announce.

:mod:`~workplace_provider.reports.page_reports` arranges them. Each reads the template page again, builds the DAG of its
report as :mod:`~workplace_provider.reports.factory` does for a file, and runs some of its tasks in its own process. So a
report of a page and one of a file are made by the same tasks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from workplace_provider.common.artifact_store import ArtifactStore
from workplace_provider.common.audit import APPROVE
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.fields import Field, boolean, option, optional_text, template
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.common.outgoing import markdown_code
from workplace_provider.confluence.operators.page_result import PageLink
from workplace_provider.reports.local_run import LocalRun, LocalTaskError
from workplace_provider.reports.reading import ReportError
from workplace_provider.reports.texts import COMPOSE, PUBLISH, source_task

if TYPE_CHECKING:
    from airflow.sdk import DAG, Context

    from workplace_provider.confluence.client import ConfluenceClient
    from workplace_provider.reports.catalogue import Catalogue
    from workplace_provider.reports.page_definition import PageReport
    from workplace_provider.reports.page_errors import Stage
    from workplace_provider.reports.page_finding import FoundReport

REVIEW: Final = "review"


class _PageOperator(WorkplaceOperator):
    """Base class of the operators of page reports.

    :param catalogue: what template pages may use
    """

    ui_color = "#deebff"

    catalogue: Field[Catalogue] = option()

    def _client(self) -> ConfluenceClient:
        from workplace_provider.confluence.hooks.confluence import ConfluenceHook

        return ConfluenceHook(self.catalogue.conn_id).client


class FindPageReportsOperator(_PageOperator):
    """Find the template pages of the catalogue whose reports are due.

    ::

        FindPageReportsOperator(task_id="find", catalogue=catalogue, definitions="include/reports")

    :param definitions: folder of the reports that files define, whose pages no template page may write
    :param day: make the reports of this day's period, also if they were made
    :param only: id of the template page, or of its report, to make only this one
    """

    definitions: Field[str] = option()
    day: Field[str | None] = optional_text()
    only: Field[str | None] = optional_text()

    def execute(self, context: Context) -> list[FoundReport]:
        """Find the reports.

        :return: the reports to make, and those with an error that is not reported yet
        """
        from workplace_provider.common.periods import parse_day
        from workplace_provider.reports.page_finding import PageFinder

        with fail_on_permanent_error("Confluence"), closing(self._client()) as client:
            self.parse_fields()
            finder = PageFinder(client, self.catalogue, Path(self.definitions), _is_published)
            day = parse_day(self.day, "params.report_date") if self.day else None
            moment = context.get("data_interval_end") or context["dag_run"].run_after
            found = list(finder.find(moment, day=day, only=self.only or ""))
        most = self.catalogue.limits.reports
        if len(found) > most:
            self.log.warning("%d reports are due; %d of them wait for the next run", len(found), len(found) - most)
        return found[:most]


class _PageReportOperator(_PageOperator):
    """Base class of the operators that make one report.

    :param folder: folder of the catalogue, beside which its files are
    :param report: the report, as :class:`FindPageReportsOperator` returned it
    """

    folder: Field[str] = option()
    report: Field[Mapping[str, Any]] = template()
    is_dry_run: Field[bool] = boolean(default=False, alias="dry_run")

    def execute(self, context: Context) -> Any:
        """Run the operator's part of the report.

        :return: what the next operators need
        :raises AirflowFailException: for an error that is new on the template page
        :raises AirflowSkipException: if there is nothing to do, or the same error was reported before
        """
        with fail_on_permanent_error("the report"):
            self.parse_fields()
        with closing(self._client()) as client:
            return self._run(context, client)

    def _run(self, context: Context, client: ConfluenceClient) -> Any:
        raise NotImplementedError

    @property
    def label(self) -> str:
        """Title of the template page, for the label of a mapped task: ``map_index_template="{{ task.label }}"``."""
        return str(self.report.get("title", "")) if isinstance(self.report, Mapping) else ""

    @contextmanager
    def _reporting(self, context: Context, client: ConfluenceClient, stage: Stage = "run") -> Iterator[None]:
        """Report an error on the template page, when no further try follows.

        :raises AirflowFailException: for a new error
        :raises AirflowSkipException: for an error that is on the page already, so that it raises one alarm only
        """
        try:
            with fail_on_permanent_error("the report"):
                try:
                    yield
                except LocalTaskError as error:
                    raise error.__cause__ or error from None
        except AirflowSkipException:
            raise
        except Exception as error:
            is_permanent = isinstance(error, AirflowFailException)
            if not is_permanent and context["ti"].try_number <= context["ti"].max_tries:
                raise
            self._report(client, stage, error)

    def _report(self, client: ConfluenceClient, stage: Stage, error: Exception) -> NoReturn:
        from workplace_provider.http.errors import WorkplaceError
        from workplace_provider.reports.page_errors import ErrorComments, public_text

        text = public_text(error)
        try:
            is_new = ErrorComments(client, self.report["page_id"]).report(stage, text)
        except WorkplaceError as problem:
            self.log.warning("the error could not be reported on the template page: %s", problem)
            is_new = True
        if is_new:
            raise AirflowFailException(f"{self.label}: {error}") from error
        self.log.error("%s", error)
        raise AirflowSkipException(f"{self.label}: the error is on the template page since an earlier run: {text}")

    def _read(self, client: ConfluenceClient, *, digest: str = "") -> PageReport:
        """Return the report as the template page defines it now.

        :param digest: the digest of the definition that it must have
        :raises ReportError: if the page is no template page any more, or has another definition, or another editor who may
            not write the report
        """
        from workplace_provider.reports.catalogue import LABEL
        from workplace_provider.reports.page_definition import read_page_report
        from workplace_provider.reports.page_finding import check_editor

        page = client.get_page(self.report["page_id"], body=True)
        if page.status != "current" or LABEL not in client.labels(page.id) or page.space not in self.catalogue.templates:
            raise ReportError(
                f"the page is no template page any more: it needs the label {LABEL}, in a space of the catalogue"
            )
        report = read_page_report(page, self.catalogue)
        if digest and report.digest != digest:
            raise ReportError("the definition was changed while the report was made; the next run makes it again")
        check_editor(client, report, self.catalogue)
        return report

    def _local(self, context: Context, report: PageReport, **params: Any) -> LocalRun:
        """Return a run of the report's own DAG, in the run of this task."""
        from airflow.sdk import literal

        from workplace_provider.reports.factory import build_dag

        dag: DAG = build_dag(report.definition, Path(self.folder))
        compose: Any = dag.get_task(COMPOSE)
        compose.texts = {**compose.texts, "template": literal(report.template), "template_id": report.page.id}
        dag.get_task(PUBLISH).outlets = []
        params |= {"report_date": self.report["day"], "dry_run": self.is_dry_run}
        return LocalRun(dag, context["dag_run"].run_after, params, outer=context)

    def _check_free(self, client: ConfluenceClient, report: PageReport, title: str) -> None:
        """Check that the report's page does not exist, or was created by this report.

        :raises ReportError: if it is a page of someone else
        """
        from workplace_provider.confluence.publishing.create import MARKER

        page = client.find_page(report.definition.page.space, title)
        if page is None:
            return
        marker = client.get_property(page.id, MARKER)
        run = str(marker.value.get("run", "")) if marker and isinstance(marker.value, dict) else ""
        if not run.startswith(f"{report.definition.id}/"):
            raise ReportError(
                f"the page {title!r} exists, and this report did not create it. Choose another title, or rename that page"
            )


class ComposePageReportOperator(_PageReportOperator):
    """Collect and check the sources of a report, and compose its page, without writing it.

    ::

        ComposePageReportOperator(task_id="compose", catalogue=catalogue, folder="include", report=report)

    :param ask_for_review: ask for a review even if no check demands it
    """

    argument_defaults: ClassVar[Mapping[str, Any]] = {"multiple_outputs": True}
    operator_extra_links = (PageLink(),)

    ask_for_review: Field[bool] = boolean(default=False)

    page_url = ""

    def _run(self, context: Context, client: ConfluenceClient) -> dict[str, Any]:
        """Return the output of a report's task ``compose``, with the question for the reviewers."""
        if error := self.report["error"]:
            with self._reporting(context, client, "definition"):
                raise ReportError(error)
        with self._reporting(context, client):
            return self._compose(context, client)
        raise AssertionError("an error was not raised")

    def _compose(self, context: Context, client: ConfluenceClient) -> dict[str, Any]:
        from workplace_provider.reports.definition import SlackAnnouncement
        from workplace_provider.reports.placeholders import period_title
        from workplace_provider.reports.reading import period_rule
        from workplace_provider.reports.texts import period_of

        report = self._read(client)
        local = self._local(context, report, review=self.ask_for_review)
        rule = period_rule(report.definition)
        period = period_of({"params": {"report_date": self.report["day"]}}, rule)
        self._check_free(client, report, period_title(report.definition.page.title, period))
        composed = local.run(COMPOSE)
        self.page_url = composed["url"]
        shared = {
            name
            for announcement in report.definition.announce
            if isinstance(announcement, SlackAnnouncement)
            for name in announcement.files
        }
        return {
            **composed,
            "report": self.report["report"],
            "period": self.report["period"],
            "digest": report.digest,
            "files": {task: local.outputs[task] for task in map(source_task, sorted(shared))},
            "subject": f"Publish “{composed['title']}”?",
            "question": _question(composed),
        }


class PageReportGateOperator(WorkplaceOperator):
    """Let a report pass whose reviewers approved it, or that needs no review.

    Airflow does not skip the tasks behind a rejected approval in a mapped task group: apache/airflow#67265.

    ::

        PageReportGateOperator(task_id="gate", composed=compose.output, review="make.review")

    :param composed: output of :class:`ComposePageReportOperator`
    :param review: id of the task that asks the reviewers
    """

    # With none_failed_min_one_success, a failure of one index before this task is expanded would fail it for all indexes.
    argument_defaults: ClassVar[Mapping[str, Any]] = {"trigger_rule": "none_failed"}

    composed: Field[Mapping[str, Any] | None] = template()
    review: Field[str] = option()

    @property
    def label(self) -> str:
        """Title of the report's page, for the label of a mapped task."""
        return str(self.composed.get("title", "")) if isinstance(self.composed, Mapping) else ""

    def execute(self, context: Context) -> dict[str, Any]:
        """Check the answer.

        :return: the answer; empty if no review was needed
        :raises AirflowSkipException: if the reviewers rejected the report, or no one answered
        """
        self.parse_fields()
        if not self.composed:
            raise AirflowSkipException("no page was composed")
        if not self.composed["needs_review"]:
            return {}
        ti: Any = context["ti"]
        answer = ti.xcom_pull(task_ids=self.review, map_indexes=ti.map_index)
        if not isinstance(answer, Mapping) or answer.get("chosen_options") != [APPROVE]:
            raise AirflowSkipException("the report was not approved, and is not published")
        return dict(answer)


class PublishPageReportOperator(_PageReportOperator):
    """Publish the page that :class:`ComposePageReportOperator` has composed.

    The template page is read again before: the definition must be the same, and its last editor still allowed to write it.

    ::

        PublishPageReportOperator(
            task_id="publish", catalogue=catalogue, folder="include", report=report, composed=compose.output
        )

    :param composed: output of :class:`ComposePageReportOperator`
    :param answer: answer of the reviewers
    :param forced: publish again if another run has published the period
    """

    operator_extra_links = (PageLink(),)

    composed: Field[Mapping[str, Any]] = template()
    answer: Field[Mapping[str, Any]] = template(default=None)
    forced: Field[bool] = boolean(default=False)

    page_url = ""

    def _run(self, context: Context, client: ConfluenceClient) -> dict[str, Any]:
        """Return id, title, URL and version of the page, with the id and the period of the report."""
        from workplace_provider.reports.page_errors import ErrorComments

        with self._reporting(context, client):
            result = self._publish(context, client)
        if not self.is_dry_run:
            ErrorComments(client, self.report["page_id"]).resolve("definition", "run")
        self.page_url = result["url"]
        return result

    def _publish(self, context: Context, client: ConfluenceClient) -> dict[str, Any]:
        report = self._read(client, digest=self.composed["digest"])
        self._check_free(client, report, self.composed["title"])
        self._check_unpublished(context)
        local = self._local(context, report)
        local.outputs = {COMPOSE: dict(self.composed), REVIEW: self.answer}
        page = local.run(PUBLISH)
        return {**page, "report": self.report["report"], "period": self.report["period"]}

    def _check_unpublished(self, context: Context) -> None:
        from workplace_provider.reports.manifest import ManifestStore

        manifest = ManifestStore(ArtifactStore(), self.report["report"]).read(self.report["period"])
        if manifest is not None and manifest.run != context["run_id"] and not self.forced:
            raise AirflowSkipException(f"{self.report['period']} was published by the run {manifest.run} meanwhile")


class AnnouncePageReportOperator(_PageReportOperator):
    """Post the announcements of a report, each once.

    ::

        AnnouncePageReportOperator(
            task_id="announce", catalogue=catalogue, folder="include", report=report, composed=compose.output,
            page=publish.output,
        )

    :param composed: output of :class:`ComposePageReportOperator`
    :param page: output of :class:`PublishPageReportOperator`
    """

    composed: Field[Mapping[str, Any]] = template()
    page: Field[Mapping[str, Any]] = template()

    def _run(self, context: Context, client: ConfluenceClient) -> list[dict[str, Any]]:
        """Return the messages."""
        if self.is_dry_run:
            raise AirflowSkipException("dry run: nothing is announced")
        with self._reporting(context, client):
            report = self._read(client)
            if report.digest != self.composed["digest"]:
                raise AirflowSkipException("the definition was changed after the page was published")
            if not report.definition.announce:
                raise AirflowSkipException("the report has no announcement")
            local = self._local(context, report)
            local.outputs = {COMPOSE: dict(self.composed), PUBLISH: dict(self.page), **self.composed["files"]}
            return [local.run(f"announce_{number}") for number, _ in enumerate(report.definition.announce, 1)]


def _is_published(report: str, period: str) -> bool:
    from workplace_provider.reports.manifest import ManifestStore

    return ManifestStore(ArtifactStore(), report).read(period) is not None


def _question(composed: Mapping[str, Any]) -> str:
    """Return what reviewers see: the changes, the checks and the difference."""
    blocks = [
        markdown_code("\n".join(composed["changes"])) if composed["changes"] else "",
        markdown_code("\n".join(composed["checks"]) or "No checks."),
        markdown_code(composed["diff"] or "No changes.", "diff"),
    ]
    return "\n\n".join(filter(None, blocks))
