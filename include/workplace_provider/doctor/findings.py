"""The results of the checks of an installation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    :param area: what was checked: ``versions``, ``plugins``, ``artifacts``, …
    :param text: the result; for a problem its cause
    :param advice: what to do
    :param level: a ``problem`` makes DAGs fail; a ``warning`` does under some conditions
    """

    area: str
    text: str
    advice: str = ""
    level: Level = "ok"


def ok(area: str, text: str) -> Finding:
    """Return the finding of a check that passed."""
    return Finding(area, text)


def warning(area: str, text: str, advice: str) -> Finding:
    """Return the finding of a check whose result can make some DAGs fail."""
    return Finding(area, text, advice, "warning")


def problem(area: str, text: str, advice: str) -> Finding:
    """Return the finding of a check that failed."""
    return Finding(area, text, advice, "problem")
