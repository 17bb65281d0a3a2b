"""Downloading a file in chunks into a sink, within limits, and checking that it is the right file."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

import requests

from workplace_provider.http.body import media_type as media_type_of
from workplace_provider.http.errors import BadResponse, SourceUnavailable, TooLarge, WorkplaceError
from workplace_provider.http.failures import over_size, over_time
from workplace_provider.http.model import TIMED_OUT, Download, Sink
from workplace_provider.http.transport import Deadline, read_pieces

if TYPE_CHECKING:
    from workplace_provider.http.model import HttpSettings

HTML: Final = "text/html"
# Logs and tables compress to a tenth or a fiftieth, files made to fill a disk to a thousandth.
_LARGEST_RATIO: Final = 200


class SeekableSink:
    """A seekable file as a sink; it restarts at the position that the file had at first.

    :param file: open for writing
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._start = file.tell()

    def write(self, chunk: bytes, /) -> object:
        """Write the next bytes."""
        return self._file.write(chunk)

    def restart(self) -> None:
        """Discard everything written so far."""
        self._file.seek(self._start)
        self._file.truncate()


@dataclass(frozen=True, slots=True)
class Receiver:
    """Writes the body of a streamed response into a sink.

    :param sink: where to
    :param settings: maximum sizes
    :param check: raises an error when what was received is not the file
    :param deadline: end of the time for all attempts, on the monotonic clock
    """

    sink: Sink
    settings: HttpSettings
    check: Callable[[Download], None] | None = None
    deadline: float | None = None

    def receive(self, response: requests.Response, response_deadline: Deadline) -> Download:
        """Write the body; the sink is restarted when that fails.

        :raises WorkplaceError: the file is not complete, too large, too slow, or not the right one
        """
        try:
            download = self._write_all(response, response_deadline)
            if self.check is not None:
                self.check(download)
        except WorkplaceError:
            self.sink.restart()
            raise
        finally:
            response.close()
        return download

    def _write_all(self, response: requests.Response, response_deadline: Deadline) -> Download:
        digest, size = hashlib.sha256(), 0
        for chunk in _chunks(response, response_deadline):
            self._check_size(response, size, len(chunk))
            self.sink.write(chunk)
            digest.update(chunk)
            size += len(chunk)
            if self.deadline is not None and time.monotonic() > self.deadline:
                raise SourceUnavailable(f"the download did not end in time, after {size} bytes", code=TIMED_OUT)
        media_type = media_type_of(response.headers.get("Content-Type", ""))
        return Download(size, digest.hexdigest(), media_type, response.url, response.headers)

    def _check_size(self, response: requests.Response, size: int, more: int) -> None:
        if size + more > self.settings.max_download_bytes:
            raise over_size(self.settings.max_download_bytes, "max_download_bytes")
        if size > self.settings.max_response_bytes and size > _LARGEST_RATIO * response.raw.tell():
            raise TooLarge(
                f"the file unpacks to more than {_LARGEST_RATIO} times the bytes that were sent",
                advice="it is broken, or made to fill the disk; if it is right, raise max_response_bytes above its size",
            )


def _chunks(response: requests.Response, deadline: Deadline) -> Iterator[bytes]:
    """Yield the body. Errors of the connection become ours; those of the sink, such as a full disk, are not caught here."""
    size = 0
    try:
        for chunk in read_pieces(response):
            yield chunk
            size += len(chunk)
    except (requests.RequestException, OSError) as error:
        if deadline.expired:
            raise over_time(deadline) from error
        declared = response.headers.get("Content-Length", "an unknown number of")
        raise BadResponse(
            f"the download broke off after {size} of {declared} bytes",
            code=TIMED_OUT if isinstance(error, requests.Timeout) else "",
            advice="run the task again; if it happens again, check the proxy",
        ) from error


def expect_file(
    name: str, system: str = "", *, size: int | None = None, media_type: str = "", sha256: str = ""
) -> Callable[[Download], None]:
    """Return a check for :meth:`HttpClient.download`, since status 200 does not prove that the file was sent.

    :param name: name of the file, for the message
    :param system: no longer needed; the client names itself
    :param size: bytes that the system lists for it; ``None`` when it lists none
    :param media_type: type that the system lists for it; for any other type than HTML, an HTML page is refused
    :param sha256: of its content, if known
    """

    def check(download: Download) -> None:
        is_page = download.media_type.lower() == HTML and media_type.partition(";")[0].strip().lower() not in ("", HTML)
        if size is not None and download.size != size:
            problem = f"{download.size} bytes of {download.media_type or 'an unknown type'} came, and it has {size}"
        elif is_page and not (size or sha256):
            problem = "an HTML page came in its place"
        elif sha256 and download.sha256 != sha256:
            problem = "its content differs from what was uploaded"
        else:
            return
        raise BadResponse(
            f"the file {name!r} was not downloaded: {problem}",
            system=system,
            advice="a log-in page or a proxy may intercept the download; open the file in a browser",
        )

    return check
