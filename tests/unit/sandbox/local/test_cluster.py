from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest

from workplace_sandbox.local import services
from workplace_sandbox.local.cluster import _inside, _point_at_postgres
from workplace_sandbox.local.errors import LocalError
from workplace_sandbox.local.object_store import SWITCH, Switch
from workplace_sandbox.local.settings import ConnectionEntry


def test_without_root_the_missing_packages_are_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_find", lambda program: "")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(LocalError, match=r"needs postgresql and redis-server\. On Debian or Ubuntu: sudo apt-get install"):
        services.install_packages(print)


def test_a_store_that_is_switched_off_answers_503_until_the_time_is_over() -> None:
    def request(path: str, query: str = "") -> str:
        answered: list[str] = []
        environ = {"PATH_INFO": path, "QUERY_STRING": query, "wsgi.input": io.BytesIO(b"a file"), "CONTENT_LENGTH": "6"}
        list(store(environ, lambda status, headers: answered.append(status)))
        return answered[0]

    def application(environ: object, start_response: object) -> list[bytes]:
        start_response("200 OK", [])  # type: ignore[operator]
        return []

    store = Switch(application)
    assert request("/bucket/key") == "200 OK"
    assert request(SWITCH, "60") == "204 No Content"
    assert request("/bucket/key") == "503 Service Unavailable"
    assert request(SWITCH, "0") == "204 No Content"
    assert request("/bucket/key") == "200 OK"


def test_the_warehouse_becomes_a_database_of_postgresql() -> None:
    entry = ConnectionEntry(conn_id="warehouse", conn_type="sqlite", conn_host="/tmp/x.sqlite")
    _point_at_postgres(entry, "//airflow:a%2Fb@127.0.0.1:5433/warehouse")
    assert (entry.conn_type, entry.conn_host, entry.conn_port) == ("postgres", "127.0.0.1", 5433)
    assert (entry.conn_login, entry.conn_password, entry.conn_schema) == ("airflow", "a/b", "warehouse")


def test_a_node_without_namespaces_runs_in_its_own_directory(tmp_path: Path) -> None:
    (tmp_path / "cwd").mkdir()
    command = _inside(False, tmp_path, tmp_path, "worker1", "", ["sh", "-c", 'pwd; echo "$1"', "sh", "a b"])
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == [str(tmp_path / "cwd"), "a b"]
