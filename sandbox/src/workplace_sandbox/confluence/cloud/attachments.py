"""Attachments of REST v2, which only reads and deletes them: bytes are sent and fetched by REST v1."""

from fastapi import APIRouter
from fastapi.responses import Response

from workplace_sandbox.confluence.cloud import represent, sorting
from workplace_sandbox.confluence.cloud.call import CloudCall, CloudCallDep, is_number, needs, wrong_type
from workplace_sandbox.confluence.cloud.errors import not_found
from workplace_sandbox.confluence.cloud.pages import EVERY
from workplace_sandbox.model import Attachment

router = APIRouter()

READ = needs("read:attachment:confluence")
STATUSES = ("current", "archived", "trashed")
DEFAULT_LIMIT = 50


@router.get("/pages/{page_id}/attachments", dependencies=[READ])
def list_page_attachments(call: CloudCallDep, page_id: str) -> Response:
    """The attachments of a page; with ``filename``, the one of that name."""
    return _listed(call, call.store.attachments(call.page(page_id, EVERY).id))


@router.get("/attachments", dependencies=[READ])
def list_attachments(call: CloudCallDep) -> Response:
    """The attachments of all current pages."""
    pages = call.visible(call.store.pages())
    return _listed(call, [file for page in pages for file in call.store.attachments(page.id)])


@router.get("/attachments/{attachment_id}", dependencies=[READ])
def get_attachment(call: CloudCallDep, attachment_id: str) -> Response:
    """An attachment by its id, which begins with ``att``; with ``version``, as it was."""
    file = _attachment(call, attachment_id)
    number = call.number("version")
    if number is not None:
        found = [entry for entry in call.store.attachment_versions(file.id) if entry.version == number]
        if not found:
            raise not_found("attachment", attachment_id)
        file = found[0]
    shown = represent.attachment(call, file)
    return call.answer(shown | {"_links": shown["_links"] | {"base": call.base}})


@router.get("/attachments/{attachment_id}/versions", dependencies=[READ])
def list_attachment_versions(call: CloudCallDep, attachment_id: str) -> Response:
    """The versions of an attachment, the newest first."""
    file = _attachment(call, attachment_id)
    return call.listing(
        call.store.attachment_versions(file.id),
        lambda entry: (
            represent.attachment(call, entry)["version"] | {"attachment": {"id": entry.id, "title": entry.filename}}
        ),
        key=lambda entry: str(entry.version),
    )


@router.delete("/attachments/{attachment_id}", dependencies=[needs("delete:attachment:confluence")])
def delete_attachment(call: CloudCallDep, attachment_id: str) -> Response:
    """Remove an attachment with all its versions."""
    file = _attachment(call, attachment_id)
    call.editable(file.page_id)
    call.store.remove_attachment(file.id)
    return call.done()


def _attachment(call: CloudCall, attachment_id: str) -> Attachment:
    if not is_number(attachment_id.removeprefix("att")):
        raise wrong_type(attachment_id, "id", "ContentId")
    file = call.store.attachment(attachment_id)
    page = call.store.page(file.page_id) if file else None
    if file is None or page is None or not call.may_view(page):
        raise not_found("attachment", attachment_id)
    return file


def _listed(call: CloudCall, files: list[Attachment]) -> Response:
    if "current" not in call.statuses(STATUSES, ("current",)):
        files = []
    if name := call.text("filename"):
        files = [file for file in files if file.filename == name]
    if media_type := call.text("mediaType"):
        files = [file for file in files if file.media_type == media_type]
    ordered = sorting.ordered(call, files, sorting.ATTACHMENTS)
    return call.listing(ordered, lambda file: represent.attachment(call, file), default_limit=DEFAULT_LIMIT)
