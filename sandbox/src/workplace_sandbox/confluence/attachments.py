"""Attachments: list, upload, new version, details, removal, download."""

from typing import Any

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from workplace_sandbox.confluence.call import CallDep, DataCenterCall, JsonBody, no_content_response, respond
from workplace_sandbox.confluence.errors import RestError, XsrfError, bad_request, html_page, no_content
from workplace_sandbox.confluence.multipart import Form, UploadedFile, read_form
from workplace_sandbox.confluence.representation import DataCenterRepresentation
from workplace_sandbox.model import Attachment, Page
from workplace_sandbox.store import FileNameTakenError, NotFoundError

router = APIRouter()
download_router = APIRouter()

# Lists of attachments are longer than other lists by default.
DEFAULT_LIMIT = 50
# A browser shows these inline. It saves everything else, so that an uploaded page of HTML runs no script here.
INLINE_MEDIA_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


@router.get("/content/{page_id}/child/attachment")
def list_attachments(call: CallDep, page_id: str) -> Response:
    """List the attachments of a page; with ``filename``, the one with that name."""
    page = call.page(page_id)
    files = call.store.attachments(page.id)
    if name := call.text("filename"):
        files = [file for file in files if file.filename == name]
    if media_type := call.text("mediaType"):
        files = [file for file in files if file.media_type == media_type]
    represent = DataCenterRepresentation(call)
    expand = call.expand()
    return respond(call.listing(files, lambda file: represent.attachment(file, expand), default_limit=DEFAULT_LIMIT))


@router.post("/content/{page_id}/child/attachment")
async def create_attachments(call: CallDep, page_id: str) -> Response:
    """Attach one or more new files. A name that is taken is an error: a new version goes to ``/data``."""
    page = await run_in_threadpool(_editable, call, page_id)
    with await _form(call) as form:
        return await run_in_threadpool(_create, call, page, form)


@router.post("/content/{page_id}/child/attachment/{attachment_id}/data")
async def update_attachment_data(call: CallDep, page_id: str, attachment_id: str) -> Response:
    """Upload the next version of an attachment.

    Two such uploads to one page at the same time collide: the later one gets 500.
    """
    begun_at = call.site.locks.begin(page_id)
    page = await run_in_threadpool(_editable, call, page_id)
    current = await run_in_threadpool(_attachment, call, page, attachment_id)
    with await _form(call) as form:
        return await run_in_threadpool(_add_version, call, current, form, begun_at)


@router.put("/content/{page_id}/child/attachment/{attachment_id}")
def update_attachment(call: CallDep, page_id: str, attachment_id: str, body: JsonBody) -> Response:
    """Change name, media type or comment of an attachment, or move it to another page; no new bytes."""
    page = _editable(call, page_id)
    current = _attachment(call, page, attachment_id)
    if not isinstance(body, dict) or str(body.get("id", current.id)).removeprefix("att") != current.id.removeprefix("att"):
        raise bad_request("Attachment id in the body does not match the one in the path")
    version = body.get("version")
    if not isinstance(version, dict) or not isinstance(version.get("number"), int):
        raise bad_request("Attachment version number is invalid")
    # The description requires the current version. Users of md2conf report that Data Center also accepts the next one
    # (github.com/hunyadi/md2conf/issues/110: release 0.2.7, which sends it, works there), as Cloud does.
    if version["number"] not in (current.version, current.version + 1):
        raise RestError(409, f"Version of the attachment does not match. Current version is: {current.version}")
    metadata = _part(body, "metadata")
    target = _part(body, "container").get("id")
    if target is not None:
        _editable(call, str(target))
    try:
        updated = call.store.update_attachment(
            current.id,
            filename=body.get("title") if isinstance(body.get("title"), str) else None,
            media_type=metadata.get("mediaType"),
            comment=metadata.get("comment"),
            page_id=None if target is None else str(target),
        )
    except FileNameTakenError as error:
        raise _name_taken(error.filename) from error
    return respond(DataCenterRepresentation(call).attachment(updated, call.expand("version,container")))


@router.post("/content/{page_id}/child/attachment/{attachment_id}/move")
def move_attachment(call: CallDep, page_id: str, attachment_id: str) -> Response:
    """Move an attachment to another page, or rename it."""
    _check_token(call)
    page = _editable(call, page_id)
    _attachment(call, page, attachment_id)
    target = call.text("newContentId")
    if target is None:
        raise bad_request("newContentId is required")
    _editable(call, target)
    try:
        call.store.update_attachment(attachment_id, filename=call.text("newName"), page_id=target)
    except FileNameTakenError as error:
        raise _name_taken(error.filename) from error
    return no_content_response()


@router.delete("/content/{page_id}/child/attachment/{attachment_id}")
def delete_attachment(call: CallDep, page_id: str, attachment_id: str) -> Response:
    """Remove an attachment with all its versions."""
    begun_at = call.site.locks.begin(page_id)
    page = _editable(call, page_id)
    _attachment(call, page, attachment_id)
    call.site.locks.finish(page_id, begun_at)
    call.store.remove_attachment(attachment_id)
    return no_content_response()


@router.delete("/content/{page_id}/child/attachment/{attachment_id}/version/{number}")
def delete_attachment_version(call: CallDep, page_id: str, attachment_id: str, number: int) -> Response:
    """Remove one version of an attachment."""
    page = _editable(call, page_id)
    current = _attachment(call, page, attachment_id)
    try:
        call.store.remove_attachment_version(current.id, number)
    except NotFoundError as error:
        raise RestError(404, f"No version {number} of attachment {attachment_id}") from error
    return no_content_response()


@download_router.get("/download/attachments/{page_id}/{filename:path}")
@download_router.get("/download/thumbnails/{page_id}/{filename:path}")
def download(call: CallDep, page_id: str, filename: str) -> Response:
    """Stream the bytes of an attachment.

    Anonymous callers are redirected to the log-in page: a client that follows gets HTML with status 200 instead of a
    file.
    """
    if call.user is None:
        return RedirectResponse(f"{call.site.context_path}/login.action", 302)
    file = call.store.attachment_by_name(call.page(page_id).id, filename)
    versions = call.store.attachment_versions(file.id) if file else []
    if call.text("version"):
        versions = [entry for entry in versions if entry.version == call.number("version", 0)]
    if not versions:
        return HTMLResponse(html_page(404, f"No attachment {filename}"), 404)
    found = versions[0]
    plain = found.media_type.partition(";")[0].strip().lower()
    return FileResponse(
        found.path,
        media_type=found.media_type,
        filename=found.filename,
        content_disposition_type="inline" if plain in INLINE_MEDIA_TYPES else "attachment",
        headers={"X-Content-Type-Options": "nosniff"},
    )


@download_router.get("/login.action")
def login_page() -> Response:
    """Return the log-in page, to which Confluence redirects anonymous callers."""
    return HTMLResponse(LOGIN_PAGE)


LOGIN_PAGE = (
    '<!DOCTYPE html><html lang="en"><head><title>Log In - Confluence</title></head><body>'
    '<form name="loginform" method="POST" action="dologin.action">'
    '<input name="os_username"><input name="os_password" type="password"><button>Log in</button>'
    "</form></body></html>"
)


def _editable(call: DataCenterCall, page_id: str) -> Page:
    page = call.page(page_id)
    call.require_edit(page, f"User not permitted to edit attachments of content {page_id}")
    return page


def _attachment(call: DataCenterCall, page: Page, attachment_id: str) -> Attachment:
    # The path also takes the bare number, as Atlassian's own examples and md2conf write it.
    file = call.store.attachment(attachment_id)
    if file is None or file.page_id != page.id:
        raise no_content(attachment_id)
    return file


def _check_token(call: DataCenterCall) -> None:
    # The published description shows "nocheck", and md2cf sends it; some sites refuse it (sooperset/mcp-atlassian#1378).
    if call.request.headers.get("x-atlassian-token", "").strip().lower() not in ("no-check", "nocheck"):
        raise XsrfError


async def _form(call: DataCenterCall) -> Form:
    _check_token(call)
    content_type = call.request.headers.get("content-type", "")
    site = call.site
    form = await read_form(call.request.stream(), content_type, site.store.stage_file, site.max_attachment_bytes)
    if not any(file.field == "file" for file in form.files):
        with form:
            raise bad_request("At least one attachment file is required in the form field 'file'")
    return form


def _create(call: DataCenterCall, page: Page, form: Form) -> Response:
    files = [file for file in form.files if file.field == "file"]
    comments = form.texts.get("comment", [])
    if comments and len(comments) != len(files):
        raise bad_request("There must be as many comments as there are files")
    names = [_checked_name(file.filename) for file in files]
    replace = (call.text("allowDuplicated") or "").lower() == "true"
    for position, name in enumerate(names):
        taken = call.store.attachment_by_name(page.id, name) is not None
        if name in names[:position] or (taken and not replace):
            raise _name_taken(name)
    made = []
    for position, file in enumerate(files):
        comment = comments[position] if comments else ""
        made.append(_store(call, page, file, comment, form.flag("minorEdit"), replace))
    represent = DataCenterRepresentation(call)
    expand = call.expand("version,container")
    results = [represent.attachment(file, expand) for file in made]
    address = f"{call.base}/rest/api/content/{page.id}/child/attachment"
    links = {"self": address} | call.top_links()
    return respond({"results": results, "start": 0, "limit": 200, "size": len(results), "_links": links})


def _store(call: DataCenterCall, page: Page, file: UploadedFile, comment: str, minor: bool, replace: bool) -> Attachment:
    author = call.require_edit(page).username
    current = call.store.attachment_by_name(page.id, file.filename)
    if current is not None and replace:
        return call.store.add_attachment_version(current.id, file.staged, file.media_type, comment, author, minor)
    try:
        return call.store.add_attachment(page.id, file.filename, file.media_type, file.staged, comment, author, minor)
    except FileNameTakenError as error:
        raise _name_taken(error.filename) from error


def _add_version(call: DataCenterCall, current: Attachment, form: Form, begun_at: int) -> Response:
    file = next(file for file in form.files if file.field == "file")
    user = call.require_edit(call.page(current.page_id))
    call.site.locks.finish(current.page_id, begun_at)
    try:
        updated = call.store.add_attachment_version(
            current.id,
            file.staged,
            file.media_type,
            form.texts.get("comment", [""])[-1],
            user.username,
            form.flag("minorEdit"),
            # The published description: the name of the new version's file replaces the old name.
            filename=_checked_name(file.filename),
        )
    except FileNameTakenError as error:
        raise _name_taken(error.filename) from error
    content: dict[str, Any] = DataCenterRepresentation(call).attachment(updated, call.expand("version,container"))
    return respond(content | {"_links": content["_links"] | call.top_links()})


def _part(body: dict[str, Any], name: str) -> dict[str, Any]:
    part = body.get(name)
    return part if isinstance(part, dict) else {}


def _checked_name(filename: str) -> str:
    # Confluence's pages warn of a quotation mark as well, but files that have one exist.
    if not filename or any(character in filename for character in "\\/:*?<>|"):
        raise bad_request(f"The attachment file name {filename!r} contains illegal characters")
    return filename


def _name_taken(filename: str) -> RestError:
    return bad_request(f"Cannot add a new attachment with same file name as an existing attachment: {filename}")
