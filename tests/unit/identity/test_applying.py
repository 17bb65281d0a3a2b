from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.account_store import AccountStore
from support.people import BASIC, DAY, POLICY, SOURCE, Crash, Sync, crashing, person
from workplace_provider.identity import (
    Account,
    AccountChanged,
    AttributeMapping,
    Capabilities,
    FileJournal,
    InvalidPlanFile,
    MemoryJournal,
    OperationKind,
    OperationStatus,
    PlanRefused,
    SyncPolicy,
    TargetError,
    apply_plan,
    evaluate,
    html_report,
    markdown_report,
    read_plan,
)

CREW = [person(f"U{number:03}") for number in range(20)]


def crew_with_accounts(number: int, **given: object) -> Sync:
    people = [person(f"U{each:03}") for each in range(number)]
    sync = Sync(AccountStore(), policy=replace(POLICY, **given))  # type: ignore[arg-type]
    sync.run(*people)
    sync.target.written.clear()  # type: ignore[attr-defined]
    return sync


@pytest.mark.parametrize(
    ("limits", "leavers", "gate", "sentence"),
    [
        ({"max_disable": 3}, 4, "max_disable", "The plan would disable 4 accounts; the limit is 3."),
        (
            {"max_disable": None},
            6,
            "max_disable_percent",
            "The plan would disable or delete 6 of 110 accounts (5.5 %); the limit is 5 %.",
        ),
        (
            {"max_disable": None, "max_disable_percent": None},
            12,
            "max_source_drop_percent",
            "The directory has 98 people after 110 in the last run: 10.9 % less, the limit is 10 %.",
        ),
        (
            {"on_missing": "delete", "max_disable_percent": None, "max_delete": 2},
            3,
            "max_delete",
            "The plan would delete 3 accounts; the limit is 2.",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_a_gate_says_what_it_counted(limits: dict[str, object], leavers: int, gate: str, sentence: str) -> None:
    sync = crew_with_accounts(110, **limits)
    plan = sync.plan(*[person(f"U{each:03}") for each in range(leavers, 110)])
    result = sync.apply(plan)
    assert [(each.gate, each.sentence) for each in result.blocked] == [(gate, sentence)]
    assert sync.target.written == []  # type: ignore[attr-defined]
    assert not result.complete
    # A person may let this very plan pass, and no other.
    assert sync.apply(plan, approved="another").blocked
    assert sync.apply(plan, approved=plan.digest).complete


def test_creations_and_updates_have_gates_too() -> None:
    sync = Sync(AccountStore(), policy=replace(POLICY, max_create=2))
    assert [each.gate for each in sync.run(*CREW[:3]).blocked] == ["max_create"]
    sync = crew_with_accounts(100, max_update_percent=1.0)
    renamed = [person(f"U{each:03}", display_name="x") for each in range(2)]
    plan = sync.plan(*renamed, *[person(f"U{each:03}") for each in range(2, 100)])
    assert [each.gate for each in sync.apply(plan).blocked] == ["max_update_percent"]


def test_a_run_that_was_stopped_is_not_the_measure_of_the_next() -> None:
    sync = crew_with_accounts(20)
    fewer = [person(f"U{each:03}") for each in range(10)]
    for _ in range(3):
        assert [each.gate for each in sync.run(*fewer).blocked] == ["max_source_drop_percent"]
    assert sync.state.source_users == 20


def test_what_follows_from_a_wrong_directory_cannot_be_approved() -> None:
    sync = crew_with_accounts(3)
    plan = sync.plan(*CREW[:3], complete=False)
    assert sync.apply(plan, approved=plan.digest).blocked


def test_a_plan_that_is_too_old_or_another_is_refused() -> None:
    sync = Sync(AccountStore())
    plan = sync.plan(*CREW[:1])
    common = {"journal": MemoryJournal(), "policy": POLICY, "mapping": BASIC}
    with pytest.raises(PlanRefused, match=r"was read 25\.0 hours ago, the limit is 24\.0 hours"):
        apply_plan(plan, sync.target, now=lambda: DAY + timedelta(hours=25), **common)  # type: ignore[arg-type]
    with pytest.raises(PlanRefused, match="another plan"):
        apply_plan(plan, sync.target, digest="0" * 64, now=lambda: DAY, **common)  # type: ignore[arg-type]
    journal = MemoryJournal()
    sync.apply(plan, journal)
    with pytest.raises(PlanRefused, match="journal"):
        sync.apply(sync.plan(*CREW[:2]), journal)


@given(st.data())
def test_a_plan_that_was_changed_after_it_was_made_is_none(data: st.DataObject) -> None:
    lines = list(Sync(AccountStore()).plan(*CREW[:3]).lines())
    number = data.draw(st.integers(0, len(lines) - 1))
    changed = json.loads(lines[number])
    name = data.draw(st.sampled_from(sorted(changed)))
    changed[name] = data.draw(st.sampled_from(["x", 7, None]))
    assert json.dumps(changed, ensure_ascii=False) != lines[number]
    with pytest.raises(InvalidPlanFile):
        read_plan([*lines[:number], json.dumps(changed, ensure_ascii=False), *lines[number + 1 :]])
    with pytest.raises(InvalidPlanFile):
        read_plan([*lines[:number], *lines[number + 1 :]])


class Failing(AccountStore):
    """Fails for whom it is told to."""

    def fail(self, *names: str, error: TargetError | None = None) -> None:
        def before(whom: str) -> None:
            if whom in names:
                raise error or TargetError(f"no luck with {whom}")

        self.before_write = before


def test_one_failure_does_not_stop_the_others_and_is_tried_again() -> None:
    store = Failing()
    store.fail("u001")
    sync = Sync(store)
    plan, journal = sync.plan(*CREW[:4]), MemoryJournal()
    result = sync.apply(plan, journal)
    assert result.counts == {OperationStatus.DONE: 3, OperationStatus.FAILED: 1}
    assert [each.detail for each in result.outcomes if each.status == OperationStatus.FAILED] == ["no luck with u001"]
    assert not result.quarantine
    store.fail()
    again = sync.apply(plan, journal)
    assert again.complete
    assert again.writes == 1
    assert len(store.accounts) == 4


def test_many_failures_stop_the_run_and_quarantine_the_sync() -> None:
    store = Failing()
    store.fail(*[each.user_name for each in CREW[5:]])
    sync = Sync(store)
    result = sync.run(*CREW)
    assert result.quarantine
    assert "5 of 10 operations failed (50 %), the limit is 40 %" in result.stopped
    assert result.counts == {OperationStatus.DONE: 5, OperationStatus.FAILED: 5, OperationStatus.NOT_TRIED: 10}
    # A trial of a few ends it, when all of them succeed.
    store.written.clear()
    again = sync.run(*CREW)
    assert again.stopped.startswith("the trial after the last stop failed")
    assert len(store.written) == 1
    store.fail()
    assert sync.run(*CREW).complete
    assert sync.state.quarantined == ""


def test_a_refused_credential_stops_at_once() -> None:
    store = Failing()
    store.fail(*[each.user_name for each in CREW], error=TargetError("the token is wrong", fatal=True))
    result = Sync(store).run(*CREW)
    assert len(store.written) == 1
    assert result.stopped == "all further operations would fail: the token is wrong"


def test_a_limit_of_failures_in_number() -> None:
    store = Failing()
    store.fail(*[each.user_name for each in CREW])
    result = Sync(store, policy=replace(POLICY, max_failures=2)).run(*CREW)
    assert len(store.written) == 3
    assert "3 operations failed, the limit is 2" in result.stopped


def test_an_answer_that_was_lost_is_looked_up() -> None:
    lost = TargetError("the connection broke", outcome_unknown=True)
    store = AccountStore()

    def after(_: str) -> None:
        raise lost

    store.after_write = after
    sync = Sync(store)
    result = sync.run(*CREW[:3])
    assert result.counts == {OperationStatus.ALREADY: 3}
    assert len(store.accounts) == len(store.written) == 3
    renamed = [replace(each, display_name="x") for each in CREW[:3]]
    assert sync.run(*renamed).counts == {OperationStatus.ALREADY: 3}


def test_a_system_that_takes_a_name_twice_gets_no_second_account_after_a_crash() -> None:
    store = AccountStore(unique_names=False)
    sync = Sync(store)
    plan, journal = sync.plan(*CREW[:2]), MemoryJournal()
    with pytest.raises(Crash):
        sync.apply(plan, journal, target=crashing(store, 1, after=True))
    assert sync.apply(plan, journal).counts == {OperationStatus.ALREADY: 1, OperationStatus.DONE: 1}
    assert len(store.accounts) == len(store.written) == 2


@pytest.mark.parametrize("marks", [True, False])
@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("after", [False, True])
def test_who_has_the_same_address_is_not_taken_for_oneself_after_a_crash(marks: bool, at: int, after: bool) -> None:
    store = AccountStore(capabilities=Capabilities(external_id=marks))
    sync = Sync(store)
    shared = [replace(each, email="family@example.com") for each in CREW[:2]]
    plan, journal = sync.plan(*shared), MemoryJournal()
    with pytest.raises(Crash):
        sync.apply(plan, journal, target=crashing(store, at, after=after))
    result = sync.apply(plan, journal)
    assert result.complete, result.outcomes
    assert {each.user_name: each.attributes["displayName"] for each in store.read()} == {
        each.user_name: each.display_name for each in shared
    }
    assert len({each.account_id for each in result.outcomes}) == 2
    assert sync.plan(*shared).empty


def test_a_lost_answer_is_not_found_at_somebody_else_s() -> None:
    store = AccountStore()
    sync = Sync(store)
    shared = [replace(each, email="family@example.com") for each in CREW[:2]]
    plan = sync.plan(*shared)

    def before(whom: str) -> None:
        if whom == CREW[1].user_name:
            raise TargetError("the connection broke", outcome_unknown=True)

    store.before_write = before
    result = sync.apply(plan)
    assert [(each.status, each.detail) for each in result.outcomes] == [
        (OperationStatus.DONE, ""),
        (OperationStatus.FAILED, "the connection broke"),
    ]


def test_a_repeated_write_that_meets_its_own_version_is_done() -> None:
    store = AccountStore(capabilities=Capabilities(versions=True))
    sync = Sync(store)
    sync.run(*CREW[:1])

    def after(_: str) -> None:
        raise AccountChanged("it has another version")

    store.after_write = after
    assert sync.run(replace(CREW[0], display_name="x")).counts == {OperationStatus.ALREADY: 1}


def test_the_same_name_by_somebody_else_is_not_taken_over() -> None:
    for there in (
        Account(id="x", user_name="u000", external_id="okta:1"),
        Account(id="x", user_name="u000", admin=True),
        Account(id="x", user_name="u000", active=False),
    ):
        store = AccountStore()
        sync = Sync(store)
        plan = sync.plan(*CREW[:1])
        store.accounts["x"] = there
        result = sync.apply(plan)
        assert result.counts == {OperationStatus.FAILED: 1}
        assert store.accounts == {"x": there}


def test_an_account_that_was_deleted_or_marked_meanwhile_is_drifted() -> None:
    sync = crew_with_accounts(3)
    store: AccountStore = sync.target  # type: ignore[assignment]
    plan = sync.plan(*[replace(each, display_name="x") for each in CREW[:3]])
    first, second, _ = sorted(store.accounts)
    del store.accounts[first]
    store.accounts[second] = replace(store.accounts[second], external_id="okta:9")
    result = sync.apply(plan)
    assert [each.status for each in result.outcomes] == [
        OperationStatus.DRIFTED,
        OperationStatus.DRIFTED,
        OperationStatus.DONE,
    ]
    assert result.outcomes[0].detail == "the account is gone"


def test_writes_go_in_their_order_several_at_a_time_and_no_faster_than_the_rate() -> None:
    clock, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    store = AccountStore.of([Account(id="old", external_id=f"{SOURCE}:Old", user_name="old")])
    policy = SyncPolicy(rate="2/s", concurrency=1, max_unremembered=1)
    sync = Sync(store, policy=policy)
    plan = sync.plan(*CREW[:4])
    result = sync.apply(plan, clock=lambda: clock[0], sleep=sleep)
    assert result.complete
    assert [kind for kind, _ in store.written] == ["disable"] + ["create"] * 4
    assert slept == [0.5] * 4
    many = Sync(AccountStore(), policy=replace(POLICY, concurrency=8))
    assert many.run(*CREW).complete
    assert len({each.user_name for each in many.target.read()}) == 20


def test_a_journal_on_disk_survives_a_line_that_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = FileJournal(path)
    assert list(journal.read()) == []
    journal.append({"plan": "1"})
    journal.append({"op": "create:김", "event": "begin"})
    path.write_bytes(path.read_bytes() + b'{"op": "cre')
    assert list(journal.read()) == [{"plan": "1"}, {"op": "create:김", "event": "begin"}]
    journal.append({"op": "x", "event": "begin"})
    assert [each.get("op") for each in FileJournal(path).read()] == [None, "create:김", "x"]


@pytest.mark.parametrize(
    "given",
    [{"rate": "fast"}, {"rate": "0/s"}, {"on_missing": "kill"}, {"match_on": ()}, {"disable_grace": 0}, {"max_disable": -1}],
)
def test_a_policy_that_cannot_be_meant_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(given))):
        SyncPolicy(**given)  # type: ignore[arg-type]


def test_the_defaults_are_the_careful_ones() -> None:
    policy = SyncPolicy()
    assert policy.match_on == ("externalId", "userName", "emails.value")
    assert (policy.on_missing, policy.manage, policy.disable_grace, policy.delete_after) == ("disable", "owned", 1, None)
    assert (policy.max_disable, policy.max_disable_percent, policy.min_accounts_for_percent) == (10, 5.0, 100)
    assert (policy.min_source_users, policy.max_source_drop_percent, policy.max_failure_percent) == (1, 10, 40)
    assert policy.require_complete_source
    assert policy.require_email_scope
    assert (policy.concurrency, policy.rate) == (8, "10/s")


def test_a_report_shows_every_change_and_runs_nothing_that_is_in_it() -> None:
    nasty = "<script>alert(1)</script> | `x` *b* [a](javascript:b)"
    sync = Sync(AccountStore())
    sync.run(CREW[0])
    plan = sync.plan(replace(CREW[0], display_name=nasty), person("B1", email_confirmed=False))
    verdicts = evaluate(plan, SyncPolicy())
    text = markdown_report(plan, "Sys|tem", verdicts=verdicts)
    row = next(line for line in text.splitlines() if "alert" in line)
    assert row.count("|") - row.count("\\|") == 5
    assert "<script" not in text.replace("\\<script", "")
    page = html_report(plan, "<b>System</b>", verdicts=verdicts)
    assert "<script" not in page
    assert "<b>System" not in page
    assert "U000 김" in page
    assert "e-mail address not confirmed" in page
    assert "Planned: 1 update." in page
    result = sync.apply(plan)
    assert "1 done" in html_report(plan, "x", result=result)
    assert "Applied: 1 done." in markdown_report(plan, "x", result=result)
    shut = sync.plan(CREW[0], complete=False)
    assert "Nothing was written" in markdown_report(shut, "x", result=sync.apply(shut))


def test_a_plan_tells_what_it_is() -> None:
    plan = Sync(AccountStore()).plan(*CREW[:2])
    assert repr(plan) == f"<Plan for {SOURCE} of 2026-11-23 06:00: 2 create>"
    assert [each.kind for each in plan.of_kind(OperationKind.CREATE)] == [OperationKind.CREATE] * 2
    assert AttributeMapping(BASIC).secrets == ()
