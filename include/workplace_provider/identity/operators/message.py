"""The Slack message about a sync."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from workplace_provider.identity import OperationKind
from workplace_provider.identity.results import SUCCESSFUL

if TYPE_CHECKING:
    from workplace_provider.identity import ApplyResult, Operation, Plan, Verdict

NAMED: Final = 10
"""Number of names per kind of operation; for more people only their number is given."""
_WORDS: Final[Mapping[OperationKind, str]] = {
    OperationKind.REMOVE_MEMBER: "removed from groups",
    OperationKind.CREATE: "created",
    OperationKind.LINK: "linked",
    OperationKind.ENABLE: "enabled",
    OperationKind.UPDATE: "updated",
    OperationKind.DISABLE: "disabled",
    OperationKind.DELETE: "deleted",
    OperationKind.CREATE_GROUP: "groups created",
    OperationKind.ADOPT_GROUP: "groups taken over",
    OperationKind.ADD_MEMBER: "added to groups",
}


def format_message(name: str, plan: Plan, result: ApplyResult | None, blocking: Sequence[Verdict]) -> str:
    """Return the text of the message in Slack's mrkdwn.

    :param name: the system's name
    :param result: the outcome of the plan; ``None`` if nothing was written
    :param blocking: the gates that block the plan
    """
    lines = [f"*{_escape(name)}*: {_headline(plan, result, blocking)}"]
    lines += [f":no_entry: {_escape(verdict.sentence)}" for verdict in blocking]
    for kind, word in _WORDS.items():
        if people := _people(plan, result, kind):
            lines.append(f"• {word}: {_names(people)}")
    if result is not None:
        lines += _result_lines(result)
    if conflicts := plan.of_kind(OperationKind.CONFLICT):
        lines.append(f":warning: conflicts to resolve by hand: {_names(conflicts)}")
    return "\n".join(lines)


def _result_lines(result: ApplyResult) -> list[str]:
    """Return lines for operations without success, a stopped run, and what was learned about the system."""
    lines = []
    failed = [outcome for outcome in result.outcomes if outcome.status not in SUCCESSFUL]
    for outcome in failed[:NAMED]:
        text = f"{outcome.operation.title} {outcome.detail}".rstrip()
        lines.append(f":warning: {outcome.status.replace('_', ' ')}: {_escape(text)}")
    if len(failed) > NAMED:
        lines.append(f":warning: and {len(failed) - NAMED} more")
    if result.stopped:
        lines.append(
            f":no_entry: Stopped: {_escape(result.stopped)}. The next run tries a few operations before the others."
        )
    if result.learned:
        lines.append(f":information_source: The system does not store {_escape(', '.join(result.learned))}.")
    return lines


def _headline(plan: Plan, result: ApplyResult | None, blocking: Sequence[Verdict]) -> str:
    counted = [f"{len(people)} {word}" for kind, word in _WORDS.items() if (people := _people(plan, result, kind))]
    if result is None and not plan.empty:
        return f"planned, nothing is written{' yet' if not blocking else ''}: {', '.join(counted)}"
    return ", ".join(counted) or "nothing to write"


def _people(plan: Plan, result: ApplyResult | None, kind: OperationKind) -> list[Operation]:
    """Return the planned operations of a kind; after the plan was applied, those that succeeded."""
    if result is None:
        return plan.of_kind(kind)
    return [
        outcome.operation for outcome in result.outcomes if outcome.operation.kind == kind and outcome.status in SUCCESSFUL
    ]


def _names(operations: Sequence[Operation]) -> str:
    names = ", ".join(_escape(operation.title) for operation in operations[:NAMED])
    return f"{names} and {len(operations) - NAMED} more" if len(operations) > NAMED else names


def _escape(text: str) -> str:
    from workplace_provider.common.mrkdwn import escape

    return escape(text)
