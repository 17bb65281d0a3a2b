"""A plan and what became of it, for people: Markdown for a message, HTML for a browser."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.identity.applying import GOOD
from workplace_provider.identity.plan import WRITES, Operation, OperationKind, Plan

if TYPE_CHECKING:
    from jinja2 import Environment

    from workplace_provider.identity.applying import ApplyResult
    from workplace_provider.identity.gates import Verdict

SHOWN: Final = 200
"""Rows of one kind that a report shows; the plan itself has all of them."""

TITLES: Final[Mapping[OperationKind, str]] = {
    OperationKind.CREATE: "New accounts",
    OperationKind.LINK: "Accounts found and linked",
    OperationKind.ENABLE: "Enabled again",
    OperationKind.UPDATE: "Changed",
    OperationKind.DISABLE: "Disabled",
    OperationKind.DELETE: "Deleted",
    OperationKind.CONFLICT: "Conflicts, for a person to settle",
    OperationKind.SKIP: "Left out",
}
_REASONS: Final[Mapping[str, str]] = {
    "absent": "not in the directory any more",
    "deactivated": "deactivated in the directory",
    "retired": "the sync is being retired",
    "migrated_mark": "another mark for the same person",
    "returned": "is back",
    "domain": "another e-mail domain",
    "no_email": "no e-mail address",
    "group": "in none of the groups",
    "guest": "a guest",
    "expression": "not meant by the scope's expression",
    "protected": "on the list of those never touched",
    "email_unconfirmed": "the e-mail address is not confirmed",
    "administrator": "an administrator of the system",
}


def markdown_report(
    plan: Plan, target: str, *, verdicts: Sequence[Verdict] = (), result: ApplyResult | None = None, rows: int = SHOWN
) -> str:
    """The report as Markdown.

    :param target: the system's name
    :param verdicts: what the gates say; those of the result when there is one
    :param result: what became of the plan
    :param rows: rows of one kind that are shown
    """
    lines = [f"# Accounts in {_cell(target)}", "", _summary(plan, result), ""]
    lines += [
        f"- {'passed' if verdict.passed else '**stopped**'}: {_cell(verdict.sentence)}"
        for verdict in _gates(verdicts, result)
    ]
    statuses = _statuses(result)
    for kind, title in TITLES.items():
        operations = plan.of_kind(kind)
        if not operations:
            continue
        lines += ["", f"## {title} ({len(operations)})", "", "| Who | Account | What | Why |", "|---|---|---|---|"]
        for operation in operations[:rows]:
            changes = "<br>".join(
                f"{_cell(field)}: {_cell(before)} → {_cell(after)}" for field, before, after in shown_changes(operation)
            )
            why = " ".join(filter(None, (_cell(_why(operation)), statuses.get(operation.id, ""))))
            lines.append(f"| {_cell(operation.label)} | {_cell(operation.account_id or '–')} | {changes} | {why} |")
        if len(operations) > rows:
            lines.append(f"| and {len(operations) - rows} more | | | |")
    return "\n".join(lines) + "\n"


def html_report(plan: Plan, target: str, *, verdicts: Sequence[Verdict] = (), result: ApplyResult | None = None) -> str:
    """The report as one HTML page that needs nothing else; see :func:`markdown_report`."""
    groups = [
        {"kind": kind, "title": title, "operations": found[:SHOWN], "more": max(0, len(found) - SHOWN), "count": len(found)}
        for kind, title in TITLES.items()
        if (found := plan.of_kind(kind))
    ]
    return (
        _environment()
        .get_template("report.html")
        .render(
            plan=plan,
            target=target,
            summary=_summary(plan, result),
            verdicts=_gates(verdicts, result),
            blocked=bool(result and result.blocked),
            tiles=[(kind, plan.counts[kind]) for kind in (*WRITES, OperationKind.CONFLICT, OperationKind.SKIP)],
            groups=groups,
            unchanged=plan.counts[OperationKind.NOOP],
            statuses=_statuses(result),
            changes=shown_changes,
            why=_why,
        )
    )


def shown_changes(operation: Operation) -> list[tuple[str, str, str]]:
    """The attributes that change as texts: which, from what, to what."""
    shown = [(change.field, _text(change.before), _text(change.after)) for change in operation.changes]
    return shown + [(name, "–", "***") for name in operation.secrets]


def _summary(plan: Plan, result: ApplyResult | None) -> str:
    if result is not None and result.blocked:
        count = sum(outcome.status in GOOD for outcome in result.outcomes)
        written = f"Only {count} accounts of leavers were taken away" if count else "Nothing was written"
        return f"A gate is closed. {written}."
    words = [f"{plan.counts[kind]} {kind}" for kind in WRITES if plan.counts[kind]]
    planned = ", ".join(words) if words else "nothing to write"
    if result is None:
        return f"Planned: {planned}."
    done = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in sorted(result.counts.items()))
    ending = f" Stopped: {result.stopped}." if result.stopped else ""
    learned = f" The system does not store {', '.join(result.learned)}." if result.learned else ""
    return f"Planned: {planned}. Carried out: {done or 'nothing'}.{ending}{learned}"


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


def _why(operation: Operation) -> str:
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
    """A text in a cell of a Markdown table, as it is: nothing in it becomes markup."""
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
