"""The routes of the pages."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import parse_qsl, urlencode

from fastapi import Depends, FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from workplace_provider.atlassian_consent import addresses, database, flow, pending, refusals
from workplace_provider.atlassian_consent.access import (
    BaseUser,
    get_user,
    hide,
    log_in_url,
    may_edit_connection,
    may_edit_variable,
)
from workplace_provider.atlassian_consent.names import CALLBACK, NAME
from workplace_provider.atlassian_consent.pages import page, redirect, refusal_page
from workplace_provider.atlassian_consent.pending import PendingConsent
from workplace_provider.atlassian_consent.products import PRODUCTS
from workplace_provider.atlassian_consent.refusals import Refusal
from workplace_provider.common.atlassian.connection import token_variable
from workplace_provider.common.atlassian.oauth import OFFLINE, Consent
from workplace_provider.http.errors import WorkplaceError
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from workplace_provider.common.atlassian.token_store import TokenSet

log = get_logger("workplace_provider.atlassian")

COOKIE: Final = "workplace_consent"
MAX_FORM: Final = 4096
MAX_REASON: Final = 300


@dataclass(frozen=True, slots=True)
class Row:
    """A connection in the list.

    :param product: name of the product
    :param tokens: its stored tokens, if any
    :param problem: the reason why it cannot be used
    """

    conn_id: str
    product: str
    host: str
    variable: str
    tokens: TokenSet | None
    problem: str


async def _form(request: Request) -> Mapping[str, str]:
    body = await request.body()
    if len(body) > MAX_FORM:
        raise Refusal("Too long", "The form is longer than the forms of this page.", status=413)
    return dict(parse_qsl(body.decode("utf-8", "replace")))


User = Annotated[BaseUser, Depends(get_user)]
Form = Annotated[Mapping[str, str], Depends(_form)]


def build_application() -> FastAPI:
    """Build the application."""
    application = FastAPI(title=NAME, docs_url=None, redoc_url=None, openapi_url=None)
    application.add_api_route("/", _home, methods=["GET"], response_class=Response)
    application.add_api_route("/connect", _connect, methods=["POST"], response_class=Response)
    application.add_api_route(CALLBACK, _callback, methods=["GET"], response_class=Response)
    application.add_api_route("/connection", _connection, methods=["GET"], response_class=Response)
    application.exception_handler(Refusal)(_show_refusal)
    application.exception_handler(WorkplaceError)(_show_error)
    application.exception_handler(HTTPException)(_show_http_error)
    return application


def _home(user: User) -> Response:
    """List the connections that need a consent."""
    ours = addresses.configured()
    editable = [one for one in database.connections_of_types(PRODUCTS) if may_edit_connection(user, one.conn_id)]
    if not editable and not may_edit_connection(user, None):
        raise refusals.may_not_edit()
    rows = [_row(connection) for connection in editable if flow.is_for_consent(connection)]
    others = [connection.conn_id for connection in editable if not flow.is_for_consent(connection)]
    scopes = {product.name: [*product.scopes, OFFLINE] for product in PRODUCTS.values()}
    return page("home", rows=rows, others=others, callback=ours.callback, scopes=scopes)


def _connect(request: Request, user: User, form: Form) -> Response:
    """Redirect the user to Atlassian."""
    ours = addresses.configured()
    addresses.check_origin(request.headers.get("origin"), ours)
    connection = _editable(user, form.get("connection", ""))
    consent, url = flow.start(connection, ours.callback)
    hide(consent.state, consent.verifier)
    cookie = request.cookies.get(COOKIE) or secrets.token_urlsafe(32)
    pending.save(
        consent.state,
        PendingConsent(connection.conn_id, str(user.get_id()), pending.digest(cookie), ours.callback, consent.verifier),
    )
    response = redirect(url)
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=int(pending.LASTS),
        path=ours.cookie_path,
        secure=ours.secure,
        httponly=True,
        # The redirect from Atlassian is a navigation from another site.
        samesite="lax",
    )
    return response


def _callback(request: Request, user: User) -> Response:
    """Receive the user who is redirected from Atlassian."""
    query = request.query_params
    state, code, error = query.get("state", ""), query.get("code", ""), query.get("error", "")
    started = pending.take(state)
    if started is None:
        raise refusals.unknown_state()
    # Masked only for a known state: otherwise anyone could have any words masked in Airflow's log.
    hide(state, code)
    if not started.started_by(str(user.get_id()), request.cookies.get(COOKIE, "")):
        raise refusals.started_elsewhere()
    connection = _editable(user, started.conn_id)
    if error == "access_denied":
        raise refusals.denied()
    if error or not code:
        raise refusals.authorization_failed(error or "no code", query.get("error_description", "")[:MAX_REASON])
    scopes = PRODUCTS[str(connection.conn_type)].scopes
    consent = Consent(str(connection.login or ""), started.redirect_uri, scopes, state=state, verifier=started.verifier)
    flow.finish(connection, consent, code)
    database.log_event("atlassian_consent", user, {"connection": started.conn_id, "variable": token_variable(connection)})
    # The URL of the page that is shown has no code, so that the page can be reloaded.
    return redirect(f"connection?{urlencode({'connection': started.conn_id})}")


def _connection(request: Request, user: User) -> Response:
    """Show the account of a connection."""
    connection = _editable(user, request.query_params.get("connection", ""))
    if flow.stored_tokens(connection) is None:
        raise Refusal("Not connected yet", f"The connection {connection.conn_id} has no consent.", status=404)
    return page("connection", conn_id=connection.conn_id, consent=flow.read_status(connection))


def _editable(user: BaseUser, named: str) -> Connection:
    """Return a connection that the user may connect.

    Its extra names the Variable for the tokens. A user who may edit only connections must not write other Variables so.

    :raises Refusal: when the user may not edit it, or it is not set up for OAuth
    """
    conn_id = database.valid_id(named)
    if not may_edit_connection(user, conn_id or None):
        raise refusals.may_not_edit(conn_id)
    connection = database.connection(conn_id) if conn_id else None
    if connection is None:
        raise Refusal("No such connection", f"Airflow has no connection {conn_id or 'of that name'}.", status=404)
    flow.check_for_consent(connection)
    variable = token_variable(connection)
    if connection.extra_dejson.get("token_variable") and not may_edit_variable(user, variable):
        raise Refusal(
            "Not allowed",
            f"The connection {conn_id} stores its tokens in the Variable {variable}, which your user may not edit.",
            "Ask an administrator of this Airflow.",
            403,
        )
    return connection


def _row(connection: Connection) -> Row:
    tokens, problem = None, ""
    try:
        tokens = flow.stored_tokens(connection)
    except Refusal as refusal:
        problem = refusal.text
    product = PRODUCTS[str(connection.conn_type)].name
    return Row(connection.conn_id, product, connection.host or "", token_variable(connection), tokens, problem)


async def _show_refusal(_: Request, error: Refusal) -> Response:
    log.warning("no consent: %s", error.title)
    return refusal_page(error, ".")


async def _show_error(_: Request, error: WorkplaceError) -> Response:
    log.warning("no consent: %s", error)
    return refusal_page(Refusal(f"{error.system} returned an error", error.message, error.advice, 502), ".")


async def _show_http_error(request: Request, error: HTTPException) -> Response:
    """Show an error of FastAPI or of Airflow's checks. A user without a session logs in, and returns to the list."""
    if error.status_code != 401:
        return refusal_page(Refusal("The request failed", str(error.detail), status=error.status_code), ".")
    log_in = log_in_url(addresses.configured().home)
    if request.method == "GET" and not request.query_params:
        return redirect(log_in)
    # The query may contain a code, so it is not copied into another URL.
    expired = Refusal("Not logged in", "Your session has ended. Nothing was changed.", "Log in, and start again.", 401)
    return refusal_page(expired, ".", log_in)
