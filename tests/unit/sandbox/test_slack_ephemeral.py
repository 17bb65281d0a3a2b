"""Messages that one person sees, and the response URLs of commands and interactions."""

from __future__ import annotations

from typing import Any

import pytest
import requests

CHANNEL = "weekly-report"


def shown(sandbox) -> list[tuple[str, str]]:
    return [(whisper.user_id, whisper.text) for whisper in sandbox.slack.whispers(CHANNEL)]


def test_an_ephemeral_message(sandbox, slack):
    channel, jimin = sandbox.slack.channel(CHANNEL).id, sandbox.slack.person("jimin").id
    blocks = [{"type": "divider"}]
    metadata = {"event_type": "e", "event_payload": {}}
    sent = {"channel": channel, "user": jimin, "text": "둘만", "blocks": blocks, "metadata": metadata}
    response = slack.answer("chat.postEphemeral", as_json=True, **sent, username="도우미").json()
    assert set(response) == {"ok", "message_ts"}
    (whisper,) = sandbox.slack.whispers(CHANNEL)
    assert (whisper.ts, whisper.name, whisper.payload) == (response["message_ts"], "도우미", {"blocks": blocks})
    assert shown(sandbox) == [(jimin, "둘만")]
    assert sandbox.messages(CHANNEL) == []
    assert slack.refused("chat.update", channel=channel, ts=whisper.ts, text="x") == "message_not_found"


def test_refused_ephemeral_messages(sandbox, slack):
    channel, jimin = sandbox.slack.channel(CHANNEL).id, sandbox.slack.person("jimin").id
    outside = sandbox.slack.add_person("visitor").id
    elsewhere = sandbox.slack.add_channel("elsewhere", members=["jimin"]).id
    old = sandbox.slack.add_channel("old", members=["jimin", "report-bot"], archived=True).id

    def refused(token: str = "", **arguments: Any) -> str:
        caller = slack.with_token(token) if token else slack
        sent = {"channel": channel, "user": jimin, "text": "x"} | arguments
        return str(caller.refused("chat.postEphemeral", **sent))

    assert refused(user=outside) == "user_not_in_channel"
    assert refused(user="U0NOBODY") == "user_not_in_channel"
    assert refused(channel=elsewhere) == "channel_not_found"
    assert refused(channel=old) == "is_archived"
    assert refused(text="") == "no_text"
    assert refused("read-only") == "missing_scope"
    assert refused("no-customize", icon_emoji=":memo:") == "missing_scope"
    assert shown(sandbox) == []


def test_a_thread_without_replies_shows_no_ephemeral_message(sandbox, slack):
    jimin = sandbox.slack.person("jimin").id
    parent = sandbox.slack.say(CHANNEL, "jimin", "질문")
    sent = {"channel": parent.channel_id, "user": jimin, "text": "x", "thread_ts": parent.ts}
    assert slack.call("chat.postEphemeral", **sent)["message_ts"]
    assert shown(sandbox) == []
    sandbox.slack.say(CHANNEL, "alex", "answer", parent.ts)
    slack.call("chat.postEphemeral", **sent)
    assert [whisper.thread_ts for whisper in sandbox.slack.whispers(CHANNEL)] == [parent.ts]


def respond(url: str, **answer: Any) -> str:
    got = requests.post(url, json=answer, timeout=10)
    return got.text if got.text == "ok" else str(got.json()["error"])


@pytest.fixture
def url_for(sandbox):
    def create(message_ts: str) -> str:
        channel, person = sandbox.slack.channel(CHANNEL), sandbox.slack.person("jimin")
        return str(sandbox.slack.create_response_url(channel.id, person.id, message_ts))

    return create


def test_an_interaction_replaces_and_deletes_its_message(sandbox, slack, url_for):
    channel, jimin = sandbox.slack.channel(CHANNEL).id, sandbox.slack.person("jimin").id
    posted = slack.call("chat.postMessage", channel=channel, text="승인?")["ts"]
    assert respond(url_for(posted), text="승인됨", replace_original=True) == "ok"
    assert [message.text for message in sandbox.messages(CHANNEL)] == ["승인됨"]
    assert respond(url_for(posted), delete_original=True) == "ok"
    assert sandbox.messages(CHANNEL) == []
    whisper = slack.call("chat.postEphemeral", channel=channel, user=jimin, text="하나")["message_ts"]
    url = url_for(whisper)
    assert respond(url, text="둘", replace_original=True) == "ok"
    assert shown(sandbox) == [(jimin, "둘")]
    assert respond(url, delete_original=True) == "ok"
    assert shown(sandbox) == []


def test_answers_of_a_response_url(sandbox, url_for):
    parent = sandbox.slack.say(CHANNEL, "jimin", "질문")
    url = url_for("")
    assert respond(url, response_type="in_channel", text="답", thread_ts=parent.ts) == "ok"
    assert [message.thread_ts for message in sandbox.messages(CHANNEL)] == [None, parent.ts]
    assert respond(url, blocks=[{"type": "unheard_of"}]) == "invalid_blocks"
    assert respond(url, blocks="x") == "invalid_blocks_format"
    assert respond(url, response_type="ephemeral") == "no_text"
    assert requests.post(url, json=["x"], timeout=10).json()["error"] == "invalid_payload"
    # A command has no message to delete or to replace.
    assert respond(url, delete_original=True) == "ok"
    assert respond(url, text="새 답", replace_original=True) == "ok"
    assert [text for _, text in shown(sandbox)] == ["새 답"]


def test_a_reset_removes_them(sandbox, url_for):
    url = url_for("")
    assert respond(url, text="x") == "ok"
    sandbox.reset(seed=False)
    assert respond(url, text="x") == "invalid_url"
    assert shown(sandbox) == []
