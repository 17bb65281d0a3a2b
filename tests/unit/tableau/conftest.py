from __future__ import annotations

import pytest

from support.bi_site import BiSite
from workplace_sandbox import Sandbox


@pytest.fixture
def bi(sandbox: Sandbox) -> BiSite:
    """The sandbox's Tableau."""
    return BiSite(sandbox)
