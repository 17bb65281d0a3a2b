"""Reading a board: one request, and the notices in its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workplace_provider.http.errors import BadResponse, TooLarge
from workplace_provider.notices.board import Board, FeedBoard
from workplace_provider.notices.feed import notices_of_feed
from workplace_provider.notices.notice import Notice, canonical
from workplace_provider.notices.page import notices_of_page
from workplace_provider.notices.response import BoardResponse

if TYPE_CHECKING:
    from workplace_provider.http.client import HttpClient

NOT_MODIFIED: Final = 304


@dataclass(frozen=True, slots=True)
class Reading:
    """What a board shows.

    :param notices: in its order, each once
    :param etag: of the answer, for the next request
    :param modified: ``Last-Modified`` of the answer, for the next request
    """

    notices: tuple[Notice, ...]
    etag: str = ""
    modified: str = ""


def read_board(
    client: HttpClient,
    path: str,
    board: Board,
    *,
    headers: Mapping[str, str] | None = None,
    etag: str = "",
    modified: str = "",
) -> Reading | None:
    """Read a board.

    :param path: of the board, below the client's base URL
    :param headers: what the request shall carry beside the usual
    :param etag: of the answer before
    :param modified: ``Last-Modified`` of the answer before
    :return: ``None`` when nothing changed since then
    :raises BadResponse: what came is no board such as was described
    :raises TooLarge: the answer is longer than ``board.max_bytes``
    :raises WorkplaceError: the typed error of a failed request
    """
    conditions = {name: value for name, value in (("If-None-Match", etag), ("If-Modified-Since", modified)) if value}
    try:
        response = client.request(
            "GET",
            path,
            headers={"Accept": "*/*", **(headers or {}), **conditions},
            max_bytes=board.max_bytes,
            seconds=board.max_seconds,
        )
    except BadResponse as error:
        if error.status == NOT_MODIFIED and conditions:
            return None
        raise
    except TooLarge as error:
        if error.status is None:
            error.advice = "check that the address is right, or raise max_bytes in the board's description"
        raise
    content_type = response.headers.get("Content-Type", "")
    answer = BoardResponse(board.system, response.url, content_type, response.content, client.is_own(response.url))
    found = notices_of_feed(answer) if isinstance(board, FeedBoard) else notices_of_page(board, answer)
    validators = (response.headers.get(name, "") for name in ("ETag", "Last-Modified"))
    return Reading(_each_once(answer, found), *validators)


def _each_once(answer: BoardResponse, found: Sequence[Notice]) -> tuple[Notice, ...]:
    """Notices without the repetitions of boards that show what is pinned in the list as well.

    Of those the one in the list is taken: its place tells when it was published.

    :raises BadResponse: different notices have one key, so that all but one would be lost
    """
    once: dict[str, Notice] = {}
    for each in found:
        other = once.get(each.key)
        if other and other.title != each.title and canonical(other.url) != canonical(each.url):
            raise answer.invalid_response(
                f"{answer.quote(other.title)} and {answer.quote(each.title)} have the same key {answer.quote(each.key)}",
                "in a board of kind html, correct id in its description; the ids of a feed must differ",
                retryable=False,
            )
        if other is None or other.pinned:
            once.pop(each.key, None)
            once[each.key] = each
    return tuple(once.values())
