"""The part of Jira Data Center's REST API, version 2, that clients use to read issues.

Errors have the shape ``{"errorMessages": [...], "errors": {...}}``; the response to wrong credentials is a page of HTML,
sent before that code runs. An anonymous caller is accepted and sees no project, so a query for one is an error 400, not
401.
"""

import json
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from workplace_sandbox.confluence.access import authenticate
from workplace_sandbox.confluence.errors import AuthenticationFailedError, html_page
from workplace_sandbox.jira import JIRA_PATH
from workplace_sandbox.jira.agile import build_agile_router
from workplace_sandbox.jira.errors import MEDIA_TYPE, JiraError
from workplace_sandbox.jira.jql import JqlError, JqlNames, search
from workplace_sandbox.jira.representation import JiraRepresentation, Json, moment
from workplace_sandbox.model import Issue, User
from workplace_sandbox.store import Store, now

VERSION = "10.3.2"
BUILD_NUMBER = 10030002

DEFAULT_RESULTS = 50
# Sites limit the issues of a response, and lower a larger ``maxResults`` without an error.
MAX_RESULTS = 100
MAX_BODY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class JiraCall:
    """One request: its caller, and the part of the site that they can see."""

    store: Store
    base: str
    user: User | None

    @property
    def represent(self) -> JiraRepresentation:
        """Return the representation for the response."""
        return JiraRepresentation(self.store, self.base)

    def site(self) -> JqlNames:
        """Return the names that a query can refer to; none for an anonymous caller."""
        if self.user is None:
            return JqlNames((), self.store.users(), (), None)
        return JqlNames(
            self.store.projects(),
            self.store.users(),
            self.store.issues(),
            self.user.username,
            {sprint: self.store.sprint_issues(sprint.id) for sprint in self.store.sprints()},
        )

    @property
    def is_anonymous(self) -> bool:
        """True when the caller sees nothing."""
        return self.user is None

    def require_scopes(self, *scopes: str) -> None:
        """Accept every token: those of Data Center have no scopes."""


def _call(request: Request) -> JiraCall:
    # Without cookies: the session of a browser belongs to the wiki.
    user = authenticate(request.app.state.store, request.headers, {})
    return JiraCall(request.app.state.store, f"{request.url.scheme}://{request.url.netloc}{JIRA_PATH}", user)


CallDep = Annotated[JiraCall, Depends(_call)]

router = APIRouter()


@router.get("/search")
def search_get(call: CallDep, request: Request) -> Response:
    """Search by JQL, with the query in the address."""
    query = request.query_params
    return _search(call, query.get("jql", ""), query.get("startAt", "0"), query.get("maxResults"), requested_fields(request))


@router.post("/search")
async def search_post(call: CallDep, request: Request) -> Response:
    """Search by JQL, with the query in the body, which has no limit of length."""
    body = await read_json(request)
    fields = body.get("fields") or []
    if not isinstance(fields, list) or not all(isinstance(name, str) for name in fields):
        raise JiraError(400, "Can not deserialize instance of java.util.ArrayList out of the field fields")
    return _search(call, str(body.get("jql") or ""), body.get("startAt", 0), body.get("maxResults"), fields)


@router.get("/issue/{key}")
def issue(call: CallDep, key: str, fields: str = "") -> Response:
    """Return one issue by key or id."""
    record = call.store.issue(key)
    if record is None or call.user is None:
        raise JiraError(404, "Issue Does Not Exist")
    return _respond(call.represent.issue(record, [name.strip() for name in fields.split(",") if name.strip()]))


@router.get("/myself")
def myself(call: CallDep) -> Response:
    """Return the caller."""
    if call.user is None:
        message = {"message": "Client must be authenticated to access this resource.", "status-code": 401}
        return JSONResponse(message, 401, media_type=MEDIA_TYPE)
    return _respond(call.represent.user(call.user))


@router.get("/serverInfo")
def server_info(call: CallDep) -> Response:
    """Return version and address; anonymous callers may ask, so a response proves no credential."""
    return _respond(
        {
            "baseUrl": call.base,
            "version": VERSION,
            "versionNumbers": [int(number) for number in VERSION.split(".")],
            "deploymentType": "Server",
            "buildNumber": BUILD_NUMBER,
            "serverTime": moment(now()),
            "serverTitle": "Jira",
        }
    )


@router.get("/project")
def projects(call: CallDep) -> Response:
    """Return the projects that the caller sees."""
    represent = call.represent
    return _respond([represent.project(project.key) for project in call.site().projects])


def build_jira(store: Store) -> FastAPI:
    """Build the application of the REST API.

    :param store: its state.
    :return: the application, to be mounted at ``/jira/rest``; its API has the versions ``2`` and ``latest``.
    """
    app = FastAPI(title="Jira Data Center stand-in", openapi_url=None, redirect_slashes=False)
    app.state.store = store
    for version in ("2", "latest"):
        app.include_router(router, prefix=f"/api/{version}")
    app.include_router(build_agile_router(_call), prefix="/agile/1.0")
    app.add_exception_handler(JiraError, _error_response)
    app.add_exception_handler(AuthenticationFailedError, _error_response)
    return app


def _error_response(_: Request, error: Exception) -> Response:
    if isinstance(error, JiraError):
        return error.response()
    return HTMLResponse(
        html_page(401, "Basic Authentication Failure - Reason : AUTHENTICATED_FAILED"),
        401,
        headers={"WWW-Authenticate": 'OAuth realm="Jira"', "X-Seraph-LoginReason": "AUTHENTICATED_FAILED"},
    )


def _search(call: JiraCall, jql: str, start: object, most: object, fields: list[str]) -> Response:
    first = whole_number("startAt", start)
    limit = min(DEFAULT_RESULTS if most is None else whole_number("maxResults", most), MAX_RESULTS)
    try:
        issues: list[Issue] = search(jql, call.site())
    except JqlError as error:
        raise JiraError(400, str(error)) from error
    represent = call.represent
    shown = [represent.issue(issue, fields or ["*navigable"]) for issue in issues[first : first + limit]]
    response: Json = {
        "expand": "schema,names",
        "startAt": first,
        "maxResults": limit,
        "total": len(issues),
        "issues": shown,
    }
    return _respond(response)


def whole_number(name: str, value: object) -> int:
    """Return a parameter that is a whole number.

    :raises JiraError: 400 for anything else.
    """
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise JiraError(400, f"{name} must be a whole number that is not negative: {text}")
    return int(text)


def requested_fields(request: Request) -> list[str]:
    """Return the names of fields in the query of a request, which may be repeated or have commas."""
    values = request.query_params.getlist("fields")
    return [name.strip() for value in values for name in value.split(",") if name.strip()]


async def read_json(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request.

    :raises JiraError: 415 for another media type, 413 for a large body, 400 for an invalid one.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise JiraError(415, "Unsupported Media Type")
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_BODY_BYTES:
            raise JiraError(413, f"The request is larger than {MAX_BODY_BYTES} bytes")
    try:
        value = json.loads(received.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise JiraError(400, f"Could not read JSON: {error}") from error
    if not isinstance(value, dict):
        raise JiraError(400, "A JSON object is expected")
    return value


def _respond(body: Any) -> Response:
    return JSONResponse(body, media_type=MEDIA_TYPE)
