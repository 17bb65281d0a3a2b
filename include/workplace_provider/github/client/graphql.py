"""Contribution calendars from GitHub's GraphQL API, which needs a token and returns at most one year."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.github.client.people import check_login, no_such_user
from workplace_provider.github.contributions.record import ContributionDay, Contributions, contradiction
from workplace_provider.http.errors import (
    BadResponse,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    SourceUnavailable,
    WorkplaceError,
)

if TYPE_CHECKING:
    import requests

    from workplace_provider.http.client import HttpClient

DAYS: Final = 365
"""Number of days to read. The API's limit: "The total time spanned by 'from' and 'to' must not exceed 1 year"."""
PARTS: Final = 4
TOO_COSTLY: Final = "RESOURCE_LIMITS_EXCEEDED"
"""Since 2026 GitHub rejects a whole year for people with very many contributions, and accepts a quarter of it."""

QUERY: Final = """
query ($login: String!, $from: DateTime!, $to: DateTime!) {
  user(login: $login) {
    login
    url
    contributionsCollection(from: $from, to: $to) {
      contributionCalendar {
        totalContributions
        weeks { contributionDays { date contributionCount contributionLevel } }
      }
    }
  }
}
"""
_LEVELS: Final = ("NONE", "FIRST_QUARTILE", "SECOND_QUARTILE", "THIRD_QUARTILE", "FOURTH_QUARTILE")
_KINDS: Final[Mapping[str, type[WorkplaceError]]] = {
    "NOT_FOUND": NotFound,
    "RATE_LIMITED": RateLimited,
    "FORBIDDEN": Forbidden,
    "INSUFFICIENT_SCOPES": Forbidden,
}


class GraphqlApi:
    """A reader for calendars with a token.

    :param http: client with a token, whose base URL is that of ``/graphql``
    """

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def contributions(self, login: str, today: date, since: date | None = None) -> Contributions:
        """Return the calendar of the 365 days up to and including today, and of the years before it from ``since`` on.

        It is read in years, for people with very many contributions in quarters; the levels are relative to each part.

        :raises NotFound: the user does not exist, or the name is invalid
        :raises BadResponse: the calendar is inconsistent
        """
        check_login(login)
        try:
            users = [user for begin, end in _years(since, today) for user in self._users(login, begin, end)]
        except NotFound as error:
            raise no_such_user(login, method="POST", url=error.url, status=error.status, code=error.code) from error
        try:
            return _record(users)
        # OverflowError: JSON allows 1e999, which is read as infinity.
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise BadResponse(
                f"the response is not a consistent calendar: {error!r}",
                system=self._http.system,
                method="POST",
                url=self._http.url("graphql"),
                retryable=False,
            ) from error

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _users(self, login: str, begin: date, end: date) -> list[Any]:
        """Return the response for a year, or the responses for its quarters."""
        try:
            return [self._user(login, begin, end)]
        except Invalid as error:
            if error.code != TOO_COSTLY:
                raise
        return [self._user(login, first, last) for first, last in _parts(begin, end)]

    def _user(self, login: str, begin: date, end: date) -> Any:
        variables = {"login": login, "from": f"{begin}T00:00:00Z", "to": f"{end}T23:59:59Z"}
        return self._http.submit("graphql", self._decode, json={"query": QUERY, "variables": variables}, idempotent=True)

    def _decode(self, response: requests.Response) -> Any:
        body = self._http.json_of(response)
        errors = body.get("errors") if isinstance(body, dict) else None
        if isinstance(errors, list) and errors:
            first = errors[0] if isinstance(errors[0], dict) else {}
            code = str(first.get("type") or "")
            # Errors without a type are failures of GitHub itself, such as a time-out.
            kind = _KINDS.get(code, Invalid if code else SourceUnavailable)
            raise self._http.invalid_response(
                response, kind, str(first.get("message") or "an error without a message"), code=code
            )
        return body


def _years(since: date | None, today: date) -> Iterator[tuple[date, date]]:
    """Yield years from the one with ``since`` up to the one that ends today; they have no leap day more than the limit."""
    length = timedelta(days=DAYS)
    number = 1 if since is None else max(1, -((since - today - timedelta(days=1)) // length))
    for index in reversed(range(number)):
        end = today - index * length
        yield end - length + timedelta(days=1), end


def _parts(first: date, last: date) -> Iterator[tuple[date, date]]:
    length = (last - first).days + 1
    begins = [first + timedelta(days=length * part // PARTS) for part in range(PARTS)]
    for begin, following in zip(begins, [*begins[1:], last + timedelta(days=1)], strict=True):
        yield begin, following - timedelta(days=1)


def _record(bodies: list[Any]) -> Contributions:
    users = [body["data"]["user"] for body in bodies]
    calendars = [user["contributionsCollection"]["contributionCalendar"] for user in users]
    days = tuple(
        ContributionDay(
            date.fromisoformat(day["date"]), int(day["contributionCount"]), _LEVELS.index(day["contributionLevel"])
        )
        for calendar in calendars
        for week in calendar["weeks"]
        for day in week["contributionDays"]
    )
    total = sum(int(calendar["totalContributions"]) for calendar in calendars)
    if wrong := contradiction(days, total):
        raise ValueError("expected {}, found {}".format(*wrong))
    return Contributions(str(users[0]["login"]), days, total, "graphql", str(users[0]["url"]))
