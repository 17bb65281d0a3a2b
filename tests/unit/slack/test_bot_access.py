"""Who may use a bot's commands, looked up in the sandbox's workspace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from hypothesis import given
from hypothesis import strategies as st

from support.slack_workspace import CHANNEL, SlackWorkspace, slack_workspace
from workplace_provider.slack.bot import SLOW_DOWN, BotCommand, answers_to, questions_for
from workplace_provider.slack.bot_access import RATE_LIMIT, Access, RateLimiter
from workplace_provider.slack.operators import SlackAnswersOperator, SlackCommandOperator
from workplace_sandbox import Sandbox

TEAM = "T0SANDBOX"


@pytest.fixture
def workspace(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackWorkspace]:
    with slack_workspace(sandbox, monkeypatch) as workspace:
        for kind in ("guest", "single_channel_guest", "invited", "stranger", "bot", "workflow_bot"):
            sandbox.slack.add_person(kind, kind=kind)
        sandbox.slack.add_person("minsu")
        sandbox.slack.add_person("gone")
        sandbox.slack.deactivate("gone")
        yield workspace


def event(workspace: SlackWorkspace, who: str, text: str = "report", **more: Any) -> dict[str, Any]:
    person = workspace.sandbox.store.person(who)
    user = person.id if person else who
    usual = {"type": "app_mention", "channel": workspace.channel, "user": user, "text": text, "ts": "1764291600.000100"}
    return {**usual, "event_id": "Ev1", "team": TEAM, "user_team": TEAM, **more}


def outcome(workspace: SlackWorkspace, who: str, access: Access | None = None, **more: Any) -> str:
    """``allowed``, or the answer of the bot."""
    command = BotCommand("report", "makes the report", access=access or Access())
    events = [event(workspace, who, **more)]
    try:
        assert SlackCommandOperator(task_id="read", events=events, command=command).execute({})
    except AirflowSkipException:
        (answer,) = SlackAnswersOperator(task_id="others", events=events, commands=[command]).execute({})
        return str(answer["text"])
    with pytest.raises(AirflowSkipException):
        SlackAnswersOperator(task_id="others", events=events, commands=[command]).execute({})
    return "allowed"


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        ("alex", ""),
        ("guest", "guests may not use it"),
        ("single_channel_guest", "guests may not use it"),
        ("invited", "guests may not use it"),
        ("stranger", "you are from another one"),
        ("U0NOWHERE", "you are from another one"),
        ("bot", "apps and bots may not use it"),
        ("workflow_bot", "apps and bots may not use it"),
        ("gone", "may not use it"),
        ("", "I do not know who is asking"),
    ],
)
def test_full_members_alone_are_answered_and_the_others_hear_why(workspace: SlackWorkspace, who: str, reason: str) -> None:
    answer = outcome(workspace, who)
    assert reason in answer
    assert (answer == "allowed") is (reason == "")
    assert answer == "allowed" or answer.startswith("You may not use `report` here.")


def test_a_person_of_another_company_is_told_apart_by_the_event(workspace: SlackWorkspace) -> None:
    assert "you are from another one" in outcome(workspace, "alex", user_team="T0ELSEWHERE")
    assert outcome(workspace, "alex", user_team=None, team=None) == "allowed"


def test_what_no_command_is_meant_by_is_refused_too(workspace: SlackWorkspace) -> None:
    commands = [BotCommand("report", "makes the report"), BotCommand("lunch", "says where", answer=lambda _: "김치찌개")]
    for text in ("help", "sing", "lunch", "report"):
        events = [event(workspace, "guest", text)]
        (answer,) = SlackAnswersOperator(task_id="others", events=events, commands=commands).execute({})
        assert "guests may not use it" in answer["text"], text
        assert "makes the report" not in answer["text"]


def test_a_list_of_people_replaces_the_default(workspace: SlackWorkspace) -> None:
    slack = workspace.sandbox.slack
    slack.add_user_group("oncall", "On call", ["minsu", "guest"])
    access = Access(members=[slack.person("stranger").id], groups=["@oncall"])
    allowed = {who for who in ("alex", "minsu", "guest", "stranger") if outcome(workspace, who, access) == "allowed"}
    assert allowed == {"minsu", "guest", "stranger"}
    assert "you are not on the list" in outcome(workspace, "alex", access)
    assert outcome(workspace, "stranger", Access(anyone=True)) == "allowed"


def test_a_list_of_channels_restricts_it_further(workspace: SlackWorkspace) -> None:
    general = workspace.sandbox.slack.add_channel("general").id
    access = Access(channels=[CHANNEL])
    assert outcome(workspace, "alex", access) == "allowed"
    assert "guests may not use it" in outcome(workspace, "guest", access)
    assert outcome(workspace, "alex", access, channel=general).endswith(f"only be used in <#{workspace.channel}>.")
    assert "only be used in" in outcome(workspace, "alex", Access(channels=[CHANNEL], anyone=True), channel="D0DIRECT")


def test_help_lists_what_the_person_may_use(workspace: SlackWorkspace) -> None:
    guest = workspace.sandbox.slack.person("guest").id
    commands = [BotCommand("report", "makes it"), BotCommand("status", "shows it", access=Access(members=[guest]))]
    (answer,) = SlackAnswersOperator(
        task_id="others", events=[event(workspace, "guest", "help")], commands=commands
    ).execute({})
    assert answer["text"] == "I can do this for you:\n• `status` shows it"


def test_a_group_that_is_not_there_is_an_error_and_lets_nobody_in(workspace: SlackWorkspace) -> None:
    with pytest.raises(AirflowFailException, match="No user group oncal in Slack"):
        outcome(workspace, "alex", Access(groups=["oncal"]))


def test_a_token_that_cannot_look_people_up_answers_nobody(
    workspace: SlackWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {
        "conn_type": "slack",
        "password": f"{workspace.sandbox.slack_bot_token}-no-users",
        "extra": {"base_url": workspace.sandbox.slack_api_url},
    }
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_API_DEFAULT", json.dumps(connection))
    with pytest.raises(AirflowFailException, match="users:read"):
        outcome(workspace, "alex")


@pytest.mark.parametrize(
    "arguments",
    [
        {"members": "U0123ABCD"},
        {"members": ["alex"]},
        {"members": ["alex@example.com"]},
        {"groups": "oncall"},
        {"channels": [""]},
        {"groups": [3]},
        {"anyone": True, "members": ["U0123ABCD"]},
    ],
)
def test_an_allow_list_that_would_not_work_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="access:"):
        Access(**arguments)


def burst(count: int, user: str = "U1", **more: Any) -> list[dict[str, Any]]:
    return [
        {"channel": "C1", "user": user, "text": "report", "ts": f"{1764291600 + number}.000100", **more}
        for number in range(count)
    ]


def test_a_person_who_asks_too_often_gets_one_note() -> None:
    report = BotCommand("report", "makes the report")
    events = [*burst(RATE_LIMIT + 5), *burst(1, "U2", channel="C2")]
    assert [question.user for question in questions_for(report, events)] == ["U1"] * RATE_LIMIT + ["U2"]
    assert [text for _, text in answers_to([report], events)] == [SLOW_DOWN]
    over = [{**event, "over_limit": 0} for event in events]
    assert len(questions_for(report, over)) == len(events), "SlackEventsOperator has counted"


def test_a_bot_without_a_user_has_a_limit_too() -> None:
    ping = BotCommand("report", "makes the report", access=Access(anyone=True))
    assert len(questions_for(ping, burst(RATE_LIMIT + 5, ""))) == RATE_LIMIT


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 300)), max_size=60), st.integers(1, 5))
def test_no_person_has_more_than_the_limit_in_a_window_whatever_the_runs(steps: list[tuple[str, int]], limit: int) -> None:
    moment, within, earlier = 0.0, [], {}
    for user, seconds in steps:
        moment += seconds
        limiter = RateLimiter(limit, earlier=earlier)
        if not limiter.count(user, moment):
            within.append((user, moment))
        earlier = json.loads(json.dumps(limiter.times()))
        assert all(len(times) <= limit + 2 for times in earlier.values())
    for user, start in within:
        assert sum(other == user and start <= at < start + 600 for other, at in within) <= limit
