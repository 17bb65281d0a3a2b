"""A refresh of an extract in a run of Airflow: the task is deferred, and its state is in Airflow's store."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.utils.state import DagRunState

from workplace_sandbox import Sandbox

pytestmark = [pytest.mark.dags, pytest.mark.usefixtures("airflow_db")]

DAG_FILE = """
from airflow.sdk import DAG
from workplace_provider.tableau.operators import TableauRefreshOperator
from workplace_provider.tableau.sensors import TableauViewUpdatedSensor

with DAG("refresh", schedule=None):
    TableauRefreshOperator(
        task_id="refresh", workbook="WeeklyKPI", deferrable=True, check_interval=1, pool="default_pool"
    ) >> TableauViewUpdatedSensor(task_id="fresh", view="WeeklyKPI/Overview", since="2026-11-01", pool="default_pool")
"""


@pytest.fixture
def dag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "refresh.py").write_text(DAG_FILE, encoding="utf-8")
    bundle = {
        "name": "refresh",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(folder)},
    }
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
    bag = DagBag(dag_folder=str(folder), bundle_name="refresh")
    assert bag.import_errors == {}
    return bag.dags["refresh"]


def test_a_deferred_refresh_starts_one_job_and_the_next_task_runs(sandbox: Sandbox, dag: Any) -> None:
    sandbox.tableau.jobs.run_seconds = 1.5
    run = dag.test(logical_date=None, run_after=datetime(2026, 11, 21, tzinfo=UTC))
    assert run.state == DagRunState.SUCCESS
    (job,) = sandbox.tableau.jobs.of_site("analytics")
    result = run.get_task_instances()[0].xcom_pull(task_ids="refresh")
    assert (result["job_id"], result["name"], result["joined"]) == (job.luid, "주간 지표", False)
    assert sandbox.requests(f"/jobs/{job.luid}$"), "it was deferred, and checked the job on a worker"
    assert sandbox.tableau.sessions == []
