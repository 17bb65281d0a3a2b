"""The sandbox's cloud against answers that were recorded at a real one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from workplace_sandbox import Sandbox
from workplace_sandbox.confluence.cloud.adf import as_document
from workplace_sandbox.confluence.cloud.bodies import as_kept
from workplace_sandbox.confluence.cloud.represent import readable
from workplace_sandbox.confluence.representation import tiny_link

pytestmark = pytest.mark.contract


@pytest.fixture
def page(sandbox: Sandbox) -> str:
    home = sandbox.store.space("ANALYTICS").homepage_id
    page = sandbox.store.create_page("ANALYTICS", "주간 보고", "<p>지표</p>", home, author="jimin")
    sandbox.store.create_page("ANALYTICS", "부록", "<p/>", page.id, author="jimin")
    return page.id


def ask(sandbox: Sandbox, path: str) -> Any:
    answer = requests.get(f"{sandbox.cloud_url}/wiki{path}", auth=(sandbox.cloud_email, sandbox.cloud_token), timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def shape(value: Any) -> Any:
    """Names and kinds, without the values; a list is as its first entry."""
    if isinstance(value, dict):
        return {name: shape(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def test_a_page(sandbox, page, recorded_cloud_answers):
    shown = shape(ask(sandbox, f"/api/v2/pages/{page}?body-format=atlas_doc_format"))
    recorded = [shape(load(path)) for path in sorted(recorded_cloud_answers.glob("*/page.v2.yaml"))]
    assert len(recorded) >= 8
    assert all(found == shown for found in recorded)


def test_children(sandbox, page, recorded_cloud_answers):
    shown = shape(ask(sandbox, f"/api/v2/pages/{page}/children"))
    recorded = [shape(load(path)) for path in sorted(recorded_cloud_answers.glob("*/children.v2.yaml"))]
    with_children = [found for found in recorded if found["results"]]
    assert with_children
    assert all(found == shown for found in with_children)


def _pages(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if isinstance(value.get("_links"), dict) and "webui" in value["_links"] and value.get("type", "page") == "page":
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for entry in value:
            yield from _pages(entry)


def test_addresses_of_pages(recorded_cloud_answers):
    """What is not plain letters is left out of an address: of a Korean title nothing stays."""
    seen = {}
    for path in recorded_cloud_answers.glob("*/*.yaml"):
        for found in _pages(load(path)):
            seen[found["id"]] = (found["title"], found["_links"]["webui"], found["_links"].get("tinyui"))
    assert len(seen) > 20
    for page_id, (title, webui, tinyui) in seen.items():
        assert tinyui in (None, tiny_link(page_id))
        if not webui.endswith("/overview"):
            assert webui.partition(f"/pages/{page_id}")[2].removeprefix("/") == readable(title)


def test_what_a_real_cloud_kept_is_kept_as_it_is(recorded_pages):
    """Its bodies have the ids of macros and the spaces already: saved again, not a byte changes."""
    for path in recorded_pages:
        body = path.read_bytes().decode("utf-8")
        assert as_kept(body) == body


def _texts(node: Any) -> list[str]:
    if isinstance(node, list):
        return [text for entry in node for text in _texts(entry)]
    if not isinstance(node, dict):
        return []
    own = [node["text"]] if node.get("type") == "text" else []
    return own + _texts(node.get("content", []))


def test_documents(recorded_cloud_answers):
    """The same text in the same order and blocks. Links to pages have their titles here, where a cloud puts cards."""
    compared = 0
    for path in sorted(recorded_cloud_answers.glob("*/page.v2.yaml")):
        recorded = json.loads(load(path)["body"]["atlas_doc_format"]["value"])
        storage = load(path.with_name("page.v1.yaml"))["body"]["storage"]["value"]
        document = as_document(storage)
        rest = iter(_texts(document))
        assert all(text in rest for text in _texts(recorded)), path
        blocks = [entry["type"] for entry in recorded["content"] if entry["type"] != "mediaGroup"]
        made = [entry["type"] for entry in document["content"]]
        assert [kind for kind in made if kind != "extension"] == [kind for kind in blocks if kind != "extension"], path
        compared += 1
    assert compared >= 8
