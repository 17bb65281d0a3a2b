"""Gates that a plan must pass before its first write. A closed gate blocks the plan, but usually not its leavers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workplace_provider.identity.plan import MIGRATED, GroupSummary, OperationKind, Plan, PlanSummary

if TYPE_CHECKING:
    from workplace_provider.identity.directory import SourceNumbers
    from workplace_provider.identity.policy import SyncPolicy


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict of one gate.

    :param gate: the gate's name, which is also the name of the policy's limit
    :param passed: whether the plan may pass
    :param sentence: the number that was checked, and the limit
    :param approvable: whether a person may approve the plan nevertheless. A plan from a directory that is known to be wrong
        cannot be approved
    :param stops_leavers: whether the gate also blocks leavers whom the directory lists as deactivated. Problems with
        joiners, the list of accounts or the number of people do not
    """

    gate: str
    passed: bool
    sentence: str
    approvable: bool = True
    stops_leavers: bool = False


def evaluate(plan: Plan, policy: SyncPolicy) -> tuple[Verdict, ...]:
    """Return the verdict of every gate that the policy sets."""
    summary = plan.summary
    return (
        _check_quarantine(summary, policy),
        *_check_source(summary, policy),
        *_check_target(summary, policy),
        *_check_state(summary, policy),
        *_check_removals(plan, policy),
        *_check_other_writes(plan, policy),
        *_check_groups(plan, policy),
    )


def blocking_gates(verdicts: tuple[Verdict, ...], *, approved: bool = False) -> tuple[Verdict, ...]:
    """Return the gates that block a plan.

    :param approved: whether a person has approved exactly this plan
    """
    return tuple(verdict for verdict in verdicts if not verdict.passed and not (approved and verdict.approvable))


def leavers_may_pass(blocking: tuple[Verdict, ...]) -> bool:
    """Return whether no gate blocks the leavers whom the directory lists as deactivated."""
    return not any(verdict.stops_leavers for verdict in blocking)


def _check_quarantine(summary: PlanSummary, policy: SyncPolicy) -> Verdict:
    sentence = "No earlier run was stopped."
    if summary.quarantined:
        sentence = (
            f"An earlier run was stopped: {summary.quarantined}. {policy.trial} operations are tried first; the others "
            "follow when all of these succeed."
        )
    return Verdict("quarantine", True, sentence)


def _check_source(summary: PlanSummary, policy: SyncPolicy) -> Iterator[Verdict]:
    """Gates for the directory, and for each source of a merged directory."""
    for source in (summary.source, *summary.parts):
        yield from _check_numbers(source, policy)


def _check_numbers(source: SourceNumbers, policy: SyncPolicy) -> Iterator[Verdict]:
    name = f"The source {source.name}" if source.name else "The directory"
    if policy.require_complete_source:
        sentence = f"{name} is complete."
        if not source.complete:
            sentence = f"{name} is incomplete, so leavers cannot be distinguished from people who are missing."
        yield Verdict("require_complete_source", source.complete, sentence, approvable=False)
    if policy.require_email_scope:
        visible = source.emails_known and (source.with_email > 0 or source.users == 0)
        place = f" of {source.name}" if source.name else ""
        sentence = f"{source.with_email} of {source.users} people{place} have an e-mail address."
        if not visible:
            sentence = (
                f"{name} shows no e-mail address for any of {source.users} people. Check the credential's "
                "permission (users:read.email in Slack)."
            )
        yield Verdict("require_email_scope", visible, sentence, approvable=False)
    yield Verdict(
        "min_source_users",
        source.users >= policy.min_source_users,
        f"{name} has {source.users} people; the minimum is {policy.min_source_users}.",
        approvable=False,
    )
    limit, last = policy.max_source_drop_percent, source.last_users
    if limit is not None and last:
        drop = max(0.0, (last - source.users) * 100 / last)
        yield Verdict(
            "max_source_drop_percent",
            drop <= limit or last - source.users < policy.min_source_drop,
            f"{name} has {source.users} people after {last} in the last run: {_format(drop)} % less, the "
            f"limit is {_format(limit)} %.",
        )


def _check_target(summary: PlanSummary, policy: SyncPolicy) -> Iterator[Verdict]:
    """Gates for the accounts of the system."""
    sentence = f"{summary.accounts} accounts were read."
    if summary.unreadable:
        sentence = f"The accounts could not be read completely: {summary.unreadable}"
    yield Verdict("target_readable", not summary.unreadable, sentence, approvable=False)
    limit = policy.max_managed_drop_percent
    if limit is None or not summary.known or summary.unreadable:
        return
    percent = summary.missing * 100 / summary.known
    left = summary.known - summary.missing
    is_small = summary.missing < policy.min_managed_drop or percent <= limit
    passed = summary.missing == 0 or (left > 0 and is_small)
    advice = (
        ""
        if passed
        else " Check the connection: is it the right system, and can the credential see all accounts? For a service that "
        "lists only some of its accounts, set read: lookup."
    )
    yield Verdict(
        "max_managed_drop_percent",
        passed,
        f"The system has {left} of the {summary.known} accounts that this sync manages: {_format(percent)} % less, the "
        f"limit is {_format(limit)} %.{advice}",
    )


def _check_state(summary: PlanSummary, policy: SyncPolicy) -> Iterator[Verdict]:
    """Gate for a run without state: it does not know which accounts were disabled, are missing, or differ by design."""
    limit = policy.max_unremembered
    if limit is None:
        return
    is_suspicious = summary.first_run and summary.unremembered > limit
    sentence = "This is the first run." if summary.first_run else "The state of earlier runs exists."
    if is_suspicious:
        sentence = (
            f"The sync has no state of an earlier run, but {_accounts(summary.unremembered)} of the system already "
            f"{'has' if summary.unremembered == 1 else 'have'} the mark of a sync. Either the state was lost, the sync's "
            "key has changed, or another definition has the same system. Approve only if this is the only sync of these "
            "accounts."
        )
    yield Verdict("max_unremembered", not is_suspicious, sentence)


def _check_removals(plan: Plan, policy: SyncPolicy) -> Iterator[Verdict]:
    """Gates for disabled and deleted accounts. They block leavers only when the leavers alone exceed the limit."""
    counts = plan.counts
    leavers = Counter(operation.kind for operation in plan.leavers)
    for gate, kind, limit in (
        ("max_disable", OperationKind.DISABLE, policy.max_disable),
        ("max_delete", OperationKind.DELETE, policy.max_delete),
    ):
        for verdict in _check_count(gate, kind.value, counts[kind], limit):
            yield replace(verdict, stops_leavers=limit is not None and leavers[kind] > limit)
    deleted = counts[OperationKind.DELETE]
    removed, total = counts[OperationKind.DISABLE] + deleted, plan.summary.managed_active + deleted
    percent = policy.max_disable_percent
    for verdict in _check_percent("max_disable_percent", "disable or delete", removed, total, percent, policy):
        yield replace(verdict, stops_leavers=not verdict.passed and leavers.total() * 100 > (percent or 0) * total)


def _check_other_writes(plan: Plan, policy: SyncPolicy) -> Iterator[Verdict]:
    """Gates for created, updated and linked accounts."""
    summary, counts = plan.summary, plan.counts
    yield from _check_count("max_create", "create", counts[OperationKind.CREATE], policy.max_create)
    changed = counts[OperationKind.UPDATE] + counts[OperationKind.LINK]
    limit = policy.max_update_percent
    yield from _check_percent("max_update_percent", "update", changed, summary.managed, limit, policy)
    if policy.max_identity_links is not None:
        yield Verdict(
            "max_identity_links",
            summary.identity_links <= policy.max_identity_links,
            f"The plan would link {_accounts(summary.identity_links)} and change the user name or the address; the limit "
            f"is {policy.max_identity_links}.",
        )
    if policy.max_migrations is not None:
        migrated = sum(operation.reason == MIGRATED for operation in plan.operations)
        yield Verdict(
            "max_migrations",
            migrated <= policy.max_migrations,
            f"The plan would replace the mark of {_accounts(migrated)}, because the directory is now {plan.source}; the "
            f"limit is {policy.max_migrations}.",
        )


def _check_groups(plan: Plan, policy: SyncPolicy) -> Iterator[Verdict]:
    """Gates for groups and their members. They do not block leavers, whose number the gates of accounts limit."""
    if plan.groups_unreadable:
        sentence = f"The groups could not be read: {plan.groups_unreadable}"
        yield Verdict("groups_readable", False, sentence, approvable=False)
    if not plan.groups:
        return
    changes = sum(group.added + group.removed for group in plan.groups)
    limit = policy.max_membership_changes
    if limit is not None:
        sentence = (
            f"The plan would change {changes} membership{'' if changes == 1 else 's'} of groups; the limit is {limit}."
        )
        yield Verdict("max_membership_changes", changes <= limit, sentence)
    yield from _check_member_drop(plan.groups, policy)
    if policy.max_emptied_groups is not None:
        emptied = [group for group in plan.groups if group.members and not group.wanted and group.removed]
        sentence = f"The rules of {len(plan.groups)} groups match people."
        if emptied:
            names = ", ".join(f"{group.name} ({group.members} members)" for group in emptied[:10])
            sentence = (
                f"The rules of {names} match no one, and these groups have members; the limit is "
                f"{policy.max_emptied_groups} such groups. Check the groups of the directory that the rules name."
            )
        yield Verdict("max_emptied_groups", len(emptied) <= policy.max_emptied_groups, sentence)


def _check_member_drop(groups: tuple[GroupSummary, ...], policy: SyncPolicy) -> Iterator[Verdict]:
    """Gate for the group that would lose the largest share of its members."""
    limit = policy.max_member_drop_percent
    if limit is None:
        return
    checked = [group for group in groups if group.members and group.removed >= max(policy.min_member_drop, 1)]
    worst = max(checked, key=lambda group: group.removed / group.members, default=None)
    if worst is None:
        yield Verdict("max_member_drop_percent", True, f"No group loses {policy.min_member_drop} members or more.")
        return
    percent = worst.removed * 100 / worst.members
    sentence = (
        f"The plan would remove {worst.removed} of {worst.members} members of the group {worst.name} "
        f"({_format(percent)} %); the limit is {_format(limit)} %."
    )
    yield Verdict("max_member_drop_percent", percent <= limit, sentence)


def _check_count(gate: str, verb: str, count: int, limit: int | None) -> Iterator[Verdict]:
    if limit is not None:
        yield Verdict(gate, count <= limit, f"The plan would {verb} {_accounts(count)}; the limit is {limit}.")


def _check_percent(
    gate: str, verb: str, count: int, total: int, limit: float | None, policy: SyncPolicy
) -> Iterator[Verdict]:
    if limit is None:
        return
    minimum = policy.min_accounts_for_percent
    if total < minimum:
        sentence = f"The plan would {verb} {count} of {total} accounts; percentages are checked from {minimum} accounts."
        yield Verdict(gate, True, sentence)
        return
    percent = count * 100 / total if total else 0.0
    yield Verdict(
        gate,
        percent <= limit,
        f"The plan would {verb} {count} of {total} accounts ({_format(percent)} %); the limit is {_format(limit)} %.",
    )


def _format(percent: float) -> str:
    return f"{percent:.1f}".removesuffix(".0")


def _accounts(count: int) -> str:
    return f"{count} account{'' if count == 1 else 's'}"
