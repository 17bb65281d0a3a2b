"""Retry policy of tasks: wait as long as the server requests, and do not retry permanent errors."""

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
    """A retry policy that waits as long as the server requests, and fails a permanent error at once.

    Permanent errors are a :class:`~workplace_provider.http.errors.WorkplaceError` that is not retryable, a ``ValueError``
    of this package, every error of Jinja (a syntax error, an undefined name or macro, a missing file), and errors of
    expressions in templates. Airflow also applies the policy to errors while it renders template fields. For all other
    exceptions the task's ``retries`` and ``retry_delay`` apply.

    The operators and sensors of this package have it by default. ``default_args`` set it for all tasks of a DAG::

        DAG("report", default_args={"retries": 3, "retry_policy": WorkplaceRetryPolicy()})

    :param longest_wait: if the server requests a longer wait, the task fails
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
        """Return the decision for an exception, or for the WorkplaceError that caused it."""
        error = workplace_error(exception)
        if error is None:
            if is_wrong_input(exception):
                return RetryDecision.fail(f"{type(exception).__name__}: the next try would read the same input")
            return RetryDecision.default()
        if not error.retryable:
            return RetryDecision.fail(f"{type(error).__name__} is permanent")
        if error.retry_after is None:
            return RetryDecision.default()
        # Compared as a number: a server may request more seconds than a timedelta can hold.
        if not error.retry_after <= self.longest_wait.total_seconds():
            return RetryDecision.fail(
                f"{error.system} requests a wait of {error.retry_after:,.0f} seconds, longer than {self.longest_wait}"
            )
        delay = timedelta(seconds=error.retry_after)
        return RetryDecision.retry(delay, f"{error.system} requests a wait of {delay}")

    def serialize(self) -> dict[str, Any]:
        """Return the policy as JSON."""
        return {"longest_wait": self.longest_wait.total_seconds()}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> WorkplaceRetryPolicy:
        """Return the policy of :meth:`serialize`."""
        return cls(timedelta(seconds=data["longest_wait"]))
