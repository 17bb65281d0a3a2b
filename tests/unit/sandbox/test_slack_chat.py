from __future__ import annotations

import json
import unicodedata

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.examples import examples

ATTACHMENTS = [
    {
        "pretext": "앞 <https://a.example|링크>",
        "color": "#36a64f",
        "title": "weekly_report",
        "title_link": "https://airflow.example/dags?a=1&b=2",
        "mrkdwn_in": ["text", "pretext"],
        "fields": [{"title": "상태", "value": "`성공`", "short": True}],
        "footer": "Airflow",
        "ts": 1795000000,
        "unknown": {"kept": [None, 1.5, "~"]},
    }
]
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc가", min_size=1), inner, max_size=3),
    max_leaves=8,
)


def read(slack, channel, ts):
    body = slack.call(
        "conversations.history", channel=channel, latest=ts, limit=1, inclusive="true", include_all_metadata="true"
    )
    return body["messages"][0]


@pytest.mark.parametrize("as_json", [True, False])
def test_a_message_is_kept_as_it_was_sent(sandbox, slack, channel, as_json):
    blocks = [{"type": "section", "block_id": "b1", "text": {"type": "mrkdwn", "text": "*본문*"}}]
    metadata = {"event_type": "weekly_report", "event_payload": {"dedupe_key": "2026-11-19"}}
    body = slack.answer(
        "chat.postMessage",
        as_json=as_json,
        channel=channel,
        text="대체 글",
        attachments=ATTACHMENTS,
        blocks=blocks,
        metadata=metadata,
        unfurl_links=False,
    ).json()
    assert body["ok"], body
    found = read(slack, channel, body["ts"])
    assert (found["text"], found["blocks"], found["metadata"]) == ("대체 글", blocks, metadata)
    assert json.dumps(found["attachments"]) == json.dumps(ATTACHMENTS)
    assert found["user"] == sandbox.slack.person("report-bot").id
    assert found["bot_profile"]["id"] == found["bot_id"]
    assert sandbox.messages("#data-분석")[0].text == "대체 글"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(30), deadline=None)
@given(payload=st.dictionaries(st.text("kv키", min_size=1), values, max_size=4))
def test_any_json_in_an_attachment_and_in_metadata_comes_back(sandbox, slack, payload):
    attachments = [{"text": "x", "extra": payload}]
    metadata = {"event_type": "e", "event_payload": payload}
    where = sandbox.slack.channel("weekly-report").id
    ts = slack.call("chat.postMessage", channel=where, attachments=attachments, metadata=metadata)["ts"]
    found = read(slack, where, ts)
    assert found["attachments"] == attachments
    assert found["metadata"] == metadata


def test_metadata_is_shown_on_request_and_with_the_scope_only(slack, channel):
    metadata = {"event_type": "e", "event_payload": {}}
    slack.call("chat.postMessage", channel=channel, text="x", metadata=metadata)
    assert "metadata" not in slack.call("conversations.history", channel=channel)["messages"][0]
    lacking = slack.with_token("no-metadata")
    assert lacking.refused("conversations.history", channel=channel, include_all_metadata="1") == "missing_scope"
    bad = [{"event_type": 1, "event_payload": {}}, {"event_type": "e"}, [], "x"]
    for value in bad:
        sent = {"channel": channel, "text": "x", "metadata": value}
        assert slack.answer("chat.postMessage", as_json=True, **sent).json()["error"] == "invalid_metadata_format"


def section(text):
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def table(rows):
    return {"type": "table", "rows": [[{"type": "raw_text", "text": cell} for cell in row] for row in rows]}


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ({}, "no_text"),
        ({"text": ""}, "no_text"),
        ({"blocks": []}, "no_text"),
        ({"attachments": [{"color": "good", "footer": "x"}]}, "no_text"),
        ({"text": "가" * 40_001}, "msg_too_long"),
        ({"blocks": {"type": "section"}}, "invalid_blocks_format"),
        ({"blocks": [{"text": "x"}]}, "invalid_blocks"),
        ({"blocks": [{"type": "unheard_of"}]}, "invalid_blocks"),
        ({"blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"blocks": [section("x" * 3001)]}, "invalid_blocks"),
        ({"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]}, "invalid_blocks"),
        ({"blocks": [{"type": "markdown", "text": "x" * 12_001}]}, "invalid_blocks"),
        ({"blocks": [section("x" * 3000)] * 5}, "msg_blocks_too_long"),
        ({"blocks": [table([["x"]])] * 2}, "invalid_attachments"),
        ({"blocks": [table([["x"]] * 101)]}, "invalid_blocks"),
        ({"blocks": [table([["x"] * 21])]}, "invalid_blocks"),
        ({"blocks": [table([["x" * 10_001]])]}, "invalid_blocks"),
        ({"blocks": [table([[""]])]}, "invalid_blocks"),
        ({"blocks": [{"type": "table", "rows": ["x"]}]}, "invalid_blocks"),
        ({"blocks": [table([["x"]]) | {"column_settings": [{}] * 21}]}, "invalid_blocks"),
    ],
)
def test_what_is_no_message_is_refused(sandbox, slack, channel, content, word):
    body = slack.answer("chat.postMessage", as_json=True, channel=channel, **content).json()
    assert (body["ok"], body["error"]) == (False, word)
    assert sandbox.messages(channel) == []
    if word == "invalid_blocks":
        assert "json-pointer:/blocks" in body["response_metadata"]["messages"][0]


@pytest.mark.parametrize(
    "content", [{"text": "가" * 40_000}, {"blocks": [section("x" * 3000)] * 4}, {"attachments": [{"title": ""}]}]
)
def test_what_just_fits_is_taken(slack, channel, content):
    assert slack.answer("chat.postMessage", as_json=True, channel=channel, **content).json()["ok"]


def test_where_it_can_be_posted(sandbox, slack, channel):
    public = sandbox.slack.add_channel("random")
    sandbox.slack.add_channel("old-reports", archived=True, members=["report-bot"])
    assert slack.call("chat.postMessage", channel="#data-분석", text="x")["channel"] == channel
    decomposed = unicodedata.normalize("NFD", "data-분석")
    assert slack.call("chat.postMessage", channel=decomposed, text="x")["channel"] == channel
    assert slack.call("chat.postMessage", channel="random", text="x")["channel"] == public.id
    assert slack.with_token("no-public").refused("chat.postMessage", channel="random", text="x") == "not_in_channel"
    assert slack.refused("chat.postMessage", channel="#old-reports", text="x") == "is_archived"
    assert slack.refused("chat.postMessage", channel="#nowhere", text="x") == "channel_not_found"
    assert slack.refused("chat.postMessage", text="x") == "invalid_arguments"
    assert slack.with_token("read-only").refused("chat.postMessage", channel=channel, text="x") == "missing_scope"


def test_another_name_needs_its_own_scope(slack, channel):
    sent = {"channel": channel, "text": "x", "username": "주간 보고", "icon_emoji": ":memo:"}
    message = slack.call("chat.postMessage", **sent)["message"]
    assert (message["username"], message["subtype"]) == ("주간 보고", "bot_message")
    assert slack.with_token("no-customize").refused("chat.postMessage", **sent) == "missing_scope"


def test_a_reply_to_a_reply_joins_the_thread(sandbox, slack, channel):
    parent = sandbox.slack.say(channel, "jimin", "질문")
    first = slack.call("chat.postMessage", channel=channel, text="1", thread_ts=parent.ts)
    second = slack.call("chat.postMessage", channel=channel, text="2", thread_ts=first["ts"], reply_broadcast="true")
    assert first["message"]["thread_ts"] == second["message"]["thread_ts"] == parent.ts
    assert second["message"]["subtype"] == "thread_broadcast"
    assert slack.refused("chat.postMessage", channel=channel, text="x", thread_ts="soon") == "invalid_thread_ts"
    nowhere = slack.call("chat.postMessage", channel=channel, text="x", thread_ts="1700000000.000001")
    assert "thread_ts" not in nowhere["message"]


def test_only_own_messages_are_edited(sandbox, slack, channel):
    ts = slack.call("chat.postMessage", channel=channel, text="초안", attachments=ATTACHMENTS)["ts"]
    slack.call("chat.update", channel=channel, ts=ts, text="고침")
    found = read(slack, channel, ts)
    assert (found["text"], found["attachments"]) == ("고침", ATTACHMENTS)
    assert found["edited"]["user"] == found["user"]
    slack.call("chat.update", channel=channel, ts=ts, text="고침", attachments=[])
    assert "attachments" not in read(slack, channel, ts)
    assert slack.refused("chat.update", channel=channel, ts=ts, text="가" * 1400) == "msg_too_long"
    theirs = sandbox.slack.say(channel, "jimin", "내 글").ts
    assert slack.refused("chat.update", channel=channel, ts=theirs, text="x") == "cant_update_message"
    assert slack.refused("chat.delete", channel=channel, ts=theirs) == "cant_delete_message"
    assert slack.refused("chat.update", channel=channel, ts="1700000000.000001", text="x") == "message_not_found"


def test_a_deleted_parent_leaves_a_placeholder_until_its_last_reply_goes(sandbox, slack, channel):
    parent = slack.call("chat.postMessage", channel=channel, text="부모")["ts"]
    reply = slack.call("chat.postMessage", channel=channel, text="답", thread_ts=parent)["ts"]
    slack.call("chat.delete", channel=channel, ts=parent)
    (left,) = slack.call("conversations.history", channel=channel)["messages"]
    assert (left["subtype"], left["user"], left["reply_count"]) == ("tombstone", "USLACKBOT", 1)
    assert slack.refused("chat.delete", channel=channel, ts=parent) == "message_not_found"
    slack.call("chat.delete", channel=channel, ts=reply)
    assert slack.call("conversations.history", channel=channel)["messages"] == []


def test_reactions(sandbox, slack, channel):
    ts = sandbox.slack.say(channel, "jimin", "봐 주세요").ts
    sandbox.slack.react(channel, ts, "eyes", "alex")
    target = {"channel": channel, "timestamp": ts}
    slack.call("reactions.add", **target, name="eyes")
    slack.call("reactions.add", **target, name="white_check_mark")
    assert slack.refused("reactions.add", **target, name="eyes") == "already_reacted"
    assert slack.refused("reactions.add", **target, name=":eyes:") == "invalid_name"
    message = slack.call("reactions.get", **target)["message"]
    bot, alex = sandbox.slack.person("report-bot").id, sandbox.slack.person("alex").id
    assert message["reactions"] == [
        {"name": "eyes", "users": [alex, bot], "count": 2},
        {"name": "white_check_mark", "users": [bot], "count": 1},
    ]
    slack.call("reactions.remove", **target, name="white_check_mark")
    assert slack.refused("reactions.remove", **target, name="white_check_mark") == "no_reaction"
    assert slack.refused("reactions.add", channel=channel, timestamp="1.2", name="eyes") == "message_not_found"


def test_a_time_is_unique_in_its_channel(sandbox, channel):
    at = sandbox.slack.say(channel, "jimin", "하나").at
    again = [sandbox.slack.say(channel, "alex", "둘", at=at) for _ in range(3)]
    assert len({message.ts for message in sandbox.messages(channel)}) == 4
    assert sandbox.slack.say("weekly-report", "jimin", "다른 곳", at=at).ts not in {message.ts for message in again}


def test_half_a_surrogate_pair_is_refused_and_not_an_error_of_the_server(slack, channel):
    for sent in ({"text": "\ud800"}, {"blocks": [section("\ud800")]}):
        assert slack.answer("chat.postMessage", as_json=True, channel=channel, **sent).json()["error"] == "invalid_json"


def test_webhooks_and_the_web_api_share_the_channels(sandbox, slack):
    requests.post(
        sandbox.incoming_webhook_url, json={"text": "웹훅", "username": "바꾼 이름", "attachments": ATTACHMENTS}, timeout=30
    )
    requests.post(sandbox.workflow_webhook_url, json={"report_link": "https://wiki.example/1"}, timeout=30)
    channel = sandbox.slack.channel("weekly-report").id
    workflow, webhook = slack.call("conversations.history", channel=channel)["messages"]
    assert (webhook["subtype"], webhook["text"], webhook["attachments"]) == ("bot_message", "웹훅", ATTACHMENTS)
    assert "https://wiki.example/1" in workflow["text"]
    assert "user" not in webhook
    assert webhook["username"] == "주간 보고 알림", "overrides are ignored"


def test_a_rate_limit(sandbox, slack):
    sandbox.slack.ratelimit("users.list", retry_after=7)
    answer = slack.answer("users.list")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json() == {"ok": False, "error": "ratelimited"}
    assert slack.call("users.list")["members"]
