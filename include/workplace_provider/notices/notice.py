"""A notice, and what it is known again by."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import msgspec

from workplace_provider.http.redaction import sanitize_link

LONGEST_SUMMARY: Final = 300
"""Characters of a summary that are kept: it is in the memory until it is handed over."""
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
        """Differs when the notice was edited. Dates and counters are left out: boards change them by themselves."""
        return _digest(f"{self.title}\n{self.summary}", 4)


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
    """A moment at which something can have been published; ``None`` for one that only fills a field, such as year 1."""
    return at if at.year >= 1970 else None


def canonical(url: str) -> str:
    """An address without what differs from visit to visit: sessions, campaigns, the order of the query, the fragment."""
    parts = urlsplit(url)
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    port = f":{parts.port}" if parts.port and parts.port != _USUAL_PORT.get(scheme) else ""
    query = sorted((name, value) for name, value in parse_qsl(parts.query, True) if not _VISIT.fullmatch(name))
    return urlunsplit((scheme, f"{host}{port}", _SESSION.sub("", parts.path), urlencode(query), ""))


def one_line(text: str, longest: int | None = None) -> str:
    """Text without line breaks and runs of blanks, cut with an ellipsis where it is longer."""
    words = " ".join(text.split())
    return words if longest is None or len(words) <= longest else words[: longest - 1].rstrip() + "…"


def _digest(text: str, size: int) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()
