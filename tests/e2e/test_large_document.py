"""A document of large files passes little through XCom, with any backend."""

from __future__ import annotations

import json
import os
import shutil
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
run = dag.test(logical_date=moment, run_after=moment, run_conf={"each": None})
with create_session() as session:
    rows = session.query(XComModel).filter(XComModel.run_id == run.run_id).all()
    size = sum(len(json.dumps(row.value, ensure_ascii=False).encode()) for row in rows)
print(json.dumps([str(run.state), size]))
"""


def project_with_a_large_file(repository: Path, folder: Path) -> Path:
    """Return the DAGs of a project whose document also attaches the data of a large view."""
    reports = folder / "include" / "reports"
    (folder / "dags").mkdir(parents=True)
    reports.mkdir(parents=True)
    shutil.copytree(repository / "include" / "sql", folder / "include" / "sql")
    shutil.copy(repository / "dags" / "reports.py", folder / "dags")
    text = (repository / "include" / "reports" / "analytics_doc.yaml").read_text("utf-8")
    text = text.replace("sources:\n", "sources:\n  big: {tableau: Big/Big, formats: [csv]}\n")
    (reports / "analytics_doc.yaml").write_text(text.replace("fill:\n", "fill:\n  - {attach: big}\n"), "utf-8")
    return folder / "dags"


@pytest.mark.large
@pytest.mark.parametrize("backend", ["database", "object storage"])
def test_xcom_stays_small(backend: str, repository: Path, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW_")}
    dags = project_with_a_large_file(repository, tmp_path / "project")
    environment |= {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
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
            [sys.executable, "-c", TASK, str(dags)],
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
