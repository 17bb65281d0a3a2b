"""The storage of an export: a folder that any store can implement."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import IO, Any, Protocol


class ExportSink(Protocol):
    """An unfinished file."""

    def write(self, chunk: bytes, /) -> object:
        """Write the next bytes."""

    def restart(self) -> None:
        """Discard everything written so far."""


class ExportFolder(Protocol):
    """A folder in any store. Names are relative paths with slashes. A file exists completely or not at all."""

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading.

        :raises FileNotFoundError: when it does not exist
        """

    def publish(self, name: str, media_type: str) -> AbstractContextManager[ExportSink]:
        """Create a file. It appears under its name only when the block ends without an error."""

    def safe_name(self, name: str) -> str:
        """Return a file name that the store accepts; letters of all scripts stay."""

    def describe_file(self, name: str, media_type: str, size: int, sha256: str) -> dict[str, Any]:
        """Return a reference to a file as a JSON object, for other tasks."""

    def size(self, name: str) -> int | None:
        """Return the size of a file in bytes; ``None`` when it does not exist."""

    def names(self, folder: str) -> Sequence[str]:
        """Return the names of the files and folders directly in a folder; empty when it does not exist."""

    def all_names(self, folder: str) -> set[str]:
        """Return the names of all files in a folder at any depth, relative to the folder of the export."""

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with its content, if it exists."""
