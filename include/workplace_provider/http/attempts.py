"""One loop for everything that is retried: requests, writes whose response was lost, uploads, log-ins.

The interface is that of `stamina <https://stamina.hynek.me>`_. Tenacity, which Airflow depends on, would not make it
shorter: it decides about an error and computes the pause in two callbacks, and raises the last error from frames of its own.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar, cast, overload

from workplace_provider.http.errors import WorkplaceError
from workplace_provider.http.redaction import get_logger

log = get_logger("workplace_provider.http")

BACKOFF: Final = 0.5
"""Seconds before the second attempt; before the third it is twice as long, and so on."""

Failure = TypeVar("Failure", bound=Exception)


class Attempt(Generic[Failure]):
    """One attempt of a loop of :func:`attempts`; a context manager around the operation to try.

    :param number: 1 for the first
    :param previous: error of the attempt before; ``None`` for the first
    """

    def __init__(self, number: int, previous: Failure | None, retry: Callable[[BaseException], bool | float]) -> None:
        self.number = number
        self.previous = previous
        self.error: Failure | None = None
        self.retry: bool | float = False
        self._retry = retry

    def __enter__(self) -> Self:
        """Begin the attempt."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        """Return whether the error is retried; other errors are raised to the caller."""
        if error is None:
            return False
        self.retry = self._retry(error)
        if self.retry is False:
            return False
        self.error = cast("Failure", error)
        return True


@overload
def attempts(
    most: int,
    on: Callable[[WorkplaceError], bool | float],
    *,
    backoff: float = BACKOFF,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Attempt[WorkplaceError]]: ...


@overload
def attempts(
    most: int,
    on: Callable[[Failure], bool | float],
    *,
    errors: type[Failure],
    backoff: float = BACKOFF,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Attempt[Failure]]: ...


def attempts(
    most: int,
    on: Callable[[Any], bool | float],
    *,
    errors: type[Exception] = WorkplaceError,
    backoff: float = BACKOFF,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Attempt[Any]]:
    """Yield attempts until one succeeds. The error of the last attempt is raised unchanged.

    ::

        for attempt in attempts(5, on=lambda error: error.outcome_unknown, sleep=sleep):
            with attempt:
                page = (attempt.previous and find_page(title)) or create_page(title)
        return page

    Do not nest retries: a loop around requests of :class:`~workplace_provider.http.client.HttpClient` must retry only the
    errors that the client raises at the first attempt, such as a write with an unknown outcome.

    :param most: maximum number of attempts, at least 1
    :param on: decides about the error of an attempt that is not the last: ``False`` raises it, ``True`` retries after the
        default pause, a number retries after that many seconds
    :param errors: type of the errors that may be retried
    :param backoff: mean seconds before the second attempt. The default pause grows by that much with each attempt, and
        varies by half of its length
    :param sleep: waits for that many seconds
    """

    def retry(error: BaseException) -> bool | float:
        return isinstance(error, errors) and on(error)

    def give_up(_: BaseException) -> bool:
        return False

    previous: Exception | None = None
    for number in range(1, most + 1):
        attempt: Attempt[Any] = Attempt(number, previous, retry if number < most else give_up)
        yield attempt
        previous = attempt.error
        if previous is None:
            return
        # Two writers that met once would otherwise meet again at each attempt.
        default = backoff * number * random.uniform(0.5, 1.5)  # noqa: S311 - spreads retries, guards nothing
        pause = default if attempt.retry is True else attempt.retry
        # The message of another library may contain what was sent, such as a credential.
        cause = previous if isinstance(previous, WorkplaceError) else type(previous).__name__
        if pause:
            log.warning("waiting %.1f s before attempt %d of %d: %s", pause, number + 1, most, cause)
            sleep(pause)
        else:
            log.warning("starting attempt %d of %d: %s", number + 1, most, cause)
