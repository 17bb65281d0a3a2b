"""The page that an address leads to."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from typing import Final
from urllib.parse import parse_qs, urlsplit

_IN_PATH: Final = re.compile(r"/(?:(?:pages|folder)/(?:[a-z][\w-]*/)?|blog/\d{4}/\d\d/\d\d/)(\d+)(?:/|$)")
_TINY: Final = re.compile(r"/x/([A-Za-z0-9_-]{1,11})/?$")


def page_id_in(address: str) -> str | None:
    """Return the id in the address of a page; ``None`` when it has none.

    Links of the address bar (``…/pages/123/Title``, ``…/blog/2026/11/19/123/Title``, ``…?pageId=123``) contain the id. So
    does the link of *Copy link* (``…/x/HQD4bQ``): it is the id as little-endian bytes in Base64.

    :raises ValueError: the address is not valid
    """
    parts = urlsplit(address)
    if by_query := parse_qs(parts.query).get("pageId"):
        return by_query[0]
    if by_path := _IN_PATH.search(parts.path):
        return by_path.group(1)
    if tiny := _TINY.search(parts.path):
        return _decode_tiny(tiny.group(1))
    return None


def is_on_site(address: str, site: str) -> bool:
    """Return whether an address is on a site: a path, or a URL with the site's host.

    :raises ValueError: the address is not valid
    """
    host = urlsplit(address).netloc
    return host == urlsplit(site).netloc if host else address.startswith("/")


def _decode_tiny(coded: str) -> str:
    # Confluence swaps the two characters that RFC 4648 uses in place of + and /, and drops trailing zeros.
    swapped = coded.translate(str.maketrans("-_", "_-"))
    raw = urlsafe_b64decode(swapped.ljust(12 if len(swapped) > 6 else 8, "A"))
    return str(int.from_bytes(raw, "little"))
