from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from support.paging_slack import PagingSlack, paging_slack
from support.scripted_server import ScriptedServer, scripted_server
from support.team_wiki import Dialect, TeamWiki
from workplace_sandbox import Sandbox

if TYPE_CHECKING:
    from fastapi import FastAPI


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server on loopback that answers as the test says."""
    with scripted_server() as server:
        yield server


@pytest.fixture
def dialect() -> Dialect:
    """Which face of the wiki a test sees; a module that is about both has a fixture of its own with both."""
    return "datacenter"


@pytest.fixture
def wiki(sandbox: Sandbox, dialect: Dialect) -> TeamWiki:
    """The space with last week's report in it."""
    return TeamWiki(sandbox, dialect)


@pytest.fixture(scope="session")
def _running_slack() -> Iterator[PagingSlack]:
    with paging_slack() as slack:
        yield slack


@pytest.fixture
def slack(_running_slack: PagingSlack) -> PagingSlack:
    """A workspace with nothing in it."""
    _running_slack.reset()
    return _running_slack


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
