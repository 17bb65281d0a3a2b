"""Read listings page after page, on both deployments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qsl, urlsplit

from workplace_provider.confluence.client.decoding import read
from workplace_provider.confluence.client.responses import Listing
from workplace_provider.http.errors import BadResponse

if TYPE_CHECKING:
    from workplace_provider.http.client import HttpClient

Row = TypeVar("Row")

MAX_PAGES_WITHOUT_NEWS: Final = 1000
"""Consecutive pages of a listing without a new row: Confluence omits rows that are hidden from the account."""


def listed(http: HttpClient, path: str, params: Mapping[str, Any], kind: type[Row]) -> Iterator[Row]:
    """Iterate over all rows of a listing.

    ``_links.next`` is relative to the context path on Data Center, which a proxy may change, and to the site on Cloud, where
    the gateway has another path. So only its query is used, with our own path. The listing ends where ``next`` is missing,
    not at a short or empty page.

    :param params: query of the first page
    :param kind: type of the rows
    :raises BadResponse: when a response is not a listing of such rows, or the server repeats a page
    """
    query: Mapping[str, Any] = params
    requested: set[str] = set()
    without_news = 0
    seen: set[str] = set()
    while True:
        page = read(http, path, Listing[kind], query)  # type: ignore[valid-type]  # made at run time
        known = len(seen)
        for row in page.results:
            # Rows move during paging: a new row at the top repeats the last row of this page on the next one.
            key = str(getattr(row, "id", None) or getattr(row, "key", None) or row)
            if key not in seen:
                seen.add(key)
                yield row
        following = _query_of(page.following, path)
        if not following:
            return
        if following in requested:
            raise BadResponse(f"the server repeated a cursor: {following}", method="GET", url=path)
        without_news = without_news + 1 if len(seen) == known else 0
        if without_news >= MAX_PAGES_WITHOUT_NEWS:
            raise BadResponse(
                f"the listing does not end: its last {without_news} pages have no new rows",
                method="GET",
                url=path,
            )
        requested.add(following)
        query = _query(following)


def _query_of(link: str, path: str) -> str:
    try:
        return urlsplit(link).query
    except ValueError as error:  # such as a host in brackets
        raise BadResponse("the link to the next page of the listing is not a valid URL", method="GET", url=path) from error


def _query(text: str) -> dict[str, list[str]]:
    query: dict[str, list[str]] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        query.setdefault(key, []).append(value)
    return query
