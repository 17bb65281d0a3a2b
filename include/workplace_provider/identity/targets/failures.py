"""What went wrong at a system, as the core of accounts understands it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from workplace_provider.http.errors import AlreadyExists, AuthFailed, Conflict, NotFound, WorkplaceError
from workplace_provider.identity import AccountChanged, AccountExists, AccountMissing, TargetError

Found = TypeVar("Found")
_UNSUPPORTED: Final = ("invalidPath", "noTarget", "mutability")
"""Words of RFC 7644, section 3.12, for an attribute that a service does not have, or does not let anyone set."""


def attempt(write: Callable[[], Found], *, creating: bool = False, secrets: Iterable[str] = ()) -> Found:
    """Carry out a write, and raise what the core understands when it fails.

    :param creating: there is no account yet, so none can be missing
    :param secrets: values that must not appear in a message, since some systems repeat in it what they were sent
    """
    try:
        return write()
    except WorkplaceError as error:
        raise translate_error(error, creating=creating, secrets=secrets) from None


def translate_error(error: WorkplaceError, *, creating: bool = False, secrets: Iterable[str] = ()) -> TargetError:
    """The error for the core; see :func:`attempt`."""
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
