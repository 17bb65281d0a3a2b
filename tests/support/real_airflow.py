from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

from workplace_sandbox import Sandbox
from workplace_sandbox.faults import Fault
from workplace_sandbox.local.demo import free_port
from workplace_sandbox.local.processes import processes_of, session_members
from workplace_sandbox.local.settings import read_settings
from workplace_sandbox.local.standalone import LocalAirflow


def until(happened: Callable[[], bool], what: str, patience: float = 150.0) -> None:
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

    def kill_the_worker_in(self, path: str, method: str) -> None:
        """Kill the process that runs a task while it waits for the answer to a write that was done."""
        self.sandbox.add_fault(Fault(path, "hang_after", method=method, delay=20))
        until(self._fault_met, "the task to write")
        time.sleep(0.2)
        everybody = map(psutil.Process, session_members(self.airflow.program.session))
        # The triggerer of the bot listens to the sandbox all the time.
        workers = [each for each in everybody if "triggerer" not in each.cmdline() and self._talks_to_sandbox(each)]
        assert workers
        for worker in workers:
            os.kill(worker.pid, signal.SIGKILL)
        self.sandbox.clear_faults()

    def _fault_met(self) -> bool:
        return any(rule["hits"] for rule in requests.get(f"{self.sandbox.url}/_sandbox/faults", timeout=5).json())

    def _talks_to_sandbox(self, process: psutil.Process) -> bool:
        return any(each.raddr and each.raddr.port == self.sandbox.port for each in process.net_connections("tcp"))

    def processes(self, word: str) -> list[psutil.Process]:
        """Airflow's processes whose command line has a word."""
        everybody = map(psutil.Process, session_members(self.airflow.program.session))
        return [process for process in everybody if word in process.cmdline()]


@contextmanager
def real_airflow(
    repository: Path, work: Path, sandbox: Sandbox, *, dags: Sequence[str], schedule: bool = False
) -> Iterator[RealAirflow]:
    """Start an Airflow with the project's DAGs, a retry of which follows at once, and switch some of them on."""
    project = work / "project"
    for folder in ("dags", "plugins"):
        shutil.copytree(repository / folder, project / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("sql", "identity", "notices"):
        shutil.copytree(repository / "include" / folder, project / "include" / folder)
    for name in dags:
        file = project / "dags" / f"{name}.py"
        text = file.read_text("utf-8")
        assert '"retry_delay": timedelta(' in text
        for usual in ("timedelta(minutes=1)", "timedelta(seconds=10)"):
            text = text.replace(usual, "timedelta(seconds=1)")
        file.write_text(text, "utf-8")
    airflow = LocalAirflow(project, work, free_port(), schedule=schedule)
    airflow.start()
    try:
        until(lambda: not airflow.missing(), "Airflow to start")
        airflow.log_in()
        airflow.api.apply(read_settings(repository / "airflow_settings.yaml", sandbox.url, str(sandbox.warehouse)))
        for dag_id in dags:
            until(lambda dag_id=dag_id: airflow.api.dag(dag_id) is not None, "the DAGs to be parsed")
            airflow.api.unpause(dag_id)
        yield RealAirflow(airflow, sandbox, work)
    finally:
        airflow.stop()
    assert processes_of(str(work)) == []
