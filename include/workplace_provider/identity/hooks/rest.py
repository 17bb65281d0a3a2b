"""Airflow's ``http`` connection as the system of accounts that a description speaks of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from workplace_provider.common.http_connection import http_connection

if TYPE_CHECKING:
    from workplace_provider.identity.targets.rest import RestTarget

EXAMPLE: Final = "https://members.example.com/api"


def rest_target(http_conn_id: str, description: Path) -> RestTarget:
    """A REST service from a connection of type ``http`` and a description in YAML.

    What a connection may hold is told at :func:`~workplace_provider.common.http_connection.http_connection`. With
    ``"auth": "headers"`` in its extra, the description's headers say who calls.

    :param http_conn_id: the connection
    :param description: the file
    :raises ValueError: connection or description cannot be used; the message names what is wrong in which
    """
    from workplace_provider.identity.targets.description import load
    from workplace_provider.identity.targets.rest import RestTarget

    connection = http_connection(http_conn_id, EXAMPLE)
    return RestTarget(
        load(description),
        connection.base_url,
        auth=connection.auth,
        login=connection.login,
        headers=connection.headers,
        settings=connection.settings,
    )
