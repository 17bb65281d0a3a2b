from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.utils.state import DagRunState

from support.dags import project_dag
from workplace_sandbox import Fault, Sandbox

pytestmark = [pytest.mark.dags, pytest.mark.usefixtures("airflow_db", "no_memory")]

BEGIN = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)
# Where the two examples post.
COMPANY, RELEASES, ALARMS = "#general", "#japan-store", "#data-alarms"


@pytest.fixture
def no_memory(_tables: None) -> None:
    from airflow.models.asset_state_store import AssetStateStoreModel
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        session.execute(delete(AssetStateStoreModel))


class Watch:
    """The DAG, run every half hour on a folder with boards."""

    def __init__(self, dag: Any, sandbox: Sandbox, folder: Path) -> None:
        self.dag = dag
        self.sandbox = sandbox
        self.folder = folder
        self._runs = 0
        dag.get_task("boards").op_args = [str(folder)]
        dag.get_task("boards").retry_delay = timedelta(0)
        dag.get_task("watch").partial_kwargs["retry_delay"] = timedelta(0)

    def run(self, **params: Any) -> Any:
        moment = BEGIN + self._runs * timedelta(minutes=30)
        self._runs += 1
        return self.dag.test(logical_date=moment, run_after=moment, run_conf=params or None)

    def posted(self, channel: str) -> list[str]:
        """What the DAG said in a channel."""
        return [each.text for each in self.sandbox.messages(channel) if "metadata" in each.payload]

    def alarms(self) -> list[str]:
        return [each.text for each in self.sandbox.messages(ALARMS)]


@pytest.fixture
def watch(repository: Path, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """The DAG after its first run, with the examples as its boards; nobody waits long."""
    dag = project_dag(repository, "notice_watch")
    for name in ("notice_board", "slack_api_default"):
        connection = sandbox.airflow_connections()[name]
        connection["extra"] = {**connection.get("extra", {}), "max_retry_wait": 0.01}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))
    watch = Watch(dag, sandbox, Path(shutil.copytree(repository / "include" / "notices", tmp_path / "notices")))
    assert states(watch.run()) == {"boards": "success", "company": "success", "releases": "success"}
    assert watch.posted(COMPANY) == watch.posted(RELEASES) == []
    return watch


def states(run: Any) -> dict[str, str]:
    """The tasks' states; a mapped task goes by its board."""
    return {each.rendered_map_index or each.task_id: str(each.state) for each in run.get_task_instances()}


def test_new_notices_are_posted_once_and_in_their_order(watch: Watch) -> None:
    watch.sandbox.notices.add("연말 <휴무> 안내", author="R&D")
    watch.sandbox.notices.add("年末年始のお知らせ")
    assert watch.run().state == DagRunState.SUCCESS
    for channel, board in ((COMPANY, "사내 공지"), (RELEASES, "お知らせ")):
        first, second = watch.posted(channel)
        url = f"{watch.sandbox.url}/board/view?id=7&amp;from=list"
        assert first.startswith(f"*{board}* <{url}|연말 &lt;휴무&gt; 안내>\n")
        assert "|年末年始のお知らせ>" in second
    watch.run()
    assert (len(watch.posted(COMPANY)), len(watch.posted(RELEASES))) == (2, 2)
    assert watch.alarms() == []


def test_only_an_edit_is_news_and_only_where_that_is_wanted(watch: Watch) -> None:
    notices = watch.sandbox.notices
    notices.edit(4, title="4층 회의실 예약 시스템 점검 (연기)")
    notices.pin(5)
    notices.remove(2)
    notices.reorder([1, 3, 4, 5, 6])
    watch.run()
    assert watch.posted(COMPANY) == []
    (edit,) = watch.posted(RELEASES)
    assert edit.startswith(":pencil2: *お知らせ* ")
    watch.run()
    assert watch.posted(RELEASES) == [edit]


def test_a_board_that_fails_alarms_and_the_others_are_watched(watch: Watch) -> None:
    watch.sandbox.add_fault(Fault("^/board/euc-kr$", "status", status=500, times=None))
    watch.sandbox.notices.add("새 공지")
    run = watch.run()
    assert states(run) == {"boards": "success", "company": "failed", "releases": "success"}
    assert len(watch.posted(RELEASES)) == 1
    (alarm,) = watch.alarms()
    assert "Notice board company failed: 500" in alarm
    watch.sandbox.clear_faults()
    watch.run()
    assert len(watch.posted(COMPANY)) == 1


@pytest.mark.parametrize("body", [None, "<html><body></body></html>"], ids=["another layout", "an empty page"])
def test_an_odd_page_is_told_with_what_was_looked_for_and_loses_nothing(watch: Watch, body: str | None) -> None:
    if body is None:
        watch.sandbox.notices.set_layout("cards")
    else:
        watch.sandbox.add_fault(Fault("^/board/euc-kr$", "status", status=200, body=body, times=None))
    watch.sandbox.notices.add("새 공지")
    assert states(watch.run())["company"] == "failed"
    (alarm,) = watch.alarms()
    assert "select.item (table.notices tbody tr)" in alarm
    watch.sandbox.notices.set_layout("table")
    watch.sandbox.clear_faults()
    watch.run()
    assert ["새 공지" in text for text in watch.posted(COMPANY)] == [True]


def test_a_flood_is_posted_when_somebody_says_that_it_is_right(watch: Watch) -> None:
    for number in range(21):
        watch.sandbox.notices.add(f"공지 {number}")
    assert states(watch.run())["company"] == "failed"
    assert watch.posted(COMPANY) == []
    watch.run(max_new=21)
    assert len(watch.posted(COMPANY)) == 21


def test_a_death_between_posting_and_remembering_makes_no_second_message(watch: Watch) -> None:
    watch.sandbox.notices.add("새 공지")
    (watch.folder / "releases.yaml").unlink()
    # Slack has the message, and then answers nothing more to this try.
    watch.sandbox.add_fault(Fault("chat.postMessage$", "drop_after"))
    watch.sandbox.add_fault(Fault("conversations.history$", "status", status=500, skip=1, times=10))
    assert states(watch.run()) == {"boards": "success", "company": "success"}
    assert len(watch.sandbox.requests("chat.postMessage$")) == 1
    assert len(watch.posted(COMPANY)) == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            "kind: html\nurl: https://x.example\nselect: {item: tr}\n",
            "broken.yaml: select: Object missing required field `title`",
        ),
        ("kind: [", "broken.yaml, line 1"),
    ],
)
def test_a_broken_file_fails_for_itself_and_says_where(watch: Watch, content: str, problem: str) -> None:
    (watch.folder / "broken.yaml").write_text(content)
    watch.sandbox.notices.add("새 공지")
    assert states(watch.run()) == {"boards": "success", "broken": "failed", "company": "success", "releases": "success"}
    assert (len(watch.posted(COMPANY)), len(watch.posted(RELEASES))) == (1, 1)
    (alarm,) = watch.alarms()
    assert problem in alarm


def test_the_boards_of_the_project_are_named_relative_to_the_dag(watch: Watch) -> None:
    dag = project_dag(Path(watch.dag.fileloc).parents[1], "notice_watch")
    (folder,) = dag.get_task("boards").op_args
    assert not Path(folder).is_absolute()
    watch.dag.get_task("boards").op_args = [folder]
    run = watch.run()
    assert states(run) == {"boards": "success", "company": "success", "releases": "success"}
    (boards,) = [task for task in run.get_task_instances() if task.task_id == "boards"]
    assert boards.xcom_pull("boards") == [f"{folder}/company.yaml", f"{folder}/releases.yaml"]


def test_the_boards_connections_are_in_the_local_settings_and_in_the_sandbox(repository: Path, sandbox: Sandbox) -> None:
    settings = yaml.safe_load((repository / "airflow_settings.yaml").read_text())["airflow"]
    known = {connection["conn_id"] for connection in settings["connections"]} & sandbox.airflow_connections().keys()
    channels = {channel.label for channel in sandbox.store.channels()}
    for file in (repository / "include" / "notices").glob("*.yaml"):
        board = yaml.safe_load(file.read_text())
        assert board["connection"] in known
        assert board["channel"] in channels
