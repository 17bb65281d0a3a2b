"""Hook of the ``slack_app`` connection: the app-level token for Socket Mode, and the connection with the bot token."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.slack.hooks.slack import SlackHook
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException

from workplace_provider.common.connection_settings import aread_connection, check_conn_type, http_settings, read_connection
from workplace_provider.common.outgoing import checked_test
from workplace_provider.http.credentials import check_url
from workplace_provider.http.errors import WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.slack.client.reader import BASE_URL
from workplace_provider.slack.client.response_url import is_response_url, seal
from workplace_provider.slack.hooks.directory import SlackDirectoryHook
from workplace_provider.slack.socket_mode import SocketModeClient, SocketUrls
from workplace_provider.slack.socket_mode.client import SETTINGS

if TYPE_CHECKING:
    from airflow.sdk import Connection

log = get_logger("workplace_provider.slack")

PREFIX: Final = "xapp-"


class SlackSocketModeHook(BaseHook):
    """A hook that creates Socket Mode clients.

    ::

        async with await SlackSocketModeHook("slack_app_default").aget_client() as client:
            async for item in client:
                ...

    The password is the app-level token (``xapp-…``) with the scope ``connections:write``. The extra may have ``base_url``
    for another URL than Slack's, ``slack_conn_id`` for the connection with the bot token of the same app, and time-outs,
    proxy and TLS; see ``docs/connections.md``.

    :param slack_app_conn_id: connection of type ``slack_app``
    """

    conn_name_attr = "slack_app_conn_id"
    default_conn_name = "slack_app_default"
    conn_type = "slack_app"
    hook_name = "Slack app (Socket Mode)"

    def __init__(self, slack_app_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.slack_app_conn_id = slack_app_conn_id

    def get_conn(self) -> SocketModeClient:
        """Return a new client. It connects on the first call of ``receive``; close it when done."""
        connection = read_connection(self.slack_app_conn_id, self.conn_type, token=True)
        token = _token(connection)
        return SocketModeClient(token, **_client_options(connection))

    async def aget_client(self, *, exclusive: bool = False) -> SocketModeClient:
        """Return a new client, from within an event loop.

        :param exclusive: raise an error if another client uses the same app
        :raises ValueError: the connection has no app-level token
        """
        connection = await aread_connection(self.slack_app_conn_id, self.conn_type, token=True)
        token = _token(connection)
        return SocketModeClient(token, exclusive=exclusive, **_client_options(connection))

    async def aseal(self, url: str) -> str | None:
        """Encrypt a URL with the app's bot token, so that only tasks with that token can read it.

        :return: the encrypted URL; ``None`` without a bot token, and for a URL that does not lead to Slack
        """
        connection = await self.aget_connection(self.slack_app_conn_id)
        if not is_response_url(url, connection.extra_dejson.get("base_url") or BASE_URL):
            log.warning("the response URL of a command does not lead to Slack; it is not passed on")
            return None
        try:
            bot = await self.aget_connection(_bot_conn_id(connection))
        except AirflowNotFoundException:
            return None
        check_conn_type(bot, SlackHook.conn_type)
        return seal(url, bot.password) if bot.password else None

    def bot(self, sleep: Callable[[float], None] = time.sleep) -> SlackDirectoryHook:
        """Return the hook of the connection with the app's bot token, which can read channels.

        :param sleep: function that waits, in seconds
        """
        return SlackDirectoryHook(slack_conn_id=_bot_conn_id(self.get_connection(self.slack_app_conn_id)), sleep=sleep)

    @checked_test
    def test_connection(self) -> tuple[bool, str]:
        """Request a WebSocket URL without connecting to it, and the owner of the bot token.

        :return: whether the connection works, and a message with the reason
        """
        connection = read_connection(self.slack_app_conn_id, self.conn_type, token=True)
        urls = SocketUrls(_token(connection), **_client_options(connection))
        try:
            urls.request()
        finally:
            urls.close()
        bot_conn_id = _bot_conn_id(connection)
        works, message = _test_bot(bot_conn_id)
        return works, f"Socket Mode accepts the token; {message}"


@checked_test
def _test_bot(bot_conn_id: str) -> tuple[bool, str]:
    try:
        with SlackDirectoryHook(slack_conn_id=bot_conn_id).reader as reader:
            owner = reader.token_owner()
    except (WorkplaceError, ValueError, AirflowException) as error:
        return False, f"the bot's connection {bot_conn_id} does not work: {error}"
    return True, f"the bot of {bot_conn_id} belongs to the workspace {owner.team}"


def _token(connection: Connection) -> str:
    token = connection.password or ""
    if not token.startswith(PREFIX):
        state = "is empty" if not token else "is another kind of token" if token.startswith("xox") else "has another format"
        raise ValueError(
            f"connection {connection.conn_id}: the password must be the app-level token ({PREFIX}…), but it {state}."
            " Create one in the app's settings, under Basic Information, with the scope connections:write"
        )
    return token


def _client_options(connection: Connection) -> dict[str, Any]:
    extra = connection.extra_dejson
    return {
        "base_url": check_url(extra.get("base_url") or BASE_URL, f"connection {connection.conn_id}: the extra base_url"),
        "settings": http_settings(connection.conn_id, extra, default=SETTINGS),
    }


def _bot_conn_id(connection: Connection) -> str:
    check_conn_type(connection, SlackSocketModeHook.conn_type)
    return str(connection.extra_dejson.get("slack_conn_id") or SlackHook.default_conn_name)
