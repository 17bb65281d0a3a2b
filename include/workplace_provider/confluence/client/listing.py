"""Follow the paging of a listing to its end, in either dialect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from workplace_provider.confluence.client.responses import Listing, read
from workplace_provider.confluence.system import SYSTEM
from workplace_provider.http.errors import BadAnswer

if TYPE_CHECKING:
    from workplace_provider.http.client import HttpClient

Row = TypeVar("Row")


def listed(http: HttpClient, path: str, params: Mapping[str, Any], kind: type[Row]) -> Iterator[Row]:
    """All rows of a listing.

    ``_links.next`` is relative to the context path on Data Center, which a proxy may have changed on the way, and to the
    site on Cloud, where the gateway has another path; only its query is taken, and put behind our own path. A short or an
    empty page is not the end, a missing ``next`` is.

    :param params: query of the first page
    :param kind: type of the rows
    :raises BadAnswer: when a response is not a listing of such rows, or the server repeats a page
    """
    query: Mapping[str, Any] = params
    asked: set[str] = set()
    seen: set[str] = set()
    while True:
        page = read(http, path, Listing[kind], query)  # type: ignore[valid-type]  # made at run time
        for row in page.results:
            # While one pages, rows move: a new page at the top shows the last of this page on the next one again.
            key = str(getattr(row, "id", None) or getattr(row, "key", None) or row)
            if key not in seen:
                seen.add(key)
                yield row
        following = urlsplit(page.following).query
        if not following:
            return
        if following in asked:
            raise BadAnswer(f"the listing {path} comes back to {following}", system=SYSTEM, method="GET", url=path)
        asked.add(following)
        query = _query(following)


def _query(text: str) -> dict[str, list[str]]:
    query: dict[str, list[str]] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        query.setdefault(key, []).append(value)
    return query
