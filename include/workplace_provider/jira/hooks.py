"""Client for a connection of type ``jira``, which Airflow's Jira provider defines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from workplace_provider.common.arguments import parse_choice
from workplace_provider.common.connection_settings import http_settings, read_connection
from workplace_provider.http.credentials import check_token, check_url

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from requests.auth import AuthBase

    from workplace_provider.jira.client import Gateway, JiraClient

CONN_TYPE: Final = "jira"
AUTHS: Final = ("token", "scoped")


def jira_client(jira_conn_id: str) -> JiraClient:
    """Return the client of a connection. It sends no request before its first call.

    ::

        with jira_client("jira_default") as jira:
            result = jira.search("project = DATA", ["summary"])

    For Data Center the host is the site with its context path; the password is a personal access token, or with a login the
    password of the account. For Cloud the host is the site, such as ``https://your-team.atlassian.net``, the login the
    account's e-mail address, and the password its API token; with ``"auth": "scoped"`` in the extra the token has scopes,
    and requests go to Atlassian's gateway. See ``docs/jira.md``.

    :param jira_conn_id: connection of type ``jira``
    :return: a client; close it when done
    :raises ValueError: the connection has no host, or an invalid field
    """
    from workplace_provider.jira.client import JiraClient, is_cloud

    connection = read_connection(jira_conn_id, CONN_TYPE)
    extra, where = connection.extra_dejson, f"connection {jira_conn_id}"
    auth = parse_choice(extra.get("auth") or "token", f"{where}: auth", AUTHS)
    gateway = _gateway(connection) if auth == "scoped" else None
    host = (connection.host or "").rstrip("/")
    if not host and not (gateway and gateway.cloud_id):
        raise ValueError(f"{where} has no host: enter the whole URL, such as https://jira.example.com")
    if host:
        check_url(host, f"{where}: the host")
    cloud = gateway is not None or is_cloud(host) or bool(extra.get("cloud_id"))
    if cloud and host:
        host = _site(host)
    return JiraClient(
        host,
        auth=_auth(connection, is_cloud=cloud),
        deployment="cloud" if cloud else "auto",
        gateway=gateway,
        settings=http_settings(jira_conn_id, extra),
    )


def _gateway(connection: Connection) -> Gateway:
    from workplace_provider.jira.client import Gateway

    where, extra = f"connection {connection.conn_id}", connection.extra_dejson
    if not connection.login or not connection.password:
        raise ValueError(
            f"{where} has no credential: login and password must be the account's e-mail address and an API token"
        )
    api_url = check_url(str(extra.get("api_url") or Gateway().api_url), f"{where}: the extra api_url")
    cloud_id = check_token(str(extra.get("cloud_id") or ""), f"{where}: the extra cloud_id")
    if not cloud_id.replace("-", "").isalnum() and cloud_id:
        raise ValueError(f"{where}: the extra cloud_id must be letters, digits and hyphens")
    return Gateway(api_url, cloud_id)


def _auth(connection: Connection, *, is_cloud: bool) -> AuthBase | None:
    from workplace_provider.http.client import Basic, Bearer

    login, password = connection.login or "", connection.password or ""
    if is_cloud and not (login and password):
        raise ValueError(
            f"connection {connection.conn_id} has no credential: for Jira Cloud, login and password must be the account's "
            "e-mail address and an API token"
        )
    if login:
        return Basic(login, password)
    # The password of a connection without a login is a personal access token, as in connections of type ``confluence``.
    return Bearer(password) if password else None


def _site(host: str) -> str:
    """Return the URL of a site without the path of a product, which the browser's address bar shows."""
    parts: Any = urlsplit(host)
    return f"{parts.scheme}://{parts.netloc}" if parts.path.strip("/") in ("jira", "wiki") else host
