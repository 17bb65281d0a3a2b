"""Operator that keeps the accounts of one system in step with the members of a Slack workspace."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import literal
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from workplace_provider.common.arguments import none_if_blank, parse_bool, parse_choice, parse_list
from workplace_provider.common.artifact_store import ArtifactStore
from workplace_provider.common.artifacts import as_artifacts
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.identity import (
    OperationStatus,
    PlanRefused,
    check_generation,
    diff_plans,
    leavers_may_pass,
    merge_state,
)
from workplace_provider.identity.operators.memory import SYNC_STATE, SyncMemory
from workplace_provider.identity.operators.retention import remove_old_files
from workplace_provider.identity.operators.run import SyncResult, SyncRun
from workplace_provider.identity.operators.schedule import schedule_of, sync_keys
from workplace_provider.identity.operators.snapshot import read_slack

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.identity import ApplyResult, Directory, IdentityTarget, Plan, SyncState, Verdict
    from workplace_provider.identity.definition import SyncDefinition


class SlackUserSyncOperator(WorkplaceOperator):
    """Plan, and carry out, what keeps the accounts of a system in step with the members of a Slack workspace.

    Accounts are created when people join, changed when they change, disabled when they leave; nobody else's is touched.
    What the sync does is said by a definition, see ``docs/identity.md``. Nothing is written before the whole plan has passed
    every gate. A task that broke off goes on where it was when it is tried again.

    With one task for one system, ``mode="apply"`` plans and carries out. For a person to decide when a gate is closed, there
    are three: one that plans with ``on_gate="approve"``, Airflow's ``ApprovalOperator`` (or :class:`ReviewOperator`, enabled
    by ``needs_approval``), and one that carries out that ``plan`` with the ``approval``.

    :param target: the definition: the name of a YAML file, or a dict of the same form; ``expand`` it over several
    :param folder: where the files are
    :param mode: ``plan`` writes nothing; ``apply`` carries the plan out
    :param directory: the people, as :class:`SlackDirectorySnapshotOperator` returns them; without it they are read now
    :param plan: what a task with ``mode="plan"`` returned; without it a plan is made now
    :param approval: what the ``ApprovalOperator`` after that task returned
    :param leavers_only: apply no more of the plan than what Slack itself states of leavers: a task beside the one that asks,
        so that nobody who left keeps access while an approval is waited for
    :param only: keys, e-mail addresses or user names of people; nobody else is looked at. A list, or a text with commas
    :param choose: keys of syncs: others are skipped, so that a Param can choose among those of a DAG; empty for all
    :param on_gate: when a gate is closed, ``fail`` the task, ``skip`` it, or ask to ``approve`` the plan. The
        gates for an incomplete or wrong directory cannot be approved
    :param clear_quarantine: forget that an earlier run was stopped because too much had failed, and write again
    :param output_path: folder or object-storage URL for plan, report and journal; by default the provider's
        ``artifacts_path``
    :param output_conn_id: Airflow connection that opens the object store
    :param slack_conn_id: connection of type ``slack``, for when the directory is read now
    """

    template_fields: Sequence[str] = (
        "slack_conn_id",
        "target",
        "folder",
        "mode",
        "directory",
        "plan",
        "approval",
        "leavers_only",
        "only",
        "choose",
        "on_gate",
        "clear_quarantine",
        "output_path",
        "output_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"target": "json", "plan": "json", "directory": "json"}
    ui_color = "#e6eef6"
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"mode": ("plan", "apply"), "on_gate": ("fail", "approve", "skip")}

    def __init__(
        self,
        *,
        target: str | Mapping[str, Any],
        folder: str | None = None,
        mode: str = "plan",
        directory: Any = None,
        plan: Any = None,
        approval: Any = None,
        leavers_only: bool | str = False,
        only: Sequence[str] | str | None = None,
        choose: Sequence[str] | str | None = None,
        on_gate: str = "fail",
        clear_quarantine: bool | str = False,
        output_path: str | None = None,
        output_conn_id: str | None = None,
        slack_conn_id: str = "slack_api_default",
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("multiple_outputs", True)
        kwargs.setdefault("inlets", [SYNC_STATE])
        super().__init__(**kwargs)
        # The expressions in a mapping are the sync's; Airflow would render them, and find nobody to render them for.
        self.target: Any = literal(target) if isinstance(target, Mapping) else target
        self.folder = folder
        self.mode = mode
        self.directory = directory
        self.plan = plan
        self.approval = approval
        self.leavers_only = leavers_only
        self.only = only
        self.choose = choose
        self.on_gate = on_gate
        self.clear_quarantine = clear_quarantine
        self.output_path = output_path
        self.output_conn_id = output_conn_id
        self.slack_conn_id = slack_conn_id

    def execute(self, context: Context) -> SyncResult:
        """Plan, and carry out.

        :return: see :class:`SyncResult`
        :raises AirflowFailException: when a retry cannot help: a gate is closed, so much failed that the run was stopped, or
            something given cannot be used
        :raises AirflowException: when some operations failed; a retry tries those again
        :raises AirflowSkipException: when a gate is shut and ``on_gate`` is ``skip``, somebody decided against the plan, or
            another sync is chosen
        """
        with fail_on_permanent_error():
            for name, allowed in self.choices.items():
                parse_choice(getattr(self, name), name, allowed)
            definition = self._definition()
            chosen = _names(self.choose)
            if chosen and definition.key not in chosen:
                raise AirflowSkipException(f"{definition.key} is not among the syncs that were chosen")
            store = ArtifactStore(self.output_path, self.output_conn_id)
            if self.plan is None:
                remove_old_files(store, context)
            with _open_target(definition) as target:
                run = SyncRun(
                    definition,
                    target,
                    definition.name or target.name,
                    self._memory(context, store, definition),
                    store,
                    store.run_folder(context, self.task_id),
                )
                return self._planned(run) if self.plan is None else self._given(run)

    def _planned(self, run: SyncRun) -> SyncResult:
        state = run.memory.load()
        if parse_bool(self.clear_quarantine, "clear_quarantine") and state.quarantined:
            self.log.warning("cleared: %s", state.quarantined)
            state = replace(state, quarantined="", generation=state.generation + 1)
            run.memory.save(state)
        only = _names(self.only)
        plan, made = run.make_plan(self._directory(), state, only or None), datetime.now(UTC)
        self.log.info("%r", plan)
        shut = run.blocking_gates(plan)
        if self.mode == "plan":
            rejected = bool(shut) and run.memory.is_rejected(plan.fingerprint)
            if rejected:
                self.log.info("somebody has decided against this plan before, so it is not asked for again")
            asks = self.on_gate == "approve" and all(each.approvable for each in shut)
            result = run.result(
                plan, made, needs_approval=asks and bool(shut) and not rejected, only=only, rejected=rejected
            )
            if not asks and not result["leavers"]:
                self._stop(shut)
            return result
        if shut and not (plan.leavers and leavers_may_pass(shut)):
            run.result(plan, made)
            self._stop(shut)
        result = self._apply(run, plan, made, approved=False, only=only)
        self._stop(shut)
        return result

    def _given(self, run: SyncRun) -> SyncResult:
        """Apply the plan of another task, or, with the mode ``plan``, hand it on."""
        if not isinstance(self.plan, Mapping) or "digest" not in self.plan:
            raise ValueError(f"plan is {self.plan!r}; it must be what a task with mode=plan returned")
        result: SyncResult = dict(self.plan)  # type: ignore[assignment]
        if result["target"] != run.definition.key:
            raise ValueError(f"the plan is for {result['target']}, not for {run.definition.key}")
        leavers_only = parse_bool(self.leavers_only, "leavers_only")
        if self.mode == "plan" or (leavers_only and not result["leavers"]):
            # The task that applies the rest speaks of it.
            return {**result, "notable": result["notable"] and not leavers_only}
        made = datetime.fromisoformat(result["planned_at"])
        plan = run.read_plan(result["plan"], result["digest"])
        if leavers_only:
            return self._apply(run, plan, made, approved=False, only=result["only"], leavers_only=True)
        approved = self._approved(made)
        state = run.memory.load()
        if approved is False:
            run.memory.reject(plan.fingerprint)
            # ApprovalOperator skips what follows, but not in a mapped group: Airflow 3.3 does not find its answer there.
            raise AirflowSkipException(f"somebody decided against the plan: {' '.join(result['gates'])}")
        if result["rejected"]:
            raise AirflowSkipException("somebody decided against this plan before, and it is still the same")
        if approved and self._is_outdated(run, plan, state):
            plan, made = self._same_today(run, plan, state, result["only"]), datetime.now(UTC)
        else:
            check_generation(plan, state)
        self._stop(run.blocking_gates(plan, approved=bool(approved)))
        return self._apply(run, plan, made, approved=bool(approved), only=result["only"])

    def _is_outdated(self, run: SyncRun, plan: Plan, state: SyncState) -> bool:
        """Whether a plan is too old to be applied as it is, by the clock or by what other runs did."""
        old = _now() - plan.taken_at > run.definition.policy.max_plan_age
        return old or (state.generation != plan.previous.generation and state.plan != plan.digest)

    def _same_today(self, run: SyncRun, approved: Plan, state: SyncState, only: Sequence[str]) -> Plan:
        """Return the plan of today in place of one that was approved later than it is good for, when both do the same.

        :raises PlanRefused: they do not; the message has the difference
        """
        plan = run.make_plan(self._directory(), state, only or None)
        if plan.fingerprint == approved.fingerprint:
            self.log.info("the plan of %s was approved, and today's does the same", approved.taken_at)
            return plan
        raise PlanRefused(
            f"The plan of {approved.taken_at:%Y-%m-%d %H:%M} was approved, and is another one today: "
            f"{diff_plans(approved, plan)}. Nothing was written but for leavers; the next run asks again"
        )

    def _apply(
        self,
        run: SyncRun,
        plan: Plan,
        made: datetime,
        *,
        approved: bool,
        only: Sequence[str],
        leavers_only: bool = False,
    ) -> SyncResult:
        # First of all, so that nothing is written to a system whose memory could not be kept; and so that the plan of a run
        # that goes on at the same time is refused.
        current = run.memory.load()
        check_generation(plan, current)
        # Of a memory that was empty, only a plan that the gates let pass makes one that later runs may rely on.
        unconfirmed = plan.summary.first_run and (leavers_only or bool(run.blocking_gates(plan, approved=approved)))
        claimed = replace(current, generation=current.generation + 1, plan=plan.digest, unconfirmed=unconfirmed)
        run.memory.save(claimed)
        applied = run.apply(plan, approved=approved, current=claimed, leavers_only=leavers_only)
        if applied.state is not None:
            self._remember(run, applied, claimed)
        result = run.result(plan, made, applied, only=only)
        self.log.info("%s", result["text"])
        if leavers_only and not applied.blocked:
            result["notable"] = False  # the task that applies the rest speaks of them, too
        failed = [each for each in applied.outcomes if each.status in (OperationStatus.FAILED, OperationStatus.NOT_TRIED)]
        where = f"the report is {result['report']['uri']}"
        if applied.stopped:
            raise AirflowFailException(f"{run.name}: stopped: {applied.stopped}; {where}")
        if failed:
            first = f"{failed[0].operation.kind} of {failed[0].operation.label}: {failed[0].detail}"
            raise AirflowException(
                f"{run.name}: {len(failed)} of {len(applied.outcomes)} operations failed, such as {first}; {where}"
            )
        return result

    def _remember(self, run: SyncRun, applied: ApplyResult, claimed: SyncState) -> None:
        """Save what the run leaves; with what another run has saved meanwhile, if one has."""
        latest, state = run.memory.load(), applied.state
        if state is None:
            return
        if latest.generation == claimed.generation and latest.plan == claimed.plan:
            run.memory.save(replace(state, generation=latest.generation + 1))
            return
        self.log.warning("another run has saved the memory of %s meanwhile; both are kept", run.definition.key)
        run.memory.save(merge_state(state, latest, applied.outcomes))

    def _memory(self, context: Context, store: ArtifactStore, definition: SyncDefinition) -> SyncMemory:
        return SyncMemory(
            context, store, definition.key, system=definition.system, other_keys=lambda: sync_keys(definition.folder)
        )

    def _stop(self, shut: Sequence[Verdict]) -> None:
        """End the task when gates are closed."""
        sentences = " ".join(each.sentence for each in shut)
        if not sentences:
            return
        written = "nothing was written but for leavers" if leavers_may_pass(tuple(shut)) else "nothing was written"
        if self.on_gate == "skip":
            raise AirflowSkipException(f"{written}: {sentences}")
        advice = (
            " To let it pass, plan with on_gate=approve, and give the approval of that plan"
            if self.on_gate == "approve" and all(each.approvable for each in shut)
            else ""
        )
        raise AirflowFailException(f"{written}: {sentences}{advice}")

    def _approved(self, made: datetime) -> bool | None:
        """Whether a person has approved the plan that was made at that moment; ``None`` when nobody was asked."""
        approval = none_if_blank(self.approval)
        if approval is None:
            return None
        if not isinstance(approval, Mapping) or "chosen_options" not in approval:
            raise ValueError(f"approval is {approval!r}; it must be what an ApprovalOperator returned")
        at = approval.get("responded_at")
        at = datetime.fromisoformat(at) if isinstance(at, str) else at
        if isinstance(at, datetime) and at < made:
            raise ValueError("the approval is older than the plan: it was for another one; ask again")
        return "Approve" in approval["chosen_options"]

    def _definition(self) -> SyncDefinition:
        from workplace_provider.identity.definition import define, load

        folder, target = Path(self.folder or "."), self.target
        if isinstance(target, Mapping):
            key = str(target.get("key") or self.task_id)
            plain = {name: value for name, value in target.items() if name != "key"}
            return define(plain, key=key, where=f"target of {self.task_id}", folder=folder)
        definition = load(folder / str(target))
        schedule_of(definition.schedule, definition.where)  # a mistake in it must not stay unseen
        return definition

    def _directory(self) -> Directory:
        from workplace_provider.identity import read_directory

        if none_if_blank(self.directory) is None:
            return read_slack(self.slack_conn_id)
        value = self.directory
        (artifact,) = as_artifacts(value.get("directory", value) if isinstance(value, Mapping) else value)
        with artifact.open() as stream, io.TextIOWrapper(stream, "utf-8") as lines:
            return read_directory(lines)


@contextmanager
def _open_target(definition: SyncDefinition) -> Iterator[IdentityTarget]:
    from workplace_provider.identity.hooks.accounts import account_target

    with closing(account_target(definition)) as target:
        yield target


def _now() -> datetime:
    return datetime.now(UTC)


def _names(value: Any) -> list[str]:
    """Names, also as Jinja writes a list of them."""
    value = none_if_blank(value)
    if isinstance(value, str):
        value = value.strip().removeprefix("[").removesuffix("]")
    return [name for each in parse_list(value) if (name := each.strip("\"'"))]
