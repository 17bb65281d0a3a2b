from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

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
        _parse_a_folder_once(patch)
        _check_a_schema_once(patch)
        yield


def _parse_a_folder_once(patch: pytest.MonkeyPatch) -> None:
    """Parse and store the DAGs of a folder only when a file in it, or what is stored, has changed since."""
    from airflow.dag_processing import dagbag
    from airflow.models.dag_version import DagVersion
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    bags: dict[Any, Any] = {}
    stored: dict[str, Any] = {}
    parse, store = dagbag.BundleDagBag, dagbag.sync_bag_to_db

    def parse_once(dag_folder: Path, bundle_name: str, **options: Any) -> Any:
        files = sorted(Path(dag_folder).rglob("*.py"))
        key = (str(dag_folder), bundle_name, tuple((str(file), file.stat().st_mtime_ns) for file in files))
        if key not in bags:
            bags[key] = parse(dag_folder=dag_folder, bundle_name=bundle_name, **options)
        return bags[key]

    def in_database() -> Any:
        with create_session() as session:
            counts = select(func.count(DagVersion.id), func.max(SerializedDagModel.last_updated))
            return session.execute(counts.join(SerializedDagModel)).one()

    def store_once(bag: Any, bundle_name: str, version: str | None) -> None:
        if stored.get(bundle_name) != (id(bag), in_database()):
            store(bag, bundle_name, version)
            stored[bundle_name] = (id(bag), in_database())

    patch.setattr(dagbag, "BundleDagBag", parse_once)
    patch.setattr(dagbag, "sync_bag_to_db", store_once)


def _check_a_schema_once(patch: pytest.MonkeyPatch) -> None:
    """Check the schema of a param once, and not whenever the param is looked at."""
    from jsonschema import Draft202012Validator

    check = Draft202012Validator.check_schema
    checked: set[str] = set()

    def check_once(schema: Any, *arguments: Any, **options: Any) -> None:
        text = json.dumps(schema, sort_keys=True, default=repr)
        if text not in checked:
            check(schema, *arguments, **options)
            checked.add(text)

    patch.setattr(Draft202012Validator, "check_schema", check_once)


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
