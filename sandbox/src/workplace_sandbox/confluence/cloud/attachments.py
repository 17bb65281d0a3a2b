"""Attachments of REST v2, which only reads and deletes them: bytes are sent and fetched by REST v1."""

import uuid
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from workplace_sandbox.confluence.cloud import represent, sorting
from workplace_sandbox.confluence.cloud.call import CloudCall, CloudCallDep, CloudJson, is_number, requires, wrong_type
from workplace_sandbox.confluence.cloud.errors import not_found, v2_error
from workplace_sandbox.confluence.cloud.metadata import key_and_value
from workplace_sandbox.confluence.cloud.pages import EVERY, fields, read_version
from workplace_sandbox.model import Attachment, Property

router = APIRouter()

READ = requires("read:attachment:confluence")
WRITE = requires("read:attachment:confluence write:attachment:confluence")
STATUSES = ("current", "archived", "trashed")
DEFAULT_LIMIT = 50


@router.get("/pages/{page_id}/attachments", dependencies=[READ])
def list_page_attachments(call: CloudCallDep, page_id: str) -> Response:
    """List the attachments of a page; with ``filename``, the one with that name."""
    return _list(call, call.store.attachments(call.page(page_id, EVERY).id))


@router.get("/attachments", dependencies=[READ])
def list_attachments(call: CloudCallDep) -> Response:
    """List the attachments of all current pages."""
    pages = call.visible(call.store.pages())
    return _list(call, [file for page in pages for file in call.store.attachments(page.id)])


@router.get("/attachments/{attachment_id}", dependencies=[READ])
def get_attachment(call: CloudCallDep, attachment_id: str) -> Response:
    """Return an attachment by its id, which begins with ``att``; with ``version``, that version of it."""
    file = _attachment(call, attachment_id)
    number = call.number("version")
    if number is not None:
        versions = [entry for entry in call.store.attachment_versions(file.id) if entry.version == number]
        if not versions:
            raise not_found("attachment", attachment_id)
        file = versions[0]
    shown = represent.attachment(call, file)
    return call.respond(shown | {"_links": shown["_links"] | {"base": call.base}})


@router.get("/attachments/{attachment_id}/versions", dependencies=[READ])
def list_attachment_versions(call: CloudCallDep, attachment_id: str) -> Response:
    """List the versions of an attachment, the newest first."""
    file = _attachment(call, attachment_id)
    return call.listing(
        call.store.attachment_versions(file.id),
        lambda entry: (
            represent.attachment(call, entry)["version"] | {"attachment": {"id": entry.id, "title": entry.filename}}
        ),
        key=lambda entry: str(entry.version),
    )


@router.delete("/attachments/{attachment_id}", dependencies=[requires("delete:attachment:confluence")])
def delete_attachment(call: CloudCallDep, attachment_id: str) -> Response:
    """Remove an attachment with all its versions."""
    file = _attachment(call, attachment_id)
    call.editable(file.page_id)
    call.store.remove_attachment(file.id)
    return call.no_content()


@router.get("/attachments/{attachment_id}/properties", dependencies=[READ])
def list_properties(call: CloudCallDep, attachment_id: str) -> Response:
    """List the properties of an attachment; with ``key``, the one with that key."""
    file = _attachment(call, attachment_id)
    key = call.text("key")
    properties = [entry for entry in _properties(call, file).values() if key in (None, entry.key)]
    return call.listing(properties, lambda entry: represent.content_property(entry, file.author))


@router.post("/attachments/{attachment_id}/properties", dependencies=[WRITE])
def create_property(call: CloudCallDep, attachment_id: str, body: CloudJson) -> Response:
    """Create a property; an existing key is an error."""
    file = _attachment(call, attachment_id)
    call.editable(file.page_id)
    key, value = key_and_value(fields(body))
    if key in _properties(call, file):
        raise v2_error(409, f"A property with key [{key}] already exists on attachment with id [{attachment_id}]")
    return _store_property(call, file, key, value, str(uuid.uuid4().int % 10**15), 1)


@router.get("/attachments/{attachment_id}/properties/{property_id}", dependencies=[READ])
def get_property(call: CloudCallDep, attachment_id: str, property_id: str) -> Response:
    """Return a property by its id."""
    file = _attachment(call, attachment_id)
    return call.respond(represent.content_property(_property(call, file, property_id), file.author))


@router.put("/attachments/{attachment_id}/properties/{property_id}", dependencies=[WRITE])
def update_property(call: CloudCallDep, attachment_id: str, property_id: str, body: CloudJson) -> Response:
    """Write the next version of a property."""
    file = _attachment(call, attachment_id)
    call.editable(file.page_id)
    current = _property(call, file, property_id)
    sent_fields = fields(body)
    key, value = key_and_value(sent_fields)
    number, _ = read_version(sent_fields.get("version"))
    if key != current.key or number != current.version + 1:
        raise v2_error(409, f"Version must be incremented when updating a property. Current Version: [{current.version}].")
    return _store_property(call, file, key, value, current.id, number)


@router.delete("/attachments/{attachment_id}/properties/{property_id}", dependencies=[WRITE])
def delete_property(call: CloudCallDep, attachment_id: str, property_id: str) -> Response:
    """Remove a property."""
    file = _attachment(call, attachment_id)
    call.editable(file.page_id)
    del _properties(call, file)[_property(call, file, property_id).key]
    return call.no_content()


def _properties(call: CloudCall, file: Attachment) -> dict[str, Property]:
    return call.site.state.attachment_properties.setdefault(file.id, {})


def _property(call: CloudCall, file: Attachment, property_id: str) -> Property:
    call.check_id(property_id, "property-id")
    for entry in _properties(call, file).values():
        if entry.id == property_id:
            return entry
    raise not_found("property", property_id)


def _store_property(call: CloudCall, file: Attachment, key: str, value: Any, property_id: str, version: int) -> Response:
    made = Property(property_id, file.page_id, key, value, version, datetime.now(UTC))
    _properties(call, file)[key] = made
    return call.respond(represent.content_property(made, call.user.username))


def _attachment(call: CloudCall, attachment_id: str) -> Attachment:
    if not is_number(attachment_id.removeprefix("att")):
        raise wrong_type(attachment_id, "id", "ContentId")
    file = call.store.attachment(f"att{attachment_id.removeprefix('att')}")
    page = call.store.page(file.page_id) if file else None
    if file is None or page is None or not call.may_view(page):
        raise not_found("attachment", attachment_id)
    return file


def _list(call: CloudCall, files: list[Attachment]) -> Response:
    if "current" not in call.statuses(STATUSES, ("current",)):
        files = []
    if name := call.text("filename"):
        files = [file for file in files if file.filename == name]
    if media_type := call.text("mediaType"):
        files = [file for file in files if file.media_type == media_type]
    ordered = sorting.ordered(call, files, sorting.ATTACHMENTS)
    return call.listing(ordered, lambda file: represent.attachment(call, file), default_limit=DEFAULT_LIMIT)
