"""Client for a connection of type ``jira``, which Airflow's Jira provider defines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from workplace_provider.common.atlassian.connection import cloud_credential, parse_auth
from workplace_provider.common.connection_settings import http_settings, read_connection
from workplace_provider.http.credentials import check_url

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from requests.auth import AuthBase

    from workplace_provider.jira.client import JiraClient

CONN_TYPE: Final = "jira"


def jira_client(jira_conn_id: str) -> JiraClient:
    """Return the client of a connection. It sends no request before its first call.

    ::

        with jira_client("jira_default") as jira:
            result = jira.search("project = DATA", ["summary"])

    For Data Center the host is the site with its context path; the password is a personal access token, or with a login the
    password of the account. For Cloud the host is the site, such as ``https://your-team.atlassian.net``; the extra ``auth``
    decides what login and password are: the account's e-mail address and an API token, or id and secret of an OAuth app. See
    ``docs/jira.md``.

    :param jira_conn_id: connection of type ``jira``
    :return: a client; close it when done
    :raises ValueError: the connection has no host, or an invalid field
    """
    from workplace_provider.jira.client import JiraClient, is_cloud

    connection = read_connection(jira_conn_id, CONN_TYPE)
    extra, where, auth = connection.extra_dejson, f"connection {jira_conn_id}", parse_auth(connection)
    host = (connection.host or "").rstrip("/")
    if not host and (auth == "token" or (auth == "scoped" and not extra.get("cloud_id"))):
        raise ValueError(f"{where} has no host: enter the whole URL, such as https://jira.example.com")
    if host:
        check_url(host, f"{where}: the host")
    settings = http_settings(jira_conn_id, extra)
    if auth != "token" or is_cloud(host) or extra.get("cloud_id"):
        return JiraClient(host, credential=cloud_credential(connection, auth), settings=settings)
    return JiraClient(host, auth=_auth(connection), settings=settings)


def _auth(connection: Connection) -> AuthBase | None:
    from workplace_provider.http.client import Basic, Bearer

    login, password = connection.login or "", connection.password or ""
    if login:
        return Basic(login, password)
    # The password of a connection without a login is a personal access token, as in connections of type ``confluence``.
    return Bearer(password) if password else None
