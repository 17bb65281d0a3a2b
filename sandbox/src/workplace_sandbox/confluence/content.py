"""Content: look up, create, update, move to the trash, and the tree below a page."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from workplace_sandbox.confluence import access
from workplace_sandbox.confluence.call import (
    CallDep,
    DataCenterCall,
    JsonBody,
    forbidden,
    no_content_response,
    respond,
    update_refusal,
)
from workplace_sandbox.confluence.errors import (
    RestError,
    bad_request,
    no_content,
    stale_version,
    title_taken,
)
from workplace_sandbox.confluence.expand import Expand
from workplace_sandbox.confluence.representation import DataCenterRepresentation
from workplace_sandbox.confluence.wellformed import check_storage
from workplace_sandbox.model import PAGE_KINDS, Comment, Page, PageKind, PageStatus
from workplace_sandbox.store import KEEP, Keep, ParentError, TitleTakenError, VersionConflictError

router = APIRouter()

# The default expansions of a server; lists expand nothing.
FETCHED = "history,space,version"
WRITTEN = "body.storage,history,space,container.history,container.version,version,ancestors"
MAX_TITLE = 255


@router.get("/content")
def list_content(call: CallDep) -> Response:
    """List pages or blog posts by space, title, status and posting day, or content by ids.

    ``title`` is compared without regard to case, and it is exact: use this, not CQL, to check whether a page exists.
    """
    expand = call.expand()
    space, title = call.text("spaceKey"), call.text("title")
    key = call.space(space).key if space else None
    statuses = call.statuses()
    if ids := call.texts("ids"):
        named = [page for page_id in ids if (page := call.store.page(page_id)) and page.status in statuses]
        pages = [page for page in named if key in (None, page.space_key)]
    else:
        kind = read_kind(call.text("type") or "page")
        pages = call.store.pages_by_title(title, key, statuses, kind) if title else call.store.pages(key, statuses, kind)
        if day := call.text("postingDay"):
            pages = [page for page in pages if f"{page.created_at:%Y-%m-%d}" == day]
    return respond(_pages(call, call.visible(pages), expand))


@router.post("/content")
def create_content(call: CallDep, body: JsonBody) -> Response:
    """Create a page, a blog post, or a comment on one."""
    content = _object(body)
    if not content.get("type"):
        raise bad_request("Could not create content: type is required to create content")
    if content["type"] == "comment":
        return respond(_create_comment(call, content))
    if content["type"] not in ("page", "blogpost"):
        raise bad_request(f"Could not create content with type {content['type']}: not part of the sandbox")
    return respond(_create_page(call, content))


@router.get("/content/{content_id}")
def get_content(call: CallDep, content_id: str) -> Response:
    """Return a page, comment or attachment by id; with ``version``, that version of a page."""
    expand = call.expand(FETCHED)
    represent = DataCenterRepresentation(call)
    if file := call.store.attachment(content_id) if content_id.startswith("att") else None:
        call.page(file.page_id)
        return _single(call, represent.attachment(file, expand))
    if comment := call.store.comment(content_id):
        call.page(comment.page_id)
        return _single(call, represent.comment(comment, expand))
    # A request for an old version has the status "historical"; the page itself has to be a current one.
    statuses: tuple[PageStatus, ...] = ("current",) if call.texts("status") == ["historical"] else ()
    page = call.page(content_id, statuses or call.statuses())
    if call.text("version") is None:
        return _single(call, represent.page(page, expand))
    version = call.store.page_version(page.id, call.number("version", 0))
    if version is None:
        raise no_content(content_id)
    return _single(call, represent.page(page, expand, version))


@router.put("/content/{content_id}")
def update_content(call: CallDep, content_id: str, body: JsonBody) -> Response:
    """Write the next version of a page; move it; restore it from the trash."""
    content = _object(body)
    if str(content.get("id") or content_id) != content_id:
        raise bad_request("content id mismatch")
    statuses = call.statuses() if call.texts("status") else ("current", "trashed")
    if call.texts("status") and (page := call.store.page(content_id)) and page.status not in statuses:
        gone = page.status == "trashed"
        raise RestError(410, "Content was trashed.") if gone else RestError(404, "Content can't be found.")
    page = call.page(content_id, statuses)
    user = call.require_edit(page)
    number = _version_number(content)
    if number != page.version + 1:
        raise stale_version(page.version)
    if page.status == "trashed":
        return _single(call, _restore(call, page, user.username), WRITTEN)
    return _single(call, _update_page(call, page, content, user.username), WRITTEN)


@router.delete("/content/{content_id}")
def delete_content(call: CallDep, content_id: str) -> Response:
    """Move a page to the trash; with ``status=trashed``, remove it from there for good."""
    status = call.text("status") or "current"
    if status not in ("current", "draft", "trashed"):
        raise bad_request("Specified status for Content DELETE can only be 'current', 'draft' or 'trashed'")
    if call.store.attachment(content_id) and content_id.startswith("att"):
        return _delete_attachment(call, content_id)
    if comment := call.store.comment(content_id):
        if call.user is None or not access.may_write(call.user):
            raise forbidden(f"Could not delete content with id {content_id}")
        call.page(comment.page_id)
        call.store.remove_comment(content_id)
        return no_content_response()
    page = call.page(content_id, ("trashed",) if status == "trashed" else ("current",))
    call.require_edit(page, f"Could not delete content with id {content_id}")
    if status == "trashed":
        call.store.purge_page(content_id)
    else:
        call.store.trash_page(content_id)
    return no_content_response()


@router.get("/content/{content_id}/history")
def get_history(call: CallDep, content_id: str) -> Response:
    """Return the history of a page: its author, and its changes."""
    page = call.page(content_id)
    expand = call.expand("previousVersion,nextVersion,lastUpdated")
    return _single(call, DataCenterRepresentation(call).history(page, page.version, expand))


@router.get("/content/{content_id}/child")
def get_children(call: CallDep, content_id: str) -> Response:
    """Return the children of a page, by type."""
    page = call.page(content_id)
    return _single(call, DataCenterRepresentation(call).children(page, call.expand()))


@router.get("/content/{content_id}/child/page")
def list_child_pages(call: CallDep, content_id: str) -> Response:
    """List the pages directly below a page, in their order."""
    page = call.page(content_id)
    return respond(_pages(call, call.visible(call.store.children(page.id)), call.expand()))


@router.get("/content/{content_id}/child/comment")
def list_comments(call: CallDep, content_id: str) -> Response:
    """List the comments of a page.

    ``location`` may be repeated: ``footer``, ``inline`` (open ones), ``resolved``. Replies are left out unless
    ``depth=all``.
    """
    page = call.page(content_id)
    expand = call.expand()
    comments = call.store.comments(page.id)
    if call.text("depth") != "all":
        comments = [comment for comment in comments if comment.parent_id is None]
    if locations := call.texts("location"):
        comments = [comment for comment in comments if _location(comment) in locations]
    represent = DataCenterRepresentation(call)
    return respond(call.listing(comments, lambda entry: represent.comment(entry, expand), with_bodies="body" in expand))


@router.get("/content/{content_id}/descendant")
def get_descendants(call: CallDep, content_id: str) -> Response:
    """Return the descendants of a page, by type."""
    page = call.page(content_id)
    expand = call.expand()
    parts = DataCenterRepresentation(call).page(
        page, Expand.parse([f"descendants.{p}" for p in expand.paths()] or ["descendants"])
    )
    return _single(call, parts["descendants"])


@router.get("/content/{content_id}/descendant/page")
def list_descendant_pages(call: CallDep, content_id: str) -> Response:
    """List all pages below a page."""
    page = call.page(content_id)
    return respond(_pages(call, call.visible(call.store.descendants(page.id)), call.expand()))


def read_kind(text: str) -> PageKind:
    """Return the kind of content with a title.

    :raises RestError: 400 for another type.
    """
    if text not in PAGE_KINDS:
        raise bad_request(f"No content of type {text} can be listed")
    return PAGE_KINDS[text]


def _pages(call: DataCenterCall, pages: Sequence[Page], expand: Expand) -> dict[str, Any]:
    represent = DataCenterRepresentation(call)
    return call.listing(pages, lambda page: represent.page(page, expand), with_bodies="body" in expand)


def _single(call: DataCenterCall, content: dict[str, Any] | Page, default_expand: str = "") -> Response:
    """Return one piece of content, with the additional entries of the outermost ``_links``."""
    if isinstance(content, Page):
        content = DataCenterRepresentation(call).page(content, call.expand(default_expand))
    links = content.get("_links", {}) | {"collection": "/rest/api/content"} | call.top_links()
    return respond(content | {"_links": links})


def _location(comment: Comment) -> str:
    return "resolved" if comment.location == "inline" and comment.resolved else comment.location


def _create_page(call: DataCenterCall, content: dict[str, Any]) -> dict[str, Any]:
    if not access.may_write(call.user) or call.user is None:
        raise forbidden("Could not create content with type page")
    kind = read_kind(content["type"])
    if kind == "blogpost" and content.get("ancestors"):
        raise bad_request("Could not create content with type blogpost: a blog post has no ancestors")
    space = content.get("space")
    if not isinstance(space, dict) or not space.get("key"):
        raise bad_request("Could not create content with type page: Space is required to create content")
    key = call.space(str(space["key"])).key
    title = _title(content.get("title"))
    if content.get("status", "current") != "current":
        raise bad_request("Could not create content with type page: drafts are not part of the sandbox")
    storage = _storage(content) or ""
    parent_id = _parent(call, content, key)
    try:
        page = call.store.create_page(
            key,
            title,
            storage,
            None if isinstance(parent_id, Keep) else parent_id,
            author=call.user.username,
            message=_version_message(content),
            kind=kind,
        )
    except TitleTakenError as error:
        raise title_taken(title, key) from error
    except ParentError as error:
        raise bad_request(f"Could not create content with type page: {error}") from error
    for name, entry in _given_properties(content).items():
        call.store.set_property(page.id, name, entry)
    made = DataCenterRepresentation(call).page(page, call.expand(WRITTEN))
    return made | {"_links": made["_links"] | {"collection": "/rest/api/content"} | call.top_links()}


def _update_page(call: DataCenterCall, page: Page, content: dict[str, Any], author: str) -> Page:
    kind = content.get("type")
    if kind != page.kind:
        raise bad_request(
            f"{update_refusal('Page', page.id)}: Type is required and must match existing entity type of {page.kind}, "
            f"but received {'null' if kind is None else kind}"
        )
    title = _title(content["title"]) if content.get("title") is not None else page.title
    space = content.get("space")
    if isinstance(space, dict) and space.get("key") and call.space(space["key"]).key != page.space_key:
        raise bad_request(f"{update_refusal('Page', page.id)}: moving to another space is not part of the sandbox")
    position = content.get("position")
    version = content["version"]
    try:
        updated = call.store.update_page(
            page.id,
            author=author,
            title=title,
            body=_storage(content),
            parent_id=_parent(call, content, page.space_key),
            position=position if isinstance(position, int) else None,
            message=_version_message(content),
            minor=version.get("minorEdit") is True,
            expected_version=page.version,
        )
    except VersionConflictError as error:
        raise stale_version(error.current) from error
    except TitleTakenError as error:
        raise title_taken(title, page.space_key) from error
    except ParentError as error:
        raise bad_request(f"{update_refusal('Page', page.id)}: {error}") from error
    for name, entry in _given_properties(content).items():
        call.store.set_property(page.id, name, entry)
    return updated


def _restore(call: DataCenterCall, page: Page, author: str) -> Page:
    """Restore a page; nothing else of it changes, and its parent applies only if it still exists."""
    parent = call.store.page(page.parent_id) if page.parent_id else None
    try:
        return call.store.update_page(
            page.id,
            author=author,
            status="current",
            parent_id=KEEP if parent and parent.status == "current" else None,
            expected_version=page.version,
        )
    except VersionConflictError as error:
        raise stale_version(error.current) from error
    except TitleTakenError as error:
        raise title_taken(page.title, page.space_key) from error


def _create_comment(call: DataCenterCall, content: dict[str, Any]) -> dict[str, Any]:
    container = content.get("container")
    if not isinstance(container, dict) or not container.get("id"):
        raise bad_request("Could not create content with type comment: container is required")
    page = call.page(str(container["id"]))
    if call.user is None or not access.may_write(call.user):
        raise forbidden("Could not create content with type comment")
    above = content.get("ancestors") or []
    parent_id = str(_object(above[-1]).get("id")) if isinstance(above, list) and above else None
    if parent_id is not None and call.store.comment(parent_id) is None:
        raise bad_request(f"Could not create content with type comment: no comment {parent_id}")
    comment = call.store.add_comment(page.id, _storage(content) or "", call.user.username, parent_id=parent_id)
    made = DataCenterRepresentation(call).comment(comment, call.expand("body.storage,history,version,container,ancestors"))
    return made | {"_links": made["_links"] | call.top_links()}


def _delete_attachment(call: DataCenterCall, attachment_id: str) -> Response:
    file = call.store.attachment(attachment_id)
    if file is None:
        raise no_content(attachment_id)
    call.require_edit(call.page(file.page_id))
    call.site.locks.finish(file.page_id, call.site.locks.begin(file.page_id))
    call.store.remove_attachment(attachment_id)
    return no_content_response()


# --- reading requests


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise bad_request("Can not deserialize instance of Content: a JSON object is expected")
    return value


def _title(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise bad_request("Title is required")
    title = value.strip()
    # A server counts UTF-16 units, as Java does: an emoji is two.
    if len(title.encode("utf-16-le")) // 2 > MAX_TITLE:
        raise bad_request(f"Title cannot be longer than {MAX_TITLE} characters.")
    return title


def _version_number(content: dict[str, Any]) -> int:
    version = content.get("version")
    number = version.get("number") if isinstance(version, dict) else None
    if isinstance(number, str) and number.isascii() and number.isdigit():
        return int(number)
    if not isinstance(number, int) or isinstance(number, bool):
        raise bad_request("Must supply an incremented version when updating Content. No version supplied.")
    return number


def _version_message(content: dict[str, Any]) -> str:
    version = content.get("version")
    message = version.get("message") if isinstance(version, dict) else None
    return message if isinstance(message, str) else ""


def _storage(content: dict[str, Any]) -> str | None:
    """Return the body in a request, checked; None without one."""
    body = content.get("body")
    if not body:
        return None
    bodies = _object(body)
    if len(bodies) > 1:
        raise bad_request(f"Maximum number of permitted body entries is 1 but found {len(bodies)}: {', '.join(bodies)}")
    name, entry = next(iter(bodies.items()))
    value = _object(entry).get("value")
    representation = entry.get("representation", name)
    if name != "storage" or representation != "storage":
        raise bad_request(f"Content body in representation {representation!r} is not part of the sandbox")
    if not isinstance(value, str):
        raise bad_request("Content body has no value")
    check_storage(value)
    return value


def _parent(call: DataCenterCall, content: dict[str, Any], space_key: str) -> str | Keep:
    """Return the id of the parent in a request; ``KEEP`` without one."""
    ancestors = content.get("ancestors")
    if not ancestors:
        return KEEP
    if not isinstance(ancestors, list):
        raise bad_request("Can not deserialize ancestors: a list is expected")
    # The published description of the update: "with the parent as the first ancestor".
    parent_id = str(_object(ancestors[0]).get("id"))
    parent = call.store.page(parent_id)
    if parent is None or parent.status != "current" or not access.may_view(call.store, call.user, parent):
        raise bad_request(f"Parent page with id {parent_id} does not exist")
    if parent.space_key != space_key:
        raise bad_request(f"Parent page with id {parent_id} is not in the space with key {space_key}")
    return parent_id


def _given_properties(content: dict[str, Any]) -> dict[str, Any]:
    """Return the properties in a request for content: ``metadata.properties.editor.value`` and the like."""
    metadata = content.get("metadata")
    properties = metadata.get("properties") if isinstance(metadata, dict) else None
    if not isinstance(properties, dict):
        return {}
    return {name: entry["value"] for name, entry in properties.items() if isinstance(entry, dict) and "value" in entry}
