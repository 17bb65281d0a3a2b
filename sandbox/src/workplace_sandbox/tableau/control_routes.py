"""The controls of the sandbox's Tableau over HTTP, for other processes: ``/_sandbox/tableau/...``."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, HTTPException

from workplace_sandbox.tableau.accounts import SITE
from workplace_sandbox.tableau.catalogue import TableauWorkbook
from workplace_sandbox.tableau.controls import TableauControls


def build_tableau_control_router(controls: TableauControls, writing: Sequence[Any]) -> APIRouter:
    """Build the routes. The response to an invalid value is 400 with the reason.

    :param controls: the controls that they call.
    :param writing: dependencies of the routes that change something.
    :return: the routes, to be included under ``/_sandbox/tableau``.
    """
    router = APIRouter()
    changes = APIRouter(dependencies=[*writing, Depends(_values_checked)])

    @router.get("/sessions")
    def sessions() -> list[dict[str, Any]]:
        return [asdict(session) for session in controls.sessions]

    _add_time_routes(changes, controls)
    _add_workbook_routes(changes, controls)
    router.include_router(changes)
    return router


def _add_time_routes(changes: APIRouter, controls: TableauControls) -> None:
    @changes.post("/reset")
    def reset() -> dict[str, str]:
        controls.reset()
        return {"status": "ok"}

    @changes.post("/advance")
    def advance(seconds: Annotated[float, Body(embed=True)]) -> dict[str, str]:
        controls.clock.advance(timedelta(seconds=seconds))
        return {"now": controls.clock.now().isoformat()}

    @changes.post("/expire-sessions")
    def expire_sessions() -> dict[str, str]:
        controls.expire_sessions()
        return {"status": "ok"}

    @changes.post("/end-session-after")
    def end_session_after(
        exports: Annotated[int | None, Body()] = None, every_time: Annotated[bool, Body()] = False
    ) -> dict[str, str]:
        controls.end_session_after(exports, every_time=every_time)
        return {"status": "ok"}

    @changes.post("/pace")
    def pace(
        render_seconds: Annotated[float, Body(ge=0)] = 0, latency_seconds: Annotated[float, Body(ge=0)] = 0
    ) -> dict[str, str]:
        controls.render_seconds = render_seconds
        controls.latency_seconds = latency_seconds
        return {"status": "ok"}


def _add_workbook_routes(changes: APIRouter, controls: TableauControls) -> None:
    @changes.post("/refresh-extract")
    def refresh_extract(workbook: Annotated[str, Body()], through: Annotated[date | None, Body()] = None) -> dict[str, str]:
        controls.refresh_extract(workbook, through)
        return {"status": "ok"}

    @changes.post("/jobs")
    def jobs(
        queue_seconds: Annotated[float, Body(ge=0)] = 0,
        run_seconds: Annotated[float, Body(ge=0)] = 0,
        failures: Annotated[tuple[str, ...], Body()] = (),
    ) -> dict[str, str]:
        board = controls.jobs
        board.queue_seconds, board.run_seconds, board.failures[:] = queue_seconds, run_seconds, failures
        return {"status": "ok"}

    @changes.post("/workbook")
    def add_workbook(
        name: Annotated[str, Body()],
        project: Annotated[str, Body()] = "데이터분석팀",
        views: Annotated[tuple[str, ...], Body()] = ("시트 1",),
        content_url: Annotated[str | None, Body()] = None,
        site: Annotated[str, Body()] = SITE,
    ) -> dict[str, Any]:
        return _workbook_json(controls.add_workbook(name, project=project, views=views, content_url=content_url, site=site))

    @changes.post("/workbooks")
    def add_workbooks(count: Annotated[int, Body(embed=True, ge=0)]) -> dict[str, int]:
        return {"added": len(controls.add_workbooks(count))}

    @changes.post("/big-view")
    def add_big_view(
        name: Annotated[str, Body()],
        csv_bytes: Annotated[int, Body()],
        xlsx_bytes: Annotated[int | None, Body()] = None,
    ) -> dict[str, Any]:
        return _workbook_json(controls.add_big_view(name, csv_bytes=csv_bytes, xlsx_bytes=xlsx_bytes))


def _values_checked() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise HTTPException(400, f"{error}") from error


def _workbook_json(workbook: TableauWorkbook) -> dict[str, Any]:
    views = {sheet.name: sheet.luid for sheet in workbook.views}
    return {"luid": workbook.luid, "name": workbook.name, "content_url": workbook.content_url, "views": views}
