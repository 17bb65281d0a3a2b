from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.paging_slack import PagingSlack, paging_slack
from support.scripted_server import ScriptedServer, scripted_server
from support.team_wiki import Dialect, TeamWiki
from workplace_sandbox import Sandbox


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
