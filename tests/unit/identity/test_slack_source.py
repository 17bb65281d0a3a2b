from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from support.paging_slack import PagingSlack
from workplace_provider.http.errors import BadResponse, Forbidden, NotFound, SourceUnavailable
from workplace_provider.identity import Directory, MemberKind, Scope, SyncPolicy, make_plan
from workplace_provider.identity.sources.slack import SlackExtras, read_slack_directory
from workplace_provider.identity.sources.slack_profiles import CachedProfile, read_profiles
from workplace_provider.slack.client import ProfileField, SlackPage, SlackReader, SlackUser, channel_members
from workplace_provider.slack.client.users import custom_fields
from workplace_provider.slack.hooks import SlackDirectoryHook
from workplace_sandbox import Sandbox
from workplace_sandbox.faults import Fault


def directory(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, token: str = "", extras: SlackExtras | None = None
) -> Directory:
    connection = {
        "conn_type": "slack",
        "password": sandbox.slack_bot_token + token,
        "extra": {"base_url": sandbox.slack_api_url},
    }
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_API_DEFAULT", json.dumps(connection))
    hook = SlackDirectoryHook(slack_conn_id="slack_api_default", sleep=lambda _: None)
    try:
        return read_slack_directory(hook, extras)
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


# Channels and custom profile fields


class Remembered(dict[str, Any]):
    """A cache in memory."""

    def load(self, workspace: str) -> dict[str, CachedProfile]:
        return dict(self.get(workspace, {}))

    def save(self, workspace: str, profiles: Any) -> None:
        self[workspace] = dict(profiles)


FIELDS = {"department": "부서", "manager": "Xf0BOSS"}


def test_people_are_in_their_channels_by_name_and_by_id(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = sandbox.slack.add_channel("데이터-회의", members=["jimin"])
    found = directory(sandbox, monkeypatch, extras=SlackExtras(channels=("#데이터-회의", channel.id)))
    jimin, haruka = (next(each for each in found.identities if each.user_name == name) for name in ("jimin", "haruka"))
    assert jimin.groups == tuple(sorted((channel.id, "#데이터-회의")))
    for named in ("데이터-회의", "#데이터-회의", channel.id):
        scope = Scope(channels=(named,))
        scope.check_groups(found.groups)
        assert (scope.exclusion_reason(jimin), scope.exclusion_reason(haruka)) == ("", "channel")
    with pytest.raises(ValueError, match=r"The directory has no channel #general\. Correct channels"):
        make_plan(found, [], [], Scope(channels=("general",)), SyncPolicy())


def test_a_channel_that_cannot_be_read_is_an_error(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    extras = SlackExtras(channels=("없는채널",))
    with pytest.raises(NotFound, match="없는채널"):
        directory(sandbox, monkeypatch, extras=extras)
    assert directory(sandbox, monkeypatch, extras=replace(extras, channels_elsewhere=True)).groups == ()
    sandbox.slack.add_channel("회의", members=["jimin"])
    sandbox.add_fault(Fault("conversations.members", "status", status=503, times=None))
    with pytest.raises(SourceUnavailable):
        directory(sandbox, monkeypatch, extras=SlackExtras(channels=("회의",)))


def test_a_channel_without_members_is_no_list_of_leavers(slack: PagingSlack) -> None:
    with SlackReader("xoxb-1", base_url=f"{slack.url}/api/") as reader, pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "paginate", lambda *_, **__: iter([SlackPage(items=[], next_cursor=None)]))
        with pytest.raises(BadResponse, match="has no members"):
            channel_members(reader, "C1")


def test_custom_fields_are_attributes_and_only_changed_profiles_are_read(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack, cache = sandbox.slack, Remembered()
    boss = slack.person("haruka")
    slack.set_profile_fields("jimin", Xf0DEPT="분석", Xf0BOSS=f"{boss.id},UGONE", Xf0START="2024-03-02")
    extras = SlackExtras(profile_fields=FIELDS, cache=cache)

    def attributes() -> dict[str, Any]:
        sandbox.clear_requests()
        found = directory(sandbox, monkeypatch, extras=extras)
        assert not any(each.hold for each in found.identities)
        assert all(set(each.attributes) == set(FIELDS) for each in found.identities)
        return {each.user_name: dict(each.attributes) for each in found.identities if any(each.attributes.values())}

    def reads() -> int:
        return sum("users.profile.get" in each.path for each in sandbox.requests())

    first = attributes()
    assert first == {"jimin": {"department": "분석", "manager": "haruka@example.com"}}
    assert reads() == 4  # bots and Slackbot have no such fields
    assert (attributes(), reads()) == (first, 0)
    slack.set_profile_fields("alex", Xf0DEPT="Sales")
    slack.rename("alex", updated=99)
    assert attributes() == {**first, "alex": {"department": "Sales", "manager": ""}}
    assert reads() == 1
    slack.deactivate("alex")
    assert attributes() == first


def test_a_budget_is_spent_on_people_never_read_and_the_others_wait(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Remembered()
    extras = SlackExtras(profile_fields=FIELDS, cache=cache, max_profile_reads=3)

    def waiting() -> list[str]:
        found = directory(sandbox, monkeypatch, extras=extras)
        return [each.user_name for each in found.identities if each.hold == "profile_not_read"]

    assert len(waiting()) == 1
    assert waiting() == []
    for name in ("jimin", "haruka", "alex", "viewer"):
        sandbox.slack.rename(name, updated=99)
    assert waiting() == []  # four profiles have changed; the old values are used until they are read
    assert sum(each.updated == 99 for each in cache["T0SANDBOX"].values()) == 3


def test_profiles_that_were_read_survive_an_error(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Remembered()
    sandbox.add_fault(Fault("users.profile.get", "status", status=503, skip=2, times=None))
    with pytest.raises(SourceUnavailable):
        directory(sandbox, monkeypatch, extras=SlackExtras(profile_fields=FIELDS, cache=cache))
    assert len(cache["T0SANDBOX"]) == 2


@pytest.mark.parametrize(
    ("wanted", "token", "message"),
    [
        ({"x": "팀"}, "", r"no profile field '팀'\. Correct profile_fields\. Its fields are 부서 \(Xf0DEPT\)"),
        (FIELDS, "-no-profile", "users.profile:read"),
    ],
)
def test_fields_that_cannot_be_read_are_an_error(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, wanted: dict[str, str], token: str, message: str
) -> None:
    with pytest.raises((ValueError, Forbidden), match=message):
        directory(sandbox, monkeypatch, token, extras=SlackExtras(profile_fields=wanted))


def test_fifty_thousand_people_need_a_request_only_for_changed_profiles() -> None:
    class Workspace:
        reads = 0

        def profile_fields(self) -> list[ProfileField]:
            return [ProfileField(id="Xf1", label="부서"), ProfileField(id="Xf2", label="팀")]

        def user_fields(self, user_id: str) -> dict[str, str]:
            self.reads += 1
            return {"Xf1": "새 부서"}

    people = [SlackUser(id=f"U{number}", email=f"u{number}@example.com", updated=5) for number in range(50_000)]
    cache = Remembered(T1={user.id: CachedProfile(4 if user.id in ("U7", "U8") else 5, {"Xf1": "부서"}) for user in people})
    listed = [SlackUser(id="ULIST", updated=9, fields={"Xf1": "목록"})]
    snapshot = SimpleNamespace(users=[*people, *listed], owner=SimpleNamespace(enterprise_id="", team_id="T1"))
    workspace = Workspace()
    profiles = read_profiles(workspace, cast("Any", snapshot), {"department": "부서"}, 10, cache)
    assert workspace.reads == 2
    assert [profiles.attributes[key] for key in ("U7", "U9", "ULIST")] == [
        {"department": "새 부서"},
        {"department": "부서"},
        {"department": "목록"},
    ]


@pytest.mark.parametrize("fields", [None, [], {}, {"Xf1": None}, {"Xf1": {"value": None}}, {"Xf1": {"value": " "}}, "x", 3])
def test_profiles_without_values(fields: Any) -> None:
    assert custom_fields(fields) == {}
