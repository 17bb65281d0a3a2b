from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest

from support.consenting import Visitor, forget_everything
from workplace_provider.common.atlassian import variable_tokens

if TYPE_CHECKING:
    from fastapi import FastAPI

BASE_URL = "http://localhost:8080"


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
