"""The same stories for every kind of system."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import replace

import pytest

from support.people import POLICY, Crash, Crashing, Sync, person
from unit.provider.identity.conftest import System
from workplace_provider.identity import Account, Identity, Key, MemoryJournal, OperationKind, Status
from workplace_provider.identity.accounts import EXTERNAL_ID, ID

ANN, BEN, EVA = person("Ann"), person("Ben"), person("Eva", display_name='유관순 "; drop')


@pytest.fixture
def sync(system: System) -> Sync:
    return Sync(system.target, system.mapping)


def there(system: System, user_name: str, *, mark: str = "", **values: str) -> Account:
    """An account that somebody made, and that does not count as a write of the sync."""
    given = {"userName": user_name, "displayName": user_name, **values}
    if mark and system.target.capabilities.external_id:
        given[EXTERNAL_ID] = mark
    secrets = {"password": "made-by-somebody-1"} if len(system.mapping) > 3 else {}
    made = system.target.create(given, secrets)
    system.forget()
    (account,) = [each for each in system.target.read() if each.id == made.id]
    return account


def is_bulk(system: System) -> bool:
    return system.target.capabilities.bulk > 1 and system.target.name == "SCIM"


def assert_writes(system: System, planned: int) -> None:
    if is_bulk(system):
        assert 0 < system.writes <= planned or planned == system.writes == 0
    else:
        assert system.writes == planned


def test_joiners_get_accounts_and_a_second_run_plans_nothing(system: System, sync: Sync) -> None:
    plan = sync.plan(ANN, BEN, EVA)
    assert plan.counts == {OperationKind.CREATE: 3}
    result = sync.apply(plan)
    assert result.complete, result.outcomes
    assert result.writes == 3
    assert_writes(system, 3)
    accounts = {each.user_name: each for each in system.target.read()}
    assert accounts["eva"].attributes["displayName"] == '유관순 "; drop'
    assert accounts["ann"].emails == ("ann@example.com",)
    assert all(each.active for each in accounts.values())
    again = sync.plan(ANN, BEN, EVA)
    assert again.empty
    assert again.counts == {OperationKind.NOOP: 3}


def test_a_leaver_is_disabled_a_rename_is_written_and_an_outsider_is_left_alone(system: System, sync: Sync) -> None:
    sync.run(ANN, BEN, EVA)
    outsider = there(system, "outsider", mark="okta:1", **{"emails.value": "out@example.com"})
    changed = replace(ANN, display_name="Ann 박", email="ann.park@example.com")
    plan = sync.plan(changed, BEN, replace(EVA, active=False, email="", display_name=""))
    assert plan.counts[OperationKind.UPDATE] == plan.counts[OperationKind.DISABLE] == 1
    assert {c.field: c.before for c in plan.of_kind(OperationKind.UPDATE)[0].changes} == {
        "displayName": "Ann 김",
        "emails.value": "ann@example.com",
    }
    result = sync.apply(plan)
    assert result.complete, result.outcomes
    assert_writes(system, 2)
    ann = sync.account("ann")
    assert (ann.attributes["displayName"], ann.emails) == ("Ann 박", ("ann.park@example.com",))
    eva = sync.account("eva")
    assert not eva.active
    assert eva.attributes["displayName"] == '유관순 "; drop'
    assert sync.account("outsider") == outsider
    assert sync.plan(changed, BEN, replace(EVA, active=False)).empty


def test_somebody_who_vanished_is_disabled_and_one_who_returns_is_enabled_and_brought_up_to_date(
    system: System, sync: Sync
) -> None:
    sync.run(ANN, BEN)
    result = sync.run(ANN)
    assert [outcome.operation.reason for outcome in result.outcomes] == ["absent"]
    assert not sync.account("ben").active
    back = replace(BEN, display_name="Ben 이")
    result = sync.run(ANN, back)
    assert [outcome.operation.kind for outcome in result.outcomes] == [OperationKind.ENABLE, OperationKind.UPDATE]
    assert result.complete, result.outcomes
    ben = sync.account("ben")
    assert ben.active
    assert ben.attributes["displayName"] == "Ben 이"
    assert sync.plan(ANN, back).empty


def test_an_account_without_a_mark_is_found_and_linked(system: System, sync: Sync) -> None:
    made = there(system, "Ann", **{"emails.value": "ann@example.com"})
    plan = sync.plan(ANN)
    (link,) = plan.writes
    assert (link.kind, link.account_id, link.reason) == (OperationKind.LINK, made.id, "matched_by:userName")
    assert sync.apply(plan).complete
    assert sync.plan(ANN).empty
    # Now it is ours: the leaver's account is disabled.
    assert [each.kind for each in sync.plan(BEN, replace(ANN, active=False)).writes] == [
        OperationKind.CREATE,
        OperationKind.DISABLE,
    ]


def test_case_and_composition_are_no_change(system: System, sync: Sync) -> None:
    # A Mac sends Korean decomposed; the same letters, other bytes.
    sync.run(ANN)
    same = replace(ANN, email="ANN@Example.com", display_name=unicodedata.normalize("NFD", ANN.display_name))
    assert sync.plan(same).empty


def test_an_account_that_appears_after_the_plan_is_linked(system: System, sync: Sync) -> None:
    plan = sync.plan(ANN, BEN)
    there(system, "ANN", **{"emails.value": "ann@example.com"})
    result = sync.apply(plan)
    assert {outcome.operation.key: outcome.status for outcome in result.outcomes} == {
        "Ann": Status.LINKED,
        "Ben": Status.DONE,
    }
    assert len(list(system.target.read())) == 2
    assert sync.plan(ANN, BEN).empty


def test_an_account_that_changed_after_the_plan_is_left_alone(system: System, sync: Sync) -> None:
    sync.run(ANN, BEN)
    plan = sync.plan(replace(ANN, display_name="Ann 박"), replace(BEN, display_name="Ben 박"))
    (ann,) = system.target.read([(Key(ID, sync.account("ann").id),)])
    system.target.update(ann.id, {"displayName": "by hand"}, ann.version)
    system.forget()
    result = sync.apply(plan)
    assert {outcome.operation.key: outcome.status for outcome in result.outcomes} == {
        "Ann": Status.DRIFTED,
        "Ben": Status.DONE,
    }
    assert sync.account("ann").attributes["displayName"] == "by hand"
    assert sync.account("ben").attributes["displayName"] == "Ben 박"


def test_leavers_can_be_deleted_when_the_policy_says_so(system: System, sync: Sync) -> None:
    sync.policy = replace(POLICY, on_missing="delete")
    sync.run(ANN, BEN)
    outsider = there(system, "outsider")
    result = sync.run(BEN)
    assert [outcome.operation.kind for outcome in result.outcomes] == [OperationKind.DELETE]
    assert result.complete, result.outcomes
    assert {each.user_name for each in system.target.read()} == {"ben", outsider.user_name}
    assert sync.plan(BEN).empty


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda sync: sync.plan(ANN, complete=False), id="incomplete"),
        pytest.param(lambda sync: sync.plan(ANN, BEN, emails_known=False), id="no_email_scope"),
        pytest.param(lambda sync: sync.plan(replace(ANN, email=""), replace(BEN, email="")), id="no_email_at_all"),
        pytest.param(lambda sync: sync.plan(), id="empty"),
        pytest.param(lambda sync: sync.plan(ANN), id="half_are_gone"),
    ],
)
def test_a_shut_gate_means_no_write_at_all(system: System, sync: Sync, wrong: Callable[[Sync], object]) -> None:
    sync.run(ANN, BEN)
    before = sorted(system.target.read(), key=lambda each: each.id)
    sync.policy = replace(POLICY, min_source_drop=1)
    system.forget()
    plan = wrong(sync)
    result = sync.apply(plan)  # type: ignore[arg-type]
    assert result.blocked
    assert result.writes == system.writes == 0
    assert sorted(system.target.read(), key=lambda each: each.id) == before


@pytest.mark.parametrize("after", [False, True], ids=["before_the_write", "after_the_write"])
@pytest.mark.parametrize("anew", [False, True], ids=["taken_up", "planned_anew"])
def test_a_crash_at_any_point_ends_the_same(system: System, sync: Sync, after: bool, anew: bool) -> None:
    others: list[Identity] = []
    for at in range(1, 5):
        ann, ben, eva, zoe = (person(f"{name}{at}") for name in ("Ann", "Ben", "Eva", "Zoe"))
        sync.run(*others, ann, ben)
        people = (*others, replace(ann, display_name="Ann 박"), replace(ben, active=False), eva, zoe)
        plan, journal = sync.plan(*people), MemoryJournal()
        assert len(plan.writes) == 4
        with pytest.raises(Crash):
            sync.apply(plan, journal, target=Crashing(system.target, at, after=after))
        if anew:
            plan, journal = sync.plan(*people), MemoryJournal()
        result = sync.apply(plan, journal)
        assert result.complete, result.outcomes
        names = [each.user_name for each in system.target.read()]
        assert sorted(names) == sorted(each.user_name for each in people)
        assert sync.account(ann.user_name).attributes["displayName"] == "Ann 박"
        assert not sync.account(ben.user_name).active
        assert sync.plan(*people).empty
        others += people[len(others) :]
