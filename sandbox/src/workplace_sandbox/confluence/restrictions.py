"""Restrictions on reading and updating a page."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from workplace_sandbox.confluence.access import group_names, is_among
from workplace_sandbox.confluence.call import CallDep, DataCenterCall, JsonBody, respond
from workplace_sandbox.confluence.errors import RestError, bad_request
from workplace_sandbox.confluence.representation import DataCenterRepresentation
from workplace_sandbox.store import OPERATIONS

router = APIRouter()


@router.get("/content/{page_id}/restriction/byOperation")
def get_restrictions(call: CallDep, page_id: str) -> Response:
    """Return the restrictions of a page itself, by operation; those of the pages above are not shown."""
    page = call.page(page_id)
    content = DataCenterRepresentation(call).restrictions(page.id)
    return respond(content | {"_links": content["_links"] | call.top_links()})


@router.get("/content/{page_id}/restriction/byOperation/{operation}")
def get_restriction(call: CallDep, page_id: str, operation: str) -> Response:
    """Return the restrictions of one operation."""
    page = call.page(page_id)
    if operation not in OPERATIONS:
        raise RestError(404, f"No restrictions found for operation: {operation}")
    content = DataCenterRepresentation(call).restriction(page.id, operation)
    return respond(content | {"_links": content["_links"] | call.top_links()})


@router.put("/content/{page_id}/restriction")
def set_restrictions(call: CallDep, page_id: str, body: JsonBody) -> Response:
    """Replace restrictions.

    The lists in the request replace those of the same operation. An operation that is not sent stays unchanged, and so do
    users (or groups) that are not sent for it; an empty list removes them. The caller cannot lock themselves out.
    """
    page = call.page(page_id)
    user = call.require_edit(page, "You do not have permission to edit the restrictions of this content")
    if not isinstance(body, list):
        raise bad_request("A list of restrictions is expected")
    wanted = call.store.restrictions(page.id)
    for entry in body:
        operation = entry.get("operation") if isinstance(entry, dict) else None
        if operation not in wanted:
            raise bad_request(f"Unsupported operation: {operation}")
        subjects = entry.get("restrictions")
        if not isinstance(subjects, dict):
            raise bad_request(f"No restrictions given for operation: {operation}")
        if "user" in subjects:
            wanted[operation]["user"] = [_username(call, subject) for subject in _subjects(subjects["user"])]
        if "group" in subjects:
            wanted[operation]["group"] = [_group(subject) for subject in _subjects(subjects["group"])]
    for names in wanted.values():
        if not is_among(user, names):
            raise bad_request("Restrictions cannot be set in a way that removes your own access")
    call.store.set_restrictions(page.id, wanted)
    represent = DataCenterRepresentation(call)
    return respond(call.listing(list(OPERATIONS), lambda name: represent.restriction(page.id, name), default_limit=200))


def _subjects(value: Any) -> list[Any]:
    """Return the list in a request; the body of a GET response can be sent unchanged."""
    listed = value.get("results") if isinstance(value, dict) else value
    if not isinstance(listed, list):
        raise bad_request("A list of users or groups is expected")
    return listed


def _username(call: DataCenterCall, subject: Any) -> str:
    fields = subject if isinstance(subject, dict) else {}
    user = call.store.user(str(fields.get("username"))) or call.store.user_by_key(str(fields.get("userKey")))
    if user is None:
        raise bad_request(f"No user found: {fields.get('username') or fields.get('userKey')}")
    return user.username


def _group(subject: Any) -> str:
    name = subject.get("name") if isinstance(subject, dict) else None
    if not isinstance(name, str) or not name:
        raise bad_request("A group needs a name")
    if name not in group_names():
        raise bad_request(f"No group found: {name}")
    return name
