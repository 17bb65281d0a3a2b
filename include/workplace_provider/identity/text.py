"""When two values that systems hold of a person are the same."""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import Any, Final

# Characters that NFC replaces by another single one, such as the Kelvin sign by K: an address with it is another address.
# Compatibility ideographs are left out: Korean names are written with either, and mean the same.
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
    """Return a value as it is written: text composed (NFC) and without blanks around it, nothing at all as ``None``.

    A Mac sends Korean names decomposed (NFD), which looks the same and is not.
    """
    if isinstance(value, str):
        value = _composed(value)
    elif isinstance(value, list | tuple | set | frozenset):
        cleaned = [normalize(each) for each in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)]
        value = [each for each in cleaned if each is not None]
    return None if value is None or value == "" or value == [] else value


def fold_case(value: Any) -> str:
    """Return a value to compare names and addresses by, for which case does not count.

    Mail systems fold the case of a letter, and never make another letter of it: with Unicode's own folding ``ſupport`` would
    be ``support``, the Kelvin sign ``k``, and ``straße`` ``strasse``, and one person would be taken for another.
    """
    text = _composed(value if isinstance(value, str) else str(value))
    small = text.lower() if text.isascii() else "".join(map(_small, text))
    return text if small == text else small


def fold_strictly(value: Any) -> str:
    """Return a value to compare words by that must not slip through, however they are written: ``ＲＯＯＴ`` is ``root``."""
    return unicodedata.normalize("NFKC", str(value)).casefold().strip()


@functools.cache
def _small(letter: str) -> str:
    small = letter.lower()
    return small if len(small) == 1 and small.upper() == letter else letter


def _composed(text: str) -> str:
    """Return the text in NFC without blanks around it; the very same object where it is, which saves memory."""
    if not text.isascii() and not unicodedata.is_normalized("NFC", text):
        kept = _SINGLETONS.findall(text)
        parts = [unicodedata.normalize("NFC", part) for part in _SINGLETONS.split(text)]
        text = "".join(part + letter for part, letter in zip(parts, [*kept, ""], strict=True))
    return text.strip()


def values_equal(one: Any, other: Any, *, ignore_case: bool) -> bool:
    """Return whether two values say the same; absent, ``None`` and empty text are one.

    A list is compared without its order, and a single value is a list of one.
    """
    if one == other:
        return True
    one, other = normalize(one), normalize(other)
    if ignore_case and isinstance(one, str) and isinstance(other, str):
        return fold_case(one) == fold_case(other)
    if isinstance(one, list) or isinstance(other, list):
        lists = [each if isinstance(each, list) else [each] for each in (one, other) if each is not None]
        return len(lists) == 2 and sorted(map(repr, lists[0])) == sorted(map(repr, lists[1]))
    return bool(one == other)
