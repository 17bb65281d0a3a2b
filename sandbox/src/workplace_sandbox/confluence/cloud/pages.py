"""Pages of REST v2: look up, read, create, update, rename, delete, and their versions."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from workplace_sandbox.confluence import access
from workplace_sandbox.confluence.cloud import represent, sorting
from workplace_sandbox.confluence.cloud.accounts import account_id
from workplace_sandbox.confluence.cloud.bodies import LIST_FORMATS, SINGLE_FORMATS, read_body
from workplace_sandbox.confluence.cloud.call import CloudCall, CloudCallDep, CloudJson, requires
from workplace_sandbox.confluence.cloud.errors import CloudError, not_found, v2_error
from workplace_sandbox.model import Page, PageStatus
from workplace_sandbox.store import KEEP, Keep, ParentError, TitleTakenError, VersionConflictError

router = APIRouter()

READ = requires("read:page:confluence")
WRITE = requires("write:page:confluence")
LIST_STATUSES = ("current", "archived", "deleted", "trashed")
BLOG_STATUSES = ("current", "deleted", "trashed")
PAGE_STATUSES = ("current", "archived", "trashed", "deleted", "historical", "draft")
EVERY: tuple[PageStatus, ...] = ("current", "archived", "trashed")
DEFAULT: tuple[PageStatus, ...] = ("current", "archived")
MAX_TITLE = 255
TITLE_TAKEN = "A page with this title already exists: A page already exists with the same TITLE in this space"


@router.get("/pages", dependencies=[READ])
def list_pages(call: CloudCallDep) -> Response:
    """List pages by space, title, id and status; current and archived ones by default.

    ``title`` is compared without regard to case, and it is exact.
    """
    spaces = call.ids("space-id")
    keys = [space.key for space in call.store.spaces() if not spaces or str(space.id) in spaces]
    pages = list_of_pages(call, keys)
    if ids := set(call.ids("id")):
        pages = [page for page in pages if page.id in ids]
    if call.choice("subtype", ("live", "page")) == "live":
        pages = [page for page in pages if page.id in call.site.state.live_docs]
    return _list(call, pages)


@router.get("/labels/{label_id}/pages", dependencies=[READ])
def list_pages_of_label(call: CloudCallDep, label_id: str) -> Response:
    """List the current pages with the label that has this id."""
    call.check_id(label_id)
    every = call.visible(call.store.pages())
    labels = {page.id: call.store.labels(page.id) for page in every}
    names = {(label.prefix, label.name) for page_labels in labels.values() for label in page_labels if label.id == label_id}
    if not names:
        raise not_found("label", label_id)
    return _list(call, [page for page in every if any((entry.prefix, entry.name) in names for entry in labels[page.id])])


@router.post("/pages", dependencies=[WRITE])
def create_page(call: CloudCallDep, body: CloudJson) -> Response:
    """Create a page below a page, a folder, or the home page of its space; or a blog post."""
    data = fields(body)
    space = call.space_by_id(_id_text(data.get("spaceId"), "spaceId"))
    if not access.may_write(call.user):
        raise call.forbidden("User does not have permission to create a page in this space")
    if data.get("status", "current") != "current":
        raise v2_error(400, "Drafts are not part of the sandbox", "INVALID_REQUEST_PARAMETER")
    title = read_title(data.get("title"))
    storage = read_body(data["body"]) if data.get("body") is not None else ""
    parent_id = data.get("parentId")
    if call.kind == "blogpost":
        parent_id = None
    elif parent_id is None and not call.flag("root-level"):
        parent_id = space.homepage_id
    parent, folder = parent_of_write(call, space.key, None if parent_id is None else _id_text(parent_id, "parentId"))
    try:
        page = call.store.create_page(space.key, title, storage, parent, author=call.user.username, kind=call.kind)
    except TitleTakenError as error:
        raise title_taken() from error
    if folder:
        call.store.put_in_folder(page.id, folder)
    return single(call, page, "storage")


@router.get("/pages/{page_id}", dependencies=[READ])
def get_page(call: CloudCallDep, page_id: str) -> Response:
    """Return a page by id in any status; with ``version``, that version of it."""
    statuses = call.statuses(PAGE_STATUSES, EVERY)
    # An old version belongs to a page in any status.
    page = call.page(page_id, statuses or EVERY)
    body_format = call.choice("body-format", SINGLE_FORMATS)
    number = call.number("version")
    if number is None:
        return single(call, page, body_format)
    old = call.store.page_version(page.id, number)
    if old is None:
        raise not_found("page", page_id)
    return single(call, page, body_format, represent.page(call, page, body_format, old))


@router.put("/pages/{page_id}", dependencies=[WRITE])
def update_page(call: CloudCallDep, page_id: str, body: CloudJson) -> Response:
    """Write the next version of a page; move it; restore it from the trash."""
    data = fields(body)
    page = call.editable(page_id, EVERY)
    if _id_text(data.get("id"), "id") != page_id:
        raise v2_error(400, f"The id in the body is not {page_id}", "INVALID_REQUEST_PARAMETER")
    if data.get("status") != "current":
        raise v2_error(400, "status is required and has to be current: drafts are not part of the sandbox")
    if page.status == "archived":
        raise v2_error(400, f"The page with id {page_id} is archived and cannot be updated")
    title = read_title(data.get("title"))
    if data.get("body") is None:
        raise v2_error(400, "body is required", "INVALID_REQUEST_PARAMETER")
    storage = read_body(data["body"])
    number, message = read_version(data.get("version"))
    check_next(page, number)
    if data.get("spaceId") is not None and str(data["spaceId"]) != represent.space_id(call, page.space_key):
        raise v2_error(400, "A page cannot be moved to another space", "INVALID_REQUEST_PARAMETER")
    parent: str | Keep | None = KEEP
    folder: str | None = None
    if data.get("parentId") is not None:
        parent, folder = parent_of_write(call, page.space_key, _id_text(data["parentId"], "parentId"))
    updated = write(call, page, title=title, storage=storage, message=message, parent=parent)
    if not isinstance(parent, Keep):
        call.store.put_in_folder(page.id, folder)
    return single(call, updated, "storage")


@router.put("/pages/{page_id}/title", dependencies=[WRITE])
def rename_page(call: CloudCallDep, page_id: str, body: CloudJson) -> Response:
    """Give a page another title, as its next version."""
    data = fields(body)
    page = call.editable(page_id, ("current",))
    if data.get("status") != "current":
        raise v2_error(400, "status is required and has to be current: drafts are not part of the sandbox")
    return single(call, write(call, page, title=read_title(data.get("title"))), None)


@router.delete("/pages/{page_id}", dependencies=[requires("delete:page:confluence")])
def delete_page(call: CloudCallDep, page_id: str) -> Response:
    """Move a page to the trash; with ``purge``, remove it from there for good."""
    purge = call.flag("purge")
    page = call.editable(page_id, ("trashed",) if purge else ("current", "archived"))
    if purge:
        call.store.purge_page(page.id)
    else:
        call.store.trash_page(page.id)
    return call.no_content()


@router.get("/pages/{page_id}/versions", dependencies=[READ])
def list_versions(call: CloudCallDep, page_id: str) -> Response:
    """List the versions of a page, the newest first; the text of each with ``body-format``."""
    page = call.page(page_id, EVERY)
    body_format = call.choice("body-format", LIST_FORMATS)
    versions = sorting.ordered(call, call.store.versions(page.id), sorting.VERSIONS)

    def shown(entry: Any) -> dict[str, Any]:
        body = represent.page(call, page, body_format, entry)["body"]
        return represent.page_version(entry) | {page.kind: {"id": page.id, "title": entry.title, "body": body}}

    return call.listing(versions, shown, key=lambda entry: str(entry.number), with_bodies=body_format is not None)


@router.get("/pages/{page_id}/versions/{number}", dependencies=[READ])
def get_version(call: CloudCallDep, page_id: str, number: str) -> Response:
    """Return the author and the time of a version."""
    page = call.page(page_id, EVERY)
    version = call.store.page_version(page.id, int(call.check_id(number, "version-number")))
    if version is None:
        raise not_found("version", number)
    shown = represent.page_version(version) | {
        "contentTypeModified": False,
        "collaborators": [account_id(version.author)],
    }
    if version.number > 1:
        shown["prevVersion"] = version.number - 1
    if version.number < page.version:
        shown["nextVersion"] = version.number + 1
    return call.respond(shown)


@router.get("/pages/{page_id}/operations", dependencies=[READ])
def get_operations(call: CloudCallDep, page_id: str) -> Response:
    """Return the operations that the caller may perform on a page."""
    page = call.page(page_id)
    allowed = ("read", "update", "delete", "copy") if call.may_edit(page) else ("read", "copy")
    return call.respond({"operations": [{"operation": name, "targetType": page.kind} for name in allowed]})


# --- used by the neighbours as well


def list_of_pages(call: CloudCall, space_keys: list[str]) -> list[Page]:
    """Return the pages of spaces that match ``status`` and ``title``, in the order of ``sort``."""
    blog = call.kind == "blogpost"
    statuses = call.statuses(BLOG_STATUSES if blog else LIST_STATUSES, ("current",) if blog else DEFAULT)
    title = call.text("title")
    kind = call.kind
    pages = call.store.pages_by_title(title, None, statuses, kind) if title else call.store.pages(None, statuses, kind)
    return sorting.ordered(call, [page for page in call.visible(pages) if page.space_key in space_keys], sorting.PAGES)


def write(
    call: CloudCall,
    page: Page,
    *,
    title: str,
    storage: str | None = None,
    message: str = "",
    parent: str | Keep | None = KEEP,
) -> Page:
    """Write the next version of a page; a trashed one is restored.

    :raises CloudError: 409 after another write in between, 400 when the title is taken.
    """
    back = page.status == "trashed"
    over = call.store.page(page.parent_id) if page.parent_id else None
    if back and isinstance(parent, Keep) and (over is None or over.status != "current"):
        parent = None
    try:
        return call.store.update_page(
            page.id,
            author=call.user.username,
            title=title,
            body=storage,
            parent_id=parent,
            status="current" if back else None,
            message=message,
            expected_version=page.version,
        )
    except VersionConflictError as error:
        raise stale(error.current, page.version + 1) from error
    except TitleTakenError as error:
        raise title_taken() from error
    except ParentError as error:
        raise v2_error(400, f"The parent of the page cannot be that: {error}") from error


def parent_of_write(call: CloudCall, space_key: str, parent_id: str | None) -> tuple[str | None, str | None]:
    """Return the page and the folder that a parent's id refers to; one of them is None.

    :raises CloudError: 404 when the caller sees no such page or folder, 400 when it is in another space.
    """
    if parent_id is None:
        return None, None
    if (folder := call.store.folder(parent_id)) is not None:
        call.folder(folder.id)
        if folder.space_key != space_key:
            raise v2_error(400, f"The parent with id {parent_id} is in another space", "INVALID_REQUEST_PARAMETER")
        return None, folder.id
    page = call.page(parent_id, ("current",))
    if page.space_key != space_key:
        raise v2_error(400, f"The parent with id {parent_id} is in another space", "INVALID_REQUEST_PARAMETER")
    return page.id, None


def check_next(page: Page, number: int) -> None:
    """Check that a version is the one after the current one.

    :raises CloudError: 409.
    """
    if number != page.version + 1:
        raise stale(page.version, number)


def stale(current: int, provided: int) -> CloudError:
    """Return error 409: another write came in between."""
    title = f"Version must be incremented when updating a page. Current Version: [{current}]. Provided version: [{provided}]"
    return v2_error(409, title)


def title_taken() -> CloudError:
    """Return error 400: a current or archived page of the space has the title."""
    return v2_error(400, TITLE_TAKEN)


def single(call: CloudCall, page: Page, body_format: str | None, shown: dict[str, Any] | None = None) -> Response:
    """Return one page, with the parts that the request includes."""
    content = shown or represent.page(call, page, body_format)
    links = content["_links"]
    included: dict[str, Any] = {}
    if call.flag("include-labels"):
        included["labels"] = _included_list([represent.label(entry) for entry in call.store.labels(page.id)])
    if call.flag("include-properties"):
        included["properties"] = _included_list(
            [represent.content_property(entry, page.updated_by) for entry in call.store.properties(page.id)]
        )
    if call.flag("include-versions"):
        included["versions"] = _included_list([represent.page_version(entry) for entry in call.store.versions(page.id)])
    if (call.text("include-version") or "").lower() == "false":
        content.pop("version")
    return call.respond(content | included | {"_links": links | {"base": call.base}})


def fields(body: Any) -> dict[str, Any]:
    """Return the object in a request.

    :raises CloudError: 400 for anything else.
    """
    if not isinstance(body, dict):
        raise v2_error(400, "A JSON object is expected", "INVALID_REQUEST_PARAMETER")
    return body


def read_title(value: Any) -> str:
    """Return a title.

    :raises CloudError: 400 for a missing title, or one that is too long.
    """
    if not isinstance(value, str) or not value.strip():
        raise v2_error(400, "Title is required", "INVALID_REQUEST_PARAMETER")
    title = value.strip()
    # A server counts UTF-16 units, as Java does: an emoji is two.
    if len(title.encode("utf-16-le")) // 2 > MAX_TITLE:
        raise v2_error(400, f"Title cannot be longer than {MAX_TITLE} characters.", "INVALID_REQUEST_PARAMETER")
    return title


def read_version(value: Any) -> tuple[int, str]:
    """Return the number and the message of ``version``.

    :raises CloudError: 400 without a number.
    """
    number = value.get("number") if isinstance(value, dict) else None
    if not isinstance(number, int) or isinstance(number, bool):
        raise v2_error(400, "version.number is required", "INVALID_REQUEST_PARAMETER")
    message = value.get("message")
    return number, message if isinstance(message, str) else ""


def _list(call: CloudCall, pages: list[Page]) -> Response:
    body_format = call.choice("body-format", LIST_FORMATS)
    live = call.site.state.live_docs

    def shown(page: Page) -> dict[str, Any]:
        return represent.page(call, page, body_format) | ({"subtype": "live"} if page.id in live else {})

    return call.listing(pages, shown, with_bodies=body_format is not None)


def _included_list(entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {"results": entries[:50], "meta": {"hasMore": len(entries) > 50, "cursor": ""}, "_links": {"self": ""}}


def _id_text(value: Any, name: str) -> str:
    """Return an id, which is a text; a number is taken as well.

    :raises CloudError: 400 for anything else.
    """
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isdigit()):
        raise v2_error(400, f"{name} has to be an id, not {value!r}", "INVALID_REQUEST_PARAMETER")
    return text
