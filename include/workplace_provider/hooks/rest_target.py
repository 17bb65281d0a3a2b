"""Airflow's ``http`` connection as the system of accounts that a description speaks of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow.sdk import BaseHook
from airflow.sdk.log import mask_secret

from workplace_provider.hooks.settings import base_url, http_settings

if TYPE_CHECKING:
    from workplace_provider.targets.rest import RestTarget

EXAMPLE: Final = "https://members.example.com/api"
_NOT_HEADERS: Final = frozenset(
    {
        *("ca_bundle", "client_cert", "client_key", "connect_timeout", "context_path", "legacy_tls", "max_retry_wait"),
        *("proxy", "read_timeout", "verify", "auth"),
        # What Airflow's own hook keeps there.
        *("timeout", "allow_redirects", "proxies", "stream", "cert", "check_response", "max_redirects", "trust_env"),
    }
)


def rest_target(http_conn_id: str, description: Path) -> RestTarget:
    """A REST service from a connection of type ``http`` and a description in YAML.

    As in Airflow's ``HttpHook``, other keys of the extra are headers. With a login the password is the account's, without
    one it is a bearer token; with ``"auth": "headers"`` in the extra neither is sent, and the description's headers say who
    calls.

    :param http_conn_id: the connection
    :param description: the file
    :raises ValueError: connection or description cannot be used; the message names what is wrong in which
    """
    from workplace_provider.clients.http import Basic, Bearer
    from workplace_provider.targets.description import load
    from workplace_provider.targets.rest import RestTarget

    connection = BaseHook.get_connection(http_conn_id)
    extra = connection.extra_dejson
    password = connection.password or ""
    if password:
        mask_secret(password)
    headers = {name: str(value) for name, value in extra.items() if name not in _NOT_HEADERS}
    for value in headers.values():
        mask_secret(value)
    auth = Basic(connection.login, password) if connection.login else Bearer(password) if password else None
    if extra.get("auth") == "headers":
        auth = None
    return RestTarget(
        load(description),
        base_url(connection, EXAMPLE),
        auth=auth,
        login=connection.login or "",
        headers=headers,
        settings=http_settings(connection.conn_id, extra),
    )
