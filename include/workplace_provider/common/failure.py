"""How an error of a client fails a task."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowFailException

from workplace_provider.http.errors import WorkplaceError


@contextmanager
def permanent_errors_fail() -> Iterator[None]:
    """Fail the task at once, without its retries, on an error that a retry cannot mend.

    :raises AirflowFailException: for a permanent :class:`~workplace_provider.http.errors.WorkplaceError`, and for a
        parameter or file that cannot be read
    """
    try:
        yield
    except WorkplaceError as error:
        if error.retryable:
            raise
        raise AirflowFailException(str(error)) from error
    except (ValueError, FileNotFoundError) as error:
        raise AirflowFailException(str(error)) from error
