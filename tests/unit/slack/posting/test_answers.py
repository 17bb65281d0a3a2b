"""Answers that one person sees, and response URLs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from hypothesis import given
from hypothesis import strategies as st

from support.slack_workspace import CHANNEL, SlackWorkspace, State, context
from workplace_provider.http.errors import Invalid, NotFound
from workplace_provider.slack.client.ephemeral import show_to_person
from workplace_provider.slack.client.parts import MessagePart
from workplace_provider.slack.client.reader import BASE_URL
from workplace_provider.slack.client.response_url import ResponseUrl, is_response_url, seal
from workplace_provider.slack.operators import SlackPostOperator
from workplace_sandbox.faults import Fault

GOV = "https://slack-gov.com/api/"
SANDBOX = "http://127.0.0.1:8400/slack/api/"


def show(ctx: Any = None, **arguments: Any) -> Any:
    operator = SlackPostOperator(task_id="post", **{"channel": CHANNEL, "text": "둘만", **arguments})
    result = operator.execute(context() if ctx is None else ctx)
    return json.loads(json.dumps(result))


def shown(workspace: SlackWorkspace, channel: str = CHANNEL) -> list[str]:
    return [whisper.text for whisper in workspace.sandbox.slack.whispers(channel)]


def command(workspace: SlackWorkspace, channel: str = CHANNEL) -> str:
    """Return the sealed response URL of a command that alex types."""
    slack = workspace.sandbox.slack
    url = slack.create_response_url(slack.channel(channel).id, slack.person("alex").id)
    return seal(url, workspace.sandbox.slack_bot_token)


@pytest.mark.parametrize("person", ["id", "@alex", "alex@example.com"])
def test_a_message_for_one_person(workspace: SlackWorkspace, person: str) -> None:
    alex = workspace.sandbox.slack.person("alex").id
    assert show(visible_to=alex if person == "id" else person, username="도우미") is None
    (whisper,) = workspace.sandbox.slack.whispers(CHANNEL)
    assert (whisper.user_id, whisper.text, whisper.name) == (alex, "둘만", "도우미")
    assert workspace.said == []


def test_a_command_is_answered_to_the_person_through_its_url(workspace: SlackWorkspace) -> None:
    sealed = command(workspace)
    assert show(visible_to="@alex", sealed_response_url=sealed, rows=[["a", 1]]) is None
    assert shown(workspace) == ["둘만\n```\na  1\n```"]
    assert workspace.calls("chat.postEphemeral") == 0
    show(sealed_response_url=sealed, response_type="in_channel", visible_to="@alex", text="모두에게")
    assert workspace.texts == ["모두에게"]


def test_an_expired_url_leaves_the_channel(workspace: SlackWorkspace) -> None:
    sealed = command(workspace)
    for _ in range(6):
        show(visible_to="@alex", sealed_response_url=sealed)
    assert len(shown(workspace)) == 6
    assert workspace.calls("chat.postEphemeral") == 1


def test_in_a_thread_without_replies_it_is_shown_in_the_channel(workspace: SlackWorkspace) -> None:
    slack = workspace.sandbox.slack
    parent = slack.say(CHANNEL, "alex", "how many?")
    show(visible_to="@alex", thread_ts=parent.ts)
    slack.say(CHANNEL, "jimin", "글쎄요", parent.ts)
    show(visible_to="@alex", thread_ts=parent.ts)
    show(visible_to="@alex", thread_ts="1700000000.000001")
    assert [whisper.thread_ts for whisper in slack.whispers(CHANNEL)] == [None, parent.ts, None]


def test_a_thread_that_cannot_be_read_is_an_error(workspace: SlackWorkspace) -> None:
    with pytest.raises(NotFound, match="channel_not_found"):
        show_to_person(workspace.reader, "C0NOWHERE", "U0ANNA", MessagePart("x"), thread_ts="1700000000.000001")


def test_a_retry_shows_only_the_parts_that_are_missing(workspace: SlackWorkspace) -> None:
    state = State()
    text = "\n\n".join(letter * 3_000 for letter in "가나다")
    restricted = '{"ok":false,"error":"restricted_action"}'
    workspace.sandbox.add_fault(Fault("chat.postEphemeral", "status", status=200, skip=1, body=restricted))
    with pytest.raises(AirflowFailException, match="restricted_action"):
        show(context(state=state), visible_to="@alex", text=text)
    for _ in range(2):
        show(context(state=state), visible_to="@alex", text=text)
    assert [part[0] for part in shown(workspace)] == ["가", "나", "다"]


def test_an_answer_that_cannot_be_shown_is_skipped_and_a_message_of_the_author_fails(workspace: SlackWorkspace) -> None:
    outside = workspace.sandbox.slack.add_person("방문자").id
    with pytest.raises(AirflowSkipException, match="no way to answer"):
        show(channel=workspace.channel, visible_to=outside, dedupe_key="q1")
    with pytest.raises(AirflowFailException, match="must be a member of the channel"):
        show(visible_to=outside)
    assert shown(workspace) == []


@pytest.mark.parametrize("name", ["key", "files", "content", "reply_broadcast"])
def test_a_message_for_one_person_has_no_more_than_slack_offers(name: str) -> None:
    with pytest.raises(AirflowFailException, match=f"{name} and visible_to exclude each other"):
        show(visible_to="@alex", **{name: True if name == "reply_broadcast" else "x"})


def test_a_long_answer_uses_up_the_url(workspace: SlackWorkspace) -> None:
    channel = workspace.sandbox.slack.add_channel("elsewhere").id
    sealed = command(workspace, "elsewhere")
    text = "\n\n".join(letter * 3_000 for letter in "가나다라마바")
    show(channel=channel, dedupe_key="q1", sealed_response_url=sealed, text=text)
    assert [part[0] for part in shown(workspace, "elsewhere")] == list("가나다라마")


# --- the URL


@pytest.mark.parametrize(
    ("url", "base_url"),
    [
        ("https://hooks.slack.com/commands/T1/1/x", BASE_URL),
        ("https://hooks.slack.com/actions/T1/1/x", "https://www.slack.com/api/"),
        ("https://hooks.slack-gov.com/commands/T1/1/x", GOV),
        ("http://127.0.0.1:8400/slack/commands/T1/x", SANDBOX),
        ("https://hooks.slack.com/commands/T1/1/x", "https://gateway.example.com/api/"),
    ],
)
def test_urls_of_the_connections_slack(url: str, base_url: str) -> None:
    assert is_response_url(url, base_url)


@pytest.mark.parametrize(
    ("url", "base_url"),
    [
        ("http://hooks.slack.com/commands/T1/1/x", BASE_URL),
        ("https://hooks.slack.com:8443/commands/T1/1/x", BASE_URL),
        ("https://hooks.slack-gov.com/commands/T1/1/x", BASE_URL),
        ("https://hooks.slack.com/commands/T1/1/x", GOV),
        ("https://hooks.slack.com.evil.example/commands", BASE_URL),
        ("https://hooks.slack.com@evil.example/commands", BASE_URL),
        ("https://user:secret@hooks.slack.com/commands", BASE_URL),
        ("https://evil.example/commands/T1", BASE_URL),
        ("https://169.254.169.254/latest/meta-data", BASE_URL),
        ("http://127.0.0.1:8400/slack/commands/T1/x", BASE_URL),
        ("http://127.0.0.1:8401/slack/commands/T1/x", SANDBOX),
        ("http://localhost:8400/slack/commands/T1/x", SANDBOX),
        ("http://10.0.0.1/commands", "https://gateway.example.com/api/"),
        ("file:///etc/passwd", BASE_URL),
        ("https://hooks.slack.com/", BASE_URL),
        ("https://hooks.slack.com:x/commands", BASE_URL),
        ("", BASE_URL),
    ],
)
def test_foreign_and_private_addresses_are_refused(url: str, base_url: str) -> None:
    assert not is_response_url(url, base_url)


@given(st.text(max_size=60))
def test_any_text_is_a_url_or_not(text: str) -> None:
    assert not is_response_url(text, BASE_URL)


def test_a_foreign_url_gets_no_message(workspace: SlackWorkspace) -> None:
    secret = "http://127.0.0.1:1/commands/geheim"
    with pytest.raises(Invalid, match="does not lead to Slack") as refused:
        ResponseUrl(workspace.reader, secret)
    assert "geheim" not in str(refused.value)
    channel = workspace.sandbox.slack.add_channel("elsewhere").id
    sealed = seal(secret, workspace.sandbox.slack_bot_token)
    with pytest.raises(AirflowFailException, match="does not lead to Slack") as failed:
        show(channel=channel, dedupe_key="q1", sealed_response_url=sealed)
    assert "geheim" not in str(failed.value)


def test_a_refused_message_fails_without_the_url(workspace: SlackWorkspace) -> None:
    url = workspace.sandbox.slack.create_response_url(workspace.channel, workspace.sandbox.slack.person("alex").id)
    part = MessagePart("x", ({"type": "unheard_of"},))
    with pytest.raises(Invalid, match="invalid_blocks") as refused:
        ResponseUrl(workspace.reader, url).send(part)
    assert url not in str(refused.value)
