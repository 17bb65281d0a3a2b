"""Events in their small form, and the conditions that they are matched against."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.slack.client.messages import Message
from workplace_provider.slack.client.reader import TokenOwner
from workplace_provider.slack.events import (
    EVENT_KINDS,
    EventMatch,
    SlackEvent,
    event_of_callback,
    event_of_click,
    event_of_command,
)
from workplace_provider.slack.socket_mode.history import _event

EVENT = SlackEvent(
    type="message", event_id="Ev1", channel="C0GENERAL", channel_type="channel", text="이번 주 보고", ts="1.000001"
)
TEXT = st.text(max_size=40)


@pytest.mark.parametrize(
    ("conditions", "accepted"),
    [
        ({}, True),
        ({"event": "message"}, True),
        ({"event": "message.channels"}, True),
        ({"event": "message.im"}, False),
        ({"event": "app_mention"}, False),
        ({"channel": "C0GENERAL"}, True),
        ({"channel": "C0OTHER"}, False),
        ({"pattern": "주 보"}, True),
        ({"pattern": "^보고"}, False),
        ({"pattern": unicodedata.normalize("NFD", "보고$")}, True),
        ({"channel": "C0GENERAL", "pattern": "다음"}, False),
        ({"command": "/report"}, False),
    ],
)
def test_conditions_on_a_message(conditions: dict[str, str], accepted: bool) -> None:
    assert EventMatch.of(conditions).accepts(EVENT) is accepted


@pytest.mark.parametrize(
    ("command", "accepted"),
    [("/잔디", True), ("잔디", True), ("/" + unicodedata.normalize("NFD", "잔디"), True), ("/잔", False)],
)
def test_conditions_on_a_command(command: str, accepted: bool) -> None:
    event = event_of_command("e1", {"command": "/잔디", "channel_id": "C1", "text": "jimin"})
    assert EventMatch(command=command).accepts(event) is accepted
    assert EventMatch(command=command, pattern="ji", event="slash_commands").accepts(event) is accepted


def test_a_pattern_is_searched_in_what_was_typed() -> None:
    assert EventMatch(pattern="R&D <팀>").accepts(dataclasses.replace(EVENT, text="R&amp;D &lt;팀&gt; 보고"))
    assert not EventMatch(pattern="&amp;").accepts(dataclasses.replace(EVENT, text="R&amp;D"))
    assert EventMatch(pattern="^&lt;$").accepts(dataclasses.replace(EVENT, text="&amp;lt;"))


def test_a_channel_by_name_is_compared_once_its_id_is_known() -> None:
    match = EventMatch(channel="#데이터-분석")
    assert match.names_channel
    assert not match.accepts(EVENT)
    assert match.with_ids({"#데이터-분석": "C0GENERAL"}).accepts(EVENT)
    assert not EventMatch(channel="C0GENERAL").names_channel


def reacted(reaction: str = "white_check_mark", **more: Any) -> SlackEvent:
    event = {
        "type": "reaction_added",
        "user": "U0ANNA",
        "reaction": reaction,
        "item_user": "U0BOT",
        "item": {"type": "message", "channel": "C0GENERAL", "ts": "1.000001"},
        **more,
    }
    authorizations = [{"user_id": "U0BOT", "is_bot": True}]
    read = event_of_callback({"event": event, "event_id": "Ev9", "team_id": "T1", "authorizations": authorizations})
    assert read is not None
    return read


@pytest.mark.parametrize(
    ("conditions", "accepted"),
    [
        ({}, True),
        ({"event": "reaction_added"}, True),
        ({"event": "reaction_removed"}, False),
        ({"event": "message"}, False),
        ({"reaction": ":white_check_mark:"}, True),
        ({"reaction": ["x", "white_check_mark"]}, True),
        ({"reaction": "x"}, False),
        ({"channel": "C0GENERAL", "user": "U0ANNA"}, True),
        ({"user": ["U0OTHER", "U0ANNA"]}, True),
        ({"user": "U0OTHER"}, False),
        ({"item_user": "U0BOT"}, True),
        ({"item_user": "app"}, True),
        ({"item_user": "U0ANNA"}, False),
        ({"pattern": "."}, False),
        ({"command": "/report"}, False),
    ],
)
def test_conditions_on_a_reaction(conditions: dict[str, Any], accepted: bool) -> None:
    assert EventMatch.of(conditions).accepts(reacted()) is accepted


def clicked(action_id: str = "review.0") -> SlackEvent:
    return SlackEvent("block_actions", "E1", "C0GENERAL", user="U0JIMIN", item_ts="1.000001", action_id=action_id)


@pytest.mark.parametrize(
    ("conditions", "accepted"),
    [
        ({"event": "block_actions"}, True),
        ({"action": "review"}, True),
        ({"action": "review.0", "channel": "C0GENERAL", "user": "U0JIMIN"}, True),
        ({"action": "review.1"}, False),
        ({"action": "eview"}, False),
        ({"action": "review", "channel": "C0OTHER"}, False),
        ({"event": "message"}, False),
    ],
)
def test_conditions_on_a_click(conditions: dict[str, Any], accepted: bool) -> None:
    assert EventMatch.of(conditions).accepts(clicked()) is accepted
    assert not EventMatch(action="review").accepts(EVENT)


def test_two_clicks_on_one_message_are_two_events() -> None:
    first, second = clicked(), dataclasses.replace(clicked(), event_id="E2")
    assert first.key != second.key
    assert first.payload()["event_id"] == "E1"


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"type": "view_submission", "view": {}},
        {"type": "block_actions", "container": {"type": "view"}, "actions": [{"action_id": "a"}]},
        {"type": "block_actions", "container": {"message_ts": "1.1"}, "actions": []},
        {"type": "block_actions", "container": {"message_ts": "1.1"}, "actions": [{"action_id": "a"}, {"action_id": "b"}]},
    ],
)
def test_other_interactions_are_no_event(payload: dict[str, Any]) -> None:
    assert event_of_click("E1", payload) is None


def test_a_click_is_cut_to_slacks_own_limits() -> None:
    action = {"action_id": "a" * 1000, "value": "v" * 10_000}
    event = event_of_click("E1", {"type": "block_actions", "container": {"message_ts": "1.1"}, "actions": [action]})
    assert event is not None
    assert (len(event.action_id or ""), len(event.value)) == (255, 2_000)


def test_a_condition_on_a_reaction_matches_no_message() -> None:
    assert not EventMatch(reaction="x").accepts(EVENT)
    assert not EventMatch(item_user="app").accepts(EVENT)
    assert EventMatch(user="U0ANNA").accepts(dataclasses.replace(EVENT, user="U0ANNA"))


def test_a_skin_tone_matters_only_if_it_is_in_the_condition() -> None:
    event = reacted("thumbsup::skin-tone-3")
    assert EventMatch(reaction="thumbsup").accepts(event)
    assert EventMatch(reaction="thumbsup::skin-tone-3").accepts(event)
    assert not EventMatch(reaction="thumbsup::skin-tone-2").accepts(event)
    assert EventMatch(reaction=unicodedata.normalize("NFD", "좋아요")).accepts(reacted("좋아요"))


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        ({"reaction": "x", "event": "message"}, "needs the event reaction_added or reaction_removed"),
        ({"item_user": "app", "action": "approve"}, "needs the event reaction_added or reaction_removed"),
        ({"item_user": "app", "command": "/report"}, "needs the event reaction_added or reaction_removed"),
        ({"reaction": "x", "pattern": "a"}, "cannot match a reaction"),
        ({"action": "x", "pattern": "a"}, "cannot match a reaction or a click"),
        ({"action": "x", "event": "message"}, "needs the event block_actions, and event is 'message'"),
        ({"action": "x", "command": "/report"}, "needs the event block_actions"),
        ({"event": "reaction_removed", "pattern": "a"}, "cannot match a reaction"),
        ({"reaction": "two words"}, "is not the name of an emoji"),
        ({"reaction": []}, "must be text, or a list of texts"),
        ({"reaction": ["x", ""]}, "must be text, or a list of texts"),
        ({"user": "@anna"}, "is not a member id"),
        ({"user": "app"}, "is not a member id"),
        ({"item_user": ["U0ANNA", "anna"]}, "is not a member id"),
    ],
)
def test_a_condition_on_reactions_that_cannot_match_is_an_error(conditions: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        EventMatch.of(conditions)


def test_a_reaction_is_an_event_of_its_own_beside_its_message() -> None:
    payload = reacted().payload()
    assert (payload["ts"], payload["reaction"], payload["item_user"]) == ("1.000001", "white_check_mark", "U0BOT")
    assert payload["event_id"] == "Ev9"
    assert reacted().key == ("", "Ev9")
    assert reacted(user="U0BOT").own
    assert not reacted(item_user=None).item_own


@pytest.mark.parametrize(
    "event",
    [
        {"reaction": "x", "item": {"type": "file", "file": "F1"}},
        {"reaction": "x"},
        {"reaction": None, "item": {"channel": "C1", "ts": "1.0"}},
    ],
)
def test_a_reaction_to_anything_but_a_message_is_no_event(event: dict[str, Any]) -> None:
    assert event_of_callback({"event": {"type": "reaction_added", "user": "U1", **event}}) is None


@pytest.mark.parametrize("name", ["event", "channel", "pattern", "command"])
@pytest.mark.parametrize("value", ["", " ", 3, ["x"]])
def test_a_condition_is_text(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"match: {name} is "):
        EventMatch.of({name: value})


@given(
    st.builds(dict, pattern=TEXT) | st.dictionaries(st.sampled_from(["event", "channel", "pattern", "command", "x"]), TEXT)
)
def test_conditions_are_good_or_a_clear_error(conditions: dict[str, str]) -> None:
    try:
        match = EventMatch.of(conditions)
    except ValueError as error:
        said = str(error)
    else:
        said = "match is good"
        assert EventMatch.of(match.conditions()) == match == EventMatch.of(match)
        alone = [EventMatch.of({name: value}).accepts(EVENT) for name, value in match.conditions().items()]
        assert match.accepts(EVENT) is all(alone)
    assert said.startswith("match")


@given(TEXT, TEXT)
def test_an_escaped_text_is_found_by_itself(before: str, text: str) -> None:
    import re

    typed = before + text
    escaped = typed.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    event = dataclasses.replace(EVENT, text=escaped)
    if text.strip():
        assert EventMatch(pattern=re.escape(unicodedata.normalize("NFC", typed))).accepts(event)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
FIELD = st.none() | TEXT


@given(
    st.fixed_dictionaries({"type": st.sampled_from(["message", "app_mention", "reaction_added"])}, optional={
        "user": FIELD, "bot_id": FIELD, "app_id": FIELD, "text": FIELD, "ts": FIELD, "thread_ts": FIELD, "subtype": FIELD,
        "channel": FIELD, "channel_type": FIELD, "blocks": JSON, "edited": JSON,
    })
)  # fmt: skip
def test_whatever_slack_leaves_out_the_payload_has_the_same_keys(event: dict[str, Any]) -> None:
    read = event_of_callback({"event": event, "event_id": "Ev1", "token": "secret-token"})
    if event["type"] == "reaction_added":
        # Without an item, it is no reaction to a message.
        assert read is None
        return
    assert read is not None
    payload = read.payload()
    assert payload.keys() == EVENT.payload().keys()
    assert "secret-token" not in json.dumps(payload)
    assert any(read.is_kind(kind) for kind in EVENT_KINDS)


@pytest.mark.parametrize(
    ("subtype", "said", "said_by_bots"),
    [
        (None, True, True),
        ("file_share", True, True),
        ("thread_broadcast", True, True),
        ("bot_message", False, True),
        ("message_changed", False, False),
        ("channel_join", False, False),
    ],
)
def test_what_counts_as_said(subtype: str | None, said: bool, said_by_bots: bool) -> None:
    event = dataclasses.replace(EVENT, subtype=subtype)
    assert (event.is_conversation(), event.is_conversation(by_bots=True)) == (said, said_by_bots)
    assert not dataclasses.replace(event, own=True).is_conversation(by_bots=True)
    assert not dataclasses.replace(event, by_bot=True).is_conversation()


@pytest.mark.parametrize(
    "event",
    [
        {"user": "UBOT", "bot_id": "B1"},
        {"bot_id": "B1", "app_id": "A1", "subtype": "bot_message"},
        {"bot_id": "B1", "bot_profile": {"app_id": "A1"}},
    ],
)
def test_the_app_knows_itself(event: dict[str, Any]) -> None:
    payload = {
        "api_app_id": "A1",
        "authorizations": [{"user_id": "UBOT", "is_bot": True}],
        "event": {"type": "message", **event},
    }
    read = event_of_callback(payload)
    assert read is not None
    assert read.own


def test_dag_files_import_nothing_heavy_with_it() -> None:
    heavy = "aiohttp, requests, slack_sdk, lxml, airflow"
    program = f"import sys; import workplace_provider.slack.events; print(set('{heavy}'.split(', ')) & set(sys.modules))"
    include = Path(__file__).parents[4] / "include"
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(include)}, capture_output=True, check=True, text=True
    )
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("more", "user_team"),
    [
        ({}, None),
        ({"team": "T_OURS"}, "T_OURS"),
        ({"team": "T_OURS", "user_team": "T_THEIRS"}, "T_THEIRS"),
        ({"source_team": "T_THEIRS"}, "T_THEIRS"),
    ],
)
def test_an_event_says_which_workspace_its_author_is_of(more: dict[str, str], user_team: str | None) -> None:
    event = {"type": "message", "channel": "C1", "user": "U1", "text": "x", "ts": "1.000001", **more}
    read = event_of_callback({"event": event, "event_id": "Ev1", "team_id": "T_OURS"})
    assert read is not None
    assert (read.payload()["team"], read.payload()["user_team"]) == ("T_OURS", user_team)
    message = msgspec.convert(event, Message)
    owner = TokenOwner(
        url="", team="", team_id="T_OURS", user_id="B", bot_id="BB", enterprise_id="", is_enterprise_install=False
    )
    later = _event("message", message, owner, "channel")
    assert read.payload() | {"source": "backfill"} == later.payload(), "over the socket, and read afterwards"


def test_a_message_and_its_mention_are_two_deliveries_and_one_event() -> None:
    events = [
        event_of_callback({"event": {"type": kind, "channel": "C1", "ts": "1.000001"}, "event_id": f"Ev{kind}"})
        for kind in ("message", "app_mention")
    ]
    assert len({each.event_id for each in events if each}) == 2
    assert {each.payload()["event_id"] for each in events if each} == {"C1-1.000001"}
