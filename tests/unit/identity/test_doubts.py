"""What a directory, a system or an older run says is doubted before anyone's account is touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.account_store import AccountStore
from support.people import BASIC, POLICY, SOURCE, Sync, directory, person
from workplace_provider.identity import (
    Account,
    AttributeMap,
    Capabilities,
    Identity,
    Lookup,
    MemoryJournal,
    OperationKind,
    OperationStatus,
    Plan,
    PlanRefused,
    Scope,
    SyncPolicy,
    SyncState,
    TargetError,
    apply_plan,
    blocking_gates,
    diff_plans,
    evaluate,
    make_plan,
    merge_state,
    read_accounts,
)
from workplace_provider.identity.privilege import grants_rights, is_admin_value
from workplace_provider.identity.text import fold_case, fold_strictly

ANN, BEN, EVA = person("Ann"), person("Ben"), person("Eva")
CREW = tuple(person(f"U{number:02}") for number in range(20))


def account(user_name: str, *emails: str, **more: Any) -> Account:
    return Account(id=f"id-{user_name}", user_name=user_name, emails=emails, **more)


def plan_of(*people: Identity, accounts: Sequence[Account] = (), **more: Any) -> Plan:
    mapping, policy = more.pop("mapping", BASIC), more.pop("policy", POLICY)
    return make_plan(directory(*people), accounts, mapping, more.pop("scope", Scope()), policy, **more)


def kinds(plan: Plan) -> dict[str, str]:
    return {each.key: each.kind.value for each in plan.operations}


def closed(plan: Plan, policy: SyncPolicy = POLICY) -> list[str]:
    return [each.gate for each in blocking_gates(evaluate(plan, policy))]


# --- whose account it is


@pytest.mark.parametrize(
    "present",
    [
        account("ann", "root@example.com"),
        account("ANN", "root@example.com", "other@example.com"),
        account("boss@example.com", "ann@example.com"),
        account("ben", "ann@example.com"),
    ],
    ids=["another_address", "another_case", "name_is_an_address", "name_of_another_person"],
)
def test_an_account_that_another_attribute_contradicts_is_a_conflict(present: Account) -> None:
    plan = plan_of(ANN, BEN, accounts=[present])
    assert kinds(plan)["Ann"] == "conflict"
    assert plan.empty or all(each.account_id != present.id for each in plan.writes)


@pytest.mark.parametrize("manage", ["matched", "all"])
def test_a_leaver_who_only_shares_a_name_takes_no_account_away(manage: str) -> None:
    gone = replace(ANN, active=False)
    policy = replace(POLICY, manage=manage)  # type: ignore[arg-type]
    plan = plan_of(gone, accounts=[account("ann", "root@example.com")], policy=policy)
    assert kinds(plan) == {"Ann": "conflict"}


def test_a_link_that_changes_the_address_waits_for_a_person() -> None:
    plan = plan_of(ANN, accounts=[account("ann")])
    (link,) = plan.of_kind(OperationKind.LINK)
    assert ("emails.value", None, "ann@example.com") in [(each.field, each.before, each.after) for each in link.changes]
    assert closed(plan) == ["max_identity_links"]
    assert closed(plan, replace(POLICY, max_identity_links=1)) == []


def test_an_account_of_another_address_that_appears_later_is_left_alone() -> None:
    store = AccountStore()
    sync = Sync(store)
    plan = sync.plan(ANN)
    store.accounts["x"] = account("ann", "root@example.com")
    (outcome,) = sync.apply(plan).outcomes
    assert (outcome.status, store.accounts["x"].emails) == (OperationStatus.FAILED, ("root@example.com",))


@pytest.mark.parametrize(
    ("one", "other"),
    [("ſupport", "support"), ("\u212aim", "kim"), ("straße", "strasse"), ("ﬁn", "fin"), ("İ", "i"), ("\u212bse", "åse")],
)
def test_letters_that_only_unicode_folds_are_other_letters(one: str, other: str) -> None:
    assert fold_case(one) != fold_case(other)
    plan = plan_of(person("X", user_name=one, email=f"{one}@example.com"), accounts=[account(other, f"{other}@example.com")])
    assert kinds(plan) == {"X": "create"}


@pytest.mark.parametrize(("one", "other"), [("ANN", "ann"), ("ÅSE", "åse"), ("ΣΟΦΊΑ", "σοφία"), ("ЕВА", "ева")])
def test_case_is_none_in_any_script(one: str, other: str) -> None:
    assert fold_case(one) == fold_case(other)


@given(st.text(max_size=8))
def test_folding_never_makes_a_letter_of_another_script(text: str) -> None:
    if not text.isascii():
        assert not fold_case(text).isascii() or text.strip().isascii()


def test_what_is_protected_is_so_however_it_is_written() -> None:
    assert fold_strictly("ＲＯＯＴ") == "root"
    assert Scope(protect=("root",)).protects(account=account("Ｒoot"))


# --- rights


@pytest.mark.parametrize(
    "name",
    [
        "role",
        "roles.value",
        "groupIds",
        "userType",
        "is_staff",
        "isStaff",
        "관리자",
        "管理者",
        "ｒｏｌｅ",
        "ＲＯＬＥ",
        "accessLevel",
    ],
)
def test_attributes_that_grant_rights(name: str) -> None:
    assert grants_rights(name)


@pytest.mark.parametrize("name", ["title", "displayName", "name.givenName", "timezone", "locale", "userName", "staffNumber"])
def test_attributes_that_grant_none(name: str) -> None:
    assert not grants_rights(name)


@pytest.mark.parametrize("title", ["ADMIN", "관리자", "管理者", "ＡＤＭＩＮ", "agent", "Agent ", "AGENT\u200b"])
def test_a_value_that_is_not_in_the_allow_list_is_a_conflict(title: str) -> None:
    mapping = (*BASIC, AttributeMap("role", "title", allow=("AGENT",)))
    plan = plan_of(replace(ANN, title=title), replace(BEN, title="AGENT"), mapping=mapping)
    assert kinds(plan) == {"Ben": "create", "Ann": "conflict" if title.strip() != "AGENT" else "create"}


def test_roles_of_administrators_are_known_in_other_languages() -> None:
    assert all(map(is_admin_value, ["Site Administrator", "관리자", "管理者", "ＡＤＭＩＮ", "superUser", ["x", "root"]]))
    assert not any(map(is_admin_value, ["Analyst", "분석가", "badminton", 1, None]))


# --- lists that are short, empty, or cannot be read


class Short(AccountStore):
    """Lists no more than its first accounts, and says that these are all; each can be looked up."""

    longest = 10
    broken = False

    def read(self, lookups: Sequence[Lookup] | None = None) -> list[Account]:
        if lookups is None and self.broken:
            raise TargetError("the list breaks off")
        return super().read(lookups) if lookups is not None else super().read()[: self.longest]


def doubting(sync: Sync, *people: Identity) -> Any:
    """A run as the operator does it."""
    there = directory(*people)
    reading = read_accounts(sync.target, there, sync.mapping, sync.scope, sync.policy, sync.state)
    plan = make_plan(
        there,
        reading.accounts,
        sync.mapping,
        sync.scope,
        sync.policy,
        previous=sync.state,
        capabilities=sync.target.capabilities,
        gone=reading.gone,
        unreadable=reading.unreadable,
    )
    return sync.apply(plan)


def test_a_list_that_is_cut_short_changes_nothing() -> None:
    store = Short()
    sync = Sync(store)
    assert sync.run(*CREW).complete
    store.written.clear()
    people = list(CREW)
    people[15] = replace(people[15], email="married@example.com", display_name="Married")
    people[16] = replace(people[16], active=False)
    result = doubting(sync, *people)
    assert result.complete, result.outcomes
    assert sorted(kind for kind, _ in store.written) == ["disable", "update"]
    assert len(store.accounts) == 20
    assert not next(each for each in store.accounts.values() if each.user_name == "u16").active
    assert len(sync.state.links) == 20


def test_without_looking_up_a_gate_closes_and_the_leaver_goes_all_the_same() -> None:
    store = Short()
    sync = Sync(store)
    sync.run(*CREW)
    people = [*CREW[:15], replace(CREW[15], active=False), *CREW[16:]]
    result = sync.run(*people)
    assert [each.gate for each in result.blocked] == ["max_managed_drop_percent"]
    assert "read: lookup" in result.blocked[0].sentence
    assert [(each.operation.key, each.status) for each in result.outcomes] == [("U15", OperationStatus.DONE)]
    assert len(store.accounts) == 20
    assert not sync.plan(*people).leavers


def test_a_list_that_breaks_off_keeps_no_leaver_and_touches_no_one_else() -> None:
    store = Short()
    sync = Sync(store)
    sync.run(*CREW)
    store.broken = True
    store.written.clear()
    result = doubting(sync, replace(CREW[0], active=False), *CREW[2:], person("New"))
    assert [each.gate for each in result.blocked] == ["target_readable"]
    assert [kind for kind, _ in store.written] == ["disable"]
    with pytest.raises(TargetError):
        doubting(Sync(store), *CREW)


@pytest.mark.parametrize("broken", [False, True], ids=["short_list", "no_list"])
def test_an_account_that_cannot_be_looked_up_keeps_no_other_leaver(broken: bool) -> None:
    class Failing(Short):
        unreadable = ""

        def read(self, lookups: Sequence[Lookup] | None = None) -> list[Account]:
            if any(key.value == self.unreadable for lookup in lookups or () for key in lookup):
                raise TargetError("the account cannot be read")
            return super().read(lookups)

    store = Failing()
    sync = Sync(store)
    sync.run(*CREW)
    accounts = {each.user_name: each for each in store.accounts.values()}
    store.unreadable, store.broken = accounts["u15"].id, broken
    people = [replace(each, active=each.key not in ("U15", "U16")) for each in CREW]
    result = doubting(sync, *people)
    assert [each.gate for each in result.blocked] == ["target_readable"]
    assert {each.operation.key: each.status for each in result.outcomes} == {
        "U15": OperationStatus.FAILED,
        "U16": OperationStatus.DONE,
    }
    # The other one is not forgotten.
    store.unreadable, store.broken = "", False
    assert [each.operation.key for each in doubting(sync, *people).outcomes] == ["U15"]


def test_leavers_whose_response_was_lost_do_not_fill_the_limit_of_a_later_day() -> None:
    """``disabled_at`` has only accounts whose disabling this sync saw succeed, because ``delete_after`` counts from there.

    The response to a write may be lost, and the account may not be readable afterwards. Then the outcome is a failure, and
    the next run finds the account disabled, by whom it does not know: there is nothing to do, and nothing to record. So a
    leaver of long ago can be missing in ``disabled_at``. When the list is short and a look-up fails, such an account must
    be read all the same: otherwise it counts as one to disable, and ``max_disable`` blocks the leavers of the day.
    """

    class Losing(Short):
        unreadable: frozenset[str] = frozenset()

        def read(self, lookups: Sequence[Lookup] | None = None) -> list[Account]:
            if any(key.value in self.unreadable for lookup in lookups or () for key in lookup):
                raise TargetError("the account cannot be read")
            return super().read(lookups)

    store = Losing()
    sync = Sync(store, policy=replace(POLICY, max_disable=2))
    sync.run(*CREW)
    ids = {account.user_name: account.id for account in store.accounts.values()}

    def lose_response(account_id: str) -> None:
        store.unreadable |= {account_id}
        raise TargetError("the connection broke", outcome_unknown=True)

    store.after_write = lose_response
    people = [replace(identity, active=identity.key not in ("U17", "U18")) for identity in CREW]
    assert {outcome.status for outcome in doubting(sync, *people).outcomes} == {OperationStatus.FAILED}
    assert not any(store.accounts[ids[name]].active for name in ("u17", "u18"))

    store.unreadable, store.after_write = frozenset(), lambda _: None
    assert doubting(sync, *people).writes == 0
    assert sync.state.disabled_at == {}

    store.unreadable = frozenset({ids["u15"]})
    people[16] = replace(people[16], active=False)
    result = doubting(sync, *people)
    assert [verdict.gate for verdict in result.blocked] == ["target_readable"]
    assert [(outcome.operation.key, outcome.status) for outcome in result.outcomes] == [("U16", OperationStatus.DONE)]


@pytest.mark.parametrize("number", [1, 3, 20])
def test_a_system_that_is_empty_closes_a_gate(number: int) -> None:
    sync = Sync(AccountStore())
    sync.run(*CREW[:number])
    sync.target = AccountStore()
    result = sync.run(*CREW[:number])
    assert [each.gate for each in result.blocked] == ["max_managed_drop_percent"]
    assert doubting(sync, *CREW[:number]).blocked
    assert sync.target.accounts == {}


def test_an_orphan_is_found_although_another_person_has_the_name() -> None:
    ours = account("ann", "ann@example.com", external_id=f"{SOURCE}:OLD")
    plan = plan_of(ANN, accounts=[ours])
    assert {each.external_id: each.kind.value for each in plan.operations} == {
        ANN.external_id: "conflict",
        f"{SOURCE}:OLD": "disable",
    }


# --- leavers first


def test_leavers_pass_while_others_wait_and_come_before_them() -> None:
    store = AccountStore()
    sync = Sync(store)
    sync.run(ANN, BEN)
    sync.policy = replace(POLICY, max_create=0)
    result = sync.run(ANN, replace(BEN, active=False), EVA)
    assert [each.gate for each in result.blocked] == ["max_create"]
    assert [each.operation.key for each in result.outcomes] == ["Ben"]
    assert not sync.account("ben").active
    assert sync.state.disabled_at
    assert sync.state.source_users == 2
    # Beyond their own limit they wait for a person, too.
    sync.policy = replace(POLICY, max_disable=0)
    assert sync.run(replace(ANN, active=False), replace(BEN, active=False)).outcomes == ()


def test_leavers_that_fail_and_joiners_that_fail_do_not_keep_each_other() -> None:
    store = AccountStore()
    sync = Sync(store)
    sync.run(*CREW)

    def refuse(whom: str) -> None:
        if whom.startswith("v"):
            raise TargetError("no seats left")

    store.before_write = refuse
    joiners = [person(f"V{number:02}") for number in range(20)]
    people = [replace(each, active=False) for each in CREW[:10]] + [*CREW[10:], *joiners]
    result = sync.run(*people)
    assert result.quarantine
    assert sum(not each.active for each in store.accounts.values()) == 10
    # A quarantine lets the next leaver through, and ends by itself.
    people[10] = replace(people[10], active=False)
    sync.run(*people)
    assert sum(not each.active for each in store.accounts.values()) == 11
    store.before_write = lambda _: None
    assert sync.run(*people).complete
    assert (sync.state.quarantined, len(store.accounts)) == ("", 40)


def test_a_system_that_lies_about_a_deactivation_is_not_believed() -> None:
    class Lying(AccountStore):
        def set_active(self, account_id: str, active: bool, version: str = "") -> Account:
            return self.accounts[account_id]

    sync = Sync(Lying())
    sync.run(ANN)
    (outcome,) = sync.run(replace(ANN, active=False)).outcomes
    assert outcome.status == OperationStatus.FAILED
    assert "still" in outcome.detail or "is active" in outcome.detail


# --- one memory, one writer


def test_an_older_plan_is_refused_after_a_newer_run() -> None:
    store = AccountStore()
    sync = Sync(store)
    sync.run(ANN, BEN)
    old = sync.plan(ANN, replace(BEN, active=False))
    sync.run(ANN, BEN)
    store.written.clear()
    with pytest.raises(PlanRefused, match="another run has written"):
        sync.apply(old, current=sync.state)
    assert store.written == []
    fresh = sync.plan(ANN, replace(BEN, active=False))
    assert fresh.fingerprint == old.fingerprint
    assert sync.apply(fresh, current=sync.state).complete
    # The run that saved the memory may go on.
    assert apply_plan(
        fresh,
        store,
        journal=MemoryJournal(),
        policy=POLICY,
        mapping=BASIC,
        current=sync.state,
        now=lambda: fresh.taken_at,
    ).complete


def test_two_runs_at_once_keep_both_memories() -> None:
    mine = SyncState(generation=4, links={"slack:T1:A": "1"}, disabled_at={"slack:T1:B": "2026-11-30"})
    other = SyncState(generation=5, links={"slack:T1:C": "3"}, quarantined="half of it failed")
    plan = plan_of(person("A"))
    outcome = type("Outcome", (), {"operation": plan.operations[0]})
    merged = merge_state(mine, other, [outcome])  # type: ignore[list-item]
    assert merged.links == {"slack:T1:A": "1", "slack:T1:C": "3"}
    assert (merged.generation, merged.quarantined) == (6, "half of it failed")


def test_a_memory_of_the_first_format_is_read_and_one_of_a_newer_is_refused() -> None:
    old = SyncState.from_json(
        '{"absent": {}, "disabled_at": {}, "links": {"slack:T1:A": "1"}, "source_users": 3, "quarantined": ""}'
    )
    assert (old.links, old.source_users, old.generation) == ({"slack:T1:A": "1"}, 3, 0)
    assert SyncState.from_json(old.to_json()) == old
    with pytest.raises(ValueError, match="format 4"):
        SyncState.from_json('{"version": 4}')


def test_the_difference_of_two_plans_is_for_people() -> None:
    assert diff_plans(plan_of(ANN, BEN), plan_of(ANN, EVA)) == "no longer: create Ben 김; new: create Eva 김"


# --- what a system does not keep


class Forgetful(AccountStore):
    """Stores no display names, writes titles in capitals, and keeps no marks."""

    lost: tuple[str, ...] = ("displayName",)

    def create(self, values: Any, secrets: Any) -> Account:
        return super().create(self._kept(values), secrets)

    def update(self, account_id: str, values: Any, version: str = "") -> Account:
        return super().update(account_id, self._kept(values), version)

    def _kept(self, values: Any) -> dict[str, Any]:
        return {name: value.upper() if name == "title" else value for name, value in values.items() if name not in self.lost}


@pytest.mark.parametrize("lost", [("displayName",), ("displayName", "externalId")], ids=["attribute", "mark"])
def test_what_a_system_does_not_keep_is_reported_once_and_left_alone(lost: tuple[str, ...]) -> None:
    store = Forgetful()
    store.lost = lost
    sync = Sync(store, (*BASIC, AttributeMap("title", "title")))
    people = [replace(each, title="Analyst") for each in CREW]
    first = sync.run(*people)
    assert first.learned == lost
    second = sync.run(*people)
    assert (second.learned, second.writes) == ((), 0)
    people[3] = replace(people[3], active=False)
    people[4] = replace(people[4], title="Engineer")
    store.written.clear()
    assert sync.run(*people).complete
    assert [kind for kind, _ in store.written] == ["disable", "update"]
    assert sync.plan(*people).empty


def test_an_attribute_that_a_system_refuses_does_not_keep_the_others() -> None:
    class Strict(AccountStore):
        def update(self, account_id: str, values: Any, version: str = "") -> Account:
            if "title" in values:
                raise TargetError("Not Implemented", invalid=True, unsupported=True)
            return super().update(account_id, values, version)

    store = Strict()
    sync = Sync(store, (*BASIC, AttributeMap("title", "title")))
    sync.run(ANN)
    changed = replace(ANN, title="Analyst", display_name="Ann 박")
    assert sync.run(changed).complete
    assert sync.account("ann").attributes["displayName"] == "Ann 박"
    assert sync.plan(changed).empty


# --- scope, and a workspace that joins an organization


def moved(identity: Identity, **changes: Any) -> Identity:
    return replace(identity, external_id=identity.external_id.replace("slack:T1:U", "slack:E1:W"), **changes)


@pytest.mark.parametrize("marks", [True, False], ids=["marks", "links"])
@pytest.mark.parametrize("keys", [True, False], ids=["same_ids", "other_ids"])
def test_new_marks_are_a_planned_migration_that_a_person_approves(marks: bool, keys: bool) -> None:
    store = AccountStore(capabilities=Capabilities(external_id=marks))
    sync = Sync(store)
    sync.run(*CREW)
    people = [moved(each) if keys else moved(each, key=each.key.replace("U", "W")) for each in CREW]
    people[3] = replace(people[3], active=False)
    plan = sync.plan(*people, source="slack:E1")
    assert closed(plan) == ["max_migrations"]
    result = sync.apply(plan)
    assert [each.operation.key for each in result.outcomes] == [people[3].key]
    assert not sync.account("u03").active
    plan = sync.plan(*people, source="slack:E1")
    assert sync.apply(plan, approved=plan.digest).complete
    assert len(store.accounts) == 20
    if marks:
        assert sync.account("u04").external_id == "slack:E1:W04"
    again = sync.plan(*people, source="slack:E1")
    assert again.empty, again.operations
    people[5] = replace(people[5], active=False)
    assert sync.apply(sync.plan(*people, source="slack:E1")).complete
    assert not sync.account("u05").active


def test_a_sync_that_retires_treats_everyone_as_gone_behind_the_usual_gate() -> None:
    sync = Sync(AccountStore())
    sync.run(*CREW)
    sync.scope = Scope(retired=True)
    plan = sync.plan(*CREW)
    assert plan.counts == {OperationKind.DISABLE: 20}
    assert closed(plan) == ["max_disable"]


# --- a memory that is not there


def test_a_run_without_memory_asks_about_accounts_that_have_marks() -> None:
    marked = [account("ann", "ann@example.com", external_id=ANN.external_id), account("zoe")]
    assert closed(plan_of(ANN, BEN, accounts=marked)) == ["max_unremembered"]
    assert closed(plan_of(ANN, BEN, accounts=marked), replace(POLICY, max_unremembered=1)) == []
    assert closed(plan_of(ANN, BEN, accounts=marked), replace(POLICY, max_unremembered=None)) == []
    # Accounts of others are no sign of an earlier sync, and a memory answers the question.
    assert closed(plan_of(ANN, BEN, accounts=marked[1:])) == []
    assert closed(plan_of(ANN, BEN, accounts=marked, previous=SyncState(source_users=2))) == []


def test_leavers_alone_are_no_memory() -> None:
    store = AccountStore()
    for number, each in enumerate((ANN, BEN)):
        store.accounts[str(number)] = replace(
            account(each.user_name, each.email, external_id=each.external_id), id=str(number)
        )
    sync = Sync(store)
    gone = replace(BEN, active=False)
    for _ in range(2):
        result = sync.run(ANN, gone, EVA)
        assert [each.gate for each in result.blocked] == ["max_unremembered"]
        assert SyncState.from_json(sync.state.to_json()).is_first_run or not sync.state.generation
    assert [store.accounts[number].active for number in ("0", "1")] == [True, False]
    plan = sync.plan(ANN, gone, EVA)
    assert sync.apply(plan, approved=plan.digest).complete
    assert not sync.state.is_first_run
