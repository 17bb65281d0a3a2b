"""A file that is read whole and replaced in one step, on a disk or in an object store."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, Protocol, cast

from workplace_provider.common.private_files import make_private_folder
from workplace_provider.identity import TargetError

_S3: Final = ("s3", "s3a")


class StoragePath(Protocol):
    """An object in an object store, such as Airflow's ``ObjectStoragePath``."""

    @property
    def name(self) -> str:
        """The last part of the path."""

    @property
    def fs(self) -> Any:
        """The file system."""

    @property
    def path(self) -> str:
        """The path in the file system."""

    @property
    def protocol(self) -> str:
        """The scheme of the URL, such as ``s3``."""

    def open(self, mode: str) -> Any:
        """Open the object."""


class StoredFile:
    """A file that other processes may change.

    Processes on one machine wait for each other; a change by another machine is detected before the write and raises an
    error. In S3 the write itself has the condition that the object is unchanged; for other object stores, it is compared
    right before.

    :param path: the file, or an object in an object store
    :param name: name in messages
    """

    def __init__(self, path: Path | StoragePath, name: str) -> None:
        self.path = path
        self._name = name
        # Digest of the file when it was read last, compared before a write; None if there was no file.
        self._seen: bytes | None = None
        self._etag = ""

    def read(self) -> bytes | None:
        """Return the content; ``None`` if there is no file."""
        content = self._content()
        self._seen = _digest(content)
        return content

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the file while it is read and written. Other machines are detected by the comparison before a write."""
        if not isinstance(self.path, Path):
            yield
            return
        import fcntl

        make_private_folder(self.path.parent)
        # The lock is on the folder, because the file itself is replaced.
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def replace(self, data: bytes) -> None:
        """Replace the content, if it is still the one that was read.

        :raises TargetError: another process has changed the file
        """
        content = self._content()
        if _digest(content) != self._seen:
            raise self._overtaken()
        if content == data:
            return
        if isinstance(self.path, Path):
            _replace_file(self.path, data)
            return
        self._replace_object(self.path, data)

    def _content(self) -> bytes | None:
        if not isinstance(self.path, Path):
            self.path.fs.invalidate_cache()
        try:
            with self._open("rb") as stream:
                # s3fs reads with the condition that the object still has this ETag.
                self._etag = str((getattr(stream, "details", None) or {}).get("ETag") or "")
                return bytes(stream.read())
        except FileNotFoundError:
            return None

    def _replace_object(self, path: StoragePath, data: bytes) -> None:
        """Write the object, in S3 only if it is still the one that was read."""
        if path.protocol not in _S3:
            with self._open("wb") as stream:
                stream.write(data)
            return
        # s3fs passes these to PutObject. S3 checks them since November 2024:
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        conditions = {"IfNoneMatch": "*"} if self._seen is None else {"IfMatch": self._etag}
        try:
            path.fs.pipe_file(path.path, data, **conditions)
        except OSError:
            content = self._content()
            # A retry of the store's client fails like this, after a first request whose response was lost.
            if content == data:
                return
            if _digest(content) != self._seen:
                raise self._overtaken() from None
            raise

    def _overtaken(self) -> TargetError:
        return TargetError(f"Nothing was saved: {self._name} was changed by another process in the meantime. Run again")

    def _open(self, mode: str) -> IO[bytes]:
        return cast("IO[bytes]", self.path.open(mode))


def _replace_file(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _digest(content: bytes | None) -> bytes | None:
    return None if content is None else hashlib.sha256(content).digest()
