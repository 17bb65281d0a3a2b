"""Reader for a board: one conditional request, and the notices of the response."""

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
    """The content of a board.

    :param notices: notices in the board's order, each once
    :param etag: ``ETag`` of the response, for the next request
    :param modified: ``Last-Modified`` of the response, for the next request
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

    ::

        with HttpClient("https://example.com", system=board.system) as client:
            reading = read_board(client, "/feed.xml", board)

    :param path: path of the board, below the client's base URL
    :param headers: additional headers of the request
    :param etag: ``ETag`` of the previous response
    :param modified: ``Last-Modified`` of the previous response
    :return: the content; ``None`` if it has not changed since the previous response
    :raises BadResponse: the response does not match the board's description
    :raises TooLarge: the response exceeds ``board.max_bytes``
    :raises WorkplaceError: the request failed
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
            error.advice = "check the URL, or raise max_bytes in the board's description"
        raise
    content_type = response.headers.get("Content-Type", "")
    content = BoardResponse(board.system, response.url, content_type, response.content, client.is_own(response.url))
    notices = notices_of_feed(content) if isinstance(board, FeedBoard) else notices_of_page(board, content)
    validators = (response.headers.get(name, "") for name in ("ETag", "Last-Modified"))
    return Reading(_unique(content, notices), *validators)


def _unique(response: BoardResponse, notices: Sequence[Notice]) -> tuple[Notice, ...]:
    """Remove the copies of pinned notices from boards that also show them in the list.

    The copy in the list is kept, since its position shows the order of publication.

    :raises BadResponse: different notices have the same key, so that all but one would be lost
    """
    by_key: dict[str, Notice] = {}
    for notice in notices:
        other = by_key.get(notice.key)
        if other and other.title != notice.title and canonical(other.url) != canonical(notice.url):
            titles = f"{response.quote(other.title)} and {response.quote(notice.title)}"
            raise response.invalid_response(
                f"{titles} have the same key {response.quote(notice.key)}",
                "in a board of kind html, fix id in its description; the ids of a feed must differ",
                retryable=False,
            )
        if other is None or other.pinned:
            by_key.pop(notice.key, None)
            by_key[notice.key] = notice
    return tuple(by_key.values())
