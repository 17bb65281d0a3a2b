"""Boards and sprints: Jira's agile REST API, version 1.0, which is the same on Data Center and Cloud.

A board also lists the sprints of other boards that have an issue of its project
(red-hat-data-services/rhai-org-pulse#1434 measured it). Sprints are listed by state (closed, active, future), then by their
position. A sprint or board that the caller may not see does not exist for them.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from workplace_sandbox.jira.errors import MEDIA_TYPE, JiraError
from workplace_sandbox.jira.representation import Json, moment
from workplace_sandbox.model import AgileBoard, Sprint
from workplace_sandbox.store import Store

BOARD_SCOPE = "read:board-scope:jira-software"
PROJECT_SCOPE = "read:project:jira"
ISSUE_SCOPE = "read:issue-details:jira"
SPRINT_SCOPE = "read:sprint:jira-software"
MAX_RESULTS = 50
STATES = ("closed", "active", "future")


class AgileCall(Protocol):
    """A request of either deployment."""

    store: Store

    @property
    def base(self) -> str:
        """The address of Jira as the client wrote it."""

    @property
    def is_anonymous(self) -> bool:
        """True when the caller sees nothing."""

    def require_scopes(self, *scopes: str) -> None:
        """Refuse a token without one of these scopes."""


def build_agile_router(dependency: Callable[..., Any]) -> APIRouter:
    """Build the routes.

    :param dependency: makes the call of a request, an ``AgileCall``.
    """
    router = APIRouter()
    call_of = Depends(dependency)

    @router.get("/board")
    def boards(request: Request, call: Any = call_of) -> Response:
        call.require_scopes(BOARD_SCOPE, PROJECT_SCOPE)
        # "name" filters by a part of the name, in any case.
        name = request.query_params.get("name", "").lower()
        project = request.query_params.get("projectKeyOrId")
        found = [board for board in call.store.boards() if name in board.name.lower() and project in (None, board.project)]
        return _page(request, [_board(call, board) for board in ([] if call.is_anonymous else found)])

    @router.get("/board/{board_id}")
    def board(board_id: int, call: Any = call_of) -> Response:
        call.require_scopes(BOARD_SCOPE, ISSUE_SCOPE)
        return _respond(_board(call, _find_board(call, board_id)))

    @router.get("/board/{board_id}/sprint")
    def sprints(request: Request, board_id: int, call: Any = call_of) -> Response:
        call.require_scopes(SPRINT_SCOPE)
        board = _find_board(call, board_id)
        if board.type != "scrum":
            raise JiraError(400, "The board does not support sprints")
        states = [state for value in request.query_params.getlist("state") for state in value.split(",")]
        shown = [sprint for sprint in _sprints(call.store, board) if not states or sprint.state in states]
        shown.sort(key=lambda sprint: STATES.index(sprint.state))
        return _page(request, [_sprint(call, sprint) for sprint in shown])

    @router.get("/sprint/{sprint_id}")
    def sprint(sprint_id: int, call: Any = call_of) -> Response:
        call.require_scopes(SPRINT_SCOPE)
        record = None if call.is_anonymous else call.store.sprint(sprint_id)
        if record is None:
            raise JiraError(404, "Sprint does not exist or you do not have permission to view it.")
        return _respond(_sprint(call, record))

    return router


def _find_board(call: AgileCall, board_id: int) -> AgileBoard:
    board = next((board for board in call.store.boards() if board.id == board_id), None)
    if board is None or call.is_anonymous:
        raise JiraError(
            404,
            "The requested board cannot be viewed because it either does not exist or you do not have "
            "permission to view it.",
        )
    return board


def _sprints(store: Store, board: AgileBoard) -> list[Sprint]:
    issues = {issue.id for issue in store.issues() if issue.project == board.project}
    return [sprint for sprint in store.sprints() if sprint.board_id == board.id or store.sprint_issues(sprint.id) & issues]


def _board(call: AgileCall, board: AgileBoard) -> Json:
    return {
        "id": board.id,
        "self": f"{call.base}/rest/agile/1.0/board/{board.id}",
        "name": board.name,
        "type": board.type,
        "location": {"projectKey": board.project},
    }


def _sprint(call: AgileCall, sprint: Sprint) -> Json:
    dates: tuple[tuple[str, datetime | None], ...] = (
        ("startDate", sprint.begun),
        ("endDate", sprint.due),
        ("completeDate", sprint.completed),
    )
    return {
        "id": sprint.id,
        "self": f"{call.base}/rest/agile/1.0/sprint/{sprint.id}",
        "state": sprint.state,
        "name": sprint.name,
        **{name: moment(at) for name, at in dates if at is not None},
        "originBoardId": sprint.board_id,
        "goal": sprint.goal,
    }


def _page(request: Request, values: Sequence[Json]) -> Response:
    first = _number(request, "startAt", 0)
    size = min(_number(request, "maxResults", MAX_RESULTS), MAX_RESULTS)
    page = list(values[first : first + size])
    return _respond(
        {
            "maxResults": size,
            "startAt": first,
            "total": len(values),
            "isLast": first + size >= len(values),
            "values": page,
        }
    )


def _number(request: Request, name: str, default: int) -> int:
    value = request.query_params.get(name, str(default))
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise JiraError(400, f"{name} must be a whole number that is not negative: {value}")
    return int(value)


def _respond(body: Any) -> Response:
    return JSONResponse(body, media_type=MEDIA_TYPE)
