"""Counters, gauges and timers of Airflow, in processes where Airflow is loaded.

Every name begins with ``workplace.``, and names of requests have the system in them, since StatsD drops tags::

    count("confluence.pages_created")
    timing(f"{metric_name('Jira')}.request", 0.25)  # workplace.jira.request

Clients also work without Airflow, which they must not import. A process of Airflow has loaded its stats before it runs a
task or a trigger; in other processes, nothing is recorded.
"""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

PREFIX: Final = "workplace."
_STATS: Final = "airflow.sdk.observability.stats"
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9]+")
_LONGEST: Final = 40


def count(name: str, value: int = 1) -> None:
    """Add to a counter."""
    if stats := _stats():
        stats.incr(PREFIX + name, value)


def gauge(name: str, value: float) -> None:
    """Set a gauge."""
    if stats := _stats():
        stats.gauge(PREFIX + name, value)


def timing(name: str, seconds: float) -> None:
    """Record a duration."""
    if stats := _stats():
        stats.timing(PREFIX + name, timedelta(seconds=seconds))


@lru_cache(maxsize=256)
def metric_name(system: str) -> str:
    """Return a system's name as a part of a metric's name: ``Tableau``, ``Notice board news`` -> ``notice_board_news``.

    Metrics allow ASCII only; a name without ASCII letters or digits becomes ``other``.
    """
    return _NOT_IN_NAMES.sub("_", system.lower()).strip("_")[:_LONGEST] or "other"


def _stats() -> Any:
    return sys.modules.get(_STATS)
