from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import requests
import s3fs

from support.real_airflow import copy_project, until
from support.statsd_server import StatsdServer
from workplace_sandbox import Sandbox
from workplace_sandbox.faults import Fault
from workplace_sandbox.local.cluster import Cluster
from workplace_sandbox.local.processes import ProcessEnded, processes_of, session_members
from workplace_sandbox.local.program import free_port
from workplace_sandbox.local.settings import read_settings
from workplace_sandbox.local.weeks import title_begins
from workplace_sandbox.model import Page, SlackMessage

CHANNEL = "data-분석"
LINEAGE = "lineage.jsonl"
PATIENCE = 600.0  # seconds; a run of one DAG takes twenty of them on two idle cores
# A killed process is noticed when its heartbeat is missing, after five minutes by default.
SOON = {
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "30",
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "20",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "5",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "40",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
    "SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
    "TRIGGERER__JOB_HEARTBEAT_SEC": "5",
    "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "20",
    # The files do not change any more.
    "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
}
OBSERVED = {
    "METRICS__STATSD_ON": "True",
    "METRICS__STATSD_HOST": "127.0.0.1",
    "OPENLINEAGE__DISABLED": "False",
    "OPENLINEAGE__TRANSPORT": json.dumps({"type": "file", "log_file_path": LINEAGE, "append": True}),
}


@dataclass
class RunningCluster:
    """A cluster with the project's DAGs, and the sandbox that they work on."""

    cluster: Cluster
    sandbox: Sandbox
    metrics: StatsdServer
    work: Path

    @property
    def api(self) -> Any:
        """Return the calls of Airflow's API."""
        return self.cluster.api

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run."""
        return str(self.api.trigger(dag_id, run_after=datetime.now(UTC), conf=conf)["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return Airflow's record of a run."""
        record: dict[str, Any] = self.api._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}")
        return record

    def wait(self, dag_id: str, *run_ids: str, state: str = "success", patience: float = PATIENCE) -> None:
        """Wait for the end of runs."""
        for run_id in run_ids:

            def ended(run_id: str = run_id) -> bool:
                record = self.run(dag_id, run_id)
                assert record["state"] in ("queued", "running", state), self.failures(dag_id, run_id)
                return bool(record["state"] == state)

            until(ended, f"{dag_id} {run_id} to end as {state}", patience)

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run."""
        instances: list[dict[str, Any]] = self.api.task_instances(dag_id, run_id)
        return instances

    def tries(self, dag_id: str, run_id: str) -> dict[str, int]:
        """Return the number of tries of each task that had more than one."""
        return {task["task_id"]: task["try_number"] for task in self.tasks(dag_id, run_id) if task["try_number"] > 1}

    def failures(self, dag_id: str, run_id: str) -> str:
        """Return the logs of the failed tasks of a run."""
        texts = [str({task["task_id"]: (task["state"], task["try_number"]) for task in self.tasks(dag_id, run_id)})]
        for task in self.tasks(dag_id, run_id):
            if task["state"] == "failed":
                texts += self.api.log(dag_id, run_id, task["task_id"], task["try_number"])[-40:]
        return "\n".join(texts)

    def nodes_of(self, dag_id: str, *run_ids: str) -> Counter[str]:
        """Return how many tasks ran on each node."""
        tasks = (task for run_id in run_ids for task in self.tasks(dag_id, run_id))
        return Counter(str(task["hostname"]) for task in tasks if task["hostname"])

    def wait_for_fault(self) -> None:
        """Wait until a request has met a fault of the sandbox."""
        faults = f"{self.sandbox.url}/_sandbox/faults"
        until(lambda: any(rule["hits"] for rule in requests.get(faults, timeout=5).json()), "a request to meet the fault")

    def kill_worker_in(self, path: str, method: str) -> str:
        """Kill the worker that waits for the response to a finished write, and return its name."""
        self.sandbox.add_fault(Fault(path, "hang_after", method=method, delay=20))
        self.wait_for_fault()
        name = self.node_connected_to(self.sandbox.port, "worker")
        self.kill(name)
        self.sandbox.clear_faults()
        return name

    def node_connected_to(self, port: int, kind: str) -> str:
        """Return the node of a kind with a connection to a port."""
        found = ""

        def search() -> bool:
            nonlocal found
            for name in self.cluster.nodes:
                if name.startswith(kind) and self.has_connection(name, port):
                    found = name
            return bool(found)

        until(search, f"a {kind} to connect to {port}", 30)
        return found

    def has_connection(self, name: str, port: int) -> bool:
        """Return whether a process of a node has a connection to a port."""
        for pid in session_members(self.cluster.nodes[name].session):
            with suppress(psutil.Error):  # it has ended meanwhile
                if any(each.raddr and each.raddr.port == port for each in psutil.Process(pid).net_connections("tcp")):
                    return True
        return False

    def restart_ended_nodes(self, patience: float = 30.0) -> list[str]:
        """Restart the nodes that end within some time, as a supervisor does, and return their names."""
        restarted, deadline = [], time.monotonic() + patience
        while time.monotonic() < deadline:
            for name, program in self.cluster.nodes.items():
                try:
                    program.check()
                except ProcessEnded:
                    self.cluster.restart(name)
                    restarted.append(name)
                    break
            time.sleep(0.5)
        return restarted

    def kill(self, name: str) -> None:
        """Kill all processes of a node at once, and start it with an empty disk."""
        self.cluster.nodes[name].signal(signal.SIGKILL)
        self.cluster.restart(name)

    def wait_for_question(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Wait until tasks of a run ask a person, and return them."""

        def asking() -> list[dict[str, Any]]:
            return [task for task in self.tasks(dag_id, run_id) if task["state"] == "awaiting_input"]

        until(lambda: bool(asking()), "a question", PATIENCE)
        # A person takes longer than that. Airflow 3.3 treats an answer within a second as a failure of the task.
        asked = datetime.now(UTC)
        until(lambda: datetime.now(UTC) - asked > timedelta(seconds=8), "the asking process to end")
        return asking()

    def answer(self, dag_id: str, run_id: str, task: Mapping[str, Any], option: str) -> None:
        """Answer a question as the administrator."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances/{task['task_id']}"
        self.api._call("PATCH", f"{path}/{task['map_index']}/hitlDetails", {"chosen_options": [option]})

    def answers(self, question: str) -> list[SlackMessage]:
        """Return the bot's answers to a message."""
        bot = self.sandbox.slack.person("report-bot").id
        said = self.sandbox.store.messages(CHANNEL)
        return [each for each in said if each.user_id == bot and each.thread_ts == question and each.text]

    def wait_for_answer(self, question: str) -> None:
        """Wait for the bot's answer to a message."""
        until(lambda: bool(self.answers(question)), "an answer", PATIENCE)

    def is_at_rest(self) -> bool:
        """Return whether no run is active."""
        path = "/api/v2/dags/~/dagRuns?state=queued&state=running&limit=1"
        return not self.api._call("GET", path)["dag_runs"]

    def forget_state(self) -> None:
        """Remove the state that tasks keep from run to run."""
        import psycopg2  # only the environment of make test-cluster has it

        url = f"postgresql:{self.cluster.services.database_url()}"
        with closing(psycopg2.connect(url)) as database, database:
            database.cursor().execute("delete from asset_state_store")

    def exported_pages(self) -> dict[str, str]:
        """Return the bodies of the pages of the last export of the space, by the pages' ids."""
        store = self.cluster.services.object_store_url
        files = s3fs.S3FileSystem(key="sandbox", secret="sandbox", endpoint_url=store, use_listings_cache=False)
        folder = "analytics/artifacts/confluence/space-ANALYTICS"
        number = json.loads(files.cat_file(f"{folder}/manifest.json"))["number"]
        lines = files.cat_file(f"{folder}/exports/{number:06}/pages.jsonl").splitlines()
        pages = [json.loads(line) for line in lines]
        assert len({page["id"] for page in pages}) == len(pages)
        return {page["id"]: page["bodies"]["storage"] for page in pages}

    def pages_of(self, week: date) -> list[Page]:
        """Return the pages with the day of a week in the title."""
        return [page for page in self.sandbox.store.pages("ANALYTICS") if page.title.startswith(title_begins(week))]

    def lineage_events(self) -> list[dict[str, Any]]:
        """Return the OpenLineage events that the nodes have written."""
        files = (self.work / "nodes").glob(f"*/cwd/{LINEAGE}")
        return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]

    def assert_one_report(self, week: date, *, messages: int = 1) -> None:
        """Check that a week has one page, with each file once, and its announcements."""
        (page,) = [page for page in self.pages_of(week) if "주간 보고" in page.title]
        markers = {each.key: each.value for each in self.sandbox.store.properties(page.id)}
        assert markers["airflow.copy"]["complete"] is True
        assert page.version == 1
        versions = {each.filename: each.version for each in self.sandbox.store.attachments(page.id)}
        # Last week's graph was copied with the page, and this week's replaced it once.
        assert versions.pop("주간활성사용자.png") == 2
        assert set(versions.values()) == {1}
        assert len(self.announcements(page.id)) == messages

    def assert_one_document(self, week: date) -> None:
        """Check that a week has one analytics document, with each file once, and one announcement."""
        title = f"{title_begins(week)}주간 분석"
        (page,) = [page for page in self.sandbox.store.pages("ANALYTICS") if page.title == title]
        versions = {each.filename: each.version for each in self.sandbox.store.attachments(page.id)}
        assert {f"주간활성사용자_{device}.png" for device in ("PC", "모바일", "태블릿")} <= set(versions)
        assert set(versions.values()) == {1}
        assert len(self.announcements(page.id)) == 1

    def attach_to_report(self, week: date, name: str, size: int) -> None:
        """Attach a file to the report of a week."""
        (page,) = self.pages_of(week)
        response = requests.post(
            f"{self.sandbox.confluence_url}/rest/api/content/{page.id}/child/attachment",
            files={"file": (name, os.urandom(size))},
            headers={"Authorization": f"Bearer {self.sandbox.confluence_token}", "X-Atlassian-Token": "nocheck"},
            timeout=60,
        )
        response.raise_for_status()

    def announcements(self, page_id: str) -> list[str]:
        """Return the messages with the link to a page."""
        messages = self.sandbox.messages("#weekly-report")
        texts = [f"{message.text} {json.dumps(message.payload, ensure_ascii=False)}" for message in messages]
        return [text for text in texts if f"pageId={page_id}" in text]

    def end_runs(self) -> None:
        """Fail the runs that have not ended, and wait until their tasks have."""
        path = "/api/v2/dags/~/dagRuns?state=queued&state=running&limit=100"
        for run in self.api._call("GET", path)["dag_runs"]:
            self.api._call(
                "PATCH", f"/api/v2/dags/{run['dag_id']}/dagRuns/{quote(run['dag_run_id'], safe='')}", {"state": "failed"}
            )

    def reset(self) -> None:
        """Restore the seed of the sandbox, without faults and active runs."""
        self.end_runs()
        self.sandbox.clear_faults()
        self.sandbox.reset(seed=True)


@contextmanager
def running_cluster(
    repository: Path,
    work: Path,
    sandbox: Sandbox,
    metrics: StatsdServer,
    *,
    dags: Sequence[str],
    more_dags: Mapping[str, str] | None = None,
) -> Iterator[RunningCluster]:
    """Start a cluster with the project's DAGs.

    :param dags: unpaused; the others stay paused.
    :param more_dags: file name to text of DAGs that only a test needs.
    """
    project = work / "project"
    # Three retries must outlast a minute without the object store; in the DAGs, they are a minute apart.
    copy_project(repository, project, more_dags, retry_seconds=25)
    options = {**SOON, **OBSERVED, "METRICS__STATSD_PORT": str(metrics.port)}
    settings = {f"AIRFLOW__{name}": value for name, value in options.items()}
    people = {"slack-approvals": "user"}
    cluster = Cluster(project, work, free_port(), settings=settings, people=people)
    running = RunningCluster(cluster, sandbox, metrics, work)
    try:
        cluster.start_services(Path(sandbox.warehouse), lambda missing: until(lambda: not missing(), "the services"))
        cluster.start()
        until(lambda: not cluster.missing(), "the nodes to start", PATIENCE)
        cluster.log_in()
        read = read_settings(repository / "airflow_settings.yaml", sandbox.url)
        read.connect_to_airflow(cluster.url, cluster.passwords["slack-approvals"])
        cluster.connect(read)
        cluster.api.apply(read)
        for dag_id in dags:
            until(lambda dag_id=dag_id: cluster.api.dag(dag_id) is not None, "the DAGs to be parsed")
            cluster.api.unpause(dag_id)
            # Airflow creates the triggers of a DAG's assets when it parses the file of an active DAG.
            cluster.api._call("PUT", f"/api/v2/parseDagFile/{cluster.api.dag(dag_id)['file_token']}")
        assert cluster.api.import_errors() == {}
        yield running
    finally:
        cluster.stop()
    assert processes_of(str(work)) == []
    assert os.listdir(work / "node") == []
