"""One loop for everything that is tried again: requests, writes whose response was lost, uploads.

The shape is that of `stamina <https://stamina.hynek.me>`_. It is not built on tenacity, which Airflow brings: that library
decides and computes the wait in two callbacks, which here are one look at the error, and raises from its own frames.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, TypeAlias

from workplace_provider.http.errors import WorkplaceError
from workplace_provider.http.redaction import get_logger

log = get_logger("workplace_provider.http")

BACKOFF: Final = 0.5
"""Seconds before the second attempt; before the third it is twice as long, and so on."""

RetryOn: TypeAlias = Callable[[WorkplaceError], bool | float]


class Attempt:
    """One attempt of a loop of :func:`attempts`; a context manager around what is tried.

    :param number: 1 for the first
    :param previous: error of the attempt before; ``None`` for the first
    """

    def __init__(self, number: int, previous: WorkplaceError | None, on: RetryOn | None, backoff: float) -> None:
        self.number = number
        self.previous = previous
        self.error: WorkplaceError | None = None
        self.pause = 0.0
        self._on = on
        self._backoff = backoff

    def __enter__(self) -> Attempt:
        """Begin the attempt."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        """Return whether the error is retried; any other goes on to the caller."""
        if self._on is None or not isinstance(error, WorkplaceError):
            return False
        retry = self._on(error)
        if retry is False:
            return False
        self.error = error
        self.pause = self._backoff * self.number if retry is True else retry
        return True


def attempts(
    most: int, on: RetryOn, *, backoff: float = BACKOFF, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Attempt]:
    """Yield attempts until one succeeds; the error of the last one is raised as it is.

    Only :class:`WorkplaceError` is retried. Retries must not be nested: a loop around requests of
    :class:`~workplace_provider.http.client.HttpClient` retries only errors that the client does not.

    ::

        for attempt in attempts(5, on=lambda error: error.outcome_unknown, sleep=sleep):
            with attempt:
                page = (attempt.previous and find_page(title)) or create_page(title)
        return page

    :param most: the greatest number of attempts, at least 1
    :param on: decides about the error of an attempt that is not the last: ``False`` raises it, ``True`` retries after the
        usual pause, a number retries after that many seconds
    :param backoff: seconds before the second attempt; the pause grows by as much for each further one
    :param sleep: waits for that many seconds
    """
    previous: WorkplaceError | None = None
    for number in range(1, most + 1):
        attempt = Attempt(number, previous, on if number < most else None, backoff)
        yield attempt
        previous = attempt.error
        if previous is None:
            return
        log.warning("waiting %.1f s before attempt %d of %d: %s", attempt.pause, number + 1, most, previous)
        if attempt.pause:
            sleep(attempt.pause)
