"""Pages of lists: cursors as Slack makes them, and the surprising pages of real workspaces (reference section 2.1)."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, TypeVar

from workplace_sandbox.slack.call import SlackError

if TYPE_CHECKING:
    from collections.abc import Callable

    from workplace_sandbox.slack.call import SlackCall

T = TypeVar("T")

MAX_PAGE = 999
"""The largest page of every listing: "under 1000"."""
UNPAGED = 1000
"""The number of users in a response without a limit; the others are omitted silently."""
CAPPED = 15

# Marks a cursor whose empty page was returned.
_AFTER_EMPTY = "!"


def cut_page(
    call: SlackCall,
    kind: str,
    fetch: Callable[[str | None, int], list[T]],
    key: Callable[[T], str],
    default: int | None,
) -> tuple[list[T], str]:
    """Return one page.

    :param call: has ``limit`` and ``cursor``.
    :param kind: the kind of entry that cursors name, e.g. ``user``.
    :param fetch: gets the entries after a key (None for the first ones), up to a number.
    :param key: the key of an entry.
    :param default: the size of a page without a limit; None for "everything", which is 1,000 entries and no cursor.
    :return: the entries, and the cursor of the next page or an empty text.
    :raises SlackError: ``invalid_cursor``, ``limit_required``.
    """
    behaviour = call.behaviour.pages
    limit = call.number("limit")
    cursor = call.text("cursor")
    after = _read(kind, cursor) if cursor else ""
    if limit is None and default is None:
        if behaviour == "limit_required":
            raise SlackError("limit_required")
        if behaviour == "error":
            raise SlackError("internal_error", 500)
        if not cursor:
            return fetch(None, UNPAGED), ""
    size = min(limit or default or UNPAGED, MAX_PAGE)
    if behaviour == "short":
        size = max(1, size // 2)
    if behaviour == "capped":
        size = min(size, CAPPED)
    if behaviour == "empty" and not after.endswith(_AFTER_EMPTY):
        return [], _write(kind, after + _AFTER_EMPTY)
    entries = fetch(after.removesuffix(_AFTER_EMPTY) or None, size + 1)
    page = entries[:size]
    if len(entries) <= size:
        return page, ""
    if behaviour == "loop" and cursor:
        return page, cursor
    return page, _write(kind, key(page[-1]))


def _write(kind: str, key: str) -> str:
    return base64.b64encode(f"{kind}:{key}".encode()).decode()


def _read(kind: str, cursor: str) -> str:
    try:
        name, colon, key = base64.b64decode(cursor, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise SlackError("invalid_cursor") from None
    if name != kind or not colon or not key:
        raise SlackError("invalid_cursor")
    return key
