"""The examples of the guide to exports, run on the sandbox."""

from __future__ import annotations

import json
import re
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.utils.state import DagRunState

from workplace_sandbox import Sandbox

pytestmark = [pytest.mark.dags, pytest.mark.usefixtures("airflow_db")]

ASKED = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
LOZENGE = '<ac:structured-macro ac:name="status"><ac:parameter ac:name="title">{}</ac:parameter></ac:structured-macro>'


@pytest.fixture
def examples(repository: Path) -> list[str]:
    guide = (repository / "docs" / "export.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```\n", guide, re.S)


def made(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A DAG with the tasks of an example."""
    body = "from airflow.sdk import DAG\n\nwith DAG('guide', schedule=None):\n"
    body += "".join(f"    {line}\n" for line in code.splitlines())
    (folder / "guide.py").write_text(body, encoding="utf-8")
    local = "airflow.dag_processing.bundles.local.LocalDagBundle"
    bundles = [{"name": "guide", "classpath": local, "kwargs": {"path": str(folder)}}]
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundles))
    bag = DagBag(dag_folder=str(folder), bundle_name="guide")
    assert bag.import_errors == {}
    return bag.dags["guide"]


def test_a_space_is_exported_and_told(
    sandbox: Sandbox, examples: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dags").mkdir()
    dag = made(examples[0], tmp_path / "dags", monkeypatch)
    assert dag.test(logical_date=None, run_after=ASKED).state == DagRunState.SUCCESS
    assert "the space ANALYTICS" in sandbox.messages("#data-alarms")[-1].text
    assert list((tmp_path / "artifacts" / "confluence" / "space-ANALYTICS" / "files").iterdir())


def test_a_deferred_sensor_waits_until_a_person_has_published_the_page(
    sandbox: Sandbox, examples: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heading = "<h1>1. 상태</h1><p>{}</p>"
    store = sandbox.store
    page = store.create_page("ANALYTICS", "검토할 문서", heading.format(LOZENGE.format("작성 중")), author="jimin").id
    code = examples[1].replace('copy.output["id"]', repr(page)).replace('copy.output["version"]', "1")
    code = code.replace("deferrable=True,", "deferrable=True, poke_interval=0.2, timeout=60,")
    (tmp_path / "dags").mkdir()
    dag = made(code, tmp_path / "dags", monkeypatch)

    def published() -> None:
        store.update_page(page, author="alex", body=heading.format(LOZENGE.format("발행")))
        store.add_labels(page, ["reviewed"])

    person = threading.Timer(2, published)
    person.start()
    try:
        run = dag.test(logical_date=None, run_after=ASKED)
    finally:
        person.join()
    assert run.state == DagRunState.SUCCESS
    (task,) = run.get_task_instances()
    assert task.xcom_pull(task_ids="published")["version"] == 2


def test_the_wiki_is_read_without_airflow(sandbox: Sandbox, examples: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code = (
        examples[2].replace("https://wiki.example.com/confluence", sandbox.confluence_url).replace('"…"', '"sandbox-token"')
    )
    exec(code, {})
    said = capsys.readouterr().out
    for page in sandbox.store.pages("ANALYTICS"):
        assert f"{page.title} {page.version}" in said
        for comment in sandbox.store.comments(page.id):
            assert comment.body in said
