"""The DAG of approvals, run on the sandbox for clicks as the trigger makes them; a real Airflow answers end to end."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.utils.state import DagRunState

from support.dags import project_dag
from support.scripted_server import reply, scripted_server
from support.slack_workspace import BEGIN
from workplace_provider.slack.client import MessagePoster, SlackReader
from workplace_provider.slack.events import event_of_click
from workplace_provider.slack.reviews import ReviewedTask
from workplace_provider.slack.reviews.message import FACT, open_message
from workplace_sandbox import Sandbox

pytestmark = [pytest.mark.dags, pytest.mark.usefixtures("airflow_db")]

CHANNEL = "data-분석"
QUESTION = {
    "options": ["Approve", "Reject"],
    "created_at": "2026-11-22T03:00:00Z",
    "task_instance": {"state": "failed", "try_number": 1},
    "assigned_users": [{"id": "jimin", "name": "jimin"}],
}


def test_each_click_is_handled_for_itself(sandbox: Sandbox, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, channel = ReviewedTask("dag", "run", "review", -1, 1), sandbox.slack.channel(CHANNEL).id
    with SlackReader(sandbox.slack_bot_token, base_url=sandbox.slack_api_url) as reader:
        message = open_message("발행할까요?", "발행할까요?", task, QUESTION["options"])
        ts = (
            MessagePoster(reader)
            .post(channel, [message], dedupe_key="x", since=BEGIN, facts={FACT: task.as_fact()}, is_first=True)
            .ts
        )
    events = []
    for number, person in enumerate(("jimin", "alex", "minsu")):
        click = sandbox.slack.click(CHANNEL, person, ts, "workplace_review.0")
        assert click is not None
        event = event_of_click(f"E{number}", click.payload)
        assert event is not None
        events.append(event.payload())
    events.append({**events[0], "value": "{{ 7 * 7 }}"})
    dag = project_dag(repository, "slack_approvals")
    monkeypatch.setattr(type(dag.get_task("clicks")), "execute", lambda self, context: events)
    with scripted_server() as airflow:
        airflow.will(*[reply(201, b'{"access_token":"jwt"}'), reply(200, json.dumps(QUESTION).encode())] * 3)
        connection = {"conn_type": "http", "host": airflow.url, "login": "slack-approvals", "password": "x"}
        monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API", json.dumps(connection))
        run = dag.test(logical_date=None, run_after=BEGIN + timedelta(minutes=1))
    assert run.state == DagRunState.SUCCESS
    assert _outcomes(run) == {0: "closed", 1: "not_assigned", 2: "not_assigned", 3: None}


def _outcomes(run: Any) -> dict[int, str | None]:
    tasks = [ti for ti in run.get_task_instances() if ti.task_id == "answer"]
    return {ti.map_index: (ti.xcom_pull("answer", map_indexes=ti.map_index) or {}).get("outcome") for ti in tasks}
