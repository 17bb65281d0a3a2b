"""The connection of Airflow's own Jira provider as a client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workplace_provider.common.connection_settings import http_settings, read_connection
from workplace_provider.http.credentials import check_url

if TYPE_CHECKING:
    from atlassian import Jira


def jira_client(jira_conn_id: str) -> Jira:
    """The client of the Jira provider's ``JiraHook``, fit to run unattended.

    The hook knows only login and password. A connection without a login has a personal access token as its password, as in
    the connections of type ``confluence``.

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
        raise ValueError(
            f"the connection {jira_conn_id} has no host: give the whole address, such as https://jira.example.com"
        )
    # The hook of Airflow's provider takes the host as it is.
    check_url(connection.host, f"connection {jira_conn_id}: the host")
    client = JiraHook(jira_conn_id).get_conn()
    if client.password and not client.username:
        client = Jira(
            client.url,
            token=client.password,
            verify_ssl=client.verify_ssl,  # type: ignore[arg-type]  # the hook has it from the connection
            api_root=client.api_root,
            api_version=client.api_version,
        )
    # On 429 the client would sleep as long as it is told to, half an hour at the most; the task's retry waits instead.
    client.retry_with_header = False
    # The same limits as for every other system.
    settings = http_settings(jira_conn_id, connection.extra_dejson)
    adapter = LimitedAdapter(seconds=settings.response_seconds, max_bytes=settings.max_response_bytes)
    client.session.mount("https://", adapter)
    client.session.mount("http://", adapter)
    client.session.max_redirects = settings.max_redirects
    # Without a credential, requests would look for one in ~/.netrc.
    client.session.auth = client.session.auth or (lambda request: request)
    return client
