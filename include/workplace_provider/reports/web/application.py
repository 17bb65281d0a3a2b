"""The routes of the pages. All of them only read: the button *Run* uses Airflow's own API, with its checks and audit log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import Depends, FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from workplace_provider.reports.web import airflow_server
from workplace_provider.reports.web.airflow_server import BaseUser, ReportDag, get_user
from workplace_provider.reports.web.pages import asset, message_page, page
from workplace_provider.reports.web.preview_file import POLICY, NoPreview, read_preview
from workplace_provider.reports.web.states import Cell, aligned_periods, column_group, make_cells

if TYPE_CHECKING:
    from workplace_provider.common.periods import Period
    from workplace_provider.reports.rhythm import Rhythm
    from workplace_provider.reports.web.states import Run

MOST_PAGES: Final = 200

User = Annotated[BaseUser, Depends(get_user)]


@dataclass(frozen=True, slots=True)
class Row:
    """A report and its periods."""

    report: ReportDag
    cells: list[Cell]

    @property
    def latest(self) -> Cell | None:
        """Return the newest period whose changes are known."""
        return next((cell for cell in self.cells if cell.run and cell.run.changes), None)


@dataclass(frozen=True, slots=True)
class Group:
    """Reports whose periods have the same labels: a table of the page.

    :param columns: the periods of the columns
    """

    every: str
    columns: list[Period]
    rows: list[Row]


def build_application() -> FastAPI:
    """Build the application."""
    application = FastAPI(title="Workplace reports", docs_url=None, redoc_url=None, openapi_url=None)
    for path, endpoint in (("/reports", _reports), ("/run", _run), ("/preview", _preview)):
        application.add_api_route(path, endpoint, methods=["GET"], response_class=Response)
    for name in ("reports.css", "reports.js"):
        application.add_api_route(f"/{name}", _asset_route(name), methods=["GET"], response_class=Response)
    application.exception_handler(HTTPException)(_show_error)
    return application


def _reports(user: User, q: str = "", page_number: int = 0) -> Response:
    """Show all reports that the user may read."""
    now = dt.datetime.now(dt.UTC)
    number = min(max(page_number, 0), MOST_PAGES)
    reports = airflow_server.read_reports(user)
    shown = [report for report in reports if _matches(report, q)]
    return page(
        "reports",
        groups=_groups(shown, now, number),
        others=[report for report in shown if report.rhythm is None],
        is_empty=not reports,
        q=q,
        number=number,
        now=now,
    )


def _matches(report: ReportDag, words: str) -> bool:
    text = " ".join([report.dag_id, report.name, report.owner, *report.tags]).casefold()
    return all(word in text for word in words.casefold().split())


def _groups(reports: Sequence[ReportDag], now: dt.datetime, number: int) -> list[Group]:
    by_rhythm: dict[tuple[str, int], list[tuple[ReportDag, Rhythm]]] = {}
    for report in reports:
        if report.rhythm is not None:
            by_rhythm.setdefault(column_group(report.rhythm), []).append((report, report.rhythm))
    columns = {
        group: aligned_periods([rhythm for _, rhythm in members], now, number) for group, members in by_rhythm.items()
    }
    runs = airflow_server.read_runs(
        (
            [report.dag_id for report, _ in by_rhythm[group]],
            min(period.day for periods in rows for period in periods),
            max(periods[0].shift(1).day for periods in rows),
        )
        for group, rows in columns.items()
        if rows[0]
    )
    return [
        Group(
            group[0],
            columns[group][0],
            [
                Row(report, make_cells(rhythm, periods, runs.get(report.dag_id, ()), now))
                for (report, rhythm), periods in zip(members, columns[group], strict=True)
            ],
        )
        for group, members in by_rhythm.items()
    ]


def _run(user: User, dag_id: str = "", run_id: str = "") -> Response:
    """Show the report of a run."""
    run = _readable_run(user, dag_id, run_id)
    checks = run.results.get(("check", "results"))
    return page(
        "run",
        run=run,
        checks=[check for check in checks if isinstance(check, dict)] if isinstance(checks, list) else [],
        is_report="compose" in run.tasks,
    )


def _preview(user: User, dag_id: str = "", run_id: str = "", theme: str = "") -> Response:
    """Return the preview of a run, which has no power over the pages around it."""
    try:
        content = read_preview(_readable_run(user, dag_id, run_id), theme)
    except NoPreview as error:
        raise HTTPException(404, str(error)) from None
    headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-store"}
    return Response(content, media_type="text/html; charset=utf-8", headers=headers | {"Referrer-Policy": "no-referrer"})


def _readable_run(user: BaseUser, dag_id: str, run_id: str) -> Run:
    # A user who may not read a DAG does not learn whether it exists.
    if not (dag_id and airflow_server.may_read_report(user, dag_id)):
        raise HTTPException(403, "Your user may not read the runs of this DAG. Ask an administrator of this Airflow.")
    run = airflow_server.read_run(dag_id, run_id)
    if run is None:
        raise HTTPException(404, "This run does not exist. Was it deleted?")
    return run


def _asset_route(name: str) -> Callable[[], Response]:
    def serve() -> Response:
        return asset(name)

    return serve


async def _show_error(_: Request, error: HTTPException) -> Response:
    if error.status_code == 401:
        return message_page("Not logged in", "Log in to Airflow to see its reports.", 401, airflow_server.log_in_url())
    title = {403: "Not allowed", 404: "Not found"}.get(error.status_code, "The request failed")
    return message_page(title, str(error.detail), error.status_code)
