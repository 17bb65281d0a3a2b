"""The same stories for every kind of system."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Callable
from dataclasses import replace

import pytest

from support.people import POLICY, Crash, Sync, crashing, person
from unit.identity.conftest import SYSTEMS, Opened, System
from workplace_provider.identity import (
    Account,
    AttributeMap,
    LookupKey,
    MemberKind,
    MemoryJournal,
    OperationKind,
    OperationStatus,
    Plan,
)
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
        OperationKind.DISABLE,
        OperationKind.CREATE,
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
        "Ann": OperationStatus.LINKED,
        "Ben": OperationStatus.DONE,
    }
    assert len(list(system.target.read())) == 2
    assert sync.plan(ANN, BEN).empty


def test_an_account_that_changed_after_the_plan_is_left_alone(system: System, sync: Sync) -> None:
    sync.run(ANN, BEN)
    plan = sync.plan(replace(ANN, display_name="Ann 박"), replace(BEN, display_name="Ben 박"))
    (ann,) = system.target.read([(LookupKey(ID, sync.account("ann").id),)])
    system.target.update(ann.id, {"displayName": "by hand"}, ann.version)
    system.forget()
    result = sync.apply(plan)
    assert {outcome.operation.key: outcome.status for outcome in result.outcomes} == {
        "Ann": OperationStatus.DRIFTED,
        "Ben": OperationStatus.DONE,
    }
    assert sync.account("ann").attributes["displayName"] == "by hand"
    assert sync.account("ben").attributes["displayName"] == "Ben 박"


def test_an_account_that_is_gone_after_the_plan_is_not_made_again(system: System, sync: Sync) -> None:
    sync.run(ANN, BEN)
    plan = sync.plan(replace(ANN, display_name="Ann 박"), replace(BEN, active=False))
    for name in ("ann", "ben"):
        (account,) = system.target.read([(LookupKey(ID, sync.account(name).id),)])
        system.target.delete(account.id, account.version)
    result = sync.apply(plan)
    # The leaver's account is as good as disabled; the other one is for the next plan.
    assert [(outcome.status, outcome.detail) for outcome in result.outcomes] == [
        (OperationStatus.ALREADY, "the account is gone"),
        (OperationStatus.DRIFTED, "the account is gone"),
    ]
    assert list(system.target.read()) == []


def test_an_account_of_another_that_appears_after_the_plan_is_left_alone(system: System, sync: Sync) -> None:
    plan = sync.plan(ANN, BEN)
    foreign = there(system, "ann", mark="okta:1")
    result = sync.apply(plan)
    assert {outcome.operation.key: outcome.status for outcome in result.outcomes} == {
        "Ann": OperationStatus.FAILED,
        "Ben": OperationStatus.DONE,
    }
    assert sync.account("ann") == foreign


def test_two_accounts_that_could_be_a_person_s_are_a_conflict(system: System, sync: Sync) -> None:
    two = [there(system, name, **{"emails.value": "ann@example.com"}) for name in ("one", "two")]
    plan = sync.plan(ANN, BEN)
    (conflict,) = plan.of_kind(OperationKind.CONFLICT)
    assert (conflict.key, conflict.reason) == ("Ann", "several_accounts")
    assert sync.apply(plan).complete
    assert_writes(system, 1)
    assert [sync.account(each.user_name) for each in two] == two


def test_two_people_with_the_same_local_part_wait_for_somebody_to_decide(system: System, sync: Sync) -> None:
    _, *others = system.mapping
    sync = Sync(system.target, [AttributeMap("userName", "email|lower|localpart", on="create", required=True), *others])
    korea, america = person("U1", email="ann@example.com"), person("U2", email="Ann@example.org")
    plan = sync.plan(korea, america, BEN)
    assert {each.key: each.kind for each in plan.operations} == {
        "Ben": OperationKind.CREATE,
        "U1": OperationKind.CONFLICT,
        "U2": OperationKind.CONFLICT,
    }
    assert sync.apply(plan).complete
    assert [each.user_name for each in system.target.read()] == ["ben"]
    assert sync.run(korea, BEN).complete
    # Who has the name keeps it.
    system.forget()
    plan = sync.plan(korea, america, BEN)
    assert [each.key for each in plan.of_kind(OperationKind.CONFLICT)] == ["U2"]
    assert sync.apply(plan).writes == system.writes == 0
    assert sync.account("ann").emails == ("ann@example.com",)


def test_somebody_without_an_address_gets_it_later(system: System, sync: Sync) -> None:
    nameless = replace(EVA, email="")
    assert sync.run(ANN, nameless).complete
    assert sync.account("eva").emails == ()
    assert sync.plan(ANN, nameless).empty
    assert sync.run(ANN, EVA).complete
    assert sync.account("eva").emails == ("eva@example.com",)
    assert sync.plan(ANN, EVA).empty


def test_somebody_who_is_hired_again_gets_the_account_back_and_a_namesake_does_not(system: System, sync: Sync) -> None:
    sync.run(ANN, BEN)
    gone = replace(BEN, active=False, email="", display_name="", user_name="")
    assert sync.run(ANN, gone).complete
    disabled = sync.account("ben")
    assert not disabled.active
    assert sync.plan(ANN, gone).empty
    # A new member of the same name and address, beside the deactivated one, may be anybody.
    namesake = replace(BEN, key="Ben2", external_id=f"{BEN.external_id}2")
    system.forget()
    plan = sync.plan(ANN, gone, namesake)
    assert [each.key for each in plan.of_kind(OperationKind.CONFLICT)] == ["Ben2"]
    assert sync.apply(plan).writes == system.writes == 0
    assert sync.account("ben") == disabled
    assert [outcome.operation.kind for outcome in sync.run(ANN, BEN).outcomes] == [OperationKind.ENABLE]
    assert sync.account("ben").active
    assert sync.plan(ANN, BEN).empty


def test_a_guest_who_becomes_a_member_gets_an_account_and_loses_it_as_a_guest(system: System, sync: Sync) -> None:
    guest = replace(EVA, kind=MemberKind.GUEST)
    told = []
    for eva in (guest, EVA, guest, EVA):
        system.forget()
        result = sync.run(ANN, eva) if told else sync.run(ANN, BEN, eva)
        assert result.complete, result.outcomes
        told.append([(each.operation.key, each.operation.kind) for each in result.outcomes if each.operation.key == "Eva"])
    assert told == [
        [],
        [("Eva", OperationKind.CREATE)],
        [("Eva", OperationKind.DISABLE)],
        [("Eva", OperationKind.ENABLE)],
    ]
    assert sync.account("eva").active


def test_leavers_can_be_deleted_when_the_policy_says_so(system: System, sync: Sync) -> None:
    sync.policy = replace(POLICY, on_missing="delete")
    sync.run(ANN, BEN)
    outsider = there(system, "outsider")
    result = sync.run(BEN)
    assert [outcome.operation.kind for outcome in result.outcomes] == [OperationKind.DELETE]
    assert result.complete, result.outcomes
    assert {each.user_name for each in system.target.read()} == {"ben", outsider.user_name}
    assert sync.plan(BEN).empty


def limited(sync: Sync, **limits: int) -> Sync:
    sync.policy = replace(sync.policy, **limits)  # type: ignore[arg-type]
    return sync


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda sync: sync.plan(ANN, complete=False), id="incomplete"),
        pytest.param(lambda sync: sync.plan(ANN, BEN, emails_known=False), id="no_email_scope"),
        pytest.param(lambda sync: sync.plan(replace(ANN, email=""), replace(BEN, email="")), id="no_email_at_all"),
        pytest.param(lambda sync: sync.plan(), id="empty"),
        pytest.param(lambda sync: sync.plan(ANN), id="half_are_gone"),
        pytest.param(lambda sync: limited(sync, max_disable=0).plan(ANN, EVA, replace(BEN, active=False)), id="disables"),
        pytest.param(lambda sync: limited(sync, max_create=0).plan(ANN, BEN, EVA), id="creates"),
        pytest.param(
            lambda sync: limited(sync, max_update_percent=49, min_accounts_for_percent=1).plan(
                replace(ANN, display_name="Ann 박"), BEN, EVA
            ),
            id="updates",
        ),
    ],
)
def test_a_shut_gate_means_no_write_at_all(system: System, sync: Sync, wrong: Callable[[Sync], Plan]) -> None:
    sync.run(ANN, BEN)
    before = sorted(system.target.read(), key=lambda each: each.id)
    sync.policy = replace(POLICY, min_source_drop=1)
    system.forget()
    result = sync.apply(wrong(sync))
    assert result.blocked
    assert result.writes == system.writes == 0
    assert sorted(system.target.read(), key=lambda each: each.id) == before


@pytest.mark.parametrize("system", [name for name in SYSTEMS if name not in ("csv", "yaml")], indirect=True)
@pytest.mark.parametrize(("status", "most"), [(401, 1), (403, 10)], ids=["credential", "every_one"])
def test_a_system_that_refuses_is_left_alone_until_a_trial_succeeds(
    system: System, sync: Sync, status: int, most: int
) -> None:
    assert system.refuse is not None
    crew = [person(f"U{number:02}") for number in range(12)]
    sync.run(ANN)
    system.refuse(status)
    system.forget()
    result = sync.run(ANN, *crew)
    assert result.quarantine
    assert system.writes == (1 if is_bulk(system) else most)
    assert {outcome.status for outcome in result.outcomes} <= {OperationStatus.FAILED, OperationStatus.NOT_TRIED}
    # Later runs try no more than a few, and a leaver's account is not among what has to wait.
    system.forget()
    assert sync.run(ANN, *crew).quarantine
    assert system.writes == 1
    system.refuse(0)
    system.forget()
    assert sync.run(ANN, *crew).complete
    assert sync.state.quarantined == ""
    assert_writes(system, 12)
    assert sync.plan(ANN, *crew).empty


# Systems of a kind differ in their responses, which a crash after the write shows; one of each kind has every crash.
ONE_OF_EACH_KIND = ("memory", "scim_strict", "scim2_server", "members", "csv")
CRASHES = [
    pytest.param(
        replanned,
        after,
        name,
        id=f"{'replanned' if replanned else 'resumed'}-{'after' if after else 'before'}_the_write-{name}",
        marks=() if name in ONE_OF_EACH_KIND or (after and not replanned) else pytest.mark.large,
    )
    for replanned, after, name in itertools.product((False, True), (False, True), SYSTEMS)
]


@pytest.mark.parametrize(("replanned", "after", "name"), CRASHES)
def test_a_crash_at_any_point_ends_the_same(opened: Opened, replanned: bool, after: bool, name: str) -> None:
    lea, kim = person("Lea"), person("Kim")
    people = (replace(ANN, display_name="Ann 박"), replace(BEN, active=False), EVA, person("Zoe"), lea, kim)
    for at in range(1, len(people) + 1):
        with opened(name) as system:
            sync = Sync(system.target, system.mapping)
            sync.run(ANN, BEN, lea)
            sync.run(ANN, BEN, replace(lea, active=False))
            linked = there(system, "kim", **{"emails.value": "kim@example.com"})
            plan, journal = sync.plan(*people), MemoryJournal()
            assert [each.kind for each in plan.writes] == [
                *(OperationKind.DISABLE, OperationKind.CREATE, OperationKind.CREATE),
                *(OperationKind.LINK, OperationKind.ENABLE, OperationKind.UPDATE),
            ]
            with pytest.raises(Crash):
                sync.apply(plan, journal, target=crashing(system.target, at, after=after))
            if replanned:
                plan, journal = sync.plan(*people), MemoryJournal()
            result = sync.apply(plan, journal)
            assert result.complete, result.outcomes
            accounts = {each.user_name: each for each in system.target.read()}
            assert sorted(accounts) == sorted(each.user_name for each in people)
            assert {each for each in accounts if not accounts[each].active} == {"ben"}
            assert accounts["ann"].attributes["displayName"] == "Ann 박"
            assert accounts["kim"].id == linked.id
            assert sync.plan(*people).empty
