"""Files for a message: uploaded in three steps, and looked up until Slack really shows them.

Slack answers ``ok`` to the last step before the file is in the channel, and sometimes it never gets there.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from workplace_provider.http.client import FilePart, HttpClient
from workplace_provider.http.errors import Invalid, NotFound, RateLimited, SourceUnavailable, WorkplaceError
from workplace_provider.http.redaction import remove_invisible
from workplace_provider.slack.client.answers import SYSTEM, Envelope

if TYPE_CHECKING:
    from workplace_provider.slack.client.reader import SlackReader

ATTEMPTS: Final = 4
LOOKS: Final = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds to wait before each look whether a file is in the channel."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to share.

    :param name: its name, as people shall see it
    :param open: gives a fresh stream from the first byte, which can be told its size by seeking
    :param title: what stands above it; the name when empty
    """

    name: str
    open: Callable[[], IO[bytes]]
    title: str = ""

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
    """A file as ``files.info`` tells it."""

    id: str
    name: str | None = None
    permalink: str | None = None
    shares: _Shares | None = None

    def is_in(self, channel: str) -> bool:
        """Whether a message of a channel shows it."""
        return self.shares is not None and any(channel in (each or {}) for each in (self.shares.public, self.shares.private))


def upload_file(reader: SlackReader, file: Upload) -> str:
    """Bring the bytes of a file to Slack, where nobody sees them yet.

    :return: the file's id
    :raises Invalid: the file is empty, which Slack does not take
    :raises WorkplaceError: it could not be uploaded
    """
    name = unicodedata.normalize("NFC", file.name)
    with file.open() as stream:
        size = stream.seek(0, os.SEEK_END)
    if not size:
        raise Invalid(f"the file {name} is empty", system=SYSTEM, advice="Slack takes no empty files; leave it out")
    for attempt in range(1, ATTEMPTS + 1):
        # An address takes one upload, so every attempt gets its own.
        place = reader.fetch("files.getUploadURLExternal", _UploadPlace, {"filename": name, "length": size})
        try:
            _send(reader, place.upload_url, FilePart("file", file.open))
        except WorkplaceError as error:
            # The path is a password for the upload.
            parts = urlsplit(place.upload_url)
            error.url = f"{parts.scheme}://{parts.netloc}/***"
            wait = error.retry_after or 0.5 * 2**attempt
            if not error.retryable or attempt == ATTEMPTS or wait > reader.settings.max_wait:
                raise
            reader.pause(wait)
        else:
            return str(place.file_id)
    raise AssertionError("unreachable: ATTEMPTS is at least 1")


def share_files(
    reader: SlackReader, ids: Sequence[tuple[str, str]], channel: str, thread_ts: str, *, fresh: bool
) -> list[FileInfo]:
    """Show uploaded files in a thread, each once.

    :param ids: id and title of each
    :param fresh: whether they were uploaded just now, so that nobody can have shared them yet
    :return: the files, which are in the channel now
    :raises NotFound: the uploads are not there any more
    :raises WorkplaceError: Slack does not show them
    """
    attempt = 0
    while True:
        attempt += 1
        unsure = not fresh or attempt > 1
        missing = [each for each in ids if not (unsure and _known(reader, each[0], channel))]
        try:
            if missing:
                _complete(reader, missing, channel, thread_ts)
            break
        except WorkplaceError as error:
            if not error.retryable or isinstance(error, RateLimited) or attempt == ATTEMPTS:
                raise
    shown = [each for each in (_seen(reader, id_, channel) for id_, _ in ids) if each is not None]
    if len(shown) < len(ids):
        raise SourceUnavailable(
            f"{len(ids) - len(shown)} of {len(ids)} files were taken and are still not in the channel",
            system=SYSTEM,
            advice="Slack may be slow; run the task again, which shares only what is missing",
        )
    return shown


def _complete(reader: SlackReader, ids: Sequence[tuple[str, str]], channel: str, thread_ts: str) -> None:
    files = [{"id": id_, "title": title} for id_, title in ids]
    reader.submit("files.completeUploadExternal", Envelope, {"files": files, "channel_id": channel, "thread_ts": thread_ts})


def _known(reader: SlackReader, file_id: str, channel: str) -> bool:
    """Whether a file that may have been shared already is in the channel, or will be."""
    try:
        return _seen(reader, file_id, channel) is not None
    except NotFound:
        return False


def _seen(reader: SlackReader, file_id: str, channel: str) -> FileInfo | None:
    for wait in LOOKS:
        if wait:
            reader.pause(wait)
        found: FileInfo = reader.get("files.info", "file", FileInfo, {"file": file_id})
        if found.is_in(channel):
            return found
    return None


def _send(reader: SlackReader, url: str, part: FilePart) -> None:
    parts = urlsplit(url)
    once = replace(reader.settings, attempts=1)
    # Without the token: the address is all that the upload needs.
    with HttpClient(f"{parts.scheme}://{parts.netloc}", system=SYSTEM, settings=once, sleep=reader.pause) as http:
        http.upload(parts.path + (f"?{parts.query}" if parts.query else ""), part)
