from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from support.event_loop import call_apart
from support.wiki_exports import SPACE, Killed, WikiExports
from workplace_sandbox import Sandbox

BUCKET = "analytics"
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test-secret", "region_name": "us-east-1"}


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """Address of an S3 server."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A bucket with nothing in it, which Airflow has a connection to."""
    import boto3

    connection = {
        "conn_type": "aws",
        "login": KEYS["aws_access_key_id"],
        "password": KEYS["aws_secret_access_key"],
        "extra": {"endpoint_url": s3, "region_name": "us-east-1"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    made = boto3.resource("s3", endpoint_url=s3, **KEYS).Bucket(BUCKET)
    made.create()
    made.objects.all().delete()
    return made


def keys(bucket: Any) -> list[str]:
    return sorted(each.key for each in bucket.objects.all())


def test_to_s3_and_killed_half_way(sandbox: Sandbox, bucket: Any) -> None:
    call_apart(lambda: exports_to_s3(sandbox, bucket))


def exports_to_s3(sandbox: Sandbox, bucket: Any) -> None:
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
