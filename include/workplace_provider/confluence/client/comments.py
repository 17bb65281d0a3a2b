"""Inline comments at risk: an edit that removes the marker of a comment leaves the comment without its passage."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from workplace_provider.http.errors import WorkplaceError
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Comment, Page
    from workplace_provider.confluence.client.protocol import ConfluenceClient

log = get_logger("workplace_provider.confluence")

# No match crosses another "<", so that tags in a block of code cost time that grows only with their length.
_MARKER: Final = re.compile(r"<ac:inline-comment-marker\b[^<>]*?\bac:ref=[\"']([^\"']+)[\"']")
_MARKUP: Final = re.compile(r"<!\[CDATA\[\s*\]\]>|<(?!!\[CDATA|ac:|ri:|time|img)[^<>]*>|&nbsp;|&#160;|\s+")


def report_orphans(client: ConfluenceClient, page: Page, after: str) -> None:
    """Log the open inline comments whose passage a new body removes.

    :param client: the site; comments are read only when a marker is removed
    :param page: read with its body
    :param after: the new body
    """
    try:
        orphans = find_orphans(client, page.id, page.body or "", after)
    except WorkplaceError as error:
        log.warning("%s: the edit removes passages with inline comments (%s)", page.url, error)
        return
    for comment in orphans:
        log.warning("%s: the edit removes the passage of an open comment by %s", page.url, describe(comment))


def find_orphans(client: ConfluenceClient, page_id: str, before: str, after: str) -> list[Comment]:
    """Return the open inline comments whose passage a new body removes, without the replies to them.

    :param client: the site; comments are read only when a marker is removed
    """
    removed = set(_MARKER.findall(before)) - set(_MARKER.findall(after))
    if not removed:
        return []
    return [
        comment
        for comment in client.comments(page_id)
        if comment.location == "inline" and comment.marker in removed and comment.parent_id is None
    ]


def describe(comment: Comment) -> str:
    """Return the author and the first words of a comment for a message."""
    words = " ".join(re.sub("<[^<>]*>", " ", comment.body).split())
    return f"{comment.author}: {words:.100}"


def is_blank(body: str) -> bool:
    """Return whether a body in storage format shows nothing."""
    return not _MARKUP.sub("", body)
