from __future__ import annotations

import json
import unicodedata
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.paging_slack import PagingSlack, refusal
from support.scripted_server import reply
from workplace_provider.http.errors import BadResponse, Forbidden, NotFound, SourceUnavailable
from workplace_provider.slack.client import (
    MemberKind,
    SlackNames,
    SlackReader,
    classify,
    directory_snapshot,
    iter_users,
)
from workplace_provider.slack.client.users import Member

ACTIVE: dict[str, Any] = {
    "id": "U1",
    "team_id": "T1",
    "name": "minsu",
    "deleted": False,
    "real_name": "김민수",
    "tz": "Asia/Seoul",
    "is_bot": False,
    "is_app_user": False,
    "is_email_confirmed": True,
    "updated": 1_790_000_000,
    "profile": {
        "real_name": "김민수",
        "display_name": "민수",
        "first_name": "민수",
        "last_name": "김",
        "email": "minsu@example.com",
        "title": "분석가",
    },
}
# What Slack sends of a deactivated account: no real_name, no tz, no is_email_confirmed.
DEACTIVATED: dict[str, Any] = {
    "id": "U2",
    "name": "gone",
    "is_bot": False,
    "updated": 1_700_000_000,
    "is_app_user": False,
    "team_id": "T1",
    "deleted": True,
    "profile": {"real_name": "Gone Away", "email": "gone@example.com"},
}
SLACKBOT: dict[str, Any] = {"id": "USLACKBOT", "is_bot": False, "deleted": False, "tz": None, "profile": {"email": None}}


@pytest.fixture
def reader(slack: PagingSlack) -> SlackReader:
    return SlackReader("xoxb-1", base_url=slack.url, sleep=lambda _: None)


def kind(slack: PagingSlack, reader: SlackReader, **changed: Any) -> MemberKind:
    slack.users = [{**ACTIVE, **changed}]
    (user,) = iter_users(reader)
    return classify(user)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, MemberKind.PERSON),
        ({"is_email_confirmed": None}, MemberKind.PERSON),
        ({"is_app_user": True}, MemberKind.PERSON),
        ({"is_email_confirmed": False}, MemberKind.UNCONFIRMED),
        ({"deleted": True}, MemberKind.DEACTIVATED),
        ({"is_restricted": True}, MemberKind.GUEST),
        ({"is_restricted": True, "is_ultra_restricted": True}, MemberKind.SINGLE_CHANNEL_GUEST),
        ({"is_invited_user": True, "is_email_confirmed": False}, MemberKind.INVITED),
        ({"is_stranger": True}, MemberKind.STRANGER),
        ({"is_stranger": True, "deleted": True}, MemberKind.STRANGER),
        ({"is_bot": True, "profile": {"bot_id": "B1"}}, MemberKind.BOT),
        ({"is_bot": True, "deleted": True, "profile": {"api_app_id": "A1"}}, MemberKind.APP),
        ({"is_bot": True, "is_workflow_bot": True}, MemberKind.WORKFLOW_BOT),
        ({"id": "USLACKBOT"}, MemberKind.SLACKBOT),
    ],
)
def test_what_a_member_is(slack: PagingSlack, reader: SlackReader, changed: dict[str, Any], expected: MemberKind) -> None:
    assert kind(slack, reader, **changed) is expected


def test_everything_an_account_needs_is_kept(slack: PagingSlack, reader: SlackReader) -> None:
    grid = {"enterprise_user": {"id": "W1", "enterprise_id": "E1", "teams": ["T1"]}}
    slack.users = [{**ACTIVE, **grid}, DEACTIVATED]
    person, gone = iter_users(reader)
    assert (person.real_name, person.display_name, person.shown_name) == ("김민수", "민수", "민수")
    assert (person.first_name, person.last_name, person.email, person.title) == ("민수", "김", "minsu@example.com", "분석가")
    assert (person.tz, person.updated, person.lasting_id) == ("Asia/Seoul", 1_790_000_000, "W1")
    assert (gone.real_name, gone.tz, gone.is_email_confirmed, gone.lasting_id) == ("Gone Away", "", None, "U2")


@given(
    st.dictionaries(
        st.sampled_from(
            ["name", "real_name", "tz", "team_id", "profile", "enterprise_user", "updated", "is_bot", "deleted"]
        ),
        st.none(),
    )
)
def test_null_is_as_good_as_absent(nothing: dict[str, None]) -> None:
    member = {**ACTIVE, **nothing}
    absent = {key: value for key, value in member.items() if value is not None}
    assert (
        msgspec.json.decode(json.dumps(member), type=Member).slim()
        == msgspec.json.decode(json.dumps(absent), type=Member).slim()
    )


def test_a_snapshot_is_the_whole_directory(slack: PagingSlack, reader: SlackReader) -> None:
    slack.users = [SLACKBOT, DEACTIVATED, ACTIVE]
    slack.largest_page = 1
    snapshot = directory_snapshot(reader)
    assert [user.id for user in snapshot.users] == ["U1", "U2", "USLACKBOT"]
    assert [user.id for user in snapshot.users[1:]] == ["U2", "USLACKBOT"]
    assert (snapshot.users[0].email, len(snapshot.users)) == ("minsu@example.com", 3)
    assert snapshot.kinds == {MemberKind.PERSON: 1, MemberKind.DEACTIVATED: 1, MemberKind.SLACKBOT: 1}
    assert (snapshot.pages, snapshot.calls, snapshot.waited) == (3, 4, 0.0)
    assert (snapshot.owner.team_id, "users:read.email" in (snapshot.scopes or ())) == ("T1", True)


def test_two_snapshots_of_the_same_directory_have_one_digest(slack: PagingSlack, reader: SlackReader) -> None:
    slack.users = [ACTIVE, DEACTIVATED, ACTIVE]  # somebody joined between two pages
    slack.largest_page = 1
    one = directory_snapshot(reader)
    slack.users, slack.largest_page = [DEACTIVATED, ACTIVE], 999
    other = directory_snapshot(reader)
    assert one.sha256 == other.sha256
    slack.users[1] = {**ACTIVE, "real_name": "김민서", "profile": {**ACTIVE["profile"], "real_name": "김민서"}}
    assert directory_snapshot(reader).sha256 != one.sha256


def test_a_token_that_lost_the_scope_for_addresses_is_stopped(slack: PagingSlack, reader: SlackReader) -> None:
    slack.users, slack.scopes = [ACTIVE], "users:read,chat:write"
    with pytest.raises(Forbidden, match=r"users:read\.email; it has chat:write, users:read"):
        directory_snapshot(reader)
    assert slack.methods() == ["auth.test"]


def test_a_directory_without_an_address_is_an_error(slack: PagingSlack, reader: SlackReader) -> None:
    nameless = {**ACTIVE, "profile": {"real_name": "김민수"}}
    slack.users, slack.scopes = [nameless, DEACTIVATED], None
    with pytest.raises(Forbidden, match=r"None of the 1 people in the directory has an e-mail address.*users:read\.email"):
        directory_snapshot(reader)


def test_an_empty_directory_is_an_error(slack: PagingSlack, reader: SlackReader) -> None:
    with pytest.raises(BadResponse, match="empty"):
        directory_snapshot(reader)


def test_half_a_directory_is_an_error(slack: PagingSlack, reader: SlackReader) -> None:
    slack.users = [ACTIVE, DEACTIVATED]
    slack.largest_page = 1
    slack.faults = dict.fromkeys(range(2, 30), reply(500))
    with pytest.raises(SourceUnavailable):
        directory_snapshot(reader)


def test_a_few_names_are_asked_for_and_many_looked_up(slack: PagingSlack, reader: SlackReader) -> None:
    slack.users = [{**ACTIVE, "id": f"U{n}", "profile": {"display_name": f"이름 {n}"}} for n in range(100)]
    names = SlackNames(reader)
    names.learn_users(["U1", "U2", "U1", "UGONE"])
    assert (names.user("U1"), names.user("UGONE"), names.user("UNKNOWN")) == ("이름 1", "UGONE", "UNKNOWN")
    assert slack.methods() == ["users.info"] * 3
    names.learn_users(["U1", "UGONE"])
    assert len(slack.asked) == 3
    names.learn_users([f"U{n}" for n in range(60)] + ["USTRANGER"])
    assert names.user("U59") == "이름 59"
    assert slack.methods()[3:] == ["users.list", "users.info"]


def test_channels_are_found_by_id_and_by_name(slack: PagingSlack, reader: SlackReader) -> None:
    slack.add_channel("C1", "데이터-분석")
    slack.add_channel("C02", "secret", is_private=True)
    slack.add_channel("C3", "again", is_archived=True)
    slack.add_channel("C4", "again")
    decomposed = unicodedata.normalize("NFD", "#데이터-분석")
    found = SlackNames(reader).channels([decomposed, "C02", "again"])
    assert [(each.id, each.shown_name) for each in found] == [("C1", "데이터-분석"), ("C02", "secret"), ("C4", "again")]


def test_a_channel_that_cannot_be_seen_is_named(slack: PagingSlack, reader: SlackReader) -> None:
    slack.add_channel("C1", "data")
    with pytest.raises(NotFound, match=r"#nowhere.*groups:read"):
        SlackNames(reader).channels(["data", "nowhere"])


def test_without_the_scope_for_private_channels_public_ones_are_found(slack: PagingSlack, reader: SlackReader) -> None:
    slack.add_channel("C1", "data")
    slack.faults = {0: refusal("missing_scope", needed="groups:read")}
    assert SlackNames(reader).channels(["data"])[0].id == "C1"


def test_an_id_is_enough_where_names_may_not_be_asked(slack: PagingSlack, reader: SlackReader) -> None:
    slack.faults = {0: refusal("missing_scope", needed="channels:read")}
    assert SlackNames(reader).channels(["C0123456789"])[0].shown_name == "C0123456789"
