"""Client for a connection of Airflow's Jira provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workplace_provider.common.connection_settings import http_settings, read_connection
from workplace_provider.http.credentials import check_url

if TYPE_CHECKING:
    from atlassian import Jira


def jira_client(jira_conn_id: str) -> Jira:
    """Return the client of the Jira provider's ``JiraHook``, with our limits and support for access tokens.

    ::

        with closing(jira_client("jira_default")) as jira:
            result = search(jira, "project = DATA", ["summary"])

    The hook supports only login and password. Here, the password of a connection without a login is a personal access token,
    as in connections of type ``confluence``.

    :param jira_conn_id: connection of type ``jira``
    :return: a client; close it when done
    :raises ValueError: the Jira provider is not installed, or the connection has no host
    """
    try:
        from airflow.providers.atlassian.jira.hooks.jira import JiraHook
        from atlassian import Jira
    except ImportError as error:
        raise ValueError(
            "Airflow's Jira provider is not installed: pip install 'airflow-provider-workplace[jira]'"
        ) from error
    from workplace_provider.http.transport import LimitedAdapter

    connection = read_connection(jira_conn_id, JiraHook.conn_type)
    if not connection.host:
        raise ValueError(f"connection {jira_conn_id} has no host: enter the whole URL, such as https://jira.example.com")
    # Airflow's hook does not check the host.
    check_url(connection.host, f"connection {jira_conn_id}: the host")
    client = JiraHook(jira_conn_id).get_conn()
    if client.password and not client.username:
        client = Jira(
            client.url,
            token=client.password,
            verify_ssl=client.verify_ssl,  # type: ignore[arg-type]  # the hook reads it from the connection
            api_root=client.api_root,
            api_version=client.api_version,
        )
    # On 429 the client would sleep as long as the server asks, up to half an hour; the task's retry waits instead.
    client.retry_with_header = False
    # The same limits as for the other systems.
    settings = http_settings(jira_conn_id, connection.extra_dejson)
    adapter = LimitedAdapter(seconds=settings.response_seconds, max_bytes=settings.max_response_bytes)
    client.session.mount("https://", adapter)
    client.session.mount("http://", adapter)
    client.session.max_redirects = settings.max_redirects
    # Without a credential, requests would read one from ~/.netrc.
    client.session.auth = client.session.auth or (lambda request: request)
    return client
