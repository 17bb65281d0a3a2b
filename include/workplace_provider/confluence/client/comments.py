"""Inline comments at risk: an edit that removes the marker of a comment leaves the comment without its passage."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from workplace_provider.http.errors import WorkplaceError
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Page
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
    removed = set(_MARKER.findall(page.body or "")) - set(_MARKER.findall(after))
    if not removed:
        return
    try:
        comments = client.comments(page.id)
        orphans = [comment for comment in comments if comment.location == "inline" and comment.marker in removed]
    except WorkplaceError as error:
        log.warning("%s: the edit removes %d passages with inline comments (%s)", page.url, len(removed), error)
        return
    for comment in orphans:
        if comment.parent_id is None:
            words = " ".join(re.sub("<[^<>]*>", " ", comment.body).split())
            log.warning("%s: the edit removes the passage of an open comment by %s: %.100s", page.url, comment.author, words)


def is_blank(body: str) -> bool:
    """Return whether a body in storage format shows nothing."""
    return not _MARKUP.sub("", body)
