"""What holds for every directory and every set of accounts of a real system, with the requests counted there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from support.directories import accounts, people
from support.examples import examples
from support.people import POLICY, SOURCE, Crash, Sync, crashing
from unit.identity.conftest import Opened, System
from workplace_provider.identity import (
    Account,
    AttributeMap,
    Identity,
    MemoryJournal,
    OperationKind,
    Plan,
    SyncPolicy,
    leavers_may_pass,
)
from workplace_provider.identity.accounts import EMAIL, EXTERNAL_ID, USER_NAME

UNLIMITED = replace(
    POLICY,
    max_disable=None,
    max_disable_percent=None,
    max_delete=None,
    max_identity_links=None,
    max_unremembered=None,
    max_source_drop_percent=None,
    min_source_users=0,
)
POLICIES = st.sampled_from(["disable", "disable", "delete", "ignore"]).map(
    lambda missing: replace(UNLIMITED, on_missing=missing)
)
every_system = pytest.mark.parametrize(
    "name",
    [
        "scim_strict",
        "scim_terse",
        "scim_sloppy_put",
        "scim_numbers",
        "scim2_server",
        "scim2_server_bulk",
        "members",
        "csv",
        "yaml",
    ],
)
any_input = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(15))


def furnish(system: System, accounts: Sequence[Account]) -> Sync:
    """Make the accounts, as somebody else would, and a sync for the system."""
    for each in accounts:
        given = {
            USER_NAME: each.user_name,
            "displayName": each.attributes.get("displayName") or "이름",
            EMAIL: each.value(EMAIL),
        }
        given |= {EXTERNAL_ID: each.external_id} if each.external_id else {}
        secrets = {"password": "made-by-somebody-1"} if len(system.mapping) > 3 else {}
        made = system.target.create({name: value for name, value in given.items() if value}, secrets)
        if not each.active:
            system.target.set_active(made.id, False, made.version)
    system.forget()
    name, email, _, *secret = system.mapping
    return Sync(system.target, [name, email, AttributeMap("displayName", "display_name", required=True), *secret])


def there(system: System) -> dict[str, Account]:
    return {each.id: each for each in system.target.read()}


def assert_foreign_untouched(plan: Plan, before: dict[str, Account], after: dict[str, Account]) -> None:
    linked = {each.account_id for each in plan.of_kind(OperationKind.LINK)}
    foreign = {each for each in before if not before[each].external_id.startswith(f"{SOURCE}:") and each not in linked}
    assert {each: after.get(each) for each in foreign} == {each: before[each] for each in foreign}


def assert_leavers_only(plan: Plan, before: dict[str, Account], after: dict[str, Account]) -> None:
    leavers = {each.account_id for each in plan.leavers}
    others = {each for each in {*before, *after} if each not in leavers}
    assert {each: after.get(each) for each in others} == {each: before.get(each) for each in others}


def waiting(plan: Plan) -> set[str]:
    """Whose name or account may have become free for them by what others got."""
    return {each.key for each in plan.of_kind(OperationKind.CONFLICT)}


@every_system
@any_input
@given(people=people(), accounts=accounts(), policy=POLICIES)
def test_what_is_planned_is_written_once_and_nothing_else_is(
    opened: Opened, name: str, people: list[Identity], accounts: list[Account], policy: SyncPolicy
) -> None:
    with opened(name) as system:
        sync = furnish(system, accounts)
        sync.policy = policy
        before = there(system)
        plan = sync.plan(*people)
        result = sync.apply(plan)
        if result.blocked:
            assert_leavers_only(plan, before, there(system))
            return
        assert result.complete, result.outcomes
        assert result.writes == len(plan.writes)
        requests = (
            len({(each.removes_leaver, each.kind) for each in plan.writes})
            if name == "scim2_server_bulk"
            else len(plan.writes)
        )
        assert system.writes == requests
        assert_foreign_untouched(plan, before, there(system))
        assert {each.key for each in sync.plan(*people).writes} <= waiting(plan)


@every_system
@any_input
@given(people=people(), accounts=accounts(), limit=st.integers(0, 2), missing=st.sampled_from(["disable", "delete"]))
def test_a_plan_beyond_a_limit_is_not_begun(
    opened: Opened, name: str, people: list[Identity], accounts: list[Account], limit: int, missing: str
) -> None:
    with opened(name) as system:
        sync = furnish(system, accounts)
        sync.policy = replace(
            UNLIMITED,
            on_missing=missing,
            max_create=limit,
            max_disable=limit,
            max_delete=limit,
            require_email_scope=False,  # type: ignore[arg-type]
        )
        before = there(system)
        plan = sync.plan(*people)
        kinds = (OperationKind.CREATE, OperationKind.DISABLE, OperationKind.DELETE)
        beyond = {f"max_{kind}" for kind in kinds if plan.counts[kind] > limit}
        result = sync.apply(plan)
        assert {each.gate for each in result.blocked} == beyond
        if beyond:
            assert_leavers_only(plan, before, there(system))
        if not leavers_may_pass(result.blocked):
            assert system.writes == 0


@every_system
@any_input
@given(people=people(), accounts=accounts(), at=st.integers(1, 8), after=st.booleans(), anew=st.booleans())
def test_a_crash_anywhere_is_made_good(
    opened: Opened, name: str, people: list[Identity], accounts: list[Account], at: int, after: bool, anew: bool
) -> None:
    with opened(name) as system:
        sync = furnish(system, accounts)
        sync.policy = replace(UNLIMITED, require_email_scope=False)
        before = there(system)
        first, journal = sync.plan(*people), MemoryJournal()
        assume(first.writes)
        plan = first
        with pytest.raises(Crash):
            sync.apply(plan, journal, target=crashing(system.target, min(at, len(plan.writes)), after=after))
        if anew:
            plan, journal = sync.plan(*people), MemoryJournal()
        result = sync.apply(plan, journal)
        assert result.complete, result.outcomes
        found = there(system)
        assert len({each.user_name.casefold() for each in found.values()}) == len(found)
        # Two newcomers of one address get an account each; planned anew, the second is a conflict beside the first.
        undecided = waiting(plan) - waiting(first)
        assert anew or not undecided
        created = [each.external_id for each in first.of_kind(OperationKind.CREATE) if each.key not in undecided]
        assert [sum(each.external_id == mark for each in found.values()) for mark in created] == [1] * len(created)
        assert len(found) <= len(before) + len(first.of_kind(OperationKind.CREATE))
        assert_foreign_untouched(first, before, found)
        assert {each.key for each in sync.plan(*people).writes} <= waiting(plan) | waiting(first)
