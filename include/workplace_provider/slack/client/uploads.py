"""File uploads in three steps, with a check that the files appear in the channel.

Slack returns ``ok`` for the last step before the file is in the channel, and sometimes the file never appears.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from workplace_provider.http.attempts import attempts
from workplace_provider.http.client import FilePart, HttpClient
from workplace_provider.http.errors import Invalid, NotFound, SourceUnavailable, TooLarge, WorkplaceError
from workplace_provider.http.redaction import remove_invisible
from workplace_provider.slack.client.api_response import SYSTEM, Envelope

if TYPE_CHECKING:
    from workplace_provider.slack.client.reader import SlackReader

ATTEMPTS: Final = 4
LARGEST_SNIPPET: Final = 1_000_000
"""Maximum bytes of a snippet. Source: https://docs.slack.dev/reference/methods/files.getUploadURLExternal"""
LOOKS: Final = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds to wait before each check whether a file is in the channel."""


@dataclass(frozen=True, slots=True)
class SlackUpload:
    """A file to share.

    ::

        SlackUpload("report.pdf", lambda: open("/tmp/report.pdf", "rb"), title="Weekly report")

    :param name: file name that people see
    :param open: returns a new seekable stream at the first byte
    :param title: title above the file; the name if empty
    :param snippet_type: syntax in which Slack shows a snippet of up to 1 MB, such as ``sql``; a plain file if empty
    """

    name: str
    open: Callable[[], IO[bytes]]
    title: str = ""
    snippet_type: str = ""

    def __post_init__(self) -> None:
        for field in ("name", "title"):
            object.__setattr__(self, field, remove_invisible(getattr(self, field)))


class _UploadPlace(Envelope, kw_only=True):
    upload_url: str = ""
    file_id: str = ""


class _Shares(msgspec.Struct):
    public: dict[str, list[dict[str, Any]]] | None = None
    private: dict[str, list[dict[str, Any]]] | None = None


class FileInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A file as ``files.info`` returns it."""

    id: str
    name: str | None = None
    permalink: str | None = None
    shares: _Shares | None = None

    def is_in(self, channel: str) -> bool:
        """Return whether the file is shared in a channel."""
        if self.shares is None:
            return False
        return channel in (self.shares.public or {}) or channel in (self.shares.private or {})


def upload_file(reader: SlackReader, file: SlackUpload) -> str:
    """Upload a file without sharing it yet.

    :return: the file's id
    :raises Invalid: the file is empty
    :raises TooLarge: the file is too large for a snippet
    :raises WorkplaceError: the upload failed
    """
    name = unicodedata.normalize("NFC", file.name)
    with file.open() as stream:
        size = stream.seek(0, os.SEEK_END)
    if not size:
        raise Invalid(f"the file {name} is empty", advice="Slack rejects empty files; leave it out")
    if file.snippet_type and size > LARGEST_SNIPPET:
        raise TooLarge(f"the snippet {name} has {size} bytes; Slack accepts 1 MB", advice="upload it without a snippet type")

    def retry(error: WorkplaceError) -> bool | float:
        pause = error.retry_after or 0.0
        return error.retryable and pause <= reader.settings.max_wait and (pause or True)

    for attempt in attempts(ATTEMPTS, retry, backoff=1.0, sleep=reader.pause):
        # An upload URL is valid for one upload, so every attempt requests a new one.
        arguments = {"filename": name, "length": size, "snippet_type": file.snippet_type or None}
        place = reader.fetch("files.getUploadURLExternal", _UploadPlace, arguments)
        with attempt:
            _send(reader, place.upload_url, FilePart("file", file.open))
    return str(place.file_id)


def share_files(
    reader: SlackReader, ids: Sequence[tuple[str, str]], channel: str, thread_ts: str, *, fresh: bool
) -> list[FileInfo]:
    """Share uploaded files in a thread, each once.

    :param ids: id and title of each file
    :param fresh: the files were uploaded just now, so no earlier attempt can have shared them
    :return: the files, which are in the channel now
    :raises NotFound: the uploads no longer exist
    :raises WorkplaceError: the files do not appear in the channel
    """
    for attempt in attempts(
        ATTEMPTS, lambda error: error.retryable and not error.never_executed, backoff=0.0, sleep=reader.pause
    ):
        unsure = not fresh or attempt.number > 1
        missing = [(id_, title) for id_, title in ids if not (unsure and _is_shared(reader, id_, channel))]
        with attempt:
            if missing:
                _complete(reader, missing, channel, thread_ts)
    shared = [file for file in (_wait_until_shared(reader, id_, channel) for id_, _ in ids) if file is not None]
    if len(shared) < len(ids):
        raise SourceUnavailable(
            f"{len(ids) - len(shared)} of {len(ids)} uploaded files have not appeared in the channel",
            advice="Slack may be slow; run the task again, it shares only the missing files",
        )
    return shared


def _complete(reader: SlackReader, ids: Sequence[tuple[str, str]], channel: str, thread_ts: str) -> None:
    files = [{"id": id_, "title": title} for id_, title in ids]
    reader.submit("files.completeUploadExternal", Envelope, {"files": files, "channel_id": channel, "thread_ts": thread_ts})


def _is_shared(reader: SlackReader, file_id: str, channel: str) -> bool:
    """Return whether an earlier attempt has shared a file in the channel."""
    try:
        return _wait_until_shared(reader, file_id, channel) is not None
    except NotFound:
        return False


def _wait_until_shared(reader: SlackReader, file_id: str, channel: str) -> FileInfo | None:
    for wait in LOOKS:
        if wait:
            reader.pause(wait)
        info: FileInfo = reader.get("files.info", "file", FileInfo, {"file": file_id})
        if info.is_in(channel):
            return info
    return None


def _send(reader: SlackReader, url: str, part: FilePart) -> None:
    parts = urlsplit(url)
    once = replace(reader.settings, attempts=1)
    # Without the token: the URL alone authorizes the upload.
    with HttpClient(f"{parts.scheme}://{parts.netloc}", system=SYSTEM, settings=once, sleep=reader.pause) as http:
        try:
            http.upload(parts.path + (f"?{parts.query}" if parts.query else ""), part)
        except WorkplaceError as error:
            # The path is a credential for the upload.
            error.url = f"{parts.scheme}://{parts.netloc}/***"
            raise
