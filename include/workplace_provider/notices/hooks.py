"""A notice board, public or behind a connection of type ``http``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

from workplace_provider.common.http_connection import http_connection

if TYPE_CHECKING:
    from workplace_provider.notices import Board, Reading

EXAMPLE: Final = "https://board.example.com"


def read_notice_board(board: Board, http_conn_id: str | None, *, etag: str = "", modified: str = "") -> Reading | None:
    """Read a board; see :func:`workplace_provider.notices.read_board`.

    :param http_conn_id: connection that takes the place of the board's own
    :raises ValueError: the connection cannot be used
    """
    from workplace_provider.http.addresses import PublicAddresses
    from workplace_provider.http.client import HttpClient
    from workplace_provider.notices import read_board

    parts = urlsplit(board.url)
    path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    headers: Mapping[str, str] = {}
    if conn_id := http_conn_id or board.connection:
        connection = http_connection(conn_id, EXAMPLE)
        headers = connection.headers
        client = HttpClient(
            connection.base_url,
            system=board.system,
            auth=connection.auth,
            settings=connection.settings,
            secret_headers=headers,
            # Who edits a connection says where the board is; where it redirects to is the board's own word.
            addresses=PublicAddresses(
                urlsplit(connection.base_url).hostname or "",
                private_hosts=(*board.private_hosts, *connection.private_hosts),
                trusted=True,
            ),
        )
    else:
        client = HttpClient(
            f"{parts.scheme}://{parts.netloc}",
            system=board.system,
            addresses=PublicAddresses(parts.hostname or "", private_hosts=board.private_hosts),
        )
    with client:
        return read_board(client, path, board, headers=headers, etag=etag, modified=modified)
