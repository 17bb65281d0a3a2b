"""When two values that systems hold of a person are the same."""

from __future__ import annotations

import unicodedata
from typing import Any


def tidy(value: Any) -> Any:
    """A value as it is written: text composed (NFC) and without blanks around it, nothing at all as ``None``.

    A Mac sends Korean names decomposed (NFD), which looks the same and is not.
    """
    if isinstance(value, str):
        value = _composed(value)
    elif isinstance(value, list | tuple | set | frozenset):
        cleaned = [tidy(each) for each in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)]
        value = [each for each in cleaned if each is not None]
    return None if value is None or value == "" or value == [] else value


def folded(value: Any) -> str:
    """A value to compare names and addresses by, for which case does not count."""
    text = _composed(value if isinstance(value, str) else str(value))
    small = text.lower() if text.isascii() else text.casefold()
    return text if small == text else small


def _composed(text: str) -> str:
    """The text in NFC without blanks around it; the very same object where it is, which saves memory."""
    if not text.isascii() and not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    return text.strip()


def same(one: Any, other: Any, *, ignore_case: bool) -> bool:
    """Whether two values say the same; absent, ``None`` and empty text are one."""
    if one == other:
        return True
    one, other = tidy(one), tidy(other)
    if ignore_case and isinstance(one, str) and isinstance(other, str):
        return folded(one) == folded(other)
    return bool(one == other)
