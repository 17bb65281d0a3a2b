"""Lists: ``filter``, ``sort``, ``pageNumber`` and ``pageSize``. Source: reference section 2.2.

A filter is ``field:operator:value``; a comma joins them with AND and cannot be escaped, nor can ``&``, ``:`` and
brackets. Of two filters on one field the last one counts. ``*`` in a value of ``eq`` matches any text.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from workplace_sandbox.tableau.errors import TableauError

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams

DEFAULT_PAGE = 100
LARGEST_PAGE = 1000

Thing = TypeVar("Thing")
Value = str | datetime | frozenset[str]
Conditions = Mapping[str, Callable[[Thing], Value]]
"""The fields for filters and sorting of a list."""

_BETWEEN_CLAUSES = re.compile(r"[,&](?![^\[]*\])")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_TIMES = {"createdAt", "updatedAt"}
_OPERATORS = {"eq", "in", "has", "cieq", *_COMPARISONS}


def select(things: Sequence[Thing], fields: Conditions[Thing], query: QueryParams) -> Sequence[Thing]:
    """Return the entries that a query selects, in its order; all pages of it.

    :param things: all entries.
    :param fields: the fields for filters and sorting.
    :param query: the query of the request.
    :raises TableauError: 400065: a filter or an order that cannot be read.
    """
    selected = things
    for name, comparison, value in _clauses(query.get("filter", "")).values():
        field = _field(fields, name)
        test = _time_test(comparison, value) if name in _TIMES else _text_test(comparison, value)
        selected = [thing for thing in selected if any(map(test, _members(field(thing))))]
    keys = [key for key in query.get("sort", "").split(",") if key]
    # Sorting keeps the order of equals, so the least important key is the first to be sorted by.
    for key in reversed(keys):
        name, _, direction = key.partition(":")
        if direction not in {"", "asc", "desc"}:
            raise _unreadable(f"'{key}' is not a valid sort expression")
        field = _field(fields, name)
        selected = sorted(selected, key=lambda thing: _sortable(field(thing)), reverse=direction == "desc")
    return selected


def page_of(things: Sequence[Thing], query: QueryParams) -> tuple[Sequence[Thing], dict[str, str]]:
    """Return one page of a list.

    :return: the page, and the attributes of ``pagination``.
    :raises TableauError: 400006, 400007 or 403014.
    """
    number = _number(query.get("pageNumber", "1"))
    size = _number(query.get("pageSize", f"{DEFAULT_PAGE}"))
    if size is None:
        raise TableauError("400007", "The page size parameter is not a positive integer")
    if size > LARGEST_PAGE:
        raise TableauError("403014", f"The page size is greater than the maximum of {LARGEST_PAGE}")
    if number is None or (number > 1 and (number - 1) * size >= len(things)):
        raise TableauError("400006", "The page number parameter is not a positive integer or is past the last page")
    attributes = {"pageNumber": f"{number}", "pageSize": f"{size}", "totalAvailable": f"{len(things)}"}
    return things[(number - 1) * size : number * size], attributes


def _clauses(text: str) -> dict[str, tuple[str, str, str]]:
    """Return the filters by field; the last one of a field."""
    clauses = {}
    for clause in _BETWEEN_CLAUSES.split(text) if text else []:
        parts = clause.split(":", 2)
        if len(parts) != 3 or parts[1] not in _OPERATORS:
            raise _unreadable(f"'{clause}' is not a valid filter expression")
        clauses[parts[0]] = (parts[0], parts[1], parts[2])
    return clauses


def _time_test(comparison: str, value: str) -> Callable[[Any], bool]:
    bound = _time(value)
    compare = {**_COMPARISONS, "eq": operator.eq}.get(comparison)
    if compare is None:
        raise _unreadable(f"the operator {comparison} does not compare times")
    return lambda at: compare(at, bound)


def _text_test(comparison: str, value: str) -> Callable[[Any], bool]:
    if comparison == "in":
        if not (value.startswith("[") and value.endswith("]")):
            raise _unreadable(f"'{value}' is not a list: the operator in takes [a,b]")
        members = frozenset(value[1:-1].split(","))
        return lambda text: text in members
    if any(character in value for character in ":[]"):
        raise _unreadable(f"'{value}' has a character that a filter cannot have")
    if comparison == "cieq":
        return lambda text: text.casefold() == value.casefold()
    if comparison == "has":
        return lambda text: value in text
    if comparison == "eq":
        pattern = re.compile(".*".join(map(re.escape, value.split("*"))), re.DOTALL)
        return lambda text: pattern.fullmatch(text) is not None
    compare = _COMPARISONS[comparison]
    return lambda text: compare(text, value)


def _members(value: Value) -> Iterable[str | datetime]:
    return value if isinstance(value, frozenset) else (value,)


def _sortable(value: Value) -> str | datetime:
    return ",".join(sorted(value)) if isinstance(value, frozenset) else value


def _field(fields: Conditions[Thing], name: str) -> Callable[[Thing], Value]:
    try:
        return fields[name]
    except KeyError:
        raise _unreadable(f"'{name}' is not a field of this list: {', '.join(fields)}") from None


def _time(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _unreadable(f"'{text}' is not a time like 2026-11-19T21:00:00Z") from None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0 else None


def _unreadable(detail: str) -> TableauError:
    return TableauError("400065", detail)
