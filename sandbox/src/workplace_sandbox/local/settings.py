"""Read airflow_settings.yaml, the Astro CLI's file of connections, pools and variables.

Source of the schema: `settings/types.go` of the Astro CLI. Its rules apply here too: an entry without an id is skipped
(its scaffold is full of empty ones), and so is a pool without slots. Unlike there, an unknown key is an error: a misspelt
`conn_host` would otherwise give a connection without a host and a task that fails for no visible reason.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from workplace_sandbox.local.errors import LocalError

if TYPE_CHECKING:
    from pathlib import Path

PLACEHOLDER = "http://localhost:8765"
"""The sandbox's address in the committed settings."""

AIRFLOW_PLACEHOLDER = "http://localhost:8080"
"""Airflow's address in the committed settings."""

WAREHOUSE = "/tmp/workplace-sandbox/warehouse.sqlite"  # noqa: S108 - a name in a file, where nothing is written
"""The path of its database in the committed settings."""


class SettingsError(LocalError):
    """The settings file cannot be used; the message names the file and the key."""


class _Entry(BaseModel):
    """An entry of the file: unknown keys are refused, an empty value counts as a missing one."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value


class ConnectionEntry(_Entry):
    """One item of `airflow.connections`."""

    conn_id: str | None = None
    conn_type: str | None = None
    conn_host: str | None = None
    conn_schema: str | None = None
    conn_login: str | None = None
    conn_password: str | None = None
    conn_port: int | None = None
    conn_uri: None = None  # the REST API has no field for one; use the parts
    conn_extra: dict[str, Any] | str | None = None

    def body(self) -> dict[str, Any]:
        """Return the body of `POST /api/v2/connections`."""
        extra = json.dumps(self.conn_extra) if isinstance(self.conn_extra, dict) else self.conn_extra
        return {
            "connection_id": self.conn_id,
            "conn_type": self.conn_type,
            "host": self.conn_host,
            "schema": self.conn_schema,
            "login": self.conn_login,
            "password": self.conn_password,
            "port": self.conn_port,
            "extra": extra,
        }


class PoolEntry(_Entry):
    """One item of `airflow.pools`."""

    pool_name: str | None = None
    pool_slot: int | None = None
    pool_description: str | None = None

    def body(self) -> dict[str, Any]:
        """Return the body of `POST /api/v2/pools`."""
        return {"name": self.pool_name, "slots": self.pool_slot, "description": self.pool_description or ""}


class VariableEntry(_Entry):
    """One item of `airflow.variables`."""

    variable_name: str | None = None
    variable_value: str | None = None

    def body(self) -> dict[str, Any]:
        """Return the body of `POST /api/v2/variables`."""
        return {"key": self.variable_name, "value": self.variable_value}


class Settings(_Entry):
    """The connections, pools and variables of the local Airflow."""

    connections: list[ConnectionEntry] | None = Field(default_factory=list)
    pools: list[PoolEntry] | None = Field(default_factory=list)
    variables: list[VariableEntry] | None = Field(default_factory=list)

    def connection_bodies(self) -> list[dict[str, Any]]:
        """Return the REST bodies of the connections that have an id."""
        return [entry.body() for entry in self.connections or [] if entry.conn_id]

    def connect_to_airflow(self, url: str, password: str) -> None:
        """Set what the local Airflow decides at its start: its URL, and the password of the user that answers reviews."""
        for entry in self.connections or []:
            if entry.conn_host == AIRFLOW_PLACEHOLDER:
                entry.conn_host, entry.conn_password = url, password

    def pool_bodies(self) -> list[dict[str, Any]]:
        """Return the REST bodies of the pools that have a name and slots."""
        return [entry.body() for entry in self.pools or [] if entry.pool_name and entry.pool_slot]

    def variable_bodies(self) -> list[dict[str, Any]]:
        """Return the REST bodies of the variables that have a name and a value."""
        return [entry.body() for entry in self.variables or [] if entry.variable_name and entry.variable_value]


class _File(_Entry):
    airflow: Settings


def read_settings(path: Path, sandbox_url: str, warehouse: str = WAREHOUSE) -> Settings:
    """Read the file and point it at the running sandbox.

    :param path: airflow_settings.yaml.
    :param sandbox_url: replaces `http://localhost:8765` at the beginning of a value.
    :param warehouse: the sandbox's database, which replaces the committed path.
    :raises SettingsError: the file is missing, is not YAML, or does not fit the schema.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not YAML: {error}") from error
    try:
        return _File.model_validate(_point_at_sandbox(content, sandbox_url, warehouse)).airflow
    except ValidationError as error:
        # The message omits the value, which may be a password.
        faults = [f"{_key(fault['loc'])}: {fault['msg']}" for fault in error.errors(include_input=False)]
        raise SettingsError(f"{path} does not fit the schema: " + "; ".join(dict.fromkeys(faults))) from None


def _point_at_sandbox(value: Any, sandbox_url: str, warehouse: str) -> Any:
    """Return the value with the placeholders replaced in every text."""
    if isinstance(value, dict):
        return {key: _point_at_sandbox(item, sandbox_url, warehouse) for key, item in value.items()}
    if isinstance(value, list):
        return [_point_at_sandbox(item, sandbox_url, warehouse) for item in value]
    if value == WAREHOUSE:
        return warehouse
    if isinstance(value, str) and (value == PLACEHOLDER or value.startswith(PLACEHOLDER + "/")):
        return sandbox_url.rstrip("/") + value.removeprefix(PLACEHOLDER)
    return value


def _key(location: tuple[int | str, ...]) -> str:
    """Return the place of a fault in the file: ("airflow", "connections", 0, "x") -> airflow.connections[0].x."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in location]
    return "".join(parts).lstrip(".") or "the whole file"
