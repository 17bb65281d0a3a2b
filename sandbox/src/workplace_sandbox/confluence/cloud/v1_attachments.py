"""Attachments of REST v1: uploads, and downloads of the bytes."""

import io

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from workplace_sandbox.confluence.cloud import v1_represent
from workplace_sandbox.confluence.cloud.call import CloudCall, CloudCallDep, CloudJson, requires
from workplace_sandbox.confluence.cloud.errors import CloudError, v1_error
from workplace_sandbox.confluence.cloud.media import media_url
from workplace_sandbox.confluence.cloud.pages import EVERY
from workplace_sandbox.confluence.expand import Expand
from workplace_sandbox.confluence.multipart import Form, UploadedFile, read_form
from workplace_sandbox.model import Attachment, Page
from workplace_sandbox.store import FileNameTakenError

router = APIRouter()

UPLOAD = requires("write:confluence-file", "read:content-details:confluence write:attachment:confluence")
UPDATE = requires(
    "write:confluence-file write:confluence-props", "read:content-details:confluence write:attachment:confluence"
)
DOWNLOAD = requires("readonly:content.attachment:confluence", "read:attachment:confluence")
SHOWN = Expand.parse(["version,container"])


@router.post("/content/{page_id}/child/attachment", dependencies=[UPLOAD])
async def create_attachments(call: CloudCallDep, page_id: str) -> Response:
    """Attach new files. A name that is taken is an error."""
    return await _upload(call, page_id, replace=False)


@router.put("/content/{page_id}/child/attachment", dependencies=[UPLOAD])
async def put_attachments(call: CloudCallDep, page_id: str) -> Response:
    """Attach files: a name that is taken gets a new version."""
    return await _upload(call, page_id, replace=True)


@router.post("/content/{page_id}/child/attachment/{attachment_id}/data", dependencies=[UPLOAD])
async def update_attachment_data(call: CloudCallDep, page_id: str, attachment_id: str) -> Response:
    """Upload the next version of an attachment."""
    begun_at = call.site.state.locks.begin(page_id)
    page = await run_in_threadpool(call.editable, page_id)
    current = await run_in_threadpool(attached, call, page, attachment_id)
    with await _form(call) as form:
        return await run_in_threadpool(_add_version, call, current, form, begun_at)


@router.put("/content/{page_id}/child/attachment/{attachment_id}", dependencies=[UPDATE])
def update_attachment(call: CloudCallDep, page_id: str, attachment_id: str, body: CloudJson) -> Response:
    """Change name, media type or comment of an attachment; no new bytes."""
    page = call.editable(page_id)
    current = attached(call, page, attachment_id)
    data = body if isinstance(body, dict) else {}
    version = data.get("version")
    number = version.get("number") if isinstance(version, dict) else None
    if (
        str(data.get("id")).removeprefix("att") != current.id.removeprefix("att")
        or data.get("type") != "attachment"
        or not isinstance(number, int)
    ):
        raise v1_error(400, "id, type and version.number of the attachment are required")
    # The description requires the current version; md2conf sends the next one, as for pages.
    if number not in (current.version, current.version + 1):
        raise v1_error(409, f"Version of the attachment does not match. Current version is: {current.version}")
    metadata = data.get("metadata")
    details = metadata if isinstance(metadata, dict) else {}
    title = data.get("title")
    try:
        updated = call.store.update_attachment(
            current.id,
            filename=title if isinstance(title, str) else None,
            media_type=details.get("mediaType"),
            comment=details.get("comment"),
        )
    except FileNameTakenError as error:
        raise _name_taken(error.filename) from error
    shown = v1_represent.attachment(call, updated, SHOWN)
    return call.respond(shown | {"_links": shown["_links"] | v1_represent.top_links(call)})


@router.get("/content/{page_id}/child/attachment/{attachment_id}/download", dependencies=[DOWNLOAD])
def download(call: CloudCallDep, page_id: str, attachment_id: str) -> Response:
    """Redirect to the bytes: an address on another host, valid for a while without credentials."""
    file = attached(call, call.page(page_id, EVERY), attachment_id)
    number = call.text("version")
    if number is not None:
        versions = [entry for entry in call.store.attachment_versions(file.id) if str(entry.version) == number]
        if not versions:
            raise v1_error(400, f"The attachment has no version {number}")
        file = versions[0]
    return call.redirect(media_url(call, file))


def attached(call: CloudCall, page: Page, attachment_id: str) -> Attachment:
    """Return an attachment of a page.

    :raises CloudError: 404.
    """
    file = call.store.attachment(f"att{attachment_id.removeprefix('att')}")
    if file is None or file.page_id != page.id:
        raise v1_error(404, f"No attachment found with id: {attachment_id}")
    return file


async def _upload(call: CloudCall, page_id: str, *, replace: bool) -> Response:
    page = await run_in_threadpool(call.editable, page_id)
    with await _form(call) as form:
        return await run_in_threadpool(_store_all, call, page, form, replace)


async def _form(call: CloudCall) -> Form:
    if call.request.headers.get("x-atlassian-token", "").strip().lower() not in ("no-check", "nocheck"):
        raise CloudError(403, "XSRF check failed")
    site = call.site
    content_type = call.request.headers.get("content-type", "")
    form = await read_form(call.request.stream(), content_type, site.store.stage_file, site.max_attachment_bytes)
    problem = None
    if not any(file.field == "file" for file in form.files):
        problem = "At least one attachment file is required in the form field 'file'"
    if problem:
        with form:
            raise v1_error(400, problem)
    return form


def _store_all(call: CloudCall, page: Page, form: Form, replace: bool) -> Response:
    files = [file for file in form.files if file.field == "file"]
    comments = form.texts.get("comment", [])
    for file in files:
        _check_name(file.filename)
        if not replace and call.store.attachment_by_name(page.id, file.filename) is not None:
            raise _name_taken(file.filename)
    made = [
        _store(call, page, file, comments[position] if position < len(comments) else "", form.flag("minorEdit"))
        for position, file in enumerate(files)
    ]
    results = [v1_represent.attachment(call, file, SHOWN) for file in made]
    links = {"self": f"{call.base}/rest/api/content/{page.id}/child/attachment"} | v1_represent.top_links(call)
    return call.respond({"results": results, "start": 0, "limit": 50, "size": len(results), "_links": links})


def _store(call: CloudCall, page: Page, file: UploadedFile, comment: str, minor: bool) -> Attachment:
    author = call.user.username
    current = call.store.attachment_by_name(page.id, file.filename)
    if current is not None:
        return call.store.add_attachment_version(current.id, file.staged, file.media_type, comment, author, minor)
    try:
        if call.site.state.upload_fails():
            call.store.add_attachment(page.id, file.filename, file.media_type, io.BytesIO(), comment, author, minor)
            raise v1_error(503, "Service Unavailable")
        return call.store.add_attachment(page.id, file.filename, file.media_type, file.staged, comment, author, minor)
    except FileNameTakenError as error:
        raise _name_taken(error.filename) from error


def _add_version(call: CloudCall, current: Attachment, form: Form, begun_at: int) -> Response:
    file = next(file for file in form.files if file.field == "file")
    _check_name(file.filename)
    call.site.state.locks.finish(current.page_id, begun_at)
    try:
        updated = call.store.add_attachment_version(
            current.id,
            file.staged,
            file.media_type,
            form.texts.get("comment", [""])[-1],
            call.user.username,
            form.flag("minorEdit"),
            filename=file.filename,
        )
    except FileNameTakenError as error:
        raise _name_taken(error.filename) from error
    shown = v1_represent.attachment(call, updated, SHOWN)
    return call.respond(shown | {"_links": shown["_links"] | v1_represent.top_links(call)})


def _check_name(filename: str) -> None:
    if not filename or any(character in filename for character in "\\/:*?<>|"):  # see the Data Center one
        raise v1_error(400, f"The attachment file name {filename!r} contains illegal characters")


def _name_taken(filename: str) -> CloudError:
    return v1_error(400, f"Cannot add a new attachment with same file name as an existing attachment: {filename}")
