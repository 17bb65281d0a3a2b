"""slack_sdk and Airflow's hook, which others wrote for the real Slack, drive the sandbox."""

from __future__ import annotations

import json
from datetime import date

import pytest
import requests
from airflow.providers.slack.hooks.slack import SlackHook
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.models.blocks import DividerBlock, HeaderBlock, MarkdownBlock, SectionBlock
from slack_sdk.models.metadata import Metadata
from slack_sdk.web.async_client import AsyncWebClient

from support.event_loop import run_apart
from workplace_sandbox import Sandbox

pytestmark = pytest.mark.contract


@pytest.fixture
def client(sandbox: Sandbox) -> WebClient:
    return WebClient(token=sandbox.slack_bot_token, base_url=sandbox.slack_api_url)


@pytest.fixture
def channel(sandbox: Sandbox) -> str:
    return sandbox.slack.channel("weekly-report").id


@pytest.fixture
def hook(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> SlackHook:
    connection = {"conn_type": "slack", "password": sandbox.slack_bot_token, "extra": {"base_url": sandbox.slack_api_url}}
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_SANDBOX", json.dumps(connection))
    return SlackHook(slack_conn_id="slack_sandbox")


def test_iterating_over_the_members(sandbox, client):
    sandbox.slack.add_people(25)
    for behaviour in ("full", "short", "empty"):
        sandbox.slack.page_behaviour = behaviour
        found = [member["id"] for page in client.users_list(limit=10) for member in page["members"]]
        assert len(set(found)) == len(found) == sandbox.slack.people_count


def test_iterating_over_a_channel(sandbox, client, channel):
    said = [sandbox.slack.say(channel, "jimin", f"{n}").ts for n in range(7)]
    found = [m["ts"] for page in client.conversations_history(channel=channel, limit=3) for m in page["messages"]]
    assert found == said[::-1]


def test_a_message_with_blocks_and_metadata(client, channel):
    blocks = [
        HeaderBlock(text="주간 보고"),
        SectionBlock(text="*매출* 39.5억원"),
        DividerBlock(),
        MarkdownBlock(text="# 끝"),
    ]
    metadata = Metadata("weekly_report", {"dedupe_key": "2026-11-19"})
    posted = client.chat_postMessage(channel="#weekly-report", text="주간 보고", blocks=blocks, metadata=metadata)
    (found,) = client.conversations_history(channel=channel, include_all_metadata=True)["messages"]
    assert found["blocks"] == [block.to_dict() for block in blocks]
    assert found["metadata"]["event_payload"] == {"dedupe_key": "2026-11-19"}
    client.chat_update(channel=channel, ts=posted["ts"], text="고침")
    client.reactions_add(channel=channel, timestamp=posted["ts"], name="eyes")
    reply = client.chat_postMessage(channel=channel, text="답", thread_ts=posted["ts"], reply_broadcast=True)
    thread = client.conversations_replies(channel=channel, ts=posted["ts"])["messages"]
    assert [message["text"] for message in thread] == ["고침", "답"]
    assert thread[0]["reactions"][0]["name"] == "eyes"
    client.chat_delete(channel=channel, ts=reply["ts"])
    assert len(client.conversations_replies(channel=channel, ts=posted["ts"])["messages"]) == 1


def test_a_permalink_opens_the_message(sandbox, client, channel):
    parent = sandbox.slack.say(channel, "jimin", "질문")
    reply = sandbox.slack.say(channel, "alex", "answer in the thread", parent.ts)
    link = client.chat_getPermalink(channel=channel, message_ts=reply.ts)["permalink"]
    answer = requests.get(link, timeout=30)
    assert answer.url.endswith(f"#p{reply.ts.replace('.', '')}")
    assert '<details class="sl-thread" open>' in answer.text
    assert f'id="p{reply.ts.replace(".", "")}"' in answer.text


def test_files(sandbox, client, channel):
    uploads = [{"content": "표", "filename": "표.csv", "title": "표"}, {"content": b"\x89PNG", "filename": "a.png"}]
    files = client.files_upload_v2(file_uploads=uploads, channel=channel, initial_comment="두 개")["files"]
    (message,) = client.conversations_history(channel=channel)["messages"]
    assert [file["id"] for file in message["files"]] == [file["id"] for file in files]
    shown = client.files_info(file=files[0]["id"])["file"]
    assert channel in shown["shares"]["public"]
    headers = {"Authorization": f"Bearer {sandbox.slack_bot_token}"}
    assert requests.get(shown["url_private_download"], headers=headers, timeout=30).content == "표".encode()
    assert {file["id"] for file in client.files_list(channel=channel)["files"]} == {file["id"] for file in files}


def test_channels_people_and_groups(sandbox, client, channel):
    sandbox.slack.add_user_group("analysts", "분석가", ["jimin"])
    assert channel in [c["id"] for c in client.conversations_list(exclude_archived=True, limit=200)["channels"]]
    assert client.conversations_info(channel=channel, include_num_members=True)["channel"]["num_members"] == 5
    jimin = client.users_lookupByEmail(email="jimin@example.com")["user"]["id"]
    assert jimin in client.conversations_members(channel=channel)["members"]
    assert client.users_info(user=jimin)["user"]["name"] == "jimin"
    assert client.usergroups_list(include_users=True)["usergroups"][0]["users"] == [jimin]
    assert channel in [c["id"] for c in client.users_conversations(user=jimin)["channels"]]
    direct = client.conversations_open(users=[jimin])["channel"]["id"]
    assert client.chat_postMessage(channel=direct, text="x")["ok"]
    assert client.team_info()["team"]["name"]
    assert client.emoji_list()["emoji"]


@pytest.mark.parametrize(
    ("token", "error"),
    [
        ("xoxb-no", "invalid_auth"),
        ("xoxb-sandbox-read-only", "missing_scope"),
        ("xapp-sandbox", "not_allowed_token_type"),
    ],
)
def test_errors_become_exceptions(sandbox, channel, token, error):
    client = WebClient(token=token, base_url=sandbox.slack_api_url)
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel=channel, text="x")
    assert caught.value.response["error"] == error


def test_a_rate_limit_is_an_error_or_waited_out(sandbox, client):
    sandbox.slack.ratelimit("users.list", retry_after=0, times=2)
    with pytest.raises(SlackApiError, match="ratelimited"):
        client.users_list(limit=10)
    patient = WebClient(
        token=sandbox.slack_bot_token,
        base_url=sandbox.slack_api_url,
        retry_handlers=[RateLimitErrorRetryHandler(max_retry_count=1)],
    )
    assert patient.users_list(limit=10)["ok"]


def test_the_asynchronous_client(sandbox, channel):
    async def post() -> str:
        client = AsyncWebClient(token=sandbox.slack_bot_token, base_url=sandbox.slack_api_url)
        return str((await client.chat_postMessage(channel=channel, text="비동기"))["ts"])

    ts = run_apart(post())
    assert [(m.ts, m.text) for m in sandbox.messages(channel)] == [(ts, "비동기")]


def test_airflows_hook(sandbox, hook, channel):
    ok, message = hook.test_connection()
    assert ok, message
    assert hook.get_channel_id("weekly-report") == channel
    hook.call("chat.postMessage", json={"channel": channel, "text": "훅"})
    hook.send_file_v1_to_v2(channels="#weekly-report", content="a,b", filename="표.csv", initial_comment="파일")
    assert [message.text for message in sandbox.messages("#weekly-report")] == ["훅", "파일"]


def test_airflows_hook_gets_no_page_by_json(sandbox, hook):
    """The pitfall of ``call(..., json=...)``: arguments of users.list in JSON are no arguments."""
    sandbox.slack.add_people(20)
    assert len(hook.call("users.list", json={"limit": 5})["members"]) == sandbox.slack.people_count
    assert len(hook.call("users.list", params={"limit": 5})["members"]) == 5


def test_a_seeded_week_can_be_told_from_the_others():
    with Sandbox(today=date(2026, 11, 22)) as seeded:
        client = WebClient(token=seeded.slack_bot_token, base_url=seeded.slack_api_url)
        channel = next(c["id"] for c in client.conversations_list(limit=200)["channels"] if c["name"] == "data-분석")
        window = {"oldest": "1794754800", "latest": "1795359600"}  # from Monday, 16 November 2026, in Seoul
        week = [m for page in client.conversations_history(channel=channel, **window) for m in page["messages"]]
        texts = "\n".join(message["text"] for message in week)
    assert "249,044명" in texts
    assert "251,440명" not in texts
    assert {m.get("subtype") for m in week} >= {None, "thread_broadcast"}
