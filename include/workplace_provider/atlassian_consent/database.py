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
    from collections.abc import Iterable, Mapping

    from workplace_provider.atlassian_consent.access import BaseUser


def connections_of_types(conn_types: Iterable[str]) -> list[PlainConnection]:
    """Return the connections of these types in the database.

    Those of the environment or a secrets backend cannot be listed.
    """
    with create_session() as session:
        query = select(Connection).where(Connection.conn_type.in_(list(conn_types))).order_by(Connection.conn_id)
        return [_plain(connection) for connection in session.scalars(query)]


def valid_id(text: str) -> str:
    """Return a connection's id as Airflow accepts it; empty when the text is not valid."""
    return sanitize_conn_id(text) or ""


def connection(conn_id: str) -> PlainConnection | None:
    """Return a connection from the database, the environment or a secrets backend."""
    try:
        return _plain(Connection.get_connection_from_secrets(conn_id, team_name=_team_of(conn_id)))
    except AirflowNotFoundException:
        return None


class ServerVariables:
    """Variables, as the API server reads and writes them.

    :param conn_id: the connection whose team the Variables belong to, where Airflow has teams
    """

    def __init__(self, conn_id: str) -> None:
        self._team = _team_of(conn_id)

    def get(self, key: str) -> str | None:
        """Return the value from the database, the environment or a secrets backend; ``None`` when there is none."""
        value = Variable.get_variable_from_secrets(key, team_name=self._team)
        return None if value is None else str(value)

    def set(self, key: str, value: str, description: str) -> None:
        """Write the value into the database, encrypted with the Fernet key."""
        Variable.set(key, value, description=description, team_name=self._team)


def log_event(event: str, user: BaseUser, facts: Mapping[str, str]) -> None:
    """Write an event to Airflow's audit log."""
    with create_session() as session:
        extra = json.dumps(dict(facts), ensure_ascii=False)
        session.add(Log(event=event, owner=user.get_name(), owner_display_name=user.get_name(), extra=extra))


def _team_of(conn_id: str) -> str | None:
    return Connection.get_team_name(conn_id) if conf.getboolean("core", "multi_team") else None


def _plain(connection: Connection) -> PlainConnection:
    return PlainConnection(
        conn_id=connection.conn_id,
        conn_type=connection.conn_type or "",
        host=connection.host,
        schema=connection.schema,
        login=connection.login,
        password=connection.password,
        port=connection.port,
        extra=connection.extra,
    )
