"""Reader for GitHub's contribution calendars from an Airflow connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from workplace_provider.common.connection_settings import HTTP_TYPES, base_url, http_settings, read_connection
from workplace_provider.http.credentials import check_token

if TYPE_CHECKING:
    from workplace_provider.github.client import ContributionSource

EXAMPLE: Final = "https://github.example.com"


def contribution_source(github_conn_id: str | None = None) -> ContributionSource:
    """Return the reader for a connection.

    ::

        with closing(contribution_source("github_default")) as source:
            calendar = source.contributions("octocat", date.today())

    :param github_conn_id: connection of type ``http`` or ``github``. Its host is the URL of GitHub, of an Enterprise
        Server or of its API; empty for github.com. Its password is a token, with which the API is read instead of the
        public page. ``None`` reads the public page of github.com
    :return: a reader; close it when done
    :raises ValueError: the connection is invalid
    """
    from workplace_provider.github.client import GITHUB, connect

    if github_conn_id is None:
        return connect()
    connection = read_connection(github_conn_id, *HTTP_TYPES, "github")
    return connect(
        base_url(connection, EXAMPLE) if connection.host else GITHUB,
        token=check_token(connection.password or "", f"connection {github_conn_id}: the password"),
        settings=http_settings(connection.conn_id, connection.extra_dejson),
    )
