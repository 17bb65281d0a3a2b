from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.scripted_server import ScriptedServer, scripted_server


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server on loopback that answers as the test says."""
    with scripted_server() as server:
        yield server
