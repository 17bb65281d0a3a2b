r"""The part of the Jira Query Language that clients use: a parser, and conditions on issues.

``project = ANL AND (statusCategory != Done OR resolved >= "2026-11-12") AND labels IN (kpi, funnel) ORDER BY due, key``

Rules that surprise: a date without a time is its midnight, so ``<= "2026-11-19"`` leaves that day out; ``!=``, ``NOT IN``
and ``!~`` leave issues without a value out; a name that does not exist is an error, not an empty result. Source: "Advanced
search reference - JQL fields, operators, functions" of Jira Data Center; the words of the errors as far as they are known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from workplace_sandbox.jira.workflow import CATEGORIES, PRIORITIES, STATUSES, TYPES
from workplace_sandbox.query_grammar import QueryParser, Token, token_pattern
from workplace_sandbox.store import now
from workplace_sandbox.zone import SEOUL

if TYPE_CHECKING:
    from workplace_sandbox.model import Issue, JiraProject, Sprint, User

Condition = Callable[["Issue"], bool]

MAX_ORDER_FIELDS = 7
UNBOUNDED = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."

NEGATED = {"!=": "=", "!~": "~", "not in": "in", "is not": "is"}


class JqlError(Exception):
    """A query that cannot be run; the message is the reason."""


def _data_center_names(user: User) -> tuple[str, ...]:
    return user.username, user.display_name, user.email


@dataclass(frozen=True, slots=True)
class JqlNames:
    """The names that a query can refer to.

    :param projects: the projects that the caller may see.
    :param users: all users.
    :param issues: the issues that the caller may see.
    :param username: the value of ``currentUser()``; None for an anonymous caller.
    :param sprints: the ids of the issues in each sprint.
    :param names_of_user: the values that mean a user, in any case.
    :param is_bounded: whether a query must have a restriction, and at most ``MAX_ORDER_FIELDS`` fields in its order, as
        on the cloud.
    """

    projects: Sequence[JiraProject]
    users: Sequence[User]
    issues: Sequence[Issue]
    username: str | None
    sprints: Mapping[Sprint, frozenset[str]] = field(default_factory=dict)
    names_of_user: Callable[[User], Sequence[str]] = _data_center_names
    is_bounded: bool = False


def search(jql: str, site: JqlNames) -> list[Issue]:
    """Run a query.

    :param jql: the query; an empty one finds everything.
    :param site: the projects, users and issues.
    :return: the issues in the order of the query, otherwise the newest first.
    :raises JqlError: it cannot be parsed, or names something that does not exist.
    """
    condition, order = _Parser(jql, site).query()
    if site.is_bounded and condition is _always:
        raise JqlError(UNBOUNDED)
    if site.is_bounded and len(order) > MAX_ORDER_FIELDS:
        raise JqlError(f"The ORDER BY clause can contain a maximum of {MAX_ORDER_FIELDS} fields.")
    # With equal keys Jira shows the newest first as well.
    issues = sorted((issue for issue in site.issues if condition(issue)), key=lambda issue: int(issue.id), reverse=True)
    for name, descending in reversed(order):
        key = _SORT_KEYS[name]
        empty = [issue for issue in issues if key(issue) is None]
        issues = sorted((issue for issue in issues if key(issue) is not None), key=key, reverse=descending)
        # Issues without a value come last when ascending.
        issues = [*empty, *issues] if descending else [*issues, *empty]
    return issues


# --- grammar

_RESERVED = ("and", "or", "not", "in", "is", "order", "by")
_OPERATORS = " The valid operators are '=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'."


class _Parser(QueryParser["Issue", "str | None"]):
    pattern = token_pattern(symbols=r"&&|\|\||&|\||!", symbol_characters="&|")
    symbols: ClassVar = {"&&": "and", "&": "and", "||": "or", "|": "or", "!": "not"}

    def __init__(self, text: str, site: JqlNames) -> None:
        super().__init__(text)
        self._site = site

    def query(self) -> tuple[Condition, tuple[tuple[str, bool], ...]]:
        # A query may be empty, or nothing but an order.
        condition = _always if self.next is None or self.next_is("order") else self.condition()
        return condition, self.order()

    def comparison(self) -> Condition:
        token = self.take("word", "quoted", reserved=_RESERVED)
        if token is None:
            raise self.expected("a field name")
        field = _FIELDS.get(_field_name(token))
        if field is None:
            raise JqlError(f"Field '{token.text}' does not exist or you do not have permission to view it.")
        operator = self._operator()
        negated = operator in NEGATED
        plain = NEGATED.get(operator, operator)
        values = self.value_list() if plain == "in" else [self.value()]
        if plain == "is" and values != [None]:
            raise JqlError(f"The operator '{operator}' only takes EMPTY or NULL.")
        tests = [self._test(field, token.text, operator, plain, value) for value in values]
        if negated:
            about_empty, has_value = None in values, field.has_value
            # An issue without a value is neither equal nor unequal to anything; only EMPTY matches it.
            return lambda issue: (about_empty or has_value(issue)) and not any(test(issue) for test in tests)
        return lambda issue: any(test(issue) for test in tests)

    def _test(self, field: _Field, name: str, operator: str, plain: str, value: str | None) -> Condition:
        if value is None:
            return lambda issue: not field.has_value(issue)
        wanted = "=" if plain == "in" else plain
        if wanted not in field.operators:
            raise JqlError(f"The operator '{operator}' is not supported by the '{name}' field.")
        return field.test(self._site, name, wanted, value)

    def _operator(self) -> str:
        token = self.take("operator")
        if token is not None:
            return token.text
        if self.take_word("in"):
            return "in"
        if self.take_word("is"):
            return "is not" if self.take_word("not") else "is"
        if self.take_word("not"):
            if self.take_word("in"):
                return "not in"
            raise self.expected("'IN'")
        raise self.expected("operator", _OPERATORS)

    def value(self) -> str | None:
        """Parse a value; None for ``EMPTY`` and ``NULL``."""
        token = self.take("word", "quoted", reserved=_RESERVED)
        if token is None:
            raise self.expected("either a value, list or function")
        if token.kind == "quoted":
            return token.text
        if not self.take_mark("("):
            return None if token.is_word("empty", "null") else token.text
        argument = ""
        if not self.take_mark(")"):
            argument = self.value() or ""
            self.need_mark(")")
        return _function(token.text, argument, self._site)

    def sort_field(self) -> str:
        token = self.take("word", "quoted")
        if token is None:
            raise self.expected("a field name")
        field = _field_name(token)
        if field not in _SORT_KEYS:
            raise JqlError(f"Not able to sort using field '{token.text}'.")
        return field

    def expected(self, what: str, more: str = "") -> JqlError:
        token = self.next
        if token is None:
            return JqlError(f"Error in the JQL Query: Expecting {what} before the end of the query.{more}")
        got = f" but got '{token.text}'.{more} ({_place(self.text, token.at)})"
        return JqlError(f"Error in the JQL Query: Expecting {what}{got}")

    def unexpected_character(self, position: int) -> JqlError:
        rest, place = self.text[position:].strip(), _place(self.text, position)
        if rest[:1] in ('"', "'"):
            message = f"The quoted string '{rest[1:]}' has not been completed. ({place})"
        else:
            message = f"The character at {place} is not expected here."
        return JqlError(f"Error in the JQL Query: {message}")

    def too_deep(self) -> JqlError:
        return JqlError("Error in the JQL Query: The query is nested too deep.")


def _field_name(token: Token) -> str:
    return _ALIASES.get(token.text.lower(), token.text.lower())


def _place(text: str, at: int) -> str:
    line = text.count("\n", 0, at) + 1
    return f"line {line}, character {at - text.rfind(chr(10), 0, at)}"


def _function(name: str, argument: str, site: JqlNames) -> str:
    function = name.lower()
    if function == "currentuser":
        return site.username or ""
    at = now().astimezone(SEOUL)
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    starts = {
        "now": at,
        "startofday": day,
        # Weeks begin on Sunday, as in a Jira of the language of the seeded team.
        "startofweek": day - timedelta(days=(day.weekday() + 1) % 7),
        "startofmonth": day.replace(day=1),
    }
    starts["endofday"] = starts["startofday"] + timedelta(days=1, milliseconds=-1)
    starts["endofweek"] = starts["startofweek"] + timedelta(days=7, milliseconds=-1)
    if function not in starts:
        raise JqlError(f"Unable to find JQL function '{name}({argument})'.")
    if not argument:
        return starts[function].isoformat()
    # Within startOfWeek() a bare number counts the function's own unit.
    unit = {"startofweek": "w", "endofweek": "w", "startofmonth": "d"}.get(function, "d")
    period = _period(argument if argument[-1:].isalpha() else f"{argument}{unit}")
    if period is None:
        raise JqlError(f"Unable to parse the argument '{argument}' of the function '{name}'.")
    return (starts[function] + period).isoformat()


# --- fields


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a query.

    :param has_value: whether an issue has a value in the field.
    :param operators: the operators of the field; lists use ``=``.
    :param test: makes the condition of a site, the field's name in the query, an operator and a value.
    """

    has_value: Condition
    operators: frozenset[str]
    test: Callable[[JqlNames, str, str, str], Condition]


def _always(_: Issue) -> bool:
    return True


def _missing(value: str, name: str) -> JqlError:
    return JqlError(f"The value '{value}' does not exist for the field '{name}'.")


def _project(site: JqlNames, name: str, _: str, value: str) -> Condition:
    keys = {entry.key for entry in site.projects if value.lower() in (entry.key.lower(), entry.name.lower())}
    if not keys:
        raise _missing(value, name)
    return lambda issue: issue.project in keys


def _sprint(site: JqlNames, _: str, __: str, value: str) -> Condition:
    members = [issues for sprint, issues in site.sprints.items() if value.lower() in (sprint.name.lower(), str(sprint.id))]
    if not members:
        raise JqlError(f"Sprint with name '{value}' does not exist or you do not have permission to view it.")
    ids = frozenset().union(*members)
    return lambda issue: issue.id in ids


def _status(_: JqlNames, name: str, __: str, value: str) -> Condition:
    names = {entry.name for entry in STATUSES.values() if value.lower() in (entry.name.lower(), entry.id)}
    if not names:
        raise _missing(value, name)
    return lambda issue: issue.status in names


def _category(_: JqlNames, name: str, __: str, value: str) -> Condition:
    keys = {entry.key for entry in CATEGORIES if value.lower() in (entry.name.lower(), entry.key, str(entry.id))}
    if not keys:
        raise _missing(value, name)
    return lambda issue: STATUSES[issue.status].category.key in keys


def _choice(attribute: str, ids: dict[str, str]) -> Callable[[JqlNames, str, str, str], Condition]:
    def test(_: JqlNames, name: str, __: str, value: str) -> Condition:
        names = {entry for entry, number in ids.items() if value.lower() in (entry.lower(), number)}
        if not names:
            raise _missing(value, name)
        return lambda issue: getattr(issue, attribute) in names

    return test


def _person(attribute: str) -> Callable[[JqlNames, str, str, str], Condition]:
    def test(site: JqlNames, name: str, _: str, value: str) -> Condition:
        usernames = {
            entry.username for entry in site.users if value.lower() in (name.lower() for name in site.names_of_user(entry))
        }
        if not usernames and value:  # an anonymous currentUser() finds nothing, without an error
            raise _missing(value, name)
        return lambda issue: getattr(issue, attribute) in usernames

    return test


def _key(site: JqlNames, name: str, operator: str, value: str) -> Condition:
    wanted = next((issue for issue in site.issues if value.upper() == issue.key or value == issue.id), None)
    if wanted is None:
        raise JqlError(f"An issue with key '{value}' does not exist for field '{name}'.")
    return _comparison(operator, lambda issue: int(issue.id) if issue.project == wanted.project else None, int(wanted.id))


def _label(_: JqlNames, __: str, ___: str, value: str) -> Condition:
    return lambda issue: value.lower() in (label.lower() for label in issue.labels)


def _resolution(_: JqlNames, name: str, __: str, value: str) -> Condition:
    if value.lower() not in ("unresolved", "done"):
        raise _missing(value, name)
    done = value.lower() == "done"
    return lambda issue: (issue.resolved is not None) == done


def _words(text_of: Callable[[Issue], str]) -> Callable[[JqlNames, str, str, str], Condition]:
    def test(_: JqlNames, __: str, ___: str, value: str) -> Condition:
        # Korean and Japanese words have no spaces between them, and an index splits them: a word may be anywhere.
        words = [word.strip('*"').lower() for word in value.split()]
        return lambda issue: all(word in text_of(issue).lower() for word in words)

    return test


def _moments(moment_of: Callable[[Issue], datetime | None]) -> Callable[[JqlNames, str, str, str], Condition]:
    def test(_: JqlNames, name: str, operator: str, value: str) -> Condition:
        return _comparison(operator, moment_of, _when(name, value))

    return test


def _days(day_of: Callable[[Issue], date | None]) -> Callable[[JqlNames, str, str, str], Condition]:
    def test(_: JqlNames, name: str, operator: str, value: str) -> Condition:
        return _comparison(operator, day_of, _when(name, value).astimezone(SEOUL).date())

    return test


def _comparison(operator: str, value_of: Callable[[Issue], Any], wanted: Any) -> Condition:
    tests: dict[str, Callable[[Any], bool]] = {
        "=": lambda value: value == wanted,
        ">": lambda value: value > wanted,
        ">=": lambda value: value >= wanted,
        "<": lambda value: value < wanted,
        "<=": lambda value: value <= wanted,
    }
    compare = tests[operator]
    return lambda issue: (value := value_of(issue)) is not None and compare(value)


def _when(name: str, value: str) -> datetime:
    """Return the moment of a value: a date is its midnight, ``-7d`` counts from now."""
    for pattern in ("%Y-%m-%d", "%Y/%m/%d", "%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M"):
        try:
            return datetime.strptime(value, pattern).replace(tzinfo=SEOUL)
        except ValueError:
            continue
    period = _period(value)
    try:
        return now() + period if period is not None else _iso(value)
    except (ValueError, OverflowError):
        raise JqlError(
            f"Date value '{value}' for field '{name}' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', "
            "'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'."
        ) from None


def _iso(value: str) -> datetime:
    """Return a moment in the format of the functions; people cannot write one."""
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError(value)
    return at


def _period(text: str) -> timedelta | None:
    """Return a period: ``-7d``, ``4w 2d``, ``1h`` in weeks, days, hours, minutes."""
    match = re.fullmatch(r"\s*([+-]?)\s*((?:\d{1,6}[wdhm]\s*)+)", text)
    if match is None:
        return None
    hours = {"w": 7 * 24.0, "d": 24.0, "h": 1.0, "m": 1 / 60}
    total = sum(int(number) * hours[unit] for number, unit in re.findall(r"(\d+)([wdhm])", match.group(2)))
    return timedelta(hours=-total if match.group(1) == "-" else total)


_EQUAL = frozenset({"="})
_ORDERED = frozenset({"=", ">", ">=", "<", "<="})
_TEXT = frozenset({"~"})
_FIELDS: dict[str, _Field] = {
    "project": _Field(_always, _EQUAL, _project),
    "key": _Field(_always, _ORDERED, _key),
    "sprint": _Field(_always, _EQUAL, _sprint),
    "status": _Field(_always, _EQUAL, _status),
    "statuscategory": _Field(_always, _EQUAL, _category),
    "issuetype": _Field(_always, _EQUAL, _choice("type", TYPES)),
    "priority": _Field(_always, _EQUAL, _choice("priority", PRIORITIES)),
    "assignee": _Field(lambda issue: issue.assignee is not None, _EQUAL, _person("assignee")),
    "reporter": _Field(_always, _EQUAL, _person("reporter")),
    "labels": _Field(lambda issue: bool(issue.labels), _EQUAL, _label),
    "resolution": _Field(lambda issue: issue.resolved is not None, _EQUAL, _resolution),
    "created": _Field(_always, _ORDERED, _moments(lambda issue: issue.created)),
    "updated": _Field(_always, _ORDERED, _moments(lambda issue: issue.updated)),
    "resolved": _Field(lambda issue: issue.resolved is not None, _ORDERED, _moments(lambda issue: issue.resolved)),
    "due": _Field(lambda issue: issue.due is not None, _ORDERED, _days(lambda issue: issue.due)),
    "summary": _Field(_always, _TEXT, _words(lambda issue: issue.summary)),
    "description": _Field(lambda issue: bool(issue.description), _TEXT, _words(lambda issue: issue.description)),
    "text": _Field(_always, _TEXT, _words(lambda issue: f"{issue.summary} {issue.description}")),
}
_ALIASES = {
    "issue": "key",
    "issuekey": "key",
    "id": "key",
    "type": "issuetype",
    "duedate": "due",
    "resolutiondate": "resolved",
    "createddate": "created",
    "updateddate": "updated",
}
_RANKS = {name: number for number, name in enumerate(STATUSES)}
_SORT_KEYS: dict[str, Callable[[Issue], Any]] = {
    "project": lambda issue: issue.project,
    # The order on the board; the sandbox adds new issues at its end.
    "rank": lambda issue: int(issue.id),
    "key": lambda issue: (issue.project, int(issue.key.rpartition("-")[2])),
    # Statuses are ordered as in the administration, not by name.
    "status": lambda issue: _RANKS[issue.status],
    "issuetype": lambda issue: issue.type,
    # "Highest" comes first when descending.
    "priority": lambda issue: -int(PRIORITIES[issue.priority]),
    "assignee": lambda issue: issue.assignee,
    "reporter": lambda issue: issue.reporter,
    "created": lambda issue: issue.created,
    "updated": lambda issue: issue.updated,
    "resolved": lambda issue: issue.resolved,
    "due": lambda issue: issue.due,
    "summary": lambda issue: issue.summary.lower(),
}
