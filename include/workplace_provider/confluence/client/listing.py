"""Follow the paging of a listing to its end, in either dialect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from workplace_provider.confluence.system import SYSTEM
from workplace_provider.http.errors import BadAnswer

if TYPE_CHECKING:
    from workplace_provider.http.client import HttpClient


def listed(http: HttpClient, path: str, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All rows of a listing.

    ``_links.next`` is relative to the context path on Data Center, which a proxy may have changed on the way, and to the
    site on Cloud, where the gateway has another path; only its query is taken, and put behind our own path. A short or an
    empty page is not the end, a missing ``next`` is.

    :param params: query of the first page
    :raises BadAnswer: when an answer is no listing, or the paging comes back to where it was
    """
    query: Mapping[str, Any] = params
    asked: set[str] = set()
    seen: set[str] = set()
    while True:
        data = http.get_json(path, query)
        if not isinstance(data, dict) or not isinstance(data.get("results"), list):
            raise BadAnswer(f"the listing {path} has no results", system=SYSTEM, method="GET", url=path)
        for row in data["results"]:
            # While one pages, rows move: a new page at the top shows the last of this page on the next one again.
            key = str(row.get("id") or row.get("key"))
            if key not in seen:
                seen.add(key)
                yield row
        following = urlsplit(str(data.get("_links", {}).get("next") or "")).query
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
