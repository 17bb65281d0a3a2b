from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from support.consenting import Visitor, forget_everything
from workplace_provider.common.atlassian import variable_tokens

if TYPE_CHECKING:
    from fastapi import FastAPI

BASE_URL = "http://localhost:8080"


@pytest.fixture(scope="session")
def _api_server() -> Iterator[FastAPI]:
    """Airflow's own API server with the project's plugins, in this process."""
    from airflow.api_fastapi.app import create_app, purge_cached_app
    from airflow.utils.db import initdb

    initdb()
    os.environ["AIRFLOW__API_AUTH__JWT_SECRET"] = "only-for-the-tests-" * 4
    yield create_app(apps="core")
    del os.environ["AIRFLOW__API_AUTH__JWT_SECRET"]
    purge_cached_app()


@pytest.fixture
def api_server(_api_server: FastAPI, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """The API server without connections to Confluence and without Variables."""
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", BASE_URL)
    # A task that ran in this process before would have left its way to Variables behind.
    monkeypatch.delattr("airflow.sdk.execution_time.task_runner.SUPERVISOR_COMMS", raising=False)
    # Nobody else writes Variables here, so a write is seen at once.
    monkeypatch.setattr(variable_tokens, "lease", functools.partial(variable_tokens.lease, settles=0.01))
    forget_everything()
    return _api_server


@pytest.fixture
def otto(api_server: FastAPI) -> Visitor:
    """Somebody who may edit connections."""
    return Visitor(api_server, BASE_URL, "otto", "OP")


@pytest.fixture
def vera(api_server: FastAPI) -> Visitor:
    """Somebody who may not."""
    return Visitor(api_server, BASE_URL, "vera", "VIEWER")
