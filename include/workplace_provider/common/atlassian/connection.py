"""Credentials for Atlassian's cloud from Airflow's connections of the types ``confluence`` and ``jira``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from workplace_provider.common.arguments import parse_choice
from workplace_provider.http.credentials import check_token, check_url

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from workplace_provider.common.atlassian.credentials import CloudCredential, OAuthApp
    from workplace_provider.common.atlassian.sites import Atlassian
    from workplace_provider.common.atlassian.token_store import TokenStore

AUTHS: Final = ("token", "scoped", "oauth", "service_account")
CLOUD_EXAMPLE: Final = "https://your-team.atlassian.net"


def parse_auth(connection: Connection) -> str:
    """Return the kind of a connection's credential, from the extra ``auth``.

    :raises ValueError: if there is no such kind
    """
    where = f"connection {connection.conn_id}: auth"
    return parse_choice(connection.extra_dejson.get("auth") or "token", where, AUTHS)


def cloud_credential(connection: Connection, auth: str) -> CloudCredential:
    """Return the credential of a connection to the cloud.

    :param auth: its kind; the tokens of ``oauth`` are in a Variable
    :raises ValueError: if login or password are missing, or a field is invalid
    """
    from workplace_provider.common.atlassian.credentials import ApiToken, ScopedToken, ServiceAccountApp

    if auth == "oauth":
        from workplace_provider.common.atlassian.variable_tokens import VariableTokenStore

        return consented_app(connection, VariableTokenStore(token_variable(connection)))
    login, secret = _login_and_secret(connection, auth)
    if auth == "token":
        return ApiToken(login, secret)
    cloud_id, atlassian = _cloud(connection)
    if auth == "scoped":
        return ScopedToken(login, secret, cloud_id, atlassian)
    return ServiceAccountApp(login, secret, cloud_id, atlassian)


def consented_app(connection: Connection, store: TokenStore) -> OAuthApp:
    """Return the credential of a connection with ``auth`` = ``oauth``.

    :param store: store of the tokens that the consent has given
    :raises ValueError: if client id or secret are missing
    """
    from workplace_provider.common.atlassian.credentials import OAuthApp

    client_id, secret = _login_and_secret(connection, "oauth")
    cloud_id, atlassian = _cloud(connection)
    return OAuthApp(client_id, secret, store, cloud_id, atlassian)


def token_variable(connection: Connection) -> str:
    """Return the name of the Variable with the tokens of a connection with ``auth`` = ``oauth``."""
    return str(connection.extra_dejson.get("token_variable") or default_token_variable(connection.conn_id))


def default_token_variable(conn_id: str) -> str:
    """Return the default name of this Variable; because of "token" in the name, Airflow's UI masks the value."""
    return f"{conn_id}_oauth_token"


def _login_and_secret(connection: Connection, auth: str) -> tuple[str, str]:
    where, is_api_token = f"connection {connection.conn_id}", auth in ("token", "scoped")
    if not connection.login or not connection.password:
        name = "the account's e-mail address and an API token" if is_api_token else "client id and secret"
        raise ValueError(f"{where} has no credential: login and password must be {name}")
    if not is_api_token:
        check_token(connection.login, f"{where}: the login")
    return connection.login, check_token(connection.password, f"{where}: the password")


def _cloud(connection: Connection) -> tuple[str, Atlassian]:
    from workplace_provider.common.atlassian.sites import Atlassian

    where, extra, defaults = f"connection {connection.conn_id}", connection.extra_dejson, Atlassian()
    atlassian = Atlassian(str(extra.get("api_url") or defaults.api), str(extra.get("auth_url") or defaults.auth))
    check_url(atlassian.api, f"{where}: the extra api_url")
    check_url(atlassian.auth, f"{where}: the extra auth_url")
    cloud_id = str(extra.get("cloud_id") or "")
    # It becomes a part of the gateway's URLs.
    if cloud_id and not (cloud_id.isascii() and cloud_id.replace("-", "").isalnum()):
        raise ValueError(f"{where}: the extra cloud_id must be letters, digits and hyphens")
    return cloud_id, atlassian
