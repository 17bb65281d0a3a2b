from __future__ import annotations

from typing import Any

import pytest

from support.event_loop import call_apart
from support.object_store import BUCKET, bucket, keys, s3  # noqa: F401 - fixtures
from support.wiki_exports import SPACE, Killed, WikiExports
from workplace_sandbox import Sandbox


def test_to_s3_and_killed_half_way(sandbox: Sandbox, bucket: Any) -> None:  # noqa: F811
    call_apart(lambda: exports_to_s3(sandbox, bucket))


def exports_to_s3(sandbox: Sandbox, bucket: Any) -> None:  # noqa: F811
    exports = WikiExports(sandbox, f"s3://{BUCKET}/wiki", "aws_default")
    pages = sandbox.wiki.grow(SPACE, 23, comments=2)
    exports.attach(pages[-1], "주간 보고 (最終).txt", "숫자".encode())
    exports.run("undisturbed")
    for dies_at in (12, 30, 70):
        with pytest.raises(Killed):
            exports.run("a", dies_at=dies_at)
        assert "wiki/a/manifest.json" not in keys(bucket)
    exports.run("a")
    assert exports.raw("a") == exports.raw("undisturbed")
    assert exports.raw("a", "index.jsonl") == exports.raw("undisturbed", "index.jsonl")
    there = [key.removeprefix("wiki/a/") for key in keys(bucket) if key.startswith("wiki/a/") and not key.endswith(".part")]
    file = exports.pages("a")["000023_쪽 ページ"]["attachments"][0]["file"]
    assert there == [
        "exports/000001/changes.jsonl",
        "exports/000001/index.jsonl",
        "exports/000001/pages.jsonl",
        file,
        "manifest.json",
    ]
    assert file.endswith("-v1-주간 보고 (最終).txt")
    lines = exports.manifest("a")["files"][0]
    assert (lines["uri"], lines["conn_id"]) == (f"s3://{BUCKET}/wiki/a/exports/000001/pages.jsonl", "aws_default")

    assert not exports.run("a", key="next").published
    exports.store.trash_page(pages[-1])
    exports.store.add_comment(pages[2], "<p>새</p>", "alex")
    exports.run("a", key="third")
    assert sorted(exports.changes("a").values()) == [("changed", ["comments"]), ("deleted", [])]
    assert not [key for key in keys(bucket) if "/a/files/" in key]
