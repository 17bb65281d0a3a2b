"""Connections of type ``http``: URL, credential, headers and settings of the requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from airflow.sdk.log import mask_secret

from workplace_provider.common.arguments import parse_list
from workplace_provider.common.connection_settings import HTTP_TYPES, base_url, http_settings, read_connection
from workplace_provider.http.credentials import check_header

if TYPE_CHECKING:
    from requests.auth import AuthBase

    from workplace_provider.http.client import HttpSettings

_NOT_HEADERS: Final = frozenset(
    {
        *("ca_bundle", "client_cert", "client_key", "connect_timeout", "context_path", "legacy_tls", "max_retry_wait"),
        *("proxy", "read_timeout", "verify", "auth", "private_hosts"),
        *("total_timeout", "download_timeout", "max_response_bytes", "max_download_bytes"),
        # Extras of Airflow's own HttpHook.
        *("timeout", "allow_redirects", "proxies", "stream", "cert", "check_response", "max_redirects", "trust_env"),
    }
)


@dataclass(frozen=True, slots=True)
class HttpConnection:
    """URL, credential and settings of the requests to a system.

    :param base_url: scheme, host and path
    :param auth: adds the credential to a request
    :param login: the user; empty for none
    :param headers: headers of every request
    :param settings: time-outs, TLS and limits
    :param private_hosts: hosts with private addresses to which a third-party source may redirect
    """

    base_url: str
    auth: AuthBase | None
    login: str
    headers: Mapping[str, str] = field(repr=False)
    settings: HttpSettings
    private_hosts: tuple[str, ...] = ()


def http_connection(http_conn_id: str, example: str) -> HttpConnection:
    """Read a connection of type ``http``.

    As in Airflow's ``HttpHook``, keys of the extra without another meaning are headers. With a login the password belongs
    to the account, without one it is a bearer token; with ``"auth": "headers"`` in the extra neither is sent.

    :param http_conn_id: id of the connection
    :param example: a URL of such a system, for the message
    :raises ValueError: if the connection is invalid; the message names the field
    """
    from workplace_provider.http.client import Basic, Bearer

    connection = read_connection(http_conn_id, *HTTP_TYPES)
    extra = connection.extra_dejson
    password = connection.password or ""
    headers = {name: str(value) for name, value in extra.items() if name not in _NOT_HEADERS}
    for name, value in headers.items():
        mask_secret(value)
        mask_secret(value.strip())
        check_header(name, value, f"connection {http_conn_id}: the extra {name!r}, which is sent as a header,")
    auth = Basic(connection.login, password) if connection.login else Bearer(password) if password else None
    return HttpConnection(
        base_url(connection, example),
        None if extra.get("auth") == "headers" else auth,
        connection.login or "",
        headers,
        http_settings(connection.conn_id, extra),
        tuple(parse_list(extra.get("private_hosts"))),
    )
