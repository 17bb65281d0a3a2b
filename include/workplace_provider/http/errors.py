"""What can go wrong when a client talks to a system, as types an operator can decide on."""

from __future__ import annotations

from typing import Any, ClassVar

from workplace_provider.http.redaction import sanitize_text, sanitize_url


class WorkplaceError(Exception):
    """Something a REST system answered, or failed to answer.

    Its texts are sanitized when they are set: they reach logs, alarms and the result of a connection's test.

    :param message: what the system said, or what was found instead of what was expected
    :param system: the system's name, such as ``Confluence``
    :param method: HTTP method of the request; empty when no request was sent
    :param url: the request's URL without secrets
    :param status: HTTP status of the answer, ``None`` when there was no answer
    :param code: the system's own code for the case, where it has one
    :param advice: what the reader can do about it
    :param retryable: whether the same request may succeed later; the class decides when it is ``None``
    :param retry_after: seconds the system asked to wait
    :param outcome_unknown: a write was sent and it is not known whether the system carried it out
    """

    retryable_by_default: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        system: str,
        method: str = "",
        url: str = "",
        status: int | None = None,
        code: str = "",
        advice: str = "",
        retryable: bool | None = None,
        retry_after: float | None = None,
        outcome_unknown: bool = False,
    ) -> None:
        self.message = message
        super().__init__(self.message)
        self.system = system
        self.method = method
        self.url = url
        self.status = status
        self.code = code
        self.advice = advice
        self.retryable = self.retryable_by_default if retryable is None else retryable
        self.retry_after = retry_after
        self.outcome_unknown = outcome_unknown

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, str):
            value = sanitize_url(value) if name == "url" else sanitize_text(value)
        super().__setattr__(name, value)

    def __str__(self) -> str:
        where = f" to {self.method} {self.url}" if self.method else ""
        if self.status is not None:
            said = f"{self.system} answered {self.status}{where}: {self.message}"
        else:
            said = f"{self.system}{where}: {self.message}"
        return f"{said} — {self.advice}" if self.advice else said

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions with keyword-only arguments cannot be copied or pickled by default; workers do both.
        return _rebuild, (type(self), self.message, {k: v for k, v in vars(self).items() if k != "message"})


def _rebuild(kind: type[WorkplaceError], message: str, attributes: dict[str, Any]) -> WorkplaceError:
    error = kind(message, system=attributes["system"])
    vars(error).update(attributes)
    return error


class NotFound(WorkplaceError):
    """The thing asked for does not exist, or may not be seen with this credential."""


class AlreadyExists(WorkplaceError):
    """A thing of that name is already there."""


class Conflict(WorkplaceError):
    """Somebody changed the thing between our read and our write."""

    retryable_by_default = True


class AuthFailed(WorkplaceError):
    """The credential was refused."""


class Forbidden(WorkplaceError):
    """The credential is good, but it does not permit this."""


class RateLimited(WorkplaceError):
    """Too many requests; ``retry_after`` tells how long the system asked to wait."""

    retryable_by_default = True


class Invalid(WorkplaceError):
    """The request itself is wrong and will stay wrong."""


class TooLarge(Invalid):
    """The body or file exceeds what the system takes."""


class SourceUnavailable(WorkplaceError):
    """The system could not be reached, or failed on its side."""

    retryable_by_default = True


class BadResponse(WorkplaceError):
    """An answer came, but not one that can be used: HTML instead of data, a cut body, a loop in the paging."""

    retryable_by_default = True
