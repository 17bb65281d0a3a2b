"""Run tasks of a report in this process: for previews in a terminal, and in a task of another DAG."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.reports.base import ReportOperator
from workplace_provider.reports.reading import ReportError

if TYPE_CHECKING:
    from airflow.sdk import DAG, BaseOperator

RETURN_VALUE = "return_value"
_ARTIFACTS = "AIRFLOW__WORKPLACE__ARTIFACTS_PATH"


@contextmanager
def artifacts_in(folder: str) -> Iterator[None]:
    """Let tasks in this process write their files into a folder."""
    before = os.environ.get(_ARTIFACTS)
    os.environ[_ARTIFACTS] = f"file://{folder}"
    try:
        yield
    finally:
        del os.environ[_ARTIFACTS]
        if before is not None:
            os.environ[_ARTIFACTS] = before


def read_manifests_from(dag: DAG, base: str) -> None:
    """Let a report's tasks read the manifests where runs have written them, while their own files are elsewhere."""
    for task in dag.tasks:
        if isinstance(task, ReportOperator):
            task.manifest_base = base


class LocalTaskError(ReportError):
    """Error: a task of a local run failed. Its cause is the error of the task."""


@dataclass
class LocalRun:
    """A run of some tasks of a DAG, whose outputs stay in memory.

    :param dag: the DAG
    :param now: time of the run
    :param params: params that differ from their defaults
    :param outer: context of the task in which it runs; its run is then that of the tasks, too
    :param outputs: outputs by task; a task with an output is not run
    """

    dag: DAG
    now: datetime
    params: Mapping[str, Any]
    outer: Mapping[str, Any] | None = None
    outputs: dict[str, Any] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set, init=False)

    def run(self, task_id: str) -> Any:
        """Run a task and those before it, each once; not its waits.

        :return: the output of the task
        :raises LocalTaskError: if a task fails
        """
        task, context = self.prepare(task_id)
        # As Airflow's task runner marks its own calls; other calls are logged as a mistake.
        mark = {f"{type(task).__name__}__sentinel": ExecutorSafeguard.sentinel_value}
        try:
            if hook := task._pre_execute_hook:
                hook(context)
            self.outputs[task_id] = task.execute(context, **mark)
        except AirflowSkipException:
            self.skipped.add(task_id)
        except Exception as error:
            raise _failed(task_id, error) from error
        return self.outputs.get(task_id)

    def prepare(self, task_id: str) -> tuple[BaseOperator, Any]:
        """Run the tasks before a task, and render its templates.

        :return: the task and its context
        :raises ReportError: if a task fails
        """
        task: BaseOperator = self.dag.get_task(task_id)  # type: ignore[assignment]
        for upstream in sorted(task.upstream_task_ids):
            is_wait = isinstance(self.dag.get_task(upstream), BaseSensorOperator)
            if not (is_wait or upstream in self.outputs or upstream in self.skipped):
                self.run(upstream)
        context = self._context(task)
        try:
            task.render_template_fields(context)
        except Exception as error:
            raise _failed(task_id, error) from error
        return task, context

    def _context(self, task: BaseOperator) -> Any:
        params = {name: self.dag.params[name] for name in self.dag.params} | dict(self.params)
        run = SimpleNamespace(run_after=self.now, run_type="manual", triggering_user_name=None, conf={})
        outer = self.outer or {"run_id": "preview", "dag_run": run, "ti": SimpleNamespace(try_number=1)}
        ti = SimpleNamespace(
            task_id=task.task_id,
            map_index=-1,
            try_number=outer["ti"].try_number,
            xcom_pull=self._pull,
            xcom_push=lambda **_: None,
            get_task_states=lambda **_: {outer["run_id"]: self._states()},
        )
        return {
            "dag": self.dag,
            "task": task,
            "ti": ti,
            "params": params,
            "data_interval_end": None,
            "macros": SimpleNamespace(),
            **{name: outer[name] for name in ("run_id", "dag_run", "task_state_store") if name in outer},
        }

    def _states(self) -> dict[str, str]:
        return dict.fromkeys(self.skipped, "skipped") | dict.fromkeys(self.outputs, "success")

    def _pull(self, task_ids: Any = None, key: str = RETURN_VALUE, default: Any = None, **_: Any) -> Any:
        """Return the output of a task, or one key of it, as ``xcom_pull`` does."""
        output = self.outputs.get(str(task_ids), default)
        return output[key] if key != RETURN_VALUE and isinstance(output, Mapping) else output


def _failed(task_id: str, error: Exception) -> LocalTaskError:
    return LocalTaskError(f"the task {task_id} failed: {error}")
