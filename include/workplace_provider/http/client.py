"""A client of one REST system with one policy for time-outs, retries, Retry-After, redirects, TLS, streaming and errors."""

from __future__ import annotations

import json as jsonlib
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests

from workplace_provider.http import metrics
from workplace_provider.http.attempts import attempts
from workplace_provider.http.auth import Basic, Bearer
from workplace_provider.http.body import parse_json
from workplace_provider.http.credentials import InvalidCredential, check_url, has_dot_segment
from workplace_provider.http.downloads import HTML, Receiver, SeekableSink, expect_file
from workplace_provider.http.errors import (
    BadResponse,
    Conflict,
    Invalid,
    RateLimited,
    WorkplaceError,
    error_context,
)
from workplace_provider.http.failures import describe_content, error_of_exception, error_of_response
from workplace_provider.http.metrics import metric_name
from workplace_provider.http.model import (
    READS,
    TIMED_OUT,
    AuthRecovery,
    Decoded,
    Download,
    ErrorDetails,
    ErrorParser,
    ErrorResponse,
    FilePart,
    HttpSettings,
    Params,
    Sink,
)
from workplace_provider.http.multipart import MultipartBody
from workplace_provider.http.redaction import get_logger
from workplace_provider.http.session import Session
from workplace_provider.http.status import near_limit_seconds, requested_wait
from workplace_provider.http.transport import Deadline

if TYPE_CHECKING:
    from requests.auth import AuthBase

    from workplace_provider.http.addresses import PublicAddresses

__all__ = [
    "HTML",
    "READS",
    "TIMED_OUT",
    "AuthRecovery",
    "Basic",
    "Bearer",
    "Decoded",
    "Download",
    "ErrorDetails",
    "ErrorParser",
    "ErrorResponse",
    "FilePart",
    "HttpClient",
    "HttpSettings",
    "Params",
    "Sink",
    "expect_file",
]

log = get_logger("workplace_provider.http")

SAFE_TO_REPEAT: Final = frozenset({*READS, "PUT", "DELETE"})
"""Methods that RFC 9110, 9.2.2 calls idempotent: sending the request twice has the effect of sending it once."""
RECOVERABLE_STATUSES: Final = frozenset({401, 403, 404})


@dataclass(frozen=True, slots=True)
class _Call:
    """The request that an attempt sends."""

    method: str
    path: str
    params: Params = None
    # Headers and bodies carry secrets, which a traceback with local variables must not show.
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    json: Any = field(default=None, repr=False)
    content: bytes | None = field(default=None, repr=False)
    multipart: Callable[[], MultipartBody] | None = None
    stream: bool = False
    deadline: float | None = None
    max_bytes: int | None = None
    seconds: float | None = None


@dataclass(slots=True)
class _Request:
    """A request with all its attempts.

    :param call: method, path and content for the next attempt
    :param url: full URL
    :param is_repeatable: sending it twice has the effect of sending it once
    :param recover_auth: called once, after the first response with one of ``RECOVERABLE_STATUSES``
    """

    call: _Call
    url: str
    is_repeatable: bool
    recover_auth: AuthRecovery | None
    failures: int = 0
    timeouts: int = 0

    def recover(self, failure: WorkplaceError, request: requests.PreparedRequest) -> bool:
        """Return whether to send the request again, because its credential was recovered."""
        if self.recover_auth is None or failure.status not in RECOVERABLE_STATUSES:
            return False
        recover_auth, self.recover_auth = self.recover_auth, None
        return recover_auth(failure, request)


class HttpClient:
    """A client of one REST system.

    ::

        with HttpClient("https://wiki.example.com/confluence", system="Confluence", auth=Bearer(token)) as http:
            page = http.get_json("rest/api/content/7", {"expand": "version"})
            http.request("PUT", "rest/api/content/7", json={**page, "title": "Sales 2026"})
            with open("sales.png", "wb") as file:
                http.download("download/attachments/7/sales.png", file)

    A failed request raises a :class:`~workplace_provider.http.errors.WorkplaceError` of the type that fits its status. It is
    sent ``settings.attempts`` times at most. A read is sent again after a lost connection, 429 and 5xx; a write only when
    the server certainly did not execute it, or when it is idempotent.

    Each thread has its own pooled session, so threads may share a client. The constructor sends nothing.

    :param base_url: scheme, host and path; the path of each request is appended to it
    :param system: the system's name in error messages
    :param auth: sets the credential of a request
    :param settings: time-outs, TLS and limits
    :param parse_error: reads the system's own error format
    :param secret_headers: headers with a credential besides ``Authorization``; a redirect to another host removes them
    :param recover_auth: called once per request, after the first response with status 401, 403 or 404
    :param addresses: limits the addresses of connections, for servers of third parties; ``None`` allows all addresses
    :param sleep: function that waits for a number of seconds
    """

    def __init__(
        self,
        base_url: str,
        *,
        system: str,
        auth: AuthBase | None = None,
        settings: HttpSettings | None = None,
        parse_error: ErrorParser | None = None,
        secret_headers: Iterable[str] = (),
        recover_auth: AuthRecovery | None = None,
        addresses: PublicAddresses | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        try:
            check_url(base_url, "the base URL")
        except InvalidCredential as error:
            advice = "enter scheme and host, such as https://wiki.example.com/confluence"
            raise Invalid(str(error), system=system, advice=advice) from None
        self.base_url = base_url.rstrip("/")
        self.system = system
        self._metric = metric_name(system)
        self.settings = settings or HttpSettings()
        self._auth = auth
        self._parse_error = parse_error
        self._secret_headers = tuple(secret_headers)
        self._recover_auth = recover_auth
        self._addresses = addresses
        self._sleep = sleep
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            sessions, self._sessions = self._sessions, []
        for session in sessions:
            session.close()
        self._local = threading.local()

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def url(self, path: str) -> str:
        """Return the full URL of a path below the base URL."""
        return f"{self.base_url}/{path.lstrip('/')}"

    def get_json(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """GET a path and return its JSON. An empty or incomplete response is requested again.

        :raises BadResponse: when the response is not JSON, such as a log-in page
        """
        return self.fetch(path, self._required_json, params=params)

    def json_of(self, response: requests.Response) -> Any:
        """Return the JSON of a response; ``None`` for an empty body.

        :raises BadResponse: when the response is not JSON
        """
        if not response.content:
            return None
        try:
            return parse_json(response.content)
        except ValueError as error:
            raise self.not_json(response) from error

    def _required_json(self, response: requests.Response) -> Any:
        if not response.content.strip():
            raise self.not_json(response)
        return self.json_of(response)

    def not_json(self, response: requests.Response, *, retryable: bool | None = None) -> WorkplaceError:
        """Return the error for a response that is not JSON, such as a log-in page.

        :param retryable: whether a retry may help; by default when the response is empty or incomplete
        """
        content = response.content.strip()
        is_incomplete = not content or content[:1] in b"{["
        found = describe_content(response, is_own=self.is_own(response.url)) if content else "an empty response"
        return self.invalid_response(
            response,
            BadResponse,
            f"expected JSON from {self.system}, found {found}",
            advice="a log-in page or a proxy may intercept the request; check the connection's host and base path",
            retryable=is_incomplete if retryable is None else retryable,
            outcome_unknown=response.request.method not in READS,
        )

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Params = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        multipart: Callable[[], MultipartBody] | None = None,
        idempotent: bool | None = None,
        max_bytes: int | None = None,
        seconds: float | None = None,
    ) -> requests.Response:
        """Send a request and return its whole response.

        :param path: path below the base URL
        :param params: query; a list value is repeated, ``None`` is left out. A string is the query as encoded by the caller,
            for systems with an encoding of their own
        :param json: body, sent as UTF-8 JSON
        :param content: body in any other format; its type is the header ``Content-Type``
        :param multipart: creates the multipart body of each attempt, which is streamed
        :param idempotent: whether sending twice has the effect of sending once; by default true for GET, HEAD, PUT and
            DELETE
        :param max_bytes: replaces the settings' ``max_response_bytes``
        :param seconds: maximum duration of the response, if that is less than in the settings
        :raises WorkplaceError: the request failed
        """
        call = _Call(method, path, params, headers, json, content, multipart, max_bytes=max_bytes, seconds=seconds)
        return self._run(call, idempotent, lambda response: response)

    def fetch(
        self,
        path: str,
        decode: Callable[[requests.Response], Decoded],
        *,
        params: Params = None,
        adapt: Callable[[WorkplaceError], Params] | None = None,
    ) -> Decoded:
        """GET a path and decode the response, for systems that report success and failure in the body.

        :param decode: reads a response with a success status; a retryable :class:`WorkplaceError` that it raises is retried
            like an error status; see :meth:`invalid_response`
        :param params: query of the first attempt
        :param adapt: returns the query of the next attempt, from the error of the one before
        :raises WorkplaceError: the request failed
        """
        return self._run(_Call("GET", path, params), None, decode, adapt)

    def submit(
        self,
        path: str,
        decode: Callable[[requests.Response], Decoded],
        *,
        json: Any,
        idempotent: bool = False,
    ) -> Decoded:
        """POST JSON and decode the response, for systems that report success and failure in the body.

        :param decode: as in :meth:`fetch`
        :param idempotent: whether sending twice has the effect of sending once. After a rate limit the request is sent again
            in any case
        :raises WorkplaceError: the request failed
        """
        return self._run(_Call("POST", path, json=json), idempotent, decode)

    def exchange(
        self,
        method: str,
        path: str,
        decode: Callable[[requests.Response], Decoded],
        *,
        params: Params = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
    ) -> Decoded:
        """Send a request and decode its response of any format; see :meth:`fetch` and :meth:`request`."""
        return self._run(_Call(method, path, params, headers, content=content), idempotent, decode)

    def invalid_response(
        self, response: requests.Response, kind: type[WorkplaceError], message: str, **more: Any
    ) -> WorkplaceError:
        """Return the error for a response with a success status whose content is an error or cannot be used.

        :param more: further fields of the error
        """
        request, retry_after = response.request, requested_wait(response.status_code, response.headers)
        place: dict[str, Any] = {
            "system": self.system,
            "method": request.method or "",
            "url": response.url,
            "status": response.status_code,
        }
        return kind(message, retry_after=retry_after, **place, **more)

    def upload(
        self,
        path: str,
        file: FilePart,
        fields: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """POST a file as ``multipart/form-data``, streamed from its source.

        :param fields: text fields besides the file
        :raises WorkplaceError: the upload failed; it is sent again only when the server certainly did not execute it
        """
        with ExitStack() as streams:

            def multipart() -> MultipartBody:
                stream = streams.enter_context(file.open())
                return MultipartBody(fields or {}, file.name, stream, file.media_type)

            return self.request("POST", path, headers=headers, multipart=multipart)

    def download(
        self,
        path: str,
        sink: IO[bytes] | Sink,
        *,
        params: Params = None,
        headers: Mapping[str, str] | None = None,
        check: Callable[[Download], None] | None = None,
        seconds: float | None = None,
    ) -> Download:
        """GET a file into ``sink``, chunk by chunk.

        A transfer that breaks off, or that fails the check, restarts from the first byte. The file is requested ``attempts``
        times at most, in all cases.

        :param sink: a seekable file, or a :class:`Sink`. A retryable :class:`WorkplaceError` that it raises counts as a
            failed attempt; any other exception is raised to the caller
        :param check: raises a :class:`WorkplaceError` when the received data is not the file; see :func:`expect_file`
        :param seconds: maximum duration of all attempts together
        :return: size and SHA-256 of the written bytes
        :raises BadResponse: the transfer broke off on every attempt
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        receiver = Receiver(sink if isinstance(sink, Sink) else SeekableSink(sink), self.settings, check, deadline)
        call = _Call("GET", path, params, headers, stream=True, deadline=deadline)
        received = self._run(call, None, lambda response: receiver.receive(response, self._deadline))
        metrics.count(f"{self._metric}.bytes", received.size)
        return received

    def _run(
        self,
        call: _Call,
        idempotent: bool | None,
        decode: Callable[[requests.Response], Decoded],
        adapt: Callable[[WorkplaceError], Params] | None = None,
    ) -> Decoded:
        """Send a request until an attempt succeeds, and decode its response."""
        url = self.url(call.path)
        context = error_context(system=self.system, method=call.method, url=url)
        with context:
            if has_dot_segment(call.path):
                raise Invalid(
                    "the request cannot be sent: a part of its path is only dots, which leads to another folder",
                    advice="check the ids, keys and names in the task's arguments",
                )
        is_repeatable = call.method in SAFE_TO_REPEAT if idempotent is None else idempotent
        request = _Request(call, url, is_repeatable, self._recover_auth)
        for attempt in attempts(self.settings.attempts, partial(self._retry_after, request), sleep=self._sleep):
            with attempt, context:
                if adapt is not None and attempt.previous is not None:
                    request.call = replace(request.call, params=adapt(attempt.previous))
                decoded = self._attempt(request, decode)
        return decoded

    def _attempt(self, request: _Request, decode: Callable[[requests.Response], Decoded]) -> Decoded:
        """Send a request and decode its response; once more if the credential was recovered."""
        response = self._send(request)
        try:
            return self._read(response, decode)
        except WorkplaceError as error:
            failure = error
        response.close()
        if request.recover(failure, response.request):
            return self._attempt(request, decode)
        raise failure

    def _send(self, request: _Request) -> requests.Response:
        started = time.monotonic()
        metrics.count(f"{self._metric}.requests")
        try:
            response = self._send_once(request.call, request.url)
            metrics.timing(f"{self._metric}.request", time.monotonic() - started)
            return response
        except requests.RequestException as error:
            failure = error_of_exception(error, self.system, request.call.method, self.settings, self._deadline)
        # Outside of the handler: the error of requests may contain secrets, and must not become the context of ours.
        raise failure

    def _read(self, response: requests.Response, decode: Callable[[requests.Response], Decoded]) -> Decoded:
        """Decode a response; the errors are of the last request after all redirects."""
        method = response.request.method or ""
        with error_context(system=self.system, method=method, url=response.url, status=response.status_code):
            if response.status_code >= 300:
                raise error_of_response(response, self._parse_error, self.system, is_own=self.is_own(response.url))
            self._slow_down(response)
            try:
                return decode(response)
            except RecursionError:
                raise BadResponse("the response is nested too deeply", outcome_unknown=method not in READS) from None

    def _retry_after(self, request: _Request, failure: WorkplaceError) -> bool | float:
        """Return the seconds after which a failed request is sent again, or ``False``."""
        request.failures += 1
        if isinstance(failure, RateLimited):
            metrics.count(f"{self._metric}.rate_limits")
        request.timeouts += failure.code == TIMED_OUT
        is_harmless = request.is_repeatable or failure.never_executed
        wait = self._backoff(request.failures) if failure.retry_after is None else failure.retry_after
        deadline, most_timeouts = request.call.deadline, self.settings.timeout_attempts or self.settings.attempts
        is_over = (
            wait > self.settings.max_wait
            # Another response that takes the whole time would multiply the limit.
            or self._deadline.expired
            or 0 < most_timeouts <= request.timeouts
            or (deadline is not None and time.monotonic() + wait >= deadline)
        )
        # A conflict needs a fresh read, which only the caller can do.
        if is_over or not failure.retryable or not is_harmless or isinstance(failure, Conflict):
            return False
        metrics.count(f"{self._metric}.retries")
        metrics.timing(f"{self._metric}.wait", wait)
        return wait

    def _send_once(self, call: _Call, url: str) -> requests.Response:
        headers = {"Accept": "*/*" if call.stream else "application/json", **(call.headers or {})}
        data: Any = call.content
        if call.json is not None:
            data = jsonlib.dumps(call.json, ensure_ascii=False).encode()
            headers["Content-Type"] = "application/json; charset=utf-8"
        elif call.multipart is not None:
            data = call.multipart()
            headers["Content-Type"] = data.content_type
        session = self._session
        session.adapter.limit(self._new_deadline(call), call.max_bytes)
        return session.request(
            call.method,
            url,
            params=call.params,
            data=data,
            headers=headers,
            stream=call.stream,
            timeout=(self.settings.connect_timeout, self._read_timeout(call)),
            # A redirected POST would become a GET (RFC 9110, 15.4.3), so writes are not redirected.
            allow_redirects=call.method in ("GET", "HEAD"),
        )

    def _new_deadline(self, call: _Call) -> Deadline:
        seconds = self.settings.download_seconds if call.stream else self.settings.response_seconds
        if call.seconds is not None:
            seconds = min(seconds, call.seconds)
        if call.deadline is not None:
            seconds = min(seconds, max(0.001, call.deadline - time.monotonic()))
        return Deadline(seconds)

    @property
    def _deadline(self) -> Deadline:
        """The end of the time for the response that is read in this thread."""
        return self._session.adapter.deadline

    def _read_timeout(self, call: _Call) -> float:
        if call.deadline is None:
            return self.settings.read_timeout
        return max(0.001, min(self.settings.read_timeout, call.deadline - time.monotonic()))

    @property
    def _session(self) -> Session:
        """The session of this thread."""
        session: Session | None = getattr(self._local, "session", None)
        if session is None:
            session = Session(
                self.base_url,
                self.settings,
                auth=self._auth,
                secret_headers=self._secret_headers,
                addresses=self._addresses,
            )
            self._local.session = session
            with self._lock:
                self._sessions.append(session)
        return session

    def is_own(self, url: str) -> bool:
        """Return whether a URL has the host of the base URL; http and https are the same host on their default ports."""
        return _host_and_port(self.base_url) == _host_and_port(url)

    def _backoff(self, attempt: int) -> float:
        ceiling: float = min(self.settings.max_wait, 0.5 * 2**attempt)
        return ceiling / 2 + random.uniform(0, ceiling / 2)  # noqa: S311 - spreads retries, guards nothing

    def _slow_down(self, response: requests.Response) -> None:
        """Wait when the system reports that its request budget is nearly used up, so that the rest lasts until its reset."""
        seconds = near_limit_seconds(response.headers)
        if seconds > 0:
            seconds = min(seconds, self.settings.max_wait)
            log.info("%s reports that its rate limit is near: waiting %.1f s", self.system, seconds)
            metrics.timing(f"{self._metric}.wait", seconds)
            self._sleep(seconds)


def _host_and_port(url: str) -> tuple[str | None, int | None]:
    parts = urlsplit(url)
    return parts.hostname, None if parts.port in (80, 443) else parts.port
