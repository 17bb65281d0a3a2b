"""A large export goes to object storage a piece at a time: to a disk, and to S3."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workplace_sandbox import Sandbox

pytestmark = pytest.mark.e2e

SIZE = 500_000_000
MOST_MEMORY = 80 * 1024 * 1024
BUCKET = "analytics"
SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""
TASK = """
import json, resource, sys
from types import SimpleNamespace
from workplace_provider.tableau.operators import TableauViewDataOperator

def export(view):
    context = {"dag": SimpleNamespace(dag_id="large"), "run_id": view, "ti": SimpleNamespace(map_index=-1)}
    return TableauViewDataOperator(task_id="export", view=view).execute(context)

export("WeeklyKPI/WeeklyActiveUsers")  # what the libraries need for themselves is no part of it
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
artifact = export("Big/Big")
print(json.dumps([artifact, 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)]))
"""


@pytest.fixture
def s3() -> Iterator[str]:
    """Address of an S3 server with a bucket."""
    import boto3

    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert server.stdout is not None
    try:
        address = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        client = boto3.client(
            "s3",
            endpoint_url=address,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test-secret",
        )
        client.create_bucket(Bucket=BUCKET)
        yield address
    finally:
        server.terminate()
        server.wait(20)


def exported(sandbox: Sandbox, **environment: str) -> tuple[dict[str, object], int]:
    """Export a large view in a process of its own: the artifact, and the memory it took."""
    sandbox.tableau.add_big_view("Big", csv_bytes=SIZE)
    connection = {
        "conn_type": "tableau_rest",
        "host": sandbox.tableau_url,
        "login": "airflow",
        "password": sandbox.tableau_pats["airflow"],
        "extra": {"site": sandbox.tableau_site},
    }
    variables = {**os.environ, "AIRFLOW_CONN_TABLEAU_DEFAULT": json.dumps(connection), **environment}
    result = subprocess.run(
        [sys.executable, "-c", TASK], env=variables, capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stderr[-4000:]
    artifact, memory = json.loads(result.stdout.strip().splitlines()[-1])
    return artifact, memory


@pytest.mark.large
def test_to_a_disk(sandbox: Sandbox, tmp_path: Path) -> None:
    artifact, memory = exported(sandbox, AIRFLOW__WORKPLACE__ARTIFACTS_PATH=f"file://{tmp_path}")
    file = Path(str(artifact["uri"]))
    assert file.stat().st_size == artifact["size"] == SIZE
    assert memory < MOST_MEMORY
    assert [each.name for each in file.parent.iterdir()] == ["Big.csv"]


@pytest.mark.large
def test_to_s3(sandbox: Sandbox, s3: str) -> None:
    import boto3

    aws = {
        "conn_type": "aws",
        "login": "test",
        "password": "test-secret",
        "extra": {"endpoint_url": s3, "region_name": "us-east-1"},
    }
    artifact, memory = exported(
        sandbox,
        AIRFLOW__WORKPLACE__ARTIFACTS_PATH=f"s3://aws_default@{BUCKET}/artifacts",
        AIRFLOW_CONN_AWS_DEFAULT=json.dumps(aws),
    )
    assert str(artifact["uri"]).startswith(f"s3://{BUCKET}/artifacts/large/")
    assert artifact["conn_id"] == "aws_default"
    assert memory < MOST_MEMORY
    client = boto3.client(
        "s3", endpoint_url=s3, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test-secret"
    )
    there = client.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert {each["Key"].rpartition("/")[2]: each["Size"] for each in there if "Big" in each["Key"]} == {"Big.csv": SIZE}
    assert not client.list_multipart_uploads(Bucket=BUCKET).get("Uploads"), "nothing half sent is paid for"
