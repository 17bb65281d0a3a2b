from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.scim_service import STRICT, TOKEN, scim_service
from workplace_provider.cli import main
from workplace_provider.identity import SyncState
from workplace_provider.identity.command import _DatabaseState
from workplace_provider.identity.operators import SYNC_STATE
from workplace_sandbox import Sandbox

pytestmark = [pytest.mark.dags, pytest.mark.usefixtures("airflow_db")]

Define = Callable[..., str]


@pytest.fixture
def define(repository: Path, tmp_path: Path, sandbox: Sandbox) -> Define:
    """Writes a definition: the example of the project with changes."""
    shutil.copytree(repository / "include" / "identity", tmp_path / "identity")

    def write(**changes: Any) -> str:
        path = tmp_path / "identity" / "members.yaml"
        plain = yaml.safe_load((repository / "include" / "identity" / "members.yaml").read_text("utf-8"))
        path.write_text(yaml.safe_dump({**plain, **changes}, allow_unicode=True), "utf-8")
        return str(path)

    return write


def remember(key: str, value: Any) -> None:
    from airflow.models.asset import AssetModel
    from airflow.models.asset_state_store import AssetStateStoreModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        asset = session.scalar(select(AssetModel).where(AssetModel.name == SYNC_STATE.name))
        if asset is None:
            asset = AssetModel(name=SYNC_STATE.name, uri=SYNC_STATE.uri, group="asset")
            session.add(asset)
            session.flush()
        session.merge(AssetStateStoreModel(asset_id=asset.id, key=key, value=json.dumps(value)))


def writes(sandbox: Sandbox) -> list[str]:
    return [request.path for request in sandbox.requests() if request.method not in ("GET", "POST")]


def test_check_reads_only_the_files(define: Define, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    before = len(sandbox.requests())
    assert main(["identity", "check", define()]) == 0
    assert capsys.readouterr().out.endswith("members.yaml: valid (rest, 4 attributes)\n")
    assert len(sandbox.requests()) == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"polcy": {}}, "there is a key 'polcy'; did you mean 'policy'?"),
        ({"schedule": "soon"}, "members.yaml: schedule is 'soon'; it must be snapshot, a cron expression"),
        ({"target": {"type": "rest", "conn_id": "x", "service": "services/none.yaml"}}, "none.yaml: [Errno 2] No such file"),
        (
            {"mapping": {"userName": "email", "password": {"source": "generated", "secret": True}}},
            "create.json uses values.displayName",
        ),
    ],
)
def test_check_reports_problems_of_every_file(
    define: Define, capsys: pytest.CaptureFixture[str], tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    good = tmp_path / "identity" / "good.yaml"
    good.write_text(Path(define()).read_text("utf-8"), "utf-8")
    assert main(["identity", "check", define(**changes), str(good)]) == 1
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out.endswith("good.yaml: valid (rest, 4 attributes)\n")


def test_check_online_reads_everything(define: Define, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["identity", "check", "--online", define()]) == 0
    output = capsys.readouterr().out
    assert "people of slack:T0SANDBOX in scope, " in output
    assert output.endswith(f"{len(sandbox.store.member_accounts())} accounts)\n")
    assert main(["identity", "check", "--online", define(scope={"groups": ["없는그룹"]})]) == 1
    assert "The directory has no group '없는그룹'" in capsys.readouterr().err
    assert main(["identity", "check", "--online", define(), "--slack-conn-id", "no_such"]) == 1
    assert "no_such" in capsys.readouterr().err


def test_groups_are_checked_and_planned(
    define: Define, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with scim_service(STRICT) as service:
        connection = {"conn_type": "scim", "host": service.url, "password": TOKEN}
        monkeypatch.setenv("AIRFLOW_CONN_PORTAL", json.dumps(connection))
        mapping = {"userName": "email|lower|localpart"}
        portal = {"target": {"type": "scim", "conn_id": "portal"}, "mapping": mapping}
        file = define(**portal, groups={"개발팀": {"include": "true"}})
        assert main(["identity", "check", "--online", file]) == 0
        assert "0 of 1 groups exist" in capsys.readouterr().out
        assert main(["identity", "plan", file]) == 0
        assert "## New groups (1)" in capsys.readouterr().out
        monkeypatch.setattr(service.groups, "answer", lambda *_: (403, {}, ""))
        assert main(["identity", "check", "--online", file]) == 1
        assert "groups: they could not be read" in capsys.readouterr().err
        assert main(["identity", "check", "--online", define(**portal, groups={"개발팀": ["없는그룹"]})]) == 1
        assert "The directory has no group '없는그룹'" in capsys.readouterr().err
        rights = {"roles": {"values": {"agent": ["없는그룹"]}, "allow": ["agent"]}}
        assert main(["identity", "check", "--online", define(**portal | {"mapping": {**mapping, **rights}})]) == 1
        assert "Correct mapping.roles.values.agent.groups" in capsys.readouterr().err


def test_plan_prints_what_a_run_would_write(define: Define, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    accounts = sandbox.store.member_accounts()
    assert main(["identity", "plan", define()]) == 0
    output = capsys.readouterr().out
    assert output.startswith("# Accounts in 상담 시스템\n")
    assert "## New accounts (2)" in output
    assert "田中 美咲" in output
    assert main(["identity", "plan", define(policy={"max_create": 1, "max_unremembered": 20})]) == 3
    assert "**blocked**: The plan would create 2 accounts; the limit is 1." in capsys.readouterr().out
    assert main(["identity", "plan", define(), "--only", "nobody@example.com"]) == 1
    assert "The directory has no person 'nobody@example.com'" in capsys.readouterr().err
    assert sandbox.store.member_accounts() == accounts
    assert writes(sandbox) == []


def test_plan_uses_the_state_of_the_tasks(define: Define, capsys: pytest.CaptureFixture[str]) -> None:
    remember("members", SyncState(generation=3, source_users=10_000, quarantined="만든 뒤 실패").to_json())
    assert main(["identity", "plan", define()]) == 3
    output = capsys.readouterr().out
    assert "people after 10000 in the last run" in output
    assert "An earlier run was stopped: 만든 뒤 실패." in output


def test_the_state_is_never_written() -> None:
    with pytest.raises(ValueError, match="only written by tasks"):
        _DatabaseState().set("members", "{}")


def test_a_database_that_cannot_be_read_is_an_error(
    define: Define, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.exc import OperationalError
    from sqlalchemy.orm import Session

    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("SELECT", {}, Exception("no such table: secret"))

    monkeypatch.setattr(Session, "scalar", fail)
    assert main(["identity", "plan", define()]) == 1
    assert "cannot be read from Airflow's database (OperationalError)" in capsys.readouterr().err


def test_names_cannot_control_the_terminal(define: Define, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["identity", "plan", define(name="\x1b]0;title\x07시스템")]) == 0
    output = capsys.readouterr().out
    assert "\x1b" not in output
    assert "시스템" in output
