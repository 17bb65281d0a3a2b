"""Downloads of the private files of messages; Slack answers a log-in page where the token may not see a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from workplace_provider.http.client import HTML, expect_file
from workplace_provider.http.errors import Forbidden, Invalid, NotFound
from workplace_provider.slack.client.answers import SYSTEM

if TYPE_CHECKING:
    from workplace_provider.http.client import Download, Sink
    from workplace_provider.slack.client.messages import SharedFile
    from workplace_provider.slack.client.reader import SlackReader

FILE_HOSTS: Final = ("slack.com", "slack-files.com")
"""Where Slack keeps files. The token is sent to no other host, whatever a message says."""
_BEGINNINGS: Final = (b"<!doctype html", b"<html")
_ENOUGH: Final = 64


def download_file(reader: SlackReader, file: SharedFile, sink: Sink) -> Download:
    """Stream a file of a message down.

    :param file: the file as the message names it
    :param sink: takes the bytes, and begins anew when the transfer breaks off
    :return: size and SHA-256 of what was written
    :raises Forbidden: a log-in page came instead of the file
    :raises NotFound: the file was deleted, or the plan does not show it any more
    :raises Invalid: the file does not lie with Slack
    :raises BadResponse: what came has another size than the file
    """
    url = file.url_private_download or file.url_private or ""
    if not url or file.mode in ("tombstone", "hidden_by_limit"):
        raise NotFound(f"the file {file.shown_name} is not there any more ({file.mode or 'no address'})", system=SYSTEM)
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Invalid(f"the file {file.shown_name} has an address that is none", system=SYSTEM) from None
    if file.is_external or not _is_slacks(reader, url):
        raise Invalid(
            f"the file {file.shown_name} lies at {parts.hostname or 'no host'}, not with Slack",
            system=SYSTEM,
            advice="it can be linked to, not downloaded with Slack's token",
        )
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    http = reader.client_at(f"{parts.scheme}://{parts.netloc}")
    guard = _NoLogInPage(sink, file)
    whole = expect_file(file.shown_name, SYSTEM, size=file.size)

    def check(done: Download) -> None:
        if done.media_type == HTML and file.mimetype != HTML:
            raise _log_in_page(file)
        whole(done)

    return http.download(path, guard, check=check)


def _is_slacks(reader: SlackReader, url: str) -> bool:
    parts, api = urlsplit(url), urlsplit(reader.http.base_url)
    if (parts.scheme, parts.netloc) == (api.scheme, api.netloc):
        return True
    host = parts.hostname or ""
    return parts.scheme == "https" and any(host == each or host.endswith(f".{each}") for each in FILE_HOSTS)


def _log_in_page(file: SharedFile) -> Forbidden:
    return Forbidden(
        f"a log-in page came instead of the file {file.shown_name}",
        system=SYSTEM,
        method="GET",
        code="missing_scope",
        advice="add the scope files:read to the app and install it again; the app must be in the file's channel",
    )


class _NoLogInPage:
    """Looks at the first bytes of a file before they reach its sink."""

    def __init__(self, sink: Sink, file: SharedFile) -> None:
        self._sink = sink
        self._file = file
        self._start = b""

    def write(self, chunk: bytes, /) -> object:
        if self._file.mimetype != HTML and len(self._start) < _ENOUGH:
            self._start += chunk[:_ENOUGH]
            if self._start.lstrip().lower().startswith(_BEGINNINGS):
                raise _log_in_page(self._file)
        return self._sink.write(chunk)

    def restart(self) -> None:
        self._start = b""
        self._sink.restart()
