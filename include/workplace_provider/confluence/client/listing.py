"""Follow the paging of a listing to its end, in either dialect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qsl, urlsplit

from workplace_provider.confluence.client.responses import Listing, read
from workplace_provider.confluence.system import SYSTEM
from workplace_provider.http.errors import BadResponse

if TYPE_CHECKING:
    from workplace_provider.http.client import HttpClient

Row = TypeVar("Row")

MOST_WITHOUT_NEWS: Final = 1000
"""Pages of a listing in a row without a new row: Confluence leaves out what the account may not see, and goes on."""


def listed(http: HttpClient, path: str, params: Mapping[str, Any], kind: type[Row]) -> Iterator[Row]:
    """All rows of a listing.

    ``_links.next`` is relative to the context path on Data Center, which a proxy may have changed on the way, and to the
    site on Cloud, where the gateway has another path; only its query is taken, and put behind our own path. A short or an
    empty page is not the end, a missing ``next`` is.

    :param params: query of the first page
    :param kind: type of the rows
    :raises BadResponse: when a response is not a listing of such rows, or the server repeats a page
    """
    query: Mapping[str, Any] = params
    asked: set[str] = set()
    without_news = 0
    seen: set[str] = set()
    while True:
        page = read(http, path, Listing[kind], query)  # type: ignore[valid-type]  # made at run time
        known = len(seen)
        for row in page.results:
            # While one pages, rows move: a new page at the top shows the last of this page on the next one again.
            key = str(getattr(row, "id", None) or getattr(row, "key", None) or row)
            if key not in seen:
                seen.add(key)
                yield row
        following = _query_of(page.following, path)
        if not following:
            return
        if following in asked:
            raise BadResponse(f"the listing {path} comes back to {following}", system=SYSTEM, method="GET", url=path)
        without_news = without_news + 1 if len(seen) == known else 0
        if without_news >= MOST_WITHOUT_NEWS:
            raise BadResponse(
                f"the listing {path} does not end: its last {without_news} pages have nothing new",
                system=SYSTEM,
                method="GET",
                url=path,
            )
        asked.add(following)
        query = _query(following)


def _query_of(link: str, path: str) -> str:
    try:
        return urlsplit(link).query
    except ValueError as error:  # the standard library wants no host in brackets
        raise BadResponse(
            f"the listing {path} goes on at an address that is none", system=SYSTEM, method="GET", url=path
        ) from error


def _query(text: str) -> dict[str, list[str]]:
    query: dict[str, list[str]] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        query.setdefault(key, []).append(value)
    return query
