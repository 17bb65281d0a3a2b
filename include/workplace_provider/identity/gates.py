"""Gates that a plan must pass before its first write; one that is closed stops all of it but what is stated of leavers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workplace_provider.identity.plan import MIGRATED, OperationKind, Plan, PlanSummary

if TYPE_CHECKING:
    from workplace_provider.identity.policy import SyncPolicy


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one gate says.

    :param gate: its name, the same as the policy's
    :param passed: whether the plan may pass
    :param sentence: what was counted and what the limit is
    :param approvable: whether a person may let this plan pass all the same. Nobody can approve what follows from a
        directory that is known to be wrong
    :param stops_leavers: whether it also stops what the directory states of leavers; what is wrong with joiners, with the
        list of accounts or with the number of people does not
    """

    gate: str
    passed: bool
    sentence: str
    approvable: bool = True
    stops_leavers: bool = False


def evaluate(plan: Plan, policy: SyncPolicy) -> tuple[Verdict, ...]:
    """Ask every gate that the policy sets."""
    return tuple(_verdicts(plan, policy))


def blocking_gates(verdicts: tuple[Verdict, ...], *, approved: bool = False) -> tuple[Verdict, ...]:
    """Return the gates that stop a plan.

    :param approved: whether a person has approved this very plan
    """
    return tuple(verdict for verdict in verdicts if not verdict.passed and not (approved and verdict.approvable))


def leavers_may_pass(blocking: tuple[Verdict, ...]) -> bool:
    """Return whether no gate stops what the directory states of leavers."""
    return not any(verdict.stops_leavers for verdict in blocking)


def _verdicts(plan: Plan, policy: SyncPolicy) -> Iterator[Verdict]:
    facts, counts = plan.summary, plan.counts
    yield Verdict(
        "quarantine",
        True,
        f"An earlier run was stopped: {facts.quarantined}. {policy.trial} operations are tried first, and the others follow "
        "when all of these succeed."
        if facts.quarantined
        else "No earlier run was stopped.",
    )
    yield from _source(facts, policy)
    yield from _target(facts, policy)
    yield from _memory(facts, policy)
    yield from _taken_away(plan, policy)
    yield from _count("max_create", "create", counts[OperationKind.CREATE], policy.max_create)
    changed = counts[OperationKind.UPDATE] + counts[OperationKind.LINK]
    yield from _percent("max_update_percent", "update", changed, facts.managed, policy.max_update_percent, policy)
    links, limit = facts.identity_links, policy.max_identity_links
    if limit is not None:
        yield Verdict(
            "max_identity_links",
            links <= limit,
            f"The plan would link {links} account{_s(links)} and change the user name or the address; the limit is {limit}.",
        )
    moved = sum(operation.reason == MIGRATED for operation in plan.operations)
    if policy.max_migrations is not None:
        yield Verdict(
            "max_migrations",
            moved <= policy.max_migrations,
            f"The plan would give {moved} account{_s(moved)} another mark, because the directory is {plan.source} now; "
            f"the limit is {policy.max_migrations}.",
        )


def _taken_away(plan: Plan, policy: SyncPolicy) -> Iterator[Verdict]:
    """Gates of what is disabled and deleted: one that already what the directory states exceeds stops that, too."""
    facts, counts = plan.summary, plan.counts
    stated = Counter(operation.kind for operation in plan.leavers)
    for gate, kind, limit in (
        ("max_disable", OperationKind.DISABLE, policy.max_disable),
        ("max_delete", OperationKind.DELETE, policy.max_delete),
    ):
        for verdict in _count(gate, kind.value, counts[kind], limit):
            yield replace(verdict, stops_leavers=limit is not None and stated[kind] > limit)
    deleted = counts[OperationKind.DELETE]
    gate, of = "max_disable_percent", facts.managed_active + deleted
    both = counts[OperationKind.DISABLE] + deleted
    percent = policy.max_disable_percent
    for verdict in _percent(gate, "disable or delete", both, of, percent, policy):
        yield replace(verdict, stops_leavers=not verdict.passed and stated.total() * 100 > (percent or 0) * of)


def _target(facts: PlanSummary, policy: SyncPolicy) -> Iterator[Verdict]:
    yield Verdict(
        "target_readable",
        not facts.unreadable,
        f"The accounts could not be read completely: {facts.unreadable}"
        if facts.unreadable
        else f"{facts.accounts} accounts were read.",
        approvable=False,
    )
    limit = policy.max_managed_drop_percent
    if limit is None or not facts.known or facts.unreadable:
        return
    percent = facts.missing * 100 / facts.known
    left = facts.known - facts.missing
    passed = facts.missing == 0 or (left > 0 and (facts.missing < policy.min_managed_drop or percent <= limit))
    advice = (
        ""
        if passed
        else " Is it the right system, and may the credential see all accounts? A service that lists only some of its "
        "accounts can be read one by one: read: lookup."
    )
    yield Verdict(
        "max_managed_drop_percent",
        passed,
        f"The system has {left} of the {facts.known} accounts that this sync manages, {_shown(percent)} % less; "
        f"{_shown(limit)} % are allowed.{advice}",
    )


def _memory(facts: PlanSummary, policy: SyncPolicy) -> Iterator[Verdict]:
    """Gate of a run without memory: who was disabled, who is missing and what was learned is unknown to it."""
    limit = policy.max_unremembered
    if limit is None:
        return
    asks = facts.first_run and facts.unremembered > limit
    sentence = "This is the first run." if facts.first_run else "The memory of earlier runs is there."
    if asks:
        sentence = (
            f"This run starts from nothing, but {facts.unremembered} account{_s(facts.unremembered)} of the system already "
            f"{'has' if facts.unremembered == 1 else 'have'} the mark of a sync: the memory was lost, its key has changed, "
            "or another definition is of the same system. Is this the only sync of these accounts?"
        )
    yield Verdict("max_unremembered", not asks, sentence)


def _source(facts: PlanSummary, policy: SyncPolicy) -> Iterator[Verdict]:
    if policy.require_complete_source:
        yield Verdict(
            "require_complete_source",
            facts.complete,
            "The directory is complete."
            if facts.complete
            else "Only a part of the directory could be read; from a part nobody can tell who has left.",
            approvable=False,
        )
    if policy.require_email_scope:
        seen = facts.emails_known and (facts.with_email > 0 or facts.source_users == 0)
        yield Verdict(
            "require_email_scope",
            seen,
            f"{facts.with_email} of {facts.source_users} people have an e-mail address."
            if seen
            else f"No e-mail address can be seen of {facts.source_users} people: the credential has lost a permission "
            "(users:read.email in Slack).",
            approvable=False,
        )
    yield Verdict(
        "min_source_users",
        facts.source_users >= policy.min_source_users,
        f"The directory has {facts.source_users} people; there must be {policy.min_source_users} or more.",
        approvable=False,
    )
    limit, last = policy.max_source_drop_percent, facts.last_source_users
    if limit is not None and last:
        drop = max(0.0, (last - facts.source_users) * 100 / last)
        yield Verdict(
            "max_source_drop_percent",
            drop <= limit or last - facts.source_users < policy.min_source_drop,
            f"The directory has {facts.source_users} people after {last} in the last run, {_shown(drop)} % less; "
            f"{_shown(limit)} % are allowed.",
        )


def _count(gate: str, what: str, count: int, limit: int | None) -> Iterator[Verdict]:
    if limit is not None:
        yield Verdict(gate, count <= limit, f"The plan would {what} {count} account{_s(count)}; the limit is {limit}.")


def _percent(gate: str, what: str, count: int, of: int, limit: float | None, policy: SyncPolicy) -> Iterator[Verdict]:
    if limit is None:
        return
    if of < policy.min_accounts_for_percent:
        yield Verdict(
            gate,
            True,
            f"The plan would {what} {count} of {of} accounts; percentages count from {policy.min_accounts_for_percent} "
            "accounts on.",
        )
        return
    percent = count * 100 / of if of else 0.0
    yield Verdict(
        gate,
        percent <= limit,
        f"The plan would {what} {count} of {of} accounts, {_shown(percent)} %; {_shown(limit)} % are allowed.",
    )


def _shown(percent: float) -> str:
    return f"{percent:.1f}".removesuffix(".0")


def _s(count: int) -> str:
    return "" if count == 1 else "s"
