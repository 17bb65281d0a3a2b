from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.utils.state import DagRunState

from workplace_sandbox import Fault, Sandbox

pytestmark = [pytest.mark.dags, pytest.mark.usefixtures("airflow_db", "no_memory")]

BEGIN = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)
COMPANY, RELEASES = "general", "japan-store"


@pytest.fixture
def no_memory(_tables: None) -> None:
    from airflow.models.asset_state_store import AssetStateStoreModel
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        session.execute(delete(AssetStateStoreModel))


@pytest.fixture
def dag(repository: Path) -> Any:
    dag = DagBag(dag_folder=str(repository / "dags"), bundle_name="dags-folder").dags["notice_watch"]
    for task in dag.tasks:
        if task.is_mapped:
            task.partial_kwargs["retry_delay"] = timedelta(0)
        else:
            task.retry_delay = timedelta(0)
    return dag


class Watch:
    """The DAG, run every half hour."""

    def __init__(self, dag: Any, sandbox: Sandbox) -> None:
        self._dag = dag
        self._sandbox = sandbox
        self._runs = 0

    def run(self, **params: Any) -> Any:
        moment = BEGIN + self._runs * timedelta(minutes=30)
        self._runs += 1
        return self._dag.test(logical_date=moment, run_after=moment, run_conf=params or None)

    def posted(self, channel: str) -> list[str]:
        return [each.text for each in self._sandbox.messages(f"#{channel}") if "metadata" in each.payload]


@pytest.fixture
def watch(dag: Any, sandbox: Sandbox) -> Watch:
    return Watch(dag, sandbox)


def states(run: Any) -> dict[str, str]:
    return {each.rendered_map_index or each.task_id: str(each.state) for each in run.get_task_instances()}


def test_new_notices_are_posted_once_and_in_order(watch: Watch, sandbox: Sandbox) -> None:
    first = watch.run()
    assert first.state == DagRunState.SUCCESS
    print(states(first))
    assert watch.posted(COMPANY) == watch.posted(RELEASES) == []
    sandbox.notices.add("첫째 <공지>", author="인사팀")
    second = sandbox.notices.add("둘째 공지", author="R&D")
    watch.run()
    for channel in (COMPANY, RELEASES):
        assert len(watch.posted(channel)) == 2
    print(watch.posted(COMPANY), watch.posted(RELEASES))
