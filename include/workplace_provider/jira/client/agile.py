"""Boards and sprints, which are the same on Jira Data Center and Jira Cloud.

Source: Jira Software's REST API, version 1.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import msgspec

from workplace_provider.http import errors
from workplace_provider.jira.client.search import SYSTEM, convert_content

if TYPE_CHECKING:
    from workplace_provider.http.client import HttpClient

API: Final = "rest/agile/1.0"
MAX_PAGES: Final = 200
ACTIVE: Final = "active"
CLOSED: Final = "closed"


class Board(msgspec.Struct, frozen=True):
    """A board."""

    id: int
    name: str
    type: str = ""


class Sprint(msgspec.Struct, frozen=True):
    """A sprint.

    :param state: ``future``, ``active`` or ``closed``
    :param board_id: the board that the sprint was created on. Other boards list it too if it has one of their issues
    :param completed: time at which it was closed; the planned end may be earlier or later
    """

    id: int
    name: str
    state: str
    board_id: int | None = msgspec.field(name="originBoardId", default=None)
    completed: str | None = msgspec.field(name="completeDate", default=None)

    @property
    def completed_at(self) -> datetime | None:
        """Return the time at which the sprint was closed; ``None`` if it is open."""
        if self.state != CLOSED:
            return None
        try:
            moment = datetime.fromisoformat(self.completed or "")
        except ValueError:
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Content = TypeVar("Content")
Found = TypeVar("Found", Board, Sprint)


class _Boards(msgspec.Struct):
    values: list[Board]
    is_last: bool = msgspec.field(name="isLast", default=True)


class _Sprints(msgspec.Struct):
    values: list[Sprint]
    is_last: bool = msgspec.field(name="isLast", default=True)


def find_board(http: HttpClient, board: str) -> Board:
    """Return the board with this id or name.

    :raises NotFound: there is none that the account may see
    :raises Invalid: several boards have the name
    """
    if _is_id(board):
        return _read(http, f"{API}/board/{board}", Board)
    # The filter finds every board whose name contains the text.
    found: list[Board] = [entry for entry in _pages(http, f"{API}/board", _Boards, {"name": board}) if entry.name == board]
    if not found:
        raise errors.NotFound(
            f"no board named {board!r}",
            system=SYSTEM,
            advice="check the name, and that the connection's account may see the board",
        )
    return _only(found, f"{len(found)} boards are named {board!r}", "set board to the id of one of them")


def find_sprint(http: HttpClient, sprint: str, board: str | None = None) -> Sprint:
    """Return a sprint.

    :param sprint: its id, its name, ``active`` for the active sprint of the board, or ``closed`` for the one of its sprints
        that was closed last
    :param board: id or name of the board; needed unless the sprint is an id
    :raises NotFound: there is none that the account may see
    :raises Invalid: several sprints match, or the board has no sprints
    """
    if _is_id(sprint):
        return _read(http, f"{API}/sprint/{sprint}", Sprint)
    if not board:
        raise ValueError(f"the sprint {sprint!r} needs its board: set board to its name or id, or sprint to an id")
    own = _own_sprints(http, find_board(http, board), sprint if sprint in (ACTIVE, CLOSED) else "")
    if sprint == CLOSED:
        closed = [entry for entry in own if entry.completed_at is not None]
        # The list has no fixed place for the newest one.
        latest = max(closed, key=lambda entry: entry.completed_at or datetime.min, default=None)
        found = [] if latest is None else [latest]
    else:
        found = [entry for entry in own if sprint in (ACTIVE, entry.name)]
    if not found:
        kind = f"no {sprint} sprint" if sprint in (ACTIVE, CLOSED) else f"no sprint named {sprint!r}"
        advice = "check the board, or set sprint to an id"
        raise errors.NotFound(f"{kind} on the board {board!r}", system=SYSTEM, advice=advice)
    several = "are active" if sprint == ACTIVE else f"are named {sprint!r}"
    return _only(found, f"{len(found)} sprints of the board {board!r} {several}", "set sprint to the id of one of them")


def closed_sprints(http: HttpClient, board: str, since: datetime, sprint: str | None = None) -> list[Sprint]:
    """Return the sprints of a board that were closed after a time, the earliest first.

    :param board: id or name of the board
    :param sprint: id or name of the only sprint to look at
    """
    own = _own_sprints(http, find_board(http, board), CLOSED)
    if sprint:
        own = [entry for entry in own if sprint in (str(entry.id), entry.name)]
    # Only a closed sprint has this time. The planned end passes also while a sprint stays open.
    closed = [(entry.completed_at, entry) for entry in own if entry.completed_at and entry.completed_at > since]
    return [entry for _, entry in sorted(closed, key=lambda pair: pair[0])]


def _own_sprints(http: HttpClient, board: Board, state: str) -> list[Sprint]:
    """Return the sprints that were created on a board; it also lists those of other boards with one of its issues."""
    try:
        listed = list(_pages(http, f"{API}/board/{board.id}/sprint", _Sprints, {"state": state} if state else {}))
    except errors.Invalid as error:
        if "does not support sprints" in error.message:
            error.advice = "boards of Kanban and of some team-managed projects have no sprints; name the sprint in the query"
        raise
    return [sprint for sprint in listed if sprint.board_id in (None, board.id)]


def _only(found: Sequence[Found], several: str, advice: str) -> Found:
    if len(found) == 1:
        return found[0]
    ids = ", ".join(f"{entry.name} ({entry.id})" for entry in found[:10])
    raise errors.Invalid(f"{several}: {ids}", system=SYSTEM, advice=advice)


def _pages(http: HttpClient, path: str, kind: Any, params: dict[str, Any]) -> Iterator[Any]:
    """Return the entries of all pages of a list."""
    start = 0
    for _ in range(MAX_PAGES):
        page = _read(http, path, kind, {**params, "startAt": start})
        yield from page.values
        start += len(page.values)
        if page.is_last or not page.values:
            return
    raise errors.BadResponse(f"the list does not end: it has more than {MAX_PAGES} pages", system=SYSTEM, url=http.url(path))


def _read(http: HttpClient, path: str, kind: type[Content], params: dict[str, Any] | None = None) -> Content:
    content = http.get_json(path, params)
    with errors.error_context(system=SYSTEM, method="GET", url=http.url(path)):
        return cast("Content", convert_content(content, kind, "boards or sprints"))


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit()
