"""Parsers for arguments as people and templates write them: everything may be text, and a missing value is empty text."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0", "none", ""})


def parse_bool(value: Any, where: str) -> bool:
    """Return a truth value, which may be text: templates and connection URIs know nothing else.

    :param where: name of the argument or setting, for the error message
    :raises ValueError: if it is neither true nor false
    """
    word = str(value).strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(f"{where} is {value!r}; it must be true or false")
    return word in _TRUE


def parse_optional_bool(value: Any, where: str) -> bool | None:
    """Return a truth value like :func:`parse_bool`, or ``None`` for a blank value."""
    return None if none_if_blank(value) is None else parse_bool(value, where)


def none_if_blank(value: Any) -> Any:
    """Return the value, or ``None`` for empty text and for the text "None", which a template makes of ``None``."""
    return None if value is None or value in ("", "None") else value


def parse_number(value: Any, where: str) -> float | None:
    """Return a finite number, or ``None`` for a blank value.

    :param where: name of the argument or setting, for the error message
    :raises ValueError: if it is not a number
    """
    if none_if_blank(value) is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):  # neither a time-out nor a limit can be infinite or NaN
        raise ValueError(f"{where} is {value!r}; it must be a number")
    return number


def parse_int(value: Any, where: str, least: int | None = None) -> int | None:
    """Return a whole number, or ``None`` for a blank value.

    :param where: name of the argument or setting, for the error message
    :param least: the smallest valid number
    :raises ValueError: if it is not a whole number, or is too small
    """
    if none_if_blank(value) is None:
        return None
    try:
        number = int(value)
        if isinstance(value, bool) or (isinstance(value, float) and number != value):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{where} is {value!r}; it must be a whole number") from None
    if least is not None and number < least:
        raise ValueError(f"{where} is {value!r}; it must be a whole number of at least {least}")
    return number


def parse_choice(value: Any, where: str, choices: Sequence[str]) -> str:
    """Return the value if it is one of the choices.

    :param where: name of the argument or setting, for the error message
    :raises ValueError: if it is another value
    """
    if value not in choices:
        raise ValueError(f"{where} is {value!r}; it must be one of {', '.join(choices)}")
    return str(value)


def parse_list(value: Any) -> list[str]:
    """Return names as a list. They may be one text with commas between them."""
    if value is None:
        return []
    parts = value.split(",") if isinstance(value, str) else value
    return [name for part in parts if (name := str(part).strip())]


def parse_names(value: Any, where: str) -> tuple[str, ...]:
    """Return names without duplicates. They may be one text with commas between them; a blank value gives none.

    :param where: name of the argument or setting, for the error message
    :raises ValueError: if it is not a list of texts
    """
    value = none_if_blank(value)
    if isinstance(value, str):
        value = value.split(",")
    value = () if value is None else value
    if not isinstance(value, Collection) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"{where} is {value!r}; it must be a list of texts, or one text with commas")
    return tuple(dict.fromkeys(name.strip() for name in value if name.strip()))


def parse_mapping(value: Any, where: str) -> Mapping[str, Any]:
    """Return a mapping, which may be JSON text; an empty one for a missing value.

    :param where: name of the argument or setting, for the error message
    :raises ValueError: if it is not a mapping
    """
    if isinstance(value, str):
        try:
            value = json.loads(value) if none_if_blank(value.strip()) else {}
        except ValueError as error:
            raise ValueError(f"{where} is {value!r}; it must be JSON: in a template, use … | tojson ({error})") from error
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} is {value!r}; it must be a mapping of names to values")
    return value
