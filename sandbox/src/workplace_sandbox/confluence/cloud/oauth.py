"""``auth.atlassian.com``: consent, tokens and their end; and the sites that a token reaches. Reference section 2.6."""

import base64
import json
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit, urlunsplit

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from workplace_sandbox.confluence.cloud import AUTH_PATH, CLOUD_ID, GATEWAY_PATH, SITE_PATH
from workplace_sandbox.confluence.cloud.consent import consent_page, refusal_page
from workplace_sandbox.confluence.cloud.grants import GrantError, IssuedTokens, OAuthApp, OAuthState
from workplace_sandbox.confluence.cloud.scopes import OFFLINE
from workplace_sandbox.confluence.cloud.state import CloudState
from workplace_sandbox.store import Store

AUDIENCE = "api.atlassian.com"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
NO_STORE = {"Cache-Control": "no-store"}


def token_json(tokens: IssuedTokens) -> dict[str, Any]:
    """Return the response of the token endpoint."""
    response: dict[str, Any] = {
        "access_token": tokens.access,
        "expires_in": tokens.expires_in,
        "token_type": "Bearer",
        "scope": " ".join(tokens.scopes),
    }
    return response if tokens.refresh is None else response | {"refresh_token": tokens.refresh}


def build_oauth_router(store: Store, state: CloudState) -> APIRouter:
    """Build the routes.

    :param store: the people who consent.
    :param state: their consents.
    """
    router = APIRouter()

    @router.get(f"{AUTH_PATH}/authorize")
    def authorize(request: Request) -> Response:
        return _consent_form(store, state.grants, dict(request.query_params))

    @router.post(f"{AUTH_PATH}/authorize")
    async def decide(request: Request) -> Response:
        return _decide(store, state.grants, await _form(request))

    @router.post(f"{AUTH_PATH}/oauth/token")
    async def token(request: Request) -> Response:
        try:
            return JSONResponse(token_json(_issue_tokens(state.grants, await _read_parameters(request))), headers=NO_STORE)
        except GrantError as error:
            return _error_response(error)

    @router.post(f"{AUTH_PATH}/oauth/revoke")
    async def revoke(request: Request) -> Response:
        try:
            parameters = await _read_parameters(request)
            state.grants.revoke(_app(state.grants, parameters), str(parameters.get("token", "")))
        except GrantError as error:
            return _error_response(error)
        return Response(status_code=200)

    @router.get(f"{GATEWAY_PATH}/oauth/token/accessible-resources")
    def accessible_resources(request: Request) -> Response:
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        family = state.grants.access(credentials.strip()) if scheme.lower() == "bearer" else None
        if family is None:
            return JSONResponse({"code": 401, "message": "Unauthorized"}, 401)
        site = {
            "id": CLOUD_ID,
            "url": f"{request.url.scheme}://{request.url.netloc}{SITE_PATH}",
            "name": "sandbox",
            "scopes": [scope for scope in family.scopes if scope != OFFLINE],
            "avatarUrl": f"{request.url.scheme}://{request.url.netloc}{SITE_PATH}/avatar.png",
        }
        return JSONResponse([site])

    return router


# --- consent


class _AuthorizeError(Exception):
    """An invalid request for consent.

    :param error: an error code of RFC 6749; empty when the person must not be sent back, because the address is not the
        app's.
    """

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


def _consent_form(store: Store, grants: OAuthState, parameters: dict[str, str]) -> Response:
    """Return the page on which a person allows or denies an app access."""
    try:
        app, scopes = _check_request(grants, parameters)
    except _AuthorizeError as error:
        return _turned_away(error, parameters)
    return HTMLResponse(consent_page(app, scopes, store.users(), parameters))


def _decide(store: Store, grants: OAuthState, parameters: dict[str, str]) -> Response:
    """Send the person back with a code, or with a refusal."""
    try:
        app, scopes = _check_request(grants, parameters)
    except _AuthorizeError as error:
        return _turned_away(error, parameters)
    user = store.user(parameters.get("username", ""))
    if parameters.get("decision") != "allow" or user is None:
        return _turned_away(_AuthorizeError("access_denied", "User did not authorize the request"), parameters)
    code = grants.consent(app, user.username, scopes, parameters["redirect_uri"], parameters.get("code_challenge") or None)
    return RedirectResponse(_with_query(parameters["redirect_uri"], {"code": code} | _state(parameters)), 302)


def _check_request(grants: OAuthState, parameters: dict[str, str]) -> tuple[OAuthApp, tuple[str, ...]]:
    app = grants.app(parameters.get("client_id", ""))
    if app is None or app.kind != "consent":
        raise _AuthorizeError("", "Unknown client: there is no app with this client_id")
    redirect = parameters.get("redirect_uri", "")
    where = urlsplit(redirect)
    if redirect not in app.redirects and (where.scheme not in ("http", "https") or where.hostname not in LOOPBACK):
        raise _AuthorizeError("", "The redirect_uri is not registered for this client")
    if parameters.get("response_type") != "code":
        raise _AuthorizeError("unsupported_response_type", "response_type has to be code")
    if parameters.get("audience", AUDIENCE) != AUDIENCE:
        raise _AuthorizeError("invalid_request", f"audience has to be {AUDIENCE}")
    scopes = tuple(dict.fromkeys(parameters.get("scope", "").split()))
    unknown = [scope for scope in scopes if scope not in app.scopes]
    if not scopes or unknown:
        raise _AuthorizeError("invalid_scope", f"The app may not ask for: {' '.join(unknown) or 'nothing'}")
    if parameters.get("code_challenge") and parameters.get("code_challenge_method") != "S256":
        raise _AuthorizeError("invalid_request", "code_challenge_method has to be S256")
    return app, scopes


def _turned_away(error: _AuthorizeError, parameters: dict[str, str]) -> Response:
    if not error.error:
        return HTMLResponse(refusal_page(error.description), 400)
    query = {"error": error.error, "error_description": error.description} | _state(parameters)
    return RedirectResponse(_with_query(parameters["redirect_uri"], query), 302)


def _state(parameters: dict[str, str]) -> dict[str, str]:
    return {"state": parameters["state"]} if "state" in parameters else {}


def _with_query(address: str, query: dict[str, str]) -> str:
    parts = urlsplit(address)
    return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, urlencode(query)]))))


# --- tokens


def _issue_tokens(grants: OAuthState, parameters: dict[str, Any]) -> IssuedTokens:
    """Return tokens for a grant.

    :raises GrantError: it is refused.
    """
    app = _app(grants, parameters)
    kind = parameters.get("grant_type")
    if kind == "authorization_code":
        verifier = parameters.get("code_verifier")
        address = str(parameters.get("redirect_uri", ""))
        return grants.exchange(app, str(parameters.get("code", "")), address, None if verifier is None else str(verifier))
    if kind == "refresh_token":
        return grants.rotate(app, str(parameters.get("refresh_token", "")))
    if kind == "client_credentials":
        return grants.serve(app)
    raise GrantError(403, "unsupported_grant_type", f"Unsupported grant type: {kind}")


def _app(grants: OAuthState, parameters: dict[str, Any]) -> OAuthApp:
    return grants.authenticate(str(parameters.get("client_id", "")), str(parameters.get("client_secret", "")))


def _error_response(error: GrantError) -> Response:
    return JSONResponse({"error": error.error, "error_description": error.description}, error.status, headers=NO_STORE)


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))


async def _read_parameters(request: Request) -> dict[str, Any]:
    """Return the parameters of a request, from JSON or a form; the app's credentials may come by basic authentication.

    :raises GrantError: the body is neither.
    """
    if "json" in request.headers.get("content-type", ""):
        try:
            parameters: Any = json.loads(await request.body())
        except ValueError as error:
            raise GrantError(400, "invalid_request", "Could not read JSON") from error
    else:
        parameters = await _form(request)
    if not isinstance(parameters, dict):
        raise GrantError(400, "invalid_request", "A JSON object is expected")
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
        except ValueError as error:
            raise GrantError(401, "access_denied", "Unauthorized") from error
        return {"client_id": unquote_plus(name), "client_secret": unquote_plus(secret)} | parameters
    return dict(parameters)
