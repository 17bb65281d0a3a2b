"""Which page a link leads to, as far as the link itself tells."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from typing import Final
from urllib.parse import parse_qs, urlsplit

from workplace_provider.confluence.system import SYSTEM
from workplace_provider.http.errors import Invalid

_IN_PATH: Final = re.compile(r"/(?:pages|folder)/(?:[a-z][\w-]*/)?(\d+)(?:/|$)")
_TINY: Final = re.compile(r"/x/([A-Za-z0-9_-]{1,11})/?$")


def page_id_of(named: str | int) -> str:
    """The id of a page that is named by its id or by a link to it.

    Links of the address bar (``…/pages/123/Title``, ``…?pageId=123``) have the id in them, and so has the one of *Copy link*
    (``…/x/HQD4bQ``): it is the id as little-endian bytes in Base 64.

    :param named: an id may be a number, which a template of a DAG with native rendering makes of it
    :raises Invalid: when a link has no id in it
    """
    named = str(named).strip()
    if "/" not in named:
        return named
    try:
        parts = urlsplit(named)
    except ValueError as error:
        raise Invalid(
            f"{named!r} is no link: {error}", system=SYSTEM, advice="give the page's id, or a link to it"
        ) from error
    if by_query := parse_qs(parts.query).get("pageId"):
        return by_query[0]
    if by_path := _IN_PATH.search(parts.path):
        return by_path.group(1)
    if tiny := _TINY.search(parts.path):
        return _read(tiny.group(1))
    raise Invalid(
        f"the link {named} does not tell the id of a page",
        system=SYSTEM,
        advice="open the page and take the link of Share, Copy link, or the id of Page information",
    )


def _read(coded: str) -> str:
    # Confluence has the two characters that RFC 4648 puts in place of + and / the other way round, and drops zeros at the
    # end.
    swapped = coded.translate(str.maketrans("-_", "_-"))
    raw = urlsafe_b64decode(swapped.ljust(12 if len(swapped) > 6 else 8, "A"))
    return str(int.from_bytes(raw, "little"))
