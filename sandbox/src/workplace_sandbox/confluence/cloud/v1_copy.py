"""The copy calls of REST v1: one page, optionally with another body; or a page and its descendants."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from workplace_sandbox.confluence import access
from workplace_sandbox.confluence.cloud import v1_represent
from workplace_sandbox.confluence.cloud.bodies import as_kept
from workplace_sandbox.confluence.cloud.call import CloudCall, CloudCallDep, CloudJson, points_headers, requires
from workplace_sandbox.confluence.cloud.errors import CloudError, v1_error
from workplace_sandbox.confluence.cloud.pages import MAX_TITLE, TITLE_TAKEN
from workplace_sandbox.confluence.cloud.v1_content import accepted
from workplace_sandbox.confluence.expand import Expand
from workplace_sandbox.confluence.wellformed import check_storage
from workplace_sandbox.model import Page
from workplace_sandbox.store import TitleTakenError

router = APIRouter()

COPY = requires("write:confluence-content", "read:content-details:confluence write:page:confluence")
COPY_TREE = requires("write:confluence-content", "read:content.metadata:confluence write:page:confluence")
DESTINATIONS = ("space", "existing_page", "parent_page", "parent_content")
PARTS = ("copyAttachments", "copyPermissions", "copyProperties", "copyLabels", "copyCustomContents")


@dataclass(frozen=True, slots=True)
class _Place:
    """The destination of a copy: below a page, below a folder, at the top of a space, or onto a page."""

    space_key: str
    parent_id: str | None = None
    folder_id: str | None = None
    onto: Page | None = None


@router.post("/content/{page_id}/copy", dependencies=[COPY])
def copy_page(call: CloudCallDep, page_id: str, body: CloudJson) -> Response:
    """Copy a page; ``body.storage`` replaces its text, in the same write.

    A title that is taken is an error here. The behaviour of a real site is not known (reference section 2.3).
    """
    options = body if isinstance(body, dict) else {}
    source = call.page(page_id, ("current",))
    place = _place(call, options.get("destination"))
    parts = _parts(options)
    title = options.get("pageTitle", source.title)
    storage = _body(options.get("body"), source)
    made = _copy(call, source, place, _title(title), storage, parts)
    expand = Expand.parse(call.request.query_params.getlist("expand") or ["version,space,history"])
    shown = v1_represent.page(call, made, expand)
    shown["_links"] = shown["_links"] | v1_represent.top_links(call)
    return JSONResponse(shown, headers={"Content-Type": "application/json;charset=UTF-8"} | points_headers(call.request))


@router.post("/content/{page_id}/pagehierarchy/copy", dependencies=[COPY_TREE])
def copy_tree(call: CloudCallDep, page_id: str, body: CloudJson) -> Response:
    """Copy a page and its descendants, in the background."""
    data = body if isinstance(body, dict) else {}
    source = call.page(page_id, ("current",))
    target = call.page(str(data.get("destinationPageId")), ("current",))
    options = data.get("titleOptions")
    titles = options if isinstance(options, dict) else {}
    if "prefix" in titles and not titles["prefix"]:
        raise v1_error(400, "The prefix of the titles is empty")
    if not access.may_write(call.user):
        raise call.forbidden("User does not have permission to copy to this destination")
    errors: list[str] = []
    count = 0
    first: Page | None = None
    waiting = [(source, target)]
    while waiting:
        page, parent = waiting.pop(0)
        try:
            place = _Place(target.space_key, parent.id)
            made = _copy(call, page, place, _title(_new_title(page.title, titles)), page.body, _parts(data))
        except CloudError as error:
            errors.append(f"ERROR_COPY_PAGE: {page.title}: {error}")
            continue
        first = first or made
        count += 1
        if data.get("copyDescendants"):
            waiting += [(child, made) for child in call.visible(call.store.children(page.id)) if child.id != made.id]
    details: dict[str, Any] = {"totalPageNeedToCopy": count}
    if first is not None:
        details |= {"destinationId": first.id, "destinationUrl": f"/spaces/{first.space_key}/pages/{first.id}"}
    return accepted(call, call.site.state.begin_task("copy.pages", details, errors))


def _place(call: CloudCall, destination: Any) -> _Place:
    """Return the destination of a copy.

    :raises CloudError: 400 for an invalid destination, 404 for one that the caller does not see, 403 for one they may
        not change.
    """
    kind = destination.get("type") if isinstance(destination, dict) else None
    value = destination.get("value") if isinstance(destination, dict) else None
    if kind not in DESTINATIONS or not isinstance(value, str):
        raise v1_error(400, f"destination needs a value, and a type of: {', '.join(DESTINATIONS)}")
    refused = call.forbidden("User does not have permission to copy to this destination")
    if not access.may_write(call.user):
        raise refused
    if kind == "space":
        space = call.store.space(value)
        if space is None:
            raise v1_error(404, f"No space with key : {value}")
        return _Place(space.key)
    if kind == "parent_content" and (folder := call.store.folder(value)) is not None:
        return _Place(folder.space_key, folder_id=folder.id)
    page = call.page(value, ("current",))
    if kind != "existing_page":
        return _Place(page.space_key, page.id)
    if not call.may_edit(page):
        raise refused
    return _Place(page.space_key, page.parent_id, onto=page)


def _parts(options: dict[str, Any]) -> frozenset[str]:
    """Return the parts to copy besides the text; none by default."""
    for name in PARTS:
        if not isinstance(options.get(name, False), bool):
            raise v1_error(400, f"{name} is true or false")
    return frozenset(name for name in PARTS if options.get(name))


def _title(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value.strip().encode("utf-16-le")) // 2 > MAX_TITLE:
        raise v1_error(400, f"pageTitle is not empty and has at most {MAX_TITLE} characters")
    return value.strip()


def _body(value: Any, source: Page) -> str:
    """Return the text of the copy."""
    if value is None:
        return source.body
    entry = value.get("storage") if isinstance(value, dict) else None
    storage = entry if isinstance(entry, dict) else {}
    text = storage.get("value")
    if not isinstance(text, str) or storage.get("representation") != "storage":
        raise v1_error(400, "body needs storage with a value and representation storage; editor2 is not part of the sandbox")
    check_storage(text)
    return as_kept(text)


def _copy(call: CloudCall, source: Page, place: _Place, title: str, storage: str, parts: frozenset[str]) -> Page:
    store, author = call.store, call.user.username
    try:
        if place.onto is not None:
            made = store.update_page(place.onto.id, author=author, title=title, body=storage)
        else:
            made = store.create_page(place.space_key, title, storage, place.parent_id, author=author)
    except TitleTakenError as error:
        raise v1_error(400, TITLE_TAKEN) from error
    if place.folder_id:
        store.put_in_folder(made.id, place.folder_id)
    if "copyAttachments" in parts:
        _copy_attachments(call, source, made)
    if "copyLabels" in parts:
        for label in store.labels(source.id):
            store.add_labels(made.id, [label.name], label.prefix)
    if "copyProperties" in parts:
        for entry in store.properties(source.id):
            store.set_property(made.id, entry.key, entry.value)
    if "copyPermissions" in parts:
        store.set_restrictions(made.id, store.restrictions(source.id))
    return made


def _copy_attachments(call: CloudCall, source: Page, made: Page) -> None:
    """The latest versions of the files; each is version 1 of a new attachment."""
    for file in call.store.attachments(source.id):
        current = call.store.attachment_by_name(made.id, file.filename)
        with file.path.open("rb") as data:
            if current is None:
                call.store.add_attachment(made.id, file.filename, file.media_type, data, file.comment, call.user.username)
            else:
                call.store.add_attachment_version(current.id, data, file.media_type, file.comment, call.user.username)


def _new_title(title: str, options: dict[str, Any]) -> str:
    """Return the title of a copy: a part replaced, and a prefix before it."""
    search, replacement = options.get("search"), options.get("replace")
    if isinstance(search, str) and search and isinstance(replacement, str):
        title = title.replace(search, replacement)
    prefix = options.get("prefix")
    return f"{prefix}{title}" if isinstance(prefix, str) else title
