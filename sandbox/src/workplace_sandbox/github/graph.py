"""GitHub's GraphQL API, the part with contribution calendars; a query is run by the reference implementation of GraphQL."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError, GraphQLSchema, build_schema, graphql_sync

from workplace_sandbox.github.calendar import squares, weeks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workplace_sandbox.github.calendar import Square
    from workplace_sandbox.github.controls import GithubBehaviour
    from workplace_sandbox.model import GithubUser
    from workplace_sandbox.store import Store

LONGEST = timedelta(days=366)
_LEVELS = ("NONE", "FIRST_QUARTILE", "SECOND_QUARTILE", "THIRD_QUARTILE", "FOURTH_QUARTILE")


def run_query(
    store: Store, behaviour: GithubBehaviour, site: str, query: str, variables: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Run a query.

    :param store: the people.
    :param behaviour: the current day, and the cost limit of a query.
    :param site: GitHub's address, for links.
    :param variables: of the query, by name.
    :return: the response, with ``data`` and ``errors`` as GitHub has them.
    """

    def user(_: Any, login: str) -> dict[str, Any]:
        contributor = store.contributor(login)
        if contributor is None:
            raise _refusal("NOT_FOUND", f"Could not resolve to a User with the login of '{login}'.")
        collection = _collection(contributor, behaviour)
        return {"login": contributor.login, "url": f"{site}/{contributor.login}", "contributionsCollection": collection}

    result = graphql_sync(_schema(), query, {"user": user}, variable_values=dict(variables or {}))
    response: dict[str, Any] = {} if result.data is None and result.errors else {"data": result.data}
    if result.errors:
        response["errors"] = [_error_json(error) for error in result.errors]
    return response


def _collection(person: GithubUser, behaviour: GithubBehaviour) -> Callable[..., dict[str, Any]]:
    def collection(_: Any, **span: str | None) -> dict[str, Any]:
        end = _moment(span.get("to")) or datetime.combine(behaviour.today, time(23, 59, 59), UTC)
        begin = _moment(span.get("from")) or end - timedelta(days=365)
        if end - begin > LONGEST:
            raise _refusal("VALIDATION", "The total time spanned by 'from' and 'to' must not exceed 1 year")
        days = squares(person, begin.date(), end.date())
        total = sum(day.count for day in days)
        if behaviour.cost_limit is not None and total > behaviour.cost_limit:
            raise _refusal("RESOURCE_LIMITS_EXCEEDED", "Resource limits for this query exceeded.")
        return {"contributionCalendar": {"totalContributions": total, "weeks": list(map(_week, weeks(days)))}}

    return collection


def _week(days: list[Square]) -> dict[str, Any]:
    return {"firstDay": _iso_moment(days[0].date), "contributionDays": list(map(_day, days))}


def _day(day: Square) -> dict[str, Any]:
    return {
        "date": _iso_moment(day.date),
        "weekday": day.weekday,
        "contributionCount": day.count,
        "contributionLevel": _LEVELS[day.level],
    }


def _iso_moment(day: date) -> str:
    return day.isoformat()


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise GraphQLError(f'"{text}" is not a valid ISO 8601 date time.') from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _refusal(kind: str, message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"type": kind})


def _error_json(error: GraphQLError) -> dict[str, Any]:
    shown: dict[str, Any] = {**error.formatted}
    # GitHub has the type beside the message.
    return {**shown.pop("extensions", {}), **shown}


@cache
def _schema() -> GraphQLSchema:
    return build_schema(resources.files("workplace_sandbox.github").joinpath("schema.graphql").read_text("utf-8"))
