"""The tasks of the guide to contributions, run on the sandbox."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.utils.state import DagRunState

from workplace_sandbox import Sandbox

pytestmark = [pytest.mark.dags, pytest.mark.usefixtures("airflow_db")]

ASKED = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)  # noon in Seoul, on the sandbox's day
CHANNEL = "잔디심기"
DAG = """
from airflow.sdk import DAG

with DAG("streak", schedule=None, params={"login": "octocat"}):
"""


@pytest.fixture
def dag(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    guide = (repository / "docs" / "contributions.md").read_text(encoding="utf-8")
    tasks = re.findall(r"```python\n(.*?)```\n", guide, re.S)[0]
    on_sandbox = tasks.replace('task_id="streak",', 'task_id="streak", github_conn_id="github_default",')
    code = DAG + "".join(f"    {line}\n" for line in on_sandbox.splitlines())
    (tmp_path / "streak.py").write_text(code, encoding="utf-8")
    local = "airflow.dag_processing.bundles.local.LocalDagBundle"
    bundles = [{"name": "guide", "classpath": local, "kwargs": {"path": str(tmp_path)}}]
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundles))
    bag = DagBag(dag_folder=str(tmp_path), bundle_name="guide")
    assert bag.import_errors == {}
    return bag.dags["streak"]


def test_a_question_is_answered_in_the_channel(sandbox: Sandbox, dag: Any) -> None:
    sandbox.slack.add_channel(CHANNEL, members=["jimin", "report-bot"])
    for login in ("octocat", "jimin-kim", "nobody"):
        drun = dag.test(logical_date=None, run_after=ASKED, run_conf={"login": login})
        assert drun.state == DagRunState.SUCCESS
    said = [message.text for message in sandbox.messages(f"#{CHANNEL}")]
    done, not_yet, unknown = (next(text for text in said if word in text) for word in ("octocat", "jimin-kim", "nobody"))
    assert re.search(r"octocat> has contributed for \*12 days\* in a row: \d+ contributions? today\.\n```", done)
    assert re.search(r"jimin-kim> has contributed for \*5 days\* in a row: nothing yet today\.\n```", not_yet)
    assert "GitHub has no user `nobody`" in unknown
    names = {file.name for file in sandbox.store.slack_files() if file.shares and file.name.startswith("contributions")}
    assert names == {"contributions_octocat_2026-11-22.png", "contributions_jimin-kim_2026-11-22.png"}
