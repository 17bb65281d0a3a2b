"""An export's folder in object storage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

from workplace_provider.common.artifact_store import ArtifactSink, ArtifactStore, safe_name
from workplace_provider.common.artifacts import Artifact

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath


class StoredExport:
    """Implements :class:`~workplace_provider.confluence.export.ExportFolder` in the store of artifacts.

    :param store: the store
    :param folder: folder or URL in it
    """

    def __init__(self, store: ArtifactStore, folder: str) -> None:
        self._store = store
        self._folder = folder.rstrip("/")

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading."""
        path = self._path(name)
        # What is kept of the file may be older than what another process has made of it.
        path.fs.invalidate_cache(path.path)
        # Not by the path's own open: that notes the reading of each part as lineage.
        return cast("IO[bytes]", path.fs.open(path.path, "rb"))

    @contextmanager
    def publish(self, name: str, media_type: str) -> Iterator[ArtifactSink]:
        """Make a file, which is there under its name when the block ends without an error."""
        above, _, last = name.rpartition("/")
        with self._store.publish(f"{self._folder}/{above}" if above else self._folder, last, media_type) as sink:
            yield sink

    def safe_name(self, name: str) -> str:
        """A file name that every file system and object store takes; Korean and Japanese stay."""
        return safe_name(name)

    def describe_file(self, name: str, media_type: str, size: int, sha256: str) -> dict[str, Any]:
        """The artifact of a file, as JSON."""
        path = self._path(name)
        uri = str(path.path) if path.protocol in ("", "file", "local") else f"{path.protocol}://{path.path}"
        last = name.rpartition("/")[2]
        return Artifact(uri, last, media_type, size, sha256, self._store.conn_id or path.conn_id).as_dict()

    def size(self, name: str) -> int | None:
        """Bytes of a file; ``None`` when it is not there."""
        path = self._path(name)
        try:
            return int(path.fs.info(path.path)["size"])
        except FileNotFoundError:
            return None

    def names(self, folder: str) -> Sequence[str]:
        """The names of the files and folders right in a folder, without those in the making."""
        path = self._path(folder)
        # A listing that is kept may be older than what another process has made.
        path.fs.invalidate_cache(path.path)
        try:
            found = path.fs.ls(path.path, detail=False)
        except FileNotFoundError:
            return ()
        names = (str(each).rstrip("/").rpartition("/")[2] for each in found)
        return sorted(name for name in names if not name.startswith("."))

    def all_names(self, folder: str) -> set[str]:
        """The names of all files in a folder, at any depth."""
        path, root = self._path(folder), self._path("").path.rstrip("/") + "/"
        path.fs.invalidate_cache(path.path)
        return {str(each).removeprefix(root) for each in path.fs.find(path.path)}

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all that is in it."""
        path = self._path(name)
        try:
            path.fs.rm(path.path, recursive=True)
        except FileNotFoundError:
            return

    def _path(self, name: str) -> ObjectStoragePath:
        return self._store.path(f"{self._folder}/{name}")
