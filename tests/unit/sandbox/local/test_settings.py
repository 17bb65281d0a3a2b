"""Reading airflow_settings.yaml."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workplace_sandbox.local.settings import SettingsError, read_settings

PROJECT = Path(__file__).parents[4]


def settings_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "airflow_settings.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_local_airflow_is_connected_to_itself(repository: Path) -> None:
    settings = read_settings(repository / "airflow_settings.yaml", "http://127.0.0.1:1")
    settings.connect_to_airflow("http://127.0.0.1:2", "secret")
    (found,) = [body for body in settings.connection_bodies() if body["host"] == "http://127.0.0.1:2"]
    assert (found["connection_id"], found["login"], found["password"]) == ("airflow_api", "slack-approvals", "secret")


def test_the_committed_settings_point_at_the_sandbox_that_runs() -> None:
    settings = read_settings(PROJECT / "airflow_settings.yaml", "http://127.0.0.1:41000/")

    connections = {body["connection_id"]: body for body in settings.connection_bodies()}
    assert connections.keys() >= {"confluence_default", "slack_report", "slack_alarm"}
    assert connections["confluence_default"]["conn_type"] == "confluence"
    assert connections["confluence_default"]["host"] == "http://127.0.0.1:41000/confluence"
    assert connections["confluence_default"]["password"] == "sandbox-token"
    for name in ("slack_report", "slack_alarm"):
        assert connections[name]["conn_type"] == "slackwebhook"
        assert connections[name]["password"].startswith("http://127.0.0.1:41000/")
    assert "localhost:8765" not in json.dumps(settings.connection_bodies())


def test_every_key_of_the_schema_reaches_airflow(tmp_path: Path) -> None:
    path = settings_file(
        tmp_path,
        """
airflow:
  connections:
    - conn_id: wiki
      conn_type: confluence
      conn_host: http://localhost:8765/confluence
      conn_schema: s
      conn_login: l
      conn_password: p
      conn_port: 443
      conn_extra: {ca_bundle: /etc/ca.pem, proxy: "http://localhost:8765"}
  pools:
    - {pool_name: one, pool_slot: 1, pool_description: d}
  variables:
    - {variable_name: v, variable_value: "1"}
""",
    )
    settings = read_settings(path, "http://localhost:1")

    (connection,) = settings.connection_bodies()
    assert json.loads(connection.pop("extra")) == {"ca_bundle": "/etc/ca.pem", "proxy": "http://localhost:1"}
    assert connection == {
        "connection_id": "wiki",
        "conn_type": "confluence",
        "host": "http://localhost:1/confluence",
        "schema": "s",
        "login": "l",
        "password": "p",
        "port": 443,
    }
    assert settings.pool_bodies() == [{"name": "one", "slots": 1, "description": "d"}]
    assert settings.variable_bodies() == [{"key": "v", "value": "1"}]


def test_the_empty_entries_of_an_astro_scaffold_are_skipped(tmp_path: Path) -> None:
    path = settings_file(
        tmp_path,
        """
airflow:
  connections:
    - conn_id:
      conn_type: ""
      conn_host:
      conn_port:
      conn_uri:
      conn_extra:
  pools:
    - pool_name:
      pool_slot:
    - {pool_name: none, pool_slot: 0}
  variables:
    - variable_name:
      variable_value:
""",
    )
    settings = read_settings(path, "http://localhost:1")
    assert settings.connection_bodies() == settings.pool_bodies() == settings.variable_bodies() == []


def test_lists_may_be_missing_or_empty(tmp_path: Path) -> None:
    settings = read_settings(settings_file(tmp_path, "airflow:\n  connections:\n"), "http://localhost:1")
    assert settings.connection_bodies() == settings.pool_bodies() == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("airflow: [", "is not YAML"),
        ("", "the whole file"),
        ("connections: []", r"airflow: Field required"),
        ("airflow:\n  connections:\n    - {conn_id: a, host: b}", r"airflow\.connections\[0\]\.host: Extra inputs"),
        ("airflow:\n  connections:\n    - {conn_id: a, conn_port: x}", r"airflow\.connections\[0\]\.conn_port"),
        ("airflow:\n  connections: wiki", r"airflow\.connections: Input should be a valid list"),
        ("airflow:\n  pools:\n    - {pool_name: a, pool_slot: many}", r"airflow\.pools\[0\]\.pool_slot"),
        ("airflow:\n  connections:\n    - {conn_id: a, conn_uri: 'x://'}", r"airflow\.connections\[0\]\.conn_uri"),
    ],
)
def test_a_fault_is_named_with_its_key(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        read_settings(settings_file(tmp_path, text), "http://localhost:1")


def test_a_fault_does_not_show_the_value(tmp_path: Path) -> None:
    path = settings_file(tmp_path, "airflow:\n  connections:\n    - {conn_id: a, conn_pasword: hunter2}")
    with pytest.raises(SettingsError) as caught:
        read_settings(path, "http://localhost:1")
    assert "conn_pasword" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.yaml cannot be read: No such file"):
        read_settings(tmp_path / "nowhere.yaml", "http://localhost:1")
