"""An app that is written with Bolt: ephemeral answers, response URLs, scheduled messages and reactions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import RawTextObject, TableBlock
from slack_sdk.webhook import WebhookClient

from support.waiting import wait_until
from workplace_sandbox import Sandbox

pytestmark = pytest.mark.contract
CHANNEL = "weekly-report"


def build_app(sandbox: Sandbox, heard: list[Any]) -> App:
    app = App(client=WebClient(sandbox.slack_bot_token, base_url=sandbox.slack_api_url))

    @app.command("/numbers")
    def numbers(ack: Any, respond: Any, body: Any) -> None:
        ack("잠시만요")
        respond("둘만")
        respond(text="모두에게", response_type="in_channel")
        heard.append(body["response_url"])

    @app.event("reaction_added")
    def added(event: Any, client: WebClient) -> None:
        item = event["item"]
        message = client.reactions_get(channel=item["channel"], timestamp=item["ts"])["message"]
        client.chat_postEphemeral(
            channel=item["channel"], user=event["user"], text=f"{event['reaction']}: {message['text']}"
        )
        heard.append((event["user"], event["item_user"]))

    @app.event("reaction_removed")
    def removed(event: Any) -> None:
        heard.append(event["reaction"])

    @app.event("message")
    def ignored() -> None:
        """Take the messages of the channel."""

    return app


@pytest.fixture
def heard(sandbox: Sandbox) -> Iterator[list[Any]]:
    """What the running app has heard."""
    facts: list[Any] = []
    handler = SocketModeHandler(build_app(sandbox, facts), sandbox.slack_app_token)
    handler.connect()
    wait_until(lambda: sandbox.slack.socket_count() == 1)
    yield facts
    handler.close()
    wait_until(lambda: sandbox.slack.socket_count() == 0)


def whispers(sandbox: Sandbox) -> list[str]:
    return [whisper.text for whisper in sandbox.slack.whispers(CHANNEL)]


def test_a_command_is_answered_through_its_url(sandbox: Sandbox, heard: list[Any]) -> None:
    sandbox.slack.command(CHANNEL, "jimin", "/numbers")
    wait_until(lambda: heard)
    assert sorted(whispers(sandbox)) == ["둘만", "잠시만요"]
    assert [message.text for message in sandbox.messages(CHANNEL)] == ["모두에게"]
    webhook = WebhookClient(heard[0])
    statuses = [webhook.send(text="더").status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 404]


def test_a_reaction_is_answered_to_the_person(sandbox: Sandbox, heard: list[Any]) -> None:
    message = sandbox.slack.say(CHANNEL, "jimin", "숫자 확인")
    sandbox.slack.react(CHANNEL, message.ts, "eyes", "alex")
    wait_until(lambda: heard)
    ids = [sandbox.slack.person(name).id for name in ("alex", "jimin")]
    assert heard == [tuple(ids)]
    assert whispers(sandbox) == ["eyes: 숫자 확인"]
    sandbox.slack.remove_reaction(CHANNEL, message.ts, "eyes", "alex")
    wait_until(lambda: len(heard) == 2)
    assert heard[1] == "eyes"


def test_scheduled_messages(sandbox: Sandbox) -> None:
    client = WebClient(sandbox.slack_bot_token, base_url=sandbox.slack_api_url)
    channel, moment = sandbox.slack.channel(CHANNEL).id, int(time.time())
    made = [client.chat_scheduleMessage(channel=channel, text=f"{n}", post_at=moment + 600 * n) for n in range(1, 4)]
    pages = client.chat_scheduledMessages_list(channel=channel, limit=2)
    listed = [message["id"] for page in pages for message in page["scheduled_messages"]]
    assert listed == [response["scheduled_message_id"] for response in made]
    client.chat_deleteScheduledMessage(channel=channel, scheduled_message_id=listed[0])
    with pytest.raises(SlackApiError, match="invalid_scheduled_message_id"):
        client.chat_deleteScheduledMessage(channel=channel, scheduled_message_id=listed[0])
    with pytest.raises(SlackApiError, match="time_in_past"):
        client.chat_scheduleMessage(channel=channel, text="x", post_at=moment - 60)


def test_a_table_block_of_the_sdk(sandbox: Sandbox) -> None:
    client = WebClient(sandbox.slack_bot_token, base_url=sandbox.slack_api_url)
    table = TableBlock(rows=[[RawTextObject(text="팀"), RawTextObject(text="분석")]])
    client.chat_postMessage(channel=f"#{CHANNEL}", text="표", blocks=[table])
    assert sandbox.messages(CHANNEL)[0].payload["blocks"] == [table.to_dict()]
    with pytest.raises(SlackApiError, match="invalid_attachments"):
        client.chat_postMessage(channel=f"#{CHANNEL}", text="표", blocks=[table, table])
