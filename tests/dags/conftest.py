from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from support import quick_dag_test
from workplace_sandbox import Sandbox

TODAY = date(2026, 11, 22)


@pytest.fixture(scope="session")
def _tables() -> None:
    from airflow.utils.db import initdb
    from sqlalchemy import Engine, event

    @event.listens_for(Engine, "connect")
    def _lose_it_with_the_power(connection: Any, _record: Any) -> None:
        # A database of a few minutes need not survive a power cut: SQLite waits for no disk.
        connection.execute("PRAGMA synchronous=OFF")

    initdb()


@pytest.fixture(scope="session", autouse=True)
def _quick_dag_test() -> Iterator[None]:
    """Let ``dag.test()`` do once what it does again for each run of a DAG, and each task: half of its time."""
    with pytest.MonkeyPatch.context() as patch:
        quick_dag_test.parse_a_folder_once(patch)
        quick_dag_test.check_a_schema_once(patch)
        quick_dag_test.build_a_validator_once(patch)
        quick_dag_test.read_signatures_once(patch)
        quick_dag_test.call_the_api_directly(patch)
        yield


@pytest.fixture
def airflow_db(_tables: None) -> None:
    """Airflow's metadata database, without runs and without what syncs remember."""
    from airflow.models.asset_state_store import AssetStateStoreModel
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        session.execute(delete(DagRun))
        session.execute(delete(AssetStateStoreModel))


@pytest.fixture(scope="session")
def _running_sandbox() -> Iterator[Sandbox]:
    # Its access log is the server's, where the paths of webhooks may stand; ours is looked through for secrets.
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    with Sandbox(today=TODAY) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(_running_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Sandbox:
    """The seeded wiki, Tableau and Slack, with Airflow's connections to them."""
    monkeypatch.setenv("AIRFLOW__WORKPLACE__ARTIFACTS_PATH", f"file://{tmp_path}/artifacts")
    _running_sandbox.reset(seed=True)
    for name, connection in _running_sandbox.airflow_connections().items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))
    return _running_sandbox
