"""Types of the HTTP client's interface: settings, files, error responses, downloads."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar, runtime_checkable

if TYPE_CHECKING:
    import requests

    from workplace_provider.http.errors import WorkplaceError

Params: TypeAlias = Mapping[str, Any] | str | None
Decoded = TypeVar("Decoded")

TIMED_OUT: Final = "timeout"
"""Error code of a request that was sent and got no response in time."""
READS: Final = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Time-outs, TLS, proxy and limits of the requests to one system.

    >>> HttpSettings(read_timeout=30, attempts=2, ca_bundle="/etc/ssl/company.pem").response_seconds
    150

    :param connect_timeout: seconds to wait for a connection
    :param read_timeout: seconds to wait between two bytes of a response
    :param attempts: how often a repeatable request is sent at most
    :param timeout_attempts: how often a request is sent at most when the server does not respond in time; ``attempts`` when
        ``None``. A server that is too slow for a request does the work again each time
    :param max_wait: seconds that one wait may take; a longer Retry-After is an error instead of a sleep
    :param ca_bundle: file or folder with the certificate authorities to trust, instead of the default ones
    :param verify: check the server's certificate
    :param client_cert: a certificate file (PEM), or a pair of certificate and key file
    :param legacy_tls: connect to servers without secure renegotiation; certificates are still checked
    :param proxies: proxy URL by scheme; ``None`` uses those of the environment
    :param pool_size: connections kept open per thread
    :param total_timeout: seconds that one response may take with all its redirects, however steadily it is sent;
        5 times ``read_timeout`` when ``None``
    :param download_timeout: the same for a streamed file; an hour, or ``total_timeout`` if that is longer, when ``None``
    :param max_response_bytes: maximum size of a response, decompressed; 32 MiB
    :param max_download_bytes: the same for a streamed file; 2 GiB
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
        """Seconds that a response may take."""
        return self.total_timeout or 5 * self.read_timeout

    @property
    def download_seconds(self) -> float:
        """Seconds that a file may take."""
        return self.download_timeout or max(3600.0, self.response_seconds)


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """A response that is no success, as a system's ``parse_error`` reads it."""

    status: int
    headers: Mapping[str, str]
    text: str
    json: Any


@dataclass(frozen=True, slots=True)
class ErrorDetails:
    """The content of a system's own error format; an empty field is derived from the status instead."""

    kind: type[WorkplaceError] | None = None
    message: str = ""
    code: str = ""
    advice: str = ""
    retryable: bool | None = None


class ErrorParser(Protocol):
    """Reads a system's own error format."""

    def __call__(self, response: ErrorResponse, /) -> ErrorDetails:
        """Return the details in an error response; the fields left empty follow from the status."""


class AuthRecovery(Protocol):
    """Handles an error response that may be due to the credential, such as an expired token."""

    def __call__(self, failure: WorkplaceError, request: requests.PreparedRequest) -> bool:
        """Return whether to send the request again with a new credential. It may raise a more precise error instead.

        :param failure: the error of the response; its fields may be changed
        :param request: the request as sent, after all redirects
        """


@dataclass(frozen=True, slots=True)
class Download:
    """A downloaded file.

    :param size: in bytes
    :param sha256: of the written bytes
    :param media_type: its declared type
    :param url: the final URL, after all redirects
    :param headers: of the response; names in any case
    """

    size: int
    sha256: str
    media_type: str
    # After a redirect it may be a signed URL, which is a credential by itself.
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class FilePart:
    """The file of a multipart upload.

    ::

        http.upload("pages/7/files", FilePart.at("/tmp/sales.png", "sales.png", "image/png"))

    :param name: the file's name in the system
    :param open: returns a new binary stream from the first byte; called once per attempt
    :param media_type: MIME type
    :param size: in bytes, where it is known without opening the file
    """

    name: str
    open: Callable[[], IO[bytes]]
    media_type: str = "application/octet-stream"
    size: int | None = None

    @classmethod
    def at(cls, path: str | PathLike[str], name: str, media_type: str = "application/octet-stream") -> FilePart:
        """Return the part of a local file."""

        def open_file() -> IO[bytes]:
            return Path(path).open("rb")

        return cls(name, open_file, media_type)

    @classmethod
    def of(cls, stream: IO[bytes], name: str, media_type: str = "application/octet-stream") -> FilePart:
        """Return the part of an open file, which may have no name on disk.

        The file must stay open until the part is sent. The streams share one position in the file: read one at a time.
        """

        def reopen() -> IO[bytes]:
            stream.flush()
            copy = os.fdopen(os.dup(stream.fileno()), "rb")
            copy.seek(0)
            return copy

        return cls(name, reopen, media_type)


@runtime_checkable
class Sink(Protocol):
    """Receives a downloaded file in chunks, and can restart when the transfer breaks off.

    An upload to object storage cannot seek back as a local file can, so each sink implements its own restart.
    """

    def write(self, chunk: bytes, /) -> object:
        """Write the next bytes."""

    def restart(self) -> None:
        """Discard everything written so far; the file comes again from its first byte."""
