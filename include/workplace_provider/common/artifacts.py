"""A finished file in object storage, as tasks hand it to each other."""

from __future__ import annotations

import hashlib
import json
import mimetypes
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from os import PathLike, fspath
from typing import IO, TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

MANIFEST: Final = "application/vnd.workplace.manifest+json"
"""Media type of a file that lists others: ``{"files": [artifact, …], …}``. It stands for the files in it."""

STORAGE: Final = "application/xhtml+xml"
"""Media type of a fragment in Confluence's storage format, which goes onto a page as it is."""

# Up to this many bytes a checked copy is kept in memory, above in an unnamed temporary file.
_SPOOL: Final = 8 * 1024 * 1024
_CHUNK: Final = 256 * 1024
_FIELDS = ("uri", "name", "media_type", "size", "sha256", "conn_id", "facts")


class ArtifactNotFound(FileNotFoundError):
    """A file that a task handed on is not where it says, as seen from this worker."""


class ArtifactChanged(ValueError):
    """A file in the artifact store is not the one that the task before handed on."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """Where a file is, and what is known of it.

    XCom says which content is meant, the store only keeps it: :meth:`open` is the one way to read an artifact, and refuses a
    file that was changed in between.

    :param uri: local path, or object-storage URL such as ``s3://bucket/key``
    :param name: file name for people
    :param media_type: MIME type
    :param size: bytes, where known
    :param sha256: hexadecimal digest of the content, where known
    :param conn_id: Airflow connection that opens the object store
    :param facts: what its maker knows of the content, as JSON: the view it shows, its pixels, how many rows it has
    """

    uri: str
    name: str
    media_type: str = "application/octet-stream"
    size: int | None = None
    sha256: str | None = None
    conn_id: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def as_dict(self) -> dict[str, Any]:
        """The artifact as a task returns it."""
        return asdict(self)

    @staticmethod
    def is_storage(value: Any) -> bool:
        """Whether a value is an artifact, or an artifact's dict, of storage format."""
        kind = value.get("media_type") if isinstance(value, Mapping) else getattr(value, "media_type", None)
        return kind == STORAGE

    @property
    def path(self) -> ObjectStoragePath:
        """The file as an Airflow object-storage path."""
        from airflow.sdk import ObjectStoragePath

        return ObjectStoragePath(self.uri, conn_id=self.conn_id)

    def open(self) -> IO[bytes]:
        """Open the file for reading, from its first byte.

        With a digest, the caller reads a private copy that was compared with it, so a change during the reading has no
        effect either.

        :raises ArtifactNotFound: the file is not there
        :raises ArtifactChanged: the file has another content than ``sha256``
        """
        try:
            stored = cast("IO[bytes]", self.path.open("rb"))  # type: ignore[no-untyped-call]
        except FileNotFoundError as error:
            raise self._missing() from error
        if self.sha256 is None:
            return stored
        with stored:
            return self._verified_copy(stored)

    def check_present(self) -> None:
        """Make certain that the file can be read from here, before anything is written that depends on it.

        :raises ArtifactNotFound: it is not there
        """
        if not self.path.exists():
            raise self._missing()

    def _missing(self) -> ArtifactNotFound:
        if "://" in self.uri and not self.uri.startswith("file:"):
            advice = "Was it deleted since, or does conn_id open another store?"
        else:
            advice = (
                "It is on this machine's disk only when the task before ran here: set [workplace] artifacts_path to object "
                "storage or a disk that all workers share, and clear the task that made the file."
            )
        return ArtifactNotFound(f"{self.name} is not there for this worker. {advice} ({self.uri})")

    def _verified_copy(self, stored: IO[bytes]) -> IO[bytes]:
        copy = cast("IO[bytes]", tempfile.SpooledTemporaryFile(_SPOOL))  # noqa: SIM115 - the caller closes it
        digest, size = hashlib.sha256(), 0
        try:
            while chunk := stored.read(_CHUNK):
                size += len(chunk)
                # What is longer than announced is not read to its end: it could fill the worker's disk.
                if self.size is not None and size > self.size:
                    raise self._changed(f"it has more than {self.size} bytes")
                digest.update(chunk)
                copy.write(chunk)
            if digest.hexdigest() != self.sha256:
                raise self._changed(f"its SHA-256 is {digest.hexdigest()}, not {self.sha256}")
        except BaseException:
            copy.close()
            raise
        copy.seek(0)
        return copy

    def _changed(self, difference: str) -> ArtifactChanged:
        return ArtifactChanged(
            f"{self.name} was changed after its task handed it on: {difference}. Clear the task that made it, and check who "
            f"may write there. ({self.uri})"
        )


def as_artifacts(value: Any) -> list[Artifact]:
    """Read what a task was given as files.

    A manifest stands for the files that it lists.

    :param value: an Artifact or its dict, an object-storage path, a local path, or a list of those; a dict of file name
        to any of them renames the files
    :raises ValueError: when something is none of these; the message names it
    """
    if value is None:
        return []
    if isinstance(value, Mapping) and "uri" not in value:
        return [_renamed(name, each) for name, each in value.items()]
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | PathLike) and not _is_remote(value):
        return [artifact for each in value for artifact in as_artifacts(each)]
    found = _artifact(value)
    return as_artifacts(read_manifest(found)["files"]) if found.media_type == MANIFEST else [found]


def read_manifest(value: Any) -> dict[str, Any]:
    """Read what a manifest says; its ``files`` are dicts of artifacts.

    :param value: the manifest's artifact, or the artifact's dict
    :raises ValueError: it is no manifest
    """
    manifest = _artifact(value)
    if manifest.media_type != MANIFEST:
        raise ValueError(f"{value!r} is no manifest: give the output of the task that made one")
    with manifest.open() as stream:
        content: dict[str, Any] = json.load(stream)
    return content


def _artifact(value: Any) -> Artifact:
    if isinstance(value, Artifact):
        return value
    if isinstance(value, Mapping):
        known = {key: value[key] for key in _FIELDS if key in value}
        return Artifact(**{"name": _name(str(value["uri"])), **known})
    if _is_remote(value):
        uri = str(value)
        return Artifact(uri, _name(uri), _media_type(uri), conn_id=getattr(value, "conn_id", None))
    if isinstance(value, str | PathLike) and fspath(value):
        uri = str(fspath(value))
        return Artifact(uri, _name(uri), _media_type(uri))
    raise ValueError(
        f"{value!r} is no file: give an artifact, an object-storage path, a local path, "
        "or a list or name-to-file dict of them"
    )


def _renamed(name: str, value: Any) -> Artifact:
    artifacts = as_artifacts(value)
    if len(artifacts) != 1:
        raise ValueError(f"{name!r} stands for {len(artifacts)} files: a file name needs exactly one")
    (found,) = artifacts
    return replace(found, name=name)


def _is_remote(value: Any) -> bool:
    """Whether a value is an ObjectStoragePath; told by its shape, since importing the type costs every DAG."""
    return hasattr(value, "protocol") and hasattr(value, "path") and hasattr(value, "open")


def _name(uri: str) -> str:
    return uri.rstrip("/").rpartition("/")[2]


def _media_type(uri: str) -> str:
    return mimetypes.guess_type(uri)[0] or "application/octet-stream"
