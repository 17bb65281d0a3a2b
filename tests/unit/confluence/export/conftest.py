from __future__ import annotations

from pathlib import Path

import pytest

from support.team_wiki import Dialect
from support.wiki_exports import SPACE, WikiExports
from workplace_sandbox import Sandbox


@pytest.fixture
def exports(sandbox: Sandbox, tmp_path: Path, dialect: Dialect) -> WikiExports:
    """A space with 24 pages, of which some have comments with answers, labels and files, in three scripts."""
    made = WikiExports(sandbox, f"file://{tmp_path}", dialect=dialect)
    pages = sandbox.wiki.grow(SPACE, 23, comments=3)
    made.store.add_labels(pages[2], ["weekly-report", "주간보고"])
    made.attach(pages[2], "주간 보고 (최종).txt", "숫자".encode())
    made.attach(pages[2], "グラフ.png", b"\x89PNG" + b"x" * 100_000, "image/png")
    made.attach(pages[7], "a.txt", b"x")
    return made


@pytest.fixture
def pages(exports: WikiExports) -> list[str]:
    """The ids of its pages in the order of age; the first is the home page."""
    return sorted((page.id for page in exports.store.pages(SPACE)), key=int)
