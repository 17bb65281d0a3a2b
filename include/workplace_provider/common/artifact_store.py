"""Store for the files of tasks: they are streamed to object storage, and visible only when they are complete."""

from __future__ import annotations

import hashlib
import re
import threading
import unicodedata
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, Final

from workplace_provider.common.artifacts import Artifact
from workplace_provider.common.private_files import make_private_folder, open_private
from workplace_provider.http import metrics
from workplace_provider.http.redaction import remove_invisible

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

LONGEST_NAME: Final = 240
"""Bytes of UTF-8. File systems and wikis allow 255; the temporary name of a file is longer."""

# Object stores receive a file in parts of this size, a few of them in memory. They allow 10,000 parts: 80 GiB.
_BLOCK: Final = 8 * 1024 * 1024
_NOT_IN_NAMES: Final = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]+')
_NOT_IN_KEYS: Final = re.compile(r"[^\w.=@-]+")
# Names that Windows reserves for devices, with any extension.
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[\d¹²³]|lpt[\d¹²³])(\..*)?", re.I)
_PART: Final = ".part"
_LOCAL: Final = ("", "file", "local")
"""Protocols of paths on the disk of this machine."""
_DIGEST_AT_END: Final = re.compile(r"-[0-9a-f]{16}")


class ArtifactStore:
    """The store for the files of tasks.

    :param base: folder or object-storage URL; by default the provider's setting ``[workplace] artifacts_path``, else the
        folder ``artifacts`` in ``AIRFLOW_HOME``
    :param conn_id: Airflow connection of the object store
    :raises ValueError: if it is below the path of the object-storage XCom backend, which deletes files there when a task
        is cleared
    """

    def __init__(self, base: str | None = None, conn_id: str | None = None) -> None:
        self.base = (base or _configured_base()).rstrip("/")
        self.conn_id = conn_id
        self._tidied: set[str] = set()
        self._tidying = threading.Lock()
        _check_outside_xcom(self.base)

    def run_folder(self, context: Mapping[str, Any], task_id: str) -> str:
        """Return the folder of a task in a run. It is the same in each try, so that a retry replaces files.

        :param context: the task's context
        """
        parts = [context["run_id"], task_id]
        index = getattr(context.get("ti"), "map_index", -1)
        if isinstance(index, int) and index >= 0:
            parts.append(str(index))
        return "/".join([self.dag_folder(context), *map(folder_name, parts)])

    def dag_folder(self, context: Mapping[str, Any]) -> str:
        """Return the folder with the folders of all runs of a DAG.

        :param context: the task's context
        """
        return f"{self.base}/{folder_name(context['dag'].dag_id)}"

    def contains(self, artifact: Artifact, folder: str) -> bool:
        """Return whether an artifact is a file in a folder of this store, by its URI and its connection.

        An artifact in XCom is data: the author of a DAG can name any file in it.

        :param folder: folder of :meth:`run_folder`
        """
        path = self.path(folder)
        return (artifact.uri.rpartition("/")[0], artifact.conn_id) == (_uri(path), path.conn_id)

    @contextmanager
    def publish(self, folder: str, name: str, media_type: str) -> Iterator[ArtifactSink]:
        """Write a file under a temporary name, and rename it when the block ends without an error.

        :param folder: folder of :meth:`run_folder`
        :param name: file name; see :func:`safe_name`
        :param media_type: MIME type
        :return: the sink to write to; its ``artifact`` exists after the block
        """
        sink = ArtifactSink(self.path(folder), name, media_type)
        # Temporary files of a killed worker can be removed, because only one try of a task runs at a time. The threads of
        # a task wait here for each other, so that none removes a file that another has just started.
        with self._tidying:
            if folder not in self._tidied:
                sink.remove_leftovers()
                self._tidied.add(folder)
        try:
            yield sink
            sink.finish()
        except BaseException:
            sink.discard()
            raise

    def path(self, folder: str) -> ObjectStoragePath:
        """Return a folder as an object-storage path."""
        from airflow.sdk import ObjectStoragePath

        return ObjectStoragePath(folder, conn_id=self.conn_id)


class ArtifactSink:
    """A file that is being written.

    :param folder: folder of the file
    :param name: name of the complete file
    :param media_type: MIME type
    """

    def __init__(self, folder: ObjectStoragePath, name: str, media_type: str) -> None:
        if name != safe_name(name):
            raise ValueError(f"{name!r} is not a file name that every system accepts; use {safe_name(name)!r}")
        self._folder = folder
        self._final = folder / name
        self._temporary = folder / f".{uuid.uuid4().hex}{_PART}"
        self._name = name
        self._media_type = media_type
        self._stream: IO[bytes] | None = None
        self._artifact: Artifact | None = None
        self._facts: dict[str, Any] = {}
        self._begin()

    @property
    def artifact(self) -> Artifact:
        """Return the complete file.

        :raises RuntimeError: if it is not complete
        """
        if self._artifact is None:
            raise RuntimeError(f"{self._name} is not complete")
        return self._artifact

    def write(self, chunk: bytes, /) -> int:
        """Write the next bytes."""
        if self._stream is None:
            self._stream = self._open()
        self._digest.update(chunk)
        self.size += len(chunk)
        return self._stream.write(chunk)

    def restart(self) -> None:
        """Discard the bytes so far, and start from an empty file."""
        self.discard()
        self._begin()

    def describe(self, **facts: Any) -> None:
        """Add to the artifact's ``facts`` about the content."""
        self._facts |= facts

    def finish(self) -> None:
        """Rename the file to its final name; it replaces a file with this name."""
        stream = self._stream or self._open()
        self._stream = None
        stream.close()
        filesystem = self._temporary.fs
        filesystem.mv(self._temporary.path, self._final.path)
        metrics.count("artifacts.bytes", self.size)
        self._artifact = Artifact(
            uri=_uri(self._final),
            name=self._name,
            media_type=self._media_type,
            size=self.size,
            sha256=self._digest.hexdigest(),
            conn_id=self._folder.conn_id,
            facts=self._facts,
        )

    def discard(self) -> None:
        """Delete the temporary file."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            stream.close()
            self._temporary.fs.rm_file(self._temporary.path)

    def remove_leftovers(self) -> None:
        """Remove the temporary files of an earlier try."""
        filesystem = self._folder.fs
        if not filesystem.exists(self._folder.path):
            return
        for path in filesystem.ls(self._folder.path, detail=False):
            name = str(path).rpartition("/")[2]
            if name.startswith(".") and name.endswith(_PART):
                filesystem.rm_file(path)

    def _begin(self) -> None:
        self.size = 0
        self._digest = hashlib.sha256()

    def _open(self) -> IO[bytes]:
        if self._folder.protocol in _LOCAL:
            make_private_folder(self._folder.path)
            return open_private(self._temporary.path)
        # Not with the path's own open(), which records each write as lineage.
        stream: IO[bytes] = self._temporary.fs.open(self._temporary.path, "wb", block_size=_BLOCK)
        return stream


def folders_in(filesystem: Any, path: str) -> list[str]:
    """Return the paths of the folders in a folder of a store's file system; none if it does not exist.

    Links on a disk are left out: they may lead to files that are not the store's.
    """
    try:
        entries = filesystem.ls(path, detail=True)
    except FileNotFoundError:
        return []
    return [entry["name"].rstrip("/") for entry in entries if entry["type"] == "directory" and not entry.get("islink")]


def changed_at(entry: Mapping[str, Any]) -> datetime | None:
    """Return the time of a file's last change from its entry in a listing; ``None`` if the store does not state it."""
    moment = entry.get("LastModified") or entry.get("mtime") or entry.get("updated")
    if isinstance(moment, int | float):
        return datetime.fromtimestamp(moment, UTC)
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    if not isinstance(moment, datetime):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def safe_name(name: str) -> str:
    """Return a file name that every file system, object store and wiki accepts. It keeps Korean and Japanese letters.

    Characters with a meaning on Windows or in URLs become ``_``, letters are composed (NFC), and a long name is shortened
    before its extension.
    """
    name = _NOT_IN_NAMES.sub("_", remove_invisible(unicodedata.normalize("NFC", name), "_")).strip(" .") or "_"
    if _DEVICES.fullmatch(name):
        name = f"_{name}"
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 16:
        stem, extension = name, ""
    end = f".{extension}" if extension else ""
    room = LONGEST_NAME - len(end.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(" .") + end


def folder_name(id_: str) -> str:
    """Return a folder name that is unique for an id.

    The id of a run has colons and a plus sign. People who trigger a run may choose it, so ``..`` must not lead to another
    folder, and two ids must not share one: a changed id gets its digest as a suffix.
    """
    key = _NOT_IN_KEYS.sub("_", id_)
    if key == id_ and key.strip(".") and not _DIGEST_AT_END.fullmatch(key[-17:]):
        return key
    return f"{key.strip('.')}-{hashlib.sha256(id_.encode()).hexdigest()[:16]}"


def _uri(path: ObjectStoragePath) -> str:
    """Return the URI without the connection, which an artifact has in a field of its own."""
    return str(path.path) if path.protocol in _LOCAL else f"{path.protocol}://{path.path}"


def _configured_base() -> str:
    from airflow.configuration import AIRFLOW_HOME, conf

    return str(conf.get("workplace", "artifacts_path", fallback="") or f"file://{AIRFLOW_HOME}/artifacts")


def _check_outside_xcom(base: str) -> None:
    from airflow.configuration import conf

    xcom = str(conf.get("common.io", "xcom_objectstorage_path", fallback="") or "").rstrip("/")
    if xcom and (_comparable(base) + "/").startswith(_comparable(xcom) + "/"):
        raise ValueError(
            f"[workplace] artifacts_path is {base}, which is below [common.io] xcom_objectstorage_path ({xcom}): clearing a "
            "task would delete its files. Choose another path"
        )


def _comparable(url: str) -> str:
    """Return a storage URL without connection and without the scheme of local files, for comparisons."""
    return re.sub(r"://[^/@]*@", "://", url).removeprefix("file://")
