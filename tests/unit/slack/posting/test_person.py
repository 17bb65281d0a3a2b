from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from support.slack_workspace import BEGIN, SlackWorkspace, State, context
from workplace_provider.http.errors import Forbidden, Invalid, NotFound
from workplace_provider.slack.client import Recipients, SlackNames, SlackReader
from workplace_provider.slack.client.recipients import is_person
from workplace_provider.slack.notifications import SlackPostNotifier
from workplace_provider.slack.operators import SlackPostOperator
from workplace_sandbox.model import SlackMessage


@pytest.fixture
def anna(workspace: SlackWorkspace) -> Any:
    return workspace.sandbox.slack.add_person("anna.kim", "김안나", email="anna@example.com", display_name="안나 Kim")


def post(channel: str | None, ctx: Any = None, **arguments: Any) -> Any:
    operator = SlackPostOperator(task_id="post", channel=channel, **{"text": "주간 보고", **arguments})
    return json.loads(json.dumps(operator.execute(context() if ctx is None else ctx)))


def direct_messages(workspace: SlackWorkspace, person: Any) -> list[SlackMessage]:
    store = workspace.sandbox.store
    (direct,) = [channel for channel in store.conversations_of(person.id) if channel.kind == "im"]
    return store.messages(direct.id)


def find(workspace: SlackWorkspace, recipient: str) -> str:
    return Recipients(workspace.reader, SlackNames(workspace.reader)).find(recipient).id


@pytest.mark.parametrize(
    "recipient",
    ["id", "@anna.kim", "@안나 Kim", " @안나  KIM ", unicodedata.normalize("NFD", "@안나 kim"), "anna@example.com"],
)
def test_a_person_gets_a_direct_message(workspace: SlackWorkspace, anna: Any, recipient: str) -> None:
    result = post(anna.id if recipient == "id" else recipient)
    (message,) = direct_messages(workspace, anna)
    assert (result["channel"][0], result["ts"], message.text) == ("D", message.ts, "주간 보고")
    assert message.channel_id == result["channel"]


def test_a_run_posts_one_direct_message_also_without_state(workspace: SlackWorkspace, anna: Any) -> None:
    first = post("@anna.kim", context(state=State()))
    assert post("anna@example.com", context(state=State())) == first
    post(anna.id, context(run_id="next week"))
    assert len(direct_messages(workspace, anna)) == 2


def test_a_lost_response_leaves_one_direct_message(workspace: SlackWorkspace, anna: Any) -> None:
    workspace.goes_wrong("chat.postMessage", "drop_after")
    channel = find(workspace, "@anna.kim")
    from workplace_provider.slack.client import split_message

    workspace.poster.post(channel, split_message("한 번"), dedupe_key="k", since=BEGIN)
    assert [message.text for message in direct_messages(workspace, anna)] == ["한 번"]


def test_a_status_message_is_updated_in_the_direct_message(workspace: SlackWorkspace, anna: Any) -> None:
    post("@anna.kim", key="load", text="running")
    assert post("@anna.kim", context(run_id="later"), key="load", text="done")["updated"] is True
    assert [message.text for message in direct_messages(workspace, anna)] == ["done"]


def test_files_and_threads_reach_a_person(workspace: SlackWorkspace, anna: Any, tmp_path: Any) -> None:
    path = tmp_path / "보고.csv"
    path.write_text("a,b\n")
    result = post("@anna.kim", files=[str(path)])
    assert [file["name"] for file in result["files"]] == ["보고.csv"]
    post("@anna.kim", context(run_id="reply"), thread_ts=result["thread_ts"])
    assert direct_messages(workspace, anna)[-1].thread_ts == result["ts"]


def test_a_notifier_reaches_a_person(workspace: SlackWorkspace, anna: Any) -> None:
    for _ in range(2):
        SlackPostNotifier(channel="@anna.kim", text="실패", key="weekly").notify(context())
    assert [message.text for message in direct_messages(workspace, anna)] == ["실패"]


def test_a_message_of_another_task_reaches_a_person(workspace: SlackWorkspace, anna: Any) -> None:
    post(None, text=None, message={"channel": "anna@example.com", "text": "답", "dedupe_key": "answer:1"})
    assert [message.text for message in direct_messages(workspace, anna)] == ["답"]


def test_a_name_of_several_people_is_an_error_with_their_ids(workspace: SlackWorkspace, anna: Any) -> None:
    other = workspace.sandbox.slack.add_person("other", "Other\n<!channel> " + "x" * 100, display_name="ANNA.KIM")
    with pytest.raises(Invalid, match=r"2 people have the name '@anna\.kim': .*Use the id or the e-mail") as error:
        find(workspace, "@anna.kim")
    assert anna.id in str(error.value)
    assert other.id in str(error.value)
    assert "\n" not in str(error.value)
    assert "x" * 41 not in str(error.value)


@pytest.mark.parametrize("kind", ["guest", "single_channel_guest", "bot", "stranger"])
def test_a_guest_or_bot_cannot_take_the_name_of_a_person(workspace: SlackWorkspace, anna: Any, kind: Any) -> None:
    workspace.sandbox.slack.add_person("impostor", "김안나", kind=kind, display_name="anna.kim")
    post("@anna.kim")
    assert len(direct_messages(workspace, anna)) == 1


@pytest.mark.parametrize(
    ("kind", "facts", "reason"),
    [
        ("guest", {}, "a guest gets no direct messages"),
        ("single_channel_guest", {}, "a guest gets no direct messages"),
        ("bot", {}, "it is the bot of an app|it is a bot"),
        ("workflow_bot", {}, "it is the bot of a workflow"),
        ("stranger", {}, "belongs to another organization"),
        ("invited", {}, "the invitation is not accepted yet"),
        ("member", {"deleted": True}, "the account is deactivated"),
    ],
)
def test_only_full_members_get_direct_messages(workspace: SlackWorkspace, kind: Any, facts: Any, reason: str) -> None:
    member = workspace.sandbox.slack.add_person("someone", kind=kind, **facts)
    for recipient in (member.id, "@someone"):
        with pytest.raises(Invalid, match=reason):
            find(workspace, recipient)
    assert workspace.calls("conversations.open") == 0


def test_slackbot_gets_no_direct_messages(workspace: SlackWorkspace) -> None:
    with pytest.raises((Invalid, NotFound)):
        find(workspace, "USLACKBOT")


@pytest.mark.parametrize(
    ("recipient", "message"),
    [
        ("U0NOBODY12", "No member has the id 'U0NOBODY12'"),
        ("nobody@example.com", "No member has the e-mail address 'nobody@example.com'"),
        ("@nobody", "No member has the display name or handle '@nobody'"),
        ("@{{ conn.slack_api_default.password }}", "No member has the display name or handle"),
        ("@<!channel>\x1b[0m\u202e" + "x" * 5_000, "No member has the display name or handle"),
    ],
)
def test_an_unknown_person_is_an_error(workspace: SlackWorkspace, recipient: str, message: str) -> None:
    with pytest.raises(NotFound, match=message) as error:
        find(workspace, recipient)
    assert len(str(error.value)) < 600
    assert "\x1b" not in str(error.value)
    with pytest.raises(AirflowFailException, match=message):
        post(recipient)


def test_an_empty_name_is_an_error(workspace: SlackWorkspace) -> None:
    # An empty name must not match the members without a display name.
    with pytest.raises(Invalid, match="No name of a person in '@'"):
        find(workspace, "@ ")


def test_a_name_from_slack_is_never_rendered(workspace: SlackWorkspace) -> None:
    name = "{{ 7 * 7 }} <!channel>"
    person = workspace.sandbox.slack.add_person("tricky", name, display_name=name)
    post(None, text=None, message={"channel": f"@{name}", "text": "data"})
    assert len(direct_messages(workspace, person)) == 1


def test_channels_are_found_as_before(workspace: SlackWorkspace) -> None:
    for channel in ("#weekly-report", "WEEKLY-REPORT", workspace.channel):
        assert find(workspace, channel) == workspace.channel
    workspace.sandbox.slack.add_channel("updates2026", members=["report-bot"])
    assert find(workspace, "#UPDATES2026").startswith("C")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("U0123456789", True),
        ("W0123456789", True),
        ("@anna", True),
        ("a@b.c", True),
        ("#a@b", False),
        ("C0123456789", False),
        ("general", False),
        ("WEEKLY", False),
        ("u0123456789", False),
    ],
)
def test_people_are_told_from_channels(text: str, expected: bool) -> None:
    assert is_person(text) is expected


@pytest.mark.parametrize(
    ("lacking", "recipient", "scope"),
    [
        ("no-users", "@anna.kim", "users:read"),
        ("no-email", "anna@example.com", "users:read.email"),
        ("read-only", "@anna.kim", "im:write"),
    ],
)
def test_a_missing_scope_is_named(workspace: SlackWorkspace, anna: Any, lacking: str, recipient: str, scope: str) -> None:
    token = f"{workspace.sandbox.slack_bot_token}-{lacking}"
    with (
        SlackReader(token, base_url=workspace.sandbox.slack_api_url) as reader,
        pytest.raises(Forbidden, match=f"the token needs the scope {scope}.*Direct messages need im:write"),
    ):
        Recipients(reader, SlackNames(reader)).find(recipient)
