"""The ``confluence`` connection."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING, Final

from airflow.sdk import BaseHook
from airflow.sdk.log import amask_secret, mask_secret

from workplace_provider.arguments import check_choice
from workplace_provider.hooks.settings import base_url, http_settings

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from workplace_provider.clients.confluence import ConfluenceClient
    from workplace_provider.clients.http import HttpSettings

DEPLOYMENTS: Final = ("auto", "datacenter")


class ConfluenceHook(BaseHook):
    """Makes a Confluence client of an Airflow connection.

    Host is the site with its context path; the password is a personal access token, or with a log-in the account's
    password. See ``docs/connections.md`` for the extras.

    :param confluence_conn_id: the connection
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
        """The client; made once, sends nothing by itself."""
        return self._client()

    def get_conn(self) -> ConfluenceClient:
        """The client; made once, sends nothing by itself."""
        return self.client

    def test_connection(self) -> tuple[bool, str]:
        """Ask who we are and who answers.

        :return: whether the connection can be used, and a sentence that names user, deployment and what is missing
        """
        from workplace_provider.clients.errors import WorkplaceError

        try:
            client = self._client(attempts=1)
            user = client.current_user()
            if user.anonymous:
                return False, (
                    f"{client.base_url} answers, but takes us for anonymous: the token or password is missing, expired or "
                    "stripped by a proxy"
                )
            server = client.server()
            space = self.get_connection(self.confluence_conn_id).extra_dejson.get("space_key")
            if space and next(iter(client.search(f'space = "{space}" and type = page')), None) is None:
                return (
                    False,
                    f"{user.display_name} ({user.name}) sees no page in the space {space}: give it the permission to view",
                )
        except (WorkplaceError, ValueError) as error:
            return False, str(error)
        return (
            True,
            f"{user.display_name} ({user.name}) on Confluence Data Center {server.version} at {server.base_url}",
        )

    async def aget_client(self) -> ConfluenceClient:
        """A new client, from within an event loop; its requests belong into a thread. Close it when done."""
        connection = await self.aget_connection(self.confluence_conn_id)
        if connection.password:
            await amask_secret(connection.password)
        # The first import of what it is made of takes its time.
        return await asyncio.to_thread(self._made_of, connection)

    def _client(self, attempts: int | None = None) -> ConfluenceClient:
        connection = self.get_connection(self.confluence_conn_id)
        if connection.password:
            mask_secret(connection.password)
        return self._made_of(connection, attempts)

    def _made_of(self, connection: Connection, attempts: int | None = None) -> ConfluenceClient:
        from workplace_provider.clients.confluence import connect

        extra = connection.extra_dejson
        password = connection.password or ""
        settings: HttpSettings = http_settings(connection.conn_id, extra, attempts=attempts)
        deployment = extra.get("deployment") or "auto"
        check_choice(deployment, f"connection {connection.conn_id}: deployment", DEPLOYMENTS)
        if connection.login:
            return connect(
                base_url(connection, "https://wiki.example.com/confluence"),
                user=connection.login,
                password=password,
                settings=settings,
            )
        return connect(base_url(connection, "https://wiki.example.com/confluence"), token=password, settings=settings)
