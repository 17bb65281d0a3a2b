"""Pages, attachments, people and spaces as the JSON of REST v1, which uses account ids as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from workplace_sandbox.confluence import bodies
from workplace_sandbox.confluence.cloud import represent, tree
from workplace_sandbox.confluence.cloud.accounts import account_id
from workplace_sandbox.confluence.cloud.clock import moment
from workplace_sandbox.confluence.representation import tiny_link
from workplace_sandbox.model import Page

if TYPE_CHECKING:
    from workplace_sandbox.confluence.cloud.call import CloudCall
    from workplace_sandbox.confluence.expand import Expand
    from workplace_sandbox.model import Attachment, Comment, Label, Space, User

Json = dict[str, Any]

BODIES = ("storage", "view", "export_view", "styled_view", "anonymous_export_view", "editor")
NESTED_LIMIT = 25
LABEL_LIMIT = 200


def top_links(call: CloudCall) -> Json:
    """Return what the outermost ``_links`` of a response hold in addition."""
    return {"base": call.base, "context": "/wiki"}


def user(call: CloudCall, found: User) -> Json:
    """Return a person."""
    account = account_id(found.username)
    return {
        "type": "known",
        "accountId": account,
        "accountType": "atlassian",
        "email": found.email,
        "publicName": found.display_name,
        "profilePicture": {"path": "/wiki/aa-avatar/default", "width": 48, "height": 48, "isDefault": True},
        "displayName": found.display_name,
        "isExternalCollaborator": False,
        "_expandable": {"operations": "", "personalSpace": ""},
        "_links": {"self": f"{call.base}/rest/api/user?accountId={quote(account, safe='')}"},
    }


def person(call: CloudCall, username: str) -> Json:
    """Return a person by user name; a deleted one has the type ``unknown``."""
    found = call.store.user(username)
    return user(call, found) if found else {"type": "unknown", "accountId": account_id(username), "displayName": username}


def space(call: CloudCall, found: Space) -> Json:
    """Return a space."""
    return {
        "id": found.id,
        "key": found.key,
        "name": found.name,
        "type": "global",
        "status": "current",
        "_expandable": {"homepage": f"/rest/api/content/{found.homepage_id}", "description": "", "metadata": ""},
        "_links": {"webui": f"/spaces/{found.key}", "self": f"{call.base}/rest/api/space/{found.key}"},
    }


def page(call: CloudCall, found: Page, expand: Expand) -> Json:
    """Return a page; parts that ``expand`` does not name are listed in ``_expandable``."""
    parts: Json = {}
    if "space" in expand and (home := call.store.space(found.space_key)):
        parts["space"] = space(call, home)
    if "version" in expand:
        parts["version"] = version(
            call, found.version, found.updated_by, moment(found.updated_at), found.message, found.minor
        )
    if "history" in expand:
        parts["history"] = {
            "latest": True,
            "createdBy": person(call, found.created_by),
            "createdDate": moment(found.created_at),
        }
    if "ancestors" in expand:
        over = [entry for entry in tree.above(call.store, found) if isinstance(entry, Page)]
        parts["ancestors"] = [page(call, entry, expand.into("ancestors")) for entry in reversed(over)]
    if "body" in expand:
        parts["body"] = body(call, found, found.body, expand.into("body"))
    if "metadata" in expand:
        parts["metadata"] = {"labels": _labels(call, found)}
    address = f"/rest/api/content/{found.id}"
    waiting = {"container": f"/rest/api/space/{found.space_key}", "body": "", "version": "", "history": f"{address}/history"}
    waiting |= {
        "space": f"/rest/api/space/{found.space_key}",
        "ancestors": "",
        "metadata": "",
        "children": f"{address}/child",
    }
    return {
        "id": found.id,
        "type": "page",
        "status": found.status,
        "title": found.title,
        "macroRenderedOutput": {},
        "extensions": {"position": found.position},
        **parts,
        "_expandable": {name: value for name, value in waiting.items() if name not in parts},
        "_links": {
            "self": f"{call.base}{address}",
            "tinyui": tiny_link(found.id),
            "editui": f"/pages/resumedraft.action?draftId={found.id}",
            "webui": represent.web_path(call, found),
        },
    }


def attachment(call: CloudCall, file: Attachment, expand: Expand) -> Json:
    """Return an attachment in one of its versions."""
    parts: Json = {}
    if "version" in expand:
        parts["version"] = version(call, file.version, file.author, moment(file.created_at), file.comment, file.minor)
    if "container" in expand and (over := call.store.page(file.page_id)):
        parts["container"] = page(call, over, expand.into("container"))
    shown = represent.attachment(call, file)
    waiting = {"container": f"/rest/api/content/{file.page_id}", "version": "", "history": "", "space": ""}
    return {
        "id": file.id,
        "type": "attachment",
        "status": "current",
        "title": file.filename,
        "macroRenderedOutput": {},
        "metadata": {"mediaType": file.media_type, "comment": file.comment, "labels": no_labels(), "_expandable": {}},
        "extensions": {
            "mediaType": file.media_type,
            "fileSize": file.size,
            "comment": file.comment,
            "mediaTypeDescription": shown["mediaTypeDescription"],
            "fileId": shown["fileId"],
            "collectionName": f"contentId-{file.page_id}",
        },
        **parts,
        "_expandable": {name: value for name, value in waiting.items() if name not in parts},
        "_links": {
            "self": f"{call.base}/rest/api/content/{file.id}",
            "webui": shown["webuiLink"],
            "download": shown["downloadLink"],
        },
    }


def no_labels() -> Json:
    """Return the labels of an attachment, which has none here."""
    return {"results": [], "start": 0, "limit": 200, "size": 0, "_links": {}}


def body(call: CloudCall, over: Page, storage: str, expand: Expand) -> Json:
    """Return a body in the requested representations.

    :param over: the page of the body.
    """
    return {
        name: {
            "value": bodies.convert(call.store, call.site.context_path, over, storage, name),
            "representation": name,
            "embeddedContent": [],
        }
        for name in BODIES
        if name in expand
    }


def comment(call: CloudCall, found: Comment, expand: Expand) -> Json:
    """Return a comment, as a search finds it.

    It has no ``ancestors``, which the published description gives to pages and whiteboards; ``children.comment`` are its
    replies.
    """
    shown = represent.comment(call, found)
    over = call.store.page(found.page_id)
    requested_extensions = expand.into("extensions")
    extensions: Json = {"location": found.location}
    if found.location == "inline":
        if "inlineProperties" in requested_extensions:
            passage = {"originalSelection": found.selection or "", "markerRef": found.marker_ref or ""}
            extensions["inlineProperties"] = passage
        if "resolution" in requested_extensions:
            extensions["resolution"] = {"status": "resolved" if found.resolved else "open"}
    parts: Json = {}
    if "version" in expand:
        parts["version"] = version(call, found.version, found.updated_by, moment(found.updated_at), "", minor=False)
    if "history" in expand:
        parts["history"] = {
            "latest": True,
            "createdBy": person(call, found.author),
            "createdDate": moment(found.at),
        }
    if over is not None and "container" in expand:
        parts["container"] = page(call, over, expand.into("container"))
    if over is not None and "body" in expand:
        parts["body"] = body(call, over, found.body, expand.into("body"))
    if "comment" in expand.into("children"):
        parts["children"] = {"comment": _replies(call, found, expand.into("children").into("comment"))}
    address = f"/rest/api/content/{found.id}"
    waiting = {"container": f"/rest/api/content/{found.page_id}", "body": "", "version": "", "history": "", "children": ""}
    return {
        "id": found.id,
        "type": "comment",
        "status": "current",
        "title": shown["title"],
        "extensions": extensions,
        **parts,
        "_expandable": {name: value for name, value in waiting.items() if name not in parts},
        "_links": {"webui": shown["_links"]["webui"], "self": f"{call.base}{address}"},
    }


def _labels(call: CloudCall, found: Page) -> Json:
    labels = [label(entry) for entry in call.store.labels(found.id)]
    shown = labels[:LABEL_LIMIT]
    links = {"next": f"/rest/api/content/{found.id}/label?start={LABEL_LIMIT}"} if len(labels) > len(shown) else {}
    return {"results": shown, "start": 0, "limit": LABEL_LIMIT, "size": len(shown), "_links": links}


def _replies(call: CloudCall, found: Comment, expand: Expand) -> Json:
    replies = [reply for reply in call.store.comments(found.page_id) if reply.parent_id == found.id]
    shown = replies[:NESTED_LIMIT]
    address = f"/rest/api/content/{found.id}/child/comment"
    links = {"self": f"{call.base}{address}"}
    if len(replies) > len(shown):
        links["next"] = f"{address}?limit={NESTED_LIMIT}&start={NESTED_LIMIT}"
    return {
        "results": [comment(call, reply, expand) for reply in shown],
        "start": 0,
        "limit": NESTED_LIMIT,
        "size": len(shown),
        "_links": links,
    }


def label(found: Label) -> Json:
    """Return a label."""
    return {"prefix": found.prefix, "name": found.name, "id": found.id, "label": found.name}


def version(call: CloudCall, number: int, author: str, when: str, message: str, minor: bool) -> Json:
    """Return a version of anything."""
    return {
        "by": person(call, author),
        "when": when,
        "friendlyWhen": when[:10],
        "message": message,
        "number": number,
        "minorEdit": minor,
        "contentTypeModified": False,
        "_expandable": {"content": "", "collaborators": ""},
        "_links": {},
    }
