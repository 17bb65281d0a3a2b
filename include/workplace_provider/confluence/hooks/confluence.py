"""Hook for connections of type ``confluence``."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING, Final

from airflow.sdk import BaseHook

from workplace_provider.common.arguments import parse_choice
from workplace_provider.common.atlassian.connection import CLOUD_EXAMPLE, cloud_credential, parse_auth
from workplace_provider.common.connection_settings import aread_connection, base_url, http_settings, read_connection
from workplace_provider.common.outgoing import checked_test
from workplace_provider.common.query import quoted
from workplace_provider.http.credentials import check_url

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from workplace_provider.confluence.client import ConfluenceClient
    from workplace_provider.http.client import HttpSettings

DEPLOYMENTS: Final = ("auto", "datacenter", "cloud")


class ConfluenceHook(BaseHook):
    """A hook that returns the Confluence client of an Airflow connection.

    ::

        with closing(ConfluenceHook("confluence_default").client) as client:
            page = client.find_page("ANALYTICS", "KPI")

    For Data Center the host is the site with its context path; the password is a personal access token, or with a login the
    password of the account. For Cloud the host is the site; the extra ``auth`` decides what login and password are: the
    account's e-mail address and an API token, or id and secret of an OAuth app. See ``docs/connections.md`` for the extras,
    and ``docs/cloud.md`` for the setup of each.

    :param confluence_conn_id: id of the connection
    """

    conn_name_attr = "confluence_conn_id"
    default_conn_name = "confluence_default"
    conn_type = "confluence"
    hook_name = "Confluence"

    def __init__(self, confluence_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.confluence_conn_id = confluence_conn_id

    @cached_property
    def client(self) -> ConfluenceClient:
        """Return the client of this hook. It sends no request before its first call."""
        return self._client()

    def get_conn(self) -> ConfluenceClient:
        """Return the client of this hook. It sends no request before its first call."""
        return self.client

    @checked_test
    def test_connection(self) -> tuple[bool, str]:
        """Read the account and the server.

        :return: whether the connection works, and a sentence with the user, the deployment and the problem
        """
        client = self._client(attempts=1)
        user = client.current_user()
        if user.anonymous:
            return False, (
                f"anonymous access to {client.base_url}: the token or password is missing, expired, or removed by a proxy"
            )
        server = client.server()
        space = self.get_connection(self.confluence_conn_id).extra_dejson.get("space_key")
        if space and next(iter(client.search(f"space = {quoted(space)} and type = page")), None) is None:
            return (
                False,
                f"{user.display_name} ({user.name}) sees no page in the space {space}: give it the permission to view",
            )
        kind = f"Data Center {server.version}" if server.deployment == "datacenter" else "Cloud"
        return True, f"{user.display_name} ({user.name}) on Confluence {kind} at {server.base_url}"

    async def aget_client(self) -> ConfluenceClient:
        """Return a new client, from within an event loop. Send its requests in a thread, and close it afterwards."""
        connection = await aread_connection(self.confluence_conn_id, self.conn_type)
        # The first import of the client's modules is slow.
        return await asyncio.to_thread(self._connect, connection)

    def _client(self, attempts: int | None = None) -> ConfluenceClient:
        return self._connect(read_connection(self.confluence_conn_id, self.conn_type), attempts)

    def _connect(self, connection: Connection, attempts: int | None = None) -> ConfluenceClient:
        from workplace_provider.confluence.client import connect, is_cloud

        extra = connection.extra_dejson
        password = connection.password or ""
        settings: HttpSettings = http_settings(connection.conn_id, extra, attempts=attempts)
        where = f"connection {connection.conn_id}"
        deployment, auth = extra.get("deployment") or "auto", parse_auth(connection)
        parse_choice(deployment, f"{where}: deployment", DEPLOYMENTS)
        if connection.host:
            base_url(connection, CLOUD_EXAMPLE)
        if deployment == "auto":
            on_cloud = is_cloud(connection.host or "") or auth != "token" or extra.get("cloud_id")
            deployment = "cloud" if on_cloud else "datacenter"
        if deployment == "cloud":
            host = base_url(connection, CLOUD_EXAMPLE) if connection.host or auth in ("token", "scoped") else ""
            credential = cloud_credential(connection, auth)
            return connect(host, credential=credential, deployment="cloud", settings=settings)
        host = base_url(connection, "https://wiki.example.com/confluence")
        if site_url := str(extra.get("site_url") or ""):
            check_url(site_url, f"{where}: the extra site_url")
        login = connection.login or None
        return connect(
            host,
            token=None if login else password,
            user=login,
            password=password,
            site_url=site_url,
            deployment="datacenter",
            settings=settings,
        )
