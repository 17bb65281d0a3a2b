"""Reports of a plan and its outcome: Markdown for messages, HTML for browsers."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.identity.plan import GROUP_KINDS, WRITES, Operation, OperationKind, Plan
from workplace_provider.identity.results import SUCCESSFUL

if TYPE_CHECKING:
    from jinja2 import Environment

    from workplace_provider.identity.gates import Verdict
    from workplace_provider.identity.results import ApplyResult

SHOWN: Final = 200
"""Rows per kind of operation in a report; the plan file has all of them."""

TITLES: Final[Mapping[OperationKind, str]] = {
    OperationKind.REMOVE_MEMBER: "Removed from groups",
    OperationKind.CREATE: "New accounts",
    OperationKind.LINK: "Existing accounts linked",
    OperationKind.ENABLE: "Enabled again",
    OperationKind.UPDATE: "Updated",
    OperationKind.DISABLE: "Disabled",
    OperationKind.DELETE: "Deleted",
    OperationKind.CREATE_GROUP: "New groups",
    OperationKind.ADOPT_GROUP: "Existing groups taken over",
    OperationKind.ADD_MEMBER: "Added to groups",
    OperationKind.CONFLICT: "Conflicts to resolve by hand",
    OperationKind.SKIP: "Skipped",
}
_REASONS: Final[Mapping[str, str]] = {
    "absent": "no longer in the directory",
    "deactivated": "deactivated in the directory",
    "retired": "the sync is being retired",
    "migrated_mark": "new mark for the same person",
    "returned": "active again in the directory",
    "domain": "e-mail domain out of scope",
    "no_email": "no e-mail address",
    "group": "in none of the scope's groups",
    "channel": "in none of the scope's channels",
    "guest": "a guest",
    "expression": "excluded by the scope's expression",
    "protected": "protected by the scope",
    "email_unconfirmed": "e-mail address not confirmed",
    "profile_not_read": "fields of the profile not read yet",
    "administrator": "an administrator of the system",
    "not_in_rule": "the group's rule no longer matches",
    "no_account": "has no account any more",
    "not_added_by_sync": "not added by this sync",
}


def markdown_report(
    plan: Plan, target: str, *, verdicts: Sequence[Verdict] = (), result: ApplyResult | None = None, rows: int = SHOWN
) -> str:
    """Return the report as Markdown.

    :param target: the system's name
    :param verdicts: verdicts of the gates; with a result, its verdicts are used
    :param result: the outcome of the plan
    :param rows: rows per kind of operation
    """
    lines = [f"# Accounts in {_cell(target)}", "", _summarize(plan, result), ""]
    lines += [
        f"- {'passed' if verdict.passed else '**blocked**'}: {_cell(verdict.sentence)}"
        for verdict in _gates(verdicts, result)
    ]
    statuses = _statuses(result)
    for kind, title in TITLES.items():
        operations = plan.of_kind(kind)
        if not operations:
            continue
        lines += ["", f"## {title} ({len(operations)})", "", "| Person | Account | Changes | Reason |", "|---|---|---|---|"]
        for operation in operations[:rows]:
            changes = "<br>".join(
                f"{_cell(field)}: {_cell(before)} → {_cell(after)}" for field, before, after in shown_changes(operation)
            )
            why = " ".join(filter(None, (_cell(_reason(operation)), statuses.get(operation.id, ""))))
            lines.append(f"| {_cell(operation.label)} | {_cell(operation.account_id or '–')} | {changes} | {why} |")
        if len(operations) > rows:
            lines.append(f"| and {len(operations) - rows} more | | | |")
    return "\n".join(lines) + "\n"


def html_report(plan: Plan, target: str, *, verdicts: Sequence[Verdict] = (), result: ApplyResult | None = None) -> str:
    """Return the report as one self-contained HTML page; see :func:`markdown_report`."""
    groups = [
        {
            "kind": kind,
            "title": title,
            "operations": operations[:SHOWN],
            "more": max(0, len(operations) - SHOWN),
            "count": len(operations),
        }
        for kind, title in TITLES.items()
        if (operations := plan.of_kind(kind))
    ]
    return (
        _environment()
        .get_template("report.html")
        .render(
            plan=plan,
            target=target,
            summary=_summarize(plan, result),
            verdicts=_gates(verdicts, result),
            blocked=bool(result and result.blocked),
            tiles=[
                (kind, plan.counts[kind])
                for kind in (*WRITES, OperationKind.CONFLICT, OperationKind.SKIP)
                if kind not in GROUP_KINDS or plan.groups
            ],
            groups=groups,
            unchanged=plan.counts[OperationKind.NOOP],
            statuses=_statuses(result),
            changes=shown_changes,
            why=_reason,
        )
    )


def shown_changes(operation: Operation) -> list[tuple[str, str, str]]:
    """Return the changes of an operation as text: attribute, old value, new value."""
    shown = [(change.field, _text(change.before), _text(change.after)) for change in operation.changes]
    if operation.kind in (OperationKind.ADD_MEMBER, OperationKind.REMOVE_MEMBER):
        adds = operation.kind == OperationKind.ADD_MEMBER
        shown.append(("group", "–" if adds else operation.group, operation.group if adds else "–"))
    return shown + [(name, "–", "***") for name in operation.secrets]


def _summarize(plan: Plan, result: ApplyResult | None) -> str:
    if result is not None and result.blocked:
        disabled = [outcome for outcome in result.outcomes if outcome.operation.kind != OperationKind.REMOVE_MEMBER]
        count = sum(outcome.status in SUCCESSFUL for outcome in disabled)
        removed = f"Only {count} accounts of leavers were disabled or deleted" if count else "Nothing was written"
        return f"A gate is closed. {removed}."
    counts = [f"{plan.counts[kind]} {kind.replace('_', ' ')}" for kind in WRITES if plan.counts[kind]]
    planned = ", ".join(counts) if counts else "nothing to write"
    if result is None:
        return f"Planned: {planned}."
    done = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in sorted(result.counts.items()))
    ending = f" Stopped: {result.stopped}." if result.stopped else ""
    learned = f" The system does not store {', '.join(result.learned)}." if result.learned else ""
    return f"Planned: {planned}. Applied: {done or 'nothing'}.{ending}{learned}"


def _gates(verdicts: Sequence[Verdict], result: ApplyResult | None) -> Sequence[Verdict]:
    chosen = result.verdicts if result is not None else verdicts
    return sorted(chosen, key=lambda verdict: verdict.passed)


def _statuses(result: ApplyResult | None) -> dict[str, str]:
    if result is None:
        return {}
    return {
        outcome.operation.id: f"[{outcome.status.replace('_', ' ')}{': ' + outcome.detail if outcome.detail else ''}]"
        for outcome in result.outcomes
    }


def _reason(operation: Operation) -> str:
    if operation.detail:
        return operation.detail
    reason = operation.reason
    if reason.startswith("missing:"):
        return f"has no {reason.removeprefix('missing:').replace(',', ', ')}"
    if reason.startswith("kind:"):
        return reason.removeprefix("kind:").replace("_", " ")
    if reason.startswith("matched_by:"):
        return f"the same {reason.removeprefix('matched_by:')}"
    return _REASONS.get(reason, reason.replace("_", " "))


def _text(value: Any) -> str:
    if value is None or value == "":
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _cell(text: str) -> str:
    """Return text for a cell of a Markdown table, with all markup escaped."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&@])", r"\\\1", " ".join(text.split()))


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("workplace_provider.identity", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
