"""Operator that syncs the accounts of one system with the members of a Slack workspace."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow.sdk import literal
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from workplace_provider.common.arguments import none_if_blank, parse_list
from workplace_provider.common.artifact_store import ArtifactStore
from workplace_provider.common.artifacts import as_artifacts
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.fields import Field, boolean, choice, optional_text, template, text
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.identity import (
    OperationStatus,
    PlanRefused,
    check_generation,
    diff_plans,
    leavers_may_pass,
    merge_state,
)
from workplace_provider.identity.hooks import read_people
from workplace_provider.identity.operators.memory import SYNC_STATE, SyncMemory, state_store
from workplace_provider.identity.operators.profiles import StoredProfiles
from workplace_provider.identity.operators.retention import remove_old_files
from workplace_provider.identity.operators.run import SyncResult, SyncRun
from workplace_provider.identity.operators.schedule import schedule_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.identity import ApplyResult, Directory, IdentityTarget, Plan, SyncState, Verdict
    from workplace_provider.identity.definition import SyncDefinition

_UNSUCCESSFUL: Final = (OperationStatus.FAILED, OperationStatus.NOT_TRIED)


def _protect_templates(target: Any) -> Any:
    """Return a definition that Airflow does not render: the expressions in its mapping are rendered by the sync."""
    return literal(target) if isinstance(target, Mapping) else target


def _parse_names(value: Any, _: str) -> list[str]:
    """Parse a list of names, which may be text with commas, or the text of a list from a template."""
    value = none_if_blank(value)
    if isinstance(value, str):
        value = value.strip().removeprefix("[").removesuffix("]")
    return [stripped for name in parse_list(value) if (stripped := name.strip("\"'"))]


class SlackUserSyncOperator(WorkplaceOperator):
    """Sync the accounts of a system with the members of a Slack workspace: plan, check the gates, and apply.

    Accounts are created for joiners, updated after changes, and disabled for leavers. Other accounts are not changed.
    ``docs/identity.md`` documents the definition of a sync. Nothing is written before the whole plan has passed every gate.
    A retry of an interrupted task resumes.

    ::

        SlackUserSyncOperator(
            task_id="sync_members",
            target="members.yaml",
            folder="include/identity",
            mode="apply",
        )

    One task per system with ``mode="apply"`` plans and applies. To let a person approve a plan that a gate blocks, use three
    tasks: one that plans with ``on_gate="approve"``, Airflow's ``ApprovalOperator`` (or :class:`ReviewOperator`, with
    ``needs_approval`` as ``enabled``), and one that applies the ``plan`` with the ``approval``.

    :param target: the definition: the name of a YAML file, or a dict with the same keys; ``expand`` it for several systems
    :param folder: folder of the definitions
    :param mode: ``plan`` writes nothing; ``apply`` applies the plan
    :param directory: result of :class:`SlackDirectorySnapshotOperator`; without it, the operator reads the directory. A
        definition with a ``source`` of its own reads that one
    :param plan: result of a task with ``mode="plan"``; without it, the operator plans
    :param approval: result of the ``ApprovalOperator`` after that task
    :param leavers_only: apply only the operations for people whom Slack lists as deactivated. Use it in a separate task
        beside the one that waits for approval, so that no leaver keeps access in the meantime
    :param only: keys, e-mail addresses or user names of people; others are left out. A list, or text with commas
    :param conn_id: another connection of the target, which its ``conn_ids`` allow, such as that of a test system; it has a
        state of its own. Syncs that do not allow it are skipped. By default, the definition's ``conn_id``
    :param choose: keys of syncs, or names of their files without extension; others are skipped, so that a Param can select
        among the syncs of a DAG; empty for all
    :param on_gate: when a gate blocks the plan, ``fail`` the task, ``skip`` it, or ask a person to ``approve`` the plan. The
        gates for an incomplete or wrong directory cannot be approved
    :param clear_quarantine: remove the quarantine of a run that was stopped after too many failures
    :param output_path: folder or object-storage URL for plan, report and journal; by default the provider's
        ``artifacts_path``
    :param output_conn_id: Airflow connection of the object store
    :param slack_conn_id: connection of type ``slack``, used without ``directory``
    """

    argument_defaults: ClassVar[Mapping[str, Any]] = {"multiple_outputs": True, "inlets": [SYNC_STATE]}
    ui_color = "#e6eef6"

    target: Field[Any] = template(wrap=_protect_templates, renderer="json")
    folder: Field[str | None] = optional_text()
    mode: Field[str] = choice("plan", "apply", default="plan")
    directory: Field[Any] = template(default=None, renderer="json")
    plan: Field[Any] = template(default=None, renderer="json")
    approval: Field[Any] = template(default=None)
    leavers_only: Field[bool] = boolean(default=False)
    only: Field[list[str]] = template(default=None, parse=_parse_names)
    conn_id: Field[str | None] = optional_text()
    choose: Field[list[str]] = template(default=None, parse=_parse_names)
    on_gate: Field[str] = choice("fail", "approve", "skip", default="fail")
    clear_quarantine: Field[bool] = boolean(default=False)
    output_path: Field[str | None] = optional_text()
    output_conn_id: Field[str | None] = optional_text()
    slack_conn_id: Field[str] = text(default="slack_api_default")

    def execute(self, context: Context) -> SyncResult:
        """Plan and apply.

        :return: see :class:`SyncResult`
        :raises AirflowFailException: a retry cannot help: a gate blocks the plan, the run was stopped after too many
            failures, or an argument is invalid
        :raises AirflowException: some operations failed; a retry repeats them
        :raises AirflowSkipException: a gate blocks the plan and ``on_gate`` is ``skip``, a person rejected the plan, or
            another sync was chosen
        """
        with fail_on_permanent_error():
            self.parse_fields()
            definition = self._definition()
            if self.choose and not {definition.key, Path(definition.where).stem}.intersection(self.choose):
                raise AirflowSkipException(f"The sync {definition.key} was not chosen (choose: {', '.join(self.choose)})")
            definition = self._with_connection(definition)
            store = ArtifactStore(self.output_path, self.output_conn_id)
            if self.plan is None:
                remove_old_files(store, context)
            with _open_target(definition) as target:
                run = SyncRun(
                    definition,
                    target,
                    definition.name or target.name,
                    SyncMemory(
                        state_store(context), store, definition.key, system=definition.system, folder=definition.folder
                    ),
                    store,
                    store.run_folder(context, self.task_id),
                )
                return self._plan_and_apply(run) if self.plan is None else self._apply_plan_of_task(run)

    def _plan_and_apply(self, run: SyncRun) -> SyncResult:
        """Plan, and apply the plan in the mode ``apply``."""
        state = self._load_state(run)
        plan, planned_at = run.make_plan(self._directory(run), state, self.only or None), datetime.now(UTC)
        self.log.info("%r", plan)
        blocking = run.blocking_gates(plan)
        if self.mode == "plan":
            return self._publish_plan(run, plan, planned_at, blocking)
        if blocking and not (plan.leavers and leavers_may_pass(blocking)):
            run.publish(plan, planned_at)
            self._stop(blocking)
        result = self._apply(run, plan, planned_at, approved=False, only=self.only)
        self._stop(blocking)
        return result

    def _load_state(self, run: SyncRun) -> SyncState:
        """Return the stored state; with ``clear_quarantine``, without its quarantine."""
        state = run.memory.load()
        if self.clear_quarantine and state.quarantined:
            self.log.warning("The quarantine was cleared: %s", state.quarantined)
            state = replace(state, quarantined="", generation=state.generation + 1)
            run.memory.save(state)
        return state

    def _publish_plan(self, run: SyncRun, plan: Plan, planned_at: datetime, blocking: Sequence[Verdict]) -> SyncResult:
        """Return the result of the mode ``plan``, or stop the task if gates block the plan and no person is asked."""
        rejected = bool(blocking) and run.memory.is_rejected(plan.fingerprint)
        if rejected:
            self.log.info("A person rejected this plan in an earlier run, so this run does not ask for an approval")
        can_ask = self.on_gate == "approve" and all(verdict.approvable for verdict in blocking)
        needs_approval = can_ask and bool(blocking) and not rejected
        result = run.publish(plan, planned_at, needs_approval=needs_approval, only=self.only, rejected=rejected)
        if not can_ask and not result["leavers"]:
            self._stop(blocking)
        return result

    def _apply_plan_of_task(self, run: SyncRun) -> SyncResult:
        """Apply the plan of another task; in the mode ``plan``, return it."""
        if not isinstance(self.plan, Mapping) or "digest" not in self.plan:
            raise ValueError(f"plan is {self.plan!r}; it must be the result of a task with mode=plan")
        result: SyncResult = dict(self.plan)  # type: ignore[assignment]
        if result["target"] != run.definition.key:
            raise ValueError(
                f"The plan is for the sync {result['target']}, not for {run.definition.key}. Check plan and target"
            )
        if self.mode == "plan" or (self.leavers_only and not result["leavers"]):
            # The task that applies the rest of the plan sends the message.
            return {**result, "notable": result["notable"] and not self.leavers_only}
        planned_at = datetime.fromisoformat(result["planned_at"])
        plan = run.read_plan(result["plan"], result["digest"])
        if self.leavers_only:
            return self._apply(run, plan, planned_at, approved=False, only=result["only"], leavers_only=True)
        return self._apply_after_approval(run, plan, planned_at, result)

    def _apply_after_approval(self, run: SyncRun, plan: Plan, planned_at: datetime, result: SyncResult) -> SyncResult:
        """Apply a plan that a person may have approved or rejected."""
        approved = self._approved(planned_at)
        state = run.memory.load()
        if approved is False:
            run.memory.reject(plan.fingerprint)
            # ApprovalOperator skips the next task, but not in a mapped group: Airflow 3.3 does not find its result there.
            raise AirflowSkipException(f"A person rejected the plan: {' '.join(result['gates'])}")
        if result["rejected"]:
            raise AirflowSkipException("A person rejected this plan in an earlier run, and it has not changed")
        if approved and self._is_outdated(run, plan, state):
            plan, planned_at = self._plan_again(run, plan, state, result["only"]), datetime.now(UTC)
        else:
            check_generation(plan, state)
        self._stop(run.blocking_gates(plan, approved=bool(approved)))
        return self._apply(run, plan, planned_at, approved=bool(approved), only=result["only"])

    def _is_outdated(self, run: SyncRun, plan: Plan, state: SyncState) -> bool:
        """Return whether a plan is too old, or another run has changed the state since."""
        is_old = _now() - plan.taken_at > run.definition.policy.max_plan_age
        return is_old or (state.generation != plan.previous.generation and state.plan != plan.digest)

    def _plan_again(self, run: SyncRun, approved: Plan, state: SyncState, only: Sequence[str]) -> Plan:
        """Return a new plan in place of an outdated approved one, if both write the same.

        :raises PlanRefused: they differ; the message has the difference
        """
        plan = run.make_plan(self._directory(run), state, only or None)
        if plan.fingerprint == approved.fingerprint:
            self.log.info("The plan of %s was approved, and today's plan writes the same", approved.taken_at)
            return plan
        raise PlanRefused(
            f"The approved plan of {approved.taken_at:%Y-%m-%d %H:%M} is outdated, and today's plan differs: "
            f"{diff_plans(approved, plan)}. Only leavers were written; the next run asks again"
        )

    def _apply(
        self,
        run: SyncRun,
        plan: Plan,
        planned_at: datetime,
        *,
        approved: bool,
        only: Sequence[str],
        leavers_only: bool = False,
    ) -> SyncResult:
        if only and plan.empty:
            # After an event about a person, usually nothing has to be written. Plans of other runs stay valid.
            return run.publish(plan, planned_at, only=only)
        # The state is saved first, so that nothing is written if it cannot be stored, and a concurrent run's plan is
        # refused.
        current = run.memory.load()
        check_generation(plan, current)
        # Without an earlier state, only a plan that passed the gates becomes the reference for later runs.
        unconfirmed = plan.summary.first_run and (leavers_only or bool(run.blocking_gates(plan, approved=approved)))
        claimed = replace(current, generation=current.generation + 1, plan=plan.digest, unconfirmed=unconfirmed)
        run.memory.save(claimed)
        applied = run.apply(plan, approved=approved, current=claimed, leavers_only=leavers_only)
        if applied.state is not None:
            self._save_state(run, applied, claimed)
        result = run.publish(plan, planned_at, applied, only=only)
        self.log.info("%s", result["text"])
        if leavers_only and not applied.blocked:
            result["notable"] = False  # the task that applies the rest of the plan sends the message
        self._raise_failures(run, applied, f"see the report {result['report']['uri']}")
        return result

    def _raise_failures(self, run: SyncRun, applied: ApplyResult, advice: str) -> None:
        """Fail the task if the run was stopped or operations failed."""
        if applied.stopped:
            raise AirflowFailException(f"{run.name}: the run was stopped: {applied.stopped}; {advice}")
        failed = [outcome for outcome in applied.outcomes if outcome.status in _UNSUCCESSFUL]
        if failed:
            first = f"{failed[0].operation.kind} of {failed[0].operation.title}: {failed[0].detail}"
            raise AirflowException(
                f"{run.name}: {len(failed)} of {len(applied.outcomes)} operations failed, such as {first}; {advice}"
            )

    def _save_state(self, run: SyncRun, applied: ApplyResult, claimed: SyncState) -> None:
        """Save the state after the run, merged with the state of another run that was saved in the meantime."""
        latest, state = run.memory.load(), applied.state
        if state is None:
            return
        if latest.generation == claimed.generation and latest.plan == claimed.plan:
            run.memory.save(replace(state, generation=latest.generation + 1))
            return
        self.log.warning("Another run of %s has saved its state in the meantime; both states are merged", run.definition.key)
        run.memory.save(merge_state(state, latest, applied.outcomes))

    def _stop(self, blocking: Sequence[Verdict]) -> None:
        """End the task if gates block the plan."""
        if not blocking:
            return
        sentences = " ".join(verdict.sentence for verdict in blocking)
        written = "Only leavers were written" if leavers_may_pass(tuple(blocking)) else "Nothing was written"
        if self.on_gate == "skip":
            raise AirflowSkipException(f"{written}: {sentences}")
        can_ask = self.on_gate == "approve" and all(verdict.approvable for verdict in blocking)
        advice = " To apply it, plan with on_gate=approve and pass the approval of that plan" if can_ask else ""
        raise AirflowFailException(f"{written}: {sentences}{advice}")

    def _approved(self, planned_at: datetime) -> bool | None:
        """Return whether a person has approved the plan; ``None`` if no one was asked.

        :raises ValueError: the approval is invalid or older than the plan
        """
        approval = none_if_blank(self.approval)
        if approval is None:
            return None
        if not isinstance(approval, Mapping) or "chosen_options" not in approval:
            raise ValueError(f"approval is {approval!r}; it must be the result of an ApprovalOperator")
        at = approval.get("responded_at")
        at = datetime.fromisoformat(at) if isinstance(at, str) else at
        if isinstance(at, datetime) and at < planned_at:
            raise ValueError("The approval is older than the plan, so it was for another one. Ask again")
        return "Approve" in approval["chosen_options"]

    def _definition(self) -> SyncDefinition:
        from workplace_provider.identity.definition import define, load

        folder, target = Path(self.folder or "."), self.target
        if isinstance(target, Mapping):
            key = str(target.get("key") or self.task_id)
            plain = {name: value for name, value in target.items() if name != "key"}
            return define(plain, key=key, where=f"target of {self.task_id}", folder=folder)
        definition = load(folder / str(target))
        schedule_of(definition.schedule, definition.where)  # an invalid schedule fails the sync, so that it is noticed
        return definition

    def _with_connection(self, definition: SyncDefinition) -> SyncDefinition:
        try:
            return definition.with_connection(self.conn_id)
        except ValueError as error:
            # A run chooses one connection for all of its systems.
            raise AirflowSkipException(str(error)) from None

    def _directory(self, run: SyncRun) -> Directory:
        from workplace_provider.identity import read_directory

        if run.definition.source is not None or none_if_blank(self.directory) is None:
            return read_people(run.definition, self.slack_conn_id, StoredProfiles(run.memory.states, run.store))
        value = self.directory
        (artifact,) = as_artifacts(value.get("directory", value) if isinstance(value, Mapping) else value)
        with artifact.open() as stream, io.TextIOWrapper(stream, "utf-8") as lines:
            return read_directory(lines)


@contextmanager
def _open_target(definition: SyncDefinition) -> Iterator[IdentityTarget]:
    from workplace_provider.identity.hooks import account_target

    with closing(account_target(definition)) as target:
        yield target


def _now() -> datetime:
    return datetime.now(UTC)
