"""Downloads of the private files of messages. Without access, Slack returns a log-in page with status 200."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from workplace_provider.http.client import HTML, expect_file
from workplace_provider.http.errors import Forbidden, Invalid, NotFound
from workplace_provider.slack.client.api_response import SYSTEM

if TYPE_CHECKING:
    from workplace_provider.http.client import Download, Sink
    from workplace_provider.slack.client.messages import SharedFile
    from workplace_provider.slack.client.reader import SlackReader

FILE_HOSTS: Final = ("slack.com", "slack-files.com")
"""Hosts of Slack's files. The token is not sent to any other host, even if a message links to it."""
_BEGINNINGS: Final = (b"<!doctype html", b"<html")
_ENOUGH: Final = 64


def download_file(reader: SlackReader, file: SharedFile, sink: Sink) -> Download:
    """Download a file of a message as a stream.

    ::

        with store.publish(folder, "chart.png", "image/png") as sink:
            download_file(reader, message.files[0], sink)

    :param file: the file as the message describes it
    :param sink: receives the bytes, and restarts when the transfer is interrupted
    :return: size and SHA-256 of the written bytes
    :raises Forbidden: Slack returned a log-in page instead of the file
    :raises NotFound: the file was deleted, or is hidden by the workspace's plan
    :raises Invalid: the file is not hosted by Slack
    :raises BadResponse: the size differs from the file's
    """
    url = file.url_private_download or file.url_private or ""
    if not url or file.mode in ("tombstone", "hidden_by_limit"):
        raise NotFound(f"the file {file.shown_name} no longer exists ({file.mode or 'no URL'})")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Invalid(f"the file {file.shown_name} has an invalid URL") from None
    if file.is_external or not _is_hosted_by_slack(reader, url):
        raise Invalid(
            f"the file {file.shown_name} is hosted by {parts.hostname or 'an unknown host'}, not by Slack",
            advice="link to it instead: Slack's token cannot download it",
        )
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    http = reader.client_at(f"{parts.scheme}://{parts.netloc}")
    guard = _NoLogInPage(sink, file)
    check_size = expect_file(file.shown_name, SYSTEM, size=file.size)

    def check(download: Download) -> None:
        if download.media_type == HTML and file.mimetype != HTML:
            raise _log_in_page(file)
        check_size(download)

    return http.download(path, guard, check=check)


def _is_hosted_by_slack(reader: SlackReader, url: str) -> bool:
    parts, api = urlsplit(url), urlsplit(reader.http.base_url)
    if (parts.scheme, parts.netloc) == (api.scheme, api.netloc):
        return True
    host = parts.hostname or ""
    return parts.scheme == "https" and any(host == known or host.endswith(f".{known}") for known in FILE_HOSTS)


def _log_in_page(file: SharedFile) -> Forbidden:
    return Forbidden(
        f"Slack returned a log-in page instead of the file {file.shown_name}",
        method="GET",
        code="missing_scope",
        advice="add the scope files:read to the app and install it again; invite the app to the file's channel",
    )


class _NoLogInPage:
    """A sink that rejects a log-in page by its first bytes, before they reach the file's sink."""

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
