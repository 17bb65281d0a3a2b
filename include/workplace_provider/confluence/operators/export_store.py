"""The folder of an export in object storage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

from workplace_provider.common.artifact_store import ArtifactSink, ArtifactStore, safe_name
from workplace_provider.common.artifacts import Artifact

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath


class StoredExport:
    """An :class:`~workplace_provider.confluence.export.ExportFolder` in the artifact store.

    :param store: the store
    :param folder: folder or URL in the store
    """

    def __init__(self, store: ArtifactStore, folder: str) -> None:
        self._store = store
        self._folder = folder.rstrip("/")

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading."""
        path = self._path(name)
        # The cached facts about the file may be older than its content, which another process may have written.
        path.fs.invalidate_cache(path.path)
        # Not with the path's own open(), which records each read as lineage.
        return cast("IO[bytes]", path.fs.open(path.path, "rb"))

    @contextmanager
    def publish(self, name: str, media_type: str) -> Iterator[ArtifactSink]:
        """Write a file, which gets its name when the block ends without an error."""
        above, _, last = name.rpartition("/")
        with self._store.publish(f"{self._folder}/{above}" if above else self._folder, last, media_type) as sink:
            yield sink

    def safe_name(self, name: str) -> str:
        """Return a file name that every file system and object store accepts; it keeps Korean and Japanese letters."""
        return safe_name(name)

    def describe_file(self, name: str, media_type: str, size: int, sha256: str) -> dict[str, Any]:
        """Return the artifact of a file as plain data."""
        path = self._path(name)
        uri = str(path.path) if path.protocol in ("", "file", "local") else f"{path.protocol}://{path.path}"
        last = name.rpartition("/")[2]
        return Artifact(uri, last, media_type, size, sha256, self._store.conn_id or path.conn_id).as_dict()

    def size(self, name: str) -> int | None:
        """Return the size of a file in bytes; ``None`` if it does not exist."""
        path = self._path(name)
        try:
            return int(path.fs.info(path.path)["size"])
        except FileNotFoundError:
            return None

    def names(self, folder: str) -> Sequence[str]:
        """Return the names of the files and folders in a folder, without temporary files."""
        path = self._path(folder)
        # A cached listing may be older than the files that another process has written.
        path.fs.invalidate_cache(path.path)
        try:
            paths = path.fs.ls(path.path, detail=False)
        except FileNotFoundError:
            return ()
        names = (str(entry).rstrip("/").rpartition("/")[2] for entry in paths)
        return sorted(name for name in names if not name.startswith("."))

    def all_names(self, folder: str) -> set[str]:
        """Return the names of all files below a folder."""
        path, root = self._path(folder), self._path("").path.rstrip("/") + "/"
        path.fs.invalidate_cache(path.path)
        return {str(file).removeprefix(root) for file in path.fs.find(path.path)}

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with its content."""
        path = self._path(name)
        try:
            path.fs.rm(path.path, recursive=True)
        except FileNotFoundError:
            return

    def _path(self, name: str) -> ObjectStoragePath:
        return self._store.path(f"{self._folder}/{name}")
