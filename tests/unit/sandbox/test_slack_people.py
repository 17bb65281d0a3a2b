from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

ACTIVE = {
    "id", "name", "is_bot", "updated", "is_app_user", "team_id", "deleted", "color", "is_email_confirmed", "real_name", "tz",
    "tz_label", "tz_offset", "is_admin", "is_owner", "is_primary_owner", "is_restricted", "is_ultra_restricted", "has_2fa",
    "who_can_share_contact_card", "profile",
}  # fmt: skip
DEACTIVATED = {"id", "name", "is_bot", "updated", "is_app_user", "team_id", "deleted", "profile"}


def members(slack):
    return {member["name"]: member for member in slack.call("users.list")["members"]}


def test_an_active_member_has_all_keys_and_a_deactivated_one_hardly_any(sandbox, slack):
    sandbox.slack.deactivate("alex")
    sandbox.slack.deactivate("haruka", forgotten=True)
    found = members(slack)
    assert set(found["jimin"]) == ACTIVE
    assert found["jimin"]["profile"]["email"] == "jimin@example.com"
    assert set(found["alex"]) == DEACTIVATED
    assert found["alex"]["deleted"] is True
    assert set(found["haruka"]) == DEACTIVATED | {"is_forgotten"}
    assert "email" not in found["haruka"]["profile"]


def test_members_have_only_keys_that_were_recorded(slack, recorded_slack: Path):
    recorded = json.loads((recorded_slack / "users.list.json").read_text())["members"][0]
    for member in members(slack).values():
        assert set(member) <= set(recorded)
        assert set(member["profile"]) <= set(recorded["profile"])


def test_the_special_kinds_of_members(sandbox, slack):
    for kind in ("bot", "workflow_bot", "guest", "single_channel_guest", "invited", "stranger"):
        sandbox.slack.add_person(f"a-{kind}", kind=kind)
    sandbox.slack.add_person("unconfirmed", email_confirmed=False)
    sandbox.slack.add_person("odd", extra={"real_name": None, "profile": {"phone": "", "email": None}})
    found = members(slack)
    assert (found["slackbot"]["id"], found["slackbot"]["is_bot"], found["slackbot"]["tz"]) == ("USLACKBOT", False, None)
    assert "email" not in found["slackbot"]["profile"]
    assert found["a-bot"]["is_bot"] is found["a-workflow_bot"]["is_workflow_bot"] is True
    assert found["a-bot"]["profile"]["bot_id"].startswith("B")
    restricted = [found[f"a-{kind}"]["is_ultra_restricted"] for kind in ("guest", "single_channel_guest")]
    assert restricted == [False, True]
    assert found["a-guest"]["is_restricted"] is found["a-single_channel_guest"]["is_restricted"] is True
    assert found["a-invited"]["is_invited_user"] is found["a-stranger"]["is_stranger"] is True
    assert found["a-stranger"]["team_id"] != found["jimin"]["team_id"]
    assert found["unconfirmed"]["is_email_confirmed"] is False
    assert (found["odd"]["real_name"], found["odd"]["profile"]["email"]) == (None, None)


def test_without_the_scope_nobody_has_an_address(slack):
    body = slack.with_token("no-email").call("users.list")
    assert not [member for member in body["members"] if "email" in member["profile"]]
    assert slack.with_token("no-email").refused("users.lookupByEmail", email="jimin@example.com") == "missing_scope"


def test_pages_hold_everybody_once(sandbox, slack):
    sandbox.slack.add_people(25)
    pages = slack.pages("users.list", "members", limit=10)
    assert [len(page) for page in pages] == [10, 10, 10, 1]
    names = [member["name"] for page in pages for member in page]
    assert len(set(names)) == len(names) == sandbox.slack.people_count


@pytest.mark.parametrize("behaviour", ["short", "empty", "capped"])
def test_odd_pages_hold_everybody_once(sandbox, slack, behaviour):
    sandbox.slack.add_people(40)
    sandbox.slack.page_behaviour = behaviour
    pages = slack.pages("users.list", "members", limit=20)
    assert sum(map(len, pages)) == sandbox.slack.people_count
    assert max(map(len, pages)) <= {"short": 10, "empty": 20, "capped": 15}[behaviour]
    assert ([] in pages) is (behaviour == "empty")


def test_a_looping_listing_gives_the_same_cursor_again(sandbox, slack):
    sandbox.slack.add_people(40)
    sandbox.slack.page_behaviour = "loop"
    cursors = [slack.call("users.list", limit=10)["response_metadata"]["next_cursor"]]
    for _ in range(3):
        cursors.append(slack.call("users.list", limit=10, cursor=cursors[-1])["response_metadata"]["next_cursor"])
    assert len(set(cursors)) == 1


def test_without_a_limit_at_most_1000_come_or_none(sandbox, slack):
    sandbox.slack.add_people(1200)
    body = slack.call("users.list")
    assert len(body["members"]) == 1000
    assert body["response_metadata"]["next_cursor"] == ""
    sandbox.slack.page_behaviour = "limit_required"
    assert slack.refused("users.list") == "limit_required"
    assert len(slack.call("users.list", limit=999)["members"]) == 999
    sandbox.slack.page_behaviour = "error"
    assert slack.answer("users.list").status_code == 500


def test_json_arguments_of_users_list_are_ignored(sandbox, slack):
    body = slack.answer("users.list", as_json=True, limit=2).json()
    assert len(body["members"]) == sandbox.slack.people_count > 2


def test_a_hundred_thousand_members_are_listed(sandbox, slack):
    assert sandbox.slack.add_people(100_000) == sandbox.slack.people_count > 100_000
    first = slack.call("users.list", limit=999)
    second = slack.call("users.list", limit=999, cursor=first["response_metadata"]["next_cursor"])
    assert len(first["members"]) == len(second["members"]) == 999
    assert not {m["id"] for m in first["members"]} & {m["id"] for m in second["members"]}


@pytest.mark.parametrize("arguments", [{"cursor": "x"}, {"cursor": "dXNlcjo="}, {"cursor": "dXNlcjpVMDAw", "limit": 5}])
def test_a_cursor_that_leads_nowhere(slack, arguments):
    assert slack.refused("users.list", **arguments) == "invalid_cursor"


def test_looking_somebody_up(sandbox, slack):
    jimin = sandbox.slack.person("jimin")
    assert slack.call("users.info", user=jimin.id)["user"]["real_name"] == "김지민"
    assert slack.call("users.lookupByEmail", email="JIMIN@example.com")["user"]["id"] == jimin.id
    sandbox.slack.deactivate("jimin")
    assert slack.refused("users.lookupByEmail", email="jimin@example.com") == "users_not_found"
    assert slack.refused("users.info", user="U0NOBODY") == "user_not_found"
    sandbox.slack.reactivate("jimin")
    sandbox.slack.rename("jimin", "김지민(개명)", email="jm@example.com")
    assert slack.call("users.lookupByEmail", email="jm@example.com")["user"]["real_name"] == "김지민(개명)"


def test_user_groups(sandbox, slack):
    group = sandbox.slack.add_user_group("analysts", "분석가", ["jimin", "alex"])
    (found,) = slack.call("usergroups.list", include_users=True, include_count=True)["usergroups"]
    assert (found["handle"], found["user_count"]) == ("analysts", 2)
    assert slack.call("usergroups.users.list", usergroup=group.id)["users"] == list(group.users)
    assert slack.refused("usergroups.users.list", usergroup="S0") == "no_such_subteam"


def test_who_the_token_is(sandbox, slack):
    answer = slack.answer("auth.test")
    body = answer.json()
    assert (body["user"], body["user_id"]) == ("report-bot", sandbox.slack.person("report-bot").id)
    assert "users:read.email" in answer.headers["x-oauth-scopes"].split(",")
    lacking = slack.with_token("no-email").answer("auth.test")
    assert "users:read.email" not in lacking.headers["x-oauth-scopes"].split(",")


@pytest.mark.parametrize(
    ("token", "word"),
    [
        (None, "not_authed"),
        ("xoxb-wrong", "invalid_auth"),
        ("xoxb-sandbox-inactive", "account_inactive"),
        ("xoxb-sandbox-revoked", "token_revoked"),
        ("xapp-sandbox", "not_allowed_token_type"),
    ],
)
def test_tokens_that_are_not_taken(slack, token, word):
    slack.token = token
    assert slack.refused("auth.test") == slack.refused("users.list") == word


def test_a_missing_scope_is_named(slack):
    body = slack.with_token("no-users").answer("users.list").json()
    assert (body["error"], body["needed"]) == ("missing_scope", "users:read")
    assert "chat:write" in body["provided"].split(",")


def test_the_token_may_be_an_argument_and_other_methods_do_not_exist(sandbox):
    url = sandbox.slack_api_url
    assert requests.get(f"{url}auth.test", params={"token": sandbox.slack_bot_token}, timeout=30).json()["ok"]
    assert requests.post(f"{url}rtm.start", timeout=30).json()["error"] == "unknown_method"
    assert requests.post(f"{url}api.test", data={"a": "가"}, timeout=30).json()["args"] == {"a": "가"}
    assert requests.post(f"{url}api.test", data={"error": "x"}, timeout=30).json()["error"] == "x"


def test_the_team_and_its_emoji(slack):
    assert slack.call("team.info")["team"]["id"] == slack.call("auth.test")["team_id"]
    assert slack.call("emoji.list")["emoji"]["analysis-done"] == "alias:white_check_mark"
