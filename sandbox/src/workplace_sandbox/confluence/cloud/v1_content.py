"""Pages of REST v1: archive, move, list descendants, and convert bodies."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from workplace_sandbox.confluence import bodies
from workplace_sandbox.confluence.cloud import tree, v1_represent
from workplace_sandbox.confluence.cloud.call import CloudCall, CloudCallDep, CloudJson, requires
from workplace_sandbox.confluence.cloud.errors import v1_error
from workplace_sandbox.confluence.cloud.state import LongTask
from workplace_sandbox.confluence.cloud.v1_listing import listing
from workplace_sandbox.confluence.expand import Expand
from workplace_sandbox.confluence.wellformed import check_storage
from workplace_sandbox.model import Page
from workplace_sandbox.store import ParentError

router = APIRouter()

ARCHIVE = requires("write:confluence-content", "read:content.metadata:confluence write:page:confluence")
MOVE = requires("write:confluence-content", "write:page:confluence")
BELOW = requires("read:confluence-content.summary", "read:content-details:confluence")
CONVERT = requires("read:confluence-content.all", "read:content.metadata:confluence")
MAX_ARCHIVED = 300
DEPTHS = {"all": 100, "root": 1}


@router.post("/content/archive", dependencies=[ARCHIVE])
def archive_pages(call: CloudCallDep, body: CloudJson) -> Response:
    """Archive pages, in the background: their titles stay taken."""
    listed = body.get("pages") if isinstance(body, dict) else None
    if not isinstance(listed, list) or not listed or len(listed) > MAX_ARCHIVED:
        raise v1_error(400, f"pages has to be a list of 1 to {MAX_ARCHIVED} pages")
    ids = [entry.get("id") if isinstance(entry, dict) else None for entry in listed]
    if any(not isinstance(number, int | str) for number in ids):
        raise v1_error(400, "Each page needs an id")
    pages = [call.editable(str(number), ("current",)) for number in ids]
    for page in pages:
        call.store.archive_page(page.id)
    return accepted(call, call.site.state.begin_task("archive.pages"))


@router.put("/content/{page_id}/move/{position}/{target_id}", dependencies=[MOVE])
def move_page(call: CloudCallDep, page_id: str, position: str, target_id: str) -> Response:
    """Move a page below another one (``append``), or beside it (``before``, ``after``)."""
    if position not in ("before", "after", "append"):
        raise v1_error(400, f"The position is before, after or append, not {position}")
    page = call.editable(page_id, ("current",))
    target = call.page(target_id, ("current",))
    if target.id == page.id:
        raise v1_error(400, "A page cannot be moved to itself")
    if target.space_key != page.space_key:
        raise v1_error(400, "Moving a page to another space is not part of the sandbox")
    folder = None if position == "append" else call.store.folder_of(target.id)
    try:
        if position == "append":
            moved = call.store.move_page(page.id, target.id)
        else:
            moved = call.store.move_page(page.id, target.parent_id, target.id, before=position == "before")
    except ParentError as error:
        raise v1_error(400, f"The page cannot be moved there: {error}") from error
    call.store.put_in_folder(page.id, folder.id if folder else None)
    return call.respond({"pageId": moved.id})


@router.get("/content/{page_id}/descendant/{kind}", dependencies=[BELOW])
def list_descendants(call: CloudCallDep, page_id: str, kind: str) -> Response:
    """List all pages below a page; also its attachments or comments."""
    page = call.page(page_id)
    expand = Expand.parse(call.request.query_params.getlist("expand"))
    if kind == "attachment":
        files = call.store.attachments(page.id)
        return call.respond(listing(call, files, lambda file: v1_represent.attachment(call, file, expand)))
    if kind == "comment":
        comments = call.store.comments(page.id)
        return call.respond(listing(call, comments, lambda entry: v1_represent.comment(call, entry, expand)))
    if kind != "page":
        raise v1_error(400, f"No descendants of type {kind}")
    depth_text = call.text("depth") or "all"
    depth = DEPTHS.get(depth_text) or (int(depth_text) if depth_text.isascii() and depth_text.isdigit() else 0)
    if not 1 <= depth <= 100:
        raise v1_error(400, f"depth is all, root, or between 1 and 100, not {depth_text}")
    below = [entry for entry, _, _ in tree.descendants(call.store, page, depth)]
    pages = call.visible([entry for entry in below if isinstance(entry, Page)])
    return call.respond(listing(call, pages, lambda entry: v1_represent.page(call, entry, expand)), objects=len(pages))


@router.post("/contentbody/convert/async/{to}", dependencies=[CONVERT])
def convert_body(call: CloudCallDep, to: str, body: CloudJson) -> Response:
    """Convert a body in the background."""
    data = body if isinstance(body, dict) else {}
    value, source = data.get("value"), data.get("representation")
    if not isinstance(value, str) or source != "storage" or to not in bodies.RENDERED:
        raise v1_error(
            400, f"Cannot convert from {source} to {to}: the sandbox converts storage to {', '.join(bodies.RENDERED)}"
        )
    check_storage(value)
    page = call.page(call.text("contentIdContext") or _any_page(call))
    result = bodies.convert(call.store, call.site.context_path, page, value, to)
    conversion = call.site.state.begin_conversion(to, result)
    return call.respond({"asyncId": conversion.id})


@router.get("/contentbody/convert/async/{conversion_id}", dependencies=[CONVERT])
def get_converted(call: CloudCallDep, conversion_id: str) -> Response:
    """Return a converted body, or its progress."""
    conversion = call.site.state.conversions.get(conversion_id)
    if conversion is None:
        raise v1_error(404, f"No conversion found with id: {conversion_id}")
    shown: dict[str, Any] = {"representation": conversion.representation, "renderTaskId": conversion.id}
    if conversion.looks_left > 0:
        conversion.looks_left -= 1
        return call.respond(shown | {"status": "WORKING"})
    return call.respond(shown | {"status": "COMPLETED", "value": conversion.value})


def accepted(call: CloudCall, task: LongTask) -> Response:
    """Return status 202 with the address of a job."""
    return call.respond({"id": task.id, "links": {"status": f"/rest/api/longtask/{task.id}"}}, 202)


def _any_page(call: CloudCall) -> str:
    """Return the id of any page, to convert a body that belongs to none."""
    return next((page.id for page in call.visible(call.store.pages())), "0")
