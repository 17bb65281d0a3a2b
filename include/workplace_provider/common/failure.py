"""Permanent errors, which a retry cannot fix: they fail a task at once."""

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
    """Fail the task without retries on a permanent error.

    ::

        with fail_on_permanent_error():
            client.update_page(page)

    :param system: system for errors that do not name one, because no request was sent
    :raises AirflowFailException: for a permanent :class:`~workplace_provider.http.errors.WorkplaceError`, and for an
        argument, template or file that is invalid or missing
    """
    try:
        with error_context(system=system):
            yield
    except Exception as error:
        # The log shows the whole chain of exceptions, which has texts of other systems and libraries.
        sanitize_exception(error)
        is_permanent = not error.retryable if isinstance(error, WorkplaceError) else isinstance(error, _PERMANENT)
        if not is_permanent:
            raise
        raise AirflowFailException(sanitize_text(str(error))) from error


def workplace_error(error: BaseException | None) -> WorkplaceError | None:
    """Return the WorkplaceError that an exception is, or that caused it."""
    while error is not None:
        if isinstance(error, WorkplaceError):
            return error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return None


def is_wrong_input(error: BaseException) -> bool:
    """Return whether the cause is an argument, a file or a template of the DAG, which is the same in the next try.

    True for every error of Jinja, for an error of an expression in a template, such as a TypeError, and for a ValueError of
    this package. A ValueError of other code may be about data that differs in the next try.
    """
    if isinstance(error, TemplateError):
        return True
    if not isinstance(error, _WRONG_INPUT) or isinstance(error, OSError):  # requests has a ValueError that is an OSError
        return False
    modules = [frame.f_globals for frame, _ in walk_tb(error.__traceback__)]
    # jinja2.debug marks the frames of a template with the first name, and those of a rewritten traceback with the second.
    if any("__jinja_template__" in names or "__jinja_exception__" in names for names in modules):
        return True
    if not isinstance(error, ValueError):
        return False
    origins = [type(error).__module__, *(str(names.get("__name__")) for names in modules)]
    # An error that came from another process has no traceback.
    return not modules or any(origin.partition(".")[0] == _PACKAGE for origin in origins)
