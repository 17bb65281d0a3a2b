from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from support.account_store import AccountStore
from support.people import BASIC, DAY, POLICY, SOURCE, Sync, directory, person
from workplace_provider.identity import (
    Account,
    AttributeMap,
    Capabilities,
    Directory,
    Identity,
    MemberKind,
    Operation,
    OperationKind,
    Plan,
    Scope,
    SyncPolicy,
    SyncState,
    lookups,
    make_plan,
)

ANN = person("Ann")


def account(user_name: str, key: str = "", **given: Any) -> Account:
    return Account(
        id=f"id-{user_name}",
        user_name=user_name,
        external_id=f"{SOURCE}:{key}" if key else given.pop("external_id", ""),
        emails=given.pop("emails", (f"{user_name}@example.com",)),
        attributes={"displayName": given.pop("name", f"{key} 김")},
        **given,
    )


def plan_of(*people: Identity, accounts: list[Account] | None = None, **given: Any) -> Plan:
    scope, policy = given.pop("scope", Scope()), given.pop("policy", POLICY)
    return make_plan(directory(*people), accounts or [], given.pop("mapping", BASIC), scope, policy, **given)


def only(plan: Plan) -> Operation:
    (operation,) = plan.operations
    return operation


def said(plan: Plan) -> dict[str, tuple[str, str]]:
    return {each.key: (each.kind.value, each.reason) for each in plan.operations}


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (person("USLACKBOT", kind=MemberKind.SLACKBOT, email=""), "kind:slackbot"),
        (person("B1", kind=MemberKind.BOT, email=""), "kind:bot"),
        (person("A1", kind=MemberKind.APP), "kind:app"),
        (person("W1", kind=MemberKind.WORKFLOW_BOT), "kind:workflow_bot"),
        (person("S1", kind=MemberKind.STRANGER), "kind:stranger"),
        (person("I1", kind=MemberKind.INVITED), "kind:invited"),
        (person("G1", kind=MemberKind.GUEST), "guest"),
        (person("G2", kind=MemberKind.SINGLE_CHANNEL_GUEST), "guest"),
        (person("X1", email_confirmed=False), "email_unconfirmed"),
        (person("N1", user_name=""), "missing:userName"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.key,
)
def test_who_gets_no_account_and_why(member: Identity, reason: str) -> None:
    operation = only(plan_of(member))
    assert (operation.kind, operation.reason) == (OperationKind.SKIP, reason)


def test_somebody_deactivated_without_an_account_is_not_spoken_of() -> None:
    # Of these Slack sends neither name nor address.
    assert plan_of(person("U1", active=False, user_name="", email="", display_name="")).operations == ()


def test_a_guest_who_becomes_a_member_is_enabled_again() -> None:
    known = account("ann", "Ann")
    as_guest = plan_of(replace(ANN, kind=MemberKind.GUEST), accounts=[known])
    assert said(as_guest) == {"Ann": ("disable", "guest")}
    back = plan_of(ANN, accounts=[replace(known, active=False)])
    assert said(back) == {"Ann": ("enable", "returned")}


def test_an_address_that_is_not_confirmed_any_more_keeps_the_account_as_it_is() -> None:
    doubtful = replace(ANN, email_confirmed=False, display_name="Somebody else", email="else@example.com")
    assert said(plan_of(doubtful, accounts=[account("ann", "Ann")])) == {"Ann": ("noop", "email_unconfirmed")}
    # An account that only has the same address is not taken over by it.
    assert said(plan_of(doubtful, accounts=[account("else")])) == {"Ann": ("skip", "email_unconfirmed")}


def test_two_people_with_the_same_local_part_get_no_account_by_chance() -> None:
    local = (AttributeMap("userName", "email|lower|localpart", required=True),)
    one, other = person("U1", email="ann@a.com"), person("U2", email="Ann@b.com")
    plan = plan_of(one, other, mapping=local)
    assert said(plan) == {"U1": ("conflict", "user_name_shared"), "U2": ("conflict", "user_name_shared")}
    assert plan.empty
    # Who has the account keeps it; the newcomer waits for a person to decide.
    plan = plan_of(one, other, mapping=local, accounts=[account("ann", "U1")])
    assert said(plan) == {"U1": ("noop", ""), "U2": ("conflict", "identity_contradicts")}


def test_marks_are_compared_to_the_letter() -> None:
    # RFC 7643 3.1: an externalId is case-exact, other than a userName.
    upper, lower = person("U1a", user_name="x"), person("U1A", user_name="y")
    known = [account("x", "U1a", name="U1a 김"), account("y", "U1A", name="U1A 김")]
    assert {each.key: each.account_id for each in plan_of(upper, lower, accounts=known).operations} == {
        "U1a": "id-x",
        "U1A": "id-y",
    }


def test_two_hits_are_a_conflict_and_never_a_guess() -> None:
    same = [account("one", emails=("ann@example.com",)), account("two", emails=("x@y.z", "ANN@example.com"))]
    operation = only(plan_of(ANN, accounts=same))
    assert (operation.kind, operation.reason) == (OperationKind.CONFLICT, "several_accounts")
    assert "id-one, id-two" in operation.detail


def test_an_account_that_fits_two_people_goes_to_neither() -> None:
    people = (person("U1", user_name="x", email="shared@example.com"), person("U2", email="shared@example.com"))
    plan = plan_of(*people, accounts=[account("shared", emails=("shared@example.com",))])
    assert said(plan) == {
        "U1": ("conflict", "account_of_several_people"),
        "U2": ("conflict", "account_of_several_people"),
    }


def test_attributes_are_tried_in_their_order() -> None:
    by_name, by_mail = account("ann", emails=()), account("other", emails=("ann@example.com",))
    assert only(plan_of(ANN, accounts=[by_name, by_mail])).account_id == "id-ann"
    policy = replace(POLICY, match_on=("emails.value", "userName"))
    assert said(plan_of(ANN, accounts=[by_name, by_mail], policy=policy)) == {"Ann": ("link", "matched_by:emails.value")}


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (account("ann", external_id="okta:7"), ("conflict", "account_of_another")),
        (account("ann", "Gone"), ("conflict", "account_of_another")),
        (account("ann", admin=True), ("skip", "administrator")),
        (account("ann", active=False), ("conflict", "disabled_by_others")),
    ],
    ids=["another_sync", "somebody_who_left", "administrator", "disabled"],
)
def test_what_is_never_linked(there: Account, expected: tuple[str, str]) -> None:
    plan = plan_of(ANN, accounts=[there], policy=replace(POLICY, on_missing="ignore"))
    assert said(plan)["Ann"] == expected


def test_matched_accounts_of_another_sync_are_kept_in_step_and_keep_their_mark() -> None:
    foreign = account("ann", external_id="okta:7", name="old")
    plan = plan_of(ANN, accounts=[foreign], policy=replace(POLICY, manage="matched"))
    (update,) = plan.writes
    assert {change.field: change.after for change in update.changes} == {"displayName": "Ann 김"}
    assert plan.summary.managed == 1


@pytest.mark.parametrize("manage", ["matched", "all"])
def test_a_leaver_takes_no_account_away_that_is_also_another_s(manage: str) -> None:
    policy = replace(POLICY, manage=manage, on_missing="delete")  # type: ignore[arg-type]
    gone = person("Gone", user_name="ann", active=False)
    plan = plan_of(ANN, gone, accounts=[account("ann")], policy=policy)
    assert said(plan) == {
        "Ann": ("link", "matched_by:userName"),
        "Gone": ("conflict", "identity_contradicts"),
    }
    # With the account of the same name gone, the one of the same address would be next.
    two = [account("gone", emails=()), account("other", emails=("gone@example.com",))]
    leaver = person("Gone", active=False)
    assert said(plan_of(ANN, leaver, accounts=two, policy=policy))["Gone"] == ("conflict", "several_accounts")


def test_with_all_accounts_managed_a_stray_is_missing_and_the_gates_count_it() -> None:
    stray = account("stray", external_id="okta:7")
    assert plan_of(ANN, accounts=[stray]).summary.foreign == 1
    assert not plan_of(ANN, accounts=[stray]).of_kind(OperationKind.DISABLE)
    assert [each.account_id for each in plan_of(ANN, accounts=[stray], policy=replace(POLICY, manage="all")).writes] == [
        "id-stray",
        "",
    ]


def test_an_administrator_who_leaves_is_left_to_a_person() -> None:
    plan = plan_of(replace(ANN, active=False), accounts=[account("ann", "Ann", admin=True)])
    assert said(plan) == {"Ann": ("skip", "administrator")}


@pytest.mark.parametrize("protect", ["ann@example.com", "ANN", "id-ann", r"a.*@example\.com", f"{SOURCE}:Ann"])
def test_protected_accounts_are_never_touched(protect: str) -> None:
    scope = Scope(protect=(protect,))
    assert said(plan_of(replace(ANN, active=False), accounts=[account("ann", "Ann")], scope=scope)) == {
        "Ann": ("skip", "protected")
    }
    assert plan_of(accounts=[account("ann", "Ann")], scope=scope).empty


def test_an_address_with_a_plus_protects_itself() -> None:
    assert Scope(protect=("ann+bot@example.com",)).protects(identity=person("X", email="Ann+Bot@example.com"))


def test_absence_is_believed_after_as_many_runs_as_the_policy_says() -> None:
    policy, known, state = replace(POLICY, disable_grace=3), [account("ann", "Ann")], SyncState()
    reasons = []
    for _ in range(3):
        plan = plan_of(person("Ben"), accounts=known, policy=policy, previous=state)
        state = plan.state
        reasons += [each.reason for each in plan.operations if each.account_id]
    assert reasons == ["grace:absent", "grace:absent", "absent"]
    # Who comes back in between is counted from the beginning.
    again = plan_of(ANN, accounts=known, policy=policy, previous=SyncState(absent={f"{SOURCE}:Ann": 2}))
    assert again.state.absent == {}
    # Who is said to be deactivated is believed at once.
    assert said(plan_of(replace(ANN, active=False), accounts=known, policy=policy)) == {"Ann": ("disable", "deactivated")}


def test_a_disabled_account_is_deleted_when_its_time_has_come() -> None:
    policy = replace(POLICY, delete_after=timedelta(days=30))
    store = AccountStore.of([account("ann", "Ann")])
    sync = Sync(store, policy=policy, state=SyncState(links={ANN.external_id: "id-ann"}))
    gone = replace(ANN, active=False)
    sync.run(gone, person("Ben"))
    assert sync.plan(gone, person("Ben"), taken_at=DAY + timedelta(days=29)).empty
    later = sync.plan(gone, person("Ben"), taken_at=DAY + timedelta(days=30))
    assert [(each.kind, each.reason) for each in later.writes] == [(OperationKind.DELETE, "disabled_since:2026-11-23")]
    # An account that somebody else disabled is never deleted.
    fresh = plan_of(gone, accounts=[account("ann", "Ann", active=False)], policy=policy)
    assert fresh.empty


def test_only_one_person_can_be_planned_for() -> None:
    known = [account("ann", "Ann", name="old"), account("gone", "Gone")]
    plan = plan_of(ANN, person("Ben"), accounts=known, only=["ANN@example.com"])
    assert said(plan) == {"Ann": ("update", "")}
    with pytest.raises(ValueError, match=r"no person 'nobody@example\.com'"):
        plan_of(ANN, only=["nobody@example.com"])


def test_what_a_person_has_not_clears_nothing() -> None:
    assert said(plan_of(replace(ANN, display_name="", email=""), accounts=[account("ann", "Ann")])) == {"Ann": ("noop", "")}


def test_when_an_attribute_is_written() -> None:
    def planned(on: str, before: str) -> bool:
        mapping = (AttributeMap("displayName", "display_name", on=on),)  # type: ignore[arg-type]
        return not plan_of(ANN, accounts=[account("ann", "Ann", name=before)], mapping=mapping).empty

    assert [planned(on, "old") for on in ("always", "create", "empty")] == [True, False, False]
    assert [planned(on, "") for on in ("always", "create", "empty")] == [True, False, True]


def test_what_a_system_cannot_do_is_said_and_not_planned() -> None:
    can = Capabilities(create=False, update=False, enable=False, disable=False)
    known = [account("ben", "Ben", name="old"), account("eva", "Eva", active=False), account("zoe", "Zoe")]
    people = (ANN, person("Ben"), person("Eva"), person("Zoe", active=False))
    plan = plan_of(*people, accounts=known, capabilities=can)
    assert [each.reason for each in plan.operations] == ["cannot_create", "cannot_update", "cannot_enable", "cannot_disable"]


def test_a_rename_to_a_name_that_is_taken_is_a_conflict() -> None:
    mapping = (AttributeMap("userName", "user_name"),)
    known = [account("ann", "Ann"), account("zoe", external_id="okta:1")]
    plan = plan_of(replace(ANN, user_name="ZOE"), accounts=known, mapping=mapping)
    assert said(plan) == {"Ann": ("conflict", "user_name_taken")}


def test_links_are_remembered_for_a_system_that_keeps_no_marks() -> None:
    store = AccountStore.of([account("ann")], capabilities=Capabilities(external_id=False))
    sync = Sync(store)
    sync.run(ANN, person("Ben"))
    assert set(sync.state.links) == {f"{SOURCE}:Ann", f"{SOURCE}:Ben"}
    # Found by the link although nothing else is the same any more.
    changed = replace(ANN, user_name="x", email="y@example.com")
    assert [each.kind for each in sync.plan(changed, person("Ben")).writes] == [OperationKind.UPDATE]
    assert SyncState.from_json(sync.state.to_json()) == sync.state
    with pytest.raises(ValueError, match="not the state of a sync"):
        SyncState.from_json('{"other": 1}')


def test_whom_to_look_up_where_accounts_cannot_be_listed() -> None:
    gone, bot = person("Eva", active=False), person("B1", kind=MemberKind.BOT)
    state = SyncState(links={f"{SOURCE}:Old": "id-7"})
    asked = lookups(directory(ANN, gone, bot), BASIC, Scope(), SyncPolicy(), state)
    assert [[(key.attribute, key.value) for key in lookup] for lookup in asked] == [
        [("externalId", "slack:T1:Ann"), ("userName", "ann"), ("emails.value", "ann@example.com")],
        [("externalId", "slack:T1:B1")],
        [("externalId", "slack:T1:Eva")],
        [("id", "id-7")],
    ]


def test_a_directory_is_checked() -> None:
    with pytest.raises(ValueError, match="two members with the key Ann"):
        directory(ANN, ANN)
    with pytest.raises(ValueError, match="does not begin with slack:T2:"):
        directory(ANN, source="slack:T2")
    with pytest.raises(ValueError, match="time zone"):
        directory(ANN, taken_at=DAY.replace(tzinfo=None))
    one: Directory = directory(ANN, person("Ben"))
    assert one.sha256 == directory(person("Ben"), ANN, taken_at=DAY + timedelta(days=1)).sha256
    assert one.sha256 != directory(ANN, person("Ben", title="x")).sha256


@pytest.mark.parametrize(
    "scope",
    [
        Scope(domains=("@Example.com",)),
        Scope(groups=("eng",)),
        Scope(include="'engineer' in title|lower"),
        Scope(include=lambda identity: identity.key == "In"),
    ],
    ids=["domain", "group", "expression", "function"],
)
def test_a_scope_by_domain_group_and_expression(scope: Scope) -> None:
    inside = person("In", groups=("eng", "all"), title="Senior Engineer")
    outside = person("Out", email="out@sub.example.com", title="Sales")
    plan = plan_of(inside, outside, scope=scope)
    assert [each.kind for each in plan.operations] == [OperationKind.CREATE, OperationKind.SKIP]


def test_a_scope_that_cannot_be_read_says_so() -> None:
    with pytest.raises(ValueError, match="include"):
        Scope(include="title ==")
    with pytest.raises(ValueError, match="'titel' is undefined"):
        plan_of(ANN, scope=Scope(include="titel == 'x'"))
    with pytest.raises(ValueError, match="protect"):
        Scope(protect=("(",))
    with pytest.raises(ValueError, match=r"domains is .*; it must be a list"):
        Scope(domains="example.com")  # type: ignore[arg-type]
