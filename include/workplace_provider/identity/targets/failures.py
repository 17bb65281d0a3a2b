"""What went wrong at a system, as the core of accounts understands it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from workplace_provider.http.errors import AlreadyExists, AuthFailed, Conflict, NotFound, WorkplaceError
from workplace_provider.identity import AccountChanged, AccountExists, AccountMissing, TargetError

Found = TypeVar("Found")


def attempt(write: Callable[[], Found], *, creating: bool = False, secrets: Iterable[str] = ()) -> Found:
    """Carry out a write, and raise what the core understands when it fails.

    :param creating: there is no account yet, so none can be missing
    :param secrets: values that must not appear in a message, since some systems repeat in it what they were sent
    """
    try:
        return write()
    except WorkplaceError as error:
        raise translated(error, creating=creating, secrets=secrets) from None


def translated(error: WorkplaceError, *, creating: bool = False, secrets: Iterable[str] = ()) -> TargetError:
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
    return TargetError(message, fatal=isinstance(error, AuthFailed), outcome_unknown=error.outcome_unknown)
