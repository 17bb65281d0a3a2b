"""Yes and no as people and templates write them."""

from __future__ import annotations

from typing import Any, Final

_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0", "none", ""})


def flag(value: Any, where: str) -> bool:
    """Read a truth value that may have come through a template or a connection URI, where everything is text.

    :param where: what the value belongs to, for the message
    :raises ValueError: when it is neither
    """
    word = str(value).strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(f"{where} is {value!r}; it must be true or false")
    return word in _TRUE
