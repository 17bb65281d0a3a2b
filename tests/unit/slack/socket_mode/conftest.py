"""An app of the sandbox's workspace, and whoever listens to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from support.event_loop import run_apart
from workplace_provider.http.client import HttpSettings
from workplace_provider.slack.socket_mode import Connected, Delivery, SocketModeClient, SocketSettings, client
from workplace_provider.slack.triggers import stream as slack_stream
from workplace_sandbox import Sandbox
from workplace_sandbox.model import SlackMessage
from workplace_sandbox.slack.sockets import Delivery as Told

CHANNEL = "weekly-report"
QUICK = SocketSettings(first_wait=0.02, longest_wait=0.1, settled=0.0, drain=5.0, first_pause=0.05, longest_pause=0.2)

Result = TypeVar("Result")


@dataclass
class App:
    """The app, and what people do.

    What happens in Slack is done in a thread: it takes the sandbox's database, and the loop goes on meanwhile.
    """

    sandbox: Sandbox

    @property
    def channel(self) -> str:
        """Id of the channel."""
        return self.sandbox.slack.channel(CHANNEL).id

    @property
    def bot(self) -> str:
        """Id of the bot user."""
        return self.sandbox.slack.person("report-bot").id

    @property
    def tickets(self) -> int:
        """How often a connection was asked for."""
        return len(self.sandbox.requests(r"apps\.connections\.open"))

    async def do(self, action: Callable[..., Result], *arguments: Any, **more: Any) -> Result:
        """Let something happen."""
        return await asyncio.to_thread(action, *arguments, **more)

    async def say(self, text: str, **more: Any) -> SlackMessage:
        """Let a person say something."""
        return await self.do(self.sandbox.slack.say, CHANNEL, "jimin", text, **more)

    async def command(self, command: str, text: str = "") -> Told:
        """Let a person call a command."""
        return await self.do(self.sandbox.slack.command, CHANNEL, "jimin", command, text)

    def told(self, text: str) -> Told:
        """What became of the message with that text."""
        (found,) = [each for each in self.sandbox.slack.deliveries("message") if each.payload["event"].get("text") == text]
        return found

    @asynccontextmanager
    async def listening(self, token: str = "", **options: Any) -> AsyncIterator[SocketModeClient]:
        """A client that is closed at the end."""
        made = SocketModeClient(
            token or self.sandbox.slack_app_token,
            base_url=self.sandbox.slack_api_url,
            **{"settings": HttpSettings(connect_timeout=5, read_timeout=10), "socket_settings": QUICK, **options},
        )
        try:
            yield made
        finally:
            await made.close()


@pytest.fixture
def app(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """The app, with Airflow's connections to it; whatever takes its time goes quickly."""
    for conn_id, connection in sandbox.airflow_connections().items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    monkeypatch.setattr(client, "SocketSettings", lambda: QUICK)
    monkeypatch.setattr(slack_stream, "TICK_SECONDS", 0.05)
    client._failures.clear()
    yield App(sandbox)
    sandbox.reset(seed=False)


async def connected(listener: SocketModeClient) -> Connected:
    """Wait for a connection."""
    item = await asyncio.wait_for(listener.receive(), 30)
    assert isinstance(item, Connected)
    return item


async def delivered(listener: SocketModeClient) -> Delivery:
    """Wait for an event; connections on the way are passed over."""
    while True:
        item = await asyncio.wait_for(listener.receive(), 30)
        if isinstance(item, Delivery):
            return item


async def is_quiet(listener: SocketModeClient, seconds: float = 0.3) -> bool:
    """Whether nothing comes for a while."""
    try:
        await asyncio.wait_for(listener.receive(), seconds)
    except TimeoutError:
        return True
    return False


def run(scenario: Callable[[], Awaitable[Result]]) -> Result:
    """Run what is asynchronous; nothing of it may go on when it is through."""

    async def all_of_it() -> Result:
        result = await asyncio.wait_for(scenario(), 120)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result

    return run_apart(all_of_it())
