"""Read what Confluence Cloud answers: API v2, and the calls of v1 that are left beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from workplace_provider.confluence.auth.scopes import SCOPE
from workplace_provider.confluence.client.checks import segment
from workplace_provider.confluence.client.model import Attachment, Page
from workplace_provider.confluence.client.responses import Account, Content, Links, title_of
from workplace_provider.confluence.client.version1 import attachment_of
from workplace_provider.http.client import ErrorDetails, ErrorResponse
from workplace_provider.http.errors import (
    AlreadyExists,
    AuthFailed,
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


def page_of_v2(row: Content, site: str, *, space: str = "", base: str = "") -> Page:
    """A page of API v2, in a listing or alone.

    :param site: base URL of links for people, where the response has none
    :param space: key of its space, where the page's link does not tell
    :param base: base URL that the listing around it gives
    """
    links = row.links or Links()
    in_link = _SPACE_OF_LINK.search(links.webui or "")
    return Page(
        id=str(row.id),
        space=unquote(in_link.group(1)) if in_link else space,
        title=title_of(row),
        status=row.status or "current",
        version=row.number,
        url=row.url(site, base),
        parent_id=str(row.parent_id) if row.parent_id else None,
        body=row.storage,
        created_by=row.author_id or "",
    )


def page_of_v1(row: Content, site: str) -> Page:
    """Content of API v1, as the search and the copy give it."""
    links = row.links or Links()
    created_by = (row.history.created_by if row.history else None) or Account()
    in_link = _SPACE_OF_LINK.search(links.webui or "")
    return Page(
        id=str(row.id),
        space=(row.space.key if row.space else None) or (unquote(in_link.group(1)) if in_link else ""),
        title=title_of(row),
        status=row.status or "current",
        version=row.number,
        url=row.url(site),
        parent_id=row.parent,
        body=row.storage,
        created_by=created_by.account_id or "",
    )


def attachment_on_cloud(row: Content, page_id: str) -> Attachment:
    """A file of a page, as a listing of API v2 or an upload responds it."""
    return attachment_of(row, page_id, download_path(page_id, str(row.id)))


def download_path(page_id: str, attachment_id: str) -> str:
    """Where a file's bytes are; the link in the answers leads to a call that tokens are not good for."""
    return f"rest/api/content/{segment(page_id)}/child/attachment/{segment(attachment_id)}/download"


def parse_error(answer: ErrorResponse) -> ErrorDetails:
    """Read the error formats of Cloud: ``{"errors": [{"title"}]}`` of v2, ``{"message"}`` of v1 and of the gateway.

    :param answer: an answer that is no success
    """
    message = _message(answer.json)
    text = message or answer.text
    if answer.status in (400, 409):
        if _TITLE_TAKEN.search(text):
            return ErrorDetails(
                AlreadyExists, message, "title-exists", "choose another title, or rename the page that has it"
            )
        if _FILE_TAKEN.search(text):
            return ErrorDetails(AlreadyExists, message, "attachment-exists", "add a new version to the file instead")
        if _PROPERTY_TAKEN.search(text):
            return ErrorDetails(AlreadyExists, message, "property-exists")
        if answer.status == 409 or _STALE.search(text):
            return ErrorDetails(Conflict, message, "stale", "somebody else wrote at the same time; run it again")
        if "convert" in text and "editor" in text:
            return ErrorDetails(
                Invalid, message, "", "the markup is not what Confluence takes; look at what was put in last"
            )
    if answer.status == 401 and "scope" in text:
        return ErrorDetails(Forbidden, message, SCOPE, "the token lacks a scope for this; see docs/cloud.md")
    if answer.status == 401 or (answer.status == 403 and "not permitted to use Confluence" in text):
        return ErrorDetails(
            AuthFailed,
            message,
            "",
            "the credential of the connection is wrong, expired or revoked, or of a kind that this address does not take "
            "(a token with scopes needs auth = scoped)",
        )
    if answer.status == 403 and "XSRF" in text:
        return ErrorDetails(Forbidden, message, "xsrf", "a proxy may drop the header X-Atlassian-Token")
    if answer.status == 403:
        return ErrorDetails(
            Forbidden, message, "", "give the connection's account the permission in the space or on the page"
        )
    if answer.status == 404:
        if "exceeds the maximum" in text:
            return ErrorDetails(TooLarge, message, "", "raise the site's limit for attachments, or make the file smaller")
        code = UNNAMED if text.strip().rstrip(".").lower() in ("", "not found") else ""
        advice = "check id and space, and that the connection's account may see it there"
        return ErrorDetails(NotFound, message, code, advice)
    if answer.status == 410:
        return ErrorDetails(Invalid, message, "gone", "Atlassian has taken this call out of service; update the provider")
    if answer.status == 413:
        return ErrorDetails(TooLarge, message, "", "a page holds 5 MB: split it, or attach the data as a file")
    return ErrorDetails(None, message)


def _message(data: Any) -> str:
    if not isinstance(data, Mapping):
        return ""
    errors = data.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], Mapping):
        first = errors[0]
        title, detail = str(first.get("title") or ""), str(first.get("detail") or "")
        return f"{title}: {detail}" if title and detail and detail != title else title or detail
    return str(data.get("message") or data.get("error_description") or "")
