"""The loop around everything that is tried again."""

from __future__ import annotations

from typing import Any

import pytest

from workplace_provider.http.attempts import attempts
from workplace_provider.http.errors import Conflict, NotFound, SourceUnavailable, WorkplaceError, error_context


def failing(times: int, error: WorkplaceError) -> list[WorkplaceError | None]:
    return [error] * times + [None]


def run(script: list[WorkplaceError | None], most: int, on: object = None) -> tuple[int, list[float], list[object]]:
    slept: list[float] = []
    previous: list[object] = []
    number = 0
    for attempt in attempts(most, on or (lambda error: error.retryable), sleep=slept.append):  # type: ignore[arg-type]
        with attempt:
            previous.append(attempt.previous)
            number = attempt.number
            error = script.pop(0)
            if error is not None:
                raise error
    return number, slept, previous


def test_an_attempt_that_succeeds_is_the_last() -> None:
    assert run([None], 3) == (1, [], [None])


def test_the_pause_grows_and_each_attempt_knows_the_error_before() -> None:
    lost = SourceUnavailable("the response was lost")
    number, pauses, errors = run(failing(3, lost), 4)
    assert (number, errors) == (4, [None, lost, lost, lost])
    assert [0.25 <= pauses[0] <= 0.75, 0.5 <= pauses[1] <= 1.5, 0.75 <= pauses[2] <= 2.25] == [True, True, True]


def test_writers_that_met_once_do_not_meet_at_each_attempt() -> None:
    pauses = [run(failing(1, SourceUnavailable("lost")), 2)[1][0] for _ in range(20)]
    assert len(set(pauses)) > 10


def test_the_last_error_is_raised_as_it_is() -> None:
    lost = SourceUnavailable("the response was lost")
    script = failing(9, lost)
    with pytest.raises(SourceUnavailable) as caught:
        run(script, 3)
    assert caught.value is lost
    assert lost.__cause__ is None
    assert len(script) == 7


def test_what_is_not_retried_is_raised_at_once() -> None:
    script = failing(1, NotFound("no page"))
    with pytest.raises(NotFound):
        run(script, 3)
    assert len(script) == 1


def test_other_exceptions_are_not_retried() -> None:
    script: list[Any] = [ValueError("mistake"), None]
    with pytest.raises(ValueError, match="mistake"):
        run(script, 3, lambda _: True)
    assert len(script) == 1


def test_the_pause_may_follow_from_the_error() -> None:
    assert run(failing(2, Conflict("changed", retry_after=7)), 5, lambda error: error.retry_after)[1] == [7, 7]
    assert run(failing(1, Conflict("changed")), 5, lambda _: 0.0) == (2, [], [None, SAME])


class _Same:
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Conflict)

    __hash__ = None  # type: ignore[assignment]


SAME = _Same()


def test_the_context_fills_in_only_what_is_empty() -> None:
    inner = error_context(system="Wiki", method="GET", url="https://wiki.example.com/x?token=abc")
    with pytest.raises(NotFound) as caught, error_context(system="Airflow"), inner:
        raise NotFound("no page")
    error = caught.value
    assert (error.system, error.method, error.url) == ("Wiki", "GET", "https://wiki.example.com/x?token=***")


def test_the_request_of_another_system_is_not_attached() -> None:
    with pytest.raises(NotFound) as caught, error_context(system="Wiki", method="GET", url="https://wiki.example.com/x"):
        raise NotFound("no bucket", system="S3")
    assert (caught.value.system, caught.value.url) == ("S3", "")


def test_the_context_is_a_decorator_too_and_leaves_other_exceptions_alone() -> None:
    @error_context(system="Wiki")
    def fail(error: Exception) -> None:
        raise error

    with pytest.raises(NotFound) as caught:
        fail(NotFound("no page"))
    assert caught.value.system == "Wiki"
    with pytest.raises(KeyError):
        fail(KeyError("x"))
