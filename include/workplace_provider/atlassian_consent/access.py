"""Permissions of the current user, from Airflow's auth manager.

The imports from the API server are not a public interface of Airflow, so no other module has them.
"""

from __future__ import annotations

from airflow._shared.secrets_masker import mask_secret
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails, VariableDetails
from airflow.api_fastapi.core_api.security import get_user
from airflow.models.connection import Connection
from airflow.models.variable import Variable

__all__ = ["BaseUser", "get_user", "hide", "log_in_url", "may_edit_connection", "may_edit_variable"]


def may_edit_connection(user: BaseUser, conn_id: str | None) -> bool:
    """Return whether a user may edit a connection; without an id, connections in general."""
    team = Connection.get_team_name(conn_id) if conn_id else None
    details = ConnectionDetails(conn_id=conn_id, team_name=team)
    return bool(get_auth_manager().is_authorized_connection(method="PUT", details=details, user=user))


def may_edit_variable(user: BaseUser, key: str) -> bool:
    """Return whether a user may edit a Variable."""
    details = VariableDetails(key=key, team_name=Variable.get_team_name(key))
    return bool(get_auth_manager().is_authorized_variable(method="PUT", details=details, user=user))


def log_in_url(next_url: str) -> str:
    """Return the URL of the log-in page."""
    return str(get_auth_manager().get_url_login(next_url=next_url))


def hide(*secrets: str) -> None:
    """Mask secrets in this process's log."""
    for secret in secrets:
        if secret:
            mask_secret(secret)
