from __future__ import annotations

import pytest

from support.team_wiki import Dialect


@pytest.fixture
def dialect() -> Dialect:
    """These tests are about what only Cloud has."""
    return "cloud"
