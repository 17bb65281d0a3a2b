from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import DagBag


def project_dag(repository: Path, name: str) -> Any:
    """Return a DAG of the project, as its file has it; the other files are not read."""
    bag = DagBag(dag_folder=str(repository / "dags" / f"{name}.py"), bundle_name="dags-folder")
    assert bag.import_errors == {}
    return bag.dags[name]
