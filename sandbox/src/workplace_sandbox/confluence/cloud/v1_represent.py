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
    """Return the additional entries of the outermost ``_links`` of a response."""
    return {"base": call.base, "context": "/wiki"}


def user(call: CloudCall, record: User) -> Json:
    """Return a person."""
    account = account_id(record.username)
    return {
        "type": "known",
        "accountId": account,
        "accountType": "atlassian",
        "email": record.email,
        "publicName": record.display_name,
        "profilePicture": {"path": "/wiki/aa-avatar/default", "width": 48, "height": 48, "isDefault": True},
        "displayName": record.display_name,
        "isExternalCollaborator": False,
        "_expandable": {"operations": "", "personalSpace": ""},
        "_links": {"self": f"{call.base}/rest/api/user?accountId={quote(account, safe='')}"},
    }


def person(call: CloudCall, username: str) -> Json:
    """Return a person by user name; a deleted one has the type ``unknown``."""
    user_record = call.store.user(username)
    return (
        user(call, user_record)
        if user_record
        else {"type": "unknown", "accountId": account_id(username), "displayName": username}
    )


def space(call: CloudCall, record: Space) -> Json:
    """Return a space."""
    return {
        "id": record.id,
        "key": record.key,
        "name": record.name,
        "type": "global",
        "status": "current",
        "_expandable": {"homepage": f"/rest/api/content/{record.homepage_id}", "description": "", "metadata": ""},
        "_links": {"webui": f"/spaces/{record.key}", "self": f"{call.base}/rest/api/space/{record.key}"},
    }


def page(call: CloudCall, record: Page, expand: Expand) -> Json:
    """Return a page; parts that ``expand`` does not name are listed in ``_expandable``."""
    parts: Json = {}
    if "space" in expand and (home := call.store.space(record.space_key)):
        parts["space"] = space(call, home)
    if "version" in expand:
        parts["version"] = version(
            call, record.version, record.updated_by, moment(record.updated_at), record.message, record.minor
        )
    if "history" in expand:
        parts["history"] = {
            "latest": True,
            "createdBy": person(call, record.created_by),
            "createdDate": moment(record.created_at),
        }
    if "ancestors" in expand:
        over = [entry for entry in tree.above(call.store, record) if isinstance(entry, Page)]
        parts["ancestors"] = [page(call, entry, expand.into("ancestors")) for entry in reversed(over)]
    if "body" in expand:
        parts["body"] = body(call, record, record.body, expand.into("body"))
    if "metadata" in expand:
        parts["metadata"] = {"labels": _labels(call, record)}
    address = f"/rest/api/content/{record.id}"
    waiting = {
        "container": f"/rest/api/space/{record.space_key}",
        "body": "",
        "version": "",
        "history": f"{address}/history",
    }
    waiting |= {
        "space": f"/rest/api/space/{record.space_key}",
        "ancestors": "",
        "metadata": "",
        "children": f"{address}/child",
    }
    return {
        "id": record.id,
        "type": record.kind,
        "status": record.status,
        "title": record.title,
        "macroRenderedOutput": {},
        "extensions": {"position": record.position},
        **parts,
        "_expandable": {name: value for name, value in waiting.items() if name not in parts},
        "_links": {
            "self": f"{call.base}{address}",
            "tinyui": tiny_link(record.id),
            "editui": f"/pages/resumedraft.action?draftId={record.id}",
            "webui": represent.web_path(call, record),
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


def comment(call: CloudCall, record: Comment, expand: Expand) -> Json:
    """Return a comment, as a search finds it.

    It has no ``ancestors``, which the published description gives to pages and whiteboards; ``children.comment`` are its
    replies.
    """
    shown = represent.comment(call, record)
    over = call.store.page(record.page_id)
    requested_extensions = expand.into("extensions")
    extensions: Json = {"location": record.location}
    if record.location == "inline":
        if "inlineProperties" in requested_extensions:
            passage = {"originalSelection": record.selection or "", "markerRef": record.marker_ref or ""}
            extensions["inlineProperties"] = passage
        if "resolution" in requested_extensions:
            extensions["resolution"] = {"status": "resolved" if record.resolved else "open"}
    parts: Json = {}
    if "version" in expand:
        parts["version"] = version(call, record.version, record.updated_by, moment(record.updated_at), "", minor=False)
    if "history" in expand:
        parts["history"] = {
            "latest": True,
            "createdBy": person(call, record.author),
            "createdDate": moment(record.at),
        }
    if over is not None and "container" in expand:
        parts["container"] = page(call, over, expand.into("container"))
    if over is not None and "body" in expand:
        parts["body"] = body(call, over, record.body, expand.into("body"))
    if "comment" in expand.into("children"):
        parts["children"] = {"comment": _replies(call, record, expand.into("children").into("comment"))}
    address = f"/rest/api/content/{record.id}"
    waiting = {"container": f"/rest/api/content/{record.page_id}", "body": "", "version": "", "history": "", "children": ""}
    return {
        "id": record.id,
        "type": "comment",
        "status": "current",
        "title": shown["title"],
        "extensions": extensions,
        **parts,
        "_expandable": {name: value for name, value in waiting.items() if name not in parts},
        "_links": {"webui": shown["_links"]["webui"], "self": f"{call.base}{address}"},
    }


def _labels(call: CloudCall, record: Page) -> Json:
    labels = [label(entry) for entry in call.store.labels(record.id)]
    shown = labels[:LABEL_LIMIT]
    links = {"next": f"/rest/api/content/{record.id}/label?start={LABEL_LIMIT}"} if len(labels) > len(shown) else {}
    return {"results": shown, "start": 0, "limit": LABEL_LIMIT, "size": len(shown), "_links": links}


def _replies(call: CloudCall, record: Comment, expand: Expand) -> Json:
    replies = [reply for reply in call.store.comments(record.page_id) if reply.parent_id == record.id]
    shown = replies[:NESTED_LIMIT]
    address = f"/rest/api/content/{record.id}/child/comment"
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


def label(record: Label) -> Json:
    """Return a label."""
    return {"prefix": record.prefix, "name": record.name, "id": record.id, "label": record.name}


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
