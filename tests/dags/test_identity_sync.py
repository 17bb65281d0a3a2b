from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import ParamValidationError
from airflow.utils.state import DagRunState

from support.dags import parse_for
from workplace_sandbox import Sandbox
from workplace_sandbox.model import MemberAccount, SlackMessage
from workplace_sandbox.seed.members import JOINED, LEFT, MAKER, RENAMED, UNMARKED

pytestmark = [pytest.mark.dags, pytest.mark.usefixtures("airflow_db")]

MORNING = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)  # six o'clock in Seoul
CHANNEL = "#data-alarms"


@pytest.fixture
def project(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """The DAGs of the file, beside a folder with the definitions that a test wants."""

    def build(*, example: bool = True, **files: Any) -> dict[str, Any]:
        (tmp_path / "dags").mkdir()
        monkeypatch.setattr("airflow.settings.DAGS_FOLDER", str(tmp_path / "dags"))
        shutil.copy(repository / "dags" / "identity_sync.py", tmp_path / "dags")
        folder = tmp_path / "include" / "identity"
        shutil.copytree(repository / "include" / "identity", folder)
        if not example:
            (folder / "members.yaml").unlink()
        for name, content in files.items():
            text = content if isinstance(content, str) else yaml.safe_dump(content, allow_unicode=True)
            (folder / f"{name}.yaml").write_text(text, "utf-8")
        bag = DagBag(dag_folder=str(tmp_path / "dags"), bundle_name="dags-folder")
        assert bag.import_errors == {}
        for dag in bag.dags.values():
            for task in dag.tasks:
                task.retry_delay = timedelta(0)
        return dict(bag.dags)

    return build


def run(dag: Any, moment: datetime = MORNING, **params: Any) -> Any:
    return dag.test(logical_date=moment, run_after=moment, run_conf=params or None)


def states(drun: Any, task_id: str) -> list[str]:
    found = sorted(drun.get_task_instances(), key=lambda each: each.map_index)
    return [str(each.state) for each in found if each.task_id == task_id]


def accounts(sandbox: Sandbox) -> dict[str, MemberAccount]:
    return {each.user_id: each for each in sandbox.store.member_accounts()}


def done_by_sync(sandbox: Sandbox) -> set[tuple[str, str]]:
    changes = sandbox.store.member_changes()
    return {(each.user_id, each.action) for each in changes if each.actor != MAKER}


def reports(sandbox: Sandbox) -> list[SlackMessage]:
    return [message for message in sandbox.store.messages(CHANNEL) if message.text]


def csv_target(tmp_path: Path, name: str) -> dict[str, Any]:
    columns = {"id": "id", "mark": "externalId", "user": "userName", "state": "active", "mail": "emails.value"}
    return {
        "target": {"type": "csv", "path": str(tmp_path / f"{name}.csv"), "columns": columns},
        "mapping": {"userName": "user_name", "emails.value": "email"},
        "policy": {"rate": None},
    }


def test_a_task_builds_the_dag_that_it_needs(
    project: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {**csv_target(tmp_path, "x"), "schedule": "0 7 * * *"}
    assert set(project(one=own, two=own)) == {"identity_sync", "identity_sync_one", "identity_sync_two"}
    for dag_id in ("identity_sync", "identity_sync_two"):
        parse_for(monkeypatch, dag_id)
        bag = DagBag(dag_folder=str(tmp_path / "dags"), bundle_name="dags-folder")
        assert list(bag.dags) == [dag_id]


def test_the_accounts_follow_the_workspace_and_a_second_run_changes_nothing(
    sandbox: Sandbox, project: Callable[..., Any]
) -> None:
    dag, before = project()["identity_sync"], accounts(sandbox)
    assert run(dag).state == DagRunState.SUCCESS
    after = accounts(sandbox)
    assert set(after) - set(before) == set(JOINED)
    assert {name for name in after if not after[name].enabled} == set(LEFT)
    for name, old in RENAMED.items():
        assert (before[name].name, after[name].name) == (old, "田中 美咲")
    for name in UNMARKED:
        assert after[name].metadata["externalId"].startswith("slack:T0SANDBOX:U")
    for outsider in ("root", "night.shift"):
        assert after[outsider] == before[outsider]
    (message,) = reports(sandbox)
    assert message.text.startswith("*상담 시스템*: 2 created, 1 linked, 1 updated, 2 disabled\n")
    changes = len(sandbox.store.member_changes())
    second = run(dag, MORNING + timedelta(days=1))
    assert second.state == DagRunState.SUCCESS
    assert states(second, "sync.tell") == ["skipped"]
    assert (accounts(sandbox), len(sandbox.store.member_changes()), len(reports(sandbox))) == (after, changes, 1)


def test_a_look_writes_nothing_and_tells(sandbox: Sandbox, project: Callable[..., Any]) -> None:
    before = accounts(sandbox)
    drun = run(project()["identity_sync"], mode="plan")
    assert drun.state == DagRunState.SUCCESS
    assert accounts(sandbox) == before
    (message,) = reports(sandbox)
    assert "planned, nothing is written yet: 2 created" in message.text


def test_events_about_members_have_a_dag_when_they_are_switched_on(
    sandbox: Sandbox, project: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__WORKPLACE__IDENTITY_EVENTS", "true")
    dags = project()
    assert set(dags) == {"identity_sync", "identity_people"}
    assert run(dags["identity_sync"]).state == DagRunState.SUCCESS
    before, dag = accounts(sandbox), dags["identity_people"]
    joiner = sandbox.slack.add_person("saebom", "한새봄")
    event = {"type": "team_join", "user": joiner.id}
    monkeypatch.setattr(type(dag.get_task("events")), "execute", lambda self, context: [event])
    drun = dag.test(logical_date=None, run_after=datetime.now(UTC))
    assert drun.state == DagRunState.SUCCESS
    assert {name: each for name, each in accounts(sandbox).items() if name != "saebom"} == before
    assert accounts(sandbox)["saebom"].enabled
    assert "*상담 시스템*: 1 created" in reports(sandbox)[-1].text


def test_systems_and_connections_are_chosen_from_lists(project: Callable[..., Any], tmp_path: Path) -> None:
    scim = {"target": {"type": "scim", "conn_id": "portal", "conn_ids": ["portal_test"]}}
    dag = project(crm=scim, wiki=csv_target(tmp_path, "wiki"))["identity_sync"]
    assert dag.params.get_param("conn_id").schema["enum"] == [None, "portal", "portal_test"]
    assert dag.params.get_param("targets").schema["items"]["enum"] == ["crm", "members", "wiki"]
    for param, wrong in (("conn_id", "slack_api_default"), ("targets", ["../secret"])):
        with pytest.raises(ParamValidationError):
            dag.params.get_param(param).resolve(wrong)


def test_one_person_on_demand(sandbox: Sandbox, project: Callable[..., Any]) -> None:
    run(project()["identity_sync"], only=["emma@example.com"], targets=None, announce_in=None)
    assert reports(sandbox) == []
    assert done_by_sync(sandbox) == {("emma", "created")}


def test_one_that_fails_keeps_no_other_from_its_run(sandbox: Sandbox, project: Callable[..., Any], tmp_path: Path) -> None:
    dag = project(broken="target: [", crm=csv_target(tmp_path, "crm"))["identity_sync"]
    drun = run(dag)
    assert drun.state == DagRunState.FAILED
    assert states(drun, "sync.plan") == ["failed", "success", "success"]
    assert states(drun, "sync.apply") == ["upstream_failed", "success", "success"]
    assert "emma" in (tmp_path / "crm.csv").read_text("utf-8-sig")
    assert ("emma", "created") in done_by_sync(sandbox)
    assert any("broken.yaml" in message.text for message in reports(sandbox))
    # The directory was read once for all of them.
    assert len(sandbox.requests("/slack/api/users.list")) == 1


def test_systems_can_be_chosen(sandbox: Sandbox, project: Callable[..., Any], tmp_path: Path) -> None:
    drun = run(project(crm=csv_target(tmp_path, "crm"))["identity_sync"], targets=["crm"])
    assert drun.state == DagRunState.SUCCESS
    assert states(drun, "sync.apply") == ["success", "skipped"]
    assert done_by_sync(sandbox) == set()


@pytest.mark.parametrize(("on_gate", "state"), [("fail", "failed"), ("skip", "skipped")])
def test_a_shut_gate_stops_a_run(sandbox: Sandbox, project: Callable[..., Any], on_gate: str, state: str) -> None:
    for name in ("minsu", "jiho", "sora", "yuna"):
        sandbox.slack.deactivate(name)
    before = accounts(sandbox)
    drun = run(project()["identity_sync"], on_gate=on_gate)
    assert states(drun, "sync.plan") == [state]
    assert states(drun, "sync.apply") == ["upstream_failed" if state == "failed" else "skipped"]
    assert accounts(sandbox) == before


def test_a_system_with_a_schedule_of_its_own_has_a_dag_of_its_own(
    sandbox: Sandbox, project: Callable[..., Any], tmp_path: Path
) -> None:
    hourly = {**csv_target(tmp_path, "crm"), "schedule": "0 * * * *", "timezone": "Asia/Tokyo"}
    after_hr = {**csv_target(tmp_path, "wiki"), "schedule": {"asset": "hr_import"}}
    dags = project(crm=hourly, wiki=after_hr)
    assert set(dags) == {"identity_sync", "identity_sync_crm", "identity_sync_wiki"}
    crm = dags["identity_sync_crm"].timetable
    assert (crm.expression, str(crm.timezone)) == ("0 * * * *", "Asia/Tokyo")
    assert dags["identity_sync_wiki"].timetable.asset_condition.objects[0].name == "hr_import"
    assert run(dags["identity_sync_wiki"]).state == DagRunState.SUCCESS
    assert "emma" in (tmp_path / "wiki.csv").read_text("utf-8-sig")
    assert done_by_sync(sandbox) == set()


def test_without_systems_the_directory_is_read_all_the_same(sandbox: Sandbox, project: Callable[..., Any]) -> None:
    assert run(project(example=False)["identity_sync"]).state == DagRunState.SUCCESS


EXPANDED = """
import pendulum
from airflow.sdk import DAG
from workplace_provider.identity.operators import SYNC_STATE, SlackUserSyncOperator

with DAG("several_systems", schedule=None, start_date=pendulum.datetime(2026, 1, 1)):
    SlackUserSyncOperator.partial(task_id="sync", mode="apply", inlets=[SYNC_STATE]).expand(target={targets!r})
"""


def test_the_operator_can_be_expanded_over_systems(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = [{"key": name, **csv_target(tmp_path, name)} for name in ("crm", "wiki")]
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "several.py").write_text(EXPANDED.format(targets=targets), "utf-8")
    monkeypatch.setattr("airflow.settings.DAGS_FOLDER", str(tmp_path / "dags"))
    dag = DagBag(dag_folder=str(tmp_path / "dags"), bundle_name="dags-folder").dags["several_systems"]
    files: list[bytes] = []
    for day in range(2):
        drun = run(dag, MORNING + timedelta(days=day))
        assert drun.state == DagRunState.SUCCESS
        assert states(drun, "sync") == ["success", "success"]
        files.append((tmp_path / "crm.csv").read_bytes())
    assert b"emma" in files[0]
    assert files[0] == files[1]
