"""One run of one sync: planning, applying, and the result of the task."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypedDict

from workplace_provider.common.artifacts import as_artifacts
from workplace_provider.http import metrics
from workplace_provider.identity.operators.journal import open_journal
from workplace_provider.identity.operators.message import format_message

if TYPE_CHECKING:
    from datetime import datetime

    from workplace_provider.common.artifact_store import ArtifactStore
    from workplace_provider.identity import ApplyResult, Directory, IdentityTarget, Plan, SyncState, Verdict
    from workplace_provider.identity.definition import SyncDefinition
    from workplace_provider.identity.operators.memory import SyncMemory

SUMMARY_ROWS: Final = 20
"""Rows per kind of operation in the summary, which is an XCom; report and plan have more."""


class SyncResult(TypedDict):
    """The result of a sync task.

    :param target: key of the sync
    :param name: the system's name
    :param digest: digest of the plan
    :param planned_at: when the plan was made (ISO 8601)
    :param counts: number of operations of each kind
    :param outcomes: number of writing operations with each status; empty if nothing was written
    :param leavers: number of operations for people whom the directory lists as deactivated, if no gate blocks them
    :param only: the people to plan for; empty for all
    :param rejected: whether a person rejected the same plan in an earlier run, so that no one is asked again
    :param gates: a sentence for every gate that blocks the plan
    :param needs_approval: whether the task asks a person to approve the plan
    :param question: the question to that person
    :param reviewers: user names of Airflow who may approve, by the definition; empty for all users with the permission
    :param quarantined: the reason why later runs only write leavers and a trial; empty without a quarantine
    :param learned: attributes that the system does not store, as this run has found out
    :param notable: whether the message should be sent: after a write, a blocking gate, or a new conflict
    :param text: the message for Slack
    :param summary: the summary in Markdown, for a person who approves the plan
    :param plan: artifact with the plan as lines of JSON
    :param report: artifact with the report as HTML
    """

    target: str
    name: str
    digest: str
    planned_at: str
    counts: dict[str, int]
    outcomes: dict[str, int]
    leavers: int
    only: list[str]
    rejected: bool
    gates: list[str]
    needs_approval: bool
    question: str
    reviewers: list[str]
    quarantined: str
    learned: list[str]
    notable: bool
    text: str
    summary: str
    plan: dict[str, Any]
    report: dict[str, Any]


def plan_sync(
    definition: SyncDefinition,
    target: IdentityTarget,
    directory: Directory,
    state: SyncState,
    only: Sequence[str] | None = None,
) -> Plan:
    """Read the accounts and groups of a system, and return the plan of a definition.

    :param only: people to plan for; others are left out
    """
    from workplace_provider.identity import make_plan, read_accounts, read_groups

    snapshot = read_accounts(target, directory, definition.mapping, definition.scope, definition.policy, state)
    groups = read_groups(target, definition.groups, directory.source, state)
    return make_plan(
        directory,
        snapshot.accounts,
        definition.mapping,
        definition.scope,
        definition.policy,
        previous=state,
        only=only,
        capabilities=target.capabilities,
        gone=snapshot.gone,
        unreadable=snapshot.unreadable,
        groups=definition.groups,
        group_snapshot=groups,
    )


@dataclass(frozen=True)
class SyncRun:
    """One run of one sync: the system, the state, and the place of files."""

    definition: SyncDefinition
    target: IdentityTarget
    name: str
    memory: SyncMemory
    store: ArtifactStore
    folder: str

    def make_plan(self, directory: Directory, state: SyncState, only: Sequence[str] | None) -> Plan:
        """Read the accounts, and return the plan.

        :param only: people to plan for; others are left out
        """
        return plan_sync(self.definition, self.target, directory, state, only)

    def blocking_gates(self, plan: Plan, *, approved: bool = False) -> tuple[Verdict, ...]:
        """Return the gates that block a plan."""
        from workplace_provider.identity import blocking_gates, evaluate

        return blocking_gates(evaluate(plan, self.definition.policy), approved=approved)

    def read_plan(self, artifact: Any, digest: str) -> Plan:
        """Read the plan of another task.

        :raises PlanRefused: the file now contains another plan
        """
        from workplace_provider.identity import PlanRefused, read_plan

        (file,) = as_artifacts(artifact)
        with file.open() as stream, io.TextIOWrapper(stream, "utf-8") as lines:
            plan = read_plan(lines)
        if plan.digest != digest:
            raise PlanRefused(f"The file contains another plan than the task's result. Plan again ({file.uri})")
        return plan

    def apply(self, plan: Plan, *, approved: bool, current: SyncState, leavers_only: bool = False) -> ApplyResult:
        """Apply a plan, or resume an interrupted run of it.

        :param current: the current state
        """
        from workplace_provider.identity import apply_plan
        from workplace_provider.identity.hooks import target_secrets

        return apply_plan(
            plan,
            self.target,
            journal=open_journal(self.store, self.folder, plan.digest),
            policy=self.definition.policy,
            mapping=self.definition.mapping,
            secrets=target_secrets(self.definition),
            approved=plan.digest if approved else None,
            current=current,
            leavers_only=leavers_only,
        )

    def publish(
        self,
        plan: Plan,
        planned_at: datetime,
        applied: ApplyResult | None = None,
        *,
        needs_approval: bool = False,
        only: Sequence[str] = (),
        rejected: bool = False,
    ) -> SyncResult:
        """Store plan and report as files, and return the result of the task."""
        from workplace_provider.identity import (
            OperationKind,
            blocking_gates,
            evaluate,
            html_report,
            leavers_may_pass,
            markdown_report,
        )

        verdicts = applied.verdicts if applied else evaluate(plan, self.definition.policy)
        blocking = applied.blocked if applied else blocking_gates(verdicts)
        if applied is None and blocking:
            metrics.count("identity.gates_closed", len(blocking))
        writes = not plan.empty if applied is None else bool(applied.outcomes)
        with self.store.publish(self.folder, "plan.jsonl", "application/jsonl") as lines:
            for line in plan.lines():
                lines.write(line.encode() + b"\n")
        with self.store.publish(self.folder, f"{self.definition.key}.html", "text/html") as page:
            page.write(html_report(plan, self.name, verdicts=verdicts, result=applied).encode())
        conflicts = [operation.id for operation in plan.of_kind(OperationKind.CONFLICT)]
        has_new_conflicts = self.memory.has_changes(conflicts, remember=applied is not None)
        return {
            "target": self.definition.key,
            "name": self.name,
            "digest": plan.digest,
            "planned_at": planned_at.isoformat(),
            "counts": {str(kind): count for kind, count in sorted(plan.counts.items())},
            "outcomes": {str(status): count for status, count in sorted(applied.counts.items())} if applied else {},
            "leavers": len(plan.leavers) if leavers_may_pass(blocking) else 0,
            "only": list(only),
            "rejected": rejected,
            "gates": [verdict.sentence for verdict in blocking],
            "needs_approval": needs_approval,
            "question": f"{self.name}: {' '.join(verdict.sentence for verdict in blocking)} Apply the plan nevertheless?"
            if blocking
            else "",
            "reviewers": list(self.definition.reviewers),
            "quarantined": applied.state.quarantined if applied and applied.state else plan.summary.quarantined,
            "learned": list(applied.learned) if applied else [],
            "notable": has_new_conflicts or (not rejected and (bool(blocking) or writes)),
            "text": format_message(self.name, plan, applied, blocking),
            "summary": markdown_report(plan, self.name, verdicts=verdicts, result=applied, rows=SUMMARY_ROWS),
            "plan": lines.artifact.as_dict(),
            "report": page.artifact.as_dict(),
        }
