"""Real pages, copied by the operator: the body to the byte, every image shown."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.execution_time.context import OutletEventAccessors
from playwright.sync_api import Browser

from support.browser import look
from workplace_provider.confluence.operators import ConfluenceCopyPageOperator
from workplace_sandbox import Sandbox
from workplace_sandbox.seed.last_report import read_report, referenced_files

pytestmark = pytest.mark.e2e

MARKER = re.compile(rb"</?ac:inline-comment-marker[^>]*>")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=False) as sandbox:
        yield sandbox


def test_every_recorded_page_is_copied_to_the_byte_with_all_images_shown(
    sandbox: Sandbox, browser: Browser, recorded_pages: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {"conn_type": "confluence", "host": sandbox.confluence_url, "password": sandbox.confluence_token}
    monkeypatch.setenv("AIRFLOW_CONN_CONFLUENCE_DEFAULT", json.dumps(connection))
    store = sandbox.store
    images = 0
    for file in recorded_pages:
        body = read_report(file)
        source = store.create_page("ANALYTICS", file.name, body, author="jimin")
        for stand_in in referenced_files(body):
            store.add_attachment(source.id, stand_in.filename, stand_in.media_type, io.BytesIO(stand_in.content))
        copied = _copied(source.id, f"copy of {file.name}")
        page = store.page(copied["id"])
        assert page is not None
        assert page.body.encode() == MARKER.sub(b"", file.read_bytes()), file.name
        shown, _ = look(browser, copied["url"])
        assert shown == body.count("<ac:image"), file.name
        images += shown
    assert images > 50


def _copied(source_id: str, title: str) -> Any:
    operator = ConfluenceCopyPageOperator(task_id="copy", space="ANALYTICS", title=title, source_id=source_id)
    dag = SimpleNamespace(dag_id="copies")
    return operator.execute({"dag": dag, "run_id": title, "outlet_events": OutletEventAccessors()})  # type: ignore[typeddict-item]
