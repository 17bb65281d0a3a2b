"""Inline comments at risk: an edit that takes their marker away leaves them without a passage."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from workplace_provider.http.errors import WorkplaceError
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Comment, Page

log = get_logger("workplace_provider.confluence")

# None crosses another "<", so that tags in a block of code cost no more than their length.
_MARKER: Final = re.compile(r"<ac:inline-comment-marker\b[^<>]*?\bac:ref=[\"']([^\"']+)[\"']")
_MARKUP: Final = re.compile(r"<!\[CDATA\[\s*\]\]>|<(?!!\[CDATA|ac:|ri:|time|img)[^<>]*>|&nbsp;|&#160;|\s+")


def report_orphans(page: Page, after: str, comments: Callable[[str], Iterable[Comment]]) -> None:
    """Log the open inline comments whose passage a new body takes away.

    :param page: read with its body
    :param after: the new body
    :param comments: lists the comments of a page; asked only when a marker goes
    """
    lost = set(_MARKER.findall(page.body or "")) - set(_MARKER.findall(after))
    if not lost:
        return
    try:
        orphans = [each for each in comments(page.id) if each.location == "inline" and each.marker in lost]
    except WorkplaceError as error:
        log.warning("%s: the edit takes away %d passages with inline comments (%s)", page.url, len(lost), error)
        return
    for comment in orphans:
        if comment.parent_id is None:
            words = " ".join(re.sub("<[^<>]*>", " ", comment.body).split())
            log.warning(
                "%s: the edit takes away the passage of an open comment by %s: %.100s", page.url, comment.author, words
            )


def is_blank(body: str) -> bool:
    """Return whether a body in storage format shows nothing."""
    return not _MARKUP.sub("", body)
