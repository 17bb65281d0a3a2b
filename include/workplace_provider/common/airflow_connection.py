"""The connection to Airflow's own REST API, of type ``http``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workplace_provider.common.connection_settings import HTTP_TYPES, base_url, http_settings, read_connection

if TYPE_CHECKING:
    from workplace_provider.common.airflow_api import AirflowApi


def airflow_api(airflow_conn_id: str) -> AirflowApi:
    """Return the client of a connection with the API server's URL, a user name and a password.

    ::

        with airflow_api("airflow_api") as airflow:
            detail = airflow.hitl_detail(TaskKey("report", "manual__1", "review"))

    Without a login, the password is a token.

    :raises ValueError: the connection is invalid, or has no password
    """
    from workplace_provider.common.airflow_api import AirflowApi

    connection = read_connection(airflow_conn_id, *HTTP_TYPES)
    if not connection.password:
        raise ValueError(f"connection {airflow_conn_id} has no password; enter that of Airflow's user for the answers")
    return AirflowApi(
        base_url(connection, "https://airflow.example.com"),
        login=connection.login or "",
        password=connection.password,
        settings=http_settings(airflow_conn_id, connection.extra_dejson),
    )
