from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def _shared(*parts: str) -> Path:
    path = REPOSITORY.parent.joinpath("shared", *parts)
    if not path.exists():
        message = f"no {'/'.join(parts)} beside the repository (../shared): data of real systems, not part of the project"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def recorded_pages() -> list[Path]:
    """Storage-format bodies of real pages."""
    return sorted(_shared("recorded", "confluence", "pages").glob("*.storage.xhtml"))


@pytest.fixture(scope="session")
def data_center_description() -> Path:
    """Atlassian's published OpenAPI description of Confluence Data Center."""
    return _shared("specs", "confluence-dc-10.0.3.json")
