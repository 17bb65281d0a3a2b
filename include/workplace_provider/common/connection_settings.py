"""The extras that every connection to a REST system understands."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.common.arguments import flag, whole_number

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from workplace_provider.http.client import HttpSettings


HTTP_TYPES: Final = ("http", "https")
"""A connection that is written as a URI has the scheme as its type."""


def check_conn_type(connection: Connection, *types: str) -> None:
    """Refuse a connection of another type, whose credential is meant for another system.

    Every hook does this before it uses a credential: an id that was confused, or chosen by a person who may only trigger a
    run, would otherwise send one system's password to another.

    :param connection: the connection
    :param types: the types that are accepted, the usual one first
    :raises ValueError: it is of another type; the message has no credential
    """
    found = connection.conn_type
    if found not in types:
        has = f"is of type {found!r}" if found else "has no type"
        raise ValueError(
            f"connection {connection.conn_id} {has}, and must be of type {' or '.join(types)}: use another connection, or"
            " correct its type if the host and the credential are those of this system"
        )


def base_url(connection: Connection, example: str) -> str:
    """The system's URL from the parts of a connection.

    Airflow takes a connection URI apart, so host, scheme and port may come in pieces; the extra ``context_path`` is put
    behind them.

    :param example: a URL of such a system, for the message
    :raises ValueError: when there is no host
    """
    host = (connection.host or "").rstrip("/")
    if not host:
        raise ValueError(f"connection {connection.conn_id} has no host: give the site's URL, such as {example}")
    if "://" not in host:
        host = f"{connection.schema or 'https'}://{host}"
    if connection.port:
        scheme, _, rest = host.partition("://")
        name, slash, path = rest.partition("/")
        host = f"{scheme}://{name}:{connection.port}{slash}{path}"
    context_path = str(connection.extra_dejson.get("context_path") or "").strip("/")
    return f"{host}/{context_path}" if context_path and not host.endswith(f"/{context_path}") else host


def http_settings(
    conn_id: str, extra: Mapping[str, Any], *, attempts: int | None = None, usual: HttpSettings | None = None
) -> HttpSettings:
    """Read time-outs, TLS and limits from a connection's extra.

    Values may be text, since a connection that comes as a URI has nothing else.

    :param conn_id: the connection, for messages
    :param extra: its decoded extra
    :param attempts: overrides how often a request is sent at the most
    :param usual: what holds where the extra says nothing
    :raises ValueError: when a value cannot be read; the message names connection and key
    """
    from workplace_provider.http.client import HttpSettings

    usual = usual or HttpSettings()
    cert, key = _text(extra, "client_cert"), _text(extra, "client_key")
    proxy = _text(extra, "proxy")
    return HttpSettings(
        connect_timeout=_seconds(conn_id, extra, "connect_timeout") or usual.connect_timeout,
        read_timeout=_seconds(conn_id, extra, "read_timeout") or usual.read_timeout,
        attempts=attempts or usual.attempts,
        timeout_attempts=whole_number(extra.get("timeout_attempts"), f"connection {conn_id}: timeout_attempts", least=1)
        or usual.timeout_attempts,
        max_wait=_seconds(conn_id, extra, "max_retry_wait") or usual.max_wait,
        ca_bundle=_text(extra, "ca_bundle"),
        verify=flag(extra.get("verify", True), f"connection {conn_id}: verify"),
        client_cert=(cert, key) if cert and key else cert,
        legacy_tls=flag(extra.get("legacy_tls", False), f"connection {conn_id}: legacy_tls"),
        proxies={"http": proxy, "https": proxy} if proxy else None,
        total_timeout=_seconds(conn_id, extra, "total_timeout") or usual.total_timeout,
        download_timeout=_seconds(conn_id, extra, "download_timeout") or usual.download_timeout,
        max_response_bytes=_count(conn_id, extra, "max_response_bytes", usual.max_response_bytes),
        max_download_bytes=_count(conn_id, extra, "max_download_bytes", usual.max_download_bytes),
        max_redirects=_count(conn_id, extra, "max_redirects", usual.max_redirects, least=0),
    )


HTTP_EXTRAS: Final = frozenset(
    {
        *("ca_bundle", "client_cert", "client_key", "connect_timeout", "context_path", "download_timeout", "legacy_tls"),
        *("max_download_bytes", "max_redirects", "max_response_bytes", "max_retry_wait", "proxy", "read_timeout"),
        *("timeout_attempts", "total_timeout", "verify"),
    }
)
"""The extras of :func:`http_settings` and :func:`base_url`."""


def seconds_of(conn_id: str, extra: Mapping[str, Any], key: str) -> float | None:
    """Return an extra that is a number of seconds above 0; ``None`` where it is left out.

    :raises ValueError: it is something else; the message names connection and key
    """
    return _seconds(conn_id, extra, key)


def _text(extra: Mapping[str, Any], key: str) -> str | None:
    value = extra.get(key)
    return str(value) if value else None


def _count(conn_id: str, extra: Mapping[str, Any], key: str, default: int, *, least: int = 1) -> int:
    number = whole_number(extra.get(key), f"connection {conn_id}: {key}", least=least)
    return default if number is None else number


def _seconds(conn_id: str, extra: Mapping[str, Any], key: str) -> float | None:
    value = extra.get(key)
    if value is None or value == "":
        return None
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise ValueError(f"connection {conn_id}: {key} is {value!r}; it must be a number of seconds above 0")
    return seconds
