"""Arguments as people and templates write them: everything may be text, and what is not given is empty text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0", "none", ""})


def parse_bool(value: Any, where: str) -> bool:
    """Read a truth value that may have come through a template or a connection URI, where everything is text.

    :param where: what the value belongs to, for the message
    :raises ValueError: when it is neither
    """
    word = str(value).strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(f"{where} is {value!r}; it must be true or false")
    return word in _TRUE


def parse_optional_bool(value: Any, where: str) -> bool | None:
    """Read a truth value like :func:`parse_bool`; ``None`` where none is given."""
    return None if none_if_blank(value) is None else parse_bool(value, where)


def none_if_blank(value: Any) -> Any:
    """The value; ``None`` when a template wrote that there is none."""
    return None if value is None or value in ("", "None") else value


def parse_number(value: Any, where: str) -> float | None:
    """Read a number, of which there may be none.

    :param where: what the value belongs to, for the message
    :raises ValueError: it is no number
    """
    if none_if_blank(value) is None:
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):  # no span and no limit can be made of these
        raise ValueError(f"{where} is {value!r}; it must be a number")
    return found


def parse_int(value: Any, where: str, least: int | None = None) -> int | None:
    """Read a whole number, of which there may be none.

    :param where: what the value belongs to, for the message
    :param least: the smallest that is taken
    :raises ValueError: it is no whole number, or smaller
    """
    if none_if_blank(value) is None:
        return None
    try:
        found = int(value)
        if isinstance(value, bool) or (isinstance(value, float) and found != value) or (least is not None and found < least):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{where} is {value!r}; it must be a whole number") from None
    return found


def parse_choice(value: Any, where: str, choices: Sequence[str]) -> None:
    """Refuse what is not among the choices.

    :param where: what the value belongs to, for the message
    :raises ValueError: it is another value
    """
    if value not in choices:
        raise ValueError(f"{where} is {value!r}; it must be one of {', '.join(choices)}")


def parse_list(value: Any) -> list[str]:
    """Names as a list, or as one text with commas between them."""
    if value is None:
        return []
    parts = value.split(",") if isinstance(value, str) else value
    return [name for part in parts if (name := str(part).strip())]
