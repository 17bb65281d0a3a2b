from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
import requests
from airflow.sdk import DAG
from airflow.sdk.definitions.retry_policy import RetryAction
from airflow.sdk.exceptions import AirflowFailException

from workplace_provider.common import WorkplaceRetryPolicy
from workplace_provider.common.arguments import parse_int
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.report_date import report_day, title_on
from workplace_provider.confluence.pages import edits
from workplace_provider.http.errors import Conflict, Invalid, NotFound, RateLimited, SourceUnavailable
from workplace_provider.notices import describe_board


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


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """Raise an error in this module, which is none of the provider's."""
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def rendered(template: str) -> BaseException:
    from airflow.sdk.definitions.context import render_template_to_string

    environment = DAG("any", schedule=None).get_template_env()
    with pytest.raises(Exception) as caught:  # noqa: PT011  # of whatever type
        render_template_to_string(environment.from_string(template), {"title": title_on, "day": date(2026, 11, 26)})
    return caught.value


@pytest.mark.parametrize(
    "template",
    [
        "{{ nothing",
        "{{ nothing }}",
        "{{ title.nothing() }}",
        "{{ 1 | nothing }}",
        "{% include 'nothing' %}",
        "{{ title('%Q 주간 보고', day) }}",
        "{{ 1 + 'x' }}",
        "{{ 1 / 0 }}",
        "{% if true %}{{ 1 + 'x' }}{% endif %}",
    ],
)
def test_a_template_that_cannot_be_rendered_is_not_retried(template: str) -> None:
    assert WorkplaceRetryPolicy().evaluate(rendered(template), 1, 3).action is RetryAction.FAIL


@pytest.mark.parametrize(
    "call",
    [
        lambda: title_on("%Q 주간 보고", date(2026, 11, 26)),
        lambda: parse_int("a few", "limit"),
        lambda: edits.from_dict({"edit": "NoSuchEdit"}),
        lambda: describe_board({"url": "must not link"}),
        lambda: report_day({"params": {"report_date": "yesterday"}}),
    ],
)
def test_a_value_error_of_the_provider_is_not_retried(call: Callable[[], Any]) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        call()
    assert WorkplaceRetryPolicy().evaluate(caught.value, 1, 3).action is RetryAction.FAIL


def test_nor_one_that_another_process_handed_over() -> None:
    copied = pickle.loads(pickle.dumps(raised(ValueError("title is empty"))))
    assert WorkplaceRetryPolicy().evaluate(copied, 1, 3).action is RetryAction.FAIL


@pytest.mark.parametrize(
    "error",
    [
        raised(ValueError("no rows yet")),
        raised(requests.exceptions.JSONDecodeError("no JSON", "<html>", 0)),
        raised(TypeError("none")),
        raised(ValueError("title is empty"), SourceUnavailable("x", system="Wiki")),
    ],
    ids=repr,
)
def test_errors_of_other_code_are_left_to_the_task(error: BaseException) -> None:
    assert WorkplaceRetryPolicy().evaluate(error, 1, 3).action is RetryAction.DEFAULT


def test_it_survives_serialization() -> None:
    policy = WorkplaceRetryPolicy(timedelta(minutes=7))
    assert WorkplaceRetryPolicy.deserialize(policy.serialize()).longest_wait == timedelta(minutes=7)


def test_permanent_errors_fail_the_task_at_once_and_others_do_not() -> None:
    with pytest.raises(AirflowFailException, match="Fix it"), fail_on_permanent_error():
        raise Invalid("no", system="Wiki", advice="Fix it")
    with pytest.raises(AirflowFailException, match="weekday"), fail_on_permanent_error():
        raise ValueError("'x' is no weekday")
    with pytest.raises(SourceUnavailable), fail_on_permanent_error():
        raise SourceUnavailable("gone", system="Wiki")
