"""Where the files that tasks make are kept: object storage, streamed to, and published only when they are whole."""

from __future__ import annotations

import hashlib
import re
import threading
import unicodedata
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Final

from workplace_provider.common.artifacts import Artifact
from workplace_provider.common.private_files import make_private_folder, open_private
from workplace_provider.http.redaction import remove_invisible

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

LONGEST_NAME: Final = 240
"""Bytes of UTF-8. File systems and wikis take 255; what is written meanwhile has a longer name."""

# Object stores take a file in parts of this many bytes, of which a few are in memory; 10,000 parts make a file of 80 GiB.
_BLOCK: Final = 8 * 1024 * 1024
_NOT_IN_NAMES: Final = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]+')
_NOT_IN_KEYS: Final = re.compile(r"[^\w.=@-]+")
# Names that Windows keeps for devices, whatever their extension is.
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[\d¹²³]|lpt[\d¹²³])(\..*)?", re.I)
_PART: Final = ".part"
_DIGEST_AT_END: Final = re.compile(r"-[0-9a-f]{16}")


class ArtifactStore:
    """The place for the files of tasks.

    :param base: folder or object-storage URL; by default the provider's setting ``[workplace] artifacts_path``, else the
        folder ``artifacts`` in ``AIRFLOW_HOME``
    :param conn_id: Airflow connection that opens the object store
    :raises ValueError: the place is below that of the object-storage XCom backend, which deletes what is there when a task
        is cleared
    """

    def __init__(self, base: str | None = None, conn_id: str | None = None) -> None:
        self.base = (base or _configured_base()).rstrip("/")
        self.conn_id = conn_id
        self._tidied: set[str] = set()
        self._tidying = threading.Lock()
        _refuse_below_xcom(self.base)

    def run_folder(self, context: Mapping[str, Any], task_id: str) -> str:
        """The folder of a task in a run: the same whenever the task is tried again, so that nothing lies there twice.

        :param context: the task's context
        """
        parts = [context["run_id"], task_id]
        index = getattr(context.get("ti"), "map_index", -1)
        if isinstance(index, int) and index >= 0:
            parts.append(str(index))
        return "/".join([self.dag_folder(context), *map(_key_of, parts)])

    def dag_folder(self, context: Mapping[str, Any]) -> str:
        """Return the folder with the folders of all runs of a DAG.

        :param context: the task's context
        """
        return f"{self.base}/{_key_of(context['dag'].dag_id)}"

    @contextmanager
    def publish(self, folder: str, name: str, media_type: str) -> Iterator[ArtifactSink]:
        """Make a file: under a temporary name while it is written, under its own when the block ends without an error.

        :param folder: of :meth:`run_folder`
        :param name: file name; see :func:`safe_name`
        :param media_type: MIME type
        :return: the sink to write to; its ``artifact`` is there after the block
        """
        sink = ArtifactSink(self.path(folder), name, media_type)
        # What a killed worker left half written belongs to nobody: only one try of a task runs at a time. Its threads wait
        # here for each other, because what one of them has begun is no leftover.
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
        """A folder of :meth:`run_folder` as an object-storage path."""
        from airflow.sdk import ObjectStoragePath

        return ObjectStoragePath(folder, conn_id=self.conn_id)


class ArtifactSink:
    """A file in the making.

    :param folder: where it goes
    :param name: its name when it is finished
    :param media_type: MIME type
    """

    def __init__(self, folder: ObjectStoragePath, name: str, media_type: str) -> None:
        if name != safe_name(name):
            raise ValueError(f"{name!r} is no file name that every system takes: {safe_name(name)!r} would be")
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
        """The finished file.

        :raises RuntimeError: it is not finished
        """
        if self._artifact is None:
            raise RuntimeError(f"{self._name} is not finished")
        return self._artifact

    def write(self, chunk: bytes, /) -> int:
        """Take the next bytes."""
        if self._stream is None:
            self._stream = self._opened()
        self._digest.update(chunk)
        self.size += len(chunk)
        return self._stream.write(chunk)

    def restart(self) -> None:
        """Forget all that was written."""
        self.discard()
        self._begin()

    def describe(self, **facts: Any) -> None:
        """Say what is known of the content; it goes into the artifact's ``facts``."""
        self._facts |= facts

    def finish(self) -> None:
        """Publish it under its name, over a file of that name that was there."""
        stream = self._stream or self._opened()
        self._stream = None
        stream.close()
        filesystem = self._temporary.fs
        filesystem.mv(self._temporary.path, self._final.path)
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
        """Leave nothing behind."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            stream.close()
            self._temporary.fs.rm_file(self._temporary.path)

    def remove_leftovers(self) -> None:
        """Remove what an earlier try left half written."""
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

    def _opened(self) -> IO[bytes]:
        if self._folder.protocol in ("", "file", "local"):
            make_private_folder(self._folder.path)
            return open_private(self._temporary.path)
        # Not by the path's own open: that notes every single write as lineage.
        stream: IO[bytes] = self._temporary.fs.open(self._temporary.path, "wb", block_size=_BLOCK)
        return stream


def safe_name(name: str) -> str:
    """A file name that every file system, object store and wiki takes; Korean and Japanese stay.

    Characters that Windows or a URL takes for something else become ``_``, letters are composed (NFC), and what is too long
    is shortened before the extension.
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


def _key_of(id_: str) -> str:
    """Return the folder of an id: another one for each id.

    The id of a run has colons and a plus in it. People who trigger a run may choose it: ``..`` must lead nowhere, and no id
    may have the folder of another, so what had to be changed has a digest behind it.
    """
    key = _NOT_IN_KEYS.sub("_", id_)
    if key == id_ and key.strip(".") and not _DIGEST_AT_END.fullmatch(key[-17:]):
        return key
    return f"{key.strip('.')}-{hashlib.sha256(id_.encode()).hexdigest()[:16]}"


def _uri(path: ObjectStoragePath) -> str:
    """The address without the connection, which an artifact has as a field of its own."""
    return str(path.path) if path.protocol in ("", "file", "local") else f"{path.protocol}://{path.path}"


def _configured_base() -> str:
    from airflow.configuration import AIRFLOW_HOME, conf

    return str(conf.get("workplace", "artifacts_path", fallback="") or f"file://{AIRFLOW_HOME}/artifacts")


def _refuse_below_xcom(base: str) -> None:
    from airflow.configuration import conf

    xcom = str(conf.get("common.io", "xcom_objectstorage_path", fallback="") or "").rstrip("/")
    if xcom and (_comparable(base) + "/").startswith(_comparable(xcom) + "/"):
        raise ValueError(
            f"[workplace] artifacts_path is {base}, which is below [common.io] xcom_objectstorage_path ({xcom}): clearing a "
            "task would delete its files; give the artifacts a place of their own"
        )


def _comparable(url: str) -> str:
    """A storage address without scheme of local files and without the connection, to compare by."""
    return re.sub(r"://[^/@]*@", "://", url).removeprefix("file://")
