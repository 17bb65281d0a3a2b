from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException

from support.notice_board import FEED, TABLE, NoticeBoard
from support.scripted_server import ScriptedServer, reply
from support.slack_workspace import CHANNEL, SlackWorkspace, State, context
from workplace_provider.http.errors import BadResponse, SourceUnavailable, WorkplaceError
from workplace_provider.notices.operators import NoticeBoardOperator, board_files
from workplace_provider.notices.operators.notices import NOTICE_BOARDS


class Airflow:
    """What Airflow keeps between the tries and the runs of a task."""

    def __init__(self) -> None:
        self.memory = State()
        self.runs: dict[str, State] = {}

    def run(self, board: Any = TABLE, run_id: str = "1", **arguments: Any) -> dict[str, Any]:
        operator = NoticeBoardOperator(task_id="watch", board=board, **{"channel": CHANNEL, **arguments})
        given = context(run_id, state=self.runs.setdefault(run_id, State()), asset_state_store={NOTICE_BOARDS: self.memory})
        result: dict[str, Any] = json.loads(json.dumps(operator.execute(given)))
        return result

    def fails(self, error: type[Exception], *, match: str | None = None, **arguments: Any) -> Exception:
        with pytest.raises(error, match=match) as caught:
            self.run(**arguments)
        return caught.value


@pytest.fixture
def airflow(workspace: SlackWorkspace, board: NoticeBoard) -> Airflow:
    """The task after its first run."""
    airflow = Airflow()
    first = airflow.run(run_id="0")
    assert first == {"board": "company", "notices": [], "seen": 3, "first_run": True}
    assert workspace.said == []
    return airflow


def test_a_new_notice_is_posted_once(airflow: Airflow, workspace: SlackWorkspace, board: NoticeBoard) -> None:
    board.add("연말 <휴무> 안내", author="R&D")
    result = airflow.run()
    (notice,) = result["notices"]
    assert notice == {
        "key": "4",
        "title": "연말 <휴무> 안내",
        "url": f"{board.sandbox.url}/board/view?id=4&from=list",
        "published": "2026-11-06T00:00:00+09:00",
        "author": "R&D",
        "summary": "",
        "pinned": False,
        "edited": False,
    }
    assert (result["seen"], result["first_run"]) == (4, False)
    url = f"{board.sandbox.url}/board/view?id=4&amp;from=list"
    assert workspace.texts == [f"*사내 공지* <{url}|연말 &lt;휴무&gt; 안내>\n2026-11-06 · R&amp;D"]
    assert airflow.run(run_id="2")["notices"] == []
    assert len(workspace.said) == 1


def test_several_come_the_oldest_first(airflow: Airflow, workspace: SlackWorkspace, board: NoticeBoard) -> None:
    for title in ("하나", "둘", "셋"):
        board.add(title)
    board.sandbox.notices.pin(6)
    airflow.run(text="{sign}{title}")
    assert workspace.texts == ["하나", "둘", ":pushpin: 셋"]


def test_what_moves_is_pinned_edited_or_removed_is_not_posted(
    airflow: Airflow, workspace: SlackWorkspace, board: NoticeBoard
) -> None:
    board.sandbox.notices.pin(1)
    board.sandbox.notices.edit(2, title="年末年始の営業について(更新)")
    board.sandbox.notices.reorder([1, 3, 2])
    assert airflow.run()["notices"] == []
    board.sandbox.notices.remove(3)
    assert airflow.run(run_id="2")["notices"] == []
    assert workspace.said == []


def test_an_edit_is_posted_once_where_that_is_wanted(
    airflow: Airflow, workspace: SlackWorkspace, board: NoticeBoard
) -> None:
    told = {**TABLE, "updated": True}
    for number, title in enumerate(["年末年始の営業(更新)", "年末年始の営業(再更新)"]):
        board.sandbox.notices.edit(2, title=title)
        assert [each["edited"] for each in airflow.run(told, run_id=f"{number}")["notices"]] == [True]
        assert airflow.run(told, run_id=f"{number} again")["notices"] == []
    assert [":pencil2:" in text for text in workspace.texts] == [True, True]


@pytest.mark.parametrize("fault", ["drop_after", "status_after", "drop_before"])
def test_a_lost_answer_makes_no_second_message(
    airflow: Airflow, workspace: SlackWorkspace, board: NoticeBoard, fault: Any
) -> None:
    board.add("새 공지")
    workspace.goes_wrong("chat.postMessage", fault)
    assert len(airflow.run(text="{title}")["notices"]) == 1
    assert workspace.texts == ["새 공지"]


def test_who_dies_between_posting_and_remembering_posts_no_second_message(
    airflow: Airflow, workspace: SlackWorkspace, board: NoticeBoard
) -> None:
    for title in ("첫째", "둘째"):
        board.add(title)
    # The message is in the channel, and then nothing of Slack answers any more.
    workspace.goes_wrong("chat.postMessage", "drop_after")
    workspace.goes_wrong("conversations.history", "status", skip=1, times=50)
    error = airflow.fails(WorkplaceError, text="{title}")
    assert isinstance(error, WorkplaceError)
    assert error.retryable
    assert workspace.texts == ["첫째"]
    workspace.sandbox.clear_faults()
    result = airflow.run(text="{title}")
    assert workspace.texts == ["첫째", "둘째"]
    assert [each["title"] for each in result["notices"]] == ["첫째", "둘째"]


def test_another_run_finishes_what_the_one_before_left(
    airflow: Airflow, workspace: SlackWorkspace, board: NoticeBoard
) -> None:
    board.add("남은 공지")
    workspace.goes_wrong("chat.postMessage", "drop_before", times=50)
    airflow.fails(SourceUnavailable, text="{title}")
    workspace.sandbox.clear_faults()
    board.sandbox.notices.remove(4)
    board.add("더 새로운 공지")
    result = airflow.run(run_id="2", text="{title}")
    assert workspace.texts == ["남은 공지", "더 새로운 공지"]
    assert len(result["notices"]) == 2


def test_without_a_channel_the_next_task_gets_them_however_often_it_is_tried(
    airflow: Airflow, workspace: SlackWorkspace, board: NoticeBoard
) -> None:
    board.add("새 공지")
    first = airflow.run(channel=None)
    assert [each["title"] for each in first["notices"]] == ["새 공지"]
    assert airflow.run(channel="") == first, "the try that died before its result was kept"
    assert airflow.run(run_id="2", channel=None)["notices"] == []
    assert workspace.said == []


def test_a_board_may_name_its_own_channel(airflow: Airflow, workspace: SlackWorkspace, board: NoticeBoard) -> None:
    board.add("새 공지")
    airflow.run({**TABLE, "channel": "#data-alarms"}, text="{title}")
    assert workspace.said == []
    assert [each.text for each in workspace.sandbox.messages("#data-alarms")] == ["새 공지"]


def test_a_channel_that_is_not_there_fails_at_once_and_loses_nothing(
    airflow: Airflow, workspace: SlackWorkspace, board: NoticeBoard
) -> None:
    board.add("새 공지")
    airflow.fails(AirflowFailException, match="nowhere", channel="nowhere")
    airflow.run(run_id="2", text="{title}")
    assert workspace.texts == ["새 공지"]


@pytest.mark.parametrize("body", ["", "<html><body>점검 중</body></html>"])
def test_an_odd_page_posts_and_forgets_nothing(
    airflow: Airflow, workspace: SlackWorkspace, board: NoticeBoard, body: str
) -> None:
    before = dict(airflow.memory)
    board.goes_wrong("status", status=200, body=body)
    airflow.fails(BadResponse, match="layout")
    board.sandbox.notices.set_layout("cards")
    airflow.fails(BadResponse, match=r"table\.notices tbody tr")
    board.goes_wrong("status", status=500, times=4)
    airflow.fails(SourceUnavailable, match="500")
    assert airflow.memory == before
    board.sandbox.notices.set_layout("table")
    board.add("새 공지")
    airflow.run(text="{title}")
    assert workspace.texts == ["새 공지"]


def test_a_flood_is_an_error_until_somebody_says_that_it_is_right(
    airflow: Airflow, workspace: SlackWorkspace, board: NoticeBoard
) -> None:
    few = {**TABLE, "max_new": 2}
    for number in range(3):
        board.add(f"공지 {number}")
    for run_id in ("1", "2"):
        airflow.fails(AirflowFailException, match="3 notices of 6 are new .* more than 2", board=few, run_id=run_id)
    assert workspace.said == []
    airflow.run(few, run_id="3", max_new="3", text="{title}")
    assert workspace.texts == ["공지 0", "공지 1", "공지 2"]


def test_the_first_run_may_post_the_newest(workspace: SlackWorkspace, board: NoticeBoard) -> None:
    result = Airflow().run({**TABLE, "max_initial": 1}, text="{title}")
    assert (result["first_run"], workspace.texts) == (True, ["사내 식당 메뉴 개편"])


def test_a_feed_that_did_not_change_is_not_sent_again(workspace: SlackWorkspace, board: NoticeBoard) -> None:
    airflow = Airflow()
    for run_id in ("1", "2"):
        airflow.run(FEED, run_id=run_id)
    board.add("새 공지")
    assert len(airflow.run(FEED, run_id="3")["notices"]) == 1
    assert airflow.run(FEED, run_id="4") == {"board": "news", "notices": [], "seen": 4, "first_run": False}
    # A request is recorded when its answer is sent, which for the last one may be in a moment.
    assert [each.status for each in board.sandbox.requests("/board/rss.xml")][:3] == [200, 304, 200]


def test_boards_and_tasks_do_not_share_their_memories(workspace: SlackWorkspace, board: NoticeBoard) -> None:
    airflow = Airflow()
    assert airflow.run(TABLE)["first_run"]
    assert airflow.run(FEED)["first_run"]
    assert airflow.run({**TABLE, "name": "other"})["first_run"]
    assert set(airflow.memory) == {"주간_보고/watch/company", "주간_보고/watch/news", "주간_보고/watch/other"}


def test_a_private_board_is_asked_with_its_connection(
    workspace: SlackWorkspace, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    extra = {"X-Team": "데이터".encode().hex(), "read_timeout": 5}
    connection = {"conn_type": "http", "host": server.url, "login": "김", "password": "geheim-1", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_INTRANET", json.dumps(connection))
    server.will(
        reply(200, b'{"version": "https://jsonfeed.org/version/1", "items": [{"id": 1, "url": "/1", "title": "t"}]}')
    )
    with caplog.at_level(logging.DEBUG):
        Airflow().run({**FEED, "url": "/private?board=7"}, http_conn_id="intranet")
    (asked,) = server.asked
    assert asked.path == "/private?board=7"
    assert asked.headers["Authorization"].startswith("Basic ")
    assert asked.headers["X-Team"] == extra["X-Team"]
    assert "read_timeout" not in asked.headers
    assert "geheim-1" not in caplog.text


def test_a_public_board_needs_no_connection(workspace: SlackWorkspace, board: NoticeBoard) -> None:
    public = {**FEED, "connection": "", "url": f"{board.sandbox.board_url}/feed.json?of=all"}
    assert Airflow().run(public)["seen"] == 3


def test_a_board_is_a_file_beside_the_dag(workspace: SlackWorkspace, board: NoticeBoard, tmp_path: Path) -> None:
    (tmp_path / "boards").mkdir()
    (tmp_path / "boards" / "news.yaml").write_text("kind: feed\nconnection: notice_board\nurl: /board/atom.xml\n")
    (tmp_path / "boards" / "broken.yml").write_text("kind: feed\nurl: /board\nchanel: x\n")
    (tmp_path / "boards" / "README.md").write_text("about")
    operator = NoticeBoardOperator(task_id="watch", board="boards/news.yaml", channel=CHANNEL)
    assert operator.board_name == "news"
    dag = SimpleNamespace(dag_id="d", fileloc=str(tmp_path / "dag.py"))
    result: Mapping[str, Any] = operator.execute(context(dag=dag, asset_state_store={NOTICE_BOARDS: State()}))
    assert (result["board"], result["seen"]) == ("news", 3)
    broken, found = board_files(str(tmp_path / "boards"))
    assert found == str(tmp_path / "boards" / "news.yaml")
    operator = NoticeBoardOperator(task_id="watch", board=broken)
    with pytest.raises(AirflowFailException, match=r"broken\.yml: .*there is a key 'chanel'; did you mean 'channel'"):
        operator.execute(context(dag=dag, asset_state_store={NOTICE_BOARDS: State()}))
    with pytest.raises(FileNotFoundError):
        board_files(str(tmp_path / "nowhere"))


def test_a_board_of_one_worker_is_found_on_another(workspace: SlackWorkspace, board: NoticeBoard, tmp_path: Path) -> None:
    text = "kind: feed\nconnection: notice_board\nurl: /board/atom.xml\n"
    for worker in ("one", "two"):
        (tmp_path / worker / "include" / "notices").mkdir(parents=True)
        (tmp_path / worker / "dags").mkdir()
        (tmp_path / worker / "include" / "notices" / "news.yaml").write_text(text)
    (name,) = board_files(str(tmp_path / "one" / "include" / "notices"))
    shutil.rmtree(tmp_path / "one")
    dag = SimpleNamespace(dag_id="d", fileloc=str(tmp_path / "two" / "dags" / "dag.py"))
    operator = NoticeBoardOperator(task_id="watch", board=name, channel=CHANNEL)
    result: Mapping[str, Any] = operator.execute(context(dag=dag, asset_state_store={NOTICE_BOARDS: State()}))
    assert (name, result["board"]) == ("include/notices/news.yaml", "news")


@pytest.mark.parametrize("store", [{}, {"asset_state_store": {Asset("other"): State()}}], ids=["none", "of others"])
def test_without_a_memory_nothing_is_done(workspace: SlackWorkspace, board: NoticeBoard, store: dict[str, Any]) -> None:
    operator = NoticeBoardOperator(task_id="watch", board=TABLE, channel=CHANNEL)
    with pytest.raises(AirflowFailException, match=r"inlets=\[NOTICE_BOARDS\]"):
        operator.execute(context(**store))
    assert board.sandbox.requests("/board") == []


def test_a_task_has_its_memory_without_being_told() -> None:
    assert NoticeBoardOperator(task_id="watch", board=TABLE).inlets == [NOTICE_BOARDS]


def test_without_the_extra_the_error_says_what_to_install(
    workspace: SlackWorkspace, board: NoticeBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "workplace_provider.notices", None)
    Airflow().fails(AirflowFailException, match=r"pip install 'airflow-provider-workplace\[notices\]'")


@pytest.mark.parametrize("with_connection", [True, False])
def test_a_board_leads_nowhere_inside_unless_its_description_says_so(
    workspace: SlackWorkspace, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, with_connection: bool
) -> None:
    feed = b'{"version": "https://jsonfeed.org/version/1", "items": [{"id": 1, "url": "/1", "title": "t"}]}'
    elsewhere = server.url.replace("127.0.0.1", "localhost") + "/inner"

    def redirect(handler: BaseHTTPRequestHandler) -> None:
        reply(200, feed)(handler) if handler.path == "/inner" else reply(302, Location=elsewhere)(handler)

    server.will(redirect)
    monkeypatch.setenv("AIRFLOW_CONN_INTRANET", json.dumps({"conn_type": "http", "host": server.url}))
    board = {**FEED, "connection": "", "url": f"{server.url}/feed"}
    arguments = {"http_conn_id": "intranet"} if with_connection else {}
    with pytest.raises(AirflowFailException, match=r"localhost leads to 127\.0\.0\.1.*private_hosts"):
        Airflow().run(board, **arguments)
    assert [asked.path for asked in server.asked] == ["/feed"]
    assert Airflow().run({**board, "private_hosts": ["localhost"]}, **arguments)["seen"] == 1


def test_a_response_longer_than_allowed_is_not_read(workspace: SlackWorkspace, server: ScriptedServer) -> None:
    server.will(reply(200, b" " * 2_000))
    with pytest.raises(AirflowFailException, match=r"more than 1,024 bytes.*max_bytes in the board's description"):
        Airflow().run({**FEED, "connection": "", "url": f"{server.url}/feed", "max_bytes": 1_024})
