"""Hook of the ``slack`` connection: members, messages, files and posting."""

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
    Message,
    MessagePoster,
    ProfileField,
    Recipients,
    SharedFile,
    SlackNames,
    SlackPage,
    SlackReader,
    SlackUser,
    Thread,
    TokenOwner,
    UserGroup,
    channel_members,
    directory_snapshot,
    download_file,
    iter_messages,
    iter_threads,
    iter_users,
    member,
    member_channels,
    profile_fields,
    user_fields,
    user_groups,
)
from workplace_provider.slack.client.messages import REPLY_LOOKBACK, Broadcasts, ReadingBudget
from workplace_provider.slack.client.reader import BASE_URL, LARGEST_PAGE, SETTINGS
from workplace_provider.slack.client.response_url import unseal

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from workplace_provider.http.client import Download, Sink


class SlackDirectoryHook(SlackHook):
    """Airflow's :class:`SlackHook` with complete listings and idempotent posting.

    ::

        with closing(SlackDirectoryHook(slack_conn_id="slack_api_default")) as hook:
            people = [user.shown_name for user in hook.iter_users()]

    Token, time-out, base URL and proxy come from the connection of type ``slack``. Its extra may also have ``ca_bundle`` and
    similar fields, see ``docs/connections.md``.

    :param slack_conn_id: connection of type ``slack`` with the app's token as its password
    :param team_id: workspace; required with a token of an Enterprise organization
    :param calls_per_minute: rate limit of the app for reading messages, if it is low: 1 for an app that is distributed
        outside Slack's Marketplace. An app that the company created for itself needs no limit
    :param sleep: function that waits, in seconds
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
        """Return the parameters of a client. Every client of this hook reads the connection here."""
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
        """Reader of the workspace, created once. Close it when done."""
        connection = self.get_connection(self.slack_conn_id)
        params = self._get_conn_params(connection)
        settings = http_settings(connection.conn_id, connection.extra_dejson, default=SETTINGS)
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
        """Cache of the names of people and channels."""
        return SlackNames(self.reader, team_id=self.team_id)

    @cached_property
    def poster(self) -> MessagePoster:
        """Poster of messages, each exactly once."""
        return MessagePoster(self.reader, redact=redact_outgoing)

    def unseal(self, sealed: str) -> str | None:
        """Decrypt a text that was sealed with this connection's token; return ``None`` if it was another token."""
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
    ) -> Iterator[SlackPage[dict[str, Any]]]:
        """Iterate over the pages of a listing; see :meth:`SlackReader.paginate`."""
        return self.reader.paginate(method, item_key, params, page_size=page_size, cursor=cursor)

    def iter_users(self) -> Iterator[SlackUser]:
        """Iterate over all members of the workspace."""
        return iter_users(self.reader, team_id=self.team_id)

    def directory_snapshot(self) -> DirectorySnapshot:
        """Return the whole directory, or raise; see :func:`workplace_provider.slack.client.directory_snapshot`."""
        return directory_snapshot(self.reader, team_id=self.team_id)

    def user_groups(self) -> list[UserGroup]:
        """Return the user groups with their members; see :func:`workplace_provider.slack.client.user_groups`."""
        return user_groups(self.reader, team_id=self.team_id)

    def channel_members(self, channel_id: str) -> list[str]:
        """Return the ids of a channel's members; see :func:`workplace_provider.slack.client.channel_members`."""
        return channel_members(self.reader, channel_id)

    def token_owner(self) -> TokenOwner:
        """Return the owner of the token; see :meth:`SlackReader.token_owner`."""
        return self.reader.token_owner()

    def member(self, user_id: str) -> SlackUser:
        """Return a member as Slack has it now; see :func:`workplace_provider.slack.client.member`."""
        return member(self.reader, user_id)

    def member_channels(self, user_id: str) -> list[Channel]:
        """Return the channels of a member; see :func:`workplace_provider.slack.client.member_channels`."""
        return member_channels(self.reader, user_id)

    def profile_fields(self) -> Sequence[ProfileField]:
        """Return the custom fields of profiles; see :func:`workplace_provider.slack.client.profile_fields`."""
        return profile_fields(self.reader, team_id=self.team_id)

    def user_fields(self, user_id: str) -> dict[str, str]:
        """Return the values of a member's custom fields; see :func:`workplace_provider.slack.client.user_fields`."""
        return user_fields(self.reader, user_id)

    def find_channels(self, channels: Sequence[str]) -> list[Channel]:
        """Return channels by id or name.

        :raises NotFound: a channel does not exist, or the app cannot see it
        """
        return self.names.channels(channels)

    def find_recipient(self, recipient: str) -> Channel:
        """Return the channel, or the direct message with a person; see :meth:`Recipients.find`.

        :param recipient: id or name of a channel; id, ``@name`` or e-mail address of a person
        :raises WorkplaceError: there is no such recipient, or it cannot receive messages
        """
        return Recipients(self.reader, self.names, team_id=self.team_id).find(recipient)

    def find_member_id(self, person: str) -> str:
        """Return the id of a person; see :meth:`Recipients.find_member_id`.

        :param person: id, ``@name`` or e-mail address
        """
        return Recipients(self.reader, self.names, team_id=self.team_id).find_member_id(person)

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
        """Iterate over the messages of a window; see :func:`workplace_provider.slack.client.iter_messages`.

        :param channel: id or name
        """
        (resolved,) = self.find_channels([channel])
        return iter_messages(
            self.reader,
            resolved.id,
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
        budget: ReadingBudget | None = None,
    ) -> Iterator[Thread]:
        """Iterate over the threads of a window; see :func:`workplace_provider.slack.client.iter_threads`.

        :param channel: id or name
        """
        (resolved,) = self.find_channels([channel])
        return iter_threads(
            self.reader,
            resolved.id,
            oldest,
            latest,
            reply_lookback=reply_lookback,
            broadcasts=broadcasts,
            budget=budget,
        )

    def download_file(self, file: SharedFile, sink: Sink) -> Download:
        """Download a file of a message; see :func:`workplace_provider.slack.client.download_file`."""
        return download_file(self.reader, file, sink)
