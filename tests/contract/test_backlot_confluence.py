"""Reading a whole wiki against ``backlot``, a server of Confluence's answers that others measured on a live site.

It speaks version 1 as a Cloud site spoke it, without CQL for comments and without ``ids``; so pages are exported here, and
the comments of each page are read by the page.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from workplace_provider.common.artifact_store import ArtifactStore
from workplace_provider.confluence import connect
from workplace_provider.confluence.client import ConfluenceClient
from workplace_provider.confluence.client.model import Scope
from workplace_provider.confluence.export import ExportOutcome, ExportSpec, WikiExporter
from workplace_provider.confluence.operators.export_store import StoredExport

pytestmark = pytest.mark.contract


@dataclass(frozen=True)
class Backlot:
    """The server, and the pages that it serves."""

    url: str
    token: str
    pages: list[dict[str, Any]]


@pytest.fixture(scope="module")
def backlot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backlot]:
    data = tmp_path_factory.mktemp("backlot")
    environment = {**os.environ, "DO_NOT_TRACK": "1", "BACKLOT_DATA_DIR": str(data), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "backlot"]
    subprocess.run([*command, "import", "--bundled"], env=environment, cwd=data, check=True, capture_output=True, timeout=60)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = [*command, "serve", "--port", str(port), "--log-level", "error", "--disable-telemetry"]
    with (data / "serve.log").open("wb") as output:
        server = subprocess.Popen(serve, env=environment, cwd=data, stdout=output, stderr=subprocess.STDOUT)
    try:
        url = f"http://127.0.0.1:{port}/atlassian/wiki"
        _wait_until_up(url, server, data / "serve.log")
        corpus = resources.files("backlot").joinpath("data", "hello.jsonl").read_text().splitlines()
        pages = [each for line in corpus if (each := json.loads(line))["source_type"] == "confluence"]
        yield Backlot(url, yaml.safe_load((data / "tokens.yaml").read_text())["admin_token"], pages)
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait_until_up(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            requests.get(f"{url}/rest/api/space", timeout=1)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"backlot did not start: {log.read_text()}")


@pytest.fixture
def client(backlot: Backlot) -> Iterator[ConfluenceClient]:
    made = connect(backlot.url, token=backlot.token)
    yield made
    made.close()


def spaces(backlot: Backlot) -> dict[str, str]:
    """Name of each space to its key."""
    answer = requests.get(f"{backlot.url}/rest/api/space", headers={"Authorization": f"Bearer {backlot.token}"}, timeout=10)
    return {each["name"]: each["key"] for each in answer.json()["results"]}


def exported(client: ConfluenceClient, folder: Path, space: str) -> tuple[ExportOutcome, list[dict[str, Any]]]:
    """Export a space, and read its lines."""
    base = f"file://{folder}"
    spec = ExportSpec(Scope("space", space), bodies=("storage", "view"), comments=False, attachments="none")
    outcome = WikiExporter(client.reader(), StoredExport(ArtifactStore(base), f"{base}/{space}"), spec).run("run")
    text = Path(outcome.manifest["files"][0]["uri"]).read_text()
    return outcome, [json.loads(line) for line in text.splitlines()]


def words(markup: str) -> str:
    return " ".join(re.sub(r"<[^>]+>|&#?\w+;", " ", markup).split())


def test_every_space_is_exported_whole(backlot: Backlot, client: ConfluenceClient, tmp_path: Path) -> None:
    assert backlot.pages
    titles = {each["doc_id"]: each["title"] for each in backlot.pages}
    found: dict[str, dict[str, Any]] = {}
    for key in spaces(backlot).values():
        outcome, lines = exported(client, tmp_path, key)
        assert outcome.manifest["pages"] == len(lines)
        assert {line["space"] for line in lines} == {key}
        found |= {line["title"]: line for line in lines}
    pages = [each for each in backlot.pages if each.get("subtype", "page") == "page"]
    assert set(found) == {each["title"] for each in pages}
    for page in pages:
        line = found[page["title"]]
        assert words(line["bodies"]["storage"]).startswith(words(page["content"])[:20])
        assert line["bodies"]["view"]
        assert line["version"]["number"] == page.get("version_number", 1)
        assert line["created"]["by"]["display_name"] == page["author_name"]
        assert line["created"]["by"]["name"], "the id of the account"
        if "parent" in page:
            assert [above["title"] for above in line["ancestors"]][-1] == titles[page["parent"]]


def test_the_same_wiki_again_costs_a_listing(backlot: Backlot, client: ConfluenceClient, tmp_path: Path) -> None:
    key = spaces(backlot)["handbook"]
    first, lines = exported(client, tmp_path, key)
    again, same = exported(client, tmp_path, key)
    assert first.read == len(lines)
    assert (again.read, same) == (0, lines)


def test_the_comments_of_its_pages_are_read(backlot: Backlot, client: ConfluenceClient, tmp_path: Path) -> None:
    _, lines = exported(client, tmp_path, spaces(backlot)["handbook"])
    by_title = {line["title"]: line["id"] for line in lines}
    commented = [each for each in backlot.pages if each.get("comments") and each["title"] in by_title]
    assert commented
    for page in commented:
        there = [words(comment.body) for comment in client.comments(by_title[page["title"]])]
        assert there == [words(comment["content"]) for comment in page["comments"]]
