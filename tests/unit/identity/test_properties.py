"""What holds for every directory and every set of accounts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.account_store import AccountStore
from support.directories import accounts, people
from support.people import BASIC, POLICY, SOURCE, Crash, Sync, crashing, directory, person
from workplace_provider.identity import (
    Account,
    Capabilities,
    Identity,
    MemoryJournal,
    OperationKind,
    Plan,
    Scope,
    make_plan,
    read_plan,
)

# Limits are for the tests of gates; here they would only make everything stop.
FREE = replace(
    POLICY,
    max_disable=None,
    max_disable_percent=None,
    max_delete=None,
    max_identity_links=None,
    max_unremembered=None,
    max_source_drop_percent=None,
    min_source_users=0,
)


CAPABILITIES = st.builds(Capabilities, external_id=st.booleans(), versions=st.booleans(), lookup=st.booleans())
POLICIES = st.builds(
    lambda manage, missing, grace: replace(FREE, manage=manage, on_missing=missing, disable_grace=grace),
    st.sampled_from(["owned", "owned", "matched", "all"]),
    st.sampled_from(["disable", "disable", "delete", "ignore"]),
    st.integers(1, 2),
)
SCOPES = st.builds(
    lambda guests, domains, protect: Scope(guests=guests, domains=domains, protect=protect),
    st.booleans(),
    st.sampled_from([(), ("example.com",)]),
    st.sampled_from([(), ("eva",), ("ann@.*",)]),
)


def planned_writes(plan: Plan, can: Capabilities) -> int:
    # Where a system keeps no mark of ours, a link alone is remembered and not written.
    return sum(bool(each.changes) or each.kind != OperationKind.LINK for each in plan.writes)


@given(people(), accounts(), CAPABILITIES, POLICIES, SCOPES)
def test_what_was_carried_out_is_not_planned_again(people, accounts, can, policy, scope) -> None:  # type: ignore[no-untyped-def]
    store = AccountStore.of(accounts, capabilities=can)
    sync = Sync(store, scope=scope, policy=policy)
    plan = sync.plan(*people)
    result = sync.apply(plan)
    if result.blocked:
        assert all(each.operation.removes_leaver for each in result.outcomes)
        return
    assert result.complete, result.outcomes
    assert len(store.written) == result.writes == planned_writes(plan, can)
    again = sync.plan(*people)
    # A name or an account may have become free for somebody who was in conflict, a grace may be over, and whose own account
    # is deleted may be matched with another.
    waiting = {
        each.key
        for each in plan.operations
        if each.kind == OperationKind.CONFLICT
        or "grace" in each.reason
        or (each.kind == OperationKind.DELETE and policy.manage == "matched")
    }
    assert {each.key for each in again.writes} <= waiting


# What is generated rarely has somebody whose account can become ours.
@example(
    [person("U1", user_name="ann", email="ann@example.com")],
    [Account(id="a0", user_name="ann", emails=("ann@example.com",), active=True, admin=False, version="1")],
    Capabilities(),
    Scope(),
    "disable",
)
@given(people(), accounts(), CAPABILITIES, SCOPES, st.sampled_from(["disable", "delete"]))
def test_accounts_that_are_not_ours_are_never_written(people, accounts, can, scope, missing) -> None:  # type: ignore[no-untyped-def]
    store = AccountStore.of(accounts, capabilities=can)
    sync = Sync(store, scope=scope, policy=replace(FREE, on_missing=missing))
    plan = sync.plan(*people)
    linked = {each.account_id for each in plan.of_kind(OperationKind.LINK)}
    sync.apply(plan)
    for account in accounts:
        ours = account.external_id.startswith(f"{SOURCE}:")
        if not ours and account.id not in linked:
            assert store.accounts[account.id] == account
        if account.admin:
            assert store.accounts[account.id].active == (account.active or store.accounts[account.id].active)
        if account.id in linked:
            # Only an account without any mark, enabled and no administrator's, can become ours.
            assert (account.external_id, account.active, bool(account.admin)) == ("", True, False)


@given(people(), accounts())
def test_nobody_is_matched_by_a_guess(people, accounts) -> None:  # type: ignore[no-untyped-def]
    plan = make_plan(directory(*people), accounts, BASIC, Scope(), FREE)
    touched = [each.account_id for each in plan.writes if each.account_id and each.kind != OperationKind.UPDATE]
    assert len(touched) == len(set(touched))
    marks = [each.external_id for each in plan.of_kind(OperationKind.CREATE, OperationKind.LINK)]
    assert len(marks) == len(set(marks))
    names = [each.after["userName"].casefold() for each in plan.of_kind(OperationKind.CREATE)]
    assert len(names) == len(set(names))
    assert not set(names) & {each.user_name.casefold() for each in accounts}


@given(people(), accounts(), st.randoms(use_true_random=False))
def test_the_same_input_in_any_order_gives_the_same_plan(people, accounts, random) -> None:  # type: ignore[no-untyped-def]
    plan = make_plan(directory(*people), accounts, BASIC, Scope(), FREE)
    random.shuffle(people)
    random.shuffle(accounts)
    again = make_plan(directory(*people), accounts, BASIC, Scope(), FREE)
    assert again.digest == plan.digest
    assert list(again.lines()) == list(plan.lines())
    assert read_plan(plan.lines()) == plan


@given(people(), accounts(), CAPABILITIES, st.integers(1, 8), st.booleans(), st.booleans())
def test_a_crash_anywhere_and_another_run_end_as_one_run(  # type: ignore[no-untyped-def]
    people, accounts, can, at, after, anew
) -> None:
    whole = AccountStore.of(accounts, capabilities=can)
    expected = Sync(whole, policy=FREE)
    expected.apply(expected.plan(*people))

    store = AccountStore.of(accounts, capabilities=can)
    sync = Sync(store, policy=FREE)
    plan, journal = sync.plan(*people), MemoryJournal()
    try:
        sync.apply(plan, journal, target=crashing(store, at, after=after))
    except Crash:
        if anew:
            plan, journal = sync.plan(*people), MemoryJournal()
        result = sync.apply(plan, journal)
        assert result.blocked or result.complete, result.outcomes
    if not anew or not any(each.kind == OperationKind.CONFLICT for each in plan.operations):
        assert comparison_key(store) == comparison_key(whole)
    assert len({each.user_name.casefold() for each in store.accounts.values()}) == len(store.accounts)


def comparison_key(store: AccountStore) -> list[Account]:
    return sorted((replace(each, id="", version="") for each in store.accounts.values()), key=lambda each: each.user_name)


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda given: directory(*given, complete=False),
        lambda given: directory(*given, emails_known=False),
        lambda given: directory(*(replace(each, email="") for each in given)),
        lambda given: directory(),
        lambda given: directory(*given[: len(given) // 2]),
    ],
    ids=["incomplete", "no_scope", "no_email", "empty", "half"],
)
@given(st.integers(12, 60))
def test_a_directory_that_is_not_what_it_was_writes_nothing(spoilt: Callable[[list[Identity]], object], number: int) -> None:
    everybody = [person(f"U{each:03}") for each in range(number)]
    store = AccountStore()
    sync = Sync(store, policy=replace(POLICY, max_disable=None))
    sync.run(*everybody)
    before = dict(store.accounts)
    store.written.clear()
    plan = make_plan(
        spoilt(everybody),  # type: ignore[arg-type]
        store.read(),
        BASIC,
        Scope(),
        sync.policy,
        previous=sync.state,
    )
    result = sync.apply(plan)
    assert result.blocked
    assert store.written == []
    assert store.accounts == before
