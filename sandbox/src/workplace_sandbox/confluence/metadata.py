"""Labels and properties of a page."""

import json
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from workplace_sandbox.confluence.call import CallDep, DataCenterCall, JsonBody, forbidden, no_content_response, respond
from workplace_sandbox.confluence.errors import RestError, bad_request
from workplace_sandbox.confluence.representation import LABEL_LIMIT, DataCenterRepresentation
from workplace_sandbox.model import Page, Property
from workplace_sandbox.store import VersionConflictError

router = APIRouter()

LABEL_PREFIXES = ("global", "my", "team")
MAX_LABEL = 255
# Characters that Confluence refuses in a label.
ILLEGAL_IN_LABEL = frozenset(" :;,.?&[]()#^*@!")
PROPERTY_LIMIT = 10
MAX_PROPERTY_KEY = 255
# The largest value, as JSON text.
MAX_PROPERTY_CHARACTERS = 32768


@router.get("/content/{page_id}/label")
def list_labels(call: CallDep, page_id: str) -> Response:
    """List the labels of a page, optionally by prefix."""
    return respond(_labels(call, call.page(page_id)))


@router.post("/content/{page_id}/label")
def add_labels(call: CallDep, page_id: str, body: JsonBody) -> Response:
    """Add a label or a list of labels; existing ones stay unchanged."""
    page = call.page(page_id)
    call.require_edit(page)
    labels = body if isinstance(body, list) else [body]
    checked: list[tuple[str, str]] = []
    for label in labels:
        name = label.get("name") if isinstance(label, dict) else None
        prefix = label.get("prefix", "global") if isinstance(label, dict) else None
        if not isinstance(name, str) or not name or prefix not in LABEL_PREFIXES:
            raise bad_request("A label needs a name, and a prefix of: global, my, team")
        if len(name) > MAX_LABEL or ILLEGAL_IN_LABEL & set(name):
            raise bad_request(f"The label {name!r} is too long or contains illegal characters")
        checked.append((prefix, name))
    for prefix, name in checked:
        call.store.add_labels(page.id, [name], prefix)
    return respond(_labels(call, page))


@router.delete("/content/{page_id}/label")
def remove_label(call: CallDep, page_id: str) -> Response:
    """Remove the label ``name``; for names with a slash."""
    return _remove_label(call, page_id, call.text("name") or "")


@router.delete("/content/{page_id}/label/{name}")
def remove_label_by_path(call: CallDep, page_id: str, name: str) -> Response:
    """Remove a label."""
    return _remove_label(call, page_id, name)


@router.get("/content/{page_id}/property")
def list_properties(call: CallDep, page_id: str) -> Response:
    """List the properties of a page or a comment, by key."""
    content_id = _content(call, page_id)
    represent = DataCenterRepresentation(call)
    expand = call.expand("version")
    return respond(
        call.listing(
            call.store.properties(content_id),
            lambda entry: represent.property(entry, expand),
            default_limit=PROPERTY_LIMIT,
        )
    )


@router.get("/content/{page_id}/property/{key}")
def get_property(call: CallDep, page_id: str, key: str) -> Response:
    """Return one property of a page or a comment."""
    entry = call.store.property(_content(call, page_id), key)
    if entry is None:
        raise _no_property(key)
    return _property(call, entry)


@router.post("/content/{page_id}/property")
def create_property(call: CallDep, page_id: str, body: JsonBody) -> Response:
    """Create a property; an existing key is an error."""
    return _create(call, page_id, None, body)


@router.post("/content/{page_id}/property/{key}")
def create_property_by_key(call: CallDep, page_id: str, key: str, body: JsonBody) -> Response:
    """Create a property whose key is in the address."""
    return _create(call, page_id, key, body)


@router.put("/content/{page_id}/property/{key}")
def update_property(call: CallDep, page_id: str, key: str, body: JsonBody) -> Response:
    """Write a property. ``version.number`` is the current one plus one; 1 creates it."""
    content_id = _editable(call, page_id)
    value = _property_value(body, key, page_id)
    version = body.get("version")
    number = version.get("number") if isinstance(version, dict) else None
    if not isinstance(number, int) or number < 1:
        raise bad_request("The version number of the content property is missing")
    if number > 1 and call.store.property(content_id, key) is None:
        raise _no_property(key)
    try:
        return _property(call, call.store.set_property(content_id, key, value, number - 1))
    except VersionConflictError as error:
        raise RestError(409, f"Unable to update property with key {key}: the current version is {error.current}") from error


@router.delete("/content/{page_id}/property/{key}")
def delete_property(call: CallDep, page_id: str, key: str) -> Response:
    """Remove a property."""
    content_id = _editable(call, page_id)
    if not call.store.remove_property(content_id, key):
        raise _no_property(key)
    return no_content_response()


def _labels(call: DataCenterCall, page: Page) -> dict[str, Any]:
    prefix = call.text("prefix")
    labels = [label for label in call.store.labels(page.id) if prefix in (None, label.prefix)]
    return call.listing(labels, DataCenterRepresentation(call).label, default_limit=LABEL_LIMIT)


def _remove_label(call: DataCenterCall, page_id: str, name: str) -> Response:
    page = call.page(page_id)
    call.require_edit(page)
    if not call.store.remove_label(page.id, name):
        raise RestError(404, f"No label {name} on content with id {page_id}")
    return no_content_response()


def _create(call: DataCenterCall, page_id: str, key: str | None, body: Any) -> Response:
    content_id = _editable(call, page_id)
    sent_key = body.get("key", key) if isinstance(body, dict) else key
    if not isinstance(sent_key, str) or not sent_key:
        raise bad_request("The key of the content property is missing")
    value = _property_value(body, key or sent_key, page_id)
    try:
        return _property(call, call.store.set_property(content_id, sent_key, value, 0))
    except VersionConflictError as error:
        raise bad_request(f"A content property with key {sent_key} already exists") from error


def _property_value(body: Any, key: str, page_id: str) -> Any:
    """Return the value in a request.

    :raises RestError: 400 for another key or content than in the address, or no value; 413 for one too long.
    """
    if not isinstance(body, dict) or "value" not in body or body["value"] is None:
        raise bad_request("The value of the content property is missing")
    if body.get("key", key) != key:
        raise bad_request("The key of the content property differs from the one in the path")
    content = body.get("content")
    if isinstance(content, dict) and str(content.get("id", page_id)) != page_id:
        raise bad_request("The content of the content property differs from the one in the path")
    if len(key) > MAX_PROPERTY_KEY:
        raise bad_request(f"The key of a content property has at most {MAX_PROPERTY_KEY} characters")
    if len(json.dumps(body["value"], ensure_ascii=False)) > MAX_PROPERTY_CHARACTERS:
        raise RestError(413, f"The value of a content property has at most {MAX_PROPERTY_CHARACTERS} characters")
    return body["value"]


def _content(call: DataCenterCall, content_id: str) -> str:
    """Return the id of a page or a comment that the caller may see."""
    comment = call.store.comment(content_id) if content_id.isdigit() else None
    page = call.page(comment.page_id if comment else content_id)
    return comment.id if comment else page.id


def _editable(call: DataCenterCall, content_id: str) -> str:
    found = _content(call, content_id)
    if call.user is None:
        raise forbidden("Could not edit content properties")
    comment = call.store.comment(found)
    call.require_edit(call.page(comment.page_id if comment else found))
    return found


def _property(call: DataCenterCall, entry: Property) -> Response:
    content = DataCenterRepresentation(call).property(entry, call.expand("version"))
    return respond(content | {"_links": content["_links"] | call.top_links()})


def _no_property(key: str) -> RestError:
    return RestError(404, f"No property found with key: {key}")
