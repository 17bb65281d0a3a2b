"""Pages, attachments, comments, spaces and people as Confluence's JSON.

Parts that ``expand`` does not name are listed in ``_expandable`` with their address, or an empty string.
"""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from workplace_sandbox.confluence import bodies
from workplace_sandbox.model import PageVersion
from workplace_sandbox.store import OPERATIONS
from workplace_sandbox.zone import SEOUL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workplace_sandbox.confluence.call import DataCenterCall
    from workplace_sandbox.confluence.expand import Expand
    from workplace_sandbox.model import Attachment, Comment, Label, Page, Property, Space, User

Json = dict[str, Any]

# Titles of these characters get a readable address; all others one with the page id.
_PLAIN_TITLE = re.compile(r"[A-Za-z0-9 _()!'*,-]+")
# The length of a nested list; a client fetches the rest from the list's own address.
NESTED_LIMIT = 25
LABEL_LIMIT = 200


def moment(at: datetime) -> str:
    """Return a time as Confluence writes it: ISO 8601 with milliseconds and offset, in the server's zone."""
    return at.astimezone(SEOUL).isoformat(timespec="milliseconds")


def tiny_link(page_id: str) -> str:
    """Return the short address of a page: its id in little-endian base64. Source: reference section 2.4."""
    number = int(page_id)
    raw = number.to_bytes(max(4, (number.bit_length() + 7) // 8), "little")
    return "/x/" + base64.b64encode(raw).decode().rstrip("=").rstrip("A").replace("/", "-").replace("+", "_")


def web_path(page: Page) -> str:
    """Return the address at which people read a page, below the context path.

    A title that is not plain ASCII gives ``viewpage.action``, as every Korean title does.
    """
    if page.kind == "blogpost":
        return f"/display/{page.space_key}/{page.created_at:%Y/%m/%d}/{quote_plus(page.title)}"
    if page.status == "current" and _PLAIN_TITLE.fullmatch(page.title):
        return f"/display/{page.space_key}/{quote_plus(page.title)}"
    return f"/pages/viewpage.action?pageId={page.id}"


def download_path(attachment: Attachment) -> str:
    """Return the address of the bytes of an attachment version, below the context path."""
    milliseconds = int(attachment.created_at.astimezone(UTC).timestamp() * 1000)
    name = quote(attachment.filename, safe="")
    return (
        f"/download/attachments/{attachment.page_id}/{name}"
        f"?version={attachment.version}&modificationDate={milliseconds}&api=v2"
    )


def _current_version(page: Page) -> PageVersion:
    return PageVersion(
        page.id,
        page.version,
        page.title,
        page.body,
        page.message,
        page.minor,
        page.updated_by,
        page.updated_at,
    )


class DataCenterRepresentation:
    """Makes the JSON of one response.

    :param call: the request; gives the store, the addresses and the caller's view.
    """

    def __init__(self, call: DataCenterCall) -> None:
        self._call = call
        self._store = call.store
        self._base = call.base

    # --- people and spaces

    def person(self, username: str) -> Json:
        """Return a user by name; a deleted one has the type ``unknown``."""
        user = self._store.user(username)
        return self.user(user) if user else self._nobody("unknown", username)

    def user(self, user: User | None) -> Json:
        """Return a user; None is the anonymous one."""
        if user is None:
            return self._nobody("anonymous", "Anonymous")
        return {
            "type": "known",
            "username": user.username,
            "userKey": user.key,
            "profilePicture": self._picture(),
            "displayName": user.display_name,
            "_links": {"self": f"{self._base}/rest/api/user?key={user.key}"},
            "_expandable": {"status": ""},
        }

    def space(self, space: Space, expand: Expand) -> Json:
        """Return a space."""
        parts: Json = {
            "homepage": None,
            "description": {"plain": {"value": space.description, "representation": "plain"}},
            "icon": self._picture(),
            "metadata": {},
        }
        homepage = self._store.page(space.homepage_id) if space.homepage_id else None
        if homepage and "homepage" in expand:
            parts["homepage"] = self.page(homepage, expand.into("homepage"))
        addresses = {"homepage": f"/rest/api/content/{space.homepage_id}"}
        return {
            "id": space.id,
            "key": space.key,
            "name": space.name,
            "status": "current",
            "type": "global",
            **self._parts(parts, expand, addresses),
            "_links": {
                "webui": f"/display/{space.key}",
                "self": f"{self._base}/rest/api/space/{space.key}",
            },
        }

    # --- pages

    def page(self, page: Page, expand: Expand, version: PageVersion | None = None) -> Json:
        """Return a page.

        :param page: the page as it is now.
        :param expand: which parts to send.
        :param version: an older version to show in its place.
        """
        shown = version or _current_version(page)
        parts = self._page_parts(page, shown, expand)
        return {
            "id": page.id,
            "type": page.kind,
            "status": page.status if shown.number == page.version else "historical",
            "title": shown.title,
            **({} if page.kind == "blogpost" else {"position": page.position}),
            **parts,
            "extensions": {"position": page.position},
            "_links": {
                "webui": web_path(page),
                "edit": f"/pages/resumedraft.action?draftId={page.id}",
                "tinyui": tiny_link(page.id),
                "self": f"{self._base}/rest/api/content/{page.id}",
            },
            "_expandable": {name: address for name, address in self._page_addresses(page).items() if name not in parts},
        }

    def _page_parts(self, page: Page, shown: PageVersion, expand: Expand) -> Json:
        """Return the expanded parts of a page."""
        makers: dict[str, Callable[[Expand], Any]] = {
            "history": lambda inner: self.history(page, shown.number, inner),
            "version": lambda _: self.version(page.id, shown),
            "ancestors": lambda inner: [self.page(above, inner) for above in self._store.ancestors(page.id)],
            "body": lambda inner: self._body(page, shown.body, inner),
            "metadata": lambda inner: self._metadata(page, inner),
            "restrictions": lambda _: self.restrictions(page.id),
            "children": lambda inner: self.children(page, inner),
            "descendants": lambda inner: self._descendants(page, inner),
            "operations": lambda _: [{"operation": name, "targetType": "page"} for name in ("read", "update", "delete")],
        }
        if space := self._store.space(page.space_key):
            in_space: Callable[[Expand], Json] = lambda inner: self.space(space, inner)  # noqa: E731 - two keys share it
            makers = {"space": in_space, "container": in_space, **makers}
        return {name: make(expand.into(name)) for name, make in makers.items() if name in expand}

    def _body(self, page: Page, storage: str, expand: Expand) -> Json:
        address = f"/rest/api/content/{page.id}"
        return bodies.body_parts(self._store, self._call.site.context_path, page, storage, expand, address)

    def history(self, page: Page, number: int, expand: Expand) -> Json:
        """Return the history of a page, seen from version ``number``."""
        names = ("lastUpdated", "previousVersion", "nextVersion", "contributors")
        # Long lists need the author only, not every version of every page.
        parts = self._history_parts(page, number) if any(name in expand for name in names) else dict.fromkeys(names)
        return {
            "latest": number == page.version,
            "createdBy": self.person(page.created_by),
            "createdDate": moment(page.created_at),
            **self._parts(parts, expand, {}),
            "_links": {"self": f"{self._base}/rest/api/content/{page.id}/history"},
        }

    def _history_parts(self, page: Page, number: int) -> Json:
        versions = {entry.number: entry for entry in self._store.versions(page.id)}
        parts: Json = {"lastUpdated": self.version(page.id, versions[page.version])}
        if number - 1 in versions:
            parts["previousVersion"] = self.version(page.id, versions[number - 1])
        if number + 1 in versions:
            parts["nextVersion"] = self.version(page.id, versions[number + 1])
        authors = self._store.authors(page.id)
        parts["contributors"] = {
            "publishers": {
                "users": [self.person(author) for author in authors],
                "userKeys": [user.key for author in authors if (user := self._store.user(author))],
            }
        }
        return parts

    def version(self, content_id: str, version: PageVersion) -> Json:
        """Return a version of a page."""
        return self._version(content_id, version.author, version.at, version.message, version.number, minor=version.minor)

    def children(self, page: Page, expand: Expand) -> Json:
        """Return the children of a page, by type: the expanded types in full, the others by name."""
        parts: Json = {}
        address = f"/rest/api/content/{page.id}/child"
        if "page" in expand:
            pages = self._call.visible(self._store.children(page.id))
            entries = [self.page(child, expand.into("page")) for child in pages]
            parts["page"] = self._nested_list(entries, f"{address}/page")
        if "attachment" in expand:
            entries = [self.attachment(file, expand.into("attachment")) for file in self._store.attachments(page.id)]
            parts["attachment"] = self._nested_list(entries, f"{address}/attachment")
        if "comment" in expand:
            roots = [entry for entry in self._store.comments(page.id) if entry.parent_id is None]
            entries = [self.comment(entry, expand.into("comment")) for entry in roots]
            parts["comment"] = self._nested_list(entries, f"{address}/comment")
        rest = {name: f"{address}/{name}" for name in ("page", "attachment", "comment") if name not in parts}
        return {**parts, "_links": {"self": f"{self._base}{address}"}, "_expandable": rest}

    def label(self, label: Label) -> Json:
        """Return a label."""
        return {"prefix": label.prefix, "name": label.name, "id": label.id, "label": label.name}

    def property(self, entry: Property, expand: Expand) -> Json:
        """Return a content property."""
        address = f"/rest/api/content/{entry.page_id}/property/{quote(entry.key, safe='')}"
        parts: Json = {
            "version": {
                "by": self._nobody("unknown", ""),
                "when": moment(entry.updated_at),
                "message": "",
                "number": entry.version,
                "minorEdit": True,
                "hidden": False,
            }
        }
        page = self._store.page(entry.page_id)
        if page and "content" in expand:
            parts["content"] = self.page(page, expand.into("content"))
        return {
            "id": entry.id,
            "key": entry.key,
            "value": entry.value,
            **self._parts(parts, expand, {"content": f"/rest/api/content/{entry.page_id}"}),
            "_links": {"self": f"{self._base}{address}"},
        }

    def restrictions(self, page_id: str) -> Json:
        """Return the restrictions of a page by operation."""
        by_operation: Json = {operation: self.restriction(page_id, operation) for operation in OPERATIONS}
        address = f"{self._base}/rest/api/content/{page_id}/restriction/byOperation"
        return {**by_operation, "_links": {"self": address}}

    def restriction(self, page_id: str, operation: str) -> Json:
        """Return the people and groups that alone may read, or update, a page; empty lists without a restriction."""
        subjects = self._store.restrictions(page_id)[operation]
        address = f"/rest/api/content/{page_id}/restriction/byOperation/{operation}"
        users = [self.person(username) for username in subjects["user"]]
        groups = [
            {
                "type": "group",
                "name": name,
                "_links": {"self": f"{self._base}/rest/api/group/{quote(name, safe='')}"},
            }
            for name in subjects["group"]
        ]
        return {
            "operation": operation,
            "restrictions": {
                "user": self._nested_list(users, address, LABEL_LIMIT),
                "group": self._nested_list(groups, address, LABEL_LIMIT),
                "_expandable": {},
            },
            "_links": {"self": f"{self._base}{address}"},
            "_expandable": {"content": f"/rest/api/content/{page_id}"},
        }

    # --- attachments and comments

    def attachment(self, file: Attachment, expand: Expand) -> Json:
        """Return an attachment in one of its versions."""
        page = self._store.page(file.page_id)
        parts: Json = {
            "version": self._version(file.id, file.author, file.created_at, file.comment, file.version, minor=file.minor)
        }
        if page and "container" in expand:
            parts["container"] = self.page(page, expand.into("container"))
        if page and "space" in expand and (space := self._store.space(page.space_key)):
            parts["space"] = self.space(space, expand.into("space"))
        if "history" in expand:
            first = self._store.attachment_versions(file.id)[-1]
            parts["history"] = {
                "latest": True,
                "createdBy": self.person(first.author),
                "createdDate": moment(first.created_at),
                "_links": {"self": f"{self._base}/rest/api/content/{file.id}/history"},
                "_expandable": {},
            }
        details = {"mediaType": file.media_type, "fileSize": file.size, "comment": file.comment}
        address = f"/rest/api/content/{file.id}"
        addresses = {
            "container": f"/rest/api/content/{file.page_id}",
            "history": f"{address}/history",
            "children": f"{address}/child",
            "operations": "",
            "space": "",
        }
        return {
            "id": file.id,
            "type": "attachment",
            "status": "current",
            "title": file.filename,
            "metadata": {
                "comment": file.comment,
                "mediaType": file.media_type,
                "_expandable": {"labels": "", "properties": ""},
            },
            "extensions": details,
            **self._parts(parts, expand, addresses),
            "_links": {
                "webui": f"/pages/viewpageattachments.action?pageId={file.page_id}"
                f"&preview=%2F{file.page_id}%2F{file.id[3:]}%2F{quote(file.filename, safe='')}",
                "download": download_path(file),
                "thumbnail": f"/download/thumbnails/{file.page_id}/{quote(file.filename, safe='')}?api=v2",
                "self": f"{self._base}{address}",
            },
        }

    def comment(self, comment: Comment, expand: Expand) -> Json:
        """Return a comment; the extensions of an inline one contain its passage and whether it is resolved."""
        page = self._store.page(comment.page_id)
        assert page is not None  # noqa: S101 - comments go with their page
        requested_extensions = expand.into("extensions")
        extensions: Json = {"location": comment.location}
        waiting: Json = {}
        if comment.location == "inline":
            details = {"originalSelection": comment.selection or "", "markerRef": comment.marker_ref or ""}
            state = {"status": "resolved" if comment.resolved else "open"}
            for name, value in (("inlineProperties", details), ("resolution", state)):
                (extensions if name in requested_extensions else waiting)[name] = (
                    value if name in requested_extensions else ""
                )
        extensions["_expandable"] = waiting
        parts: Json = {
            "version": self._version(comment.id, comment.updated_by, comment.updated_at, "", comment.version, minor=False),
            "history": {
                "latest": True,
                "createdBy": self.person(comment.author),
                "createdDate": moment(comment.at),
                "_links": {"self": f"{self._base}/rest/api/content/{comment.id}/history"},
                "_expandable": {"lastUpdated": "", "previousVersion": "", "contributors": ""},
            },
        }
        if "ancestors" in expand:
            parts["ancestors"] = [
                self.comment(above, expand.into("ancestors")) for above in self._comment_ancestors(comment)
            ]
        if "container" in expand:
            parts["container"] = self.page(page, expand.into("container"))
        if "body" in expand:
            parts["body"] = bodies.body_parts(
                self._store,
                self._call.site.context_path,
                page,
                comment.body,
                expand.into("body"),
                f"/rest/api/content/{comment.id}",
            )
        address = f"/rest/api/content/{comment.id}"
        addresses = {
            "container": f"/rest/api/content/{comment.page_id}",
            "ancestors": "",
            "body": "",
            "metadata": "",
            "children": f"{address}/child",
        }
        anchor = f"focusedCommentId={comment.id}#comment-{comment.id}"
        return {
            "id": comment.id,
            "type": "comment",
            "status": "current",
            "title": f"Re: {page.title}",
            "extensions": extensions,
            **self._parts(parts, expand, addresses),
            "_links": {
                "webui": f"/pages/viewpage.action?pageId={page.id}&{anchor}",
                "self": f"{self._base}{address}",
            },
        }

    # --- inside

    def _metadata(self, page: Page, expand: Expand) -> Json:
        parts: Json = {}
        if "labels" in expand:
            labels = [self.label(label) for label in self._store.labels(page.id)]
            parts["labels"] = self._nested_list(labels, f"/rest/api/content/{page.id}/label", LABEL_LIMIT)
        if "properties" in expand:
            requested_properties = expand.into("properties")
            entries = {entry.key: entry for entry in self._store.properties(page.id)}
            wanted = {key: entry for key, entry in entries.items() if key in requested_properties}
            parts["properties"] = {
                **{key: self.property(entry, requested_properties.into(key)) for key, entry in wanted.items()},
                "_expandable": {key: "" for key in entries if key not in wanted},
            }
        waiting = {"currentuser": "", "properties": "", "frontend": "", "labels": ""}
        return {**parts, "_expandable": {name: "" for name in waiting if name not in parts}}

    def _descendants(self, page: Page, expand: Expand) -> Json:
        address = f"/rest/api/content/{page.id}/descendant"
        parts: Json = {}
        if "page" in expand:
            pages = self._call.visible(self._store.descendants(page.id))
            entries = [self.page(child, expand.into("page")) for child in pages]
            parts["page"] = self._nested_list(entries, f"{address}/page")
        rest = {name: f"{address}/{name}" for name in ("page", "attachment", "comment") if name not in parts}
        return {**parts, "_links": {"self": f"{self._base}{address}"}, "_expandable": rest}

    def _page_addresses(self, page: Page) -> dict[str, str]:
        address = f"/rest/api/content/{page.id}"
        return {
            "container": f"/rest/api/space/{page.space_key}",
            "metadata": "",
            "operations": "",
            "children": f"{address}/child",
            "restrictions": f"{address}/restriction/byOperation",
            "history": f"{address}/history",
            "ancestors": "",
            "body": "",
            "version": "",
            "descendants": f"{address}/descendant",
            "space": f"/rest/api/space/{page.space_key}",
        }

    def _comment_ancestors(self, comment: Comment) -> list[Comment]:
        above: list[Comment] = []
        parent = self._store.comment(comment.parent_id) if comment.parent_id else None
        while parent is not None:
            above.insert(0, parent)
            parent = self._store.comment(parent.parent_id) if parent.parent_id else None
        return above

    def _version(self, content_id: str, author: str, at: datetime, message: str, number: int, *, minor: bool) -> Json:
        return {
            "by": self.person(author),
            "when": moment(at),
            "message": message,
            "number": number,
            "minorEdit": minor,
            "hidden": False,
            "_links": {"self": f"{self._base}/rest/experimental/content/{content_id}/version/{number}"},
            "_expandable": {"content": f"/rest/api/content/{content_id}"},
        }

    def _nested_list(self, entries: Sequence[Json], address: str, limit: int = NESTED_LIMIT) -> Json:
        """Return the first entries of a list inside a response."""
        links = {"self": f"{self._base}{address}"}
        if len(entries) > limit:
            links["next"] = f"{address}?limit={limit}&start={limit}"
        shown = list(entries[:limit])
        return {"results": shown, "start": 0, "limit": limit, "size": len(shown), "_links": links}

    def _parts(self, parts: Json, expand: Expand, addresses: dict[str, str]) -> Json:
        """Return the expanded ones of ``parts``, and the addresses of the others."""
        expanded = {name: value for name, value in parts.items() if name in expand and value is not None}
        rest = {name: addresses.get(name, "") for name in [*parts, *addresses] if name not in expanded}
        return {**expanded, "_expandable": rest}

    def _nobody(self, kind: str, display_name: str) -> Json:
        return {"type": kind, "profilePicture": self._picture(), "displayName": display_name}

    def _picture(self) -> Json:
        path = f"{self._call.site.context_path}/images/icons/profilepics/default.svg"
        return {"path": path, "width": 48, "height": 48, "isDefault": True}
