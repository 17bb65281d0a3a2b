"""Five thousand pages with as many comments; on Cloud five hundred."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.team_wiki import DIALECTS, Dialect
from support.wiki_exports import EXPORT, SPACE, WikiExports
from workplace_sandbox import Sandbox

SIZES: dict[Dialect, int] = {"datacenter": 5000, "cloud": 500}


@pytest.fixture(scope="module", params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """Either face of the wiki."""
    face: Dialect = request.param
    return face


@pytest.fixture(scope="module")
def large(_running_sandbox: Sandbox, dialect: Dialect) -> Iterator[Sandbox]:
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    _running_sandbox.reset(seed=False)
    _running_sandbox.wiki.grow(SPACE, SIZES[dialect] - 1, comments=1)
    yield _running_sandbox
    _running_sandbox.reset(seed=False)


@pytest.fixture
def exports(large: Sandbox, tmp_path: Path, dialect: Dialect) -> WikiExports:
    return WikiExports(large, f"file://{tmp_path}", dialect=dialect)


def started(exports: WikiExports, folder: str) -> subprocess.Popen[str]:
    """An export in a process of its own."""
    command = [sys.executable, "-c", EXPORT, json.dumps(exports.connected), exports.base, folder]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def exported(exports: WikiExports, folder: str) -> tuple[int, int]:
    """How many pages a whole export has read, and how many an attempt before it."""
    exports.sandbox.clear_requests()
    said, _ = started(exports, folder).communicate(timeout=120)
    read, resumed, _ = json.loads(said.splitlines()[-1])
    return read, resumed


def kill_after(exports: WikiExports, parts: int) -> None:
    """Export in a process, and kill it when so many parts are there."""
    work = Path(exports.base.removeprefix("file://")) / "a"
    process = started(exports, "a")
    try:
        deadline = time.monotonic() + 60
        while len(list(work.glob("work-*/part-*.jsonl"))) < parts:
            assert process.poll() is None, "it was done before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.kill()
        process.communicate(timeout=20)


@pytest.mark.large
def test_killed_half_way_and_resumed_it_is_the_same_and_then_costs_listings_only(exports: WikiExports) -> None:
    pages = SIZES[exports.dialect]
    assert exported(exports, "undisturbed") == (pages, 0)
    parts = pages // 50
    if exports.dialect == "datacenter":
        listings = 2 * pages // 200
        assert len(exports.asked()) == listings + 2 * parts, "pages and comments, 200 an answer; then 50 at a time"
    else:
        listings = 3 + pages // 250 + 2 * pages // 100
        # Who we are, the space, names; pages; labels and comments. Then for 50 pages bodies, labels, and comments.
        assert len(exports.asked()) == listings + 3 * parts
    kill_after(exports, parts // 5)
    kill_after(exports, 3 * parts // 5)
    assert not (Path(exports.base.removeprefix("file://")) / "a" / "manifest.json").exists()
    read, resumed = exported(exports, "a")
    assert resumed >= 3 * parts // 5 * 50
    assert read + resumed == pages
    assert exports.files("a") == exports.files("undisturbed")
    assert len(exports.pages("a")) == pages

    assert exported(exports, "a") == (0, 0)
    asked = exports.asked()
    assert len(asked) == listings
    assert not [each for each in asked if "body" in each]
