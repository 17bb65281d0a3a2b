"""Filters of exports, and their form in the query string.

The rules of ``vf_`` filters: values match exactly; a comma between values means "or"; a comma or backslash within a value is
escaped with a backslash, and no other character is special after URL encoding. Tableau silently ignores names that the view
does not have. (REST API reference, Query View Image; encoding as in Tableau's own client.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar, Final
from urllib.parse import quote

from workplace_provider.http.errors import Invalid

PARAMETERS: Final = "Parameters."


class _Everything(Enum):
    ALL = "ALL"

    def __repr__(self) -> str:
        return "ALL"


ALL: Final = _Everything.ALL
"""All values of a field; removes a filter that the workbook sets."""


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A value whose commas and backslashes are already escaped for Tableau."""

    text: str


@dataclass(frozen=True)
class ViewFilters:
    """Filters of a view: values for its fields and parameters.

    ::

        ViewFilters({"지역": ["서울", "부산"], "Parameters.기간": "7일", "기기": ALL})

    :param values: mapping of a field's display name, or ``Parameters.`` and the name of a parameter, to a value: text, a
        number, a boolean, a date or datetime, a list of these for "one of these", :data:`ALL` (in JSON ``{"all": true}``)
        for all values, or :class:`Verbatim`
    :raises Invalid: a name or value is not valid; the message names it
    """

    values: Mapping[str, Any]
    _PREFIXES: ClassVar[tuple[str, ...]] = ("vf_", ":")

    def __post_init__(self) -> None:
        """Check for filters that Tableau would silently ignore or misread."""
        for name, value in self.values.items():
            if not isinstance(name, str) or not name.strip():
                raise _invalid(name, "is not a field name")
            if name.startswith(self._PREFIXES):
                raise _invalid(name, "has a prefix of the query string; give the field's name as the view shows it")
            _encode(name, value)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Yield pairs of query parameter and value, before URL encoding."""
        return ((f"vf_{name}", _encode(name, value)) for name, value in self.values.items())

    def __bool__(self) -> bool:
        return bool(self.values)

    def described(self) -> dict[str, str]:
        """Return the filters for messages and manifests: name to the text that is sent to Tableau."""
        return {name: _encode(name, value) for name, value in self.values.items()}


def query(pairs: Iterable[tuple[str, str]]) -> str:
    """Return pairs as the query string of a URL, with spaces as ``%20``."""
    return "&".join(f"{quote(name, safe='.')}={quote(value, safe='')}" for name, value in pairs)


def _encode(name: str, value: Any) -> str:
    if value is ALL or value == {"all": True}:
        return ""
    if isinstance(value, Verbatim):
        return value.text
    if isinstance(value, list | tuple | set | frozenset):
        if not value:
            raise _invalid(name, "is an empty list; give at least one value, or ALL for all values")
        values = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return ",".join(_escape(name, item) for item in values)
    return _escape(name, value)


def _escape(name: str, value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float() | Decimal():
            return _number(name, value)
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case date():
            return value.isoformat()
        case str() if value:
            return value.replace("\\", "\\\\").replace(",", "\\,")
        case str():
            raise _invalid(name, "is empty, which means all values to Tableau; give a value, or ALL for all values")
        case None:
            raise _invalid(name, "is None; give the text that the view shows for a missing value")
    shown = json.dumps(value, default=repr, ensure_ascii=False)
    raise _invalid(name, f"is {shown}; it must be text, a number, a boolean, a date, or a list of these")


def unmatched_value(name: str, value: Any) -> Any:
    """Return a value of the same type that no row of a view has; ``None`` if there is no such value.

    Tableau may ignore a value of another type, as it ignores a field that the view does not have.
    """
    if name.startswith(PARAMETERS) or value is ALL or value == {"all": True} or isinstance(value, Verbatim):
        return None
    if isinstance(value, list | tuple | set | frozenset):
        return unmatched_value(name, next(iter(value)))
    text = _escape(name, value)
    if isinstance(value, bool) or text in ("true", "false"):
        return None
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return "-987654321.125"
    if re.match(r"\d{4}-\d{2}-\d{2}", text):
        return "1677-09-22"
    return "no such value: 5b1c6f0e"


def _number(name: str, value: float | Decimal) -> str:
    """Return a number without an exponent, as views show it. A decimal keeps its trailing zeros."""
    number = Decimal(repr(float(value))) if isinstance(value, float) else value
    if not number.is_finite():
        raise _invalid(name, f"is {value}; it must be a finite number")
    text = format(number, "f")
    if "." in text and isinstance(value, float):
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _invalid(name: object, problem: str) -> Invalid:
    return Invalid(f"the filter {name!r} {problem}")
