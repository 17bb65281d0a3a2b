"""Connections and responses with limits: of their addresses, their time and their size.

The limits apply to responses with any status: bodies of errors and of redirects are read by the same code. Time is
enforced below HTTP, at the socket, because the time-out of a single read never stops a server that sends a
byte from time to time, in a header, between two chunks or in a body.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import requests
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3.connection import HTTPConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util.url import parse_url

from workplace_provider.http.addresses import AddressRefused, PublicAddresses
from workplace_provider.http.credentials import InvalidCredential, check_header

if TYPE_CHECKING:
    from urllib3 import PoolManager

CHUNK: Final = 128 * 1024
ERROR_BYTES: Final = 64 * 1024
"""Bytes of an error page that are read; its first 64 KiB are enough to explain the error."""

# OpenSSL 3 refuses servers without secure renegotiation; this is ssl.OP_LEGACY_SERVER_CONNECT, named from Python 3.12 on.
_OP_LEGACY_SERVER_CONNECT: Final = 0x4


class ResponseTooLarge(requests.RequestException):
    """A response has more bytes, decompressed, than are accepted.

    :param limit: bytes that are accepted
    """

    def __init__(self, limit: int, response: requests.Response) -> None:
        super().__init__(f"more than {limit} bytes", request=response.request)
        self.limit = limit


class ConnectionRefused(requests.RequestException):
    """A request to an address that it must not reach; nothing was sent."""

    def __init__(self, refusal: AddressRefused, request: requests.PreparedRequest) -> None:
        super().__init__(str(refusal), request=request)
        self.refusal = refusal


class CannotSend(requests.RequestException):
    """A request that no attempt can send.

    :param problem: the cause, without the wrong value
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class Deadline:
    """The end of the time that a response may take, from when it is waited for.

    :param seconds: how long
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end: float | None = None

    def start(self) -> None:
        """Start the time once: several responses of one request, such as redirects, share it."""
        if self._end is None:
            self._end = time.monotonic() + self.seconds

    @property
    def expired(self) -> bool:
        """``True`` if the time is over."""
        return self._end is not None and time.monotonic() >= self._end

    def shorten(self, seconds: float | None) -> float:
        """Return a time-out that does not go beyond the end.

        :raises TimeoutError: the time is over
        """
        self.start()
        left = (self._end or 0.0) - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"the response took longer than {self.seconds:g} s")
        return left if seconds is None else min(seconds, left)


class LimitedAdapter(HTTPAdapter):
    """Sends the requests of one thread, and reads their responses within limits.

    :param seconds: how long a response may take by default; see :meth:`limit`
    :param max_bytes: how many bytes of a body are accepted by default, decompressed; see :meth:`limit`
    :param addresses: where connections may lead; ``None`` for anywhere
    :param legacy_tls: connect to servers that do not know secure renegotiation
    :param pool_size: connections kept open
    """

    def __init__(
        self,
        *,
        seconds: float,
        max_bytes: int,
        addresses: PublicAddresses | None = None,
        legacy_tls: bool = False,
        pool_size: int = 8,
    ) -> None:
        self._seconds = seconds
        self._default_bytes = self._max_bytes = max_bytes
        self._next_deadline: Deadline | None = None
        self.deadline = Deadline(seconds)
        self.addresses = addresses
        self._legacy_tls = legacy_tls
        super().__init__(pool_connections=4, pool_maxsize=pool_size, max_retries=0)

    def limit(self, deadline: Deadline, max_bytes: int | None = None) -> None:
        """Set the limits of the request that comes next, with all its redirects."""
        self._next_deadline = deadline
        self._max_bytes = max_bytes or self._default_bytes

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Send a request; the body of the response is there already, except that of a success that is streamed."""
        self.deadline = self._next_deadline or Deadline(self._seconds)
        if request.body is None:
            # What a large upload takes is no delay of the server's.
            self.deadline.start()
        # http.client prints a header that it does not take, and urllib3 a URL or a proxy.
        try:
            for name, value in request.headers.items():
                check_header(name, value.decode("latin-1") if isinstance(value, bytes) else value)
        except InvalidCredential as error:
            raise CannotSend(str(error)) from None
        try:
            if self.addresses is not None and select_proxy(request.url or "", proxies):
                self.addresses.check_behind_proxy((parse_url(request.url or "").host or "").strip("[]"))
            response = super().send(request, True, timeout, verify, cert, proxies)
        except AddressRefused as refusal:
            raise ConnectionRefused(refusal, request) from None
        except requests.RequestException:
            raise
        except (ValueError, TypeError, OSError, http.client.HTTPException, HTTPError) as error:
            raise CannotSend(reason_of(error)) from None
        if response.status_code >= 300:
            _keep(response, _first_bytes(response, ERROR_BYTES))
        elif not stream:
            _keep(response, _all_bytes(response, self._max_bytes))
        return response

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        """Use connections with limits."""
        if self._legacy_tls:
            context = ssl.create_default_context()
            context.options |= _OP_LEGACY_SERVER_CONNECT
            pool_kwargs["ssl_context"] = context
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs)
        _limit_connections(self.poolmanager, self, checked=True)

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        """Use connections with limits to a proxy too, wherever that is."""
        known = proxy in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **proxy_kwargs)
        if not known:
            _limit_connections(manager, self, checked=False)
        return manager


def read_pieces(response: requests.Response) -> Iterator[bytes]:
    """Yield the decompressed body of a streamed response, a piece at a time.

    A piece is decompressed only as far as it is handed out, so a small body that swells takes no more memory than another.

    :raises requests.RequestException: the connection broke, was too slow, or the body cannot be decompressed
    """
    try:
        while piece := response.raw.read(CHUNK, decode_content=True):
            yield piece
    except ReadTimeoutError as error:
        raise requests.ReadTimeout(error, request=response.request) from error
    except ProtocolError as error:
        raise requests.exceptions.ChunkedEncodingError(error, request=response.request) from error
    except DecodeError as error:
        raise requests.exceptions.ContentDecodingError(error, request=response.request) from error
    except SSLError as error:
        raise requests.ConnectionError(error, request=response.request) from error


def _all_bytes(response: requests.Response, limit: int) -> bytes:
    content = io.BytesIO()
    try:
        for piece in read_pieces(response):
            if content.tell() + len(piece) > limit:
                raise ResponseTooLarge(limit, response)
            content.write(piece)
    except BaseException:
        response.close()
        raise
    return content.getvalue()


def _first_bytes(response: requests.Response, limit: int) -> bytes:
    """Return the beginning of a body, as far as it can be read; the status is known in any case."""
    content = bytearray()
    try:
        for piece in read_pieces(response):
            content += piece[: limit - len(content)]
            if len(content) >= limit:
                break
    except (requests.RequestException, OSError):
        pass
    # A connection whose response was read to its end is in the pool by now, and stays there.
    response.raw.close()
    return bytes(content)


def _keep(response: requests.Response, content: bytes) -> None:
    """Set the content of a response."""
    response._content = content
    response._content_consumed = True  # type: ignore[attr-defined]


def _limit_connections(manager: PoolManager, adapter: LimitedAdapter, *, checked: bool) -> None:
    def limited(pool: Any) -> type:
        bases = (_LimitedConnection, pool.ConnectionCls)
        connection = type(pool.ConnectionCls.__name__, bases, {"adapter": adapter, "checked": checked})
        return type(pool.__name__, (pool,), {"ConnectionCls": connection})

    manager.pool_classes_by_scheme = {scheme: limited(pool) for scheme, pool in manager.pool_classes_by_scheme.items()}


class _LimitedConnection(HTTPConnection):
    """A connection to allowed addresses only, whose responses end in time."""

    adapter: LimitedAdapter
    checked: bool

    def _new_conn(self) -> socket.socket:
        addresses = self.adapter.addresses if self.checked else None
        return super()._new_conn() if addresses is None else self._connect_checked(addresses)

    def _connect_checked(self, addresses: PublicAddresses) -> socket.socket:
        """Connect to the address that was checked, since a second look-up of the name may return another one."""
        try:
            resolved = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(self.host, self, error) from error  # type: ignore[arg-type]
        for *_, address in resolved:
            addresses.check(self.host, str(address[0]))
        failure: OSError = OSError("the host has no address")
        for family, kind, protocol, _, address in resolved:
            connection = socket.socket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    connection.setsockopt(*option)
                connection.settimeout(self.timeout if isinstance(self.timeout, int | float) else None)
                connection.connect(address)
            except OSError as error:
                connection.close()
                failure = error
            else:
                return connection
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(self, f"no connection to {self.host} within {self.timeout} s") from failure
        raise NewConnectionError(self, f"Failed to establish a new connection: {failure}") from failure

    def response_class(self, sock: Any, *args: Any, **kwargs: Any) -> http.client.HTTPResponse:  # type: ignore[override]
        """Return the response that comes over a socket, read against the deadline of its request."""
        response = http.client.HTTPResponse(sock, *args, **kwargs)
        self.adapter.deadline.start()
        response.fp = io.BufferedReader(_TimedReader(response.fp.detach(), sock, self.adapter.deadline))
        return response


class _TimedReader(io.RawIOBase):
    """The bytes of a socket until a deadline."""

    def __init__(self, raw: io.RawIOBase, sock: Any, deadline: Deadline) -> None:
        self._raw = raw
        self._sock = sock
        self._timeout = sock.gettimeout()
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, buffer: Any, /) -> int | None:
        self._sock.settimeout(self._deadline.shorten(self._timeout))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        try:
            self._raw.close()
        finally:
            super().close()


def reason_of(error: BaseException) -> str:
    """Return the cause in the words of the operating system or OpenSSL.

    Messages of HTTP libraries are not used: they may contain a header, a URL or a proxy with its password.
    """
    reason = type(error).__name__
    seen: set[int] = set()
    queue: list[Any] = [error]
    while queue:
        current = queue.pop(0)
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, ssl.SSLCertVerificationError):
            return current.verify_message
        if isinstance(current, ssl.SSLError):
            return (current.reason or type(current).__name__).replace("_", " ").lower()
        if match := re.match(r"Tunnel connection failed: (\d{3})", str(current)):
            return f"the proxy responded {match[1]}"
        if isinstance(current, OSError) and not isinstance(current, requests.RequestException):
            reason = current.strerror or type(current).__name__
        queue += [getattr(current, "reason", None), current.__cause__, current.__context__, *current.args]
    return reason
