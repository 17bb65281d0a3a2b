"""The flow of a consent: from the redirect to Atlassian to tokens in the connection's Variable."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from workplace_provider.atlassian_consent import refusals
from workplace_provider.atlassian_consent.access import hide
from workplace_provider.atlassian_consent.database import ServerVariables
from workplace_provider.atlassian_consent.products import PRODUCTS, ConsentStatus
from workplace_provider.atlassian_consent.refusals import Refusal
from workplace_provider.common.atlassian.connection import CLOUD_EXAMPLE, consented_app, token_variable
from workplace_provider.common.atlassian.oauth import Consent, TokenEndpoint, missing_scopes
from workplace_provider.common.atlassian.sites import find_by_token
from workplace_provider.common.atlassian.token_store import MemoryTokenStore, TokenSet
from workplace_provider.common.atlassian.variable_tokens import VariableTokenStore
from workplace_provider.common.connection_settings import base_url, http_settings
from workplace_provider.http.client import Bearer
from workplace_provider.http.errors import AuthFailed, Invalid, NotFound
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from workplace_provider.common.atlassian.credentials import OAuthApp
    from workplace_provider.common.atlassian.token_store import TokenStore
    from workplace_provider.http.client import HttpSettings

log = get_logger("workplace_provider.atlassian")

ATTEMPTS: Final = 2
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def is_for_consent(connection: Connection) -> bool:
    """Return whether a connection is set up for OAuth with a consent."""
    return connection.conn_type in PRODUCTS and connection.extra_dejson.get("auth") == "oauth"


def check_for_consent(connection: Connection) -> None:
    """Check that a connection is set up for OAuth with a consent.

    :raises Refusal: when it is not
    """
    if connection.conn_type not in PRODUCTS:
        raise refusals.not_for_consent(connection.conn_id, f"is of the type {connection.conn_type or 'none'}")
    if not is_for_consent(connection):
        auth = connection.extra_dejson.get("auth") or "token"
        raise refusals.not_for_consent(connection.conn_id, f"has the credential {auth}, which needs no consent")


def stored_tokens(connection: Connection) -> TokenSet | None:
    """Return the stored tokens of a connection, if any.

    :raises Refusal: when the Variable holds something else, which must not be overwritten
    """
    try:
        return _store(connection).load()
    except Invalid as error:
        raise Refusal(
            "The Variable is in use",
            f"The Variable {token_variable(connection)} holds something else than OAuth tokens.",
            "Delete it, or set another one as token_variable in the connection.",
            409,
        ) from error


def start(connection: Connection, redirect_uri: str) -> tuple[Consent, str]:
    """Start a consent.

    :return: the request to remember, and the URL to redirect the person to
    :raises Refusal: when the connection is incomplete, or its Variable is in use
    """
    stored_tokens(connection)
    with _settings_as_refusal(connection):
        app, _, _ = _open(connection, MemoryTokenStore())
        auth = urlsplit(app.atlassian.auth)
        if auth.scheme != "https" and not (auth.scheme == "http" and auth.hostname in LOOPBACK):
            raise ValueError(f"auth_url is {app.atlassian.auth}; it must begin with https://")
        consent = Consent(app.client_id, redirect_uri, PRODUCTS[str(connection.conn_type)].scopes)
        return consent, consent.url(app.atlassian.auth)


def finish(connection: Connection, consent: Consent, code: str) -> TokenSet:
    """Get the first tokens of a consent, check that they fit the connection, and store them.

    :param consent: the request
    :param code: the code of the redirect
    :return: the stored tokens
    :raises Refusal: when they do not fit; then the tokens that were stored before stay
    """
    with _settings_as_refusal(connection):
        app, host, settings = _open(connection, MemoryTokenStore())
        endpoint = TokenEndpoint(app.client_id, app.client_secret, app.atlassian.auth, settings=settings)
        try:
            tokens = _exchange(endpoint, consent, code)
            if missing := missing_scopes(tokens, consent.scopes):
                raise refusals.scopes_missing(missing)
            try:
                find_by_token(host, app.cloud_id, Bearer(tokens.access_token), app.atlassian, settings, time.sleep)
            except (Invalid, NotFound) as error:
                raise Refusal("The consent is for another site", error.message, error.advice) from error
        finally:
            endpoint.close()
    _save(connection, tokens)
    log.info("the connection %s has new OAuth tokens in the Variable %s", connection.conn_id, token_variable(connection))
    return tokens


def read_status(connection: Connection) -> ConsentStatus:
    """Read the account of a connection from its product. Expired tokens are refreshed.

    :raises Refusal: when the consent has ended
    """
    with _settings_as_refusal(connection):
        app, host, settings = _open(connection, _store(connection))
        try:
            return PRODUCTS[str(connection.conn_type)].read_status(host, app, settings)
        except AuthFailed as error:
            raise Refusal(
                "The consent has ended",
                error.message,
                "It ends after 90 days without use and after a year, or was revoked at Atlassian. Connect again.",
                409,
            ) from error


def _open(connection: Connection, store: TokenStore) -> tuple[OAuthApp, str, HttpSettings]:
    host = base_url(connection, CLOUD_EXAMPLE) if connection.host else ""
    settings = http_settings(connection.conn_id, connection.extra_dejson, attempts=ATTEMPTS)
    app = consented_app(connection, store)
    hide(app.client_secret)
    return app, host, settings


def _exchange(endpoint: TokenEndpoint, consent: Consent, code: str) -> TokenSet:
    try:
        tokens = consent.tokens({"state": consent.state, "code": code}, endpoint)
    except (AuthFailed, Invalid) as error:
        raise Refusal(
            "Atlassian gave no tokens",
            error.message,
            "Check client id, client secret and callback URL, and start again: a code works once, and only for minutes."
            if isinstance(error, AuthFailed)
            else error.advice,
            502,
        ) from error
    hide(tokens.access_token, tokens.refresh_token)
    return tokens


def _save(connection: Connection, tokens: TokenSet) -> None:
    """Store tokens under the locks of a refresh; otherwise a task could overwrite them with tokens of the former consent."""
    stored_tokens(connection)
    store = _store(connection)
    with ExitStack() as held:
        for lock in store.locks(lambda: False):
            held.enter_context(lock)
        try:
            store.save(tokens)
        except Invalid as error:
            raise Refusal("The tokens could not be stored", error.message, error.advice, 409) from error


def _store(connection: Connection) -> VariableTokenStore:
    return VariableTokenStore(token_variable(connection), ServerVariables(connection.conn_id))


@contextmanager
def _settings_as_refusal(connection: Connection) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise Refusal(
            "The connection is not complete", str(error), f"Correct the connection {connection.conn_id}, and start again."
        ) from error
