"""The errors of requests: of those that got no response, and of responses that are no success.

System, method and URL are attached by the client; see :class:`~workplace_provider.http.errors.error_context`.
"""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import NewConnectionError

from workplace_provider.http.body import media_type, parse_json, plain_words
from workplace_provider.http.errors import (
    AuthFailed,
    BadResponse,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    SourceUnavailable,
    TooLarge,
    WorkplaceError,
)
from workplace_provider.http.model import READS, TIMED_OUT, ErrorDetails, ErrorParser, ErrorResponse
from workplace_provider.http.redaction import sanitize_url
from workplace_provider.http.status import kind_of, requested_wait
from workplace_provider.http.transport import CannotSend, ConnectionRefused, Deadline, ResponseTooLarge, reason_of

if TYPE_CHECKING:
    from workplace_provider.http.model import HttpSettings

# A block that an administrator set has a Retry-After of years.
LONGEST_SENSIBLE_WAIT: Final = 24 * 3600.0
_LONGEST_MESSAGE: Final = 2_000

_CAUSES: Final[tuple[tuple[type[WorkplaceError], str], ...]] = (
    (AuthFailed, "{system} did not accept the credential"),
    (Forbidden, "{system} does not permit this"),
    (NotFound, "{system} found nothing at this address"),
    (Conflict, "{system} reports a conflict with another change"),
    (RateLimited, "{system} got too many requests"),
    (TooLarge, "{system} does not accept so much data"),
    (SourceUnavailable, "{system} failed"),
    (BadResponse, "{system} sent no result"),
    (WorkplaceError, "{system} refused the request"),
)
"""Causes of errors that the system does not explain itself, by the kind of the error."""


def error_of_exception(
    error: requests.RequestException, system: str, method: str, settings: HttpSettings, deadline: Deadline
) -> WorkplaceError:
    """Return the error for a request without a complete response."""
    limited = _over_limit(error, method, settings, deadline)
    if limited is not None:
        return limited
    if isinstance(error, CannotSend | ValueError):
        problem = error.problem if isinstance(error, CannotSend) else type(error).__name__
        return Invalid(
            f"the request cannot be sent: {problem}",
            advice="check host, credential, headers, proxy and certificates of the connection",
        )
    if isinstance(error, requests.exceptions.SSLError):
        return SourceUnavailable(
            f"the TLS connection to {system} failed: {reason_of(error)}",
            advice="check the host name; a company's own certificate authority belongs into the connection's ca_bundle; "
            "a server without secure renegotiation needs legacy_tls",
            retryable=False,
        )
    is_timeout, is_unsent = isinstance(error, requests.Timeout), _is_unsent(error)
    if is_unsent:
        cause = f"no connection to {system}" + (" within the time-out" if is_timeout else f": {reason_of(error)}")
        return SourceUnavailable(cause, advice="check host, port and proxy")
    return SourceUnavailable(
        f"no response from {system} within the time-out"
        if is_timeout
        else f"the connection to {system} broke before the response was complete: {reason_of(error)}",
        code=TIMED_OUT if is_timeout else "",
        outcome_unknown=method not in READS,
    )


def error_of_response(
    response: requests.Response, parse_error: ErrorParser | None, system: str, *, is_own: bool
) -> WorkplaceError:
    """Return the error for a response that is no success.

    :param is_own: the response is from the system's own host. Nothing is quoted from another host, which a redirect led to
        and which perhaps only the worker can reach
    """
    status = response.status_code
    text = response.content.decode("utf-8", "replace") if is_own else ""
    details = _parse(ErrorResponse(status, response.headers if is_own else {}, text, _json(text)), parse_error)
    kind = details.kind or kind_of(status)
    retry_after = requested_wait(status, response.headers)
    advice, retryable = details.advice, details.retryable
    if 300 <= status < 400:
        retryable = False
        if is_own:
            location = sanitize_url(response.headers.get("Location", "?"))
            advice = f"the system redirects to {location}; put that into the connection"
    elif issubclass(kind, RateLimited) and retry_after is not None and retry_after > LONGEST_SENSIBLE_WAIT:
        retryable = False
        advice = "the system blocks this account for good; ask its administrator to lift the limit"
    elif issubclass(kind, SourceUnavailable) and status == 501:
        retryable = False
    message = details.message[:_LONGEST_MESSAGE] or _cause(kind, system, plain_words(text) or _reason(response, is_own))
    return kind(
        message,
        code=details.code,
        advice=advice,
        retryable=retryable,
        retry_after=retry_after,
        outcome_unknown=status >= 500 and response.request.method not in READS,
    )


def over_size(limit: int, setting: str, *, method: str = "GET") -> WorkplaceError:
    """Return the error for a response that is larger than accepted.

    :param setting: name of the limit in the settings
    """
    return TooLarge(
        f"the response has more than {limit:,} bytes",
        advice=f"check that the address is right, or raise {setting}",
        outcome_unknown=method not in READS,
    )


def over_time(deadline: Deadline, *, method: str = "GET") -> WorkplaceError:
    """Return the error for a response that takes longer than accepted."""
    return SourceUnavailable(
        f"the response was not complete after {round(deadline.seconds, 1):g} s",
        code=TIMED_OUT,
        advice="the system or a proxy sends too slowly; raise total_timeout, or download_timeout for files",
        outcome_unknown=method not in READS,
    )


def describe_content(response: requests.Response, *, is_own: bool) -> str:
    """Return type and beginning of a response's content; only the host's name if that is not the system's own."""
    kind = media_type(response.headers.get("Content-Type", "")) or "no content type"
    if not is_own:
        return f"{kind} of {urlsplit(response.url).hostname}"
    start = plain_words(response.content[:2048].decode("utf-8", "replace"))
    return f"{kind} that begins {start[:80]!r}" if start else kind


def _over_limit(
    error: requests.RequestException, method: str, settings: HttpSettings, deadline: Deadline
) -> WorkplaceError | None:
    """Return the error for a request that went beyond one of the limits."""
    if isinstance(error, ConnectionRefused):
        return Invalid(
            f"the host {error.refusal.host} leads to {error.refusal.address}, which is not a public address",
            advice="nothing was sent there; if the host may be internal, add it to private_hosts",
        )
    if isinstance(error, ResponseTooLarge):
        return over_size(error.limit, "max_response_bytes", method=method)
    if isinstance(error, requests.TooManyRedirects):
        return BadResponse(
            f"more than {settings.max_redirects} redirects",
            advice="open the address in a browser and put the last one into the connection, or raise max_redirects",
            retryable=False,
        )
    return over_time(deadline, method=method) if deadline.expired and not _is_unsent(error) else None


def _is_unsent(error: requests.RequestException) -> bool:
    """Return whether the server certainly got no request."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.SSLError | requests.exceptions.ProxyError):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError)


def _json(text: str) -> object:
    try:
        return parse_json(text)
    except ValueError:
        return None


def _parse(response: ErrorResponse, parse_error: ErrorParser | None) -> ErrorDetails:
    try:
        return parse_error(response) if parse_error else ErrorDetails()
    except RecursionError:
        return ErrorDetails()


def _cause(kind: type[WorkplaceError], system: str, words: str) -> str:
    cause = next(text for base, text in _CAUSES if issubclass(kind, base)).format(system=system)
    return f"{cause}: {words}" if words else cause


def _reason(response: requests.Response, is_own: bool) -> str:
    """Return the reason phrase, which a server may fill with anything; the standard one if the host is not its own."""
    return plain_words(response.reason or "") if is_own else http.client.responses.get(response.status_code, "")
