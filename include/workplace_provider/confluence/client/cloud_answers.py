"""Read what Confluence Cloud answers: API v2, and the calls of v1 that are left beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from workplace_provider.confluence.auth.scopes import SCOPE
from workplace_provider.confluence.client.checks import segment
from workplace_provider.confluence.client.model import Attachment, ContentProperty, Page
from workplace_provider.confluence.client.version1 import attachment_of
from workplace_provider.confluence.system import SYSTEM
from workplace_provider.http.client import Answer, Explanation
from workplace_provider.http.errors import (
    AlreadyExists,
    AuthFailed,
    BadAnswer,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
)

UNNAMED: Final = "unnamed"
"""Code of a "not found" that names nothing, which is how API v2 also turns away a credential that it does not know."""

_TITLE_TAKEN = re.compile(r"title already exists|already exists with the (same )?title", re.I)
_FILE_TAKEN = re.compile(r"same file name as an existing attachment", re.I)
_PROPERTY_TAKEN = re.compile(r"(property|key).*(already (exists|has)|duplicate)|already has a value", re.I)
_STALE = re.compile(r"version must be incremented|incremented version|OptimisticLock|stale|ConflictException", re.I)
_SPACE_OF_LINK = re.compile(r"/spaces/([^/?#]+)")


def page_of_v2(data: Any, site: str, *, space: str = "", base: str = "") -> Page:
    """A page of API v2, in a listing or alone.

    :param site: base URL of links for people, where the answer has none
    :param space: key of its space, where the page's link does not tell
    :param base: base URL that the listing around it gives
    """
    if not isinstance(data, Mapping) or "id" not in data:
        raise BadAnswer("no page in the answer", system=SYSTEM)
    links = data.get("_links") or {}
    webui = str(links.get("webui") or "")
    found = _SPACE_OF_LINK.search(webui)
    storage = (data.get("body") or {}).get("storage")
    parent = data.get("parentId")
    return Page(
        id=str(data["id"]),
        space=unquote(found.group(1)) if found else space,
        title=str(data.get("title", "")),
        status=str(data.get("status", "current")),
        version=int((data.get("version") or {}).get("number", 0)),
        url=str(links.get("base") or base or site).rstrip("/") + (webui or f"/pages/viewpage.action?pageId={data['id']}"),
        parent_id=str(parent) if parent else None,
        body=str(storage["value"]) if storage else None,
        created_by=str(data.get("authorId") or ""),
    )


def page_of_v1(data: Any, site: str) -> Page:
    """Content of API v1, as the search and the copy give it."""
    if not isinstance(data, Mapping) or "id" not in data:
        raise BadAnswer("no content in the answer", system=SYSTEM)
    links = data.get("_links") or {}
    ancestors = data.get("ancestors") or []
    storage = (data.get("body") or {}).get("storage")
    created_by = (data.get("history") or {}).get("createdBy") or {}
    found = _SPACE_OF_LINK.search(str(links.get("webui") or ""))
    return Page(
        id=str(data["id"]),
        space=str((data.get("space") or {}).get("key") or (unquote(found.group(1)) if found else "")),
        title=str(data.get("title", "")),
        status=str(data.get("status", "current")),
        version=int((data.get("version") or {}).get("number", 0)),
        url=str(links.get("base") or site).rstrip("/")
        + str(links.get("webui") or f"/pages/viewpage.action?pageId={data['id']}"),
        parent_id=str(ancestors[-1]["id"]) if ancestors else None,
        body=str(storage["value"]) if storage and "value" in storage else None,
        created_by=str(created_by.get("accountId") or ""),
    )


def attachment_of_v2(data: Mapping[str, Any], page_id: str) -> Attachment:
    """A file of a page, as API v2 lists it."""
    return Attachment(
        id=str(data["id"]),
        page_id=page_id,
        name=str(data["title"]),
        version=int((data.get("version") or {}).get("number", 1)),
        size=int(data.get("fileSize") or 0),
        media_type=str(data.get("mediaType") or "application/octet-stream"),
        comment=str(data.get("comment") or ""),
        download=download_path(page_id, str(data["id"])),
    )


def attachment_of_v1(data: Mapping[str, Any], page_id: str) -> Attachment:
    """A file of a page, as an upload answers."""
    return attachment_of(data, page_id, download_path(page_id, str(data["id"])))


def download_path(page_id: str, attachment_id: str) -> str:
    """Where a file's bytes are; the link in the answers leads to a call that tokens are not good for."""
    return f"rest/api/content/{segment(page_id)}/child/attachment/{segment(attachment_id)}/download"


def property_of_v2(data: Mapping[str, Any]) -> ContentProperty:
    """A content property of API v2."""
    return ContentProperty(str(data["key"]), data.get("value"), int((data.get("version") or {}).get("number", 1)))


def explain(answer: Answer) -> Explanation:
    """Read the error formats of Cloud: ``{"errors": [{"title"}]}`` of v2, ``{"message"}`` of v1 and of the gateway.

    :param answer: an answer that is no success
    """
    message = _message(answer.json)
    text = message or answer.text
    if answer.status in (400, 409):
        if _TITLE_TAKEN.search(text):
            return Explanation(
                AlreadyExists, message, "title-exists", "choose another title, or rename the page that has it"
            )
        if _FILE_TAKEN.search(text):
            return Explanation(AlreadyExists, message, "attachment-exists", "add a new version to the file instead")
        if _PROPERTY_TAKEN.search(text):
            return Explanation(AlreadyExists, message, "property-exists")
        if answer.status == 409 or _STALE.search(text):
            return Explanation(Conflict, message, "stale", "somebody else wrote at the same time; run it again")
        if "convert" in text and "editor" in text:
            return Explanation(Invalid, message, "", "the markup is not what Confluence takes; look at what was put in last")
    if answer.status == 401 and "scope" in text:
        return Explanation(Forbidden, message, SCOPE, "the token lacks a scope for this; see docs/cloud.md")
    if answer.status == 401 or (answer.status == 403 and "not permitted to use Confluence" in text):
        return Explanation(
            AuthFailed,
            message,
            "",
            "the credential of the connection is wrong, expired or revoked, or of a kind that this address does not take "
            "(a token with scopes needs auth = scoped)",
        )
    if answer.status == 403 and "XSRF" in text:
        return Explanation(Forbidden, message, "xsrf", "a proxy may drop the header X-Atlassian-Token")
    if answer.status == 403:
        return Explanation(
            Forbidden, message, "", "give the connection's account the permission in the space or on the page"
        )
    if answer.status == 404:
        if "exceeds the maximum" in text:
            return Explanation(TooLarge, message, "", "raise the site's limit for attachments, or make the file smaller")
        code = UNNAMED if text.strip().rstrip(".").lower() in ("", "not found") else ""
        advice = "check id and space, and that the connection's account may see it there"
        return Explanation(NotFound, message, code, advice)
    if answer.status == 410:
        return Explanation(Invalid, message, "gone", "Atlassian has taken this call out of service; update the provider")
    if answer.status == 413:
        return Explanation(TooLarge, message, "", "a page holds 5 MB: split it, or attach the data as a file")
    return Explanation(None, message)


def _message(data: Any) -> str:
    if not isinstance(data, Mapping):
        return ""
    errors = data.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], Mapping):
        first = errors[0]
        title, detail = str(first.get("title") or ""), str(first.get("detail") or "")
        return f"{title}: {detail}" if title and detail and detail != title else title or detail
    return str(data.get("message") or data.get("error_description") or "")
