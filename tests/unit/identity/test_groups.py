from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from support.account_store import AccountStore
from support.people import POLICY, Sync, person
from support.scim_group_store import GroupRefused
from support.scim_service import SLOPPY, STRICT, TERSE, TOKEN, Manners, ScimService, scim_service
from workplace_provider.http.client import Bearer, HttpSettings
from workplace_provider.identity import (
    ApplyResult,
    GroupRule,
    Identity,
    MemberRule,
    MemoryJournal,
    OperationKind,
    OperationStatus,
    Plan,
    Scope,
    SyncState,
    blocking_gates,
    evaluate,
    html_report,
    markdown_report,
    merge_state,
    read_plan,
)
from workplace_provider.identity.targets import scim_client as scim
from workplace_provider.identity.targets.scim import ScimTarget

DEV, SALES = "개발팀", "営業部"
RULES = (
    GroupRule(name=DEV, members=MemberRule(groups=("dev",))),
    GroupRule(name=SALES, members=MemberRule(include="'sales' in title")),
)
ANN = person("U1", groups=("dev",), display_name="안나")
BEN = person("U2", groups=("dev",))
CHI = person("U3", title="sales", display_name="千尋")


@pytest.fixture
def service() -> Iterator[ScimService]:
    with scim_service(STRICT) as service:
        yield service


def sync_of(service: ScimService, rules: tuple[GroupRule, ...] = RULES, **options: Any) -> Sync:
    settings = HttpSettings(attempts=2, max_wait=0.01)
    client = scim.connect(service.url, auth=Bearer(TOKEN), settings=settings)
    policy = replace(POLICY, max_emptied_groups=None, max_member_drop_percent=None)
    return Sync(ScimTarget(client, attributes=["displayName"], **options), policy=policy, groups=rules)


def members(service: ScimService, group: str) -> list[str]:
    """Return the user names in a group, with duplicates."""
    return sorted(service.users[member]["userName"] for member in service.groups.members(group))


def kinds(plan: Plan) -> list[str]:
    return [f"{each.kind} {each.title}" for each in plan.writes]


def statuses(result: ApplyResult) -> list[OperationStatus]:
    return [each.status for each in result.outcomes]


def test_groups_are_made_and_filled_after_the_accounts(service: ScimService) -> None:
    sync = sync_of(service)
    plan = sync.plan(ANN, BEN, CHI, groups=["dev"])
    assert kinds(plan) == [
        *("create 안나", "create U2 김", "create 千尋"),
        *(f"create_group {SALES}", f"create_group {DEV}"),
        *(f"add_member 千尋 ({SALES})", f"add_member 안나 ({DEV})", f"add_member U2 김 ({DEV})"),
    ]
    result = sync.apply(plan)
    assert result.complete, result.outcomes
    assert (members(service, DEV), members(service, SALES)) == (["u1", "u2"], ["u3"])
    assert sorted(group["externalId"] for group in service.groups.groups.values()) == [
        "slack:T1:group:営業部",
        "slack:T1:group:개발팀",
    ]
    assert sync.plan(ANN, BEN, CHI).empty
    # The plan, its report and the state survive their forms as text, and the plan is bound to the state.
    assert read_plan(plan.lines()) == plan
    assert SyncState.from_json(sync.state.to_json()) == sync.state
    for report in (markdown_report(plan, "Portal", result=result), html_report(plan, "Portal", result=result)):
        assert all(name in report for name in ("Added to groups", DEV, SALES, "千尋"))


def test_movers_and_leavers_lose_their_memberships_and_leavers_first(service: ScimService) -> None:
    sync = sync_of(service)
    sync.run(ANN, BEN, CHI)
    people = replace(ANN, title="sales", groups=()), replace(BEN, active=False), CHI
    plan = sync.plan(*people, groups=["dev"])
    assert kinds(plan) == [
        *(f"remove_member U2 김 ({DEV})", "disable U2 김"),
        *(f"remove_member 안나 ({DEV})", f"add_member 안나 ({SALES})"),
    ]
    assert [each.kind for each in plan.leavers] == ["remove_member", "disable"]
    assert sync.apply(plan).complete
    assert (members(service, DEV), members(service, SALES)) == ([], ["u1", "u3"])
    assert sync.plan(*people, groups=["dev"]).empty


def test_a_closed_gate_lets_leavers_lose_their_memberships(service: ScimService) -> None:
    sync = sync_of(service)
    sync.run(ANN, BEN, CHI)
    sync.policy = replace(sync.policy, max_membership_changes=0)
    result = sync.run(replace(ANN, title="sales"), replace(BEN, active=False), CHI)
    assert [each.gate for each in result.blocked] == ["max_membership_changes"]
    assert (members(service, DEV), members(service, SALES)) == (["u1"], ["u3"])
    (account_id,) = sync.state.groups[DEV]["members"]
    assert service.users[account_id]["userName"] == "u1"


@pytest.mark.parametrize(("others", "left"), [("keep", ["root"]), ("remove", [])])
def test_members_whom_the_sync_did_not_add_stay_unless_the_rule_says_otherwise(
    service: ScimService, others: Any, left: list[str]
) -> None:
    sync = sync_of(service, (replace(RULES[0], adopt=True, others=others),))
    sync.run(ANN)
    for name in ("root", "guarded"):
        service.add(id=name, userName=name, active=True)
    sync.scope = Scope(protect=("guarded",))
    group = service.groups.groups[sync.state.groups[DEV]["id"]]
    group["members"] += [{"value": "root"}, {"value": "guarded"}, {"value": "g77", "type": "Group"}]
    result = sync.run(ANN)
    assert result.complete
    (group,) = service.groups.groups.values()
    assert members_of(group) == sorted(["g77", "guarded", ann_id(service), *left])
    assert sync.plan(ANN).empty


def members_of(group: dict[str, Any]) -> list[str]:
    return sorted(member["value"] for member in group["members"])


def ann_id(service: ScimService) -> str:
    return next(user["id"] for user in service.users.values() if user["userName"] == "u1")


CONFLICTS = [
    ({"name": DEV}, "group_exists", "set adopt: true"),
    ({"name": DEV, "external_id": "okta:7"}, "group_of_another", "has the mark of okta:7"),
    ({"name": "Other", "external_id": f"slack:T1:group:{DEV}"}, "group_renamed", "is now named 'Other'"),
]


@pytest.mark.parametrize(("group", "reason", "detail"), CONFLICTS, ids=[row[1] for row in CONFLICTS])
def test_a_group_that_is_not_ours_is_a_conflict_and_stays_as_it_is(
    service: ScimService, group: dict[str, str], reason: str, detail: str
) -> None:
    service.add(id="7", userName="other", active=True)
    service.groups.add(group["name"], "7", external_id=group.get("external_id", ""))
    before = json.dumps(service.groups.groups)
    sync = sync_of(service, RULES[:1])
    plan = sync.plan(ANN)
    (conflict,) = plan.of_kind(OperationKind.CONFLICT)
    assert conflict.reason == reason
    assert detail in conflict.detail
    assert sync.apply(plan).complete
    assert json.dumps(service.groups.groups) == before


def test_two_groups_with_the_name_are_a_conflict(service: ScimService) -> None:
    service.groups.add("A")
    service.groups.add("a")
    (conflict,) = sync_of(service, (GroupRule(name="A", adopt=True),)).plan(ANN).of_kind(OperationKind.CONFLICT)
    assert (conflict.reason, "g1, g2" in conflict.detail) == ("several_groups", True)


@pytest.mark.parametrize("keeps_marks", [True, False], ids=["marks", "no_marks"])
def test_a_group_is_taken_over_if_the_file_says_so(service: ScimService, keeps_marks: bool) -> None:
    service.groups.keeps_marks = keeps_marks
    service.add(id="7", userName="other", active=True)
    service.groups.add(DEV.upper(), "7")
    sync = sync_of(service, (replace(RULES[0], adopt=True),))
    result = sync.run(ANN)
    assert result.complete, result.outcomes
    assert OperationKind.ADOPT_GROUP in [each.operation.kind for each in result.outcomes]
    assert members(service, DEV) == ["other", "u1"]
    assert sync.plan(ANN).empty
    # From now on it is ours, also if the file no longer says so.
    sync.groups = RULES[:1]
    assert sync.plan(ANN).empty


def test_a_protected_group_is_left_alone(service: ScimService) -> None:
    sync = sync_of(service, RULES[:1])
    sync.scope = Scope(protect=(DEV,))
    (skipped,) = [each for each in sync.plan(ANN).operations if each.group]
    assert (skipped.kind, skipped.reason) == (OperationKind.SKIP, "protected")


@pytest.mark.parametrize("name", ["Administrators", "관리자", "システム管理者"])
def test_a_group_of_administrators_must_be_meant(name: str) -> None:
    with pytest.raises(ValueError, match="grants_admin: true"):
        GroupRule(name=name)
    assert GroupRule(name=name, grants_admin=True).name == name


def test_people_in_a_conflict_or_without_an_address_keep_their_memberships(service: ScimService) -> None:
    sync = sync_of(service, RULES[:1])
    sync.run(ANN, BEN)
    sync.scope = Scope(domains=("example.com",))
    people = replace(ANN, email="", groups=()), replace(BEN, email_confirmed=False, groups=())
    assert not any(each.group for each in sync.plan(*people, groups=["dev"]).writes)


def test_a_person_whose_account_cannot_be_made_is_not_added(service: ScimService) -> None:
    sync = sync_of(service, RULES[:1])
    plan = sync.plan(ANN, BEN)
    service.add(id="7", userName="u1", emails=[{"value": "else@x.y"}], active=True)
    result = sync.apply(plan)
    detail = {each.operation.title: (each.status, each.detail) for each in result.outcomes}
    assert detail[f"안나 ({DEV})"] == (OperationStatus.NOT_TRIED, "the person's account is not ready")
    assert members(service, DEV) == ["u2"]


def test_an_unknown_group_of_the_directory_fails_before_anything_is_planned(service: ScimService) -> None:
    with pytest.raises(ValueError, match=r"has no group 'dev'\. Correct groups\.개발팀\.groups"):
        sync_of(service).plan(CHI)


# --- gates


def test_gates_of_groups(service: ScimService) -> None:
    crew = [person(f"V{number:02}", groups=("dev",)) for number in range(12)]
    sync = sync_of(service, RULES[:1])
    sync.policy = replace(POLICY, max_membership_changes=11)

    def closed(*people: Identity) -> list[str]:
        verdicts = blocking_gates(evaluate(sync.plan(*people, groups=["dev"]), sync.policy))
        return [f"{each.gate}: {each.sentence}" for each in verdicts]

    assert closed(*crew) == ["max_membership_changes: The plan would change 12 memberships of groups; the limit is 11."]
    sync.policy = POLICY
    assert sync.run(*crew).complete
    moved = [replace(each, groups=()) for each in crew]
    assert closed(*moved[:5], *crew[5:]) == [
        f"max_member_drop_percent: The plan would remove 5 of 12 members of the group {DEV} (41.7 %); the limit is 30 %."
    ]
    assert closed(*moved[:4], *crew[4:]) == []
    assert [each.partition(":")[0] for each in closed(*moved)] == ["max_member_drop_percent", "max_emptied_groups"]
    assert f"The rules of {DEV} (12 members) match no one" in closed(*moved)[1]


def test_groups_that_cannot_be_read_stop_all_but_leavers(service: ScimService) -> None:
    sync = sync_of(service)
    sync.run(ANN, BEN, CHI)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service.groups, "answer", lambda *_: (500, {}, ""))
        plan = sync.plan(replace(ANN, display_name="new"), replace(BEN, active=False), CHI)
        result = sync.apply(plan)
    assert [each.gate for each in result.blocked] == ["groups_readable"]
    assert [str(each.operation.kind) for each in result.outcomes] == ["disable"]
    assert sync.state.groups.keys() == {DEV, SALES}
    assert read_plan(plan.lines()) == plan


# --- what services do


STYLES: list[tuple[str, Manners, dict[str, Any], dict[str, Any]]] = [
    ("rfc", STRICT, {}, {}),
    ("rfc_lookup", STRICT, {}, {"read": "lookup"}),
    ("versions", TERSE, {"versions": True}, {}),
    ("put", STRICT, {"patches": False}, {"patch_style": "put"}),
    ("put_versions", TERSE, {"patches": False, "versions": True}, {"patch_style": "put"}),
    ("entra", SLOPPY, {"form": "entra"}, {"patch_style": "entra"}),
    ("entra_groups", STRICT, {"form": "entra"}, {"group_patch_style": "entra"}),
    ("no_members", SLOPPY, {"form": "entra", "lists_members": False}, {"patch_style": "entra", "members": "filter"}),
    ("some_members", STRICT, {"shown": 1}, {"members": "filter"}),
    ("late", STRICT, {"late": 1}, {}),
    ("no_marks", STRICT, {"keeps_marks": False}, {}),
]


@pytest.mark.parametrize(
    ("manners", "service_options", "options"), [row[1:] for row in STYLES], ids=[row[0] for row in STYLES]
)
def test_joins_moves_and_leaves_with_every_kind_of_service(
    manners: Manners, service_options: dict[str, Any], options: dict[str, Any]
) -> None:
    rounds = [
        (ANN, BEN, CHI),
        (replace(ANN, groups=(), title="sales"), BEN, CHI, person("U4", groups=("dev",))),
        (
            replace(ANN, groups=(), title="sales"),
            replace(BEN, active=False),
            replace(CHI, title=""),
            person("U4", groups=("dev",)),
        ),
    ]
    with scim_service(manners) as service:
        for name, value in service_options.items():
            setattr(service.groups, name, value)
        sync = sync_of(service, **options)
        sync.scope = Scope()
        for people in rounds:
            result = sync.run(*people)
            assert result.complete, [each for each in result.outcomes if each.status not in ("done", "already")]
            assert sync.plan(*people).empty
            for rule, name in zip(RULES, (DEV, SALES), strict=True):
                wanted = [each.user_name for each in people if each.active and rule.members.matches(each)]
                assert members(service, name) == wanted


def test_many_members_go_in_batches_and_one_that_is_refused_keeps_no_other_out(service: ScimService) -> None:
    crew = [person(f"V{number:03}", groups=("dev",)) for number in range(101)]
    sync = sync_of(service, RULES[:1], page_size=500)
    sync.policy = replace(sync.policy, concurrency=8)
    service.page_limit = 500
    sync.groups = ()
    sync.run(*crew)
    sync.groups = RULES[:1]
    bad = next(user["id"] for user in service.users.values() if user["userName"] == "v100")
    service.groups.refused_users = {bad}
    service.asked.clear()
    result = sync.run(*crew)
    failed = [each for each in result.outcomes if each.status == OperationStatus.FAILED]
    assert [(each.operation.key, f"there is no user {bad}".lower() in each.detail.lower()) for each in failed] == [
        ("V100", True)
    ]
    assert len(members(service, DEV)) == 100
    assert [method for method, path in service.asked if method != "GET"] == ["POST", "PATCH", "PATCH"]
    assert not result.stopped


def test_a_service_that_empties_a_group_for_one_removal_is_noticed_and_the_others_are_put_back(service: ScimService) -> None:
    crew = [person(f"V{number}", groups=("dev",)) for number in range(6)]
    sync = sync_of(service, RULES[:1])
    sync.run(*crew)
    service.groups.form = "entra"
    group_id = sync.state.groups[DEV]["id"]
    service.groups.groups[group_id]["members"].append({"value": (service.add(id="root", userName="root"))["id"]})
    result = sync.run(*(replace(each, groups=()) for each in crew[:2]), *crew[2:])
    assert "removed all 6 others. They were put back. Set group_patch_style" in result.outcomes[-1].detail
    assert statuses(result) == [OperationStatus.DONE, OperationStatus.FAILED]
    assert members(service, DEV) == ["root", "v1", "v2", "v3", "v4", "v5"]


def test_a_service_that_does_not_do_what_it_says_is_noticed(service: ScimService) -> None:
    sync = sync_of(service, RULES[:1])
    service.groups.shown = 1
    result = sync.run(ANN, BEN)
    assert "set members: filter" in result.outcomes[-1].detail
    assert result.outcomes[-1].status == OperationStatus.FAILED


def test_a_member_whose_addition_seemed_to_fail_loses_the_membership_when_the_person_moves(service: ScimService) -> None:
    sync = sync_of(service, RULES[:1])
    default, service.groups.shown = service.groups.shown, 1
    assert sync.run(ANN, BEN).outcomes[-1].status == OperationStatus.FAILED
    service.groups.shown = default
    assert members(service, DEV) == ["u1", "u2"]
    people = ANN, replace(BEN, groups=())
    assert kinds(sync.plan(*people)) == [f"remove_member U2 김 ({DEV})"]
    assert sync.run(*people).complete
    assert members(service, DEV) == ["u1"]


def test_a_group_that_others_change_at_the_same_time_is_written_with_its_new_version() -> None:
    with scim_service(TERSE) as service:
        service.groups.versions = True
        sync = sync_of(service, RULES[:1])
        sync.run(ANN)
        changes = iter([True, False])

        def change(group_id: str) -> None:
            if next(changes, False):
                service.groups.version[group_id] += 1

        service.groups.before_change = change
        result = sync.run(ANN, BEN)
        assert result.complete, result.outcomes
        assert members(service, DEV) == ["u1", "u2"]


def test_a_group_is_checked_again_right_before_it_is_written(service: ScimService) -> None:
    sync = sync_of(service, RULES[:1])
    sync.run(ANN)
    plan = sync.plan(ANN, BEN)
    (group,) = service.groups.groups.values()
    group["displayName"] = "Administrators"
    result = sync.apply(plan)
    assert "is now named 'Administrators'" in result.outcomes[-1].detail
    assert members_of(group) == [ann_id(service)]
    service.groups.groups.clear()
    assert sync.apply(plan).outcomes[-1].detail == "the group is gone"
    gone = sync.plan(replace(ANN, groups=()), groups=["dev"])
    assert not any(each.group for each in gone.writes)


def test_a_group_made_by_others_in_the_meantime_is_not_taken(service: ScimService) -> None:
    sync = sync_of(service, RULES[:1])
    plan = sync.plan(ANN)
    service.add(id="7", userName="other", active=True)
    service.groups.add(DEV, "7")
    result = sync.apply(plan)
    assert statuses(result)[1:] == [OperationStatus.FAILED, OperationStatus.NOT_TRIED]
    assert "was created in the meantime: g1. Plan again" in result.outcomes[1].detail
    assert members(service, DEV) == ["other"]


@pytest.mark.parametrize("keeps_marks", [True, False], ids=["marks", "no_marks"])
def test_a_group_whose_creation_was_lost_is_found_again(service: ScimService, keeps_marks: bool) -> None:
    service.groups.keeps_marks = keeps_marks
    sync = sync_of(service, RULES[:1])
    plan = sync.plan(ANN)
    create = service.groups._create

    def lost(sent: dict[str, Any]) -> Any:
        create(sent)
        service.groups._create = create  # type: ignore[method-assign]
        return 500, {}, ""

    service.groups._create = lost  # type: ignore[method-assign]
    assert sync.apply(plan).complete
    assert members(service, DEV) == ["u1"]
    assert sync.plan(ANN).empty


def test_groups_do_not_stop_accounts_and_are_given_up_after_a_few(service: ScimService) -> None:
    rules = tuple(GroupRule(name=f"Team {number}") for number in range(5))
    sync = sync_of(service, rules)
    plan = sync.plan(ANN, BEN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service.groups, "answer", lambda *_: (503, {}, ""))
        result = sync.apply(plan)
    assert not result.stopped
    assert len(service.users) == 2
    details = [each.detail for each in result.outcomes if each.operation.kind == OperationKind.CREATE_GROUP]
    assert all("503" in each for each in details)
    assert ["3 groups in a row failed" in each for each in details] == [False, False, False, True, True]
    assert sync.run(ANN, BEN).complete


def test_an_interrupted_run_goes_on(service: ScimService) -> None:
    sync = sync_of(service)
    plan, journal = sync.plan(ANN, BEN, CHI), MemoryJournal()
    answer, left = service.groups.answer, iter(range(8))

    def dying(*request: Any) -> Any:
        if next(left, None) is None:
            raise SystemExit
        return answer(*request)

    before = sync.state
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            service.groups, "answer", lambda *request: dying(*request) if next(left, None) is not None else (500, {}, "")
        )
        sync.apply(plan, journal)
    sync.state = before
    assert sync.apply(plan, journal).complete
    assert (members(service, DEV), members(service, SALES)) == (["u1", "u2"], ["u3"])
    assert sync.plan(ANN, BEN, CHI).empty


def test_after_the_state_was_lost_groups_with_our_mark_are_ours(service: ScimService) -> None:
    sync = sync_of(service)
    sync.run(ANN, BEN, CHI)
    sync.state, sync.policy = SyncState(), replace(sync.policy, max_unremembered=None)
    assert sync.run(replace(ANN, groups=()), BEN, CHI).complete
    assert members(service, DEV) == ["u2"]


def test_some_people_only(service: ScimService) -> None:
    sync = sync_of(service, (replace(RULES[0], others="remove"), RULES[1]))
    sync.run(ANN, BEN, CHI)
    people = replace(ANN, groups=()), BEN, CHI
    plan = sync.plan(*people, only=["U1"], groups=["dev"])
    assert kinds(plan) == [f"remove_member 안나 ({DEV})"]
    # The rule matches others, who are not planned for.
    assert not blocking_gates(evaluate(plan, replace(POLICY, max_emptied_groups=0)))
    assert sync.apply(plan).complete
    assert members(service, DEV) == ["u2"]
    people = replace(ANN, groups=()), replace(BEN, groups=()), CHI
    assert kinds(sync.plan(*people, groups=["dev"])) == [f"remove_member U2 김 ({DEV})"]


def test_an_account_that_is_gone_leaves_the_groups_and_a_group_that_is_gone_is_made_again(service: ScimService) -> None:
    sync = sync_of(service)
    sync.policy = replace(sync.policy, on_missing="delete", max_disable_percent=None)
    sync.run(ANN, BEN, CHI)
    plan = sync.plan(BEN, CHI)
    assert kinds(plan) == [f"remove_member u1 ({DEV})", "delete u1"]
    assert sync.apply(plan).complete
    service.groups.groups.pop(sync.state.groups[SALES]["id"])
    assert sync.run(BEN, CHI).complete
    assert (members(service, DEV), members(service, SALES)) == (["u2"], ["u3"])


# --- what rarely happens


def test_a_system_without_groups_says_so(service: ScimService) -> None:
    store = AccountStore()
    with pytest.raises(ValueError, match="The system has no groups"):
        Sync(store, groups=RULES[:1]).plan(ANN)
    sync = sync_of(service, RULES[:1])
    result = sync.apply(sync.plan(ANN), target=store)
    assert [each.detail for each in result.outcomes if each.operation.group] == ["the system has no groups"] * 2


@pytest.mark.parametrize(
    ("change", "status", "detail"),
    [
        ({"displayName": "Other"}, OperationStatus.DRIFTED, "is now named 'Other'"),
        ({"externalId": "okta:7"}, OperationStatus.DRIFTED, "now has the mark of okta:7"),
        ({"externalId": f"slack:T1:group:{DEV}"}, OperationStatus.ALREADY, ""),
        (None, OperationStatus.DRIFTED, "the group is gone"),
    ],
)
def test_a_group_that_changed_before_it_was_taken_over(
    service: ScimService, change: dict[str, str] | None, status: OperationStatus, detail: str
) -> None:
    sync = sync_of(service, (replace(RULES[0], adopt=True),))
    group_id = service.groups.add(DEV)
    plan = sync.plan(ANN)
    if change is None:
        del service.groups.groups[group_id]
    else:
        service.groups.groups[group_id] |= change
    (adopted,) = [each for each in sync.apply(plan).outcomes if each.operation.kind == OperationKind.ADOPT_GROUP]
    assert (adopted.status, detail in adopted.detail) == (status, True)
    assert (DEV in sync.state.groups) == (status == OperationStatus.ALREADY)


def test_a_service_that_refuses_a_mark_keeps_the_group_nevertheless(service: ScimService) -> None:
    sync = sync_of(service, (replace(RULES[0], adopt=True),))
    service.groups.add(DEV)
    stored = service.groups._stored

    def refuse(sent: dict[str, Any]) -> dict[str, Any]:
        if "externalId" in sent:
            raise GroupRefused(400, "externalId is read-only", "mutability")
        return stored(sent)

    service.groups._stored = refuse  # type: ignore[method-assign]
    result = sync.run(ANN)
    assert result.complete
    assert any("does not store a mark on groups" in each.detail for each in result.outcomes)
    assert sync.plan(ANN).empty


@pytest.mark.parametrize("style", ["rfc", "put"])
def test_a_group_that_is_deleted_while_it_is_written(service: ScimService, style: Any) -> None:
    sync = sync_of(service, RULES[:1], patch_style=style)
    sync.run(ANN)
    plan = sync.plan(ANN, BEN)
    answer = service.groups.answer

    def vanish(method: str, path: list[str], *rest: Any) -> Any:
        answered = answer(method, path, *rest)
        if len(path) == 2:
            service.groups.groups.clear()
        return answered

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service.groups, "answer", vanish)
        result = sync.apply(plan)
    assert result.outcomes[-1].status == OperationStatus.FAILED
    assert not result.stopped


def test_a_refused_credential_for_groups_ends_them_and_not_the_accounts(service: ScimService) -> None:
    sync = sync_of(service)
    plan = sync.plan(ANN, BEN, CHI, groups=["dev"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service.groups, "answer", lambda *_: (401, {}, ""))
        result = sync.apply(plan)
    assert len(service.users) == 3
    assert not result.stopped
    assert {each.status for each in result.outcomes if each.operation.group} == {"failed", "not_tried"}


def test_the_states_of_two_runs_are_merged(service: ScimService) -> None:
    sync = sync_of(service)
    first = sync.run(ANN, BEN, CHI)
    assert first.state is not None
    other = replace(first.state, groups={DEV: {"id": "g9", "members": ["x"]}, "Other": {"id": "g7", "members": []}})
    merged = merge_state(first.state, other, first.outcomes)
    assert merged.groups == {**first.state.groups, "Other": {"id": "g7", "members": []}}
    left = [replace(each, status=OperationStatus.FAILED) for each in first.outcomes]
    assert merge_state(SyncState(), other, left).groups == {"Other": {"id": "g7", "members": []}}
