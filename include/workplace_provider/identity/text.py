"""Comparing values of people as different systems store them."""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import Any, Final

# Characters that NFC replaces by another single one, such as the Kelvin sign by K: an address with it is another address.
# Compatibility ideographs are not among them: Korean names are written with either form, and both mean the same.
_SINGLETONS: Final = re.compile(
    "["
    + "".join(
        re.escape(char)
        for char in map(chr, range(0x340, 0x2400))
        if len(composed := unicodedata.normalize("NFC", char)) == 1 and composed != char
    )
    + "]"
)


def normalize(value: Any) -> Any:
    """Return a value in its normal form: text composed (NFC) and stripped, empty values as ``None``.

    macOS sends Korean names decomposed (NFD), which look the same and compare as different.
    """
    if isinstance(value, str):
        value = _composed(value)
    elif isinstance(value, list | tuple | set | frozenset):
        cleaned = [normalize(item) for item in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)]
        value = [item for item in cleaned if item is not None]
    return None if value is None or value == "" or value == [] else value


def fold_case(value: Any) -> str:
    """Return the form of a name or an address for comparisons that ignore case.

    Mail systems fold the case of a letter and never turn it into another letter. Unicode's own folding would make
    ``ſupport`` equal to ``support``, the Kelvin sign to ``k`` and ``straße`` to ``strasse``, and would confuse two people.
    """
    text = _composed(value if isinstance(value, str) else str(value))
    small = text.lower() if text.isascii() else "".join(map(_small, text))
    return text if small == text else small


def fold_strictly(value: Any) -> str:
    """Return the form of a word for a deny-list, independent of its width and case: ``ＲＯＯＴ`` gives ``root``."""
    return unicodedata.normalize("NFKC", str(value)).casefold().strip()


@functools.cache
def _small(letter: str) -> str:
    small = letter.lower()
    return small if len(small) == 1 and small.upper() == letter else letter


def _composed(text: str) -> str:
    """Return the text in NFC and stripped; the same object if it already is, which saves memory."""
    if not text.isascii() and not unicodedata.is_normalized("NFC", text):
        kept = _SINGLETONS.findall(text)
        parts = [unicodedata.normalize("NFC", part) for part in _SINGLETONS.split(text)]
        text = "".join(part + letter for part, letter in zip(parts, [*kept, ""], strict=True))
    return text.strip()


def values_equal(one: Any, other: Any, *, ignore_case: bool) -> bool:
    """Return whether two values are equal; a missing value, ``None`` and empty text are equal.

    Lists are compared without their order, and a single value equals a list of one.
    """
    if one == other:
        return True
    one, other = normalize(one), normalize(other)
    if ignore_case and isinstance(one, str) and isinstance(other, str):
        return fold_case(one) == fold_case(other)
    if isinstance(one, list) or isinstance(other, list):
        lists = [value if isinstance(value, list) else [value] for value in (one, other) if value is not None]
        return len(lists) == 2 and sorted(map(repr, lists[0])) == sorted(map(repr, lists[1]))
    return bool(one == other)
