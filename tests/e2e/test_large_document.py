"""A document of large files passes little through XCom, with any backend."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from workplace_sandbox import Sandbox

pytestmark = pytest.mark.e2e

SIZE = 110_000_000
TASK = """
import json, sys
from datetime import UTC, datetime, timedelta
from airflow.utils.db import initdb
initdb()
from airflow.dag_processing.dagbag import DagBag
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session

dag = DagBag(dag_folder=sys.argv[1], bundle_name="dags-folder").dags["analytics_doc"]
moment = datetime(2026, 11, 19, 1, tzinfo=UTC)
conf = {"views": ["WeeklyKPI/WeeklyActiveUsers", {"view": "Big/Big", "format": "csv"}], "each": {}}
run = dag.test(logical_date=moment, run_after=moment, run_conf=conf)
with create_session() as session:
    rows = session.query(XComModel).filter(XComModel.run_id == run.run_id).all()
    size = sum(len(json.dumps(row.value, ensure_ascii=False).encode()) for row in rows)
print(json.dumps([str(run.state), size]))
"""


@pytest.mark.large
@pytest.mark.parametrize("backend", ["database", "object storage"])
def test_xcom_stays_small(backend: str, repository: Path, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW_")}
    environment |= {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(repository / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(repository / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow/airflow.db",
        "AIRFLOW__WORKPLACE__ARTIFACTS_PATH": f"file://{tmp_path}/artifacts",
    }
    kept = tmp_path / "xcom"
    if backend == "object storage":
        environment |= {
            "AIRFLOW__CORE__XCOM_BACKEND": "airflow.providers.common.io.xcom.backend.XComObjectStorageBackend",
            "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH": f"file://{kept}",
            "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD": "100",
        }
    with Sandbox(today=date(2026, 11, 22)) as sandbox:
        sandbox.tableau.add_big_view("Big", csv_bytes=SIZE)
        for name, connection in sandbox.airflow_connections().items():
            environment[f"AIRFLOW_CONN_{name.upper()}"] = json.dumps(connection)
        result = subprocess.run(
            [sys.executable, "-c", TASK, str(repository / "dags")],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert result.returncode == 0, result.stderr[-3000:] + result.stdout[-3000:]
        state, size = json.loads(result.stdout.strip().splitlines()[-1])
        (page,) = [page for page in sandbox.store.pages("ANALYTICS") if page.title.endswith("_주간 분석")]
        attached = {each.filename: each.size for each in sandbox.store.attachments(page.id)}
    assert state == "success"
    assert attached["Big.csv"] == SIZE
    artifacts = [each.stat().st_size for each in (tmp_path / "artifacts").rglob("*") if each.is_file()]
    assert sum(artifacts) > 100_000_000, "nothing was deleted with the XCom values"
    through = size + sum(each.stat().st_size for each in kept.rglob("*") if each.is_file())
    assert 0 < through < 100_000
