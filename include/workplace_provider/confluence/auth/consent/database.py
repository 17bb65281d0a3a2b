"""Connections and Variables in Airflow's database, which the API server may read and write."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow.configuration import conf
from airflow.models.connection import Connection, sanitize_conn_id
from airflow.models.log import Log
from airflow.models.variable import Variable
from airflow.sdk import Connection as PlainConnection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.utils.session import create_session
from sqlalchemy import select

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workplace_provider.confluence.auth.consent.access import BaseUser

CONN_TYPE = "confluence"


def confluence_connections() -> list[PlainConnection]:
    """The connections to Confluence in the database; those of the environment or a secrets backend cannot be listed."""
    with create_session() as session:
        found = session.scalars(select(Connection).where(Connection.conn_type == CONN_TYPE).order_by(Connection.conn_id))
        return [_plain(each) for each in found]


def proper_id(text: str) -> str:
    """A connection's id as Airflow takes it; empty when the text is none."""
    return sanitize_conn_id(text) or ""


def connection(conn_id: str) -> PlainConnection | None:
    """A connection, from wherever Airflow looks for it."""
    try:
        return _plain(Connection.get_connection_from_secrets(conn_id, team_name=_team_of(conn_id)))
    except AirflowNotFoundException:
        return None


class ServerVariables:
    """Variables as the API server reaches them.

    :param conn_id: the connection whose team the Variables belong to, where Airflow has teams
    """

    def __init__(self, conn_id: str) -> None:
        self._team = _team_of(conn_id)

    def get(self, key: str) -> str | None:
        """The value, from wherever Airflow looks for it; ``None`` when there is none."""
        value = Variable.get_variable_from_secrets(key, team_name=self._team)
        return None if value is None else str(value)

    def set(self, key: str, value: str, description: str) -> None:
        """Write the value into the database, encrypted with the Fernet key."""
        Variable.set(key, value, description=description, team_name=self._team)


def note(event: str, user: BaseUser, facts: Mapping[str, str]) -> None:
    """Write a line into Airflow's audit log."""
    with create_session() as session:
        extra = json.dumps(dict(facts), ensure_ascii=False)
        session.add(Log(event=event, owner=user.get_name(), owner_display_name=user.get_name(), extra=extra))


def _team_of(conn_id: str) -> str | None:
    return Connection.get_team_name(conn_id) if conf.getboolean("core", "multi_team") else None


def _plain(found: Connection) -> PlainConnection:
    return PlainConnection(
        conn_id=found.conn_id,
        conn_type=found.conn_type or "",
        host=found.host,
        schema=found.schema,
        login=found.login,
        password=found.password,
        port=found.port,
        extra=found.extra,
    )
