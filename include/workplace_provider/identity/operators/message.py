"""What a sync tells a channel of Slack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from workplace_provider.identity import OperationKind, OperationStatus

if TYPE_CHECKING:
    from workplace_provider.identity import ApplyResult, Operation, Plan, Verdict

NAMED: Final = 10
"""People of one kind who are named; of more only the number is told."""
_WORDS: Final[Mapping[OperationKind, str]] = {
    OperationKind.CREATE: "created",
    OperationKind.LINK: "linked",
    OperationKind.ENABLE: "enabled",
    OperationKind.UPDATE: "updated",
    OperationKind.DISABLE: "disabled",
    OperationKind.DELETE: "deleted",
}
_DONE: Final = (OperationStatus.DONE, OperationStatus.LINKED, OperationStatus.ALREADY)


def message(name: str, plan: Plan, result: ApplyResult | None, shut: Sequence[Verdict]) -> str:
    """The text of the message, in Slack's mrkdwn.

    :param name: the system's name
    :param result: what became of the plan; ``None`` when nothing was tried
    :param shut: the gates that stop the plan
    """
    lines = [f"*{_escaped(name)}*: {_headline(plan, result, shut)}"]
    lines += [f":no_entry: {_escaped(verdict.sentence)}" for verdict in shut]
    for kind, word in _WORDS.items():
        if people := _people(plan, result, kind):
            lines.append(f"• {word}: {_named(people)}")
    if result is not None:
        left = [outcome for outcome in result.outcomes if outcome.status not in _DONE]
        lines += [
            f":warning: {each.status.replace('_', ' ')}: {_escaped(f'{each.operation.label} {each.detail}'.rstrip())}"
            for each in left[:NAMED]
        ]
        if len(left) > NAMED:
            lines.append(f":warning: and {len(left) - NAMED} more")
        if result.stopped:
            lines.append(
                f":no_entry: Stopped: {_escaped(result.stopped)}. The next run tries a few operations before the others."
            )
        if result.learned:
            lines.append(f":information_source: The system does not store {_escaped(', '.join(result.learned))}.")
    if conflicts := plan.of_kind(OperationKind.CONFLICT):
        lines.append(f":warning: for a person to settle: {_named(conflicts)}")
    return "\n".join(lines)


def _headline(plan: Plan, result: ApplyResult | None, shut: Sequence[Verdict]) -> str:
    counted = [f"{len(people)} {word}" for kind, word in _WORDS.items() if (people := _people(plan, result, kind))]
    if result is None and not plan.empty:
        return f"planned, nothing is written{' yet' if not shut else ''}: {', '.join(counted)}"
    return ", ".join(counted) or "nothing to write"


def _people(plan: Plan, result: ApplyResult | None, kind: OperationKind) -> list[Operation]:
    """Those whom an operation is planned for, or, once it was tried, has succeeded for."""
    if result is None:
        return plan.of_kind(kind)
    return [each.operation for each in result.outcomes if each.operation.kind == kind and each.status in _DONE]


def _named(operations: Sequence[Operation]) -> str:
    names = ", ".join(_escaped(each.label or each.key) for each in operations[:NAMED])
    return f"{names} and {len(operations) - NAMED} more" if len(operations) > NAMED else names


def _escaped(text: str) -> str:
    from workplace_provider.common.mrkdwn import escape

    return escape(text)
