"""People, and information about the server."""

from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import Response

from workplace_sandbox.confluence import bodies
from workplace_sandbox.confluence.access import group_names
from workplace_sandbox.confluence.call import CallDep, DataCenterCall, JsonBody, forbidden, respond
from workplace_sandbox.confluence.errors import RestError, bad_request
from workplace_sandbox.confluence.representation import DataCenterRepresentation
from workplace_sandbox.confluence.wellformed import check_storage
from workplace_sandbox.model import Page
from workplace_sandbox.store import now

router = APIRouter()

VERSION = "10.0.3"
BUILD_NUMBER = 10013


@router.get("/user/current")
def current_user(call: CallDep) -> Response:
    """Return the caller. Anonymous callers get a response too: 200 is no proof of being logged in."""
    return respond(DataCenterRepresentation(call).user(call.user))


@router.get("/user/anonymous")
def anonymous_user(call: CallDep) -> Response:
    """Return the anonymous person."""
    return respond(DataCenterRepresentation(call).user(None))


@router.get("/user")
def get_user(call: CallDep) -> Response:
    """Return a user by user name or key."""
    if call.user is None:
        raise forbidden("Not permitted to view users")
    username, key = call.text("username"), call.text("key")
    user = call.store.user(username) if username else call.store.user_by_key(key or "")
    if user is None:
        wanted = f"username : {username}" if username else f"key : {key}"
        raise RestError(404, f"No user found with {wanted}")
    return respond(DataCenterRepresentation(call).user(user))


@router.get("/group/{name}")
def get_group(call: CallDep, name: str) -> Response:
    """Return a group by its name."""
    if call.user is None:
        raise forbidden("Not permitted to view groups")
    if name not in group_names():
        raise RestError(404, f"No group found with name: {name}")
    address = f"{call.base}/rest/api/group/{quote(name, safe='')}"
    return respond({"type": "group", "name": name, "_links": {"self": address} | call.top_links()})


@router.get("/server-information")
def server_information(call: CallDep) -> Response:
    """Return version and build."""
    if call.user is None:
        raise RestError(401, "Client must be authenticated to access this resource.")
    return respond(
        {
            "baseUrl": call.base,
            "version": VERSION,
            "buildNumber": BUILD_NUMBER,
            "marketplaceBuildNumber": BUILD_NUMBER,
            "buildDate": "2025-08-11",
        }
    )


@router.get("/accessmode")
def access_mode(call: CallDep) -> Response:  # noqa: ARG001 - wrong credentials are refused here too
    """Return whether the server accepts writes."""
    return respond("READ_WRITE")


@router.post("/contentbody/convert/{to}")
def convert_body(call: CallDep, to: str, body: JsonBody) -> Response:
    """Convert storage format into a rendered representation."""
    if not isinstance(body, dict) or not isinstance(body.get("value"), str):
        raise bad_request("A content body with a value is expected")
    source = body.get("representation")
    if source != "storage" or to not in bodies.REPRESENTATIONS:
        raise bad_request(f"Cannot convert from {source} to {to}")
    check_storage(body["value"])
    page = _page_of(call)
    value = bodies.convert(call.store, call.site.context_path, page, body["value"], to)
    links = {"self": f"{call.base}/rest/api/contentbody/convert/{to}"} | call.top_links()
    return respond({"value": value, "representation": to, "_links": links, "_expandable": {}})


def _page_of(call: DataCenterCall) -> Page:
    """Return the page that the body is rendered for: an existing one (``pageIdContext``), or a blank one."""
    if page_id := call.text("pageIdContext"):
        return call.page(page_id)
    spaces = call.store.spaces()
    moment = now()
    return Page(
        id="0",
        space_key=call.text("spaceKeyContext") or (spaces[0].key if spaces else ""),
        title="",
        parent_id=None,
        status="current",
        version=1,
        body="",
        message="",
        minor=False,
        created_at=moment,
        created_by="",
        updated_at=moment,
        updated_by="",
        position=0,
    )
