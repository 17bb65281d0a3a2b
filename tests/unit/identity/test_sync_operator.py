from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from airflow.sdk import ObjectStoragePath
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from support.event_loop import call_apart
from support.member_definition import DEFINITION
from support.object_store import s3  # noqa: F401 - a fixture
from support.scim_service import STRICT, TOKEN, scim_service
from workplace_provider.common.artifact_store import ArtifactStore
from workplace_provider.common.artifacts import as_artifacts
from workplace_provider.identity import Directory, FileJournal, SyncState, TargetError, directory_lines
from workplace_provider.identity.journal import Entry
from workplace_provider.identity.operators import (
    SYNC_STATE,
    SlackDirectorySnapshotOperator,
    SlackPeopleSnapshotOperator,
    SlackUserSyncOperator,
)
from workplace_provider.identity.operators import people as people_module
from workplace_provider.identity.operators.journal import ObjectJournal, open_journal
from workplace_provider.identity.operators.memory import SyncMemory
from workplace_provider.identity.operators.retention import remove_old_files
from workplace_provider.identity.targets.csv_file import CsvTarget
from workplace_sandbox import Sandbox
from workplace_sandbox.faults import Fault
from workplace_sandbox.model import MemberAccount

APPROVED = {"chosen_options": ["Approve"]}


class Store(dict[str, Any]):
    """The part of Airflow's asset state store that is used: plain JSON, for one asset."""

    def set(self, key: str, value: Any) -> None:
        assert value is not None
        self[key] = json.loads(json.dumps(value))


@dataclass
class Office:
    """A workspace, a member service, and what Airflow remembers."""

    sandbox: Sandbox
    folder: Path
    memory: Store = field(default_factory=Store)

    def context(self, run: str = "run-1", task: str = "sync") -> Any:
        return {
            "dag": SimpleNamespace(dag_id="계정"),
            "run_id": run,
            "ti": SimpleNamespace(map_index=-1, task_id=task),
            "asset_state_store": {SYNC_STATE: self.memory},
        }

    def define(self, **changes: Any) -> str:
        (self.folder / "members.yaml").write_text(yaml.safe_dump({**DEFINITION, **changes}, allow_unicode=True), "utf-8")
        return "members.yaml"

    def sync(self, run: str = "run-1", task: str = "sync", **given: Any) -> dict[str, Any]:
        arguments = {"target": "members.yaml", "folder": str(self.folder), "mode": "apply", **given}
        result = SlackUserSyncOperator(task_id=task, **arguments).execute(self.context(run, task))
        # As it goes through XCom.
        return dict(json.loads(json.dumps(result)))

    @property
    def accounts(self) -> dict[str, MemberAccount]:
        return {each.user_id: each for each in self.sandbox.store.member_accounts()}

    @property
    def writes(self) -> int:
        return sum(each.method != "GET" for each in self.sandbox.requests("/members/api"))


@pytest.fixture
def office(sandbox: Sandbox, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    connections = {**sandbox.airflow_connections(), "pepper": {"conn_type": "generic", "password": "s3cret-p3pper"}}
    for name, connection in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW__WORKPLACE__ARTIFACTS_PATH", f"file://{tmp_path}/artifacts")
    folder = tmp_path / "identity"
    folder.mkdir()
    service = repository / "include/identity/services/member_service.yaml"
    (folder / "member_service.yaml").write_text(service.read_text("utf-8"), "utf-8")
    sandbox.slack.add_person("minsu", "박민수")
    sandbox.slack.add_person("kenta", "鈴木 健太")
    office = Office(sandbox, folder)
    office.define()
    return office


def read(artifact: Any) -> str:
    (found,) = as_artifacts(artifact)
    with found.open() as stream:
        return stream.read().decode()


def everybody_has(office: Office) -> None:
    office.sync("begin")
    office.sandbox.clear_requests()


def test_joiners_leavers_and_renames_are_followed_and_a_second_run_has_nothing_to_do(office: Office) -> None:
    slack = office.sandbox.slack
    first = office.sync("monday")
    assert set(office.accounts) == {"jimin", "haruka", "alex", "viewer", "minsu", "kenta"}
    assert first["outcomes"] == {"done": 6}
    assert first["notable"]
    slack.add_person("sora", "윤소라")
    slack.rename("kenta", "鈴木 健太郎")
    slack.deactivate("minsu")
    second = office.sync("tuesday")
    assert second["counts"] == {"create": 1, "disable": 1, "noop": 4, "skip": 2, "update": 1}
    assert second["text"] == (
        "*상담 시스템*: 1 created, 1 updated, 1 disabled\n• created: 윤소라\n• updated: 鈴木 健太郎\n• disabled: 박민수"
    )
    accounts = office.accounts
    assert (accounts["sora"].enabled, accounts["minsu"].enabled, accounts["kenta"].name) == (True, False, "鈴木 健太郎")
    writes = office.writes
    third = office.sync("wednesday")
    assert (office.writes, third["notable"], third["outcomes"]) == (writes, False, {})
    assert "鈴木 健太郎" in read(second["report"])
    assert "s3cret" not in json.dumps([first, second]) + read(first["plan"]) + read(first["report"])


def test_a_definition_can_have_its_own_source(office: Office) -> None:
    columns = {"id": "key", "mail": "email", "name": "display_name"}
    (office.folder / "temps.csv").write_text("id,mail,name\n1,sora@example.com,윤소라\n", "utf-8")
    people = {"type": "file", "name": "temps", "path": "temps.csv", "columns": columns}
    slack = {"type": "slack", "conn_id": "slack_api_default"}
    office.define(source={"type": "merged", "name": "all", "sources": [slack, people]})
    first = office.sync("monday", directory={"directory": "not read"})
    assert set(office.accounts) == {"jimin", "haruka", "alex", "viewer", "minsu", "kenta", "sora"}
    assert office.accounts["sora"].metadata["externalId"] == "merged:all:sora@example.com"
    assert first["outcomes"] == {"done": 7}
    (office.folder / "temps.csv").write_text("id,mail,name\n1,sora@example.com\n", "utf-8")
    with pytest.raises(AirflowFailException, match=r"temps\.csv, line 2: the number of cells"):
        office.sync("tuesday")


def test_the_snapshot_reads_channels_and_remembers_profiles(office: Office) -> None:
    slack = office.sandbox.slack
    slack.add_channel("분석", members=["jimin", "minsu"])
    slack.set_profile_fields("minsu", Xf0DEPT="데이터")

    def snapshot(run: str) -> dict[str, Any]:
        operator = SlackDirectorySnapshotOperator(
            task_id="snapshot", channels=["분석"], profile_fields={"department": "부서"}
        )
        return operator.execute(office.context(run, "snapshot"))

    def reads() -> int:
        return sum("users.profile.get" in each.path for each in office.sandbox.requests())

    office.define(scope={"channels": ["#분석"], "include": "attributes.department == '데이터'"})
    office.sync("monday", directory=snapshot("monday"))
    assert set(office.accounts) >= {"minsu"}
    assert not {"haruka", "kenta"} & set(office.accounts)
    count = reads()
    assert count > 0
    second = snapshot("tuesday")
    assert reads() == count
    file = office.folder.parent / "artifacts" / "identity_sync" / "profiles" / "T0SANDBOX.json"
    file.write_text("{", "utf-8")
    assert snapshot("wednesday")["members"] == second["members"]
    assert reads() == 2 * count


def test_a_run_can_only_choose_a_connection_that_the_definition_allows(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = {**DEFINITION["target"], "conn_ids": ["members_test", "없음"]}
    office.define(target=target)
    monkeypatch.setenv("AIRFLOW_CONN_MEMBERS_TEST", os.environ["AIRFLOW_CONN_MEMBER_SERVICE"])
    first = office.sync("test", conn_id="members_test")
    assert (first["target"], first["name"]) == ("members@members_test", "상담 시스템 (members_test)")
    assert set(office.memory) >= {"members@members_test"}
    assert "members" not in office.memory
    # The same connection as in the definition is the definition itself. Here, both are one system.
    assert office.sync("own", conn_id="member_service", mode="plan", on_gate="approve")["target"] == "members"
    for conn_id in ("pepper", "slack_api_default", "members_test "):
        with pytest.raises(AirflowSkipException, match="the target does not allow the connection"):
            office.sync("other", conn_id=conn_id)
    office.define(target={**target, "conn_ids": "members_test"})
    with pytest.raises(AirflowFailException, match=r"target\.conn_ids is 'members_test'; it must be a list of texts"):
        office.sync("wrong")


def changed_people(office: Office, *events: Any, run: str = "event", **given: Any) -> dict[str, Any]:
    operator = SlackPeopleSnapshotOperator(task_id="people", people=list(events), **given)
    return dict(json.loads(json.dumps(operator.execute(office.context(run, "people")))))


def sync_people(office: Office, found: dict[str, Any], run: str = "event") -> dict[str, Any]:
    return office.sync(run, directory=found["directory"], only=found["people"])


def snapshot_of(office: Office, run: str = "daily", **given: Any) -> None:
    SlackDirectorySnapshotOperator(task_id="snapshot", **given).execute(office.context(run, "snapshot"))


def test_an_event_syncs_its_person_and_touches_no_other_account(office: Office) -> None:
    slack = office.sandbox.slack
    slack.add_channel("분석", members=["jimin", "minsu"])
    slack.add_user_group("analysts", "분석", ["minsu"])
    fields = {"profile_fields": {"department": "부서"}}
    everybody_has(office)
    snapshot_of(office, channels=["분석"], **fields)
    joiner = slack.add_person("sora", "윤소라")
    slack.set_profile_fields("sora", Xf0DEPT="데이터")
    slack.add_user_group("analysts", "분석", ["minsu", "sora"])
    slack.rename("kenta", "鈴木 健太郎")  # another change, whose event has not arrived
    slack.deactivate("minsu")
    office.sandbox.clear_requests()
    event = {"type": "team_join", "user": joiner.id, "text": "", "channel": ""}
    found = changed_people(office, event, event, **fields)
    assert found["people"] == [joiner.id]
    assert not any("users.list" in each.path for each in office.sandbox.requests())
    sora = next(json.loads(line) for line in read(found["directory"]).splitlines() if joiner.id in line)
    assert (sora["groups"][-1], sora["attributes"]) == ("analysts", {"department": "데이터"})
    before = office.accounts
    result = sync_people(office, found)
    assert result["outcomes"] == {"done": 1}
    assert {name: each for name, each in office.accounts.items() if name != "sora"} == before
    assert office.accounts["sora"].enabled
    gone = changed_people(office, slack.person("minsu").id, run="leaver", **fields)
    assert sync_people(office, gone, "leaver")["outcomes"] == {"done": 1}
    assert not office.accounts["minsu"].enabled
    assert office.accounts["kenta"].name == "鈴木 健太"
    with pytest.raises(AirflowSkipException, match="Nothing that a sync uses has changed"):
        changed_people(office, joiner.id, slack.person("minsu").id, run="again", **fields)


def test_a_change_that_needs_no_write_leaves_the_plans_of_other_runs_valid(office: Office) -> None:
    everybody_has(office)
    snapshot_of(office)
    office.sandbox.slack.rename("kenta", title="分析")
    state = office.memory["members"]
    result = sync_people(office, changed_people(office, office.sandbox.slack.person("kenta").id))
    assert (result["outcomes"], office.memory["members"]) == ({}, state)


def test_what_an_event_says_is_not_believed(office: Office) -> None:
    everybody_has(office)
    snapshot_of(office)
    jimin = office.sandbox.slack.person("jimin")
    forged = {"type": "user_change", "user": jimin.id, "deleted": True, "profile": {"email": "root@example.com"}}
    with pytest.raises(AirflowSkipException, match="Nothing that a sync uses has changed"):
        changed_people(office, forged, {"user": "UGONE"})
    with pytest.raises(AirflowFailException, match=r"people is .*; it must have ids of members, or events"):
        changed_people(office, "U1/../x")


def test_the_gates_apply_to_a_person_too(office: Office) -> None:
    everybody_has(office)
    snapshot_of(office)
    office.define(policy={"max_create": 0, "rate": None})
    found = changed_people(office, office.sandbox.slack.add_person("sora").id)
    with pytest.raises(AirflowFailException, match="The plan would create 1 account; the limit is 0"):
        sync_people(office, found)
    assert "sora" not in office.accounts


def test_without_a_recent_snapshot_the_next_one_syncs_the_people(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AirflowSkipException, match="no snapshot of the directory yet"):
        changed_people(office, "U1")
    snapshot_of(office)
    with pytest.raises(AirflowSkipException, match="201 members have changed"):
        changed_people(office, *(f"U{number}" for number in range(201)))
    monkeypatch.setattr(people_module, "MAX_AGE", timedelta(0))
    with pytest.raises(AirflowSkipException, match="it is too old"):
        changed_people(office, "U1")


def test_the_directory_of_another_workspace_is_refused(office: Office) -> None:
    other = Directory.of([], source="slack:T0OTHER", taken_at=datetime.now(UTC), complete=True)
    store = ArtifactStore()
    with store.publish(f"{store.base}/other", "directory.jsonl", "application/jsonl") as sink:
        for line in directory_lines(other):
            sink.write(line.encode() + b"\n")
    office.memory["/directory"] = sink.artifact.as_dict()
    with pytest.raises(
        AirflowFailException, match="The directory is slack:T0OTHER, and the connection is that of slack:T0SANDBOX"
    ):
        changed_people(office, "U1")


def test_a_plan_writes_nothing_and_is_what_is_carried_out(office: Office) -> None:
    plan = office.sync(task="plan", mode="plan")
    assert (office.writes, office.accounts) == (0, {})
    assert plan["text"].startswith("*상담 시스템*: planned, nothing is written yet: 6 created")
    # Who joins in between is for the next run.
    office.sandbox.slack.add_person("sora")
    done = office.sync(task="apply", plan=plan)
    assert done["digest"] == plan["digest"]
    assert "sora" not in office.accounts
    assert office.sync(task="dry", mode="plan", plan=plan) == plan


def test_a_plan_that_was_exchanged_is_refused(office: Office) -> None:
    plan = office.sync(task="plan", mode="plan")
    office.sandbox.slack.add_person("sora")
    other = office.sync("other", task="plan", mode="plan")
    with pytest.raises(AirflowFailException, match="another plan"):
        office.sync(task="apply", plan={**plan, "plan": other["plan"]})
    with pytest.raises(AirflowFailException, match="The plan is for the sync elsewhere, not for members"):
        office.sync(task="apply", plan={**plan, "target": "elsewhere"})
    with pytest.raises(AirflowFailException, match="it must be the result of a task with mode=plan"):
        office.sync(task="apply", plan="plan.jsonl")
    assert office.writes == 0


def three_leave(office: Office) -> None:
    everybody_has(office)
    for name in ("minsu", "kenta", "alex"):
        office.sandbox.slack.deactivate(name)


GATE = "The plan would disable 3 accounts; the limit is 2."


@pytest.mark.parametrize("given", [{"mode": "apply"}, {"mode": "plan"}])
@pytest.mark.parametrize(("on_gate", "error"), [("fail", AirflowFailException), ("skip", AirflowSkipException)])
def test_a_shut_gate_stops_everything(office: Office, given: dict[str, Any], on_gate: str, error: type[Exception]) -> None:
    three_leave(office)
    with pytest.raises(error, match=GATE):
        office.sync(on_gate=on_gate, **given)
    assert office.writes == 0


def test_a_person_may_let_a_plan_pass_and_no_other(office: Office) -> None:
    three_leave(office)
    plan = office.sync(task="plan", mode="plan", on_gate="approve")
    assert (plan["needs_approval"], plan["gates"], plan["notable"]) == (True, [GATE], True)
    assert "조은별" not in plan["summary"]
    assert "박민수" in plan["summary"]
    with pytest.raises(AirflowSkipException, match=f"A person rejected the plan: {GATE}"):
        office.sync(task="apply", plan=plan, approval={"chosen_options": ["Reject"]}, on_gate="approve")
    for approval in (None, ""):
        with pytest.raises(AirflowFailException, match=GATE):
            office.sync(task="apply", plan=plan, approval=approval, on_gate="approve")
    before = datetime.now(UTC) - timedelta(minutes=5)
    with pytest.raises(AirflowFailException, match="The approval is older than the plan"):
        office.sync(task="apply", plan=plan, approval={**APPROVED, "responded_at": before.isoformat()})
    with pytest.raises(AirflowFailException, match="it must be the result of an ApprovalOperator"):
        office.sync(task="apply", plan=plan, approval="yes")
    assert office.writes == 0
    approval = {**APPROVED, "responded_at": datetime.now(UTC)}
    done = office.sync(task="apply", plan=plan, approval=approval)
    assert done["outcomes"] == {"done": 3}
    assert not office.accounts["minsu"].enabled


def test_what_follows_from_a_wrong_directory_nobody_can_approve(office: Office) -> None:
    everybody_has(office)
    office.define(policy={**DEFINITION["policy"], "min_source_users": 100})
    with pytest.raises(AirflowFailException, match="the minimum is 100"):
        office.sync(task="plan", mode="plan", on_gate="approve")
    assert office.writes == 0


def test_asking_a_person_takes_a_plan_and_an_approval(office: Office) -> None:
    three_leave(office)
    with pytest.raises(AirflowFailException, match="plan with on_gate=approve and pass the approval of that plan"):
        office.sync(on_gate="approve")
    assert office.writes == 0


def test_the_directory_can_be_read_once_for_several_systems(office: Office) -> None:
    snapshot = SlackDirectorySnapshotOperator(task_id="snapshot").execute(office.context(task="snapshot"))
    assert (snapshot["source"], snapshot["members"], snapshot["people"]) == ("slack:T0SANDBOX", 8, 6)
    assert snapshot["kinds"]["person"] == 6
    listings = len(office.sandbox.requests("/slack/api/users.list"))
    for directory in (snapshot, snapshot["directory"]):
        assert office.sync(directory=directory, mode="plan")["counts"]["create"] == 6
    assert len(office.sandbox.requests("/slack/api/users.list")) == listings


def test_one_person_on_demand(office: Office) -> None:
    office.sync(only="kenta@example.com")
    assert set(office.accounts) == {"kenta"}
    office.sync("later", only=["minsu", "alex"])
    assert set(office.accounts) == {"kenta", "minsu", "alex"}
    with pytest.raises(AirflowFailException, match="The directory has no person 'nobody'"):
        office.sync(only="nobody")


def test_a_sync_that_is_not_chosen_is_skipped(office: Office) -> None:
    with pytest.raises(AirflowSkipException, match="The sync members was not chosen"):
        office.sync(choose="payroll,crm")
    office.sync(choose="['members']")
    assert office.accounts


class WorkerDied(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("entries", range(1, 13))
def test_a_sync_whose_worker_died_goes_on_where_it_was(
    office: Office, entries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.define(policy={**DEFINITION["policy"], "concurrency": 1})
    append, left = FileJournal.append, iter(range(entries))

    def dying(self: FileJournal, entry: Entry) -> None:
        if next(left, None) is None:
            raise WorkerDied
        append(self, entry)

    with monkeypatch.context() as patched:
        patched.setattr(FileJournal, "append", dying)
        with pytest.raises(WorkerDied):
            office.sync()
    assert len(office.accounts) < 7
    office.sync()
    made = [each.user_id for each in office.sandbox.store.member_changes() if each.action == "created"]
    assert sorted(made) == sorted(office.accounts)
    assert len(made) == 6
    assert office.sync("next")["outcomes"] == {}


def test_a_lost_answer_is_looked_up_and_nobody_gets_a_second_account(office: Office) -> None:
    office.sandbox.add_fault(Fault("/members/api/members$", "drop_after", method="POST", skip=2))
    office.sync()
    made = [each for each in office.sandbox.store.member_changes() if each.action == "created"]
    assert len(made) == len(office.accounts) == 6


def test_what_failed_is_told_and_tried_again(office: Office) -> None:
    office.sandbox.add_fault(Fault("/members/api/members$", "status", method="POST", status=500, times=1))
    office.define(policy={**DEFINITION["policy"], "concurrency": 1})
    with pytest.raises(
        AirflowException, match=r"상담 시스템: 1 of 6 operations failed, such as create of .*; see the report "
    ):
        office.sync()
    assert len(office.accounts) == 5
    office.sync()
    assert len(office.accounts) == 6


def test_a_run_that_fails_too_much_is_stopped_and_a_later_one_tries_again(office: Office) -> None:
    office.define(policy={**DEFINITION["policy"], "concurrency": 1, "max_failures": 1})
    office.sandbox.add_fault(Fault("/members/api/members$", "status", method="POST", status=400, times=None))
    with pytest.raises(AirflowFailException, match="stopped"):
        office.sync()
    office.sandbox.clear_faults()
    # The next run tries a few, and the others follow.
    later = office.sync("next")
    assert (later["quarantined"], len(office.accounts)) == ("", 6)


def test_a_conflict_is_told_once_until_it_is_another(office: Office) -> None:
    everybody_has(office)
    office.sandbox.slack.add_person("sora", "윤소라")
    kenta = office.accounts["kenta"]
    # Somebody gave the account of one person the mark of another.
    office.sandbox.store.change_member_account("minsu", "hand", {"metadata": dict(kenta.metadata)})
    first = office.sync("first")
    assert first["counts"]["conflict"] >= 1
    assert ":warning: conflicts to resolve by hand: " in first["text"]
    second = office.sync("second")
    assert second["notable"] is False, second["text"]
    assert office.sync("third")["notable"] is False


def test_a_definition_may_stand_in_the_dag_with_expressions_that_airflow_leaves_alone(office: Office) -> None:
    operator = SlackUserSyncOperator(
        task_id="sync", target={**DEFINITION, "key": "inline"}, folder=str(office.folder), mode="apply"
    )
    context = office.context()
    operator.render_template_fields(context)
    assert operator.target["mapping"]["displayName"] == "{{ display_name }}"
    operator.execute(context)
    assert office.accounts["kenta"].name == "鈴木 健太"
    assert "inline" in office.memory


def test_accounts_can_go_into_a_file(office: Office) -> None:
    columns = {"번호": "id", "표시": "externalId", "아이디": "userName", "사용": "active", "메일": "emails.value"}
    office.define(
        target={"type": "csv", "path": "계정.csv", "columns": columns},
        mapping={"userName": "user_name", "emails.value": "email"},
        name="",
    )
    assert office.sync()["name"] == "계정.csv"
    text = (office.folder / "계정.csv").read_text("utf-8-sig")
    assert "kenta@example.com" in text
    assert office.sync("again")["outcomes"] == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"target": {"type": "ldap"}},
            r"members\.yaml, line \d+: target\.type is 'ldap'\. It must be one of scim, rest, csv",
        ),
        (
            {"target": {"type": "scim"}},
            r"members\.yaml, line \d+: target\.conn_id is missing; a target of type scim needs it",
        ),
        (
            {"target": {"type": "rest", "conn_id": "member_service", "service": "x.yaml", "sevice": 1}},
            r"members\.yaml, line \d+: target of type rest has a key 'sevice'; did you mean 'service'\?",
        ),
        ({"target": {"type": "rest", "conn_id": "member_service", "service": "x.yaml"}}, r"x\.yaml: .*No such file"),
        ({"schedule": "tomorrow"}, r"members\.yaml: schedule is 'tomorrow'; it must be snapshot, a cron expression"),
        ({"secrets": {"pepper": "member_service"}}, r"secrets\.pepper: the connection member_service has no password"),
        ({"secrets": {}}, "the mapping uses the secret pepper"),
    ],
)
def test_a_definition_that_cannot_be_used_says_why(office: Office, change: dict[str, Any], message: str) -> None:
    office.define(**change)
    with pytest.raises(AirflowFailException, match=message):
        office.sync()
    assert office.writes == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mode": "try"}, "mode is 'try'; it must be one of plan, apply"),
        ({"on_gate": "ask"}, "on_gate is 'ask'; it must be one of fail, approve, skip"),
        ({"target": "payroll.yaml"}, r"payroll\.yaml: .*No such file"),
    ],
)
def test_an_argument_that_cannot_be_used_says_why(office: Office, given: dict[str, Any], message: str) -> None:
    with pytest.raises(AirflowFailException, match=message):
        office.sync(**given)


def test_a_memory_that_cannot_be_kept_stops_a_sync_before_it_writes(office: Office) -> None:
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time.comms import ErrorResponse

    def refuse(key: str, value: Any) -> None:
        raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 404}))

    office.memory.set = refuse  # type: ignore[method-assign]
    with pytest.raises(
        AirflowFailException, match=r"The state of the sync members cannot be stored: .*inlets=\[SYNC_STATE\]"
    ):
        office.sync()
    assert office.writes == 0


def test_a_large_memory_is_a_file(office: Office) -> None:
    memory = SyncMemory(office.memory, ArtifactStore(), "members")
    assert memory.load() == SyncState()
    small, large = SyncState(source_users=6), SyncState(links={f"slack:T1:U{n}": f"계정{n}" for n in range(5000)})
    for state in (small, large, small):
        memory.save(state)
        assert memory.load() == state
        assert len(json.dumps(office.memory["members"])) < 64 * 1024


@pytest.fixture
def bucket(s3: str, monkeypatch: pytest.MonkeyPatch) -> str:  # noqa: F811 - the fixture
    """A bucket of an S3 server."""
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    extra = {"endpoint_url": s3, "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": "test", "password": "testing-secret", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_OBJECTS", json.dumps(connection))
    S3Hook("objects").create_bucket("accounts")
    return "s3://accounts/작업"


def test_a_journal_in_an_object_store_outlives_its_task(bucket: str, office: Office) -> None:
    call_apart(lambda: keeps_a_journal(bucket, office))


def keeps_a_journal(bucket: str, office: Office) -> None:
    store = ArtifactStore(bucket, "objects")
    folder = store.run_folder(office.context(), "sync")
    entries = [{"plan": "a" * 64}, {"op": "create:1", "event": "begin"}, {"op": "create:1", "detail": "끝"}]
    for entry in entries:
        # A new one for each, as for a task that is tried again after every step.
        journal = open_journal(store, folder, "a" * 64)
        assert isinstance(journal, ObjectJournal)
        journal.append(entry)
    assert list(open_journal(store, folder, "a" * 64).read()) == entries
    assert list(open_journal(store, folder, "b" * 64).read()) == []


def test_a_sync_keeps_its_files_in_an_object_store(bucket: str, office: Office) -> None:
    call_apart(lambda: keeps_its_files(bucket, office))


def keeps_its_files(bucket: str, office: Office) -> None:
    given = {"output_path": bucket, "output_conn_id": "objects"}
    snapshot = SlackDirectorySnapshotOperator(task_id="snapshot", **given).execute(office.context(task="snapshot"))
    plan = office.sync(task="plan", mode="plan", directory=snapshot, **given)
    done = office.sync(task="apply", plan=plan, **given)
    assert done["report"]["uri"].startswith("s3://accounts/")
    assert len(office.accounts) == 6


CSV_COLUMNS = {"번호": "id", "표시": "externalId", "아이디": "userName", "사용": "active", "메일": "emails.value"}


def test_accounts_can_go_into_a_file_in_an_object_store(bucket: str, office: Office) -> None:
    call_apart(lambda: keeps_accounts(f"{bucket}/계정.csv", office))


def keeps_accounts(url: str, office: Office) -> None:
    target = {"type": "csv", "path": url, "storage_conn_id": "objects", "columns": CSV_COLUMNS}
    office.define(target=target, mapping={"userName": "user_name", "emails.value": "email"}, secrets={})
    file = ObjectStoragePath(url, conn_id="objects")
    assert office.sync("first")["outcomes"] == {"done": 6}
    assert "kenta@example.com" in file.read_bytes().decode("utf-8-sig")
    assert office.sync("second")["outcomes"] == {}
    office.sandbox.slack.deactivate("kenta")
    assert office.sync("third")["outcomes"] == {"done": 1}
    (row,) = [line for line in file.read_bytes().decode("utf-8-sig").splitlines() if "kenta@example.com" in line]
    assert ",false," in row
    # A file that has vanished is no reason to write everyone into a new one.
    file.unlink()
    with pytest.raises(AirflowFailException, match="The system has 0 of the 5 accounts that this sync manages"):
        office.sync("fourth")
    assert not file.exists()


def test_what_somebody_else_has_written_into_an_object_is_not_lost(bucket: str, office: Office) -> None:
    call_apart(lambda: compares_before_it_writes(f"{bucket}/둘.csv"))


def compares_before_it_writes(url: str) -> None:
    file = ObjectStoragePath(url, conn_id="objects")
    target, other = (CsvTarget(ObjectStoragePath(url, conn_id="objects"), CSV_COLUMNS) for _ in range(2))
    target.create({"userName": "ann"}, {})
    stored = target._file
    content = stored._content

    def overtaken() -> bytes | None:
        if stored._seen is not None and b"ben" not in (content() or b""):
            stored._content = content  # type: ignore[method-assign]
            other.create({"userName": "ben"}, {})
        return content()

    read = stored.read

    def then_overtaken() -> bytes | None:
        found = read()
        stored._content = overtaken  # type: ignore[method-assign]
        return found

    stored.read = then_overtaken  # type: ignore[method-assign]
    with pytest.raises(TargetError, match="was changed by another process"):
        target.create({"userName": "eva"}, {})
    assert [name in file.read_bytes().decode("utf-8-sig") for name in ("ann", "ben", "eva")] == [True, True, False]


def test_seed_data_of_a_definition_is_json_in_an_object_store_or_yaml_on_a_disk(bucket: str, office: Office) -> None:
    call_apart(lambda: syncs_seed_data(f"{bucket}/사용자.json", office))


def syncs_seed_data(url: str, office: Office) -> None:
    columns = {"id": "id", "key": "externalId", "login": "userName", "active": "active", "mail": "emails.value"}
    plain = {"mapping": {"userName": "user_name", "emails.value": "email"}, "policy": {"rate": None}, "secrets": None}
    file = ObjectStoragePath(url, conn_id="objects")
    file.write_bytes('{"users": [{"id": "x", "login": "수동", "note": {"a": 1}}]}'.encode())
    json_target = {"type": "json", "path": url, "storage_conn_id": "objects", "records": "users", "columns": columns}
    office.define(**plain, target=json_target)
    assert office.sync("json")["outcomes"] == {"done": 6}
    users = json.loads(file.read_bytes())["users"]
    assert users[0] == {"id": "x", "login": "수동", "note": {"a": 1}}
    assert len(users) == 7
    office.define(**plain, key="yaml", target={"type": "yaml", "path": "users.yaml", "columns": columns})
    assert office.sync("yaml")["outcomes"] == {"done": 6}
    assert len(yaml.safe_load((office.folder / "users.yaml").read_text("utf-8"))) == 6
    assert office.sync("again")["outcomes"] == {}


def test_a_write_that_comes_in_between_is_not_overwritten(bucket: str, office: Office) -> None:
    call_apart(lambda: writes_with_a_condition(bucket))


def writes_with_a_condition(bucket: str) -> None:
    def target(name: str) -> CsvTarget:
        return CsvTarget(ObjectStoragePath(f"{bucket}/{name}.csv", conn_id="objects"), CSV_COLUMNS)

    for name, before in (("new", []), ("present", ["ann"])):
        for person in before:
            target(name).create({"userName": person}, {})
        overtaken = target(name)
        replace = overtaken._file._replace_object

        def after_another(path: Any, data: bytes, name: str = name, replace: Any = replace) -> None:
            target(name).create({"userName": "ben"}, {})
            replace(path, data)

        overtaken._file._replace_object = after_another  # type: ignore[method-assign]
        with pytest.raises(TargetError, match="was changed by another process"):
            overtaken.create({"userName": "eva"}, {})
        assert [account.user_name for account in target(name).read()] == [*before, "ben"]


def test_a_write_whose_response_was_lost_counts(bucket: str, office: Office) -> None:
    call_apart(lambda: writes_twice(bucket))


def writes_twice(bucket: str) -> None:
    target = CsvTarget(ObjectStoragePath(f"{bucket}/twice.csv", conn_id="objects"), CSV_COLUMNS)
    replace = target._file._replace_object

    def twice(path: Any, data: bytes) -> None:
        replace(path, data)
        replace(path, data)

    target._file._replace_object = twice  # type: ignore[method-assign]
    for name in ("ann", "ben"):
        target.create({"userName": name}, {})
    assert [account.user_name for account in target.read()] == ["ann", "ben"]


def test_two_tries_do_not_overwrite_each_others_journal(bucket: str, office: Office) -> None:
    call_apart(lambda: writes_two_journals(bucket, office))


def writes_two_journals(bucket: str, office: Office) -> None:
    store = ArtifactStore(bucket, "objects")
    folder = store.run_folder(office.context(), "two tries")
    first, second = (open_journal(store, folder, "a" * 64) for _ in range(2))
    assert isinstance(first, ObjectJournal)
    # As an earlier version has named it.
    with first._folder.fs.open(f"{first._folder.path}/000000000.json", "wb") as stream:
        stream.write(b'{"plan": "old"}')
    for number in range(3):
        for name, journal in (("first", first), ("second", second)):
            journal.append({"op": f"{name}:{number}"})
    retry = open_journal(store, folder, "a" * 64)
    retry.append({"op": "retry"})
    entries = [entry.get("op", "") for entry in open_journal(store, folder, "a" * 64).read()]
    assert (entries[0], entries[-1], len(entries)) == ("", "retry", 8)
    for name in ("first", "second"):
        assert [entry for entry in entries if entry.startswith(name)] == [f"{name}:{number}" for number in range(3)]


def test_a_file_on_the_disk_of_another_worker_closes_a_gate(office: Office, tmp_path: Path) -> None:
    def on(worker: str) -> Path:
        file = tmp_path / worker / "people.csv"
        office.define(
            target={"type": "csv", "path": str(file), "columns": CSV_COLUMNS},
            mapping={"userName": "user_name", "emails.value": "email"},
            secrets={},
        )
        return file

    on("one")
    assert office.sync("first")["outcomes"] == {"done": 6}
    missing = on("two")
    with pytest.raises(AirflowFailException, match="The system has 0 of the 6 accounts that this sync manages"):
        office.sync("second")
    assert not missing.exists()


def test_a_run_without_memory_asks_when_accounts_have_marks(office: Office) -> None:
    office.sync("first")
    office.memory.clear()
    office.sandbox.slack.deactivate("minsu")
    office.sandbox.slack.add_person("sora", "윤소라")
    question = "The sync has no state of an earlier run, but 6 accounts of the system already have the mark of a sync"
    with pytest.raises(AirflowFailException, match=f"Only leavers were written: {question}"):
        office.sync("second")
    assert not office.accounts["minsu"].enabled
    assert "sora" not in office.accounts
    # What was done for leavers is no answer.
    plan = office.sync("third", task="plan", mode="plan", on_gate="approve")
    assert plan["needs_approval"]
    assert question in plan["question"]
    assert office.sync("third", task="apply", plan=plan, approval=APPROVED)["outcomes"] == {"done": 1}
    assert "sora" in office.accounts
    office.sandbox.slack.add_person("yuna", "최유나")
    assert office.sync("fourth")["outcomes"] == {"done": 1}


def test_an_approved_start_from_nothing_that_broke_off_goes_on(office: Office) -> None:
    office.sync("first")
    office.memory.clear()
    office.sandbox.slack.add_person("sora", "윤소라")
    office.sandbox.add_fault(Fault("/members/api/members$", "status", method="POST", status=500, times=1))
    plan = office.sync("second", task="plan", mode="plan", on_gate="approve")
    with pytest.raises(AirflowException, match="1 of 1 operations failed"):
        office.sync("second", task="apply", plan=plan, approval=APPROVED)
    assert office.sync("second", task="apply", plan=plan, approval=APPROVED)["outcomes"] == {"done": 1}
    assert office.sync("third")["outcomes"] == {}


def aged(folder: Path, days: int) -> None:
    at = (datetime.now(UTC) - timedelta(days=days)).timestamp()
    for file in folder.rglob("*"):
        if file.is_file():
            os.utime(file, (at, at))


def test_files_with_personal_data_are_removed_when_they_are_old(office: Office, tmp_path: Path) -> None:
    artifacts = tmp_path / "artifacts/계정"
    for run in ("old", "young"):
        snapshot = SlackDirectorySnapshotOperator(task_id="snapshot").execute(office.context(run, "snapshot"))
        office.sync(run, directory=snapshot)
        (artifacts / run / "pictures").mkdir()
        (artifacts / run / "pictures/page.html").write_text("of another operator")
    for run, days in (("old", 91), ("young", 89)):
        aged(artifacts / run, days)
    assert {file.name.partition("-")[0] for file in (artifacts / "old").rglob("*.*")} == {
        "directory.jsonl",
        "plan.jsonl",
        "journal",
        "members.html",
        "page.html",
    }
    before = sorted((artifacts / "young").rglob("*"))
    office.sync("new")
    assert [file.name for file in (artifacts / "old").rglob("*")] == ["pictures", "page.html"]
    assert sorted((artifacts / "young").rglob("*")) == before
    assert (artifacts / "new/sync/plan.jsonl").exists()


@pytest.mark.parametrize(("days", "kept"), [("0", True), ("5", False), ("30", True)])
def test_how_long_files_are_kept_is_a_setting(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: str, kept: bool
) -> None:
    monkeypatch.setenv("AIRFLOW__WORKPLACE__IDENTITY_RETENTION_DAYS", days)
    office.sync("old")
    aged(tmp_path / "artifacts/계정/old", 10)
    SlackDirectorySnapshotOperator(task_id="snapshot").execute(office.context("new", "snapshot"))
    assert (tmp_path / "artifacts/계정/old").exists() is kept


@pytest.mark.parametrize("days", ["-1", "soon", "1.5"])
def test_a_retention_that_is_no_number_of_days_fails_before_anything_is_read(
    office: Office, monkeypatch: pytest.MonkeyPatch, days: str
) -> None:
    monkeypatch.setenv("AIRFLOW__WORKPLACE__IDENTITY_RETENTION_DAYS", days)
    with pytest.raises(AirflowFailException, match=r"identity_retention_days is .*a whole number of days"):
        office.sync()
    assert office.writes == 0


def test_old_files_in_an_object_store_are_removed(bucket: str, office: Office) -> None:
    call_apart(lambda: removes_old_objects(bucket, office))


def removes_old_objects(bucket: str, office: Office) -> None:
    given = {"output_path": f"{bucket}/retention", "output_conn_id": "objects"}
    office.sync("old", **given)
    store = ArtifactStore(given["output_path"], "objects")
    context = office.context()
    assert remove_old_files(store, context, now=datetime.now(UTC) + timedelta(days=89)) == 0
    # Plan, report, and an object for each entry of the journal.
    assert remove_old_files(store, context, now=datetime.now(UTC) + timedelta(days=91)) > 3
    folder = store.path(store.dag_folder(context))
    assert folder.fs.find(folder.path) == []


def test_a_store_that_removes_nothing_keeps_no_sync_from_its_run(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.sync("old")
    aged(tmp_path / "artifacts/계정/old", 100)

    def refuse(self: Any, path: str) -> None:
        raise PermissionError(f"no delete for {path}")

    with monkeypatch.context() as patch:
        patch.setattr("fsspec.implementations.local.LocalFileSystem.rm_file", refuse)
        assert remove_old_files(ArtifactStore(), office.context()) == 0
    assert remove_old_files(ArtifactStore(), office.context()) > 0


def test_an_old_plan_is_refused_after_a_newer_run(office: Office) -> None:
    office.sync("first")
    office.sandbox.slack.deactivate("minsu")
    old = office.sync("monday", task="plan", mode="plan")
    office.sandbox.slack.reactivate("minsu")
    office.sync("tuesday")
    with pytest.raises(AirflowFailException, match="The plan is outdated: another run has written"):
        office.sync("monday", task="apply", plan=old)
    assert office.accounts["minsu"].enabled


def test_leavers_do_not_wait_for_an_approval_and_what_was_rejected_is_not_asked_for_again(office: Office) -> None:
    office.sync("first")
    office.define(policy={**DEFINITION["policy"], "max_create": 0})
    office.sandbox.slack.deactivate("minsu")
    office.sandbox.slack.add_person("sora", "윤소라")
    plan = office.sync("monday", task="plan", mode="plan", on_gate="approve")
    assert (plan["needs_approval"], plan["leavers"]) == (True, 1)
    done = office.sync("monday", task="leavers", plan=plan, leavers_only=True, on_gate="approve")
    assert (done["outcomes"], done["notable"]) == ({"done": 1}, True)
    assert not office.accounts["minsu"].enabled
    rejected = {"chosen_options": ["Reject"]}
    with pytest.raises(AirflowSkipException, match="A person rejected"):
        office.sync("monday", task="apply", plan=plan, approval=rejected, on_gate="approve")
    # The leaver is no part of it any more, so it is another plan; rejected once more, it is asked for no more.
    again = office.sync("tuesday", task="plan", mode="plan", on_gate="approve")
    assert again["needs_approval"]
    with pytest.raises(AirflowSkipException, match="A person rejected"):
        office.sync("tuesday", task="apply", plan=again, approval=rejected, on_gate="approve")
    same = office.sync("wednesday", task="plan", mode="plan", on_gate="approve")
    assert (same["needs_approval"], same["rejected"], same["notable"]) == (False, True, False)
    with pytest.raises(AirflowSkipException, match="it has not changed"):
        office.sync("wednesday", task="apply", plan=same, on_gate="approve")
    office.sandbox.slack.add_person("yuna", "최유나")
    assert office.sync("thursday", task="plan", mode="plan", on_gate="approve")["needs_approval"]


def test_an_approval_of_friday_counts_on_monday_when_the_plan_is_the_same(office: Office) -> None:
    office.define(policy={**DEFINITION["policy"], "max_create": 0})
    friday = office.sync("friday", task="plan", mode="plan", on_gate="approve")
    office.sync("saturday", task="plan", mode="plan", on_gate="approve")
    approval = {**APPROVED, "responded_at": datetime.now(UTC)}
    office.sandbox.slack.add_person("sora", "윤소라")
    later = timedelta(days=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workplace_provider.identity.operators.sync._now", lambda: datetime.now(UTC) + later)
        with pytest.raises(AirflowFailException, match=r"today's plan differs: new: create 윤소라"):
            office.sync("friday", task="apply", plan=friday, approval=approval)
        office.sandbox.slack.deactivate("sora")
        done = office.sync("friday", task="apply", plan=friday, approval=approval)
    assert done["outcomes"] == {"done": 6}


def test_a_renamed_file_keeps_its_memory(office: Office) -> None:
    office.sync("first")
    (office.folder / "members.yaml").rename(office.folder / "desk.yaml")
    second = office.sync("second", target="desk.yaml")
    assert second["outcomes"] == {}
    memory = json.loads(office.memory["desk"])
    assert len(memory["links"]) == 6
    # Two files of one system are two syncs, each with a memory of its own.
    office.define()
    assert office.sync("third")["outcomes"] == {}


def test_user_groups_become_groups_of_a_scim_service(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    slack = office.sandbox.slack
    slack.add_user_group("analysts", "데이터분석팀", ["minsu", "jimin"])
    mapping = {"userName": "email|lower|localpart", "emails.value": "email"}
    with scim_service(STRICT) as service:
        connection = {"conn_type": "scim", "host": service.url, "password": TOKEN}
        monkeypatch.setenv("AIRFLOW_CONN_PORTAL", json.dumps(connection))
        portal = {"target": {"type": "scim", "conn_id": "portal"}, "mapping": mapping, "secrets": {}}
        office.define(**portal, groups={"분석": ["analysts"]}, policy={"rate": None, "max_membership_changes": 2})
        first = office.sync("monday")
        assert "• groups created: 분석\n• added to groups: " in first["text"]
        assert "박민수 (분석)" in first["text"]
        names = {user["id"]: user["userName"] for user in service.users.values()}
        assert sorted(names[member] for member in service.groups.members("분석")) == ["jimin", "minsu"]
        assert not office.sync("tuesday")["notable"]
        # A leaver does not wait for the approval of the others.
        slack.deactivate("minsu")
        office.define(
            **portal,
            groups={"분석": {"groups": ["analysts"], "include": "user_name != 'jimin'"}, "모두": {"include": "true"}},
            policy={"rate": None, "max_membership_changes": 2},
        )
        plan = office.sync("wednesday", "plan", mode="plan", on_gate="approve")
        assert plan["needs_approval"]
        assert any("memberships of groups; the limit is 2" in gate for gate in plan["gates"])
        office.sync("wednesday", "leavers", plan=plan, leavers_only=True)
        assert [names[member] for member in service.groups.members("분석")] == ["jimin"]
        office.sync("wednesday", "apply", plan=plan, approval=APPROVED, on_gate="approve")
        assert service.groups.members("분석") == []
        assert len(service.groups.members("모두")) == sum(user["active"] for user in service.users.values())
        assert not office.sync("thursday")["notable"]
