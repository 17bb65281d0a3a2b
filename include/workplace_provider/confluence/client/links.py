"""The id of the page that a link leads to."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from typing import Final
from urllib.parse import parse_qs, urlsplit

from workplace_provider.http.errors import Invalid

_IN_PATH: Final = re.compile(r"/(?:pages|folder)/(?:[a-z][\w-]*/)?(\d+)(?:/|$)")
_TINY: Final = re.compile(r"/x/([A-Za-z0-9_-]{1,11})/?$")


def page_id_of(named: str | int) -> str:
    """Return the id of a page that is given by its id or by a link.

    Links of the address bar (``…/pages/123/Title``, ``…?pageId=123``) contain the id. So does the link of *Copy link*
    (``…/x/HQD4bQ``): it is the id as little-endian bytes in Base64.

    :param named: an id or a link; an id may be a number, because DAGs with native rendering turn it into one
    :raises Invalid: when a link does not contain an id
    """
    named = str(named).strip()
    if "/" not in named:
        return named
    try:
        parts = urlsplit(named)
    except ValueError as error:
        raise Invalid(f"{named!r} is not a valid link: {error}", advice="give the page's id, or a link to it") from error
    if by_query := parse_qs(parts.query).get("pageId"):
        return by_query[0]
    if by_path := _IN_PATH.search(parts.path):
        return by_path.group(1)
    if tiny := _TINY.search(parts.path):
        return _decode_tiny(tiny.group(1))
    raise Invalid(
        f"the link {named} does not contain the id of a page",
        advice="open the page and use Share, Copy link, or the id in Page information",
    )


def _decode_tiny(coded: str) -> str:
    # Confluence swaps the two characters that RFC 4648 uses in place of + and /, and drops trailing zeros.
    swapped = coded.translate(str.maketrans("-_", "_-"))
    raw = urlsafe_b64decode(swapped.ljust(12 if len(swapped) > 6 else 8, "A"))
    return str(int.from_bytes(raw, "little"))
