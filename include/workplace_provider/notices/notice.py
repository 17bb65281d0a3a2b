"""A notice, and what it is known again by."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import msgspec

from workplace_provider.http.errors import BadResponse
from workplace_provider.http.redaction import get_logger, remove_invisible, sanitize_link

log = get_logger("workplace_provider.notices")

Row = TypeVar("Row")
LONGEST_SUMMARY: Final = 300
"""Characters of a summary that are kept: it is in the memory until it is handed over."""
_BLANK = re.compile(r"[\s\u00ad\u200b-\u200d\u2060\ufeff]+")
LONGEST_TITLE: Final = 500
LONGEST_AUTHOR: Final = 100
"""Without a limit, one entry of a feed could fill a channel with messages."""
_LONGEST_KEY: Final = 1_000
_SESSION = re.compile(r";jsessionid=[^/?#]*", re.I)
_VISIT = re.compile(r"utm_\w+|(?:php)?sess(?:ion)?_?id|jsessionid|fbclid|gclid", re.I)
_USUAL_PORT = {"http": 80, "https": 443}


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A notice as a board shows it.

    :param key: what it is known again by: the id that the feed gives, that of the board, or the address
    :param title: one line of plain text
    :param url: absolute
    :param published: aware; ``None`` where the board does not say
    :param summary: the beginning of its text, one line of plain text
    :param pinned: the board keeps it at its top
    :param edited: it was seen before, with another content
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
        """The key in few characters, however long it is."""
        return _digest(self.key, 8)

    @property
    def content(self) -> str:
        """Differs when the notice was edited. Dates and counters are left out: boards change them by themselves.

        So are blanks, and the invisible characters that editors leave behind.
        """
        return _digest("\n".join(_BLANK.sub("", part) for part in (self.title, self.summary)), 4)


def usable_notices(rows: Sequence[Row], read: Callable[[Row], Notice]) -> list[Notice]:
    """Read the rows of a board, and leave out a few that lack what every notice has.

    :param read: reads a row
    :raises BadResponse: more than half of the rows cannot be read; the error is that of the first one
    """
    notices: list[Notice] = []
    problems: list[BadResponse] = []
    for row in rows:
        try:
            notices.append(read(row))
        except BadResponse as error:
            problems.append(error)
    if problems and len(problems) > len(notices):
        raise problems[0]
    for problem in problems:
        log.warning("a row of the board was left out: %s", problem)
    return notices


def absolute(base: str, href: str) -> str:
    """An address of the web, made absolute and without credentials; empty where it is anything else."""
    try:
        url = urljoin(base, href.strip())
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return ""
    # Boards and feeds that need a token repeat it in the links to their notices.
    return sanitize_link(url) if usable else ""


def plausible(at: datetime) -> datetime | None:
    """A moment at which something can have been published; ``None`` for one that only fills a field, such as year 1.

    The end of the year 9999 has no date in some time zones.
    """
    return at if 1970 <= at.year < 9999 else None


def short_key(key: str) -> str:
    """Return what a notice is known by, short enough for the memory and for the metadata of a message.

    A message has up to 8 KB of metadata: a longer key could never be posted, and would hold back all that follows it.
    """
    cleaned = remove_invisible(key)
    return cleaned if cleaned == key and len(key) <= _LONGEST_KEY else f"digest:{_digest(key, 16)}"


def canonical(url: str) -> str:
    """An address without what differs from visit to visit: sessions, campaigns, the order of the query, the fragment."""
    parts = urlsplit(url)
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    port = f":{parts.port}" if parts.port and parts.port != _USUAL_PORT.get(scheme) else ""
    query = sorted((name, value) for name, value in parse_qsl(parts.query, True) if not _VISIT.fullmatch(name))
    return urlunsplit((scheme, f"{host}{port}", _SESSION.sub("", parts.path), urlencode(query), ""))


def one_line(text: str, longest: int | None = None) -> str:
    """Text without line breaks, runs of blanks and control characters, cut with an ellipsis where it is longer."""
    words = remove_invisible(" ".join(text.split())).strip()
    return words if longest is None or len(words) <= longest else words[: longest - 1].rstrip() + "…"


def _digest(text: str, size: int) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()
