"""Translating errors of HTTP requests into the errors of account syncs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from workplace_provider.http.errors import AlreadyExists, AuthFailed, Conflict, NotFound, WorkplaceError
from workplace_provider.identity import AccountChanged, AccountExists, AccountMissing, TargetError

_UNSUPPORTED: Final = ("invalidPath", "noTarget", "mutability")
"""Error codes of RFC 7644, section 3.12, for an attribute that a service does not have or that is read-only."""


@contextmanager
def translate_errors(*, creating: bool = False, secrets: Iterable[str] = ()) -> Iterator[None]:
    """Raise a ``TargetError`` for a ``WorkplaceError`` of the requests in the block.

    :param creating: the account does not exist yet, so it cannot be missing
    :param secrets: values to mask in the message, because some systems repeat the request in it
    """
    try:
        yield
    except WorkplaceError as error:
        raise translate_error(error, creating=creating, secrets=secrets) from None


def translate_error(error: WorkplaceError, *, creating: bool = False, secrets: Iterable[str] = ()) -> TargetError:
    """Return the ``TargetError`` for an error; see :func:`translate_errors`."""
    message = str(error)
    for secret in secrets:
        message = message.replace(secret, "***")
    if isinstance(error, AlreadyExists):
        return AccountExists(message)
    if isinstance(error, Conflict):
        return AccountExists(message) if creating else AccountChanged(message)
    if isinstance(error, NotFound) and not creating:
        return AccountMissing(message)
    return TargetError(
        message,
        fatal=isinstance(error, AuthFailed),
        outcome_unknown=error.outcome_unknown and error.status != 501,
        invalid=error.status in (400, 422, 501),
        unsupported=error.status == 501 or error.code in _UNSUPPORTED,
    )
