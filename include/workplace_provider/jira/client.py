"""Searches in Jira Data Center, with all pages of the result, and the values of fields for tables.

The requests are sent by ``atlassian-python-api``, the client of Airflow's Jira provider.
Source: Jira Data Center's REST API, version 2, ``/search``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import msgspec
import requests

from workplace_provider.http import errors
from workplace_provider.http.status import kind_of, retry_after_seconds
from workplace_provider.http.transport import ResponseTooLarge

if TYPE_CHECKING:
    from atlassian import Jira

SYSTEM: Final = "Jira"
PAGE_SIZE: Final = 100
EXTRA_PAGES: Final = 10
"""A search ends after twice the pages of its first total and these: a total that grows forever must not occupy a task."""
COLOURS: Final = {"new": "Grey", "indeterminate": "Blue", "done": "Green"}
"""Colour of a status by the key of its category, which is the same on every site and in every language."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The result of a search.

    :param issues: the issues as Jira sent them
    :param total: number of issues that match the query
    """

    issues: Sequence[Mapping[str, Any]]
    total: int


def search(jira: Jira, jql: str, fields: Sequence[str], *, limit: int | None = None) -> SearchResult:
    """Return the issues that match a query, from all pages of the search.

    ::

        result = search(jira, "project = DATA AND status != Done", ["summary", "status"], limit=500)

    :param jira: client for Jira Data Center
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
                method="GET",
                advice="narrow the query, or set limit",
            )
        page = _page(jira, jql, fields, start, int(min(PAGE_SIZE, most - len(issues))))
        pages += 1
        total = page.total
        _check_progress(page, issues, start)
        if pages == 1:
            first_total = total
            most_pages = math.ceil(total / max(1, len(page.issues))) * 2 + EXTRA_PAGES
        issues |= {issue["key"]: issue for issue in page.issues}
        start += len(page.issues)
    return SearchResult(list(issues.values()), max(total, len(issues)))


def _check_progress(page: SearchResult, issues: Mapping[str, Any], start: int) -> None:
    """Check that a page brings the search forward, unless it is the last one.

    :raises BadResponse: the page is empty, or has only issues of earlier pages
    """
    if not page.issues and start < page.total:
        raise errors.BadResponse(f"the search reports {page.total} issues, and returned none after {start}", method="GET")
    # Changes may repeat a few issues. A page with nothing else comes from a server that ignores `startAt`.
    if start + len(page.issues) < page.total and all(issue["key"] in issues for issue in page.issues):
        raise errors.BadResponse(
            f"the search repeated {len(page.issues)} issues instead of those after {start + len(page.issues)}",
            method="GET",
        )


def site_of(issue: Mapping[str, Any], base: str) -> str:
    """Return the URL of Jira's web pages.

    :param issue: issue as Jira sent it. Its ``self`` begins with the base URL that the administrator has set, even if the
        API is called under another host name
    :param base: URL to use if ``self`` is missing
    """
    site, separator, _ = str(issue.get("self", "")).partition("/rest/api/")
    return site if separator and site.startswith(("https://", "http://")) else base.rstrip("/")


def cell(issue: Mapping[str, Any], field: str, site: str) -> Any:
    """Return a field of an issue as the value of a table cell, in the plain form of ``values``.

    :param issue: issue as Jira sent it
    :param field: name in the REST API, such as ``duedate`` or ``customfield_10010``. ``key`` becomes a link, ``status`` a
        lozenge in the colour of its category, a date or time a date, a person a name
    :param site: URL of Jira's web pages
    """
    if field == "key":
        return {"link": {"text": issue["key"], "url": f"{site}/browse/{issue['key']}"}}
    value = issue["fields"].get(field)
    if field == "status" and isinstance(value, Mapping):
        category = value.get("statusCategory")
        category_key = str(category.get("key")) if isinstance(category, Mapping) else ""
        return {"status": {"title": str(value.get("name") or ""), "colour": COLOURS.get(category_key, "Grey")}}
    if field in _DATES and isinstance(value, str) and (day := _day(value)):
        return {"date": day}
    return _plain(value)


_DATES: Final = frozenset({"duedate", "created", "updated", "resolutiondate", "lastViewed"})


def _day(moment: str) -> str | None:
    """Return the date of a time, which is in the time zone of the connection's account; ``None`` for any other text."""
    try:
        return date.fromisoformat(moment[:10]).isoformat()
    except ValueError:
        return None


def _plain(value: Any, depth: int = 0) -> Any:
    if isinstance(value, list):
        # Nested lists are omitted: they have no readable form, and fields of apps may be nested to any depth.
        texts = [] if depth else [_plain(item, depth + 1) for item in value]
        return ", ".join(str(text) for text in texts if text is not None)
    if isinstance(value, Mapping):
        # People, versions, options and most other objects have their name in one of these fields.
        return next((value[name] for name in ("displayName", "name", "value", "summary", "key") if value.get(name)), None)
    return value


_CANNOT_SEND: Final = (
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidHeader,
)


class _Issue(msgspec.Struct):
    key: str
    fields: dict[str, Any]


class _Page(msgspec.Struct):
    issues: list[_Issue]
    total: Annotated[int, msgspec.Meta(ge=0)]


def _page(jira: Jira, jql: str, fields: Sequence[str], start: int, size: int) -> SearchResult:
    try:
        page = jira.jql(jql, fields=list(fields), start=start, limit=size)
    except requests.HTTPError as error:
        _raise_error(error, jql)
    # The messages of requests contain the header, the URL or the proxy, which may be secret.
    except _CANNOT_SEND as error:
        raise errors.Invalid(
            f"the request cannot be sent: {type(error).__name__}",
            advice="the connection's host must be the whole URL, such as https://jira.example.com; check its credential too",
        ) from None
    except ResponseTooLarge as error:
        raise errors.TooLarge(
            f"the response exceeds {error.limit:,} bytes",
            method="GET",
            advice="request fewer fields, or raise max_response_bytes in the connection",
        ) from None
    except requests.RequestException as error:
        # A search can always be repeated, since it changes nothing.
        raise errors.SourceUnavailable(
            f"no response: {type(error).__name__}", method="GET", advice="check host, proxy and certificates"
        ) from None
    except (ValueError, RecursionError):
        page = None
    try:
        checked = msgspec.convert(page, _Page)
    except msgspec.ValidationError as error:
        raise errors.BadResponse(
            f"the search did not return a list of issues: {error}",
            method="GET",
            advice="check that the connection's host is Jira's base URL, with its context path",
        ) from None
    return SearchResult([*page["issues"]] if page else [], checked.total)


def _raise_error(error: requests.HTTPError, jql: str) -> NoReturn:
    """Raise the typed error for an error response of Jira."""
    response = error.response
    status = response.status_code
    url = response.url.partition("?")[0]
    request: dict[str, Any] = {"system": SYSTEM, "method": "GET", "url": url, "status": status}
    # Without JSON in the response, the message of requests has the status and the whole URL, which the error shows already.
    message = " ".join(str(error).partition(" for url:")[0].split()) or response.reason
    if status == 400:
        raise errors.Invalid(f"{message} — in the query: {jql}", **request, advice=_ADVICE[400]) from error
    if status == 429:
        seconds = retry_after_seconds(response.headers.get("Retry-After"))
        raise errors.RateLimited("too many requests", **request, retry_after=seconds) from error
    # 414: a long query makes a long URL. 408: a search can be repeated after a time-out.
    kind = {408: errors.SourceUnavailable, 414: errors.TooLarge}.get(status) or kind_of(status)
    if response.headers.get("X-Authentication-Denied-Reason", "").startswith("CAPTCHA_CHALLENGE"):
        raise errors.AuthFailed(
            "the account must solve a CAPTCHA", **request, advice="log in once with a browser"
        ) from error
    raise kind(message, **request, advice=_ADVICE.get(status, "")) from error


_ADVICE: Final = {
    400: "check the names in the query: they must exist, and the connection's account must have access",
    401: "check login and password of the connection; with a personal access token, the login must be empty",
    403: "the account has no access to Jira's API",
    404: "check that the connection's host is Jira's base URL, with its context path",
    410: "Jira Cloud has removed this search; only Jira Data Center has it",
}
