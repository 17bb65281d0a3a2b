"""Where an export lies: what it takes of a place for files."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import IO, Any, Protocol


class ExportSink(Protocol):
    """A file in the making."""

    def write(self, chunk: bytes, /) -> object:
        """Take the next bytes."""

    def restart(self) -> None:
        """Forget all that was written."""


class ExportFolder(Protocol):
    """A folder in any store. Names are relative to it, with slashes; a file is there whole or not at all."""

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading.

        :raises FileNotFoundError: it is not there
        """

    def publish(self, name: str, media_type: str) -> AbstractContextManager[ExportSink]:
        """Make a file, which is there under its name when the block ends without an error, and never before."""

    def safe_name(self, name: str) -> str:
        """A file name as the store takes it; letters of any script stay."""

    def describe_file(self, name: str, media_type: str, size: int, sha256: str) -> dict[str, Any]:
        """A file as others are told of it, as JSON."""

    def size(self, name: str) -> int | None:
        """Bytes of a file; ``None`` when it is not there."""

    def names(self, folder: str) -> Sequence[str]:
        """The names of the files and folders right in a folder; none when it is not there."""

    def all_names(self, folder: str) -> set[str]:
        """The names of all files in a folder, at any depth, relative to the folder of the export."""

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all that is in it; nothing happens when it is not there."""
