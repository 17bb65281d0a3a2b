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

from workplace_provider.confluence.auth.consent import addresses, database, flow, pending, refusals
from workplace_provider.confluence.auth.consent.access import (
    BaseUser,
    get_user,
    hide,
    log_in_url,
    may_edit_connection,
    may_edit_variable,
)
from workplace_provider.confluence.auth.consent.names import CALLBACK, NAME
from workplace_provider.confluence.auth.consent.pages import page, redirect, refusal_page
from workplace_provider.confluence.auth.consent.pending import PendingConsent
from workplace_provider.confluence.auth.consent.refusals import Refusal
from workplace_provider.confluence.auth.oauth import Consent
from workplace_provider.confluence.auth.scopes import OFFLINE, SCOPES
from workplace_provider.confluence.hooks.confluence import token_variable
from workplace_provider.http.errors import WorkplaceError
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from workplace_provider.confluence.auth.token_store import TokenSet

log = get_logger("workplace_provider.confluence")

COOKIE: Final = "workplace_consent"
LONGEST_FORM: Final = 4096
LONGEST_REASON: Final = 300


@dataclass(frozen=True, slots=True)
class Row:
    """A connection in the list.

    :param tokens: that are stored for it, if any
    :param problem: why it cannot be used as it is
    """

    conn_id: str
    host: str
    variable: str
    tokens: TokenSet | None
    problem: str


async def _form(request: Request) -> Mapping[str, str]:
    body = await request.body()
    if len(body) > LONGEST_FORM:
        raise Refusal("Too long", "The form is longer than any that this page sends.", status=413)
    return dict(parse_qsl(body.decode("utf-8", "replace")))


User = Annotated[BaseUser, Depends(get_user)]
Form = Annotated[Mapping[str, str], Depends(_form)]


def build_application() -> FastAPI:
    """Make the application."""
    application = FastAPI(title=NAME, docs_url=None, redoc_url=None, openapi_url=None)
    application.add_api_route("/", _home, methods=["GET"], response_class=Response)
    application.add_api_route("/connect", _connect, methods=["POST"], response_class=Response)
    application.add_api_route(CALLBACK, _callback, methods=["GET"], response_class=Response)
    application.add_api_route("/connection", _connection, methods=["GET"], response_class=Response)
    application.exception_handler(Refusal)(_refused)
    application.exception_handler(WorkplaceError)(_failed)
    application.exception_handler(HTTPException)(_turned_away)
    return application


def _home(user: User) -> Response:
    """The connections that can be connected."""
    ours = addresses.configured()
    found = [each for each in database.confluence_connections() if may_edit_connection(user, each.conn_id)]
    if not found and not may_edit_connection(user, None):
        raise refusals.may_not_edit()
    rows = [_row(each) for each in found if flow.is_for_consent(each)]
    others = [each.conn_id for each in found if not flow.is_for_consent(each)]
    return page("home", rows=rows, others=others, callback=ours.callback, scopes=[*SCOPES, OFFLINE])


def _connect(request: Request, user: User, form: Form) -> Response:
    """Send somebody to Atlassian."""
    ours = addresses.configured()
    addresses.check_origin(request.headers.get("origin"), ours)
    connection = _editable(user, form.get("connection", ""))
    consent, url = flow.begin(connection, ours.callback)
    hide(consent.state, consent.verifier)
    cookie = request.cookies.get(COOKIE) or secrets.token_urlsafe(32)
    pending.keep(
        consent.state,
        PendingConsent(connection.conn_id, str(user.get_id()), pending.digest(cookie), ours.callback, consent.verifier),
    )
    answer = redirect(url)
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=int(pending.LASTS),
        path=ours.cookie_path,
        secure=ours.secure,
        httponly=True,
        # The way back from Atlassian is a link from another site.
        samesite="lax",
    )
    return answer


def _callback(request: Request, user: User) -> Response:
    """Take back somebody who was at Atlassian."""
    given = request.query_params
    state, code, error = given.get("state", ""), given.get("code", ""), given.get("error", "")
    begun = pending.take(state)
    if begun is None:
        raise refusals.unknown_state()
    # Only now: whoever could have any words hidden would leave gaps in Airflow's log.
    hide(state, code)
    if not begun.begun_by(str(user.get_id()), request.cookies.get(COOKIE, "")):
        raise refusals.begun_elsewhere()
    connection = _editable(user, begun.conn_id)
    if error == "access_denied":
        raise refusals.denied()
    if error or not code:
        raise refusals.asked_wrongly(error or "no code", given.get("error_description", "")[:LONGEST_REASON])
    app = Consent(str(connection.login or ""), begun.redirect_uri, state=state, verifier=begun.verifier)
    flow.finish(connection, app, code)
    database.note("confluence_consent", user, {"connection": begun.conn_id, "variable": token_variable(connection)})
    # The page that is shown has no code in its address, and may be reloaded.
    return redirect(f"connection?{urlencode({'connection': begun.conn_id})}")


def _connection(request: Request, user: User) -> Response:
    """For whom a connection acts."""
    connection = _editable(user, request.query_params.get("connection", ""))
    if flow.stored_tokens(connection) is None:
        raise Refusal(
            "Not connected yet", f"Nobody has given a consent for the connection {connection.conn_id}.", status=404
        )
    return page("connection", conn_id=connection.conn_id, standing=flow.look(connection))


def _editable(user: BaseUser, named: str) -> Connection:
    """A connection that somebody may let act for themselves.

    Its extra names the Variable for the tokens. Whoever may edit connections only must not get at other Variables that way.

    :raises Refusal: when they may not, or it is none for that
    """
    conn_id = database.proper_id(named)
    if not may_edit_connection(user, conn_id or None):
        raise refusals.may_not_edit(conn_id)
    found = database.connection(conn_id) if conn_id else None
    if found is None:
        raise Refusal("No such connection", f"There is no connection {conn_id or 'of that name'}.", status=404)
    flow.check_for_consent(found)
    variable = token_variable(found)
    if found.extra_dejson.get("token_variable") and not may_edit_variable(user, variable):
        raise Refusal(
            "Not allowed",
            f"The connection {conn_id} keeps its tokens in the Variable {variable}, which your user may not edit.",
            "Ask an administrator of this Airflow.",
            403,
        )
    return found


def _row(connection: Connection) -> Row:
    tokens, problem = None, ""
    try:
        tokens = flow.stored_tokens(connection)
    except Refusal as refusal:
        problem = refusal.text
    return Row(connection.conn_id, connection.host or "", token_variable(connection), tokens, problem)


async def _refused(_: Request, error: Refusal) -> Response:
    log.warning("no consent: %s", error.title)
    return refusal_page(error, ".")


async def _failed(_: Request, error: WorkplaceError) -> Response:
    log.warning("no consent: %s", error)
    return refusal_page(Refusal(f"{error.system} did not answer as it should", error.message, error.advice, 502), ".")


async def _turned_away(request: Request, error: HTTPException) -> Response:
    """Answer for FastAPI and for Airflow's own checks: people without a session log in, and come back to the list."""
    if error.status_code != 401:
        return refusal_page(Refusal("That did not work", str(error.detail), status=error.status_code), ".")
    log_in = log_in_url(addresses.configured().home)
    if request.method == "GET" and not request.query_params:
        return redirect(log_in)
    # What came with the request may be a code, so it goes into no other address.
    gone = Refusal("Not logged in", "Your session has ended. Nothing was changed.", "Log in, and begin again.", 401)
    return refusal_page(gone, ".", log_in)
