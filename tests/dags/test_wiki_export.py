from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.utils.state import DagRunState

from support.dags import project_dag
from workplace_sandbox import Fault, Sandbox

pytestmark = [pytest.mark.dags, pytest.mark.usefixtures("airflow_db")]

NIGHT = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)  # three o'clock on Sunday in Seoul
CHANNEL = "#data-alarms"


class WikiExport:
    """The DAG, run week after week."""

    def __init__(self, dag: Any, sandbox: Sandbox, folder: Path) -> None:
        self.dag = dag
        self.sandbox = sandbox
        self.folder = folder
        self._runs = 0
        for task in dag.tasks:
            task.retry_delay = timedelta(0)

    def run(self, **params: Any) -> dict[str, str]:
        """One run: the states of its tasks."""
        moment = NIGHT + self._runs * timedelta(weeks=1)
        self._runs += 1
        self.sandbox.clear_requests()
        run = self.dag.test(logical_date=moment, run_after=moment, run_conf=params or None)
        states = {each.task_id: str(each.state) for each in run.get_task_instances()}
        assert (run.state == DagRunState.SUCCESS) == ("failed" not in states.values())
        return states

    def lines(self, name: str = "space-ANALYTICS", file: str = "pages.jsonl") -> list[dict[str, Any]]:
        folder = self.folder / "confluence" / name
        number = json.loads((folder / "manifest.json").read_text())["number"]
        return [json.loads(line) for line in (folder / "exports" / f"{number:06}" / file).read_text().splitlines()]

    def said(self) -> list[str]:
        return [each.text for each in self.sandbox.messages(CHANNEL)]


@pytest.fixture
def export(repository: Path, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WikiExport:
    dag = project_dag(repository, "wiki_export")
    connection = sandbox.airflow_connections()["confluence_default"]
    connection["extra"] = {**connection.get("extra", {}), "max_retry_wait": 0.01}
    monkeypatch.setenv("AIRFLOW_CONN_CONFLUENCE_DEFAULT", json.dumps(connection))
    return WikiExport(dag, sandbox, tmp_path / "artifacts")


def test_a_space_is_exported_and_then_only_what_changed_is_told(export: WikiExport) -> None:
    sandbox = export.sandbox
    assert export.run() == {"export": "success", "tell": "success"}
    pages = {page.id: page for page in sandbox.store.pages("ANALYTICS")}
    lines = {line["id"]: line for line in export.lines()}
    assert {key: (line["title"], line["bodies"]["storage"]) for key, line in lines.items()} == {
        key: (page.title, page.body) for key, page in pages.items()
    }
    commented = [line for line in lines.values() if line["comments"]]
    assert {comment["location"] for line in commented for comment in line["comments"]} == {"footer", "inline"}
    (first,) = export.said()
    assert first == f"the space ANALYTICS: {len(pages)} pages, {len(pages)} new, 0 changed, 0 deleted"

    assert export.run() == {"export": "success", "tell": "skipped"}
    assert not [each for each in sandbox.requests("/confluence/") if "body" in each.query]
    assert export.said() == [first]

    page = next(page for page in pages.values() if page.title == "대시보드 목록")
    sandbox.store.add_comment(page.id, "<p>확인</p>", "alex")
    assert export.run() == {"export": "success", "tell": "success"}
    assert export.said()[-1].endswith("0 new, 1 changed, 0 deleted")
    assert [each["what"] for each in export.lines(file="changes.jsonl")] == [["comments"]]


def test_the_form_chooses_what_is_exported(export: WikiExport) -> None:
    parent = next(page for page in export.sandbox.store.pages("ANALYTICS") if page.title == "주간 보고")
    states = export.run(space=None, root=parent.id, bodies=["storage", "view"], attachments="files", announce_in=None)
    assert states == {"export": "success", "tell": "skipped"}
    lines = export.lines(f"root-{parent.id}")
    assert len(lines) == 1 + len(export.sandbox.store.descendants(parent.id))
    assert all(set(line["bodies"]) == {"storage", "view"} for line in lines)
    files = [file for line in lines for file in line["attachments"]]
    assert files
    for file in files:
        path = export.folder / "confluence" / f"root-{parent.id}" / file["file"]
        assert path.stat().st_size == file["size"]


def test_a_failure_alarms_and_the_export_of_the_week_before_stays(export: WikiExport) -> None:
    export.run()
    before = export.lines()
    export.sandbox.store.create_page("ANALYTICS", "새 쪽", "<p>.</p>", author="jimin")
    export.sandbox.add_fault(Fault("/rest/api/content/search", "status", status=500, times=None))
    assert export.run() == {"export": "failed", "tell": "upstream_failed"}
    assert "wiki_export" in export.said()[-1]
    assert export.lines() == before
    export.sandbox.clear_faults()
    assert export.run() == {"export": "success", "tell": "success"}
    assert "1 new" in export.said()[-1]


def test_a_space_on_cloud_is_exported_and_then_only_what_changed_is_told(
    export: WikiExport, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = export.sandbox
    connection = {
        "conn_type": "confluence",
        "host": sandbox.cloud_url,
        "login": sandbox.cloud_email,
        "password": sandbox.cloud_token,
        "extra": {"deployment": "cloud", "max_retry_wait": 0.01},
    }
    monkeypatch.setenv("AIRFLOW_CONN_CONFLUENCE_DEFAULT", json.dumps(connection))
    assert export.run(attachments="files") == {"export": "success", "tell": "success"}
    pages = {page.id: page for page in sandbox.store.pages("ANALYTICS")}
    lines = {line["id"]: line for line in export.lines()}
    assert {key: line["title"] for key, line in lines.items()} == {key: page.title for key, page in pages.items()}
    assert {each["location"] for line in lines.values() for each in line["comments"]} == {"footer", "inline"}
    files = [file for line in lines.values() for file in line["attachments"]]
    assert files
    for file in files:
        assert (export.folder / "confluence" / "space-ANALYTICS" / file["file"]).stat().st_size == file["size"]

    assert export.run(attachments="files") == {"export": "success", "tell": "skipped"}
    assert not [each for each in sandbox.requests("/cloud/") if "body" in each.query or "download" in each.path]
    page = next(page for page in pages.values() if page.title == "대시보드 목록")
    sandbox.store.add_comment(page.id, "<p>확인</p>", "alex")
    assert export.run(attachments="files") == {"export": "success", "tell": "success"}
    assert [each["what"] for each in export.lines(file="changes.jsonl")] == [["comments"]]


def test_nothing_given_fails_at_once(export: WikiExport) -> None:
    assert export.run(space=None)["export"] == "failed"
    assert "give one of space, root and cql" in export.said()[-1]
