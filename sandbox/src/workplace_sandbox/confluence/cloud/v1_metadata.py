"""REST v1: writing of labels; restrictions; and templates."""

import zlib
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import Response

from workplace_sandbox.confluence.access import group_names, is_among, may_edit, may_view, may_write
from workplace_sandbox.confluence.cloud import v1_represent
from workplace_sandbox.confluence.cloud.accounts import account_id, user_by_account
from workplace_sandbox.confluence.cloud.call import CloudCall, CloudCallDep, CloudJson, requires
from workplace_sandbox.confluence.cloud.errors import v1_error
from workplace_sandbox.confluence.cloud.v1_listing import listing
from workplace_sandbox.confluence.metadata import ILLEGAL_IN_LABEL, LABEL_PREFIXES, MAX_LABEL
from workplace_sandbox.model import Page, Template
from workplace_sandbox.store import OPERATIONS

router = APIRouter()

ADD_LABEL = requires("write:confluence-content", "read:label:confluence write:label:confluence")
REMOVE_LABEL = requires("write:confluence-content", "write:label:confluence")
READ_RESTRICTIONS = requires("read:confluence-content.all", "read:content-details:confluence")
WRITE_RESTRICTIONS = requires(
    "write:confluence-content", "read:content-details:confluence write:content.restriction:confluence"
)
TEMPLATE = requires("read:confluence-content.summary", "read:template:confluence read:content-details:confluence")
CHECK = requires("read:confluence-content.permission", "read:content.permission:confluence")
RESTRICTION_LIMIT = 100


# --- labels


@router.post("/content/{page_id}/label", dependencies=[ADD_LABEL])
def add_labels(call: CloudCallDep, page_id: str, body: CloudJson) -> Response:
    """Add a label or a list of labels; existing ones stay unchanged."""
    page = call.editable(page_id)
    checked: list[tuple[str, str]] = []
    for entry in body if isinstance(body, list) else [body]:
        name, prefix = (entry.get("name"), entry.get("prefix")) if isinstance(entry, dict) else (None, None)
        if not isinstance(name, str) or not name or prefix not in LABEL_PREFIXES:
            raise v1_error(400, "A label needs a name, and a prefix of: global, my, team")
        if len(name) > MAX_LABEL or ILLEGAL_IN_LABEL & set(name):
            raise v1_error(400, f"The label {name!r} is too long or contains illegal characters")
        checked.append((prefix, name))
    for prefix, name in checked:
        call.store.add_labels(page.id, [name], prefix)
    return call.respond(listing(call, call.store.labels(page.id), v1_represent.label, default_limit=200))


@router.delete("/content/{page_id}/label", dependencies=[REMOVE_LABEL])
def remove_label(call: CloudCallDep, page_id: str) -> Response:
    """Remove the label ``name``; for names with a slash."""
    return _remove_label(call, page_id, call.text("name") or "")


@router.delete("/content/{page_id}/label/{name}", dependencies=[REMOVE_LABEL])
def remove_label_by_path(call: CloudCallDep, page_id: str, name: str) -> Response:
    """Remove a label."""
    return _remove_label(call, page_id, name)


def _remove_label(call: CloudCall, page_id: str, name: str) -> Response:
    page = call.editable(page_id)
    if not call.store.remove_label(page.id, name):
        raise v1_error(404, f"No label {name} on content with id {page_id}")
    return call.no_content()


# --- restrictions


@router.get("/content/{page_id}/restriction", dependencies=[READ_RESTRICTIONS])
def list_restrictions(call: CloudCallDep, page_id: str) -> Response:
    """Return the restrictions of a page itself as a list; those of the pages above are not shown."""
    return call.respond(_restrictions(call, call.page(page_id)))


@router.get("/content/{page_id}/restriction/byOperation", dependencies=[READ_RESTRICTIONS])
def get_restrictions(call: CloudCallDep, page_id: str) -> Response:
    """Return the restrictions of a page itself, by operation."""
    page = call.page(page_id)
    restrictions: dict[str, Any] = {operation: _restriction(call, page, operation) for operation in OPERATIONS}
    return call.respond(restrictions | {"_links": {"self": f"{call.base}{_address(page)}/byOperation"}})


@router.get("/content/{page_id}/restriction/byOperation/{operation}", dependencies=[READ_RESTRICTIONS])
def get_restriction(call: CloudCallDep, page_id: str, operation: str) -> Response:
    """Return the restrictions of one operation."""
    page = call.page(page_id)
    if operation not in OPERATIONS:
        raise v1_error(404, f"No restrictions found for operation: {operation}")
    return call.respond(_restriction(call, page, operation))


@router.put("/content/{page_id}/restriction", dependencies=[WRITE_RESTRICTIONS])
def set_restrictions(call: CloudCallDep, page_id: str, body: CloudJson) -> Response:
    """Replace all restrictions: an operation that is not sent loses its own. The caller cannot lock themselves out."""
    return _write_restrictions(call, page_id, body, {name: {"user": [], "group": []} for name in OPERATIONS})


@router.post("/content/{page_id}/restriction", dependencies=[WRITE_RESTRICTIONS])
def add_restrictions(call: CloudCallDep, page_id: str, body: CloudJson) -> Response:
    """Add people or groups to the restrictions."""
    return _write_restrictions(call, page_id, body, call.store.restrictions(page_id))


@router.delete("/content/{page_id}/restriction", dependencies=[WRITE_RESTRICTIONS])
def remove_restrictions(call: CloudCallDep, page_id: str) -> Response:
    """Remove all restrictions of a page."""
    page = call.editable(page_id)
    call.store.set_restrictions(page.id, {name: {"user": [], "group": []} for name in OPERATIONS})
    return call.respond(_restrictions(call, page))


def _write_restrictions(call: CloudCall, page_id: str, body: Any, wanted: dict[str, dict[str, list[str]]]) -> Response:
    page = call.editable(page_id)
    entries = body.get("results") if isinstance(body, dict) else body
    if not isinstance(entries, list):
        raise v1_error(400, "A list of restrictions is expected")
    for entry in entries:
        operation = entry.get("operation") if isinstance(entry, dict) else None
        if operation not in wanted:
            raise v1_error(400, f"Unsupported operation: {operation}")
        subjects = entry.get("restrictions")
        if not isinstance(subjects, dict):
            raise v1_error(400, f"No restrictions given for operation: {operation}")
        users = [_username(call, subject) for subject in _subjects(subjects.get("user"))]
        groups = [_group(subject) for subject in _subjects(subjects.get("group"))]
        wanted[operation]["user"] = list(dict.fromkeys([*wanted[operation]["user"], *users]))
        wanted[operation]["group"] = list(dict.fromkeys([*wanted[operation]["group"], *groups]))
    for names in wanted.values():
        if not is_among(call.user, names):
            raise v1_error(400, "Restrictions cannot be set in a way that removes your own access")
    call.store.set_restrictions(page.id, wanted)
    return call.respond(_restrictions(call, page))


def _subjects(value: Any) -> list[Any]:
    """Return the list in a request; the body of a GET response can be sent unchanged."""
    listed = value.get("results") if isinstance(value, dict) else value
    if listed is None:
        return []
    if not isinstance(listed, list):
        raise v1_error(400, "A list of users or groups is expected")
    return listed


def _username(call: CloudCall, subject: Any) -> str:
    wanted = str(subject.get("accountId")) if isinstance(subject, dict) else ""
    user = user_by_account(call.store, wanted)
    if user is None:
        raise v1_error(400, f"No user found with accountId: {wanted}")
    return user.username


def _group(subject: Any) -> str:
    """Return the group with a name or id; the sandbox derives the ids from the names."""
    fields = subject if isinstance(subject, dict) else {}
    for name in group_names():
        if fields.get("id") == group_id(name) or fields.get("name") == name:
            return name
    raise v1_error(400, f"No group found with id: {fields.get('id')}")


def group_id(name: str) -> str:
    """Return the id of a group."""
    return account_id(f"group:{name}").partition(":")[2]


def group(call: CloudCall, name: str) -> dict[str, Any]:
    """Return a group."""
    links = {"self": f"{call.base}/rest/api/group/by-id?id={quote(group_id(name))}"}
    return {"type": "group", "name": name, "id": group_id(name), "_links": links}


def _address(page: Page) -> str:
    return f"/rest/api/content/{page.id}/restriction"


def _restrictions(call: CloudCall, page: Page) -> dict[str, Any]:
    content = listing(call, list(OPERATIONS), lambda name: _restriction(call, page, name), RESTRICTION_LIMIT)
    state = str(zlib.crc32(str(call.store.restrictions(page.id)).encode()))
    return content | {"restrictionsHash": state}


def _restriction(call: CloudCall, page: Page, operation: str) -> dict[str, Any]:
    subjects = call.store.restrictions(page.id)[operation]
    users = [v1_represent.person(call, username) for username in subjects["user"]]
    groups = [group(call, name) for name in subjects["group"]]
    return {
        "operation": operation,
        "restrictions": {
            "user": {"results": users, "start": 0, "limit": 200, "size": len(users)},
            "group": {"results": groups, "start": 0, "limit": 200, "size": len(groups)},
            "_expandable": {},
        },
        "_expandable": {"content": f"/rest/api/content/{page.id}"},
        "_links": {"self": f"{call.base}{_address(page)}/byOperation/{operation}"},
    }


# --- permissions


@router.post("/content/{page_id}/permission/check", dependencies=[CHECK])
def check_permission(call: CloudCallDep, page_id: str, body: CloudJson) -> Response:
    """Return whether a user or group may read, update or delete a page; about others only administrators may ask."""
    page = call.page(page_id)
    subject = body.get("subject") if isinstance(body, dict) else None
    operation = body.get("operation") if isinstance(body, dict) else None
    if not isinstance(subject, dict) or operation not in ("read", "update", "delete") or subject.get("type") != "user":
        raise v1_error(400, "A subject of the type user and an operation of: read, update, delete are required")
    if not may_write(call.user):
        raise call.forbidden("Only administrators may check the permissions of others")
    user = user_by_account(call.store, str(subject.get("identifier")))
    if user is None:
        raise v1_error(400, f"No user found with accountId: {subject.get('identifier')}")
    allowed = (may_view if operation == "read" else may_edit)(call.store, user, page)
    errors = [] if allowed else [{"translation": "User does not have permission to the content", "args": []}]
    return call.respond({"hasPermission": allowed, "errors": errors, "_links": {"self": f"{call.base}{_address(page)}"}})


# --- templates


# Before the route with an id, which would match "page" as one.
@router.get("/template/page", dependencies=[TEMPLATE])
def list_templates(call: CloudCallDep) -> Response:
    """List the templates of a space (``spaceKey``), without it the global ones; bodies only with ``expand=body``."""
    key = call.text("spaceKey")
    if key is not None and call.store.space(key) is None:
        raise v1_error(404, f"No space with key : {key}")
    with_body = any(name.startswith("body") for name in call.texts("expand"))
    templates = call.store.templates(key)
    return call.respond(listing(call, templates, lambda entry: _template(call, entry, with_body)), objects=len(templates))


@router.get("/template/{template_id}", dependencies=[TEMPLATE])
def get_template(call: CloudCallDep, template_id: str) -> Response:
    """Return a template with its body. An unknown id is 403, as in the published description."""
    template = call.store.template(template_id)
    if template is None:
        raise call.forbidden(f"No content template found with id: {template_id}")
    return call.respond(_template(call, template, with_body=True))


def _template(call: CloudCall, template: Template, with_body: bool) -> dict[str, Any]:
    content: dict[str, Any] = {
        "templateId": template.id,
        "name": template.name,
        "description": template.description,
        "labels": [{"prefix": "global", "name": name, "label": name, "id": ""} for name in template.labels],
        "templateType": "page",
        "editorVersion": "v2",
        "_expandable": {} if with_body else {"body": ""},
        "_links": {"self": f"{call.base}/rest/api/template/{template.id}"},
    }
    if space := call.store.space(template.space_key) if template.space_key else None:
        content["space"] = v1_represent.space(call, space)
    if with_body:
        content["body"] = {"storage": {"value": template.body, "representation": "storage", "embeddedContent": []}}
    return content
