"""When Airflow runs a failed task again: as the system that refused it asked, and not at all when that is useless."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import RetryPolicy
from airflow.sdk.definitions.retry_policy import RetryDecision

from workplace_provider.http.errors import WorkplaceError

if TYPE_CHECKING:
    from airflow.sdk import Context

LONGEST_WAIT: Final = timedelta(hours=6)


class WorkplaceRetryPolicy(RetryPolicy):
    """Waits for as long as the system asked (``Retry-After``) and fails a permanent error at once.

    Every other exception is left to the task's ``retries`` and ``retry_delay``.

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
        """Decide by the :class:`~workplace_provider.http.errors.WorkplaceError` that the exception is or came from."""
        error = _workplace_error(exception)
        if error is None:
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
        """The policy as JSON."""
        return {"longest_wait": self.longest_wait.total_seconds()}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> WorkplaceRetryPolicy:
        """The policy of :meth:`serialize`."""
        return cls(timedelta(seconds=data["longest_wait"]))


def _workplace_error(exception: BaseException | None) -> WorkplaceError | None:
    while exception is not None:
        if isinstance(exception, WorkplaceError):
            return exception
        exception = exception.__cause__ or exception.__context__
    return None
