"""The ``tableau_rest`` connection."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import BaseHook
from airflow.sdk.log import mask_secret

from workplace_provider.common.arguments import parse_choice
from workplace_provider.common.connection_settings import HTTP_EXTRAS, base_url, http_settings, read_connection, seconds_of
from workplace_provider.common.outgoing import checked_test
from workplace_provider.http.credentials import check_password, check_token

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from workplace_provider.tableau.client import Credential, TableauClient

AUTH: Final = ("pat", "password", "connected_app", "jwt")
EXTRAS: Final = HTTP_EXTRAS | {
    *("api_version", "auth", "client_id", "export_timeout", "pats", "scopes", "secret_id", "site", "site_id"),
}
"""Supported extras of a connection; ``site_id`` is the name of the site in Airflow's own Tableau connection."""


class TableauRestHook(BaseHook):
    """Hook that creates a client of Tableau's REST API from an Airflow connection.

    By default, login and password are the name and secret of a personal access token; the extra ``auth`` selects another
    kind. See ``docs/connections.md`` for the extras.

    ::

        with TableauRestHook("tableau_default").client as client:
            view = client.find_view("WeeklyKPI/WAU")

    :param tableau_conn_id: connection of type ``tableau_rest``
    :param first_credential: index of the first personal access token to use, so that parallel tasks start with different
        ones
    """

    conn_name_attr = "tableau_conn_id"
    default_conn_name = "tableau_default"
    conn_type = "tableau_rest"
    hook_name = "Tableau REST"

    def __init__(self, tableau_conn_id: str = default_conn_name, *, first_credential: int = 0) -> None:
        super().__init__()
        self.tableau_conn_id = tableau_conn_id
        self.first_credential = first_credential

    @cached_property
    def client(self) -> TableauClient:
        """The client. It signs in with the first request; close it to sign out."""
        return self._client()

    def get_conn(self) -> TableauClient:
        """Return :attr:`client`."""
        return self.client

    @checked_test
    def test_connection(self) -> tuple[bool, str]:
        """Sign in and list views.

        The sign-in with a personal access token ends the session of a running task with the same token.

        :return: whether the connection works, and a sentence with server and site, or the problem
        """
        from workplace_provider.tableau.client import Condition

        with self._client(attempts=1) as client:
            session = client.sign_in()
            # No view has this name, so the response is short; it shows that the account may read lists.
            client.views([Condition("name", session.site_id)])
            site = f"the site {client.site}" if client.site else "the default site"
            server = client.server
        message = f"signed in to {site} of Tableau {server.product} (REST API {server.api_version}) at {client.base_url}"
        unknown = _unknown_extras(self.get_connection(self.tableau_conn_id))
        return True, f"{message}; unknown extras are ignored: {', '.join(unknown)}" if unknown else message

    def _client(self, attempts: int | None = None) -> TableauClient:
        from workplace_provider.tableau.client import TableauClient
        from workplace_provider.tableau.client.client import EXPORT_SECONDS

        connection = read_connection(self.tableau_conn_id, self.conn_type, "tableau")
        extra = connection.extra_dejson
        if unknown := _unknown_extras(connection):
            self.log.warning(
                "connection %s: unknown extras are ignored: %s; supported extras are %s",
                connection.conn_id,
                ", ".join(unknown),
                ", ".join(sorted(EXTRAS)),
            )
        return TableauClient(
            base_url(connection, "https://tableau.example.com"),
            _credentials(connection, extra),
            _site(connection.conn_id, extra),
            api_version=str(extra["api_version"]) if extra.get("api_version") else None,
            first_credential=self.first_credential,
            settings=http_settings(connection.conn_id, extra, attempts=attempts, default=TableauClient.default_settings()),
            export_seconds=seconds_of(connection.conn_id, extra, "export_timeout") or 3 * EXPORT_SECONDS,
            on_secret=mask_secret,
        )


def _unknown_extras(connection: Connection) -> list[str]:
    return sorted(set(connection.extra_dejson) - EXTRAS)


def _site(conn_id: str, extra: Mapping[str, Any]) -> str:
    site, site_id = (str(extra.get(name) or "") for name in ("site", "site_id"))
    if site and site_id and site != site_id:
        raise ValueError(f"connection {conn_id}: site is {site!r} but site_id is {site_id!r}; remove one of them")
    return site or site_id


def _credentials(connection: Connection, extra: Mapping[str, Any]) -> list[Credential]:
    from workplace_provider.tableau.client import ConnectedApp, Jwt, PersonalAccessToken, UserPassword
    from workplace_provider.tableau.client.credentials import DEFAULT_SCOPES

    conn_id, login, password = connection.conn_id, connection.login or "", connection.password or ""
    auth = extra.get("auth") or "pat"
    parse_choice(auth, f"connection {conn_id}: auth", AUTH)
    if auth != "password":
        check_token(password, f"connection {conn_id}: the password")
    if auth == "pat":
        pairs = [(login, password)] if login or password else []
        pairs += _more_tokens(conn_id, extra.get("pats"))
        if not pairs or not all(name and secret for name, secret in pairs):
            raise ValueError(
                f"connection {conn_id}: {'the password' if login else 'the login'} is empty; set the name of a personal "
                "access token as login, and its secret as password"
            )
        return [PersonalAccessToken(name, secret) for name, secret in pairs]
    if not password:
        raise ValueError(f"connection {conn_id}: the password is empty; for auth {auth!r}, set the secret as password")
    if auth == "jwt":
        return [Jwt(password)]
    if not login:
        raise ValueError(f"connection {conn_id}: the login is empty; for auth {auth!r}, set the Tableau user as login")
    if auth == "password":
        return [UserPassword(login, password)]
    missing = [name for name in ("client_id", "secret_id") if not extra.get(name)]
    if missing:
        raise ValueError(f"connection {conn_id}: missing extras for a connected app: {' and '.join(missing)}")
    scopes = extra.get("scopes") or DEFAULT_SCOPES
    return [
        ConnectedApp(
            client_id=str(extra["client_id"]),
            secret_id=str(extra["secret_id"]),
            secret_value=password,
            user=login,
            scopes=tuple(scopes.replace(",", " ").split()) if isinstance(scopes, str) else tuple(scopes),
        )
    ]


def _more_tokens(conn_id: str, value: Any) -> list[tuple[str, str]]:
    """Read the extra ``pats``: more personal access tokens, so that tasks can run in parallel."""
    if not value:
        return []
    try:
        entries = json.loads(value) if isinstance(value, str) else value
        pairs = [(str(entry["name"]), str(entry["secret"])) for entry in entries]
    except (ValueError, TypeError, KeyError):
        # The message does not show the value, because it contains secrets.
        raise ValueError(
            f'connection {conn_id}: the extra pats is not valid; it must be a list like [{{"name": "…", "secret": "…"}}]'
        ) from None
    for number, (name, secret) in enumerate(pairs, 1):
        mask_secret(secret)
        mask_secret(secret.strip())
        check_password(name, f"connection {conn_id}: the name of token {number} in the extra pats")
        check_token(secret, f"connection {conn_id}: the secret of token {number} in the extra pats")
    return pairs
