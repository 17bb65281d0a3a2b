"""The sandbox as a pytest fixture, for the tests of DAGs: ``def test_my_dag(workplace_sandbox): ...``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workplace_sandbox.server import Sandbox


@pytest.fixture(scope="session")
def _workplace_sandbox_server() -> Iterator[Sandbox]:
    from workplace_sandbox.server import Sandbox

    with Sandbox(seed=False) as sandbox:
        yield sandbox


@pytest.fixture
def workplace_sandbox(_workplace_sandbox_server: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A sandbox in its initial state for each test, and Airflow's connections to its systems.

    The connections have the default ids of the operators; see
    :meth:`~workplace_sandbox.server.Sandbox.airflow_connections`.
    """
    _workplace_sandbox_server.reset(seed=True)
    for conn_id, connection in _workplace_sandbox_server.airflow_connections().items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    return _workplace_sandbox_server
