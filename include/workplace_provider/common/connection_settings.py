"""Settings of connections to REST systems: URL, credential, and the extras that all of them share."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from airflow.sdk import BaseHook
from airflow.sdk.log import amask_secret, mask_secret

from workplace_provider.common.arguments import parse_bool, parse_int
from workplace_provider.http.credentials import check_password, check_token, check_url

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from workplace_provider.http.client import HttpSettings

PROXY_SCHEMES: Final = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")


HTTP_TYPES: Final = ("http", "https")
"""Types of an HTTP connection; a connection that is written as a URI has its scheme as the type."""


def check_conn_type(connection: Connection, *types: str) -> None:
    """Raise an error for a connection of another type, because its credential belongs to another system.

    Every hook calls this before it uses a credential. Otherwise a mixed-up connection id, or one chosen by a person who may
    only trigger a run, would send the password of one system to another.

    :param connection: the connection
    :param types: the valid types, the default one first
    :raises ValueError: if it has another type; the message has no credential
    """
    conn_type = connection.conn_type
    if conn_type not in types:
        has = f"is of type {conn_type!r}" if conn_type else "has no type"
        raise ValueError(
            f"connection {connection.conn_id} {has}, and must be of type {' or '.join(types)}: use another connection, or"
            " correct its type if the host and the credential are those of this system"
        )


def base_url(connection: Connection, example: str) -> str:
    """Return the system's URL from the parts of a connection.

    Airflow splits a connection URI, so host, scheme and port may be in separate fields; the extra ``context_path`` follows
    them.

    :param example: a URL of such a system, for the message
    :raises ValueError: if the host is missing or invalid
    """
    where = f"connection {connection.conn_id}"
    host = (connection.host or "").rstrip("/")
    if not host:
        raise ValueError(f"{where} has no host; set it to the site's URL, such as {example}")
    if re.match(r"https?[:/\\]", host) and "://" not in host:
        raise ValueError(f"{where}: the host must begin with http:// or https://")
    if "://" not in host:
        scheme = connection.schema or "https"
        if scheme.lower() not in ("http", "https"):
            raise ValueError(f"{where}: the schema must be http or https")
        host = f"{scheme}://{host}"
    check_url(host, f"{where}: the host")
    if connection.port:
        scheme, _, rest = host.partition("://")
        name, slash, path = rest.partition("/")
        host = f"{scheme}://{name}:{connection.port}{slash}{path}"
    context_path = str(connection.extra_dejson.get("context_path") or "").strip("/")
    url = f"{host}/{context_path}" if context_path and not host.endswith(f"/{context_path}") else host
    return check_url(url, f"{where}: the host with port and context_path")


def read_connection(conn_id: str, *types: str, token: bool | None = None) -> Connection:
    """Return a connection with a valid credential, and mask its secrets in logs.

    :param types: see :func:`check_connection`
    :param token: see :func:`check_connection`
    :raises ValueError: if a field is invalid; the message names the field, but not the value
    """
    connection = BaseHook.get_connection(conn_id)
    for secret in secrets_of(connection):
        mask_secret(secret)
    check_connection(connection, *types, token=token)
    return connection


async def aread_connection(conn_id: str, *types: str, token: bool | None = None) -> Connection:
    """Return the same as :func:`read_connection`, from within an event loop."""
    connection = await BaseHook.aget_connection(conn_id)
    for secret in secrets_of(connection):
        await amask_secret(secret)
    check_connection(connection, *types, token=token)
    return connection


def check_connection(connection: Connection, *types: str, token: bool | None = None) -> None:
    """Check the type and the credential of a connection before a library sees it.

    :param types: the valid types, see :func:`check_conn_type`; without types, each type is valid
    :param token: whether the password is a token, which has no spaces; by default it is one if there is no login
    :raises ValueError: if a field is invalid; the message names the field, but not the value
    """
    if types:
        check_conn_type(connection, *types)
    where = f"connection {connection.conn_id}"
    check_password(connection.login or "", f"{where}: the login")
    check = check_token if (not connection.login if token is None else token) else check_password
    check(connection.password or "", f"{where}: the password")


def secrets_of(connection: Connection) -> list[str]:
    """Return the secrets of a connection, also without the blanks that pasting may add."""
    password = connection.password or ""
    proxy = str(connection.extra_dejson.get("proxy") or "")
    secrets = [password, password.strip(), *_user_info(proxy), *_user_info(connection.host or "")]
    return list(dict.fromkeys(filter(None, secrets)))


def _user_info(url: str) -> list[str]:
    """Return user info and password of a URL, even if it cannot be parsed."""
    info = url.rpartition("@")[0].rpartition("//")[2]
    password = info.partition(":")[2]
    return [info, password, unquote(password)]


def http_settings(
    conn_id: str, extra: Mapping[str, Any], *, attempts: int | None = None, default: HttpSettings | None = None
) -> HttpSettings:
    """Read time-outs, TLS and limits from a connection's extra.

    Values may be text: a connection that is written as a URI has no other type.

    :param conn_id: id of the connection, for messages
    :param extra: its decoded extra
    :param attempts: overrides the maximum number of attempts of a request
    :param default: settings for keys that the extra does not have
    :raises ValueError: if a value is invalid; the message names connection and key
    """
    from workplace_provider.http.client import HttpSettings

    default = default or HttpSettings()
    cert, key = _text(extra, "client_cert"), _text(extra, "client_key")
    proxy = _text(extra, "proxy")
    if proxy:
        proxy = check_proxy(proxy, f"connection {conn_id}: the extra proxy")
    return HttpSettings(
        connect_timeout=_seconds(conn_id, extra, "connect_timeout") or default.connect_timeout,
        read_timeout=_seconds(conn_id, extra, "read_timeout") or default.read_timeout,
        attempts=attempts or default.attempts,
        timeout_attempts=parse_int(extra.get("timeout_attempts"), f"connection {conn_id}: timeout_attempts", least=1)
        or default.timeout_attempts,
        max_wait=_seconds(conn_id, extra, "max_retry_wait") or default.max_wait,
        ca_bundle=_text(extra, "ca_bundle"),
        verify=parse_bool(extra.get("verify", True), f"connection {conn_id}: verify"),
        client_cert=(cert, key) if cert and key else cert,
        legacy_tls=parse_bool(extra.get("legacy_tls", False), f"connection {conn_id}: legacy_tls"),
        proxies={"http": proxy, "https": proxy} if proxy else None,
        total_timeout=_seconds(conn_id, extra, "total_timeout") or default.total_timeout,
        download_timeout=_seconds(conn_id, extra, "download_timeout") or default.download_timeout,
        max_response_bytes=_count(conn_id, extra, "max_response_bytes", default.max_response_bytes),
        max_download_bytes=_count(conn_id, extra, "max_download_bytes", default.max_download_bytes),
        max_redirects=_count(conn_id, extra, "max_redirects", default.max_redirects, least=0),
    )


HTTP_EXTRAS: Final = frozenset(
    {
        *("ca_bundle", "client_cert", "client_key", "connect_timeout", "context_path", "download_timeout", "legacy_tls"),
        *("max_download_bytes", "max_redirects", "max_response_bytes", "max_retry_wait", "proxy", "read_timeout"),
        *("timeout_attempts", "total_timeout", "verify"),
    }
)
"""The keys that :func:`http_settings` and :func:`base_url` read."""


def seconds_of(conn_id: str, extra: Mapping[str, Any], key: str) -> float | None:
    """Return the number of seconds in an extra; ``None`` if the extra does not have the key.

    :raises ValueError: if it is not a number above 0; the message names connection and key
    """
    return _seconds(conn_id, extra, key)


def check_proxy(proxy: str, field: str) -> str:
    """Return the URL of a proxy, which may have a user and a password in it.

    :raises ValueError: if it is invalid; the message names the field, but not the value
    """
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    return check_url(proxy, field, schemes=PROXY_SCHEMES, user_info=True)


def _text(extra: Mapping[str, Any], key: str) -> str | None:
    value = extra.get(key)
    return str(value) if value else None


def _count(conn_id: str, extra: Mapping[str, Any], key: str, default: int, *, least: int = 1) -> int:
    number = parse_int(extra.get(key), f"connection {conn_id}: {key}", least=least)
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
