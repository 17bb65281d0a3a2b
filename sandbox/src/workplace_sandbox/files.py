"""Attachment bytes on disk: written under a temporary name while they arrive, then moved to their place."""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from typing import TYPE_CHECKING, BinaryIO, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

CHUNK_BYTES = 256 * 1024


class StagedFile:
    """A file that is still arriving: counts and hashes its bytes; it is removed unless it is taken.

    Memory use does not depend on the size of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._digest = hashlib.sha256()
        self._file: BinaryIO | None = path.open("wb")

    @property
    def sha256(self) -> str:
        """Hex digest of the bytes so far."""
        return self._digest.hexdigest()

    def write(self, chunk: bytes) -> int:
        """Append ``chunk``.

        :param chunk: the next bytes of the file.
        :return: the number of written bytes, which is all of them.
        """
        if self._file is None:
            raise ValueError("the staged file is closed")
        self._digest.update(chunk)
        self.size += len(chunk)
        return self._file.write(chunk)

    def copy_from(self, source: BinaryIO) -> None:
        """Append the rest of ``source``, a chunk at a time."""
        while chunk := source.read(CHUNK_BYTES):
            self.write(chunk)

    def close(self) -> None:
        """Stop writing; the file stays until it is taken or discarded."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def discard(self) -> None:
        """Remove the file unless it was taken."""
        self.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.discard()


class FileShelf:
    """The directory of attachment files: ``<attachment id>/<version>`` and ``incoming/`` for staged ones."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._incoming = directory / "incoming"
        # Files that an earlier process left half-written.
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._incoming.mkdir(parents=True)

    def stage(self) -> StagedFile:
        """Open a new staged file.

        :return: the file; use it as a context manager so that an aborted upload leaves nothing.
        """
        return StagedFile(self._incoming / uuid.uuid4().hex)

    def path(self, attachment_id: str, version: int) -> Path:
        """Return the path of the bytes of one version."""
        return self._directory / attachment_id / str(version)

    def take(self, staged: StagedFile, attachment_id: str, version: int) -> None:
        """Put a staged file in its final place, in one step."""
        staged.close()
        target = self.path(attachment_id, version)
        target.parent.mkdir(exist_ok=True)
        os.replace(staged.path, target)

    def remove(self, attachment_id: str) -> None:
        """Remove all versions of an attachment."""
        shutil.rmtree(self._directory / attachment_id, ignore_errors=True)

    def clear(self) -> None:
        """Remove every file."""
        shutil.rmtree(self._directory, ignore_errors=True)
        self._incoming.mkdir(parents=True)
