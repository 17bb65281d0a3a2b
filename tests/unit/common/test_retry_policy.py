from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.sdk.definitions.retry_policy import RetryAction
from airflow.sdk.exceptions import AirflowFailException

from workplace_provider.common import WorkplaceRetryPolicy
from workplace_provider.common.failure import permanent_errors_fail
from workplace_provider.http.errors import Conflict, Invalid, NotFound, RateLimited, SourceUnavailable


def test_it_waits_as_long_as_the_system_asked() -> None:
    decision = WorkplaceRetryPolicy().evaluate(RateLimited("slow", system="Wiki", retry_after=90), 1, 3)
    assert (decision.action, decision.retry_delay) == (RetryAction.RETRY, timedelta(seconds=90))


def test_a_wait_that_nobody_would_sit_out_fails() -> None:
    policy = WorkplaceRetryPolicy(longest_wait=timedelta(minutes=5))
    assert policy.evaluate(RateLimited("slow", system="Wiki", retry_after=301), 1, 3).action is RetryAction.FAIL


@pytest.mark.parametrize("seconds", [1e30, float("inf"), float("nan")])
def test_an_absurd_wait_fails_the_task_and_not_the_policy(seconds: float) -> None:
    error = RateLimited("slow", system="Wiki", retry_after=seconds)
    assert WorkplaceRetryPolicy().evaluate(error, 1, 3).action is RetryAction.FAIL


@pytest.mark.parametrize("kind", [Invalid, NotFound])
def test_what_stays_wrong_is_not_tried_again(kind: type[Invalid]) -> None:
    assert WorkplaceRetryPolicy().evaluate(kind("no", system="Wiki"), 1, 3).action is RetryAction.FAIL


@pytest.mark.parametrize("error", [SourceUnavailable("x", system="Wiki"), Conflict("x", system="Wiki"), ZeroDivisionError()])
def test_everything_else_is_left_to_the_task(error: Exception) -> None:
    assert WorkplaceRetryPolicy().evaluate(error, 1, 3).action is RetryAction.DEFAULT


def test_the_cause_of_an_exception_counts() -> None:
    error = RuntimeError("wrapped")
    error.__cause__ = Invalid("no", system="Wiki")
    assert WorkplaceRetryPolicy().evaluate(error, 1, 3).action is RetryAction.FAIL


def test_it_survives_serialization() -> None:
    policy = WorkplaceRetryPolicy(timedelta(minutes=7))
    assert WorkplaceRetryPolicy.deserialize(policy.serialize()).longest_wait == timedelta(minutes=7)


def test_permanent_errors_fail_the_task_at_once_and_others_do_not() -> None:
    with pytest.raises(AirflowFailException, match="mend it"), permanent_errors_fail():
        raise Invalid("no", system="Wiki", advice="mend it")
    with pytest.raises(AirflowFailException, match="weekday"), permanent_errors_fail():
        raise ValueError("'x' is no weekday")
    with pytest.raises(SourceUnavailable), permanent_errors_fail():
        raise SourceUnavailable("gone", system="Wiki")
