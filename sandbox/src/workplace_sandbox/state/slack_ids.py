"""Ids and times as Slack writes them."""

from __future__ import annotations

import hashlib

SLACKBOT_ID = "USLACKBOT"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def slack_id(letter: str, name: str) -> str:
    """Return an id in Slack's format, the same each time: a letter and ten digits and capitals."""
    number = int.from_bytes(hashlib.sha256(f"{letter} {name}".encode()).digest()[:8], "big")
    digits = []
    for _ in range(9):
        number, rest = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[rest])
    return f"{letter}0{''.join(digits)}"


def as_ts(micros: int) -> str:
    """Return a moment as Slack writes it: seconds with six decimals, so that texts are in the order of time.

    :param micros: microseconds since 1970.
    """
    seconds, rest = divmod(micros, 1_000_000)
    return f"{seconds:010d}.{rest:06d}"
