"""Buttons and modals of the sandbox, by plain HTTP: limits of an app's blocks, and the envelopes of clicks."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import requests
from bs4 import BeautifulSoup

from unit.sandbox.conftest import Slack
from workplace_sandbox import Sandbox
from workplace_sandbox.slack import interactions

CHANNEL = "weekly-report"
BUTTONS = [
    {"type": "button", "action_id": "yes", "text": {"type": "plain_text", "text": "승인"}, "value": "1", "style": "primary"},
    {"type": "button", "text": {"type": "plain_text", "text": "No"}},
]
INPUT = {
    "type": "input",
    "block_id": "reason",
    "label": {"type": "plain_text", "text": "Why?"},
    "element": {"type": "plain_text_input", "action_id": "text"},
}
CHOICE = {
    "type": "input",
    "block_id": "choice",
    "label": {"type": "plain_text", "text": "Which?"},
    "element": {
        "type": "static_select",
        "action_id": "one",
        "options": [{"text": {"type": "plain_text", "text": name}, "value": name} for name in ("a", "b")],
    },
}


def view(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    words = {name: {"type": "plain_text", "text": name.title()} for name in ("title", "submit")}
    return {"type": "modal", **words, "blocks": list(blocks or (INPUT,)), **more}


@pytest.fixture
def web(sandbox: Sandbox) -> Slack:
    return Slack(sandbox.slack_api_url, sandbox.slack_bot_token)


@pytest.fixture
def ts(web: Slack) -> str:
    blocks = [{"type": "actions", "elements": BUTTONS}]
    return str(web.call("chat.postMessage", channel=f"#{CHANNEL}", text="Publish?", blocks=json.dumps(blocks))["ts"])


def trigger(sandbox: Sandbox, ts: str) -> str:
    click = sandbox.slack.click(CHANNEL, "alex", ts, "yes")
    assert click is not None
    return str(click.payload["trigger_id"])


def test_a_click_has_everything_an_app_needs(sandbox: Sandbox, ts: str) -> None:
    click = sandbox.slack.click(CHANNEL, "alex", ts, "yes")
    assert click is not None
    payload, channel = click.payload, sandbox.slack.channel(CHANNEL).id
    assert payload["type"] == "block_actions"
    assert payload["user"]["id"] == sandbox.slack.person("alex").id
    assert payload["container"] == {"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": False}
    assert payload["message"]["ts"] == ts
    (action,) = payload["actions"]
    assert (action["action_id"], action["value"], action["type"]) == ("yes", "1", "button")
    block = payload["message"]["blocks"][0]
    assert action["block_id"] == block["block_id"]
    assert block["elements"][1]["action_id"], "Slack gives an id to a button without one"


def test_a_button_that_is_gone_cannot_be_clicked(sandbox: Sandbox, web: Slack, ts: str) -> None:
    web.call("chat.update", channel=sandbox.slack.channel(CHANNEL).id, ts=ts, text="Done", blocks="[]")
    assert sandbox.slack.click(CHANNEL, "alex", ts, "yes") is None
    assert sandbox.slack.click(CHANNEL, "alex", "1.000000", "yes") is None


def test_the_response_url_of_a_click_replaces_or_deletes_the_message(sandbox: Sandbox, ts: str) -> None:
    click = sandbox.slack.click(CHANNEL, "alex", ts, "yes")
    assert click is not None
    url = click.payload["response_url"]
    assert requests.post(url, json={"text": "Approved", "replace_original": True}, timeout=10).ok
    (message,) = sandbox.messages(f"#{CHANNEL}")
    assert (message.text, message.payload.get("blocks")) == ("Approved", None)
    assert requests.post(url, json={"delete_original": True}, timeout=10).ok
    assert sandbox.messages(f"#{CHANNEL}") == []
    assert requests.post(url, json={"text": "again", "replace_original": True}, timeout=10).ok, "it is gone"


def test_the_person_hears_when_no_app_listens(sandbox: Sandbox, ts: str) -> None:
    sandbox.slack.click(CHANNEL, "alex", ts, "yes")
    while not (whispers := sandbox.slack.whispers(CHANNEL)):
        pass
    assert "didn't respond to the button (dispatch_failed)" in whispers[0].text


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ([], "must have 1 to 25 items"),
        ([{**BUTTONS[1], "action_id": str(number)} for number in range(26)], "must have 1 to 25 items"),
        ([BUTTONS[0], BUTTONS[0]], "action_id already exists"),
        ([{**BUTTONS[0], "value": "x" * 2001}], "must be less than 2001 characters"),
        ([{**BUTTONS[0], "action_id": "x" * 256}], "must be less than 256 characters"),
        ([{**BUTTONS[0], "text": {"type": "plain_text", "text": "x" * 76}}], "must have 1 to 75 characters"),
        ([{**BUTTONS[0], "style": "green"}], "must be primary or danger"),
        (["button"], "must be an object with a type"),
    ],
)
def test_buttons_that_slack_refuses(web: Slack, elements: list[Any], reason: str) -> None:
    blocks = json.dumps([{"type": "actions", "elements": elements}])
    answer = web.answer("chat.postMessage", channel=f"#{CHANNEL}", text="x", blocks=blocks).json()
    assert answer["error"] == "invalid_blocks"
    assert any(reason in problem for problem in answer["errors"])


def test_a_modal_is_opened_updated_pushed_and_submitted(sandbox: Sandbox, web: Slack, ts: str) -> None:
    opened = web.call("views.open", trigger_id=trigger(sandbox, ts), view=json.dumps(view(private_metadata="C.1")))["view"]
    assert opened["private_metadata"] == "C.1"
    version = {"view_id": opened["id"], "hash": opened["hash"]}
    updated = web.call("views.update", **version, view=json.dumps(view(INPUT, CHOICE)))["view"]
    assert len(updated["blocks"]) == 2
    old = web.refused("views.update", **version, view=json.dumps(view()))
    assert old == "hash_conflict"
    pushed = web.call("views.push", trigger_id=trigger(sandbox, ts), view=json.dumps(view()))["view"]
    assert (pushed["previous_view_id"], pushed["root_view_id"]) == (opened["id"], opened["id"])
    submitted = sandbox.slack.submit("alex", text="좋아요")
    assert submitted is not None
    values = submitted.payload["view"]["state"]["values"]
    assert values == {"reason": {"text": {"type": "plain_text_input", "value": "좋아요"}}}
    page = BeautifulSoup(requests.get(f"{sandbox.url}/slack/archives/{CHANNEL}?as=alex", timeout=10).text, "lxml")
    assert "We had some trouble connecting" in page.select_one(".sl-modal").get_text(), "no app is connected"


def test_a_trigger_is_valid_once_and_for_three_seconds(
    sandbox: Sandbox, web: Slack, ts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = trigger(sandbox, ts)
    web.call("views.open", trigger_id=once, view=json.dumps(view()))
    assert web.refused("views.open", trigger_id=once, view=json.dumps(view())) == "exchanged_trigger_id"
    assert web.refused("views.open", trigger_id="1.2.3", view=json.dumps(view())) == "invalid_trigger_id"
    late = trigger(sandbox, ts)
    monkeypatch.setattr(interactions, "TRIGGER_LIFETIME", timedelta(0))
    assert web.refused("views.open", trigger_id=late, view=json.dumps(view())) == "expired_trigger_id"
    assert web.refused("views.update", view_id="V0NONE", view=json.dumps(view())) == "not_found"


def test_a_modal_has_up_to_three_views(sandbox: Sandbox, web: Slack, ts: str) -> None:
    web.call("views.open", trigger_id=trigger(sandbox, ts), view=json.dumps(view()))
    for _ in range(2):
        web.call("views.push", trigger_id=trigger(sandbox, ts), view=json.dumps(view()))
    refused = web.refused("views.push", trigger_id=trigger(sandbox, ts), view=json.dumps(view()))
    assert refused == "push_limit_reached"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ([], "must be an object"),
        (view(type="home"), "must be modal"),
        (view(title={"type": "plain_text", "text": "x" * 25}), "must be less than 25 characters"),
        (view(title=None), "missing required field: title"),
        (view(private_metadata="x" * 3001), "must be less than 3001 characters"),
        (view(blocks="x"), "missing required field: blocks"),
        (view(submit=None), "missing required field: submit"),
        (view(INPUT, INPUT), "block_id already exists"),
        (view(*[{"type": "divider"}] * 101), "no more than 100 items"),
    ],
)
def test_views_that_slack_refuses(sandbox: Sandbox, web: Slack, ts: str, wrong: Any, reason: str) -> None:
    answer = web.answer("views.open", trigger_id=trigger(sandbox, ts), view=json.dumps(wrong)).json()
    assert answer["error"] == "invalid_arguments"
    assert any(reason in message for message in answer["response_metadata"]["messages"])


def test_the_forms_of_the_page(sandbox: Sandbox, web: Slack, ts: str) -> None:
    address = f"{sandbox.url}/slack/archives/{CHANNEL}"
    page = BeautifulSoup(requests.get(address, timeout=10).text, "lxml")
    button = page.select_one("button[form=clicks]")
    assert button is not None
    assert button.get_text() == "승인"
    assert requests.post(f"{address}/clicks", data={"as": "alex", "click": button["value"]}, timeout=10).ok
    (click,) = sandbox.slack.deliveries("interactive")
    assert click.payload["user"]["username"] == "alex"
    buttons = {"type": "actions", "block_id": "more", "elements": [{**BUTTONS[0], "action_id": "in-view"}]}
    asked = view(INPUT, CHOICE, buttons, notify_on_close=True)
    view_id = web.call("views.open", trigger_id=click.payload["trigger_id"], view=json.dumps(asked))["view"]["id"]
    inside = json.dumps([view_id, "more", "in-view"])
    assert requests.post(f"{address}/clicks", data={"as": "alex", "click": inside}, timeout=10).ok
    assert sandbox.slack.deliveries("interactive")[-1].payload["container"] == {"type": "view", "view_id": view_id}
    typed = {"view": view_id, json.dumps(["choice", "one"]): "b", "not a name": "x"}
    assert requests.post(f"{address}/views", data=typed, timeout=10).ok
    values = sandbox.slack.deliveries("interactive")[-1].payload["view"]["state"]["values"]
    assert values["choice"]["one"]["selected_option"]["value"] == "b"
    assert values["reason"]["text"]["value"] is None
    assert requests.post(f"{address}/views", data={"view": view_id, "cancel": "1"}, timeout=10).ok
    assert sandbox.slack.deliveries("interactive")[-1].payload["type"] == "view_closed"
    assert sandbox.slack.modal("alex") is None


def test_forms_of_other_sites_and_of_nobody_are_refused(sandbox: Sandbox, ts: str) -> None:
    address, foreign = f"{sandbox.url}/slack/archives/{CHANNEL}", {"Origin": "https://example.com"}
    for path in ("clicks", "views"):
        assert requests.post(f"{address}/{path}", data={}, headers=foreign, timeout=10).status_code == 403
        assert requests.post(f"{address}/{path}", data={"as": "alex", "click": "[1]"}, timeout=10).status_code == 404
    assert sandbox.slack.deliveries("interactive") == []


def test_a_click_in_an_ephemeral_message(sandbox: Sandbox, web: Slack) -> None:
    blocks = json.dumps([{"type": "actions", "elements": BUTTONS}])
    channel, alex = sandbox.slack.channel(CHANNEL).id, sandbox.slack.person("alex").id
    ts = web.call("chat.postEphemeral", channel=channel, user=alex, text="x", blocks=blocks)["message_ts"]
    click = sandbox.slack.click(CHANNEL, "alex", ts, "yes")
    assert click is not None
    assert (click.payload["container"]["is_ephemeral"], "message" in click.payload) == (True, False)
    assert requests.post(click.payload["response_url"], json={"delete_original": True}, timeout=10).ok
    assert sandbox.store.ephemeral_message(channel, ts) is None
