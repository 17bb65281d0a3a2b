"""Labels, for reading; and properties of pages, which have ids."""

import json
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from workplace_sandbox.confluence.cloud import represent, sorting
from workplace_sandbox.confluence.cloud.call import CloudCall, CloudCallDep, CloudJson, requires
from workplace_sandbox.confluence.cloud.errors import not_found, v2_error
from workplace_sandbox.confluence.cloud.pages import EVERY, fields, read_version
from workplace_sandbox.confluence.metadata import MAX_PROPERTY_CHARACTERS, MAX_PROPERTY_KEY
from workplace_sandbox.model import Page, Property
from workplace_sandbox.store import VersionConflictError

router = APIRouter()

READ = requires("read:page:confluence")
WRITE = requires("read:page:confluence write:page:confluence")
PREFIXES = ("my", "team", "global", "system")


@router.get("/pages/{page_id}/labels", dependencies=[READ])
def list_labels(call: CloudCallDep, page_id: str) -> Response:
    """List the labels of a page; REST v1 writes them."""
    page = call.page(page_id)
    prefix = call.choice("prefix", PREFIXES)
    labels = [label for label in call.store.labels(page.id) if prefix in (None, label.prefix)]
    return call.listing(labels, represent.label)


@router.get("/pages/{page_id}/properties", dependencies=[READ])
def list_properties(call: CloudCallDep, page_id: str) -> Response:
    """List the properties of a page; with ``key``, the one with that key."""
    page = call.page(page_id, EVERY)
    key = call.text("key")
    properties = [entry for entry in call.store.properties(page.id) if key in (None, entry.key)]
    ordered = sorting.ordered(call, properties, sorting.PROPERTIES)
    return call.listing(ordered, lambda entry: represent.content_property(entry, page.updated_by))


@router.post("/pages/{page_id}/properties", dependencies=[WRITE])
def create_property(call: CloudCallDep, page_id: str, body: CloudJson) -> Response:
    """Create a property; an existing key is an error."""
    page = call.editable(page_id)
    data = fields(body)
    key, value = key_and_value(data)
    try:
        made = call.store.set_property(page.id, key, value, 0)
        call.site.state.content_states.clear(page.id)
    except VersionConflictError as error:
        raise v2_error(409, f"A property with key [{key}] already exists on page with id [{page_id}]") from error
    return call.respond(represent.content_property(made, call.user.username))


@router.get("/pages/{page_id}/properties/{property_id}", dependencies=[READ])
def get_property(call: CloudCallDep, page_id: str, property_id: str) -> Response:
    """Return a property by its id."""
    page = call.page(page_id, EVERY)
    return call.respond(represent.content_property(_property(call, page, property_id), page.updated_by))


@router.put("/pages/{page_id}/properties/{property_id}", dependencies=[WRITE])
def update_property(call: CloudCallDep, page_id: str, property_id: str, body: CloudJson) -> Response:
    """Write the next version of a property."""
    page = call.editable(page_id)
    current = _property(call, page, property_id)
    data = fields(body)
    key, value = key_and_value(data)
    if key != current.key:
        raise v2_error(400, f"The key of property {property_id} is {current.key}", "INVALID_REQUEST_PARAMETER")
    number, _ = read_version(data.get("version"))
    conflict = v2_error(
        409,
        f"Version must be incremented when updating a property. Current Version: [{current.version}]."
        f" Provided version: [{number}]",
    )
    if number != current.version + 1:
        raise conflict
    try:
        made = call.store.set_property(page.id, key, value, current.version)
        call.site.state.content_states.clear(page.id)
    except VersionConflictError as error:
        raise conflict from error
    return call.respond(represent.content_property(made, call.user.username))


@router.delete("/pages/{page_id}/properties/{property_id}", dependencies=[WRITE])
def delete_property(call: CloudCallDep, page_id: str, property_id: str) -> Response:
    """Remove a property."""
    page = call.editable(page_id)
    call.store.remove_property(page.id, _property(call, page, property_id).key)
    return call.no_content()


def _property(call: CloudCall, page: Page, property_id: str) -> Property:
    call.check_id(property_id, "property-id")
    for entry in call.store.properties(page.id):
        if entry.id == property_id:
            return entry
    raise not_found("property", property_id)


def key_and_value(data: dict[str, Any]) -> tuple[str, Any]:
    """Return the key and the value of a property to write.

    :raises CloudError: 400, 413.
    """
    key, value = data.get("key"), data.get("value")
    if not isinstance(key, str) or not key or len(key) > MAX_PROPERTY_KEY:
        raise v2_error(400, f"key is required and has at most {MAX_PROPERTY_KEY} characters", "INVALID_REQUEST_PARAMETER")
    if value is None:
        raise v2_error(400, "value is required", "INVALID_REQUEST_PARAMETER")
    if len(json.dumps(value, ensure_ascii=False)) > MAX_PROPERTY_CHARACTERS:
        raise v2_error(413, f"The value of a property has at most {MAX_PROPERTY_CHARACTERS} characters")
    return key, value
