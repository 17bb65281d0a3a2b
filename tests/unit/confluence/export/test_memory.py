from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.peak_memory import run_measured
from support.wiki_exports import EXPORT, SPACE, WikiExports
from workplace_sandbox import Sandbox


@pytest.mark.large
def test_memory_does_not_grow_with_the_bodies(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.wiki.grow(SPACE, 1000, body_bytes=100_000)
    exports = WikiExports(sandbox, f"file://{tmp_path}")
    read, _, megabytes = run_measured(EXPORT, json.dumps(exports.connected), exports.base, "a", "5")
    assert read == 1001
    assert (tmp_path / "a" / "exports" / "000001" / "pages.jsonl").stat().st_size > 100_000_000
    assert megabytes < 60
