"""Gates that a whole plan must pass before its first write; one that is shut stops all of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workplace_provider.identity.plan import Facts, OperationKind, Plan

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
    """

    gate: str
    passed: bool
    sentence: str
    approvable: bool = True


def evaluate(plan: Plan, policy: SyncPolicy) -> tuple[Verdict, ...]:
    """Ask every gate that the policy sets."""
    return tuple(_verdicts(plan, policy))


def shut(verdicts: tuple[Verdict, ...], *, approved: bool = False) -> tuple[Verdict, ...]:
    """The gates that stop a plan.

    :param approved: whether a person has approved this very plan
    """
    return tuple(each for each in verdicts if not each.passed and not (approved and each.approvable))


def _verdicts(plan: Plan, policy: SyncPolicy) -> Iterator[Verdict]:
    facts, counts = plan.facts, plan.counts
    yield Verdict(
        "quarantine",
        not facts.quarantined,
        f"An earlier run was stopped: {facts.quarantined}. Nothing is written until somebody has looked and cleared it."
        if facts.quarantined
        else "No earlier run was stopped.",
        approvable=False,
    )
    yield from _source(facts, policy)
    disabled, deleted = counts[OperationKind.DISABLE], counts[OperationKind.DELETE]
    changed = counts[OperationKind.UPDATE] + counts[OperationKind.LINK]
    yield from _count("max_disable", "disable", disabled, policy.max_disable)
    yield from _percent(
        "max_disable_percent",
        "disable or delete",
        disabled + deleted,
        facts.managed_active + deleted,
        policy.max_disable_percent,
        policy,
    )
    yield from _count("max_delete", "delete", deleted, policy.max_delete)
    yield from _count("max_create", "create", counts[OperationKind.CREATE], policy.max_create)
    yield from _percent("max_update_percent", "update", changed, facts.managed, policy.max_update_percent, policy)


def _source(facts: Facts, policy: SyncPolicy) -> Iterator[Verdict]:
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
        yield Verdict(
            gate, count <= limit, f"The plan would {what} {count} account{'' if count == 1 else 's'}; the limit is {limit}."
        )


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
