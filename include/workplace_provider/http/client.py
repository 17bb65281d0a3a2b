"""One request policy for every REST system: time-outs, replays, Retry-After, redirects, TLS, streaming, errors."""

from __future__ import annotations

import hashlib
import http.client
import json as jsonlib
import os
import random
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar, runtime_checkable
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from requests.utils import get_environ_proxies
from urllib3.exceptions import NewConnectionError

from workplace_provider.http.attempts import attempts
from workplace_provider.http.body import media_type, parse_json, plain_words
from workplace_provider.http.credentials import InvalidCredential, check_password, check_token, check_url, has_dot_segment
from workplace_provider.http.errors import (
    BadResponse,
    Conflict,
    Invalid,
    RateLimited,
    SourceUnavailable,
    TooLarge,
    WorkplaceError,
    error_context,
)
from workplace_provider.http.multipart import MultipartBody
from workplace_provider.http.redaction import get_logger, sanitize_url
from workplace_provider.http.status import kind_of, near_limit_seconds, wait_asked_for
from workplace_provider.http.transport import (
    CannotSend,
    ConnectionRefused,
    Deadline,
    LimitedAdapter,
    ResponseTooLarge,
    read_pieces,
    reason_of,
)

if TYPE_CHECKING:
    from workplace_provider.http.addresses import PublicAddresses

log = get_logger("workplace_provider.http")

Params: TypeAlias = Mapping[str, Any] | str | None
Decoded = TypeVar("Decoded")

HTML: Final = "text/html"
TIMED_OUT: Final = "timeout"
"""Code of the error of a request that was sent and got no answer in time."""
READS: Final = ("GET", "HEAD", "OPTIONS")
SAFE_TO_REPEAT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
# A block that an administrator set is announced with a Retry-After of years; nobody waits for that.
LONGEST_SENSIBLE_WAIT: Final = 24 * 3600.0
_LONGEST_MESSAGE: Final = 2_000
# Logs and tables are packed to a tenth or a fiftieth, files made to fill a disk to a thousandth.
_LARGEST_RATIO: Final = 200
RECOVERABLE_STATUSES: Final = frozenset({401, 403, 404})


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How to reach one system.

    :param connect_timeout: seconds to wait for a connection
    :param read_timeout: seconds to wait between two bytes of an answer
    :param attempts: how often a request that may be repeated is sent at the most
    :param timeout_attempts: how often a request is sent at the most when the server does not respond in time; as often as
        ``attempts`` when ``None``. A server that is too slow for a request does the work again each time
    :param max_wait: seconds that one wait may take; a longer Retry-After is an error instead of a sleep
    :param ca_bundle: file or folder with the certificate authorities to trust, instead of the usual ones
    :param verify: check the server's certificate
    :param client_cert: a certificate file (PEM), or a pair of certificate and key file
    :param legacy_tls: connect to servers that do not know secure renegotiation; certificates are still checked
    :param proxies: proxy URL by scheme; the environment's are used when it is ``None``
    :param pool_size: connections kept open per thread
    :param total_timeout: seconds that one response may take from when it is waited for, with all its redirects, however
        steadily it comes; 5 times ``read_timeout`` when ``None``
    :param download_timeout: the same for a file that is streamed; an hour, or ``total_timeout`` where that is longer, when
        ``None``
    :param max_response_bytes: bytes of a response, decompressed, that are accepted; 32 MiB
    :param max_download_bytes: the same for a file that is streamed; 2 GiB
    :param max_redirects: how often a request may be redirected
    """

    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    attempts: int = 4
    timeout_attempts: int | None = None
    max_wait: float = 60.0
    ca_bundle: str | None = None
    verify: bool = True
    client_cert: str | tuple[str, str] | None = None
    legacy_tls: bool = False
    proxies: Mapping[str, str] | None = None
    pool_size: int = 8
    total_timeout: float | None = None
    download_timeout: float | None = None
    max_response_bytes: int = 32 * 1024 * 1024
    max_download_bytes: int = 2 * 1024 * 1024 * 1024
    max_redirects: int = 5

    @property
    def response_seconds(self) -> float:
        """How long a response may take."""
        return self.total_timeout or 5 * self.read_timeout

    @property
    def download_seconds(self) -> float:
        """How long a file may take."""
        return self.download_timeout or max(3600.0, self.response_seconds)


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """An answer that is no success, in the form that a system's ``parse_error`` reads."""

    status: int
    headers: Mapping[str, str]
    text: str
    json: Any


@dataclass(frozen=True, slots=True)
class ErrorDetails:
    """What a system's own error format says; empty fields leave the general reading of the status in force."""

    kind: type[WorkplaceError] | None = None
    message: str = ""
    code: str = ""
    advice: str = ""
    retryable: bool | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """A file that was streamed down.

    :param size: in bytes
    :param sha256: of what was written
    :param media_type: its declared type
    :param url: where it was in the end, behind all redirects
    :param headers: of the answer, in whatever case
    """

    size: int
    sha256: str
    media_type: str
    # Behind a redirect it may be a signed one, which is a credential by itself.
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class FilePart:
    """The file of a multipart upload.

    :param name: the file's name as the system shall show it
    :param open: gives a fresh binary stream from the first byte, once per attempt
    :param media_type: MIME type
    :param size: in bytes, where it is known without opening the file
    """

    name: str
    open: Callable[[], IO[bytes]]
    media_type: str = "application/octet-stream"
    size: int | None = None

    @classmethod
    def at(cls, path: str | PathLike[str], name: str, media_type: str = "application/octet-stream") -> FilePart:
        """The file at a local path."""

        def opened() -> IO[bytes]:
            return Path(path).open("rb")

        return cls(name, opened, media_type)

    @classmethod
    def of(cls, stream: IO[bytes], name: str, media_type: str = "application/octet-stream") -> FilePart:
        """Return the content of an open file, which may have no name on disk.

        It must stay open until the part was sent. One reader at a time: they share the position in the file.
        """

        def opened() -> IO[bytes]:
            stream.flush()
            again = os.fdopen(os.dup(stream.fileno()), "rb")
            again.seek(0)
            return again

        return cls(name, opened, media_type)


@runtime_checkable
class Sink(Protocol):
    """Takes a file as it comes in, and can begin anew when the transfer breaks off.

    An upload to object storage cannot be rewound as a local file can, so how to begin anew is the sink's own business.
    """

    def write(self, chunk: bytes, /) -> object:
        """Take the next bytes."""

    def restart(self) -> None:
        """Forget all that was written; the file comes again from its first byte."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A request as it is sent on every attempt."""

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

    :param call: what the next attempt sends
    :param url: where to
    :param is_repeatable: sending it twice has the effect of sending it once
    :param recover_auth: called once, for the first response that it may help with
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


class ErrorParser(Protocol):
    """Reads a system's own error format."""

    def __call__(self, answer: ErrorResponse, /) -> ErrorDetails:
        """What an answer says; fields that it leaves empty follow from the status."""


class AuthRecovery(Protocol):
    """Looks at a refusal before it is believed: the credential may have ended, or the answer may not mean what it says."""

    def __call__(self, failure: WorkplaceError, request: requests.PreparedRequest) -> bool:
        """Whether to send the request again, now that something was recovered. It may raise a better error instead.

        :param failure: what the answer was read as; its fields may be changed
        :param request: as it was sent, behind all redirects
        """


@dataclass(frozen=True, slots=True)
class Bearer(AuthBase):
    """``Authorization: Bearer``; being an auth object it also keeps requests from looking into ``.netrc``."""

    token: str = field(repr=False)

    def __post_init__(self) -> None:
        check_token(self.token, "the token")

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the header on a request."""
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


@dataclass(frozen=True, slots=True)
class Basic(AuthBase):
    """``Authorization: Basic`` in UTF-8 (RFC 7617), so that names and passwords may be Korean."""

    user: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        check_password(self.user, "the user name")
        check_password(self.password, "the password")

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the header on a request."""
        pair = f"{self.user}:{self.password}".encode()
        request.headers["Authorization"] = f"Basic {b64encode(pair).decode('ascii')}"
        return request


class HttpClient:
    """Sends requests to one system under one policy.

    Every thread has its own pooled session, so a client may be shared between threads. Nothing is sent by the
    constructor.

    :param base_url: scheme, host and path that every request path is put behind
    :param system: the system's name in error messages
    :param auth: puts the credential on a request
    :param settings: time-outs, TLS and limits
    :param parse_error: reads the system's own error format
    :param secret_headers: headers that carry a credential beside ``Authorization``; they never follow a redirect to
        another host
    :param recover_auth: asked once per request, when it is refused with 401, 403 or 404
    :param addresses: where connections may lead, for sources of third parties; anywhere when ``None``
    :param sleep: waits for that many seconds
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
            advice = "give scheme and host, such as https://wiki.example.com/confluence"
            raise Invalid(str(error), system=system, advice=advice) from None
        self.base_url = base_url.rstrip("/")
        self.system = system
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
        """The full URL of a path below the base URL."""
        return f"{self.base_url}/{path.lstrip('/')}"

    def get_json(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """GET a path and decode its JSON.

        A response that is empty or was cut off is requested again.

        :raises BadResponse: when the response is not JSON, such as a log-in page
        """
        return self.fetch(path, self._some_json, params=params)

    def json_of(self, response: requests.Response) -> Any:
        """Decode the JSON of a response; ``None`` for an empty body.

        :raises BadResponse: when the response is not JSON
        """
        if not response.content:
            return None
        try:
            return parse_json(response.content)
        except ValueError as error:
            raise self.not_json(response) from error

    def _some_json(self, response: requests.Response) -> Any:
        if not response.content.strip():
            raise self.not_json(response)
        return self.json_of(response)

    def not_json(self, response: requests.Response, *, retryable: bool | None = None) -> WorkplaceError:
        """Return the error for a response that is not JSON, such as a log-in page.

        :param retryable: whether it may go away by itself; by default when the response is empty or was cut off
        """
        content = response.content.strip()
        cut = not content or content[:1] in b"{["
        return self.invalid_response(
            response,
            BadResponse,
            f"expected JSON, found {self._describe(response) if content else 'an empty response'}",
            advice="a log-in page or a proxy may stand before the system; check the host and the base path",
            retryable=cut if retryable is None else retryable,
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
        """Send a request and return its whole answer.

        :param path: path below the base URL
        :param params: query; a list value is repeated, ``None`` left out. A text is the encoded query itself, for systems
            that want another encoding than the usual one
        :param json: body, sent as UTF-8 JSON
        :param content: body in any other format; its type is the header ``Content-Type``
        :param multipart: makes a fresh multipart body for each attempt, which is streamed
        :param idempotent: whether sending twice is as good as once; by default so for GET, HEAD, PUT and DELETE
        :param max_bytes: takes the place of the settings' ``max_response_bytes``
        :param seconds: a limit below that of the settings for the time that a response may take
        :raises WorkplaceError: the typed error of a failed request
        """
        call = _Call(method, path, params, headers, json, content, multipart, max_bytes=max_bytes, seconds=seconds)
        return self._send(call, idempotent)

    def fetch(
        self,
        path: str,
        decode: Callable[[requests.Response], Decoded],
        *,
        params: Params = None,
        adapt: Callable[[WorkplaceError], Params] | None = None,
    ) -> Decoded:
        """GET a path and decode the answer, for systems that tell in the body whether a request succeeded.

        :param decode: reads an answer whose status is success; a retryable :class:`WorkplaceError` that it raises counts as
            a failed attempt, as a status would; see :meth:`invalid_response`
        :param params: query of the first attempt
        :param adapt: the query of the next attempt, when what went wrong asks for another
        :raises WorkplaceError: the typed error of a failed request
        """
        return self._decoded(_Call("GET", path, params), None, decode, adapt)

    def submit(
        self,
        path: str,
        decode: Callable[[requests.Response], Decoded],
        *,
        json: Any,
        idempotent: bool = False,
    ) -> Decoded:
        """POST JSON and decode the answer, for systems that tell in the body whether a request succeeded.

        :param decode: as in :meth:`fetch`
        :param idempotent: whether sending twice is as good as once. A request that was refused because there were too many
            is sent again in any case
        :raises WorkplaceError: the typed error of a failed request
        """
        return self._decoded(_Call("POST", path, json=json), idempotent, decode, None)

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
        """Send a request and decode the response, whatever its format; see :meth:`fetch` and :meth:`request`."""
        return self._decoded(_Call(method, path, params, headers, content=content), idempotent, decode, None)

    def invalid_response(
        self, response: requests.Response, kind: type[WorkplaceError], message: str, **more: Any
    ) -> WorkplaceError:
        """The error for an answer whose status is success and whose content is not.

        :param more: further fields of the error
        """
        method, url = response.request.method or "", response.url
        retry_after = wait_asked_for(response.status_code, response.headers)
        return self._error(kind, message, method, url, status=response.status_code, retry_after=retry_after, **more)

    def upload(
        self,
        path: str,
        file: FilePart,
        fields: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """POST a file as ``multipart/form-data`` without ever holding it in memory.

        :param fields: text fields beside the file
        :raises WorkplaceError: the typed error of a failed request; it is not sent again unless the server cannot have
            acted on it
        """
        opened: list[IO[bytes]] = []

        def body() -> MultipartBody:
            stream = file.open()
            opened.append(stream)
            return MultipartBody(fields or {}, file.name, stream, file.media_type)

        try:
            return self.request("POST", path, headers=headers, multipart=body)
        finally:
            for stream in opened:
                stream.close()

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
        """GET a file into ``sink``, a piece at a time.

        A transfer that breaks off, or that brings something else than the file, restarts from the first byte. The file is
        requested ``attempts`` times at the most, whatever goes wrong.

        :param sink: a seekable file, or a :class:`Sink`. A retryable :class:`WorkplaceError` that it raises counts as a
            failed attempt; anything else goes through to the caller
        :param check: raises a :class:`WorkplaceError` when what was received is not the file; see :func:`expect_file`
        :param seconds: how long all attempts may take together
        :return: size and SHA-256 of what was written
        :raises BadResponse: when the transfer broke off on every attempt
        """
        target = sink if isinstance(sink, Sink) else _SeekableSink(sink)
        deadline = None if seconds is None else time.monotonic() + seconds

        def receive(response: requests.Response) -> Download:
            try:
                done = self._receive(response, target, deadline)
                if check is not None:
                    check(done)
            except WorkplaceError as error:
                if not error.method:
                    error.method, error.url = "GET", response.url
                target.restart()
                raise
            finally:
                response.close()
            return done

        return self._decoded(_Call("GET", path, params, headers, stream=True, deadline=deadline), None, receive, None)

    def _receive(self, response: requests.Response, target: Sink, deadline: float | None) -> Download:
        digest, size, limit = hashlib.sha256(), 0, self.settings.max_download_bytes
        pieces = read_pieces(response)
        while True:
            try:
                chunk = next(pieces, None)
            except (requests.RequestException, OSError) as error:
                if self._deadline.expired:
                    raise self._over_time("GET", response.url) from error
                declared = response.headers.get("Content-Length", "an unknown number of")
                raise self._error(
                    BadResponse,
                    f"the download broke off after {size} of {declared} bytes",
                    "GET",
                    response.url,
                    code=TIMED_OUT if isinstance(error, requests.Timeout) else "",
                    advice="run it again; when it stays so, look at the proxy in between",
                ) from error
            if chunk is None:
                kind = media_type(response.headers.get("Content-Type", ""))
                return Download(size, digest.hexdigest(), kind, response.url, response.headers)
            if size + len(chunk) > limit:
                raise self._over_size("GET", response.url, limit, "max_download_bytes")
            if size > self.settings.max_response_bytes and size > _LARGEST_RATIO * response.raw.tell():
                raise self._error(
                    TooLarge,
                    f"the file unpacks to more than {_LARGEST_RATIO} times the bytes that were sent",
                    "GET",
                    response.url,
                    advice="that is an attack or a broken file; if it is right, raise max_response_bytes above its size",
                )
            target.write(chunk)
            digest.update(chunk)
            size += len(chunk)
            if deadline is not None and time.monotonic() > deadline:
                raise self._too_slow(response.url, f"the download did not end in time, after {size} bytes")

    def _too_slow(self, url: str, message: str) -> WorkplaceError:
        return self._error(SourceUnavailable, message, "GET", url, code=TIMED_OUT)

    def _send(self, call: _Call, idempotent: bool | None) -> requests.Response:
        return self._decoded(call, idempotent, lambda response: response, None)

    def _decoded(
        self,
        call: _Call,
        idempotent: bool | None,
        decode: Callable[[requests.Response], Decoded],
        adapt: Callable[[WorkplaceError], Params] | None,
    ) -> Decoded:
        url = self.url(call.path)
        with error_context(system=self.system, method=call.method, url=url):
            if has_dot_segment(call.path):
                raise Invalid(
                    "the request cannot be sent: a part of its path is only dots, which leads to another folder",
                    advice="check the id, key or name that the task was given",
                )
            is_repeatable = call.method in SAFE_TO_REPEAT if idempotent is None else idempotent
            request = _Request(call, url, is_repeatable, self._recover_auth)
            retry = partial(self._retry_after, request)
            for attempt in attempts(self.settings.attempts, retry, sleep=self._sleep):
                with attempt:
                    if adapt is not None and attempt.previous is not None:
                        request.call = replace(request.call, params=adapt(attempt.previous))
                    result = self._attempt(request, decode)
            return result

    def _attempt(self, request: _Request, decode: Callable[[requests.Response], Decoded]) -> Decoded:
        """Send a request and decode its response; again, without counting, when the credential could be recovered."""
        response = self._try_to_send(request)
        try:
            return self._read(response, decode)
        except WorkplaceError as error:
            failure = error
        response.close()
        if request.recover(failure, response.request):
            return self._attempt(request, decode)
        raise failure

    def _try_to_send(self, request: _Request) -> requests.Response:
        try:
            return self._once(request.call, request.url)
        except requests.RequestException as error:
            failure = self._broken(error, request.call.method, request.url)
        # Outside of the handler: the error of requests may contain secrets, and is not shown as the context of ours.
        raise failure

    def _read(self, response: requests.Response, decode: Callable[[requests.Response], Decoded]) -> Decoded:
        is_write = response.request.method not in READS
        if response.status_code >= 300:
            raise self._refused(response, response.request.method or "", sent_write=is_write)
        self._slow_down(response)
        try:
            return decode(response)
        except WorkplaceError as error:
            # Without a status, an error is of a request that got no response.
            error.status = error.status or response.status_code
            raise
        except RecursionError:
            failure = self.invalid_response(
                response, BadResponse, "the response is nested too deeply", outcome_unknown=is_write
            )
        raise failure

    def _retry_after(self, request: _Request, failure: WorkplaceError) -> bool | float:
        """Return the seconds after which a failed request is sent again, or ``False``."""
        request.failures += 1
        request.timeouts += failure.code == TIMED_OUT
        is_harmless = (
            request.is_repeatable
            or failure.status == 429
            or isinstance(failure, RateLimited)
            or (failure.status is None and not failure.outcome_unknown)
        )
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
        return wait

    def _once(self, call: _Call, url: str) -> requests.Response:
        sent = {"Accept": "*/*" if call.stream else "application/json", **(call.headers or {})}
        data: Any = call.content
        if call.json is not None:
            data = jsonlib.dumps(call.json, ensure_ascii=False).encode()
            sent["Content-Type"] = "application/json; charset=utf-8"
        elif call.multipart is not None:
            data = call.multipart()
            sent["Content-Type"] = data.content_type
        session = self._session()
        self._adapter.limit(self._new_deadline(call), call.max_bytes)
        return session.request(
            call.method,
            url,
            params=call.params,
            data=data,
            headers=sent,
            stream=call.stream,
            timeout=(self.settings.connect_timeout, self._read_timeout(call)),
            # A redirected POST silently becomes a GET: a write goes where it was sent, or nowhere.
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
    def _adapter(self) -> LimitedAdapter:
        adapter: LimitedAdapter = self._local.adapter
        return adapter

    @property
    def _deadline(self) -> Deadline:
        return self._adapter.deadline

    def _read_timeout(self, call: _Call) -> float:
        if call.deadline is None:
            return self.settings.read_timeout
        return max(0.001, min(self.settings.read_timeout, call.deadline - time.monotonic()))

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = _Session(self._secret_headers)
            adapter = LimitedAdapter(
                seconds=self.settings.response_seconds,
                max_bytes=self.settings.max_response_bytes,
                addresses=self._addresses,
                legacy_tls=self.settings.legacy_tls,
                pool_size=self.settings.pool_size,
            )
            session.max_redirects = self.settings.max_redirects
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            # Off: it reads .netrc, also on redirects. What else it would do is done here in the open.
            session.trust_env = False
            session.proxies = dict(
                get_environ_proxies(self.base_url) if self.settings.proxies is None else self.settings.proxies
            )
            session.auth = self._auth
            session.verify = self.settings.verify and (
                self.settings.ca_bundle or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
            )
            session.cert = self.settings.client_cert
            session.headers["User-Agent"] = "airflow-provider-workplace"
            self._local.session, self._local.adapter = session, adapter
            with self._lock:
                self._sessions.append(session)
        return session

    def _broken(self, error: requests.RequestException, method: str, url: str) -> WorkplaceError:
        limited = self._over_limit(error, method, url)
        if limited is not None:
            return limited
        if isinstance(error, CannotSend | ValueError):
            return self._error(
                Invalid,
                f"the request cannot be sent: {error.problem if isinstance(error, CannotSend) else type(error).__name__}",
                method,
                url,
                advice="check host, credential, headers, proxy and certificates of the connection",
            )
        never_sent = _never_sent(error)
        if isinstance(error, requests.exceptions.SSLError):
            return self._error(
                SourceUnavailable,
                f"the TLS connection failed: {reason_of(error)}",
                method,
                url,
                advice="check the host name; a company's own certificate authority goes into the connection's "
                "ca_bundle, a server without secure renegotiation needs legacy_tls",
                retryable=False,
            )
        if isinstance(error, requests.Timeout):
            found = "no connection within the time-out" if never_sent else "no answer within the time-out"
        elif never_sent:
            found = f"no connection: {reason_of(error)}"
        else:
            found = f"the connection broke before the answer was complete: {reason_of(error)}"
        return self._error(
            SourceUnavailable,
            found,
            method,
            url,
            code=TIMED_OUT if isinstance(error, requests.Timeout) and not never_sent else "",
            advice="check host, port and proxy" if never_sent else "",
            outcome_unknown=not never_sent and method not in READS,
        )

    def _over_limit(self, error: requests.RequestException, method: str, url: str) -> WorkplaceError | None:
        """Return the error of a request that went beyond one of the limits."""
        if isinstance(error, ConnectionRefused):
            return self._error(
                Invalid,
                f"the host {error.refusal.host} leads to {error.refusal.address}, which is not a public address",
                method,
                url,
                advice="nothing was sent there; if the host may be inside, name it in private_hosts",
            )
        if isinstance(error, ResponseTooLarge):
            return self._over_size(method, url, error.limit, "max_response_bytes")
        if isinstance(error, requests.TooManyRedirects):
            return self._error(
                BadResponse,
                f"more than {self.settings.max_redirects} redirects",
                method,
                url,
                advice="open the address in a browser and put the last one into the connection, or raise max_redirects",
                retryable=False,
            )
        return self._over_time(method, url) if self._deadline.expired and not _never_sent(error) else None

    def _over_size(self, method: str, url: str, limit: int, setting: str) -> WorkplaceError:
        return self._error(
            TooLarge,
            f"the response has more than {limit:,} bytes",
            method,
            url,
            advice=f"check that the address is right, or raise {setting}",
            outcome_unknown=method not in READS,
        )

    def _over_time(self, method: str, url: str) -> WorkplaceError:
        return self._error(
            SourceUnavailable,
            f"the response was not complete after {round(self._deadline.seconds, 1):g} s",
            method,
            url,
            code=TIMED_OUT,
            advice="the system or a proxy sends too slowly; a longer time can be set as total_timeout, and for files as "
            "download_timeout",
            outcome_unknown=method not in READS,
        )

    def _refused(self, response: requests.Response, method: str, *, sent_write: bool) -> WorkplaceError:
        status = response.status_code
        # Of a redirect's target nothing is quoted: it may be a host that the worker alone can reach.
        is_own = self.is_own(response.url)
        text = response.content.decode("utf-8", "replace") if is_own else ""
        try:
            decoded = parse_json(text)
        except ValueError:
            decoded = None
        answer = ErrorResponse(status, response.headers if is_own else {}, text, decoded)
        try:
            said = self._parse_error(answer) if self._parse_error else ErrorDetails()
        except RecursionError:
            said = ErrorDetails()
        kind = said.kind or kind_of(status)
        retry_after = wait_asked_for(response.status_code, response.headers)
        advice = said.advice
        retryable = said.retryable
        if 300 <= status < 400:
            retryable = False
        if 300 <= status < 400 and is_own:
            location = sanitize_url(response.headers.get("Location", "?"))
            advice = f"the system redirects to {location}; put that into the connection"
        if issubclass(kind, RateLimited) and retry_after is not None and retry_after > LONGEST_SENSIBLE_WAIT:
            retryable = False
            advice = "the system blocks this account for good; ask its administrator to lift the limit"
        if issubclass(kind, SourceUnavailable) and status == 501:
            retryable = False
        return self._error(
            kind,
            said.message[:_LONGEST_MESSAGE] or plain_words(text) or _reason(response, is_own) or "no explanation",
            method,
            response.url,
            status=status,
            code=said.code,
            advice=advice,
            retryable=retryable,
            retry_after=retry_after,
            outcome_unknown=sent_write and status >= 500,
        )

    def is_own(self, url: str) -> bool:
        """Return whether a URL is of the host of the base URL; http and https are one where the ports are theirs."""
        return _host_and_port(self.base_url) == _host_and_port(url)

    def _describe(self, response: requests.Response) -> str:
        kind = media_type(response.headers.get("Content-Type", "")) or "no content type"
        if not self.is_own(response.url):
            return f"{kind} of {urlsplit(response.url).hostname}"
        start = plain_words(response.content[:2048].decode("utf-8", "replace"))
        return f"{kind} that begins {start[:80]!r}" if start else kind

    def _error(self, kind: type[WorkplaceError], message: str, method: str, url: str, **more: Any) -> WorkplaceError:
        return kind(message, system=self.system, method=method, url=url, **more)

    def _backoff(self, attempt: int) -> float:
        ceiling: float = min(self.settings.max_wait, 0.5 * 2**attempt)
        return ceiling / 2 + random.uniform(0, ceiling / 2)  # noqa: S311 - spreads retries, guards nothing

    def _slow_down(self, response: requests.Response) -> None:
        """Spread what is left of a budget over the time until it is filled again, where the system says it nears the end."""
        seconds = near_limit_seconds(response.headers)
        if seconds > 0:
            seconds = min(seconds, self.settings.max_wait)
            log.info("%s: near its limit of requests, waiting %.1f s", self.system, seconds)
            self._sleep(seconds)


class _SeekableSink:
    """A seekable file as a sink; begins anew where the file stood at first."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._start = file.tell()

    def write(self, chunk: bytes, /) -> object:
        return self._file.write(chunk)

    def restart(self) -> None:
        self._file.seek(self._start)
        self._file.truncate()


class _Session(requests.Session):
    def __init__(self, secret_headers: tuple[str, ...]) -> None:
        super().__init__()
        self._secret_headers = secret_headers

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        try:
            target: str | None = super().get_redirect_target(resp)
            urlsplit(target or "")
        except ValueError:
            raise requests.exceptions.InvalidURL("a redirect", response=resp) from None
        return target

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]
        asked, next_url = response.request.url or "", prepared_request.url or ""
        if self.should_strip_auth(asked, next_url):  # type: ignore[no-untyped-call]
            for name in self._secret_headers:
                prepared_request.headers.pop(name, None)


def expect_file(
    name: str, system: str, *, size: int | None = None, media_type: str = "", sha256: str = ""
) -> Callable[[Download], None]:
    """Return a check for :meth:`HttpClient.download`: a status of 200 does not prove that the file came.

    :param name: of the file, for the message
    :param size: bytes that the system lists for it; ``None`` when it lists none
    :param media_type: that the system lists for it; a log-in page in the place of any other type is refused
    :param sha256: of its content, where that is known
    """

    def check(done: Download) -> None:
        is_page = done.media_type.lower() == HTML and media_type.partition(";")[0].strip().lower() not in ("", HTML)
        if size is not None and done.size != size:
            wrong = f"{done.size} bytes of {done.media_type or 'an unknown type'} came, and it has {size}"
        elif is_page and not (size or sha256):
            wrong = "an HTML page came in its place"
        elif sha256 and done.sha256 != sha256:
            wrong = "another content came than was uploaded"
        else:
            return
        raise BadResponse(
            f"the file {name!r} was not downloaded: {wrong}",
            system=system,
            advice="a log-in page or a proxy may stand before the files; open the file in a browser",
        )

    return check


def _reason(response: requests.Response, is_own: bool) -> str:
    """Return the reason phrase, which a server may have filled with anything; of another host's the standard one."""
    return plain_words(response.reason or "") if is_own else http.client.responses.get(response.status_code, "")


def _host_and_port(url: str) -> tuple[str | None, int | None]:
    parts = urlsplit(url)
    return parts.hostname, None if parts.port in (80, 443) else parts.port


def _never_sent(error: requests.RequestException) -> bool:
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.SSLError | requests.exceptions.ProxyError):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError)
