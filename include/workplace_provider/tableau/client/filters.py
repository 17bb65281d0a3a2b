"""What a view is filtered by when it is exported.

The rules of ``vf_`` filters: values are exact; a comma between values means "or"; a comma or backslash within a value is
written with a backslash before it, and nothing else is special once it is encoded for a URL. A name that the view does not
have is ignored by Tableau without a word. (REST API reference, Query View Image; wire rules as in Tableau's own client.)
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
from workplace_provider.tableau.client.answers import SYSTEM

PARAMETERS: Final = "Parameters."


class _Everything(Enum):
    ALL = "ALL"

    def __repr__(self) -> str:
        return "ALL"


ALL: Final = _Everything.ALL
"""Every value of a field: takes away a filter that the workbook has."""


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A value with its commas and backslashes written as Tableau wants them already."""

    text: str


@dataclass(frozen=True)
class ViewFilters:
    """Fields and parameters of a view, and the values it shall show.

    :param values: name of a field as the view shows it, or ``Parameters.`` and the name of a parameter, to a value: text,
        a number, a truth value, a day or moment, a list of them for "one of these", :data:`ALL` (in JSON ``{"all": true}``)
        for every value, or :class:`Verbatim`
    :raises Invalid: when a name or value cannot be a filter; the message names it
    """

    values: Mapping[str, Any]
    _PREFIXES: ClassVar[tuple[str, ...]] = ("vf_", ":")

    def __post_init__(self) -> None:
        """Refuse what would silently show something else."""
        for name, value in self.values.items():
            if not isinstance(name, str) or not name.strip():
                raise _refused(name, "is no name of a field")
            if name.startswith(self._PREFIXES):
                raise _refused(name, "is not how a field is called in the view: leave out what stands before its name")
            _encoded(name, value)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Pairs of query parameter and value, not yet encoded for a URL."""
        return ((f"vf_{name}", _encoded(name, value)) for name, value in self.values.items())

    def __bool__(self) -> bool:
        return bool(self.values)

    def described(self) -> dict[str, str]:
        """The filters for people and manifests: name to what Tableau is sent."""
        return {name: _encoded(name, value) for name, value in self.values.items()}


def query(pairs: Iterable[tuple[str, str]]) -> str:
    """Pairs as the query of a URL, spaces as ``%20``."""
    return "&".join(f"{quote(name, safe='.')}={quote(value, safe='')}" for name, value in pairs)


def _encoded(name: str, value: Any) -> str:
    if value is ALL or value == {"all": True}:
        return ""
    if isinstance(value, Verbatim):
        return value.text
    if isinstance(value, list | tuple | set | frozenset):
        if not value:
            raise _refused(name, "has an empty list: give at least one value, or ALL for every value")
        values = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return ",".join(_escaped(name, each) for each in values)
    return _escaped(name, value)


def _escaped(name: str, value: Any) -> str:
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
            raise _refused(name, "is empty, which Tableau takes for every value: say ALL when that is meant")
        case None:
            raise _refused(name, "is None: give the text that the view shows for no value")
    raise _refused(name, f"is {json.dumps(value, default=repr, ensure_ascii=False)}, which is no value of a filter")


def impossible_value(name: str, value: Any) -> Any:
    """A value of the same type that no row of a view has; ``None`` where there is none.

    A value of another type may be ignored as a field is that the view lacks.
    """
    if name.startswith(PARAMETERS) or value is ALL or value == {"all": True} or isinstance(value, Verbatim):
        return None
    if isinstance(value, list | tuple | set | frozenset):
        return impossible_value(name, next(iter(value)))
    text = _escaped(name, value)
    if isinstance(value, bool) or text in ("true", "false"):
        return None
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return "-987654321.125"
    if re.match(r"\d{4}-\d{2}-\d{2}", text):
        return "1677-09-22"
    return "no such value: 5b1c6f0e"


def _number(name: str, value: float | Decimal) -> str:
    """A number as a view shows it: without an exponent. A decimal keeps its digits, which were written on purpose."""
    number = Decimal(repr(float(value))) if isinstance(value, float) else value
    if not number.is_finite():
        raise _refused(name, f"is {value}, which is no number that a view shows")
    text = format(number, "f")
    if "." in text and isinstance(value, float):
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _refused(name: object, why: str) -> Invalid:
    return Invalid(f"the filter {name!r} {why}", system=SYSTEM)
