"""Spaces, pages, folders, attachments, comments and people as the JSON of REST v2."""

from __future__ import annotations

import re
from datetime import UTC
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from workplace_sandbox.confluence.cloud import tree
from workplace_sandbox.confluence.cloud.accounts import account_id
from workplace_sandbox.confluence.cloud.bodies import body_parts
from workplace_sandbox.confluence.cloud.clock import moment
from workplace_sandbox.confluence.representation import tiny_link
from workplace_sandbox.model import Page, PageVersion

if TYPE_CHECKING:
    from datetime import datetime

    from workplace_sandbox.confluence.cloud.call import CloudCall
    from workplace_sandbox.model import Attachment, Comment, Folder, Label, Property, Space, User

Json = dict[str, Any]

_UNREADABLE = re.compile(r"[^A-Za-z0-9 ._~-]")


def web_path(call: CloudCall, page: Page) -> str:
    """Return the address at which people read a page, below ``/wiki``."""
    space = call.store.space(page.space_key)
    if space and space.homepage_id == page.id:
        return f"/spaces/{page.space_key}/overview"
    name = readable(page.title)
    if page.kind == "blogpost":
        return f"/spaces/{page.space_key}/blog/{page.created_at:%Y/%m/%d}/{page.id}{f'/{name}' if name else ''}"
    return f"/spaces/{page.space_key}/pages/{page.id}{f'/{name}' if name else ''}"


def readable(title: str) -> str:
    """Return the part of a title that goes into an address: plain letters and digits, so nothing of a Korean title."""
    return "+".join(_UNREADABLE.sub("", title).split())


def download_path(file: Attachment) -> str:
    """Return the address of an attachment's bytes before REST v2, below ``/wiki``; OAuth tokens are refused there."""
    milliseconds = int(file.created_at.astimezone(UTC).timestamp() * 1000)
    name = quote(file.filename, safe="")
    query = f"version={file.version}&modificationDate={milliseconds}&cacheVersion=1&api=v2"
    return f"/download/attachments/{file.page_id}/{name}?{query}"


def version(number: int, author: str, at: datetime, message: str = "", minor: bool = False) -> Json:
    """Return a version of anything."""
    return {
        "number": number,
        "message": message,
        "minorEdit": minor,
        "authorId": account_id(author),
        "createdAt": moment(at),
    }


def page_version(entry: PageVersion) -> Json:
    """Return a version of a page, without its text.

    The step of its collaborative editor is not in the published description.
    """
    step = {"ncsStepVersion": str(entry.number)}
    return version(entry.number, entry.author, entry.at, entry.message, entry.minor) | step


def current_version(page: Page) -> PageVersion:
    """Return the version that a page is at."""
    return PageVersion(
        page.id, page.version, page.title, page.body, page.message, page.minor, page.updated_by, page.updated_at
    )


def space_id(call: CloudCall, key: str) -> str:
    """Return the id of a space, by which REST v2 refers to it."""
    space = call.store.space(key)
    return str(space.id) if space else ""


def space(call: CloudCall, record: Space, description_format: str | None = None) -> Json:
    """Return a space."""
    homepage = call.store.page(record.homepage_id) if record.homepage_id else None
    author = account_id(homepage.created_by if homepage else "report-bot")
    description = None
    if description_format in ("plain", "view"):
        description = {description_format: {"representation": description_format, "value": record.description}}
    return {
        "id": str(record.id),
        "key": record.key,
        "name": record.name,
        "type": "global",
        "status": "current",
        "authorId": author,
        "spaceOwnerId": author,
        "currentActiveAlias": record.key,
        "createdAt": moment(homepage.created_at) if homepage else "2024-01-01T00:00:00.000Z",
        "homepageId": record.homepage_id,
        "description": description,
        "icon": None,
        "_links": {"webui": f"/spaces/{record.key}"},
    }


def page(call: CloudCall, record: Page, body_format: str | None = None, old: PageVersion | None = None) -> Json:
    """Return a page.

    :param old: an older version to show in its place.
    """
    shown = old or current_version(record)
    over = tree.parent(call.store, record)
    in_tree = {
        "parentId": over.id if over else None,
        "parentType": tree.kind(over) if over else None,
        "position": record.position,
        "ownerId": account_id(record.created_by),
        "lastOwnerId": None,
    }
    return {
        "id": record.id,
        "status": record.status if shown.number == record.version else "historical",
        "title": shown.title,
        "spaceId": space_id(call, record.space_key),
        **({} if record.kind == "blogpost" else in_tree),
        "authorId": account_id(record.created_by),
        "createdAt": moment(record.created_at),
        "version": page_version(shown),
        "body": body_parts(call, record, shown.body, body_format),
        "_links": {
            "webui": web_path(call, record),
            "editui": f"/pages/resumedraft.action?draftId={record.id}",
            "edituiv2": f"/spaces/{record.space_key}/pages/edit-v2/{record.id}",
            "tinyui": tiny_link(record.id),
        },
    }


def folder(call: CloudCall, record: Folder) -> Json:
    """Return a folder."""
    over = tree.parent(call.store, record)
    return {
        "id": record.id,
        "type": "folder",
        "status": "current",
        "title": record.title,
        "spaceId": space_id(call, record.space_key),
        "parentId": over.id if over else None,
        "parentType": tree.kind(over) if over else None,
        "position": record.position,
        "authorId": account_id(record.created_by),
        "ownerId": account_id(record.created_by),
        "createdAt": moment(record.created_at),
        "version": version(1, record.created_by, record.created_at),
        "_links": {"webui": f"/spaces/{record.space_key}/folder/{record.id}"},
    }


def child(call: CloudCall, record: tree.PageOrFolder) -> Json:
    """Return a page or folder as a child: only the fields of a tree."""
    status = record.status if isinstance(record, Page) else "current"
    return {
        "id": record.id,
        "status": status,
        "title": record.title,
        "type": tree.kind(record),
        "spaceId": space_id(call, record.space_key),
        "childPosition": record.position,
    }


def attachment(call: CloudCall, file: Attachment) -> Json:
    """Return a version of an attachment."""
    first = call.store.attachment_versions(file.id)[-1]
    name = quote(file.filename, safe="")
    preview = f"%2F{file.page_id}%2F{file.id.removeprefix('att')}%2F{name}"
    webui = f"/pages/viewpageattachments.action?pageId={file.page_id}&preview={preview}"
    return {
        "id": file.id,
        "status": "current",
        "title": file.filename,
        "createdAt": moment(first.created_at),
        "pageId": file.page_id,
        "mediaType": file.media_type,
        "mediaTypeDescription": file.media_type.partition("/")[2].upper() or "File",
        "comment": file.comment,
        "fileId": file_id(file.id),
        "fileSize": file.size,
        "webuiLink": webui,
        "downloadLink": download_path(file),
        "version": version(file.version, file.author, file.created_at, file.comment, file.minor),
        "_links": {"webui": webui, "download": download_path(file)},
    }


def file_id(attachment_id: str) -> str:
    """Return the id of an attachment's bytes in the media service."""
    return account_id(attachment_id).partition(":")[2]


def label(record: Label) -> Json:
    """Return a label."""
    return {"id": record.id, "name": record.name, "prefix": record.prefix}


def content_property(record: Property, author: str) -> Json:
    """Return a content property; the state does not record its author, so it is the page's author."""
    return {
        "id": record.id,
        "key": record.key,
        "value": record.value,
        "version": version(record.version, author, record.updated_at),
    }


def comment(call: CloudCall, record: Comment, body_format: str | None = None) -> Json:
    """Return a comment. A reply does not name its page, because the published schema of replies has no such field."""
    page_of = call.store.page(record.page_id)
    title = page_of.title if page_of else ""
    shown: Json = {
        "id": record.id,
        "status": "current",
        "title": f"Re: {title}",
        "version": version(record.version, record.updated_by, record.updated_at),
        "body": body_parts(call, page_of, record.body, body_format) if page_of else {},
        "_links": {"webui": f"{web_path(call, page_of)}?focusedCommentId={record.id}" if page_of else ""},
    }
    if record.parent_id is None:
        shown["pageId"] = record.page_id
    else:
        shown["parentCommentId"] = record.parent_id
    if record.location == "inline":
        shown["resolutionStatus"] = "resolved" if record.resolved else "open"
        shown["properties"] = {
            "inlineMarkerRef": record.marker_ref or "",
            "inlineOriginalSelection": record.selection or "",
        }
    return shown


def user(record: User) -> Json:
    """Return a person."""
    return {
        "displayName": record.display_name,
        "timeZone": "Asia/Seoul",
        "personalSpaceId": None,
        "isExternalCollaborator": False,
        "accountStatus": "active",
        "accountId": account_id(record.username),
        "email": record.email,
        "accountType": "atlassian",
        "publicName": record.display_name,
        "profilePicture": {"path": "/wiki/aa-avatar/default", "isDefault": True},
    }
