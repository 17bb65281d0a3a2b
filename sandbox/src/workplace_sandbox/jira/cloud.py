"""Jira Cloud: the part of REST v3 that clients use to read issues, at the site and behind Atlassian's gateway.

It shows the issues of the Data Center stand-in, to the accounts and API tokens of the Confluence stand-in. Wrong credentials
at the site make the caller anonymous: a search then finds nothing, with status 200, and only ``/myself`` responds 401
(brekkylab/backlot#123 and #134 measured it). Other sources: Atlassian's published description, and brekkylab/backlot#191,
#212 and #286 for the checks of the search.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from workplace_sandbox.confluence.cloud import CLOUD_ID, GATEWAY_PATH, SITE_PATH
from workplace_sandbox.confluence.cloud.accounts import account_id
from workplace_sandbox.confluence.cloud.callers import Caller, gateway_caller, site_caller
from workplace_sandbox.confluence.cloud.errors import CloudError, gateway_error
from workplace_sandbox.confluence.cloud.state import CloudState
from workplace_sandbox.confluence.errors import html_page
from workplace_sandbox.jira import JIRA_PATH
from workplace_sandbox.jira.agile import build_agile_router
from workplace_sandbox.jira.api import read_json, requested_fields, whole_number
from workplace_sandbox.jira.errors import JiraError
from workplace_sandbox.jira.jql import JqlError, JqlNames, search
from workplace_sandbox.jira.representation import JiraRepresentation, Json, moment
from workplace_sandbox.model import Issue, User
from workplace_sandbox.store import Store, now

WORK_SCOPE = "read:jira-work"
USER_SCOPE = "read:jira-user"

DEFAULT_RESULTS = 50
MAX_RESULTS = 5000
# Pages with more than id and key are shorter than requested (published description, ``maxResults``).
MAX_RESULTS_WITH_FIELDS = 100
SEARCH_KEYS = frozenset(
    {"jql", "nextPageToken", "maxResults", "fields", "expand", "properties", "fieldsByKeys", "reconcileIssues"}
)
REMOVED = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration guideline is "
    "available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)
INVALID_PAYLOAD = "Invalid request payload. Refer to the REST API documentation and try again."

# Id, name in the web interface, type of the schema.
FIELDS = (
    ("summary", "Summary", "string"),
    ("description", "Description", "string"),
    ("issuetype", "Issue Type", "issuetype"),
    ("project", "Project", "project"),
    ("status", "Status", "status"),
    ("resolution", "Resolution", "resolution"),
    ("priority", "Priority", "priority"),
    ("assignee", "Assignee", "user"),
    ("reporter", "Reporter", "user"),
    ("creator", "Creator", "user"),
    ("labels", "Labels", "array"),
    ("created", "Created", "datetime"),
    ("updated", "Updated", "datetime"),
    ("resolutiondate", "Resolved", "datetime"),
    ("duedate", "Due date", "date"),
)


class CloudRepresentation(JiraRepresentation):
    """Issues and people as REST v3 sends them: people by account id, text with formatting as a document (ADF)."""

    version = 3

    def __init__(self, store: Store, base: str, *, has_documents: bool) -> None:
        super().__init__(store, base)
        self._has_documents = has_documents

    def user(self, user: User) -> Json:
        """Return a person. The profile's privacy setting hides the e-mail address from others, which is the default."""
        picture = f"{self._base}/avatar/{account_id(user.username).rpartition(':')[2]}"
        return {
            "self": f"{self._api}/user?accountId={account_id(user.username)}",
            "accountId": account_id(user.username),
            "accountType": "atlassian",
            "avatarUrls": dict.fromkeys(("48x48", "24x24", "16x16", "32x32"), picture),
            "displayName": user.display_name,
            "active": True,
            "timeZone": "Asia/Seoul",
        }

    def rich_text(self, text: str) -> Any:
        """Return the document of a text, or the text itself for version 2.

        A text that is the JSON of a document is that document.
        """
        if not text or not self._has_documents:
            return text or None
        if text.startswith('{"type":'):
            return json.loads(text)
        paragraphs = [paragraph.split("\n") for paragraph in text.split("\n\n")]
        return {"type": "doc", "version": 1, "content": [_paragraph(lines) for lines in paragraphs]}


def _paragraph(lines: list[str]) -> Json:
    content: list[Json] = []
    for line in lines:
        content += [{"type": "hardBreak"}] if content else []
        content += [{"type": "text", "text": line}] if line else []
    return {"type": "paragraph", "content": content}


@dataclass(frozen=True, slots=True)
class JiraCloudSite:
    """One route to the Jira of the cloud."""

    store: Store
    state: CloudState
    way: Literal["site", "gateway"]


class JiraCloudCall:
    """One request: its caller, and the part of the site that they can see.

    :raises CloudError: the gateway does not accept the credential.
    """

    def __init__(self, request: Request) -> None:
        self.site: JiraCloudSite = request.app.state.site
        self.store = self.site.store
        is_gateway = self.site.way == "gateway"
        self.caller: Caller | None = (gateway_caller if is_gateway else site_caller)(request, self.store, self.site.state)
        self.has_documents = "/rest/api/2/" not in request.url.path
        # On the gateway even ``self`` is an address of the gateway; only ``/serverInfo`` has the site's.
        self.host = f"{request.url.scheme}://{request.url.netloc}"
        self.base = f"{self.host}{GATEWAY_PATH}/ex/jira/{CLOUD_ID}" if is_gateway else f"{self.host}{SITE_PATH}"

    @property
    def represent(self) -> CloudRepresentation:
        """Return the representation for the response."""
        return CloudRepresentation(self.store, self.base, has_documents=self.has_documents)

    @property
    def is_anonymous(self) -> bool:
        """True when the caller sees nothing."""
        return self.caller is None

    def require_scopes(self, *scopes: str) -> None:
        """Refuse a token without one of these scopes.

        :raises CloudError: 401, the response of the gateway.
        """
        if self.caller and self.caller.scopes is not None and not set(scopes) <= set(self.caller.scopes):
            raise gateway_error(401, "Unauthorized; scope does not match", "FAILURE_CLIENT_SCOPE_CHECK")

    def names(self) -> JqlNames:
        """Return the names that a query can refer to; an anonymous caller sees no issue."""
        return JqlNames(
            self.store.projects(),
            self.store.users(),
            self.store.issues() if self.caller else (),
            account_id(self.caller.user.username) if self.caller else None,
            {sprint: self.store.sprint_issues(sprint.id) for sprint in self.store.sprints()},
            # User names and keys are refused since 2019, for privacy.
            names_of_user=lambda user: (account_id(user.username),),
            is_bounded=True,
        )


CallDep = Annotated[JiraCloudCall, Depends(JiraCloudCall)]

router = APIRouter()


@router.get("/search/jql")
def search_get(call: CallDep, request: Request) -> Response:
    """Search by JQL, with the query in the address."""
    query = request.query_params
    return _search(
        call, query.get("jql", ""), query.get("nextPageToken"), query.get("maxResults"), requested_fields(request)
    )


@router.post("/search/jql")
async def search_post(call: CallDep, request: Request) -> Response:
    """Search by JQL, with the query in the body."""
    body = await _json(request, SEARCH_KEYS)
    fields = body.get("fields") or []
    if not isinstance(fields, list) or not all(isinstance(name, str) for name in fields):
        raise JiraError(400, INVALID_PAYLOAD)
    return _search(call, str(body.get("jql") or ""), body.get("nextPageToken"), body.get("maxResults"), fields)


@router.post("/search/approximate-count")
async def approximate_count(call: CallDep, request: Request) -> Response:
    """Return the number of issues of a query; on a real site it is an estimate."""
    call.require_scopes(WORK_SCOPE)
    body = await _json(request, frozenset({"jql"}))
    return JSONResponse({"count": len(_find(call, str(body.get("jql") or "")))})


@router.api_route("/search", methods=["GET", "POST"], dependencies=[Depends(JiraCloudCall)])
def removed() -> Response:
    """Refuse the search of before 2025."""
    raise JiraError(410, REMOVED)


@router.get("/myself")
def myself(call: CallDep) -> Response:
    """Return the caller. An anonymous one gets a page of HTML, unlike at every other address."""
    call.require_scopes(USER_SCOPE)
    if call.caller is None:
        return HTMLResponse(html_page(401, "Unauthorized"), 401, {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"})
    return JSONResponse(call.represent.user(call.caller.user) | {"emailAddress": call.caller.user.email})


@router.get("/field")
def fields(call: CallDep) -> Response:
    """Return the fields; a custom field would have an id such as ``customfield_10020``."""
    call.require_scopes(WORK_SCOPE)
    return JSONResponse(
        [
            {
                "id": name,
                "key": name,
                "name": title,
                "custom": False,
                "orderable": True,
                "navigable": name != "description",
                "searchable": True,
                "clauseNames": [name],
                "schema": {"type": kind, "system": name} | ({"items": "string"} if kind == "array" else {}),
            }
            for name, title, kind in FIELDS
        ]
    )


@router.get("/serverInfo")
def server_info(call: CallDep) -> Response:
    """Return version and address; no scope is needed, and anonymous callers may read it too."""
    return JSONResponse(
        {
            "baseUrl": f"{call.host}{SITE_PATH}",
            "displayUrl": f"{call.host}{SITE_PATH}",
            "version": "1001.0.0-SNAPSHOT",
            "versionNumbers": [1001, 0, 0],
            "deploymentType": "Cloud",
            "buildNumber": 100290,
            "serverTime": moment(now()),
            "serverTitle": "Jira",
            "serverTimeZone": "Asia/Seoul",
        }
    )


@router.get("/issue/{key}")
def issue(call: CallDep, key: str, fields: str = "*all") -> Response:
    """Return one issue by key or id."""
    call.require_scopes(WORK_SCOPE)
    record = call.store.issue(key) if call.caller else None
    if record is None:
        raise JiraError(404, "Issue does not exist or you do not have permission to see it.")
    return JSONResponse(call.represent.issue(record, [name.strip() for name in fields.split(",") if name.strip()]))


def mount_jira_cloud(app: FastAPI, store: Store, state: CloudState) -> None:
    """Add Jira Cloud to the sandbox: at the site, and behind the gateway."""

    @app.get(f"{SITE_PATH}/browse/{{key}}")
    def browse(key: str) -> Response:
        return RedirectResponse(f"{JIRA_PATH}/browse/{key}", 302)

    app.mount(f"{GATEWAY_PATH}/ex/jira/{{cloud_id}}/rest", _build(JiraCloudSite(store, state, "gateway")))
    app.mount(f"{SITE_PATH}/rest", _build(JiraCloudSite(store, state, "site")))


def _build(site: JiraCloudSite) -> FastAPI:
    app = FastAPI(title=f"Jira Cloud stand-in ({site.way})", openapi_url=None, redirect_slashes=False)
    app.state.site = site
    for version in ("3", "2"):
        app.include_router(router, prefix=f"/api/{version}")
    app.include_router(build_agile_router(JiraCloudCall), prefix="/agile/1.0")
    app.add_exception_handler(JiraError, _error_response)
    app.add_exception_handler(CloudError, _error_response)
    return app


def _error_response(_: Request, error: Exception) -> Response:
    if isinstance(error, JiraError | CloudError):
        return error.response()
    raise error


async def _json(request: Request, keys: frozenset[str]) -> dict[str, Any]:
    """Return the body of a request.

    :raises JiraError: 415 for another media type; 400 for an unknown key, such as ``startAt`` of the removed search.
    """
    body = await read_json(request)
    if set(body) - keys:
        raise JiraError(400, INVALID_PAYLOAD)
    return body


def _find(call: JiraCloudCall, jql: str) -> list[Issue]:
    try:
        return search(jql, call.names())
    except JqlError as error:
        raise JiraError(400, str(error)) from error


def _search(call: JiraCloudCall, jql: str, token: object, most: object, fields: list[str]) -> Response:
    call.require_scopes(WORK_SCOPE)
    # In this order: the token, the size, the query.
    first = 0 if token is None else _read_token(token, jql)
    limit = DEFAULT_RESULTS if most is None else whole_number("maxResults", most)
    if not 1 <= limit <= MAX_RESULTS:
        raise JiraError(400, f"The value of 'maxResults' must be between 1 and {MAX_RESULTS}.")
    has_fields = bool(set(fields) - {"id", "key"})
    size = min(limit, MAX_RESULTS_WITH_FIELDS) if has_fields else limit
    issues = _find(call, jql)
    shown = issues[first : first + size]
    represent = call.represent
    response: Json = {"issues": [_entry(represent, issue, fields) for issue in shown]}
    response["isLast"] = first + size >= len(issues)
    if not response["isLast"]:
        response["nextPageToken"] = _make_token(first + size, jql)
    return JSONResponse(response)


def _entry(represent: CloudRepresentation, issue: Issue, fields: list[str]) -> Json:
    """Return an issue; without a list of fields it has nothing but its id."""
    if not fields or fields == ["id"]:
        return {"id": issue.id}
    return represent.issue(issue, fields)


def _make_token(first: int, jql: str) -> str:
    digest = hashlib.sha256(jql.encode()).hexdigest()[:16]
    return base64.urlsafe_b64encode(json.dumps([first, digest]).encode()).decode()


def _read_token(token: object, jql: str) -> int:
    """Return the place that a token continues at.

    :raises JiraError: 400 for a token that is none, or that of another query.
    """
    try:
        first, digest = json.loads(base64.urlsafe_b64decode(str(token).encode()))
    except (ValueError, TypeError):
        first, digest = -1, ""
    if not isinstance(first, int) or first < 0 or digest != hashlib.sha256(jql.encode()).hexdigest()[:16]:
        raise JiraError(400, "The provided next page token is invalid or expired.")
    return first
