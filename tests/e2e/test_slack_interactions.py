"""Buttons and a modal of the sandbox's channel page in a real browser, wide and narrow, with an app written with Bolt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from support.browser import look
from support.waiting import wait_until
from workplace_sandbox import Sandbox

pytestmark = pytest.mark.e2e
CHANNEL = "weekly-report"
BLOCKS = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "*주간 보고*를 발행할까요?"}},
    {
        "type": "actions",
        "elements": [
            {"type": "button", "action_id": "reject", "text": {"type": "plain_text", "text": "거절"}, "style": "danger"}
        ],
    },
]
VIEW = {
    "type": "modal",
    "callback_id": "rejected",
    "title": {"type": "plain_text", "text": "거절"},
    "submit": {"type": "plain_text", "text": "보내기"},
    "blocks": [
        {
            "type": "input",
            "block_id": "reason",
            "label": {"type": "plain_text", "text": "이유"},
            "element": {"type": "plain_text_input", "action_id": "text", "multiline": True},
        },
        {
            "type": "input",
            "block_id": "page",
            "label": {"type": "plain_text", "text": "Page"},
            "hint": {"type": "plain_text", "text": "The page to correct"},
            "element": {
                "type": "static_select",
                "action_id": "choice",
                "options": [{"text": {"type": "plain_text", "text": name}, "value": name} for name in ("draft", "last")],
            },
        },
    ],
}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        client = WebClient(sandbox.slack_bot_token, base_url=sandbox.slack_api_url)
        app = App(client=client)

        @app.action("reject")
        def reject(ack: Any, body: Any) -> None:
            ack()
            view = {**VIEW, "private_metadata": body["container"]["message_ts"]}
            client.views_open(trigger_id=body["trigger_id"], view=view)

        @app.view("rejected")
        def rejected(ack: Any, body: Any, view: Any) -> None:
            values = view["state"]["values"]
            if not values["reason"]["text"]["value"]:
                ack(response_action="errors", errors={"reason": "이유를 써 주세요"})
                return
            ack()
            text = f"{body['user']['username']}: {values['reason']['text']['value']}"
            client.chat_update(channel=sandbox.slack.channel(CHANNEL).id, ts=view["private_metadata"], text=text, blocks=[])

        handler = SocketModeHandler(app, sandbox.slack_app_token)
        handler.connect()
        wait_until(lambda: sandbox.slack.socket_count() == 1)
        yield sandbox
        handler.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_a_person_clicks_and_fills_in_a_modal(browser: Browser, sandbox: Sandbox, width: int) -> None:
    client = WebClient(sandbox.slack_bot_token, base_url=sandbox.slack_api_url)
    client.chat_postMessage(channel=f"#{CHANNEL}", text="Publish?", blocks=BLOCKS)
    address = f"{sandbox.url}/slack/archives/{CHANNEL}"
    look(browser, address, width)
    page = browser.new_page(viewport={"width": width, "height": 900})
    try:
        page.goto(address)
        page.get_by_label("as").select_option(label=sandbox.slack.person("alex").shown_name)
        page.get_by_role("button", name="거절").click()
        modal = page.get_by_role("dialog", name="거절")
        expect(modal).to_be_visible()
        look(browser, page.url, width)
        modal.get_by_role("button", name="보내기").click()
        expect(modal.get_by_role("alert")).to_have_text("이유를 써 주세요")
        modal.get_by_label("이유").fill("숫자가 틀려요")
        modal.get_by_label("Page").select_option("draft")
        modal.get_by_role("button", name="보내기").click()
        expect(page.get_by_text("alex: 숫자가 틀려요")).to_be_visible()
        expect(modal).to_have_count(0)
        # The Enter key in the input field sends the message, and clicks no button.
        page.get_by_label("Message").fill("고마워요")
        page.get_by_label("Message").press("Enter")
        expect(page.get_by_text("고마워요")).to_be_visible()
        assert len(sandbox.slack.deliveries("interactive")) == 3
    finally:
        page.close()
