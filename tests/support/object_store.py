"""An S3 server for tests, with a bucket that Airflow has a connection to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

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
