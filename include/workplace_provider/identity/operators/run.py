"""One sync of one system in a run: what is planned, carried out and told."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypedDict

from workplace_provider.common.artifacts import as_artifacts
from workplace_provider.identity.operators.journal import open_journal
from workplace_provider.identity.operators.message import message

if TYPE_CHECKING:
    from datetime import datetime

    from workplace_provider.common.artifact_store import ArtifactStore
    from workplace_provider.identity import ApplyResult, Directory, IdentityTarget, Plan, SyncState, Verdict
    from workplace_provider.identity.definition import SyncDefinition
    from workplace_provider.identity.operators.memory import SyncMemory

SUMMARY_ROWS: Final = 20
"""Rows of one kind in the summary, which goes through XCom; the report has more, the plan all."""


class SyncResult(TypedDict):
    """A sync as tasks hand it on.

    :param target: key of the sync
    :param name: the system's name
    :param digest: of the plan
    :param planned_at: when the plan was made (ISO 8601)
    :param counts: operations of each kind
    :param outcomes: what became of those that write, by status; empty when nothing was tried
    :param leavers: operations that take away what the directory states of leavers, and that no gate stops
    :param only: the people that were planned for; empty for everyone
    :param rejected: whether a person has decided against this very plan before, so that it is not asked for again
    :param gates: a sentence for every gate that stops the plan
    :param needs_approval: whether a person may let it pass, and the task asks for that
    :param question: what that person is asked
    :param reviewers: user names of Airflow who may let it pass, by the definition; empty for everybody who may answer
    :param quarantined: why later runs write no more than leavers and a trial; empty when all is well
    :param learned: attributes that the system turned out not to store
    :param notable: whether there is anything to tell people: a write, a shut gate, or a new conflict
    :param text: the same for a channel of Slack
    :param summary: the same in Markdown, for who approves it
    :param plan: artifact, lines of JSON
    :param report: artifact, a page of HTML
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


@dataclass(frozen=True)
class SyncRun:
    """One sync in one run: the system, what is remembered, and where files go."""

    definition: SyncDefinition
    target: IdentityTarget
    name: str
    memory: SyncMemory
    store: ArtifactStore
    folder: str

    def make_plan(self, directory: Directory, state: SyncState, only: Sequence[str] | None) -> Plan:
        """Read the accounts and plan.

        :param only: people to plan for; nobody else is looked at
        """
        from workplace_provider.identity import make_plan, read_accounts

        declared = self.definition
        reading = read_accounts(self.target, directory, declared.mapping, declared.scope, declared.policy, state)
        return make_plan(
            directory,
            reading.accounts,
            declared.mapping,
            declared.scope,
            declared.policy,
            previous=state,
            only=only,
            capabilities=self.target.capabilities,
            gone=reading.gone,
            unreadable=reading.unreadable,
        )

    def blocking_gates(self, plan: Plan, *, approved: bool = False) -> tuple[Verdict, ...]:
        """The gates that stop a plan."""
        from workplace_provider.identity import blocking_gates, evaluate

        return blocking_gates(evaluate(plan, self.definition.policy), approved=approved)

    def read_plan(self, artifact: Any, digest: str) -> Plan:
        """Read the plan that another task has made.

        :raises PlanRefused: the file is of another plan by now
        """
        from workplace_provider.identity import PlanRefused, read_plan

        (file,) = as_artifacts(artifact)
        with file.open() as stream, io.TextIOWrapper(stream, "utf-8") as lines:
            plan = read_plan(lines)
        if plan.digest != digest:
            raise PlanRefused(f"{file.uri} is another plan than the one that the task made: plan again")
        return plan

    def apply(self, plan: Plan, *, approved: bool, current: SyncState, leavers_only: bool = False) -> ApplyResult:
        """Apply a plan, or go on where an earlier try of the task ended.

        :param current: the memory as it is now
        """
        from workplace_provider.identity import apply_plan
        from workplace_provider.identity.hooks.accounts import target_secrets

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

    def result(
        self,
        plan: Plan,
        made: datetime,
        applied: ApplyResult | None = None,
        *,
        needs_approval: bool = False,
        only: Sequence[str] = (),
        rejected: bool = False,
    ) -> SyncResult:
        """What the task returns, with plan and report as files."""
        from workplace_provider.identity import (
            OperationKind,
            blocking_gates,
            evaluate,
            html_report,
            leavers_may_pass,
            markdown_report,
        )

        verdicts = applied.verdicts if applied else evaluate(plan, self.definition.policy)
        stopping = applied.blocked if applied else blocking_gates(verdicts)
        writes = not plan.empty if applied is None else bool(applied.outcomes)
        with self.store.publish(self.folder, "plan.jsonl", "application/jsonl") as lines:
            for line in plan.lines():
                lines.write(line.encode() + b"\n")
        with self.store.publish(self.folder, f"{self.definition.key}.html", "text/html") as page:
            page.write(html_report(plan, self.name, verdicts=verdicts, result=applied).encode())
        conflicts = [each.id for each in plan.of_kind(OperationKind.CONFLICT)]
        news = self.memory.has_changes(conflicts, remember=applied is not None)
        return {
            "target": self.definition.key,
            "name": self.name,
            "digest": plan.digest,
            "planned_at": made.isoformat(),
            "counts": {str(kind): count for kind, count in sorted(plan.counts.items())},
            "outcomes": {str(status): count for status, count in sorted(applied.counts.items())} if applied else {},
            "leavers": len(plan.leavers) if leavers_may_pass(stopping) else 0,
            "only": list(only),
            "rejected": rejected,
            "gates": [each.sentence for each in stopping],
            "needs_approval": needs_approval,
            "question": f"{self.name}: {' '.join(each.sentence for each in stopping)} Carry it out all the same?"
            if stopping
            else "",
            "reviewers": list(self.definition.reviewers),
            "quarantined": applied.state.quarantined if applied and applied.state else plan.summary.quarantined,
            "learned": list(applied.learned) if applied else [],
            "notable": news or (not rejected and (bool(stopping) or writes)),
            "text": message(self.name, plan, applied, stopping),
            "summary": markdown_report(plan, self.name, verdicts=verdicts, result=applied, rows=SUMMARY_ROWS),
            "plan": lines.artifact.as_dict(),
            "report": page.artifact.as_dict(),
        }
