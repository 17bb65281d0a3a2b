from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.definitions.context import _AIRFLOW_PARSING_CONTEXT_DAG_ID


def project_dag(repository: Path, name: str) -> Any:
    """Return a DAG of the project, from its own file or from its definition in ``include/reports``."""
    file = repository / "dags" / f"{name}.py"
    if not file.exists():
        file = repository / "dags" / "reports.py"
    bag = DagBag(dag_folder=str(file), bundle_name="dags-folder")
    assert bag.import_errors == {}
    return bag.dags[name]


def parse_for(monkeypatch: pytest.MonkeyPatch, dag_id: str | None) -> None:
    """Let DAG files be imported as for a task of a DAG, or with ``None`` as in the DAG processor.

    Airflow's own context manager leaves the variable behind.
    """
    if dag_id is None:
        monkeypatch.delenv(_AIRFLOW_PARSING_CONTEXT_DAG_ID, raising=False)
    else:
        monkeypatch.setenv(_AIRFLOW_PARSING_CONTEXT_DAG_ID, dag_id)
