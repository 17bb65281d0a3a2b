from __future__ import annotations

import json
from typing import Any

import pytest

from support.paging_slack import PagingSlack
from workplace_provider.http.errors import Forbidden, SourceUnavailable
from workplace_provider.identity import Directory, MemberKind, Scope, SyncPolicy, make_plan
from workplace_provider.identity.sources.slack import read_slack_directory
from workplace_provider.slack.hooks import SlackDirectoryHook
from workplace_sandbox import Sandbox
from workplace_sandbox.faults import Fault


def directory(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, token: str = "") -> Directory:
    connection = {
        "conn_type": "slack",
        "password": sandbox.slack_bot_token + token,
        "extra": {"base_url": sandbox.slack_api_url},
    }
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_API_DEFAULT", json.dumps(connection))
    hook = SlackDirectoryHook(slack_conn_id="slack_api_default", sleep=lambda _: None)
    try:
        return read_slack_directory(hook)
    finally:
        hook.close()


def test_members_are_people_guests_or_no_people(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    slack = sandbox.slack
    for kind in ("guest", "single_channel_guest", "invited", "stranger", "bot", "workflow_bot"):
        slack.add_person(f"a.{kind}", kind=kind)
    slack.add_person("minsu", "박민수", title="데이터 엔지니어", tz="Asia/Seoul")
    slack.add_person("byul", "문별", email_confirmed=False)
    slack.add_person("gone")
    slack.deactivate("gone")
    slack.add_person("forgotten")
    slack.deactivate("forgotten", forgotten=True)
    found = {each.user_name: each for each in directory(sandbox, monkeypatch).identities}
    assert {name: each.kind for name, each in found.items() if name.startswith("a.")} == {
        "a.guest": MemberKind.GUEST,
        "a.single_channel_guest": MemberKind.SINGLE_CHANNEL_GUEST,
        "a.invited": MemberKind.INVITED,
        "a.stranger": MemberKind.STRANGER,
        "a.bot": MemberKind.APP,
        "a.workflow_bot": MemberKind.WORKFLOW_BOT,
    }
    minsu = found["minsu"]
    assert minsu.external_id == f"slack:T0SANDBOX:{minsu.key}"
    assert (minsu.kind, minsu.active, minsu.email_confirmed) == (MemberKind.PERSON, True, True)
    assert minsu.full_name == "박민수"
    assert (minsu.display_name, minsu.email, minsu.title) == ("박민수", "minsu@example.com", "데이터 엔지니어")
    assert (found["byul"].kind, found["byul"].email_confirmed) == (MemberKind.PERSON, False)
    for name in ("gone", "forgotten"):
        assert (found[name].active, found[name].kind, found[name].email_confirmed) == (False, MemberKind.PERSON, None)
    assert MemberKind.SLACKBOT in {each.kind for each in found.values()}


def test_people_are_in_their_groups_by_handle_and_by_id(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.slack.add_person("minsu")
    group = sandbox.slack.add_user_group("analysts", "데이터분석팀", ["minsu", "jimin"])
    empty = sandbox.slack.add_user_group("japan", "日本チーム", [])
    found = directory(sandbox, monkeypatch)
    by_name = {each.user_name: each.groups for each in found.identities}
    assert by_name["minsu"] == tuple(sorted((group.id, "analysts")))
    assert by_name["haruka"] == ()
    assert set(found.groups) == {group.id, "analysts", empty.id, "japan"}


def test_a_group_that_cannot_be_seen_makes_nobody_a_leaver(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.slack.add_user_group("analysts", "데이터분석팀", ["jimin"])

    def plan(found: Directory, group: str) -> Any:
        return make_plan(found, [], [], Scope(groups=(group,)), SyncPolicy())

    with pytest.raises(ValueError, match=r"no group 'analyst'.* Its groups are S\w+, analysts"):
        plan(directory(sandbox, monkeypatch), "analyst")
    without = directory(sandbox, monkeypatch, "-no-usergroups")
    assert without.groups == ()
    with pytest.raises(ValueError, match=r"no group 'analysts'.* Its groups were not read"):
        plan(without, "analysts")


def test_groups_that_could_not_be_had_are_an_error(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.add_fault(Fault("usergroups.list", "status", status=503, times=None))
    with pytest.raises(SourceUnavailable):
        directory(sandbox, monkeypatch)


def test_a_token_without_e_mail_addresses_is_an_error(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Forbidden, match=r"users:read\.email"):
        directory(sandbox, monkeypatch, "-no-email")


def test_in_an_enterprise_people_go_by_the_id_that_lasts(slack: PagingSlack, monkeypatch: pytest.MonkeyPatch) -> None:
    slack.scopes = "users:read,users:read.email"
    slack.users = [
        {"id": "U1", "name": "ann", "profile": {"email": "ann@example.com"}, "enterprise_user": {"id": "W9"}},
        {"id": "U2", "name": "bot", "is_bot": True, "profile": {}},
    ]
    monkeypatch.setattr(slack, "auth_test", lambda _: {"ok": True, "team_id": "T1", "enterprise_id": "E1"})
    connection = {"conn_type": "slack", "password": "xoxb-1", "extra": {"base_url": f"{slack.url}/api/"}}
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_API_DEFAULT", json.dumps(connection))
    found = read_slack_directory(SlackDirectoryHook(slack_conn_id="slack_api_default"))
    assert found.source == "slack:E1"
    assert [each.external_id for each in found.identities] == ["slack:E1:W9", "slack:E1:U2"]
