from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from workplace_sandbox import Sandbox

TODAY = date(2026, 11, 22)


@pytest.fixture(scope="session")
def _tables() -> None:
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture
def airflow_db(_tables: None) -> None:
    """Airflow's metadata database, without runs."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        session.execute(delete(DagRun))


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
