r"""The part of the Confluence Query Language that clients use: a parser, and conditions on content.

``space = ANALYTICS and title ~ "주간" and (label in (report, "weekly-report") or ancestor = 123) order by created desc``

In quoted text a backslash makes the next character literal: ``\"`` and ``\\``. Source: "Advanced searching using CQL".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from workplace_sandbox.query_grammar import AND_OR_OR, BY, QueryParser, Token, token_pattern
from workplace_sandbox.store import now
from workplace_sandbox.zone import SEOUL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workplace_sandbox.confluence.search_index import IndexedContent

Condition = Callable[["IndexedContent"], bool]


class CqlError(Exception):
    """A query that cannot be run.

    :param message: the reason.
    :param syntax: whether it is the syntax, rather than a field or an operator that does not exist.
    """

    def __init__(self, message: str, *, syntax: bool = True) -> None:
        super().__init__(message)
        self.syntax = syntax


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query.

    The result of a ``timeless`` query changes only with the content; other queries depend on the current time.
    """

    condition: Condition
    order: tuple[tuple[str, bool], ...]
    timeless: bool

    def run(self, findings: Iterable[IndexedContent]) -> list[IndexedContent]:
        """Return the matching content, in the requested order or unchanged."""
        results = [finding for finding in findings if self.condition(finding)]
        for field, descending in reversed(self.order):
            results.sort(key=_SORT_KEYS[field], reverse=descending)
        return results


def parse_cql(text: str, username: str = "") -> Query:
    """Parse a query.

    :param text: the query.
    :param username: the value of ``currentUser()``.
    :return: the query, ready to run.
    :raises CqlError: it cannot be parsed, or names something that does not exist.
    """
    return _Parser(text, username).query()


# --- grammar

_RESERVED = ("and", "or", "not", "in", "order", "by")
_EXPECTED = {BY: "'by' is expected after 'order'", AND_OR_OR: "nothing is expected after the query"}


class _Parser(QueryParser["IndexedContent", str]):
    pattern = token_pattern()

    def __init__(self, text: str, username: str) -> None:
        super().__init__(text)
        self._username = username
        self._timeless = True

    def query(self) -> Query:
        condition = self.condition()
        return Query(condition, self.order(), self._timeless)

    def comparison(self) -> Condition:
        field = self._need("word").text.lower()
        negated = self.take_word("not")
        if self.take_word("in"):
            operator, values = "=", self.value_list()
        elif negated:
            raise CqlError("'in' is expected after 'not'")
        else:
            operator = self._need("operator").text
            values = [self.value()]
            if operator in ("!=", "!~"):
                negated, operator = True, {"!=": "=", "!~": "~"}[operator]
        if operator == "=" and field in _IDS:
            id_of, wanted = _IDS[field], frozenset(values)
            return lambda finding: negated != (id_of(finding) in wanted)
        conditions = [_condition(field, operator, value) for value in values]
        if len(conditions) == 1 and not negated:
            return conditions[0]
        return lambda finding: negated != any(condition(finding) for condition in conditions)

    def value(self) -> str:
        if self.next is None:
            raise self.expected("a value")
        token = self.take("word", "quoted", reserved=_RESERVED)
        if token is None:
            raise CqlError(f"a value is expected, not {self.next.text!r}")
        if token.kind == "quoted" or not self.take_mark("("):
            return token.text
        argument = ""
        if not self.take_mark(")"):
            argument = self._need("quoted").text
            self.need_mark(")")
        return self._call(token.text.lower(), argument)

    def sort_field(self) -> str:
        field = self._need("word").text.lower()
        if field not in _SORT_KEYS:
            raise CqlError(f"Cannot order by field: {field}", syntax=False)
        return field

    def expected(self, what: str) -> CqlError:
        return CqlError(_EXPECTED.get(what, f"{what} is expected"))

    def unexpected_character(self, position: int) -> CqlError:
        return CqlError(f"unexpected character at {position}")

    def too_deep(self) -> CqlError:
        return CqlError("the query is nested too deep")

    def _need(self, kind: str) -> Token:
        token = self.take(kind)
        if token is None:
            raise self.expected(f"a {kind}")
        return token

    def _call(self, function: str, argument: str) -> str:
        if function == "currentuser":
            return self._username
        self._timeless = False
        if function == "now":
            return _move(now(), argument)
        if function == "startofday":
            midnight = now().astimezone(SEOUL).replace(hour=0, minute=0, second=0, microsecond=0)
            return _move(midnight, argument)
        raise CqlError(f"No function exists with name: {function}", syntax=False)


# --- meaning

_EXACT: dict[str, Callable[[IndexedContent, str], bool]] = {
    "space": lambda finding, value: finding.page.space_key.upper() == value.upper(),
    "space.key": lambda finding, value: finding.page.space_key.upper() == value.upper(),
    "type": lambda finding, value: finding.type == value.lower(),
    "title": lambda finding, value: finding.title.lower() == value.lower(),
    "ancestor": lambda finding, value: value in finding.ancestor_ids,
    "parent": lambda finding, value: finding.parent_id == value,
    "label": lambda finding, value: value.lower().removeprefix("global:") in finding.labels,
    "creator": lambda finding, value: finding.creator == value,
    "contributor": lambda finding, value: value in finding.contributors,
}
# Clients send many ids at once.
_IDS: dict[str, Callable[[IndexedContent], str | None]] = {
    "container": lambda finding: finding.page.id if finding.type not in ("page", "blogpost") else None,
    "id": lambda finding: finding.id,
    "content": lambda finding: finding.id,
}
_WORDS: dict[str, Callable[[IndexedContent], str]] = {
    "title": lambda finding: finding.title,
    "text": lambda finding: f"{finding.title} {finding.text}",
    "sitesearch": lambda finding: f"{finding.title} {finding.text}",
}
_DATES: dict[str, Callable[[IndexedContent], datetime]] = {
    "created": lambda finding: finding.created,
    "lastmodified": lambda finding: finding.modified,
}
_SORT_KEYS: dict[str, Callable[[IndexedContent], tuple[str, ...]]] = {
    "title": lambda finding: (finding.title.lower(),),
    "created": lambda finding: (finding.created.isoformat(),),
    "lastmodified": lambda finding: (finding.modified.isoformat(),),
    "id": lambda finding: (finding.id.removeprefix("att").zfill(20),),
    "type": lambda finding: (finding.type,),
    "space": lambda finding: (finding.page.space_key,),
    "creator": lambda finding: (finding.creator,),
}


def _condition(field: str, operator: str, value: str) -> Condition:
    if field in _DATES:
        return _date_condition(_DATES[field], operator, value)
    if operator == "~" and field in _WORDS:
        return _word_condition(_WORDS[field], value)
    if operator == "=" and field in _EXACT:
        test = _EXACT[field]
        return lambda finding: test(finding, value)
    if field in _EXACT or field in _WORDS or field in _IDS:
        raise CqlError(f"Operator {operator} is not supported for field: {field}", syntax=False)
    raise CqlError(f"No field exists with name: {field}", syntax=False)


def _word_condition(text_of: Callable[[IndexedContent], str], value: str) -> Condition:
    """Return a condition: every word of ``value`` is in the text, in any case; ``*`` at its end is ignored.

    Korean and Japanese text has words without spaces between them, and an index splits them into pieces: so a word of
    ``value`` may be anywhere in the text.
    """
    words = [word.strip("*").lower() for word in re.findall(r"[^\s\"]+", value)]
    return lambda finding: all(word in text_of(finding).lower() for word in words)


def _date_condition(date_of: Callable[[IndexedContent], datetime], operator: str, value: str) -> Condition:
    start, end = _span(value)
    tests: dict[str, Callable[[datetime], bool]] = {
        "=": lambda at: start <= at < end,
        ">": lambda at: at >= end,
        ">=": lambda at: at >= start,
        "<": lambda at: at < start,
        "<=": lambda at: at < end,
    }
    if operator not in tests:
        raise CqlError(f"Operator {operator} is not supported for dates", syntax=False)
    return lambda finding: tests[operator](date_of(finding))


def _span(value: str) -> tuple[datetime, datetime]:
    """Return the interval of a date: a day, a minute, or a moment; in the zone of the server."""
    text = value.replace("/", "-")
    for pattern, length in (("%Y-%m-%d", timedelta(days=1)), ("%Y-%m-%d %H:%M", timedelta(minutes=1))):
        try:
            start = datetime.strptime(text, pattern).replace(tzinfo=SEOUL)
        except ValueError:
            continue
        return start, start + length
    try:
        start = datetime.fromisoformat(value)
    except ValueError as error:
        raise CqlError(f"Could not parse date: {value}", syntax=False) from error
    start = start if start.tzinfo else start.replace(tzinfo=SEOUL)
    return start, start + timedelta(microseconds=1)


def _move(start: datetime, offset: str) -> str:
    """Return ``start``, moved by ``-4w``, ``+1d``, ``2h``; months and years are counted as 30 and 365 days."""
    match = re.fullmatch(r"([+-]?\d{1,5})([yMwdhm])", offset or "0d")
    if match is None:
        raise CqlError(f"Could not parse the offset: {offset}", syntax=False)
    hours = {"y": 365 * 24, "M": 30 * 24, "w": 7 * 24, "d": 24, "h": 1, "m": 1 / 60}[match.group(2)]
    try:
        return (start + timedelta(hours=int(match.group(1)) * hours)).isoformat()
    except OverflowError as error:
        raise CqlError(f"The offset leads beyond the calendar: {offset}", syntax=False) from error
