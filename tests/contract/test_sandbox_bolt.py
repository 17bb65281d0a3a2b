"""An app that is written with Bolt, Slack's framework, works with the sandbox: buttons, modals and responses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.models.blocks import ActionsBlock, ButtonElement, InputBlock, PlainTextInputElement
from slack_sdk.models.views import View

from support.waiting import wait_until
from workplace_sandbox import Sandbox

pytestmark = pytest.mark.contract
CHANNEL = "weekly-report"


def ask(callback_id: str, ts: str) -> View:
    reason = InputBlock(block_id="reason", label="이유", element=PlainTextInputElement(action_id="text"))
    return View(type="modal", callback_id=callback_id, title="거절", submit="보내기", blocks=[reason], private_metadata=ts)


def build_app(sandbox: Sandbox, heard: list[Any]) -> App:
    client = WebClient(sandbox.slack_bot_token, base_url=sandbox.slack_api_url)
    app = App(client=client)

    @app.action("approve")
    def approve(ack: Any, body: Any, respond: Any) -> None:
        ack()
        respond(text=f"approved by {body['user']['username']}", replace_original=True)

    @app.action("reject")
    def reject(ack: Any, body: Any, client: WebClient) -> None:
        ack()
        opened = client.views_open(trigger_id=body["trigger_id"], view=ask("rejected", body["container"]["message_ts"]))
        client.views_update(view_id=opened["view"]["id"], view=ask("rejected", body["container"]["message_ts"]))
        heard.append("opened")

    @app.view("rejected")
    def rejected(ack: Any, view: Any, body: Any) -> None:
        reason = view["state"]["values"]["reason"]["text"]["value"]
        if not reason:
            ack(response_action="errors", errors={"reason": "이유를 써 주세요"})
            return
        if reason == "more":
            ack(response_action="push", view=ask("sure", ""))
            return
        ack(response_action="clear")
        heard.append((body["user"]["username"], reason, view["private_metadata"]))

    @app.view("sure")
    def sure(ack: Any) -> None:
        ack(response_action="update", view=ask("rejected", "updated"))

    return app


@pytest.fixture
def heard(sandbox: Sandbox) -> Iterator[list[Any]]:
    heard: list[Any] = []
    handler = SocketModeHandler(build_app(sandbox, heard), sandbox.slack_app_token)
    handler.connect()
    wait_until(lambda: sandbox.slack.socket_count() == 1)
    yield heard
    handler.close()


def test_buttons_and_modals(sandbox: Sandbox, heard: list[Any]) -> None:
    web = WebClient(sandbox.slack_bot_token, base_url=sandbox.slack_api_url)
    buttons = ActionsBlock(elements=[ButtonElement(text=name, action_id=name.lower()) for name in ("Approve", "Reject")])
    first, second = (web.chat_postMessage(channel=f"#{CHANNEL}", text="Publish?", blocks=[buttons])["ts"] for _ in range(2))
    sandbox.slack.click(CHANNEL, "jimin", first, "approve")
    wait_until(lambda: sandbox.messages(f"#{CHANNEL}")[0].text == "approved by jimin")
    sandbox.slack.click(CHANNEL, "alex", second, "reject")
    wait_until(lambda: heard == ["opened"])
    sandbox.slack.submit("alex", text="")
    opened = sandbox.slack.modal("alex")
    assert opened is not None
    assert opened.errors == {"reason": "이유를 써 주세요"}
    sandbox.slack.submit("alex", text="more")
    pushed = sandbox.slack.modal("alex")
    assert pushed is not None
    assert (pushed.content["callback_id"], pushed.below) == ("sure", [opened.id])
    sandbox.slack.submit("alex", text="x")
    assert pushed.content["private_metadata"] == "updated"
    sandbox.slack.submit("alex", text="숫자가 틀려요")
    assert sandbox.slack.modal("alex") is None
    assert heard[1:] == [("alex", "숫자가 틀려요", "updated")]
    assert all(delivery.acked_at for delivery in sandbox.slack.deliveries("interactive"))
    assert sandbox.slack.whispers(CHANNEL) == []
