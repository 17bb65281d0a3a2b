"""Comments of REST v2: footer comments, inline comments on a passage, and the replies to both."""

import uuid
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from workplace_sandbox.confluence import access
from workplace_sandbox.confluence.cloud import represent, sorting
from workplace_sandbox.confluence.cloud.bodies import LIST_FORMATS, SINGLE_FORMATS, read_body
from workplace_sandbox.confluence.cloud.call import CloudCall, CloudCallDep, CloudJson, requires
from workplace_sandbox.confluence.cloud.errors import not_found, v2_error
from workplace_sandbox.confluence.cloud.metadata import key_and_value
from workplace_sandbox.confluence.cloud.pages import PAGE_STATUSES, fields, read_version, stale
from workplace_sandbox.confluence.cloud.passages import with_marker
from workplace_sandbox.model import Comment, CommentLocation, Page
from workplace_sandbox.store import VersionConflictError

router = APIRouter()

READ = requires("read:comment:confluence")
WRITE = requires("write:comment:confluence")
PROPERTY = requires("read:comment:confluence write:comment:confluence")
DELETE = requires("delete:comment:confluence")
RESOLUTIONS = ("resolved", "open", "dangling", "reopened")


@router.get("/pages/{page_id}/footer-comments", dependencies=[READ])
def list_footer_comments(call: CloudCallDep, page_id: str) -> Response:
    """List the comments below a page, without the replies to them."""
    return _list(call, _top(call, call.page(page_id), "footer"))


@router.get("/pages/{page_id}/inline-comments", dependencies=[READ])
def list_inline_comments(call: CloudCallDep, page_id: str) -> Response:
    """List the comments on passages of a page, without the replies to them."""
    comments = _top(call, call.page(page_id), "inline")
    if wanted := call.choice("resolution-status", RESOLUTIONS):
        comments = [entry for entry in comments if ("resolved" if entry.resolved else "open") == wanted]
    return _list(call, comments)


@router.get("/footer-comments", dependencies=[READ])
def list_all_footer_comments(call: CloudCallDep) -> Response:
    """List the comments below all pages."""
    return _list(call, [entry for page in call.visible(call.store.pages()) for entry in _top(call, page, "footer")])


@router.get("/inline-comments", dependencies=[READ])
def list_all_inline_comments(call: CloudCallDep) -> Response:
    """List the comments on passages of all pages."""
    return _list(call, [entry for page in call.visible(call.store.pages()) for entry in _top(call, page, "inline")])


@router.get("/footer-comments/{comment_id}", dependencies=[READ])
def get_footer_comment(call: CloudCallDep, comment_id: str) -> Response:
    """Return a comment below a page, or a reply to one."""
    return _single(call, _comment(call, comment_id, "footer"), call.choice("body-format", SINGLE_FORMATS))


@router.get("/inline-comments/{comment_id}", dependencies=[READ])
def get_inline_comment(call: CloudCallDep, comment_id: str) -> Response:
    """Return a comment on a passage, or a reply to one."""
    return _single(call, _comment(call, comment_id, "inline"), call.choice("body-format", SINGLE_FORMATS))


@router.get("/footer-comments/{comment_id}/children", dependencies=[READ])
def list_footer_replies(call: CloudCallDep, comment_id: str) -> Response:
    """List the replies to a comment below a page."""
    return _list(call, _replies(call, _comment(call, comment_id, "footer")))


@router.get("/inline-comments/{comment_id}/children", dependencies=[READ])
def list_inline_replies(call: CloudCallDep, comment_id: str) -> Response:
    """List the replies to a comment on a passage."""
    return _list(call, _replies(call, _comment(call, comment_id, "inline")))


@router.post("/footer-comments", dependencies=[WRITE])
def create_footer_comment(call: CloudCallDep, body: CloudJson) -> Response:
    """Comment on a page (``pageId``), or reply to a comment (``parentCommentId``)."""
    data = fields(body)
    page, parent = _place(call, data, "footer")
    text = read_body(data.get("body"), kind="comment")
    made = call.store.add_comment(page.id, text, call.user.username, parent_id=parent)
    return _single(call, made, "storage", 201)


@router.post("/inline-comments", dependencies=[WRITE])
def create_inline_comment(call: CloudCallDep, body: CloudJson) -> Response:
    """Comment on a passage of a page, which gets a marker in its text; or reply to such a comment."""
    data = fields(body)
    page, parent = _place(call, data, "inline")
    text = read_body(data.get("body"), kind="comment")
    if parent is not None:
        made = call.store.add_comment(page.id, text, call.user.username, parent_id=parent, location="inline")
        return _single(call, made, "storage", 201)
    selection, count, index = _passage(data.get("inlineCommentProperties"))
    reference = str(uuid.uuid4())
    marked = with_marker(page.body, selection, count, index, reference)
    if marked is None:
        raise v2_error(400, f"The text selection is not {count} times in the page", "INVALID_REQUEST_PARAMETER")
    # The page keeps its version: watchers are not notified of a change.
    call.store.rewrite_page(page.id, marked)
    made = call.store.add_comment(
        page.id, text, call.user.username, location="inline", marker_ref=reference, selection=selection
    )
    return _single(call, made, "storage", 201)


@router.put("/footer-comments/{comment_id}", dependencies=[WRITE])
def update_footer_comment(call: CloudCallDep, comment_id: str, body: CloudJson) -> Response:
    """Write the next version of a comment below a page."""
    return _update(call, comment_id, "footer", fields(body))


@router.put("/inline-comments/{comment_id}", dependencies=[WRITE])
def update_inline_comment(call: CloudCallDep, comment_id: str, body: CloudJson) -> Response:
    """Write the next version of a comment on a passage, or resolve it with ``resolved``."""
    return _update(call, comment_id, "inline", fields(body))


@router.delete("/footer-comments/{comment_id}", dependencies=[DELETE])
def delete_footer_comment(call: CloudCallDep, comment_id: str) -> Response:
    """Remove a comment below a page, with the replies to it."""
    return _delete(call, comment_id, "footer")


@router.delete("/inline-comments/{comment_id}", dependencies=[DELETE])
def delete_inline_comment(call: CloudCallDep, comment_id: str) -> Response:
    """Remove a comment on a passage, with the replies to it. Its marker stays in the text."""
    return _delete(call, comment_id, "inline")


@router.get("/comments/{comment_id}/properties", dependencies=[READ])
def list_properties(call: CloudCallDep, comment_id: str) -> Response:
    """List the properties of a comment; with ``key``, the one with that key."""
    comment = _any_comment(call, comment_id)
    key = call.text("key")
    properties = [entry for entry in call.store.properties(comment.id) if key in (None, entry.key)]
    ordered = sorting.ordered(call, properties, sorting.PROPERTIES)
    return call.listing(ordered, lambda entry: represent.content_property(entry, comment.author))


@router.post("/comments/{comment_id}/properties", dependencies=[PROPERTY])
def create_property(call: CloudCallDep, comment_id: str, body: CloudJson) -> Response:
    """Create a property of a comment; an existing key is an error."""
    comment = _any_comment(call, comment_id)
    if not access.may_write(call.user):
        raise call.forbidden(f"User does not have permission to change the comment with id {comment_id}")
    key, value = key_and_value(fields(body))
    try:
        made = call.store.set_property(comment.id, key, value, 0)
    except VersionConflictError as error:
        raise v2_error(409, f"A property with key [{key}] already exists on comment with id [{comment_id}]") from error
    return call.respond(represent.content_property(made, call.user.username))


def _any_comment(call: CloudCall, comment_id: str) -> Comment:
    """Return a comment at any location."""
    comment = call.store.comment(call.check_id(comment_id, "comment-id"))
    page = call.store.page(comment.page_id) if comment else None
    if comment is None or page is None or not call.may_view(page):
        raise not_found("comment", comment_id)
    return comment


def _update(call: CloudCall, comment_id: str, location: CommentLocation, data: dict[str, Any]) -> Response:
    comment = _writable_comment(call, comment_id, location)
    number, _ = read_version(data.get("version"))
    if number != comment.version + 1:
        raise stale(comment.version, number)
    text = read_body(data["body"], kind="comment") if data.get("body") is not None else None
    resolved = data.get("resolved") if location == "inline" else None
    if resolved is not None and not isinstance(resolved, bool):
        raise v2_error(400, "resolved is true or false", "INVALID_REQUEST_PARAMETER")
    # On the cloud each change makes a version, also one that only resolves the comment.
    body = comment.body if text is None else text
    changed = call.store.update_comment(comment.id, author=call.user.username, body=body, resolved=resolved)
    return _single(call, changed, "storage")


def _delete(call: CloudCall, comment_id: str, location: CommentLocation) -> Response:
    call.store.remove_comment(_writable_comment(call, comment_id, location).id)
    return call.no_content()


def _writable_comment(call: CloudCall, comment_id: str, location: CommentLocation) -> Comment:
    """Return a comment that the caller may change, which needs the right to write."""
    comment = _comment(call, comment_id, location)
    if not access.may_write(call.user):
        raise call.forbidden(f"User does not have permission to change the comment with id {comment_id}")
    return comment


def _passage(data: Any) -> tuple[str, int, int]:
    """Return the passage, its number of occurrences in the page, and the index of the selected one."""
    properties = data if isinstance(data, dict) else {}
    selection = properties.get("textSelection")
    count, index = properties.get("textSelectionMatchCount"), properties.get("textSelectionMatchIndex")
    if not isinstance(selection, str) or not selection or not isinstance(count, int) or not isinstance(index, int):
        names = "textSelection, textSelectionMatchCount and textSelectionMatchIndex"
        raise v2_error(400, f"inlineCommentProperties needs {names}", "INVALID_REQUEST_PARAMETER")
    return selection, count, index


def _place(call: CloudCall, data: dict[str, Any], location: CommentLocation) -> tuple[Page, str | None]:
    """Return the page of a new comment, and the comment that it replies to."""
    parent_id = data.get("parentCommentId")
    if (data.get("pageId") is None) == (parent_id is None):
        raise v2_error(400, "Exactly one of pageId and parentCommentId is required", "INVALID_REQUEST_PARAMETER")
    if parent_id is not None:
        parent = _comment(call, str(parent_id), location)
        page = call.page(parent.page_id)
    else:
        parent = None
        page = call.page(str(data["pageId"]), ("current",))
    if not access.may_write(call.user):
        raise call.forbidden("User does not have permission to comment")
    return page, parent.id if parent else None


def _comment(call: CloudCall, comment_id: str, location: CommentLocation) -> Comment:
    comment = call.store.comment(call.check_id(comment_id, "comment-id"))
    page = call.store.page(comment.page_id) if comment else None
    # A reply has the location of its parent, whatever its own row contains.
    if comment is None or page is None or _location(call, comment) != location or not call.may_view(page):
        raise not_found("comment", comment_id)
    return comment


def _location(call: CloudCall, comment: Comment) -> CommentLocation:
    while comment.parent_id is not None and (parent := call.store.comment(comment.parent_id)) is not None:
        comment = parent
    return comment.location


def _top(call: CloudCall, page: Page, location: CommentLocation) -> list[Comment]:
    if not set(call.texts("status") or ["current"]) & {"current"}:
        call.statuses(PAGE_STATUSES, ())
        return []
    return [entry for entry in call.store.comments(page.id) if entry.parent_id is None and entry.location == location]


def _replies(call: CloudCall, parent: Comment) -> list[Comment]:
    return [entry for entry in call.store.comments(parent.page_id) if entry.parent_id == parent.id]


def _list(call: CloudCall, comments: Sequence[Comment]) -> Response:
    body_format = call.choice("body-format", LIST_FORMATS)
    ordered = sorting.ordered(call, comments, sorting.COMMENTS)
    return call.listing(
        ordered, lambda entry: represent.comment(call, entry, body_format), with_bodies=body_format is not None
    )


def _single(call: CloudCall, comment: Comment, body_format: str | None, status: int = 200) -> Response:
    shown = represent.comment(call, comment, body_format)
    return call.respond(shown | {"_links": shown["_links"] | {"base": call.base}}, status)
