"""Searches with all pages of their result, on Jira Data Center and Jira Cloud.

Sources: Jira Data Center's REST API, version 2, ``/search``; Jira Cloud's REST API, version 3, ``/search/jql``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from workplace_provider.http import errors
from workplace_provider.http.body import convert_json

if TYPE_CHECKING:
    import requests

    from workplace_provider.http.client import HttpClient

SYSTEM: Final = "Jira"
PAGE_SIZE: Final = 100
EXTRA_PAGES: Final = 10
"""A search on Data Center ends after twice the pages of its first total and these: a total that grows forever must not
occupy a task. On Cloud, which sends no total, it ends after this many pages in a row without a new issue."""
MAX_PAGES: Final = 10_000

DATA_CENTER_SEARCH: Final = "rest/api/2/search"
CLOUD_SEARCH: Final = "rest/api/3/search/jql"
CLOUD_COUNT: Final = "rest/api/3/search/approximate-count"


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The result of a search.

    :param issues: the issues as Jira sent them
    :param total: number of issues that match the query; ``None`` if there are more than were read, and Jira Cloud did not
        report how many
    :param is_estimate: the total is Jira Cloud's estimate
    """

    issues: Sequence[Mapping[str, Any]]
    total: int | None
    is_estimate: bool = False

    @property
    def has_more(self) -> bool:
        """Return whether more issues match the query than were read."""
        return self.total is None or self.total > len(self.issues)


class _Issue(msgspec.Struct):
    key: str
    fields: dict[str, Any]


class _Page(msgspec.Struct):
    """A page of Data Center."""

    issues: list[_Issue]
    total: Annotated[int, msgspec.Meta(ge=0)]


class _CloudPage(msgspec.Struct):
    """A page of Cloud; on the last one, ``nextPageToken`` is missing or null."""

    issues: list[_Issue]
    next_token: str | None = msgspec.field(name="nextPageToken", default=None)
    is_last: bool = msgspec.field(name="isLast", default=False)


class _Count(msgspec.Struct):
    count: Annotated[int, msgspec.Meta(ge=0)]


def search_data_center(http: HttpClient, jql: str, fields: Sequence[str], *, limit: int | None = None) -> SearchResult:
    """Return the issues that match a query, from all pages of the search on Data Center.

    :param http: client of the site
    :param jql: query
    :param fields: names of the fields to return
    :param limit: maximum number of issues; ``None`` for all
    :raises WorkplaceError: the search failed. For an invalid query it is
        :class:`~workplace_provider.http.errors.Invalid` with the query in its message
    """
    # By key: an issue that changes while the pages are read may appear on two pages.
    issues: dict[str, Mapping[str, Any]] = {}
    most = math.inf if limit is None else limit
    first_total, most_pages = 0, math.inf
    start, total, pages = 0, 1, 0
    while start < total and len(issues) < most:
        if pages >= most_pages:
            raise errors.BadResponse(
                f"the search does not end: the total was {first_total} issues and is {total} after {pages} pages",
                system=SYSTEM,
                method="GET",
                advice="narrow the query, or set limit",
            )
        page, total = _data_center_page(http, jql, fields, start, int(min(PAGE_SIZE, most - len(issues))))
        pages += 1
        _check_progress(page, issues, start, total)
        if pages == 1:
            first_total = total
            most_pages = math.ceil(total / max(1, len(page))) * 2 + EXTRA_PAGES
        issues |= {issue["key"]: issue for issue in page}
        start += len(page)
    return SearchResult(list(issues.values()), max(total, len(issues)))


def search_cloud(http: HttpClient, jql: str, fields: Sequence[str], *, limit: int | None = None) -> SearchResult:
    """Return the issues that match a query, from all pages of the search on Cloud; see :func:`search_data_center`.

    The search sends no total. If the limit ends it, the total is an estimate.
    """
    issues: dict[str, Mapping[str, Any]] = {}
    most = math.inf if limit is None else limit
    tokens: set[str] = set()
    token: str | None = None
    idle = 0
    while len(issues) < most:
        page, token = _cloud_page(http, jql, fields, token, int(min(PAGE_SIZE, most - len(issues))))
        before = len(issues)
        issues |= {issue["key"]: issue for issue in page}
        if token is None:
            return SearchResult(list(issues.values()), len(issues))
        idle = idle + 1 if len(issues) == before else 0
        if token in tokens or idle > EXTRA_PAGES or len(tokens) >= MAX_PAGES:
            problem = "the server repeated a page token" if token in tokens else f"{len(tokens) + 1} pages, and no last one"
            raise errors.BadResponse(
                f"the search does not end: {problem}",
                system=SYSTEM,
                method="POST",
                url=http.url(CLOUD_SEARCH),
                advice="narrow the query, or set limit",
            )
        tokens.add(token)
    read = list(issues.values())[: int(most)]
    estimate = _approximate_count(http, jql)
    # An estimate below what is certain is of no use to the reader of the log.
    return SearchResult(read, estimate if estimate is not None and estimate > len(read) else None, is_estimate=True)


def _check_progress(page: Sequence[Mapping[str, Any]], issues: Mapping[str, Any], start: int, total: int) -> None:
    """Check that a page brings the search forward, unless it is the last one.

    :raises BadResponse: the page is empty, or has only issues of earlier pages
    """
    if not page and start < total:
        raise errors.BadResponse(
            f"the search reports {total} issues, and returned none after {start}", system=SYSTEM, method="GET"
        )
    # Changes may repeat a few issues. A page with nothing else comes from a server that ignores `startAt`.
    if start + len(page) < total and all(issue["key"] in issues for issue in page):
        raise errors.BadResponse(
            f"the search repeated {len(page)} issues instead of those after {start + len(page)}", system=SYSTEM, method="GET"
        )


def _data_center_page(
    http: HttpClient, jql: str, fields: Sequence[str], start: int, size: int
) -> tuple[Sequence[Mapping[str, Any]], int]:
    params = {"jql": jql, "startAt": start, "maxResults": size, "fields": ",".join(fields)}
    try:
        content = http.get_json(DATA_CENTER_SEARCH, params)
    except errors.WorkplaceError as error:
        _complete(error, jql)
        raise
    with errors.error_context(system=SYSTEM, method="GET", url=http.url(DATA_CENTER_SEARCH)):
        total = convert_content(content, _Page).total
    return content["issues"], total


def _cloud_page(
    http: HttpClient, jql: str, fields: Sequence[str], token: str | None, size: int
) -> tuple[Sequence[Mapping[str, Any]], str | None]:
    """Return the issues of a page, and the token of the next one; ``None`` after the last page."""
    # Without `fields`, issues have only an id. An unknown key, such as `startAt`, is an error 400.
    body: dict[str, Any] = {"jql": jql, "fields": list(fields), "maxResults": size}
    if token is not None:
        body["nextPageToken"] = token
    try:
        content = http.submit(
            CLOUD_SEARCH, lambda response: _json_of_known_caller(http, response), json=body, idempotent=True
        )
    except errors.WorkplaceError as error:
        _complete(error, jql)
        raise
    with errors.error_context(system=SYSTEM, method="POST", url=http.url(CLOUD_SEARCH)):
        page = convert_content(content, _CloudPage)
    return content["issues"], None if page.is_last else page.next_token or None


def _json_of_known_caller(http: HttpClient, response: requests.Response) -> Any:
    """Return the JSON of a response.

    :raises AuthFailed: Jira did not accept the credential, and responded to an anonymous user instead. Some sites report
        this only in a header of the response 200 (MrRefactoring/jira.js#418)
    """
    if "AUTHENTICATED_FAILED" in response.headers.get("X-Seraph-LoginReason", ""):
        raise not_logged_in()
    return http.json_of(response)


def not_logged_in() -> errors.AuthFailed:
    """Return the error for a credential that Jira Cloud did not accept, so that it treats the caller as anonymous."""
    from workplace_provider.jira.client.responses import CLOUD_AUTH

    return errors.AuthFailed(
        "Jira did not accept the credential, and treats the connection as an anonymous user, who sees no issues",
        advice=CLOUD_AUTH,
    )


def _approximate_count(http: HttpClient, jql: str) -> int | None:
    """Return Jira Cloud's estimate of the number of issues; ``None`` if there is none. It is only for the log."""
    try:
        content = http.submit(CLOUD_COUNT, http.json_of, json={"jql": jql}, idempotent=True)
        count: int = convert_content(content, _Count).count
    except errors.WorkplaceError:
        return None
    return count


def _complete(error: errors.WorkplaceError, jql: str) -> None:
    """Add what only the search knows to an error of its request."""
    # The query is in the message, where it can be read, and not encoded in the URL.
    error.url = error.url.partition("?")[0]
    if error.status == 400:
        error.message = f"{error.message} — in the query: {jql}"
    elif isinstance(error, errors.BadResponse) and error.status == 200:
        error.message = "the search did not return JSON"
        # It may be the page of a short maintenance, so the task is retried.
        error.retryable = True


def convert_content(content: Any, kind: Any, expected: str = "a list of issues") -> Any:
    """Convert decoded JSON into a type.

    :param expected: what the request asks for, for the message
    :raises BadResponse: it has another shape
    """
    try:
        return convert_json(content, kind)
    except msgspec.ValidationError as error:
        raise errors.BadResponse(
            f"the search did not return {expected}: {error}",
            advice="check that the connection's host is Jira's base URL, with its context path",
        ) from None
