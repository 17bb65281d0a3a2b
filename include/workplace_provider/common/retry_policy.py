"""Retries that wait as long as the system asked, and none for an error that a retry cannot fix."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import RetryPolicy
from airflow.sdk.definitions.retry_policy import RetryDecision

from workplace_provider.common.failure import is_wrong_input, workplace_error

if TYPE_CHECKING:
    from airflow.sdk import Context

LONGEST_WAIT: Final = timedelta(hours=6)


class WorkplaceRetryPolicy(RetryPolicy):
    """Waits for as long as the system asked (``Retry-After``) and fails a permanent error at once.

    Permanent are a :class:`~workplace_provider.http.errors.WorkplaceError` that is not retryable, a ``ValueError`` of this
    package, every error of Jinja (a syntax error, an undefined name or macro, a missing file), and what an expression in a
    template raises. Airflow asks the policy about errors while template fields are rendered, too. Every other exception is
    left to the task's ``retries`` and ``retry_delay``.

    The operators and sensors of this package have it by default. In ``default_args`` it holds for all tasks of a DAG::

        DAG("report", default_args={"retries": 3, "retry_policy": WorkplaceRetryPolicy()})

    :param longest_wait: a longer wait than this is a failure that a person should see
    """

    def __init__(self, longest_wait: timedelta = LONGEST_WAIT) -> None:
        self.longest_wait = longest_wait

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """Decide by the exception and the :class:`~workplace_provider.http.errors.WorkplaceError` that it came from."""
        error = workplace_error(exception)
        if error is None:
            if is_wrong_input(exception):
                return RetryDecision.fail(f"{type(exception).__name__}: the next try would read the same input")
            return RetryDecision.default()
        if not error.retryable:
            return RetryDecision.fail(f"{type(error).__name__} will not go away by itself")
        if error.retry_after is None:
            return RetryDecision.default()
        # Compared as a number: what a server asks for may be more than a duration can hold.
        if not error.retry_after <= self.longest_wait.total_seconds():
            return RetryDecision.fail(
                f"{error.system} asks to wait for {error.retry_after:,.0f} seconds, longer than {self.longest_wait}"
            )
        delay = timedelta(seconds=error.retry_after)
        return RetryDecision.retry(delay, f"{error.system} asked to wait for {delay}")

    def serialize(self) -> dict[str, Any]:
        """Return the policy as JSON."""
        return {"longest_wait": self.longest_wait.total_seconds()}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> WorkplaceRetryPolicy:
        """Return the policy of :meth:`serialize`."""
        return cls(timedelta(seconds=data["longest_wait"]))
