"""slack_sdk's Socket Mode client, which others wrote for the real Slack, works with the sandbox."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from support.event_loop import run_apart
from support.waiting import until
from workplace_sandbox import Sandbox

pytestmark = pytest.mark.contract
CHANNEL = "weekly-report"


def test_events_commands_and_a_refresh(sandbox: Sandbox) -> None:
    got: list[tuple[str, dict[str, Any]]] = []

    async def listen(client: Any, request: Any) -> None:
        got.append((request.type, request.payload))
        answer = {"text": "받았어요"} if request.type == "slash_commands" else None
        await client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id, payload=answer))

    async def talk() -> None:
        client = SocketModeClient(
            app_token=sandbox.slack_app_token,
            web_client=AsyncWebClient(base_url=sandbox.slack_api_url),
        )
        client.socket_mode_request_listeners.append(listen)
        await client.connect()
        try:
            await asyncio.to_thread(sandbox.slack.write, CHANNEL, "jimin", "@bot 안녕하세요")
            await asyncio.to_thread(sandbox.slack.write, CHANNEL, "jimin", "/report 이번 주")
            await until(lambda: len(got) == 3)
            url = next(payload["response_url"] for kind, payload in got if kind == "slash_commands")
            assert (await AsyncWebhookClient(url).send(text="모두에게", response_type="in_channel")).body == "ok"
            sandbox.slack.disconnect("refresh_requested", grace=0.2)
            await until(lambda: any(kind == "events_api" and "모두" in str(payload) for kind, payload in got))
            await until(lambda: sandbox.slack.socket_count() == 1)
            await asyncio.to_thread(sandbox.slack.say, CHANNEL, "alex", "after the refresh")
            await until(lambda: "after the refresh" in str(got[-1]))
        finally:
            await client.close()

    run_apart(talk())
    kinds = [kind if kind == "slash_commands" else payload["event"]["type"] for kind, payload in got]
    assert sorted(kinds[:3]) == ["app_mention", "message", "slash_commands"]
    assert all(delivery.acked_at for delivery in sandbox.slack.deliveries())
    assert [whisper.text for whisper in sandbox.slack.whispers(CHANNEL)] == ["받았어요"]


@pytest.mark.parametrize(
    ("kind", "recording"),
    [("message", "MessagePayload"), ("app_mention", "AppMentionPayload"), ("slash_commands", "SlashCommandPayload")],
)
def test_the_keys_are_those_of_recorded_payloads(sandbox: Sandbox, recorded_slack: Path, kind: str, recording: str) -> None:
    recorded = json.loads((recorded_slack / f"{recording}.json").read_text("utf-8"))
    parent = sandbox.slack.say(CHANNEL, "alex", "a question")
    sandbox.slack.write(CHANNEL, "jimin", "@bot 답해 주세요", parent.ts)
    sandbox.slack.write(CHANNEL, "jimin", "/report")
    payload = sandbox.slack.deliveries(kind)[-1].payload
    # Newer than the recordings.
    assert payload.keys() - recorded.keys() <= {"context_team_id", "context_enterprise_id"}
    if kind != "slash_commands":
        assert payload["authorizations"][0].keys() == recorded["authorizations"][0].keys()
        assert payload["event"].keys() - recorded["event"].keys() <= {"parent_user_id"}
