"""Reading Jira: every page of a search, with errors that say what to do.

The requests are those of ``atlassian-python-api``, whose client Airflow's Jira provider gives; this is what to ask it and
how to read the answer. Source: Jira Data Center's REST API, version 2, ``/search``.
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
COLOURS: Final = {"new": "Grey", "indeterminate": "Blue", "done": "Green"}
"""The lozenge of a status by the key of its category, which is the same on every site and in every language."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search returned: the issues as Jira sent them, and how many there are in total."""

    issues: Sequence[Mapping[str, Any]]
    total: int


def search(jira: Jira, jql: str, fields: Sequence[str], *, limit: int | None = None) -> Found:
    """Every issue that a query finds, over all pages of the answer.

    :param jira: a client for Jira Data Center
    :param jql: the query
    :param fields: names of the fields to send along
    :param limit: how many to read at the most; ``None`` for all
    :raises WorkplaceError: :class:`~workplace_provider.http.errors.Invalid` with the query in it when Jira refuses it
    """
    # By key: an issue that changes while the pages are read may move on to the next page.
    found: dict[str, Mapping[str, Any]] = {}
    wanted = math.inf if limit is None else limit
    start, total = 0, 1
    while start < total and len(found) < wanted:
        size = int(min(PAGE_SIZE, wanted - len(found)))
        page = _page(jira, jql, fields, start, size)
        total = page.total
        if not page.issues and start < total:
            raise errors.BadResponse(
                f"the search says there are {total} issues, and sends none after {start}", system=SYSTEM, method="GET"
            )
        known = len(found)
        found |= {issue["key"]: issue for issue in page.issues}
        start += len(page.issues)
        # Changes repeat a few issues; a page with nothing else comes from a server that ignores `startAt`.
        if len(found) == known and start < total:
            raise errors.BadResponse(
                f"the search repeated {len(page.issues)} issues instead of sending those after {start}",
                system=SYSTEM,
                method="GET",
            )
    return Found(list(found.values()), max(total, len(found)))


def site_of(issue: Mapping[str, Any], base: str) -> str:
    """The address at which people find Jira.

    :param issue: an issue as Jira sent it: its ``self`` begins with the base URL that the site's administrator has set, also
        when the API is called under another name
    :param base: the address to fall back on
    """
    site, found, _ = str(issue.get("self", "")).partition("/rest/api/")
    return site if found and site.startswith(("https://", "http://")) else base.rstrip("/")


def cell(issue: Mapping[str, Any], field: str, site: str) -> Any:
    """A field of an issue as the value of a table's cell, in the plain form of ``values``.

    :param issue: an issue as Jira sent it
    :param field: its name in the REST API, such as ``duedate`` or ``customfield_10010``; ``key`` becomes a link, ``status``
        a lozenge coloured by its category, a day or moment a date, a person their name
    :param site: the address at which people find Jira
    """
    if field == "key":
        return {"link": {"text": issue["key"], "url": f"{site}/browse/{issue['key']}"}}
    value = issue["fields"].get(field)
    if field == "status" and isinstance(value, Mapping):
        said = value.get("statusCategory")
        category = str(said.get("key")) if isinstance(said, Mapping) else ""
        return {"status": {"title": str(value.get("name") or ""), "colour": COLOURS.get(category, "Grey")}}
    if field in _DATES and isinstance(value, str) and (day := _day(value)):
        return {"date": day}
    return _plain(value)


_DATES: Final = frozenset({"duedate", "created", "updated", "resolutiondate", "lastViewed"})


def _day(moment: str) -> str | None:
    """Return the day of a moment, which is in the time zone of the connection's account; ``None`` for other text."""
    try:
        return date.fromisoformat(moment[:10]).isoformat()
    except ValueError:
        return None


def _plain(value: Any, depth: int = 0) -> Any:
    if isinstance(value, list):
        # A list in a list has no form that readers know; a field of an app may be nested as deep as its author likes.
        texts = [] if depth else [_plain(item, depth + 1) for item in value]
        return ", ".join(str(text) for text in texts if text is not None)
    if isinstance(value, Mapping):
        # People, versions, options and most other things carry their name in one of these.
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


def _page(jira: Jira, jql: str, fields: Sequence[str], start: int, size: int) -> Found:
    try:
        page = jira.jql(jql, fields=list(fields), start=start, limit=size)
    except requests.HTTPError as error:
        _refused(error, jql)
    # The words of the library contain the header, the URL or the proxy that it does not take.
    except _CANNOT_SEND as error:
        raise errors.Invalid(
            f"the request cannot be sent: {type(error).__name__}",
            system=SYSTEM,
            advice="the connection's host is the whole address, such as https://jira.example.com; check its credential too",
        ) from None
    except ResponseTooLarge as error:
        raise errors.TooLarge(
            f"the response has more than {error.limit:,} bytes",
            system=SYSTEM,
            method="GET",
            advice="ask for fewer fields, or raise max_response_bytes in the connection",
        ) from None
    except requests.RequestException as error:
        # A search changes nothing, so whatever broke, it may be asked again.
        raise errors.SourceUnavailable(
            f"no answer: {type(error).__name__}", system=SYSTEM, method="GET", advice="check host, proxy and certificates"
        ) from None
    except (ValueError, RecursionError):
        page = None
    try:
        checked = msgspec.convert(page, _Page)
    except msgspec.ValidationError as error:
        raise errors.BadResponse(
            f"the search did not return a list of issues: {error}",
            system=SYSTEM,
            method="GET",
            advice="is the connection's host Jira's base URL, with its context path?",
        ) from None
    return Found([*page["issues"]] if page else [], checked.total)


def _refused(error: requests.HTTPError, jql: str) -> NoReturn:
    """Raise what Jira's refusal means."""
    answer = error.response
    status = answer.status_code
    url = answer.url.partition("?")[0]
    said: dict[str, Any] = {"system": SYSTEM, "method": "GET", "url": url, "status": status}
    # Where Jira sent no JSON, requests tells the status and the whole address, which is told here already.
    message = " ".join(str(error).partition(" for url:")[0].split()) or answer.reason
    if status == 400:
        raise errors.Invalid(f"{message} — in the query: {jql}", **said, advice=_ADVICE[400]) from error
    if status == 429:
        seconds = retry_after_seconds(answer.headers.get("Retry-After"))
        raise errors.RateLimited("too many requests", **said, retry_after=seconds) from error
    # A long query is a long address, and a search may be asked again after a time-out.
    kind = {408: errors.SourceUnavailable, 414: errors.TooLarge}.get(status) or kind_of(status)
    if answer.headers.get("X-Authentication-Denied-Reason", "").startswith("CAPTCHA_CHALLENGE"):
        raise errors.AuthFailed("the account must solve a CAPTCHA", **said, advice="log in once with a browser") from error
    raise kind(message, **said, advice=_ADVICE.get(status, "")) from error


_ADVICE: Final = {
    400: "names that do not exist are errors too, and so are those that the connection's account may not see",
    401: "check login and password of the connection; a personal access token goes with an empty login",
    403: "the account may not use Jira's API",
    404: "is the connection's host Jira's base URL, with its context path?",
    410: "this search is gone from Jira Cloud; Jira Data Center has it",
}
