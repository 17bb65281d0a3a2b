"""Which errors a retry cannot fix, and how they fail a task."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_tb
from typing import Final

from airflow.sdk.exceptions import AirflowFailException
from jinja2 import TemplateError

from workplace_provider.http.errors import WorkplaceError, error_context
from workplace_provider.http.redaction import sanitize_exception, sanitize_text

_PACKAGE: Final = __name__.partition(".")[0]
_PERMANENT: Final = (ValueError, FileNotFoundError, TemplateError)
_WRONG_INPUT: Final = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError)


@contextmanager
def fail_on_permanent_error(system: str = "") -> Iterator[None]:
    """Fail the task at once, without its retries, on an error that a retry cannot fix.

    :param system: the system of errors that name none, since no request was sent
    :raises AirflowFailException: for a permanent :class:`~workplace_provider.http.errors.WorkplaceError`, and for a
        parameter, template or file that cannot be read
    """
    try:
        with error_context(system=system):
            yield
    except Exception as error:
        # The log shows the whole chain of exceptions, with words of other systems and libraries.
        sanitize_exception(error)
        is_permanent = not error.retryable if isinstance(error, WorkplaceError) else isinstance(error, _PERMANENT)
        if not is_permanent:
            raise
        raise AirflowFailException(sanitize_text(str(error))) from error


def workplace_error(error: BaseException | None) -> WorkplaceError | None:
    """Return the WorkplaceError that an exception is or came from."""
    while error is not None:
        if isinstance(error, WorkplaceError):
            return error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return None


def is_wrong_input(error: BaseException) -> bool:
    """Return whether the cause is an argument, a file or a template of the DAG, which a retry reads again as it is.

    True for every error of Jinja, for what an expression in a template raises, such as a TypeError, and for a ValueError of
    this package. A ValueError of other code may be about data that is different at the next try.
    """
    if isinstance(error, TemplateError):
        return True
    if not isinstance(error, _WRONG_INPUT) or isinstance(error, OSError):  # requests has a ValueError that is an OSError
        return False
    modules = [frame.f_globals for frame, _ in walk_tb(error.__traceback__)]
    # How jinja2.debug knows the frames of a template; the second name is in a traceback that it has rewritten.
    if any("__jinja_template__" in names or "__jinja_exception__" in names for names in modules):
        return True
    if not isinstance(error, ValueError):
        return False
    origins = [type(error).__module__, *(str(names.get("__name__")) for names in modules)]
    # An error that another process handed over has no traceback.
    return not modules or any(origin.partition(".")[0] == _PACKAGE for origin in origins)
