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
"""What a connection may have in its extra; ``site_id`` is what Airflow's own Tableau connection calls the site."""


class TableauRestHook(BaseHook):
    """Makes a client of Tableau's REST API of an Airflow connection.

    Login and password are a personal access token's name and secret, unless the extra ``auth`` says otherwise. See
    ``docs/connections.md`` for the extras.

    :param tableau_conn_id: the connection
    :param first_credential: which of several personal access tokens to begin with; tasks that run at the same time begin
        with different ones
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
        """The client; made once, sends nothing by itself. Close it when done, which signs out."""
        return self._client()

    def get_conn(self) -> TableauClient:
        """The client; made once, sends nothing by itself."""
        return self.client

    @checked_test
    def test_connection(self) -> tuple[bool, str]:
        """Sign in, and look for views.

        Signing in with a personal access token ends the session that a running task has with it.

        :return: whether the connection can be used, and a sentence that names server, site and what is missing
        """
        from workplace_provider.tableau.client import Condition

        with self._client(attempts=1) as client:
            session = client.sign_in()
            # No view has this name: the answer tells that lists may be read, and is short.
            client.views([Condition("name", session.site_id)])
            site = f"the site {client.site}" if client.site else "the default site"
            server = client.server
        said = f"signed in to {site} of Tableau {server.product} (REST API {server.api_version}) at {client.base_url}"
        unknown = _unknown_extras(self.get_connection(self.tableau_conn_id))
        return True, f"{said}; unknown extras are ignored: {', '.join(unknown)}" if unknown else said

    def _client(self, attempts: int | None = None) -> TableauClient:
        from workplace_provider.tableau.client import TableauClient
        from workplace_provider.tableau.client.client import EXPORT_SECONDS

        connection = read_connection(self.tableau_conn_id, self.conn_type, "tableau")
        extra = connection.extra_dejson
        if unknown := _unknown_extras(connection):
            self.log.warning(
                "connection %s: unknown extras are ignored: %s; known are %s",
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
            settings=http_settings(connection.conn_id, extra, attempts=attempts, usual=TableauClient.usual_settings()),
            export_seconds=seconds_of(connection.conn_id, extra, "export_timeout") or 3 * EXPORT_SECONDS,
            on_secret=mask_secret,
        )


def _unknown_extras(connection: Connection) -> list[str]:
    return sorted(set(connection.extra_dejson) - EXTRAS)


def _site(conn_id: str, extra: Mapping[str, Any]) -> str:
    site, site_id = (str(extra.get(name) or "") for name in ("site", "site_id"))
    if site and site_id and site != site_id:
        raise ValueError(f"connection {conn_id}: site is {site!r} and site_id is {site_id!r}; leave out one of them")
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
                f"connection {conn_id}: a personal access token has a name (login) and a secret (password); "
                f"{'the secret' if login else 'the name'} is missing"
            )
        return [PersonalAccessToken(name, secret) for name, secret in pairs]
    if not password:
        raise ValueError(f"connection {conn_id}: the password is empty; with auth {auth!r} it is the secret")
    if auth == "jwt":
        return [Jwt(password)]
    if not login:
        raise ValueError(f"connection {conn_id}: the login is empty; with auth {auth!r} it is the Tableau user")
    if auth == "password":
        return [UserPassword(login, password)]
    missing = [name for name in ("client_id", "secret_id") if not extra.get(name)]
    if missing:
        raise ValueError(f"connection {conn_id}: a connected app needs the extras {' and '.join(missing)}")
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
    """Read the extra ``pats``: further tokens, so that tasks can run at the same time."""
    if not value:
        return []
    try:
        entries = json.loads(value) if isinstance(value, str) else value
        pairs = [(str(entry["name"]), str(entry["secret"])) for entry in entries]
    except (ValueError, TypeError, KeyError):
        # The value is left out of the text: there are secrets in it.
        raise ValueError(
            f'connection {conn_id}: pats cannot be read; it must be a list such as [{{"name": "…", "secret": "…"}}]'
        ) from None
    for number, (name, secret) in enumerate(pairs, 1):
        mask_secret(secret)
        mask_secret(secret.strip())
        check_password(name, f"connection {conn_id}: the name of token {number} in the extra pats")
        check_token(secret, f"connection {conn_id}: the secret of token {number} in the extra pats")
    return pairs
