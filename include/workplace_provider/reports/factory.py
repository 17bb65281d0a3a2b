"""DAGs from the definitions of a folder.

A DAG file needs two lines::

    from workplace_provider.reports import build_dags

    globals().update(build_dags(Path(__file__).parent.parent / "include" / "reports"))  # every *.yaml becomes an Airflow DAG

The flow of a run: ``wait_for_<n>``, ``collect.<source>`` side by side, ``check``, ``compose``, ``review``, ``publish``,
``announce_<n>``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pendulum
from airflow.sdk import (
    DAG,
    Asset,
    AssetAll,
    AssetAny,
    BaseOperator,
    Param,
    TaskGroup,
    TriggerRule,
    get_parsing_context,
)
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowFailException

from workplace_provider.common import WorkplaceRetryPolicy
from workplace_provider.common.outgoing import slack_text
from workplace_provider.common.schedules import cron_timetable, named_asset
from workplace_provider.http.redaction import get_logger
from workplace_provider.reports.collecting import SourceTasks, find_beside
from workplace_provider.reports.definition import (
    AssetSchedule,
    PageSource,
    ReportDefinition,
    SlackAnnouncement,
    TableauWait,
    TextFill,
)
from workplace_provider.reports.due import ReportDueOperator
from workplace_provider.reports.folder import PageTitles, located
from workplace_provider.reports.operators import ReportCheckOperator, ReportComposeOperator, ReportPublishOperator
from workplace_provider.reports.params import param_schema
from workplace_provider.reports.reading import ReportError, parse_duration, period_rule
from workplace_provider.reports.rhythm import BROKEN_TAG, REPORT_TAG, rhythm_of
from workplace_provider.reports.texts import (
    COLLECT,
    COMPOSE,
    PUBLISH,
    AnnouncementFiles,
    AnnouncementText,
    FileText,
    ReviewText,
    SourceOutputs,
    defined,
    plain,
    plain_texts,
    skip_without_params,
)

if TYPE_CHECKING:
    from workplace_provider.common.periods import PeriodRule
    from workplace_provider.reports.definition import FailureNotice
    from workplace_provider.reports.timetable import HolidayCronTimetable

log = get_logger("workplace_provider.reports")

FIRST_DAY: Final = (2020, 1, 1)
"""The first day that a backfill can reach."""


def build_dags(folder: Path) -> dict[str, DAG]:
    """Return the DAGs of all definitions in a folder, by their ids.

    For a task, Airflow imports the DAG file again; then only the definition of the task's DAG is read. A definition with an
    error becomes a DAG of the same id that shows the error and cannot run, so that the other reports are not affected.

    :param folder: folder with one ``.yaml`` file for each report
    """
    wanted = get_parsing_context().dag_id
    own = folder / f"{wanted}.yaml"
    if wanted is not None and own.is_file():
        return {wanted: _dag_of(own, PageTitles())}
    dags = {}
    titles = PageTitles()
    for path in sorted(folder.glob("*.yaml")):
        dag = _dag_of(path, titles)
        dags[dag.dag_id] = dag
    return dags


def build_dag(definition: ReportDefinition, folder: Path) -> DAG:
    """Return the DAG of a definition.

    ::

        dag = build_dag(read_definition(Path("include/reports/weekly.yaml")), Path("include/reports"))

    :param folder: folder of the definition, beside which its files are
    :raises ReportError: if the schedule is invalid, or a file is missing
    """
    try:
        return _ReportDag(definition, folder).build()
    except ReportError:
        raise
    except ValueError as error:
        raise located(folder / f"{definition.id}.yaml", str(error)) from error


def _dag_of(path: Path, titles: PageTitles) -> DAG:
    try:
        return build_dag(titles.read(path), path.parent)
    except ReportError as error:
        log.error("%s", error)
        return broken_dag(re.sub(r"[^\w.-]", "_", path.stem)[:250], str(error))


def broken_dag(dag_id: str, error: str) -> DAG:
    """Return a DAG that shows the error of its definition where people look, and keeps the history of the report."""
    from workplace_provider.common.outgoing import markdown_code

    with DAG(
        dag_id=dag_id,
        schedule=None,
        description=f"The definition has an error: {error}"[:1000],
        doc_md=f"### The definition of this report has an error\n\n{markdown_code(error)}\n\nFix the file; the report is "
        "then scheduled again.",
        tags={REPORT_TAG, BROKEN_TAG},
        max_active_runs=1,
    ) as dag:
        _BrokenReportOperator(task_id="definition", error=error)
    return dag


class _BrokenReportOperator(BaseOperator):
    """Fails with the error of a definition."""

    def __init__(self, *, error: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.error = error

    def execute(self, context: Any) -> None:
        """Raise the error.

        :raises AirflowFailException: always
        """
        raise AirflowFailException(self.error)


class _ReportDag:
    """Builds the DAG of one definition."""

    def __init__(self, definition: ReportDefinition, folder: Path) -> None:
        self._report = definition
        self._folder = folder
        self._rule: PeriodRule = period_rule(definition)

    def build(self) -> DAG:
        report = self._report
        options: dict[str, Any] = {"dag_display_name": report.name} if report.name else {}
        if report.late:
            from workplace_provider.reports.lateness import deadline_alert

            options["deadline"] = deadline_alert(report, report.late)
        with DAG(
            dag_id=report.id,
            description=report.description or report.name or None,
            doc_md=self._documentation(),
            schedule=self._schedule(),
            start_date=pendulum.datetime(*FIRST_DAY, tz=report.timezone),
            catchup=False,
            max_active_runs=1,
            tags={REPORT_TAG, *report.tags},
            default_args=default_args(report.owner, report.on_failure),
            **options,
        ) as dag:
            self._tasks()
        # A task of a DAG with params gets a copy of each, which is validated and serialized with the task: two thirds of the
        # time that a definition takes. A run gets its params from the DAG, which validates them here.
        dag.params = ParamsDict(dict(self._params()))
        return dag

    def _schedule(self) -> Any:
        schedule = self._report.schedule
        if isinstance(schedule, str):
            timetable = cron_timetable(schedule, self._report.timezone)
            return timetable if self._report.holidays is None else self._moving(schedule)
        return _assets(schedule) if schedule is not None else None

    def _moving(self, cron: str) -> HolidayCronTimetable:
        from workplace_provider.reports.holidays import HolidayRule
        from workplace_provider.reports.timetable import HolidayCronTimetable

        assert isinstance(self._rule, HolidayRule)  # noqa: S101 - for mypy
        return HolidayCronTimetable(cron, timezone=self._report.timezone, rule=self._rule)

    def _params(self) -> Iterator[tuple[str, Param]]:
        yield (
            "report_date",
            Param(
                None,
                type=["null", "string"],
                format="date",
                title="Report date",
                description="Any day of the period to report on. Leave empty to use the period of the run date",
            ),
        )
        for name, spec in self._report.params.items():
            schema = param_schema(spec)
            yield name, Param(schema.pop("default"), **schema)
        yield "review", review_param()
        if self._report.page.rehearsal_parent:
            yield (
                "rehearsal",
                Param(
                    False,
                    type="boolean",
                    title="Rehearsal",
                    description=f"Write the page under “{self._report.page.rehearsal_parent}”, and announce nothing",
                ),
            )
        yield "dry_run", dry_run_param()

    def _tasks(self) -> None:
        report = self._report
        tasks = SourceTasks(self._rule, self._folder, report.page.space)
        waits = [self._wait(number, wait) for number, wait in enumerate(report.wait_for, 1)]
        with TaskGroup(COLLECT):
            sources = {name: tasks.make(name, source) for name, source in report.sources.items()}
        for wait, source in product(waits, sources.values()):
            source.trigger_rule = TriggerRule.NONE_FAILED  # a wait is skipped if its view was emptied in the form
            wait >> source
        check = ReportCheckOperator(
            task_id="check",
            definition=report,
            sources={name: task.output for name, task in sources.items()},
            if_source_fails=defined(report.if_source_fails, self._rule),
            # A source that was left out in the form is skipped.
            trigger_rule="none_failed" if report.if_source_fails == "fail" else "all_done",
        )
        checks: Any = check.output
        compose = ReportComposeOperator(
            task_id=COMPOSE,
            definition=report,
            sources=SourceOutputs(report.sources),
            rhythm=plain_texts(rhythm_of(report, self._rule).as_dict()),
            checks=checks["results"],
            failed=checks["failed"],
            left_out=checks["left_out"],
            texts=self._texts(),
            ask_for_review="{{ params.review }}",
            rehearse="{{ params.rehearsal }}" if report.page.rehearsal_parent else False,
        )
        composed: Any = compose.output
        review = self._review()
        publish = ReportPublishOperator(
            task_id=PUBLISH,
            definition=report,
            document=composed["document"],
            dry_run="{{ params.dry_run }}",
            trigger_rule="none_failed",
            outlets=[Asset(report.id)] if report.id.isascii() else [],
        )
        if report.holidays:
            due = ReportDueOperator(task_id="due", definition=report)
            due >> (waits or [*sources.values()] or [check])
        compose >> review >> publish
        for number, announcement in enumerate(report.announce, 1):
            publish >> self._announcement(number, announcement, publish.output)

    def _wait(self, number: int, wait: TableauWait) -> BaseOperator:
        from workplace_provider.tableau.sensors import TableauViewUpdatedSensor

        return TableauViewUpdatedSensor(
            task_id=f"wait_for_{number}",
            view=defined(wait.tableau, self._rule),
            pre_execute=skip_without_params(wait.tableau),
            project=plain(wait.project),
            since=defined(wait.since, self._rule),
            timeout=parse_duration(wait.at_most).total_seconds(),
            deferrable=True,
            tableau_conn_id=plain(wait.conn_id),
        )

    def _texts(self) -> dict[str, Any]:
        """Return the texts of the page that need the period, for the task ``compose``."""
        page = self._report.page
        variables: dict[str, Any] = {}
        for fill in self._report.fill:
            if isinstance(fill, TextFill):
                variables |= fill.text
        texts = {
            "variables": defined(variables, self._rule, keep_empty=True),
            "labels": defined(page.labels.add, self._rule),
            "message": defined(page.message, self._rule),
        }
        if isinstance(page.source, PageSource) and page.source.file:
            texts["template"] = FileText(self._template_file(page.source.file, "page.from"))
        elif page.template.endswith(".xhtml"):
            texts["template"] = FileText(self._template_file(page.template, "page.template"))
        return texts

    def _template_file(self, name: str, key: str) -> str:
        try:
            return find_beside(self._folder, name)
        except FileNotFoundError as error:
            raise ValueError(f"{key}: {error}") from None

    def _review(self) -> BaseOperator:
        rule = self._report.review
        arguments: dict[str, Any] = {
            "task_id": "review",
            "subject": _SUBJECT,
            "body": _REVIEW,
            "reviewers": plain_texts(rule.by),
            "enabled": f"{{{{ ti.xcom_pull('{COMPOSE}')['needs_review'] }}}}",
            "response_timeout": parse_duration(rule.within),
            "defaults": "Reject" if rule.otherwise == "skip" else None,
        }
        if not rule.channel:
            from workplace_provider.confluence.operators import ReviewOperator

            return ReviewOperator(**arguments)
        from workplace_provider.slack.operators import SlackReviewOperator

        return SlackReviewOperator(
            channel=plain(rule.channel),
            text=ReviewText(),
            labels={"Approve": rule.buttons.approve, "Reject": rule.buttons.reject} if rule.buttons else None,
            slack_conn_id=plain(rule.conn_id),
            **arguments,
        )

    def _announcement(self, number: int, announcement: Any, page: Any) -> BaseOperator:
        task_id = f"announce_{number}"
        quiet = "params.dry_run or params.rehearsal" if self._report.page.rehearsal_parent else "params.dry_run"
        if not isinstance(announcement, SlackAnnouncement):
            from workplace_provider.slack.operators import SlackWorkflowWebhookOperator

            return SlackWorkflowWebhookOperator(
                task_id=task_id, page=page, dry_run=f"{{{{ {quiet} }}}}", slack_webhook_conn_id=plain(announcement.workflow)
            )
        from workplace_provider.reports.announcing import ReportAnnouncementOperator

        return ReportAnnouncementOperator(
            task_id=task_id,
            definition=self._report,
            channel=defined(announcement.slack, self._rule),
            pre_execute=skip_without_params(announcement.slack),
            text=AnnouncementText(announcement.text, self._rule, slack_text, changes=announcement.changes, number=number),
            files=AnnouncementFiles(announcement.files) if announcement.files else None,
            file_limit=announcement.file_limit,
            enabled=f"{{{{ not ({quiet}) }}}}",
            slack_conn_id=plain(announcement.conn_id),
        )

    def _documentation(self) -> str:
        report = self._report
        rows = [
            ("Page", f"{report.page.title} ({report.page.space})"),
            ("Period", report.period.every),
            ("Sources", ", ".join(report.sources) or "none"),
            ("Defined in", f"include/reports/{report.id}.yaml"),
        ]
        table = "\n".join(f"| {name} | {_cell(text)} |" for name, text in rows)
        return f"### {_cell(report.name or report.id)}\n\n{_cell(report.description)}\n\n| | |\n|---|---|\n{table}\n"


def default_args(owner: str, notice: FailureNotice | None) -> dict[str, Any]:
    """Return the arguments of all tasks of a report: retries, and the alarm when one fails for good."""
    arguments: dict[str, Any] = {
        "owner": owner,
        "retries": 3,
        "retry_delay": timedelta(minutes=1),
        "retry_policy": WorkplaceRetryPolicy(),
    }
    if notice:
        from workplace_provider.slack.notifications import SlackPostNotifier

        # The text is a template, in which the owner is a value.
        named = f"\nOwner: {{{{ macros.workplace.slack_text({owner!r}) }}}}" if notice.owner else ""
        arguments["on_failure_callback"] = SlackPostNotifier(
            channel=plain(notice.slack), slack_conn_id=plain(notice.conn_id), text=_FAILURE + named
        )
    return arguments


def review_param() -> Param:
    """Return the field of the form that asks for a review."""
    return Param(
        False,
        type="boolean",
        title="Review",
        description="Ask for an approval before publishing, even if no check demands it",
    )


def dry_run_param() -> Param:
    """Return the field of the form for a run that writes nothing."""
    return Param(False, type="boolean", title="Dry run", description="Log the changes without writing them")


_FAILURE: Final = (
    ":rotating_light: *{{ dag.dag_id }}* {{ ti.task_id }} failed: {{ macros.workplace.slack_text(exception or '') }}"
)
_SUBJECT: Final = f"Publish “{{{{ ti.xcom_pull('{COMPOSE}')['title'] }}}}”?"
_REVIEW: Final = f"""{{% set composed = ti.xcom_pull('{COMPOSE}') -%}}
{{% if composed['changes'] %}}{{{{ macros.workplace.markdown_code(composed['changes'] | join('\\n')) }}}}

{{% endif %}}{{{{ macros.workplace.markdown_code(composed['checks'] | join('\\n') or 'No checks.') }}}}

{{{{ macros.workplace.markdown_code(composed['diff'] or 'No changes.', 'diff') }}}}"""


def _assets(schedule: AssetSchedule) -> Any:
    group = schedule.assets
    if bool(schedule.asset) == (group is not None):
        raise ValueError("schedule must have either asset or assets")
    if group is None:
        return [named_asset(schedule.asset, "schedule.asset")]
    if bool(group.all) == bool(group.any):
        raise ValueError("schedule.assets must have either all or any")
    if group.all:
        return AssetAll(*(named_asset(name, "schedule.assets") for name in group.all))
    return AssetAny(*(named_asset(name, "schedule.assets") for name in group.any))


def _cell(text: str) -> str:
    """Return a text for Markdown, in which it is no markup."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>()#+!|~" else letter for letter in " ".join(text.split()))
