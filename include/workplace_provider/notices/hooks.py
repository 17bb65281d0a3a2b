"""Readers for notice boards, public or behind a connection of type ``http``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

from workplace_provider.common.http_connection import http_connection

if TYPE_CHECKING:
    from workplace_provider.notices import Board, Reading

EXAMPLE: Final = "https://board.example.com"


@dataclass(frozen=True, slots=True)
class NoticeBoardSource:
    """A board with the connection to read it.

    :param board: the board
    :param http_conn_id: connection that overrides the board's own
    """

    board: Board
    http_conn_id: str | None = None

    def read(self, *, etag: str = "", modified: str = "") -> Reading | None:
        """Read the board; see :func:`read_notice_board`."""
        return read_notice_board(self.board, self.http_conn_id, etag=etag, modified=modified)


def read_notice_board(board: Board, http_conn_id: str | None, *, etag: str = "", modified: str = "") -> Reading | None:
    """Read a board; see :func:`workplace_provider.notices.read_board`.

    ::

        reading = read_notice_board(load_board(Path("include/notices/university.yaml")), None)

    :param http_conn_id: connection that overrides the board's own
    :raises ValueError: the connection is invalid
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
            # The host of a connection is trusted and may be private; the targets of the board's redirects are not.
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
