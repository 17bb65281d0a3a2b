"""Errors of clients, as types that an operator can decide on.

The hierarchy. ``*`` marks temporary errors, which are retried by default:

* WorkplaceError
  · NotFound               the object does not exist, or this credential may not see it
  · AlreadyExists          the name is taken
  · Conflict *             the object was changed between our read and our write
  · AuthFailed             the credential was not accepted
  · Forbidden              the credential is valid and does not permit the request
  · RateLimited *          too many requests
  · Invalid                the request is wrong
    · TooLarge             a body, a text or a file exceeds a limit
  · SourceUnavailable *    the system cannot be reached, or failed
  · BadResponse *          the response cannot be used: HTML instead of data, a truncated body, a repeated cursor

Code that raises an error knows its cause. The system and the request are attached once, by :class:`error_context`.
"""

from __future__ import annotations

import re
from contextlib import ContextDecorator
from typing import Any, ClassVar, Final

from workplace_provider.http.redaction import sanitize_text, sanitize_url

# A plain word at the beginning. Not a setting (max_age), a URL, a quotation, or an error code (ratelimited).
_FIRST_WORD: Final = re.compile(r"[a-z]+(?:-[a-z]+)*(?=[,:;]?\s)")

_LONGEST_URL: Final = 200
"""Characters of a URL that a message shows; the attribute has all."""


class WorkplaceError(Exception):
    """An error response of a system, a request without a response, or input that no system would accept.

    The text has the cause first, then the advice, then the place: a list of log lines shows about 100 characters, in which
    an analyst must find the cause. The texts are sanitized when they are set, because they appear in logs, in alarms and in
    the result of a connection's test.

    >>> print(NotFound("no page 'Sales'", advice="check the title", system="Confluence", method="GET", url="/x", status=404))
    No page 'Sales'. Check the title. (Confluence, GET /x, 404)

    :param message: the cause: what the system reported, or what is wrong
    :param system: the system's name, such as ``Confluence``
    :param method: HTTP method of the request; empty when no request was sent
    :param url: the request's URL without secrets
    :param status: HTTP status of the response, ``None`` without a response
    :param code: the system's own error code, if it sent one
    :param advice: action for the reader
    :param retryable: whether the same request may succeed later; ``None`` uses the default of the class
    :param retry_after: seconds that the system asks the client to wait
    :param outcome_unknown: a write was sent, and it is not known whether the system executed it
    """

    retryable_by_default: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        system: str = "",
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
        url = self.url if len(self.url) <= _LONGEST_URL else f"{self.url[:_LONGEST_URL]}…"
        place = (self.system, f"{self.method} {url}".strip(), "" if self.status is None else str(self.status))
        where = ", ".join(filter(None, place))
        return " ".join(filter(None, (_sentence(self.message), _sentence(self.advice), where and f"({where})")))

    @property
    def never_executed(self) -> bool:
        """``True`` if the system certainly did not execute the request: it was not sent, or a rate limit rejected it.

        :class:`~workplace_provider.http.client.HttpClient` retries these by itself, also writes.
        """
        return isinstance(self, RateLimited) or self.status == 429 or (self.status is None and not self.outcome_unknown)

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions with keyword-only arguments cannot be copied or pickled by default; workers do both.
        return _rebuild, (type(self), self.message, {k: v for k, v in vars(self).items() if k != "message"})


def _rebuild(kind: type[WorkplaceError], message: str, attributes: dict[str, Any]) -> WorkplaceError:
    error = kind(message)
    vars(error).update(attributes)
    return error


def _sentence(text: str) -> str:
    """Return a text with a capital at its beginning and a full stop at its end.

    >>> _sentence("no page 'Sales'"), _sentence("max_age is 0"), _sentence("Stop!")
    ("No page 'Sales'.", 'max_age is 0.', 'Stop!')
    """
    text = text.strip()
    if _FIRST_WORD.match(text):
        text = text[0].upper() + text[1:]
    is_complete = not text or text.rstrip("\"')]»”’")[-1:] in (".", "!", "?", "…", "。")
    return text if is_complete else f"{text}."


class error_context(ContextDecorator):  # noqa: N801 - a context manager, named like contextlib's
    """Attach the system and the request to each error that passes through without them.

    The innermost context wins: an error of Slack's client stays Slack's in an operator of Confluence.

    >>> with error_context(system="Confluence", method="GET", url="https://wiki.example.com/x"):
    ...     raise NotFound("no page 'Sales'")
    Traceback (most recent call last):
    workplace_provider.http.errors.NotFound: No page 'Sales'. (Confluence, GET https://wiki.example.com/x)

    :param system: the system's name
    :param method: HTTP method of the request
    :param url: URL of the request
    :param status: HTTP status of the response
    """

    def __init__(self, *, system: str, method: str = "", url: str = "", status: int | None = None) -> None:
        self._system = system
        self._method = method
        self._url = url
        self._status = status

    def __enter__(self) -> None:
        """Begin the context."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        """Add the context to the error, which is then raised to the caller."""
        if not isinstance(error, WorkplaceError) or error.system not in ("", self._system):
            return
        error.system = self._system
        if not error.method and not error.url:
            error.method, error.url = self._method, self._url
        if error.status is None:
            error.status = self._status


class NotFound(WorkplaceError):
    """The object does not exist, or this credential may not see it."""


class AlreadyExists(WorkplaceError):
    """The name is taken."""


class Conflict(WorkplaceError):
    """The object was changed between our read and our write."""

    retryable_by_default = True


class AuthFailed(WorkplaceError):
    """The credential was not accepted."""


class Forbidden(WorkplaceError):
    """The credential is valid and does not permit the request."""


class RateLimited(WorkplaceError):
    """Too many requests; ``retry_after`` is how long the system asks the client to wait."""

    retryable_by_default = True


class Invalid(WorkplaceError):
    """The request is wrong, and no retry will change that."""


class TooLarge(Invalid):
    """A body, a text or a file exceeds a limit."""


class SourceUnavailable(WorkplaceError):
    """The system cannot be reached, or failed."""

    retryable_by_default = True


class BadResponse(WorkplaceError):
    """The response cannot be used: HTML instead of data, a truncated body, a repeated cursor."""

    retryable_by_default = True
