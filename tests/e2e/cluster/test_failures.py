"""Nodes and services fail while DAGs run; in the end, each page, file version, message and account exists once."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from support.real_airflow import until
from support.running_cluster import PATIENCE, RunningCluster
from workplace_sandbox.faults import Fault
from workplace_sandbox.local.weeks import week_of

pytestmark = [pytest.mark.cluster, pytest.mark.e2e]

REPORT, DOCUMENT, ACCOUNTS, EXPORT = "weekly_report", "analytics_doc", "identity_sync", "wiki_export"
THIS_WEEK = week_of(datetime.now(UTC))
LAST_WEEK = THIS_WEEK - timedelta(weeks=1)
JOINERS = 40


class Work:
    """Two weekly reports, an analytics document and an export of the wiki, at the same time."""

    weeks: tuple[date, ...] = (LAST_WEEK, THIS_WEEK)

    def __init__(self, cluster: RunningCluster) -> None:
        self.cluster = cluster
        self.runs = [(REPORT, cluster.trigger(REPORT, {"report_date": str(week)})) for week in self.weeks]
        self.runs.append((DOCUMENT, cluster.trigger(DOCUMENT, {"report_date": str(THIS_WEEK)})))
        self.runs.append((EXPORT, cluster.trigger(EXPORT)))

    def tasks(self) -> list[dict[str, Any]]:
        """Return all tasks of the work."""
        return [task for run in self.runs for task in self.cluster.tasks(*run)]

    def wait_until_running(self) -> None:
        """Wait until tasks of the work run."""

        def is_running() -> bool:
            return any(task["state"] == "running" for task in self.tasks())

        until(is_running, "a task to run")

    def finish(self) -> dict[str, int]:
        """Wait for the end, check the results, and return the tries of the tasks that had several."""
        for dag_id, run_id in self.runs:
            self.cluster.wait(dag_id, run_id)
        for week in self.weeks:
            self.cluster.assert_one_report(week)
        self.cluster.assert_one_document(THIS_WEEK)
        # The export may have read the space before the other runs added their pages.
        exported, pages = self.cluster.exported_pages(), self.cluster.sandbox.store.pages("ANALYTICS")
        assert len([page for page in pages if page.id not in exported]) <= 3
        return {f"{dag}.{task}": number for dag, run in self.runs for task, number in self.cluster.tries(dag, run).items()}


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Return a function that prints a line of the failure table."""

    def line(**facts: object) -> None:
        print(f"\n{request.node.name}: {facts}")

    return line


def test_a_worker_is_killed_during_a_copy(cluster: RunningCluster, record: Callable[..., None]) -> None:
    run_id = cluster.trigger(REPORT, {"report_date": str(THIS_WEEK)})
    node = cluster.kill_worker_in("/rest/api/content$", "POST")
    cluster.wait(REPORT, run_id)
    cluster.assert_one_report(THIS_WEEK)
    tries = cluster.tries(REPORT, run_id)
    assert tries["copy_last_week"] >= 2
    record(killed=node, retried=tries, pages=1, messages=1)


def test_a_worker_is_killed_while_it_creates_accounts(cluster: RunningCluster, record: Callable[..., None]) -> None:
    cluster.forget_state()
    cluster.sandbox.slack.add_people(JOINERS, prefix="newbie")
    cluster.sandbox.add_fault(Fault("/members/api/members$", "slow", method="POST", delay=0.5, times=None))
    run_id = cluster.trigger(ACCOUNTS)

    def created() -> list[str]:
        return [each.user_id for each in cluster.sandbox.store.member_accounts() if each.user_id.startswith("newbie")]

    until(lambda: len(created()) >= 8, "the first accounts")
    node = cluster.node_connected_to(cluster.sandbox.port, "worker")
    cluster.kill(node)
    before = len(created())
    assert before < JOINERS
    cluster.sandbox.clear_faults()
    cluster.wait(ACCOUNTS, run_id)
    assert len(created()) == len(set(created())) == JOINERS
    record(killed=f"{node} after {before} accounts", retried=cluster.tries(ACCOUNTS, run_id), accounts=len(created()))


def test_a_worker_is_killed_during_an_export(cluster: RunningCluster, record: Callable[..., None]) -> None:
    cluster.sandbox.wiki.grow("ANALYTICS", 300, comments=1)
    cluster.sandbox.clear_requests()
    cluster.sandbox.add_fault(Fault("/rest/api/", "slow", method="GET", delay=0.3, times=None))
    run_id = cluster.trigger(EXPORT, {"mode": "full"})
    until(lambda: len(cluster.sandbox.requests("/rest/api/")) > 20, "the export to read pages")
    node = cluster.node_connected_to(cluster.sandbox.port, "worker")
    cluster.kill(node)
    cluster.sandbox.clear_faults()
    cluster.wait(EXPORT, run_id)
    assert set(cluster.exported_pages()) == {page.id for page in cluster.sandbox.store.pages("ANALYTICS")}
    tries = cluster.tries(EXPORT, run_id)
    assert tries["export"] >= 2
    record(killed=node, retried=tries, pages=len(cluster.exported_pages()))


def test_a_scheduler_is_killed(cluster: RunningCluster, record: Callable[..., None]) -> None:
    work = Work(cluster)
    work.wait_until_running()
    cluster.kill("scheduler1")
    record(killed="scheduler1", retried=work.finish(), pages=3, messages=3)


@pytest.mark.parametrize("resumed", [False, True], ids=["killed", "paused and resumed"])
def test_the_triggerer_with_the_socket_fails(cluster: RunningCluster, record: Callable[..., None], resumed: bool) -> None:
    def ask(count: int) -> list[str]:
        return [str(cluster.sandbox.slack.write("data-분석", person, "@bot commits octocat").ts) for _ in range(count)]

    person = "jiho" if resumed else "minsu"  # each may ask twenty questions in ten minutes
    cluster.wait_for_answer(ask(1)[0])
    node = cluster.node_connected_to(cluster.sandbox.port, "triggerer")
    program = cluster.cluster.nodes[node]
    program.signal(signal.SIGSTOP if resumed else signal.SIGKILL)
    questions = ask(4)
    (other,) = {"triggerer1", "triggerer2"} - {node}
    until(lambda: cluster.has_connection(other, cluster.sandbox.port), "the other triggerer to listen")
    if resumed:
        program.signal(signal.SIGCONT)  # two sockets for a while: Slack sends each event to one of them
    else:
        cluster.cluster.restart(node)
    questions += ask(4)
    for question in questions:
        cluster.wait_for_answer(question)
    until(cluster.is_at_rest, "the runs to end")
    several = [answers for answers in map(cluster.answers, questions) if len(answers) != 1]
    assert several == []
    record(failed=node, questions=8, answers=8)


def test_redis_restarts(cluster: RunningCluster, record: Callable[..., None]) -> None:
    work = Work(cluster)
    work.wait_until_running()
    cluster.cluster.services.redis.signal(signal.SIGKILL)  # its queues are lost
    cluster.cluster.services.redis.stop()
    cluster.cluster.services.redis.start()
    record(restarted="redis", retried=work.finish(), pages=3, messages=3)


def test_postgresql_restarts(cluster: RunningCluster, record: Callable[..., None]) -> None:
    work = Work(cluster)
    work.wait_until_running()
    cluster.cluster.services.postgres.stop()
    cluster.cluster.services.postgres.start()
    until(lambda: not cluster.cluster.services.missing(), "PostgreSQL to answer")
    restarted = cluster.restart_ended_nodes()
    record(restarted="postgresql", ended=restarted, retried=work.finish(), pages=3, messages=3)


def test_the_object_store_is_unavailable_for_a_minute(cluster: RunningCluster, record: Callable[..., None]) -> None:
    work = Work(cluster)
    work.wait_until_running()
    cluster.cluster.services.switch_object_store_off(60)
    record(unavailable="S3 for 60 s", retried=work.finish(), pages=3, messages=3)


def test_the_disk_of_a_worker_is_full(cluster: RunningCluster, record: Callable[..., None]) -> None:
    if not cluster.cluster.is_isolated:
        pytest.skip("a small disk needs mount namespaces (unshare), which this machine does not allow")
    nodes = cluster.cluster
    cluster.attach_to_report(THIS_WEEK - timedelta(weeks=3), "bigger than the memory for small files.bin", 9_000_000)
    nodes.nodes["worker2"].stop()
    nodes.restart("worker1", tmp_size="1m")
    until(lambda: " ready." in nodes.nodes["worker1"].tail(1000), "the worker to start")
    try:
        work = Work(cluster)
        until(lambda: any(task["state"] == "up_for_retry" for task in work.tasks()), "a task to fail", PATIENCE)
        full = [task["task_id"] for task in work.tasks() if task["state"] == "up_for_retry"]
    finally:
        nodes.restart("worker2")
        nodes.restart("worker1")
    record(full="worker1", failed=full, retried=work.finish(), pages=3, messages=3)
