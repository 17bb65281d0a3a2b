"""The environment of the local Airflow, and its start without an Airflow."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from workplace_sandbox.local.standalone import LocalAirflow, airflow_environment


def environment(**inherited: str) -> dict[str, str]:
    return airflow_environment(inherited, project=Path("/p"), work=Path("/w"), port=4321)


def test_nothing_of_the_callers_airflow_is_handed_on() -> None:
    mine = environment(
        AIRFLOW_CONN_CONFLUENCE_DEFAULT="https://wiki.example.com",
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN="postgresql://production",
        AIRFLOW_CONFIG="/etc/airflow.cfg",
        _AIRFLOW_SOMETHING="x",
        HOME="/home/somebody",
    )
    assert "AIRFLOW_CONN_CONFLUENCE_DEFAULT" not in mine
    assert "AIRFLOW_CONFIG" not in mine
    assert "_AIRFLOW_SOMETHING" not in mine
    assert mine["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == "sqlite:////w/airflow/airflow.db"
    assert mine["HOME"] == "/home/somebody"


def test_everything_is_on_loopback_and_below_the_work_directory() -> None:
    mine = environment()
    assert mine["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert mine["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:4321"
    assert mine["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:4321/execution/"
    assert mine["AIRFLOW_HOME"] == "/w/airflow"
    assert mine["AIRFLOW__CORE__DAGS_FOLDER"] == "/p/dags"
    assert mine["AIRFLOW__CORE__PLUGINS_FOLDER"] == "/p/plugins"
    assert mine["AIRFLOW__WORKPLACE__ARTIFACTS_PATH"] == "file:///w/artifacts"


def test_a_proxy_does_not_come_between_the_processes() -> None:
    assert environment(NO_PROXY="example.com")["NO_PROXY"] == "example.com,127.0.0.1,localhost,::1"
    assert environment(no_proxy="example.com")["NO_PROXY"] == "example.com,127.0.0.1,localhost,::1"
    assert environment()["no_proxy"] == "127.0.0.1,localhost,::1"


def test_keys_are_made_for_each_run() -> None:
    one, other = environment(), environment()
    for key in ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY"):
        assert one[key] != other[key]
    assert len(base64.urlsafe_b64decode(one["AIRFLOW__CORE__FERNET_KEY"])) == 32


def test_the_password_is_for_its_owner_only_and_goes_with_airflow(tmp_path: Path) -> None:
    airflow = LocalAirflow(tmp_path, tmp_path, 4321, schedule=False)
    passwords = tmp_path / "passwords.json"
    airflow.prepare()
    assert json.loads(passwords.read_text()) == {"admin": airflow.password}
    assert stat.S_IMODE(passwords.stat().st_mode) == 0o600
    airflow.stop()
    assert not passwords.exists()


def test_a_shell_can_use_this_airflow_while_it_runs(tmp_path: Path) -> None:
    airflow = LocalAirflow(tmp_path / "it's here", tmp_path, 4321, schedule=False)
    airflow.prepare()
    assert stat.S_IMODE(airflow.shell.stat().st_mode) == 0o600
    script = '. ./env.sh; printf "%s|" "$AIRFLOW_HOME" "$AIRFLOW__CORE__DAGS_FOLDER"; command -v airflow'
    shown = subprocess.run(["sh", "-ec", script], cwd=tmp_path, env={}, capture_output=True, text=True, check=True).stdout
    assert shown.strip().split("|") == [f"{tmp_path}/airflow", f"{tmp_path}/it's here/dags", f"{tmp_path}/bin/airflow"]
    airflow.stop()
    assert not airflow.shell.exists()


def test_others_log_in_with_their_own_password_and_role(tmp_path: Path) -> None:
    airflow = LocalAirflow(tmp_path, tmp_path, 4321, schedule=False, people={"vera": "viewer"})
    airflow.prepare()
    assert airflow.environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == "admin:admin,vera:viewer"
    assert json.loads((tmp_path / "passwords.json").read_text()) == airflow.passwords
    assert len(set(airflow.passwords.values())) == 2


@pytest.mark.parametrize(
    ("arguments", "added"),
    [
        (["scheduler"], ["--skip-serve-logs"]),
        (["triggerer"], ["--skip-serve-logs"]),
        (["api-server"], []),
        (["backfill", "create", "--dag-id", "a b"], []),
    ],
)
def test_no_log_server_is_opened_to_the_network(tmp_path: Path, arguments: list[str], added: list[str]) -> None:
    LocalAirflow(tmp_path, tmp_path, 4321, schedule=False).prepare()
    command = tmp_path / "bin" / "airflow"
    # The real command is replaced by one that shows its arguments.
    real = Path(sys.executable).with_name("airflow")
    show = tmp_path / "show.py"
    show.write_text("import json, sys; print(json.dumps(sys.argv[1:]))")
    command.write_text(command.read_text().replace(str(real), str(show)))

    shown = subprocess.run([command, *arguments], capture_output=True, text=True, check=True, env=dict(os.environ))

    assert json.loads(shown.stdout) == [*arguments, *added]
