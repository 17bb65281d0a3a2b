"""A notice, and the keys that identify it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final, Protocol
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import msgspec

from workplace_provider.http.errors import BadResponse
from workplace_provider.http.redaction import get_logger, remove_invisible, sanitize_link

log = get_logger("workplace_provider.notices")

LONGEST_SUMMARY: Final = 300
"""Maximum characters of a summary, which is stored in the memory until the notice is posted."""
_BLANK = re.compile(r"[\s\u00ad\u200b-\u200d\u2060\ufeff]+")
LONGEST_TITLE: Final = 500
LONGEST_AUTHOR: Final = 100
"""Without a limit, one entry of a feed could fill a channel with messages."""
_LONGEST_KEY: Final = 1_000
_SESSION = re.compile(r";jsessionid=[^/?#]*", re.I)
_VISIT = re.compile(r"utm_\w+|(?:php)?sess(?:ion)?_?id|jsessionid|fbclid|gclid", re.I)
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A notice of a board.

    :param key: identifies the notice: the id in the feed or on the board, or else its URL
    :param title: one line of plain text
    :param url: absolute URL
    :param published: aware time; ``None`` if the board does not show it
    :param summary: beginning of the text, one line of plain text
    :param pinned: the board keeps the notice at the top
    :param edited: the notice was seen before with another content
    """

    key: str
    title: str
    url: str
    published: datetime | None = None
    author: str = ""
    summary: str = ""
    pinned: bool = False
    edited: bool = False

    @property
    def mark(self) -> str:
        """A short digest of the key."""
        return _digest(self.key, 8)

    @property
    def content(self) -> str:
        """A digest of title and summary, which changes when the notice is edited.

        Dates and counters are not part of it, since boards change them automatically. Neither are blanks and invisible
        characters, which editors leave behind.
        """
        return _digest("\n".join(_BLANK.sub("", part) for part in (self.title, self.summary)), 4)


class Row(Protocol):
    """A row of a page, or an entry of a feed."""

    def notice(self) -> Notice:
        """Return the row as a notice.

        :raises BadResponse: a required part is missing
        """


def notices_of_rows(rows: Iterable[Row]) -> list[Notice]:
    """Read the rows of a board, and skip a few invalid ones with a warning.

    :raises BadResponse: more than half of the rows are invalid; the error is that of the first one
    """
    notices: list[Notice] = []
    errors: list[BadResponse] = []
    for row in rows:
        try:
            notices.append(row.notice())
        except BadResponse as error:
            errors.append(error)
    if errors and len(errors) > len(notices):
        raise errors[0]
    for skipped in errors:
        log.warning("an invalid row of the board was skipped: %s", skipped)
    return notices


def absolute(base: str, href: str) -> str:
    """Return an absolute http(s) URL without credentials; empty for any other URL."""
    try:
        url = urljoin(base, href.strip())
        parts = urlsplit(url)
        is_valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return ""
    # Boards and feeds that need a token repeat it in the links to their notices.
    return sanitize_link(url) if is_valid else ""


def plausible(at: datetime) -> datetime | None:
    """Return a publication time; ``None`` for placeholders such as the year 1.

    The year 9999 is excluded too, since its end is out of range in some time zones.
    """
    return at if 1970 <= at.year < 9999 else None


def short_key(key: str) -> str:
    """Return the key of a notice, short enough for the memory and for the metadata of a message.

    Slack limits metadata to 8 KB: a notice with a longer key could never be posted, and would block all that follow.
    """
    cleaned = remove_invisible(key)
    return cleaned if cleaned == key and len(key) <= _LONGEST_KEY else f"digest:{_digest(key, 16)}"


def canonical(url: str) -> str:
    """Return a URL without the parts that differ per visit: sessions, campaigns, order of the query, fragment."""
    parts = urlsplit(url)
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    port = f":{parts.port}" if parts.port and parts.port != _DEFAULT_PORTS.get(scheme) else ""
    query = sorted((name, value) for name, value in parse_qsl(parts.query, True) if not _VISIT.fullmatch(name))
    return urlunsplit((scheme, f"{host}{port}", _SESSION.sub("", parts.path), urlencode(query), ""))


def one_line(text: str, longest: int | None = None) -> str:
    """Return a text without line breaks, runs of blanks and control characters, truncated with an ellipsis."""
    words = remove_invisible(" ".join(text.split())).strip()
    return words if longest is None or len(words) <= longest else words[: longest - 1].rstrip() + "…"


def _digest(text: str, size: int) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()
