"""The DAG that makes the reports which describe themselves on their template pages.

A DAG file needs one line::

    dag = build_page_reports(Path(__file__).parent.parent / "include" / "report_catalogue.yaml")

The flow of a run: ``find``, and then for each report that is due ``make.compose``, ``make.review``, ``make.gate``,
``make.publish``, ``make.announce``. An error of one report does not affect the others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pendulum
from airflow.sdk import DAG, Param, task_group

from workplace_provider.common.schedules import cron_timetable
from workplace_provider.confluence.operators import ReviewOperator
from workplace_provider.http.redaction import get_logger
from workplace_provider.reports.catalogue import Catalogue, read_catalogue
from workplace_provider.reports.factory import FIRST_DAY, broken_dag, default_args, dry_run_param, review_param
from workplace_provider.reports.page_operators import (
    AnnouncePageReportOperator,
    ComposePageReportOperator,
    FindPageReportsOperator,
    PageReportGateOperator,
    PublishPageReportOperator,
)
from workplace_provider.reports.reading import ReportError, parse_duration
from workplace_provider.reports.texts import plain_texts
from workplace_provider.tableau.operators.base import POOL

log = get_logger("workplace_provider.reports")

DAG_ID: Final = "page_reports"
LABEL: Final = "{{ task.label }}"

_DOCUMENTATION: Final = """### Reports of template pages

Makes the reports that describe themselves on a template page in Confluence: a page with the label `report-template` and a
code macro titled `report`. What such a page may use is in the catalogue, `include/{name}`.

Each report that is due has a map index of its own. An error is shown once on its template page, as a comment, which is
removed when the report is made.

**By hand:** *Trigger*, with a day to make the reports of its period, and with *Template page* for only one of them.
"""


def build_page_reports(path: Path, definitions: Path | None = None) -> DAG:
    """Return the DAG; with an error of the catalogue, a DAG that shows it and cannot run.

    :param path: file of the catalogue
    :param definitions: folder of the reports that files define; by default ``reports`` beside the catalogue
    """
    try:
        catalogue = read_catalogue(path)
    except ReportError as error:
        log.error("%s", error)
        return broken_dag(DAG_ID, str(error))
    return _build(catalogue, path, definitions or path.parent / "reports")


def _build(catalogue: Catalogue, path: Path, definitions: Path) -> DAG:
    with DAG(
        dag_id=DAG_ID,
        description="Makes the reports that describe themselves on template pages in Confluence",
        doc_md=_DOCUMENTATION.format(name=path.name),
        schedule=cron_timetable(catalogue.schedule, catalogue.timezone) if catalogue.schedule else None,
        start_date=pendulum.datetime(*FIRST_DAY, tz=catalogue.timezone),
        catchup=False,
        max_active_runs=1,
        tags={"page reports", "confluence"},
        default_args=default_args(catalogue.owner, catalogue.on_failure),
        params=_params(),
    ) as dag:
        find = FindPageReportsOperator(
            task_id="find",
            definitions=str(definitions),
            day="{{ params.report_date or '' }}",
            only="{{ params.template_page or '' }}",
            catalogue=catalogue,
        )

        @task_group(group_id="make")
        def make(report: Any) -> None:
            _make(catalogue, report, path.parent)

        make.expand(report=find.output)
    return dag


def _make(catalogue: Catalogue, report: Any, folder: Path) -> None:
    """Add the tasks of one report."""
    arguments: dict[str, Any] = {
        "catalogue": catalogue,
        "folder": str(folder),
        "report": report,
        "dry_run": "{{ params.dry_run }}",
        "map_index_template": LABEL,
    }
    # The pool limits the tasks that are signed in to Tableau. A mapped task has one pool for all its indexes.
    compose = ComposePageReportOperator(
        task_id="compose",
        ask_for_review="{{ params.review }}",
        pool=POOL if catalogue.tableau else "default_pool",
        **arguments,
    )
    composed: Any = compose.output
    rule = catalogue.review
    review = ReviewOperator(
        task_id="review",
        subject=composed["subject"],
        body=composed["question"],
        reviewers=plain_texts(rule.by),
        enabled=composed["needs_review"],
        response_timeout=parse_duration(rule.within),
        defaults="Reject" if rule.otherwise == "skip" else None,
        map_index_template="{{ task.subject }}",
    )
    gate = PageReportGateOperator(task_id="gate", composed=composed, review=review.task_id, map_index_template=LABEL)
    publish = PublishPageReportOperator(
        task_id="publish",
        composed=composed,
        answer=gate.output,
        forced="{{ (params.report_date or '') != '' }}",
        **arguments,
    )
    AnnouncePageReportOperator(task_id="announce", composed=composed, page=publish.output, **arguments)
    compose >> review >> gate


def _params() -> dict[str, Param]:
    return {
        "report_date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Report date",
            description="Make the reports of this day's periods, also those that were made. Leave empty to make those due",
        ),
        "template_page": Param(
            None,
            type=["null", "string"],
            pattern=r"^(page-)?\d{1,20}$",
            title="Template page",
            description="Id of the template page, to make only its report. Leave empty to make all",
        ),
        "review": review_param(),
        "dry_run": dry_run_param(),
    }
