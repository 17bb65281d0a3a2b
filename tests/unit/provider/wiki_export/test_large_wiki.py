"""Five thousand pages with as many comments."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.peak_memory import run_measured
from support.wiki_exports import SPACE, WikiExports
from workplace_sandbox import Sandbox

PAGES = 5000

EXPORT = """
import json, logging, sys
from workplace_provider.artifacts_store import ArtifactStore
from workplace_provider.clients.confluence import connect
from workplace_provider.clients.confluence.export import ExportSpec, WikiExporter
from workplace_provider.clients.confluence.wiki import Scope
from workplace_provider.operators.confluence.export_store import StoredExport

logging.disable(logging.INFO)
url, base, folder = sys.argv[1:4]
spec = ExportSpec(Scope("space", "ANALYTICS"), attachments="none", pages_per_request=int((sys.argv + ["50"])[4]))
store = StoredExport(ArtifactStore(base), f"{base}/{folder}")
reader = connect(url, token="sandbox-token").reader()
before = peak() if "peak" in globals() else 0
outcome = WikiExporter(reader, store, spec).carry_out("run")
print(json.dumps([outcome.read, outcome.taken_up, peak() - before if before else 0]))
"""


@pytest.fixture(scope="module")
def large(_running_sandbox: Sandbox) -> Iterator[Sandbox]:
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    _running_sandbox.reset(seed=False)
    _running_sandbox.wiki.grow(SPACE, PAGES - 1, comments=1)
    yield _running_sandbox
    _running_sandbox.reset(seed=False)


@pytest.fixture
def exports(large: Sandbox, tmp_path: Path) -> WikiExports:
    return WikiExports(large, f"file://{tmp_path}")


def kill_after(exports: WikiExports, parts: int) -> None:
    """Export in a process, and kill it when so many parts are there."""
    work = Path(exports.base.removeprefix("file://")) / "a"
    command = [sys.executable, "-c", EXPORT, exports.sandbox.confluence_url, exports.base, "a"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while len(list(work.glob("work-*/part-*.jsonl"))) < parts:
            assert process.poll() is None, "it was done before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait(20)


def test_killed_half_way_and_resumed_it_is_the_same_and_then_costs_listings_only(exports: WikiExports) -> None:
    undisturbed = exports.run("undisturbed", key="run", attachments="none", pages_per_request=50)
    assert (undisturbed.read, undisturbed.manifest["pages"]) == (PAGES, PAGES)
    assert len(exports.asked()) <= 25 + 25 + 3 * PAGES // 50 + 10
    kill_after(exports, 20)
    kill_after(exports, 60)
    assert not (Path(exports.base.removeprefix("file://")) / "a" / "manifest.json").exists()
    resumed = exports.run("a", key="run", attachments="none", pages_per_request=50)
    assert resumed.taken_up >= 60 * 50
    assert resumed.read + resumed.taken_up == PAGES
    assert exports.files("a") == exports.files("undisturbed")
    assert len(exports.pages("a")) == PAGES

    assert not exports.run("a", key="next", attachments="none").published
    asked = exports.asked()
    assert len(asked) == 25 + 25, "pages and comments, 200 an answer"
    assert not [each for each in asked if "body" in each]


def test_memory_does_not_grow_with_the_bodies(exports: WikiExports) -> None:
    exports.sandbox.reset(seed=False)
    exports.sandbox.wiki.grow(SPACE, 1000, body_bytes=100_000)
    read, _, megabytes = run_measured(EXPORT, exports.sandbox.confluence_url, exports.base, "b", "5")
    assert read == 1001
    size = (Path(exports.base.removeprefix("file://")) / "b" / "exports" / "000001" / "pages.jsonl").stat().st_size
    assert size > 100_000_000
    assert megabytes < 60
