"""The scenario's decisions, on an Airflow and a sandbox that only pretend: what the end-to-end tests cannot provoke."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from workplace_sandbox.local import demo as demo_module
from workplace_sandbox.local.console import Progress
from workplace_sandbox.local.demo import Demo, DemoError, Plan, run
from workplace_sandbox.local.errors import LocalError
from workplace_sandbox.local.processes import OWNER, ProcessEnded, processes_of
from workplace_sandbox.local.program import MARK, free_port, work_directory
from workplace_sandbox.local.rest import ApiError
from workplace_sandbox.local.weeks import week_of
from workplace_sandbox.seed.members import JOINED, LEFT, OUTSIDERS, RENAMED

THIS_WEEK = week_of(datetime.now(UTC))
LAST_WEEK, WEEK_BEFORE = THIS_WEEK - timedelta(weeks=1), THIS_WEEK - timedelta(weeks=2)


def account(name: str, shown: str = "이름", *, enabled: bool = True) -> dict[str, Any]:
    return {"userId": name, "name": shown, "enabled": enabled}


FIRST_SYNC = [*map(account, (*JOINED, *RENAMED)), *(account(name, enabled=False) for name in LEFT)]


class FakeWorld:
    """An Airflow whose runs end at once, and the wiki and channel they write to."""

    def __init__(self) -> None:
        self.runs_made: list[dict[str, Any]] = []
        self.created: list[list[str]] = []
        self.silent_rollbacks = 0
        self.states: dict[date, str] = {}
        self.pages_per_title = 1
        self.messages: dict[str, int] = {}
        self.extra_messages = 0
        self.graph: str | None = None
        self.absent_files: set[str] = set()
        self.title = "{:%Y%m%d}_주간 보고"
        self.errors: dict[str, str] = {}
        self.unpaused: set[str] = set()
        self.people = {name: account(name, old) for name, old in RENAMED.items()}
        self.people |= {name: account(name) for name in (*LEFT, *OUTSIDERS)}
        self.sync: list[list[dict[str, Any]]] = [FIRST_SYNC, []]
        self.api = self
        self.logs = Path("logs")
        self.program = SimpleNamespace(check=lambda: None, start=lambda: None, stop=lambda: None)
        self.addresses = {"url": "http://s", "slack_channel_url": "http://s/c"}
        self.addresses |= {"confluence_url": "http://s/confluence", "jira_url": "http://s/jira"}
        self.addresses |= {"tableau_url": "http://s/tableau", "warehouse": "/s/warehouse.sqlite"}
        self.url = "http://s"
        self.password = "secret"
        self.shell = Path("/s/env.sh")
        self.passwords = {"slack-approvals": "secret"}

    # the sandbox
    def ready(self) -> bool:
        return True

    def pages_titled(self, space: str, title: str) -> list[dict[str, Any]]:
        return [{"title": title}] * self.pages_per_title

    def attachment_digest(self, page_id: str, filename: str) -> str:
        return "" if filename in self.absent_files else self.graph or page_id

    def announcements(self, link: str) -> int:
        return self.messages.get(link, 0) + self.extra_messages

    def accounts(self) -> list[dict[str, Any]]:
        return list(self.people.values())

    def export(self, directory: Path) -> Path:
        return directory / "index.html"

    # Airflow
    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def missing(self) -> list[str]:
        return []

    def log_in(self) -> None:
        pass

    def apply(self, settings: Any) -> None:
        pass

    def import_errors(self) -> dict[str, str]:
        return self.errors

    def dag(self, dag_id: str) -> dict[str, Any]:
        return {"dag_id": dag_id}

    def unpause(self, dag_id: str) -> None:
        assert self.created, "the backfill comes first"
        self.unpaused.add(dag_id)

    def command(self, arguments: list[str], timeout: float) -> tuple[int, str]:
        self.created.append(arguments)
        if len(self.created) <= self.silent_rollbacks:
            return 0, "nothing is said of it"
        begin, end = (datetime.fromisoformat(arguments[arguments.index(f"--{name}-date") + 1]) for name in ("from", "to"))
        moment = begin + timedelta(hours=9)
        while moment <= end:
            self.make("backfill", moment)
            moment += timedelta(weeks=1)
        return 0, ""

    def backfills(self, dag_id: str) -> list[dict[str, Any]]:
        return [{"id": 1}] if self.runs_made else []

    def trigger(self, dag_id: str, *, run_after: datetime, conf: dict[str, Any] | None = None) -> dict[str, Any]:
        assert dag_id in self.unpaused
        if dag_id == "identity_sync":
            self.people = self.people | {each["userId"]: each for each in self.sync.pop(0)}
        return self.make("manual", run_after, dag_id)

    def make(self, kind: str, moment: datetime, dag_id: str = "weekly_report") -> dict[str, Any]:
        week = week_of(moment)
        made = {
            "dag_id": dag_id,
            "dag_run_id": f"{kind}__{len(self.runs_made)}",
            "run_after": moment.isoformat(),
            "duration": 2.0,
            "state": self.states.get(week, "success"),
            "week": week,
        }
        self.runs_made.append(made)
        if made["state"] == "success":
            link = self.link(week, dag_id)
            self.messages[link] = self.messages.get(link, 0) + 1
        return made

    def link(self, week: date, dag_id: str = "weekly_report") -> str:
        return f"http://s/{week}" if dag_id == "weekly_report" else f"http://s/{dag_id}/{week}"

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        return [made for made in self.runs_made if made["dag_id"] == dag_id]

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        state = next(made["state"] for made in self.runs_made if made["dag_run_id"] == run_id)
        return [
            {"task_id": "copy_last_week", "state": state, "try_number": 1},
            {"task_id": "announce", "state": "upstream_failed" if state == "failed" else None, "try_number": 0},
        ]

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int) -> list[str]:
        return [f"log of try {try_number}", "AuthFailed: the token is not accepted"]

    def return_value(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> dict[str, str]:
        if dag_id == "identity_sync":
            return {"text": "*상담 시스템*: 2 created\n• created: …"}
        week = next(made["week"] for made in self.runs_made if made["dag_run_id"] == run_id)
        return {"title": self.title.format(week), "url": self.link(week, dag_id)}


@pytest.fixture
def world() -> FakeWorld:
    return FakeWorld()


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    settings = tmp_path / "airflow_settings.yaml"
    settings.write_text("airflow:\n  connections: []\n", encoding="utf-8")
    return Plan(project=tmp_path, work=tmp_path / "work", settings=settings)


@pytest.fixture
def progress() -> Progress:
    return Progress(Console(file=io.StringIO()))


MakeDemo = Callable[..., Demo]


@pytest.fixture
def make_demo(world: FakeWorld, plan: Plan, progress: Progress, monkeypatch: pytest.MonkeyPatch) -> MakeDemo:
    monkeypatch.setattr(demo_module, "BACKFILL_PAUSE", 0)
    monkeypatch.setattr(demo_module, "POLL", 0)

    def make(stay: bool = False) -> Demo:
        made = Demo(plan, progress, stay=stay)
        made.sandbox = world  # type: ignore[assignment]
        made.airflow = world  # type: ignore[assignment]
        return made

    return make


def test_the_weeks_before_by_backfill_then_this_week_twice(world: FakeWorld, make_demo: MakeDemo) -> None:
    runs = make_demo().scenario()

    assert [(made.run_id, made.week) for made in runs] == [
        ("backfill__0", WEEK_BEFORE),
        ("backfill__1", LAST_WEEK),
        ("manual__2", THIS_WEEK),
        ("manual__3", THIS_WEEK),
        ("manual__4", THIS_WEEK),
        ("manual__5", THIS_WEEK),
        ("manual__6", THIS_WEEK),
        ("manual__7", THIS_WEEK),
        ("manual__8", THIS_WEEK),
    ]
    documents = ["analytics_doc", "weekly_kpis", "page_reports"]
    assert [made.dag_id for made in runs] == ["weekly_report"] * 4 + documents + ["identity_sync"] * 2
    assert runs[-1].title == "상담 시스템: 2 created"
    (command,) = world.created
    assert command[:4] == ["backfill", "create", "--dag-id", "weekly_report"]
    assert command[-2:] == ["--max-active-runs", "1"]


@pytest.mark.parametrize(
    ("is_due", "kinds"),
    [
        (True, ["backfill", "backfill", "backfill", "manual"]),
        (False, ["backfill", "backfill", "manual", "manual"]),  # a Thursday before nine: the scheduler waits, too
    ],
)
def test_with_the_schedule_on_this_week_waits_its_turn_in_the_backfill(
    world: FakeWorld, make_demo: MakeDemo, monkeypatch: pytest.MonkeyPatch, is_due: bool, kinds: list[str]
) -> None:
    moment = datetime.now(UTC) + timedelta(hours=-1 if is_due else 1)
    monkeypatch.setattr(demo_module, "due", lambda week: moment)
    runs = make_demo(stay=True).scenario()
    assert world.unpaused >= {"slack_bot", "notice_watch"}
    reports = [made for made in runs if made.dag_id == "weekly_report"]
    assert [made.run_id.partition("__")[0] for made in reports] == kinds
    assert [made.week for made in reports] == [WEEK_BEFORE, LAST_WEEK, THIS_WEEK, THIS_WEEK]


def test_a_backfill_that_was_rolled_back_without_a_word_is_created_again(world: FakeWorld, make_demo: MakeDemo) -> None:
    world.silent_rollbacks = 2
    make_demo().scenario()
    assert len(world.created) == 3


def test_there_is_an_end_to_trying(world: FakeWorld, make_demo: MakeDemo) -> None:
    world.silent_rollbacks = 100
    with pytest.raises(DemoError, match="could not be created; the command ended with 0:\nnothing is said of it"):
        make_demo().scenario()
    assert len(world.created) == demo_module.BACKFILL_ATTEMPTS


def test_import_errors_end_it_at_once(world: FakeWorld, make_demo: MakeDemo) -> None:
    world.errors = {"weekly_report.py": "ModuleNotFoundError: No module named 'nonsense'"}
    with pytest.raises(DemoError, match=r"(?s)weekly_report\.py cannot be imported:.*nonsense"):
        make_demo().scenario()


def test_a_failed_run_ends_it_with_the_log_of_the_failed_task(world: FakeWorld, make_demo: MakeDemo) -> None:
    world.states[LAST_WEEK] = "failed"
    with pytest.raises(DemoError) as caught:
        make_demo().scenario()
    text = str(caught.value)
    assert "run backfill__1 failed" in text
    assert "--- log of copy_last_week (failed, try 1) in backfill__1" in text
    assert "AuthFailed: the token is not accepted" in text
    assert "announce" not in text


def test_when_airflow_does_not_give_the_log_its_place_is_named(
    world: FakeWorld, make_demo: MakeDemo, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.states[LAST_WEEK] = "failed"

    def refuse(*arguments: Any) -> list[str]:
        raise ApiError("404")

    monkeypatch.setattr(world, "log", refuse)
    with pytest.raises(DemoError, match=r"Airflow did not return it: 404\. The files are under logs"):
        make_demo().scenario()


def test_a_run_that_does_not_end_is_shown_with_its_logs(
    world: FakeWorld, make_demo: MakeDemo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_module, "RUN_PATIENCE", 0.05)
    world.states[LAST_WEEK] = "running"
    with pytest.raises(DemoError, match=r"(?s)1 of 2 runs done; copy_last_week running\).*log of copy_last_week"):
        make_demo().scenario()


def test_two_pages_of_one_week_are_a_failure(world: FakeWorld, make_demo: MakeDemo) -> None:
    world.pages_per_title = 2
    with pytest.raises(DemoError, match=f"{THIS_WEEK}: the wiki has 2 pages"):
        make_demo().scenario()


def test_one_message_too_many_is_a_failure(world: FakeWorld, make_demo: MakeDemo) -> None:
    world.extra_messages = 1
    with pytest.raises(DemoError, match=f"{LAST_WEEK}: 2 messages give http://s/{LAST_WEEK}, for 1 runs"):
        make_demo().scenario()


def test_a_document_without_its_pictures_is_a_failure(world: FakeWorld, make_demo: MakeDemo) -> None:
    world.absent_files = {"주간활성사용자_모바일.png"}
    with pytest.raises(DemoError, match="the analytics document http://s/analytics_doc/"):
        make_demo().scenario()


def test_a_report_from_yaml_that_is_not_announced_is_a_failure(
    world: FakeWorld, make_demo: MakeDemo, monkeypatch: pytest.MonkeyPatch
) -> None:
    announcements = world.announcements
    monkeypatch.setattr(world, "announcements", lambda link: 0 if "weekly_kpis" in link else announcements(link))
    with pytest.raises(DemoError, match="the report from YAML http://s/weekly_kpis/"):
        make_demo().scenario()


@pytest.mark.parametrize(
    ("sync", "fault"),
    [
        ([FIRST_SYNC[1:], []], f"{JOINED[0]} joined and has no account"),
        ([FIRST_SYNC[:-1], []], f"{LEFT[-1]} left and has an enabled account"),
        ([[each for each in FIRST_SYNC if each["userId"] not in RENAMED], []], "misaki has another name in Slack"),
        ([[*FIRST_SYNC, account("root", enabled=False)], []], "root is not in Slack and was changed"),
        ([FIRST_SYNC, [account("emma", "again")]], "the second run must not change anything, but did"),
    ],
)
def test_accounts_that_are_not_as_they_should_be_are_a_failure(
    world: FakeWorld, make_demo: MakeDemo, sync: list[list[dict[str, Any]]], fault: str
) -> None:
    world.sync = sync
    with pytest.raises(DemoError, match=fault):
        make_demo().scenario()


def test_the_same_graph_on_two_weeks_is_a_failure(world: FakeWorld, make_demo: MakeDemo) -> None:
    world.graph = "the same every week"
    with pytest.raises(DemoError, match=f"{LAST_WEEK}: the page shows the same 주간활성사용자.png as {WEEK_BEFORE}"):
        make_demo().scenario()


def test_a_page_of_the_wrong_week_is_a_failure(world: FakeWorld, make_demo: MakeDemo) -> None:
    world.title = "20010101_주간 보고"
    with pytest.raises(DemoError, match=f"backfill__0 is about '20010101_주간 보고' instead of {WEEK_BEFORE:%Y%m%d}_"):
        make_demo().scenario()


def test_airflow_ending_in_between_ends_the_wait(world: FakeWorld, make_demo: MakeDemo) -> None:
    def ended() -> None:
        raise ProcessEnded("Airflow ended with 1")

    world.states[LAST_WEEK] = "running"
    world.program.check = ended
    with pytest.raises(ProcessEnded):
        make_demo().scenario()


def test_the_report_has_the_table_and_the_facts(make_demo: MakeDemo, progress: Progress, plan: Plan) -> None:
    plan.work.mkdir()
    demo = make_demo()
    demo.report(demo.scenario())

    printed = progress.console.file.getvalue()  # type: ignore[attr-defined]
    for word in ("DAG", "Run", "State", "Seconds", "Link", "backfill__0", f"http://s/{THIS_WEEK}", "2.0"):
        assert word in printed
    assert "3 report pages for 4 runs, 4 Slack messages" in printed
    facts = json.loads((plan.work / "result.json").read_text(encoding="utf-8"))
    assert [page["messages"] for page in facts["pages"]] == [1, 1, 2]
    assert facts["runs"][0]["week"] == str(WEEK_BEFORE)


def test_a_failure_is_told_and_everything_is_ended(
    world: FakeWorld, make_demo: MakeDemo, plan: Plan, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = []
    world.program.stop = lambda: ended.append("sandbox")
    world.stop = lambda: ended.append("Airflow")  # type: ignore[method-assign]
    world.states[THIS_WEEK] = "failed"
    monkeypatch.setattr(demo_module, "Demo", lambda *arguments, **options: make_demo())

    assert run(plan, progress, stay=False) == 1

    assert sorted(ended) == ["Airflow", "sandbox"]
    printed = progress.console.file.getvalue()  # type: ignore[attr-defined]
    assert "Failed: run manual__2 failed" in printed
    assert f"Logs: {plan.work / 'logs'}" in printed


@pytest.mark.parametrize(
    ("number", "stay", "status"),
    [(signal.SIGINT, True, 0), (signal.SIGTERM, True, 0), (signal.SIGINT, False, 130), (signal.SIGTERM, False, 143)],
)
def test_signals_end_it_in_good_order(
    world: FakeWorld,
    make_demo: MakeDemo,
    plan: Plan,
    progress: Progress,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    stay: bool,
    status: int,
) -> None:
    ended = []

    def stop_with_another_signal() -> None:
        os.kill(os.getpid(), signal.SIGINT)  # somebody presses Ctrl-C again
        ended.append("sandbox")

    world.program.stop = stop_with_another_signal if stay else lambda: ended.append("sandbox")
    world.stop = lambda: ended.append("Airflow")  # type: ignore[method-assign]
    made = make_demo(stay=stay)
    kill = lambda: os.kill(os.getpid(), number)  # noqa: E731
    if stay:
        made.stay = kill  # type: ignore[method-assign,assignment]
        made.print_addresses = lambda: None  # type: ignore[method-assign]
    else:
        world.log_in = kill  # type: ignore[method-assign]
    monkeypatch.setattr(demo_module, "Demo", lambda *arguments, **options: made)

    assert run(plan, progress, stay=stay) == status
    assert sorted(ended) == ["Airflow", "sandbox"]


def stay_up(demo: Demo, plan: Plan, progress: Progress, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """Run `make up` until it would stay, and return its status and what it printed."""
    demo.stay = lambda: os.kill(os.getpid(), signal.SIGINT)  # type: ignore[method-assign,assignment,return-value]
    monkeypatch.setattr(demo_module, "Demo", lambda *arguments, **options: demo)
    status = run(plan, progress, stay=True)
    return status, progress.console.file.getvalue()  # type: ignore[attr-defined]


def test_up_names_all_that_runs(
    make_demo: MakeDemo, plan: Plan, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, printed = stay_up(make_demo(stay=True), plan, progress, monkeypatch)
    assert status == 0
    for word in ("Wiki ", "Slack ", "Airflow  http://s", "password secret", '"@bot help"'):
        assert word in printed


def test_after_a_failed_run_the_bot_is_not_advertised(
    world: FakeWorld, make_demo: MakeDemo, plan: Plan, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.states[LAST_WEEK] = "failed"
    status, printed = stay_up(make_demo(stay=True), plan, progress, monkeypatch)
    assert status == 1
    assert "Airflow  http://s" in printed
    assert "slack_bot, slack_approvals, notice_watch are paused" in printed
    assert "@bot help" not in printed


def test_without_connections_in_airflow_that_is_told(
    world: FakeWorld, make_demo: MakeDemo, plan: Plan, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(settings: Any) -> None:
        raise ApiError("connections 'wiki': 422")

    world.apply = refuse  # type: ignore[method-assign]
    status, printed = stay_up(make_demo(stay=True), plan, progress, monkeypatch)
    assert status == 1
    assert "Not all connections are in place" in printed
    assert "@bot help" not in printed


def test_an_airflow_that_did_not_start_is_not_advertised(
    world: FakeWorld, make_demo: MakeDemo, plan: Plan, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_module, "START_PATIENCE", -1.0)
    world.missing = lambda: ["scheduler"]  # type: ignore[method-assign]
    status, printed = stay_up(make_demo(stay=True), plan, progress, monkeypatch)
    assert status == 1
    assert "Wiki " in printed
    assert "Airflow is not ready, waiting for scheduler" in printed
    assert "password" not in printed
    assert "@bot help" not in printed


def test_when_a_program_has_ended_nothing_is_advertised(
    world: FakeWorld, make_demo: MakeDemo, plan: Plan, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended() -> None:
        raise ProcessEnded("Airflow ended with 1")

    world.states[LAST_WEEK] = "running"
    world.program.check = ended
    status, printed = stay_up(make_demo(stay=True), plan, progress, monkeypatch)
    assert status == 1
    assert printed.count("Airflow ended with 1") == 1
    assert "Wiki " not in printed
    assert "Airflow  http" not in printed


def test_a_second_demonstration_keeps_out(plan: Plan, progress: Progress) -> None:
    with work_directory(plan.work, progress):
        kept = plan.work / "kept"
        kept.touch()
        with pytest.raises(LocalError, match="another program runs in"), work_directory(plan.work, progress):
            pass
        assert kept.exists()


def test_the_work_directory_is_emptied_and_leftovers_are_ended(plan: Plan, progress: Progress) -> None:
    with work_directory(plan.work, progress):
        (plan.work / "logs").mkdir()
        (plan.work / "result.json").touch()
    left = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], env={**os.environ, OWNER: str(plan.work)}
    )
    try:
        while processes_of(str(plan.work)) != [left.pid]:
            pass
        with work_directory(plan.work, progress):
            assert [entry.name for entry in plan.work.iterdir()] == [MARK]
        assert left.wait(10) == -signal.SIGKILL
    finally:
        left.kill()
        left.wait()


def test_a_directory_of_somebody_elses_is_left_alone(plan: Plan, progress: Progress) -> None:
    plan.work.mkdir()
    (plan.work / "thesis.txt").touch()
    with pytest.raises(LocalError, match="files of another program"), work_directory(plan.work, progress):
        pass
    assert (plan.work / "thesis.txt").exists()


def test_the_preferred_port_is_taken_only_when_it_is_free() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        assert free_port(taken) not in {0, taken}
    assert free_port(taken) == taken
