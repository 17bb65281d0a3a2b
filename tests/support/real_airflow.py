from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import requests

from workplace_sandbox import Sandbox
from workplace_sandbox.faults import Fault
from workplace_sandbox.local.processes import Program, processes_of, session_members
from workplace_sandbox.local.program import free_port
from workplace_sandbox.local.settings import read_settings
from workplace_sandbox.local.standalone import LocalAirflow


def until(happened: Callable[[], bool], what: str, patience: float = 300.0) -> None:
    deadline = time.monotonic() + patience
    while not happened():
        assert time.monotonic() < deadline, f"waited {patience} s for {what}"
        time.sleep(0.2)


@dataclass
class RealAirflow:
    """An Airflow of its own processes, and the sandbox that it works on."""

    airflow: LocalAirflow
    sandbox: Sandbox
    work: Path
    programs: list[Program] = field(default_factory=list)
    """Started beside ``airflow standalone``; they end with it."""

    def active_runs(self) -> list[dict[str, Any]]:
        """Return the runs of every DAG that have not ended."""
        path = "/api/v2/dags/~/dagRuns?state=queued&state=running&limit=100"
        runs: list[dict[str, Any]] = self.airflow.api._call("GET", path)["dag_runs"]
        return runs

    def end_runs(self) -> None:
        """Fail the runs that have not ended, like *Mark run as…* in the UI."""
        for run in self.active_runs():
            path = f"/api/v2/dags/{run['dag_id']}/dagRuns/{quote(run['dag_run_id'], safe='')}"
            self.airflow.api._call("PATCH", path, {"state": "failed"})

    def reset(self) -> None:
        """Restore the seed: its pages, messages and accounts, without the state of earlier runs."""
        self.end_runs()
        self.sandbox.reset(seed=True)
        shutil.rmtree(self.work / "artifacts", ignore_errors=True)

    def kill_the_worker_in(self, path: str, method: str) -> None:
        """Kill the process that runs a task while it waits for the response to a finished write."""
        self.sandbox.add_fault(Fault(path, "hang_after", method=method, delay=20))
        until(self._fault_met, "the task to write")
        time.sleep(0.2)
        workers = [process for process in self._children_of("scheduler") if self._talks_to_sandbox(process)]
        assert workers
        for worker in workers:
            os.kill(worker.pid, signal.SIGKILL)
        self.sandbox.clear_faults()

    def _fault_met(self) -> bool:
        return any(rule["hits"] for rule in requests.get(f"{self.sandbox.url}/_sandbox/faults", timeout=5).json())

    def _talks_to_sandbox(self, process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            return any(each.raddr and each.raddr.port == self.sandbox.port for each in process.net_connections("tcp"))
        return False

    def process_has_ended(self, dag_id: str, task_id: str, run_id: str) -> bool:
        """Return whether the scheduler knows that the process of a task has ended.

        A person takes longer than that to answer. Airflow 3.3 treats an earlier answer as a failure of the task, and asks
        again.
        """
        key = rf"TaskInstanceKey\(dag_id='{dag_id}', task_id='{re.escape(task_id)}', run_id='{re.escape(run_id)}'"
        log = (self.airflow.logs / "airflow.log").read_text("utf-8", "replace")
        return re.search(rf"executor event with state success for task instance {key}", log) is not None

    def start_triggerer(self) -> None:
        """Start another triggerer, after the one of ``airflow standalone`` was killed."""
        command = [str(self.work / "bin" / "airflow"), "triggerer"]
        log = self.airflow.logs / "triggerer.log"
        program = Program("triggerer", command, environment=self.airflow.environment, log=log, grace=1.0)
        program.start()
        self.programs.append(program)

    def processes(self, word: str) -> list[psutil.Process]:
        """Return Airflow's processes whose command line has a word."""
        return self._processes(lambda process: word in process.cmdline())

    def _children_of(self, word: str) -> list[psutil.Process]:
        """Return the child processes of a component, without those of the triggerer and the API server."""
        return [child for process in self.processes(word) for child in process.children(recursive=True)]

    def _processes(self, wanted: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
        processes = []
        for pid in session_members(self.airflow.program.session):
            with contextlib.suppress(psutil.NoSuchProcess):  # it has ended meanwhile
                if wanted(process := psutil.Process(pid)):
                    processes.append(process)
        return processes


@contextmanager
def real_airflow(
    repository: Path,
    work: Path,
    sandbox: Sandbox,
    *,
    dags: Sequence[str],
    people: Mapping[str, str] | None = None,
    more_dags: Mapping[str, str] | None = None,
) -> Iterator[RealAirflow]:
    """Start an Airflow with the project's DAGs.

    :param dags: unpaused; the others stay paused.
    :param people: who may log in besides the administrator, and in which role.
    :param more_dags: file name to text of DAGs that only a test needs.
    """
    project = work / "project"
    copy_project(repository, project, more_dags)
    airflow = LocalAirflow(project, work, free_port(), schedule=True, people=people)
    # The files do not change any more.
    airflow.environment["AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL"] = "3600"
    airflow.start()
    try:
        until(lambda: not airflow.missing(), "Airflow to start")
        airflow.log_in()
        airflow.api.apply(read_settings(repository / "airflow_settings.yaml", sandbox.url, str(sandbox.warehouse)))
        for dag_id in dags:
            until(lambda dag_id=dag_id: airflow.api.dag(dag_id) is not None, "the DAGs to be parsed")
            airflow.api.unpause(dag_id)
        started = RealAirflow(airflow, sandbox, work)
        try:
            yield started
        finally:
            for program in started.programs:
                program.stop()
    finally:
        airflow.stop()
    assert processes_of(str(work)) == []


def copy_project(
    repository: Path, project: Path, more_dags: Mapping[str, str] | None = None, retry_seconds: int = 1
) -> None:
    """Copy the DAGs and what they read, with quick retries and without schedules.

    :param more_dags: file name to text of DAGs that only a test needs.
    :param retry_seconds: delay of a retry.
    """
    for folder in ("dags", "plugins"):
        shutil.copytree(repository / folder, project / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("sql", "identity", "notices", "reports"):
        shutil.copytree(repository / "include" / folder, project / "include" / folder)
    catalogue = (repository / "include" / "report_catalogue.yaml").read_text("utf-8")
    unscheduled = re.sub(r"(?m)^schedule: .*", "schedule: null", catalogue)
    (project / "include" / "report_catalogue.yaml").write_text(unscheduled, "utf-8")
    for file in (project / "dags").glob("*.py"):
        file.write_text(at_once(file.read_text("utf-8"), retry_seconds), "utf-8")
    for name, text in (more_dags or {}).items():
        (project / "dags" / name).write_text(text, "utf-8")


def at_once(text: str, seconds: int = 1) -> str:
    """Rewrite a DAG file of the project: retries follow at once, and the schedule starts no runs; events still do."""
    return re.sub(r"schedule=(CronTriggerTimetable\(.*\)|schedule),", "schedule=None,", quick_retries(text, seconds))


def quick_retries(text: str, seconds: int = 1) -> str:
    """Rewrite a DAG file of the project: retries follow soon."""
    return re.sub(r'"retry_delay": timedelta\([a-z]+=\d+\)', f'"retry_delay": timedelta(seconds={seconds})', text)
