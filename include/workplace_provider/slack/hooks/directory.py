"""Airflow's ``slack`` connection as a reader of members, messages and files, and as a poster of messages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.slack.hooks.slack import SlackHook
from airflow.sdk.log import mask_secret

from workplace_provider.common.connection_settings import check_connection, check_proxy, http_settings, secrets_of
from workplace_provider.common.outgoing import redact_outgoing
from workplace_provider.http.credentials import check_url
from workplace_provider.slack.client import (
    Channel,
    DirectorySnapshot,
    Estimate,
    Message,
    MessagePoster,
    Page,
    SharedFile,
    SlackNames,
    SlackReader,
    SlackUser,
    Thread,
    UserGroup,
    directory_snapshot,
    download_file,
    iter_messages,
    iter_threads,
    iter_users,
    user_groups,
)
from workplace_provider.slack.client.messages import REPLY_LOOKBACK, Broadcasts
from workplace_provider.slack.client.reader import BASE_URL, LARGEST_PAGE, SETTINGS
from workplace_provider.slack.sealing import unseal

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from workplace_provider.http.client import Download, Sink


class SlackDirectoryHook(SlackHook):
    """Airflow's :class:`SlackHook` that also reads long listings: all of a listing, or an error.

    Token, time-out, base URL and proxy are those of the connection of type ``slack``; its extra may have ``ca_bundle`` and
    the like as well, see ``docs/connections.md``.

    :param slack_conn_id: connection of type ``slack`` whose password is the app's token
    :param team_id: workspace, which a token of an Enterprise organization must name
    :param calls_per_minute: what the app's plan allows for messages, where that is little: 1 for an app that is
        distributed outside Slack's Marketplace. An app that the company made for itself needs no limit
    :param sleep: waits for that many seconds
    """

    def __init__(
        self,
        *,
        slack_conn_id: str = SlackHook.default_conn_name,
        team_id: str | None = None,
        calls_per_minute: float | None = None,
        sleep: Callable[[float], None] = time.sleep,
        **kwargs: Any,
    ) -> None:
        super().__init__(slack_conn_id=slack_conn_id, **kwargs)
        self.team_id = team_id
        self.calls_per_minute = calls_per_minute
        self._sleep = sleep

    def _get_conn_params(self, conn: Connection) -> dict[str, Any]:
        """Return what a client is made of. Every client of this hook reads the connection here."""
        for secret in secrets_of(conn):
            mask_secret(secret)
        check_connection(conn, self.conn_type, token=True)
        where = f"connection {conn.conn_id}"
        params: dict[str, Any] = super()._get_conn_params(conn)
        if address := params.get("base_url"):
            check_url(address, f"{where}: the extra base_url")
        if proxy := params.get("proxy"):
            check_proxy(proxy, f"{where}: the extra proxy")
        return params

    @cached_property
    def reader(self) -> SlackReader:
        """The reader; made once, sends nothing by itself. Close it when done."""
        connection = self.get_connection(self.slack_conn_id)
        params = self._get_conn_params(connection)
        settings = http_settings(connection.conn_id, connection.extra_dejson, usual=SETTINGS)
        if timeout := params.get("timeout"):
            settings = replace(settings, read_timeout=float(timeout))
        if proxy := params.get("proxy"):
            settings = replace(settings, proxies={"http": proxy, "https": proxy})
        return SlackReader(
            params["token"],
            base_url=params.get("base_url") or BASE_URL,
            settings=settings,
            calls_per_minute=self.calls_per_minute,
            sleep=self._sleep,
        )

    @cached_property
    def names(self) -> SlackNames:
        """Names of people and channels, asked for once."""
        return SlackNames(self.reader, team_id=self.team_id)

    @cached_property
    def poster(self) -> MessagePoster:
        """Posts messages exactly once, with the reader's connection."""
        return MessagePoster(self.reader, redact=redact_outgoing)

    def unseal(self, sealed: str) -> str | None:
        """Decrypt what was sealed with this connection's token; ``None`` when it was another one."""
        text = unseal(sealed, self._get_conn_params(self.get_connection(self.slack_conn_id))["token"])
        if text:
            mask_secret(text)
        return text

    def close(self) -> None:
        """Close the reader's connections, if it was used."""
        if "reader" in vars(self):
            self.reader.close()

    def paginate(
        self,
        method: str,
        item_key: str,
        params: Mapping[str, Any] | None = None,
        *,
        page_size: int = LARGEST_PAGE,
        cursor: str | None = None,
    ) -> Iterator[Page[dict[str, Any]]]:
        """Every page of any listing; see :meth:`SlackReader.paginate`."""
        return self.reader.paginate(method, item_key, params, page_size=page_size, cursor=cursor)

    def iter_users(self) -> Iterator[SlackUser]:
        """Every member of the workspace, page by page."""
        return iter_users(self.reader, team_id=self.team_id)

    def directory_snapshot(self) -> DirectorySnapshot:
        """The whole directory, or an error; see :func:`workplace_provider.slack.client.directory_snapshot`."""
        return directory_snapshot(self.reader, team_id=self.team_id)

    def user_groups(self) -> list[UserGroup]:
        """The workspace's user groups with their members; see :func:`workplace_provider.slack.client.user_groups`."""
        return user_groups(self.reader, team_id=self.team_id)

    def find_channels(self, channels: Sequence[str]) -> list[Channel]:
        """Channels by their ids or names.

        :raises NotFound: there is no such channel, or the app may not see it
        """
        return self.names.channels(channels)

    def iter_messages(
        self,
        channel: str,
        oldest: datetime,
        latest: datetime,
        *,
        replies: bool = True,
        reply_lookback: timedelta = REPLY_LOOKBACK,
        broadcasts: Broadcasts = "once",
    ) -> Iterator[Message]:
        """The messages of a window, oldest first; see :func:`workplace_provider.slack.client.iter_messages`.

        :param channel: id or name
        """
        (found,) = self.find_channels([channel])
        return iter_messages(
            self.reader,
            found.id,
            oldest,
            latest,
            replies=replies,
            reply_lookback=reply_lookback,
            broadcasts=broadcasts,
        )

    def iter_threads(
        self,
        channel: str,
        oldest: datetime,
        latest: datetime,
        *,
        reply_lookback: timedelta = REPLY_LOOKBACK,
        broadcasts: Broadcasts = "once",
        estimated: Callable[[Estimate], None] | None = None,
    ) -> Iterator[Thread]:
        """The threads of a window; see :func:`workplace_provider.slack.client.iter_threads`.

        :param channel: id or name
        """
        (found,) = self.find_channels([channel])
        return iter_threads(
            self.reader,
            found.id,
            oldest,
            latest,
            reply_lookback=reply_lookback,
            broadcasts=broadcasts,
            estimated=estimated,
        )

    def download_file(self, file: SharedFile, sink: Sink) -> Download:
        """Stream a file of a message down; see :func:`workplace_provider.slack.client.download_file`."""
        return download_file(self.reader, file, sink)
