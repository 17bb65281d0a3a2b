"""The seeded wiki, and the recorded pages one by one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from unit.sandbox.ui.open_wiki import Wiki, open_wiki
from workplace_sandbox.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDED = Path(__file__).parents[4].parent / "shared/recorded/confluence/pages"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    made = Store(tmp_path / "state")
    yield made
    made.close()


@pytest.fixture(scope="module")
def wiki(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wiki]:
    """The seeded wiki. The tests that share it may add pages and channels of their own."""
    with open_wiki(tmp_path_factory.mktemp("wiki")) as made:
        yield made


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each recorded page."""
    if "recorded_page" in metafunc.fixturenames:
        pages = sorted(RECORDED.glob("*.storage.xhtml"))
        names = [page.name.split(".")[0] for page in pages]
        metafunc.parametrize("recorded_page", pages or [None], ids=names or ["none"], indirect=True)


@pytest.fixture
def recorded_page(request: pytest.FixtureRequest) -> Path:
    """One of the recorded pages."""
    if isinstance(request.param, Path):
        return request.param
    message = "no recorded/confluence/pages beside the repository (../shared): data of real systems, not part of the project"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
