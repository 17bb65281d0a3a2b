"""Reactions as requests: who may react, and which of them still hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from support.slack_workspace import CHANNEL, SlackWorkspace, context, slack_workspace
from workplace_provider.http.errors import WorkplaceError
from workplace_provider.slack.bot import BotCommand, answers_to
from workplace_provider.slack.bot_access import RATE_LIMIT, Access
from workplace_provider.slack.client.reactions import fetch_reacted_message
from workplace_provider.slack.events import event_of_callback
from workplace_provider.slack.operators import SlackReactionsOperator
from workplace_sandbox import Sandbox
from workplace_sandbox.faults import Fault

CHECK = "white_check_mark"


@pytest.fixture
def workspace(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackWorkspace]:
    """The sandbox's Slack, and a connection to it."""
    with slack_workspace(sandbox, monkeypatch) as workspace:
        yield workspace


def payloads(workspace: SlackWorkspace) -> list[dict[str, Any]]:
    """Return all reactions so far as the payloads of the trigger."""
    deliveries = [each.payload for each in workspace.sandbox.slack.deliveries() if "reaction" in each.payload["event"]]
    read = [event_of_callback(payload) for payload in deliveries]
    return [event.payload() for event in read if event is not None]


def reactions(workspace: SlackWorkspace, **arguments: Any) -> list[dict[str, Any]]:
    events = arguments.pop("events", None) or payloads(workspace)
    task = SlackReactionsOperator(task_id="reactions", events=events, **arguments)
    return task.execute(context())


def test_a_reaction_brings_its_message(workspace: SlackWorkspace) -> None:
    slack = workspace.sandbox.slack
    parent = slack.say(CHANNEL, "alex", "numbers?")
    reply = slack.say(CHANNEL, "jimin", "숫자를 확인해 주세요 {{ conn.x }}", parent.ts)
    slack.react(CHANNEL, reply.ts, CHECK, "alex")
    (found,) = reactions(workspace)
    assert (found["text"], found["ts"], found["channel"]) == (reply.text, reply.ts, workspace.channel)
    assert found["permalink"].startswith(f"{workspace.sandbox.url}/slack/archives/{workspace.channel}/p")
    (facts,) = reactions(workspace, arguments=("reaction", "is_removed", "user", "item_user"))
    ids = [slack.person(name).id for name in ("alex", "jimin")]
    assert facts == {"reaction": CHECK, "is_removed": False, "user": ids[0], "item_user": ids[1]}


def test_only_the_last_of_a_persons_reactions_counts(workspace: SlackWorkspace) -> None:
    slack = workspace.sandbox.slack
    message = slack.say(CHANNEL, "jimin", "승인?")
    slack.react(CHANNEL, message.ts, CHECK, "alex")
    early = payloads(workspace)
    slack.remove_reaction(CHANNEL, message.ts, CHECK, "alex")
    assert [each["is_removed"] for each in reactions(workspace, arguments=("is_removed",))] == [True]
    with pytest.raises(AirflowSkipException, match="no reaction of an allowed person"):
        reactions(workspace, events=early)
    slack.react(CHANNEL, message.ts, CHECK, "alex")
    found = reactions(workspace, arguments=("is_removed", "reaction_id"))
    assert found == [{"is_removed": False, "reaction_id": reactions(workspace, events=early)[0]["reaction_id"]}]


def test_a_deleted_message_has_no_reactions(workspace: SlackWorkspace) -> None:
    slack = workspace.sandbox.slack
    message = slack.say(CHANNEL, "jimin", "승인?")
    slack.react(CHANNEL, message.ts, CHECK, "alex")
    slack.delete(message)
    with pytest.raises(AirflowSkipException):
        reactions(workspace)


def test_the_allow_list_decides(workspace: SlackWorkspace) -> None:
    slack = workspace.sandbox.slack
    for name, kind in (("방문자", "guest"), ("partner", "stranger"), ("robot", "bot")):
        slack.add_person(name, kind=kind)
    slack.add_user_group("data-oncall", "당번", ["jimin"])
    message = slack.say(CHANNEL, "jimin", "배포?")
    slack.add_channel("다른-채널")
    for name in ("방문자", "partner", "robot", "alex", "jimin"):
        slack.react(CHANNEL, message.ts, CHECK, name)

    def allowed(**access: Any) -> list[str]:
        return [each["user"] for each in reactions(workspace, access=Access(**access), arguments=("user",))]

    alex, jimin, visitor = (slack.person(name).id for name in ("alex", "jimin", "방문자"))
    assert allowed() == [alex, jimin]
    assert allowed(groups=["data-oncall"]) == [jimin]
    assert allowed(members=[visitor]) == [visitor]
    assert len(allowed(anyone=True)) == 5
    with pytest.raises(AirflowSkipException):
        allowed(channels=["#다른-채널"])
    with pytest.raises(ValueError, match="arguments has 'emoji'; it may have reaction, is_removed"):
        reactions(workspace, arguments=("emoji",))


def test_a_flood_of_reactions_is_cut(workspace: SlackWorkspace) -> None:
    slack = workspace.sandbox.slack
    message = slack.say(CHANNEL, "jimin", "승인?")
    for number in range(RATE_LIMIT + 3):
        slack.react(CHANNEL, message.ts, f"emoji_{number}", "alex")
    assert len(reactions(workspace)) == RATE_LIMIT


def test_a_reaction_is_no_question_to_a_bot(workspace: SlackWorkspace) -> None:
    slack = workspace.sandbox.slack
    slack.react(CHANNEL, slack.say(CHANNEL, "jimin", "도움말").ts, CHECK, "alex")
    assert answers_to([BotCommand("report", "creates the report")], payloads(workspace)) == []


def test_people_whom_slack_counts_but_does_not_list(workspace: SlackWorkspace) -> None:
    message = workspace.sandbox.slack.say(CHANNEL, "jimin", "승인?")

    def respond(body: str) -> None:
        workspace.sandbox.add_fault(Fault("reactions.get", "status", status=200, times=1, body=body))

    template = '{"ok":true,"message":{"ts":"%s","reactions":[{"name":"x","count":%d,"users":["U1"]}]}}'
    respond(template % (message.ts, 2))
    found = fetch_reacted_message(workspace.reader, workspace.channel, message.ts)
    assert found is not None
    assert found.has_reaction("x", "U2")
    assert not found.has_reaction("y", "U1")
    respond(template % ("1.000001", 2))
    assert fetch_reacted_message(workspace.reader, workspace.channel, message.ts) is None, "it is about another message"
    with pytest.raises(WorkplaceError, match="channel_not_found"):
        fetch_reacted_message(workspace.reader, "C0NOWHERE", message.ts)
