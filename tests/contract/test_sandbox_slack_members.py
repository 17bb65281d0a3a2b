"""slack_sdk on the sandbox: custom profile fields, and the events about members."""

from __future__ import annotations

import json

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from workplace_sandbox import Sandbox

pytestmark = pytest.mark.contract


def client(sandbox: Sandbox, token: str = "") -> WebClient:
    return WebClient(token=sandbox.slack_bot_token + token, base_url=sandbox.slack_api_url)


def test_profiles_have_custom_fields_and_the_list_of_members_does_not(sandbox: Sandbox) -> None:
    person = sandbox.slack.set_profile_fields("jimin", Xf0DEPT="분석")
    web = client(sandbox)
    fields = web.team_profile_get()["profile"]["fields"]
    assert [(field["id"], field["label"], field["type"]) for field in fields] == [
        ("Xf0DEPT", "부서", "text"),
        ("Xf0BOSS", "관리자", "user"),
        ("Xf0START", "입사일", "date"),
    ]
    profile = web.users_profile_get(user=person.id)["profile"]
    assert profile["fields"] == {"Xf0DEPT": {"value": "분석", "alt": ""}}
    assert profile["email"] == "jimin@example.com"
    assert web.users_profile_get(user=sandbox.slack.person("haruka").id)["profile"]["fields"] == []
    assert web.users_profile_get()["profile"]["real_name"]
    listed = {member["id"]: member for member in web.users_list(limit=200)["members"]}
    assert listed[person.id]["profile"]["fields"] is None
    assert "custom_fields" not in json.dumps(listed)


@pytest.mark.parametrize(
    ("token", "user", "error"), [("", "U0NOBODY", "user_not_found"), ("-no-profile", None, "missing_scope")]
)
def test_profiles_that_cannot_be_read(sandbox: Sandbox, token: str, user: str | None, error: str) -> None:
    arguments = {} if user is None else {"user": user}
    with pytest.raises(SlackApiError) as caught:
        client(sandbox, token).users_profile_get(**arguments)
    assert caught.value.response["error"] == error


def test_a_client_without_the_subscription_gets_no_event_about_members(sandbox: Sandbox) -> None:
    sandbox.slack.add_person("byul")
    assert [each for each in sandbox.slack.deliveries() if each.payload["event"]["type"] == "team_join"] == []
    sandbox.slack.behaviour.member_events = True
    person = sandbox.slack.add_person("haneul", "하늘")
    sandbox.slack.deactivate("haneul")
    events = [each.payload["event"] for each in sandbox.slack.deliveries()]
    assert [(event["type"], event["user"]["id"], event["user"]["deleted"]) for event in events] == [
        ("team_join", person.id, False),
        ("user_change", person.id, True),
    ]
