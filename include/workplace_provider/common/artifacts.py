"""Files in object storage, which tasks pass to each other as artifacts."""

from __future__ import annotations

import hashlib
import json
import mimetypes
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from os import PathLike, fspath
from typing import IO, TYPE_CHECKING, Any, Final, cast

from workplace_provider.http.spool import spooled_file

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

MANIFEST: Final = "application/vnd.workplace.manifest+json"
"""Media type of a file that lists others: ``{"files": [artifact, …], …}``. It is used like a list of these files."""

STORAGE: Final = "application/xhtml+xml"
"""Media type of a fragment in Confluence's storage format, which edits insert unchanged."""

_CHUNK: Final = 256 * 1024
_FIELDS = ("uri", "name", "media_type", "size", "sha256", "conn_id", "facts")


class ArtifactNotFound(FileNotFoundError):
    """Error: this worker cannot find the file of an artifact."""


class ArtifactChanged(ValueError):
    """Error: the file of an artifact was changed after its task wrote it."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file: its location and facts about its content.

    The artifact in XCom has the digest of the content. :meth:`open` is the only way to read the file, and raises an error
    if the file was changed since.

    ::

        with Artifact("/data/report.csv", "report.csv", "text/csv").open() as stream:
            content = stream.read()

    :param uri: local path, or object-storage URL such as ``s3://bucket/key``
    :param name: file name for people
    :param media_type: MIME type
    :param size: number of bytes, if known
    :param sha256: hexadecimal digest of the content, if known
    :param conn_id: Airflow connection of the object store
    :param facts: facts about the content, as JSON: the view in a picture, its pixels, the number of rows
    """

    uri: str
    name: str
    media_type: str = "application/octet-stream"
    size: int | None = None
    sha256: str | None = None
    conn_id: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the artifact as plain data for XCom."""
        return asdict(self)

    @staticmethod
    def is_storage(value: Any) -> bool:
        """Return whether a value is an artifact, or an artifact's dict, with storage format in its file."""
        kind = value.get("media_type") if isinstance(value, Mapping) else getattr(value, "media_type", None)
        return kind == STORAGE

    @property
    def path(self) -> ObjectStoragePath:
        """Return the file as an Airflow object-storage path."""
        from airflow.sdk import ObjectStoragePath

        return ObjectStoragePath(self.uri, conn_id=self.conn_id)

    def open(self) -> IO[bytes]:
        """Open the file for reading.

        If the digest is known, the caller reads a private copy that was compared with it, so a change during the reading
        has no effect.

        :raises ArtifactNotFound: if the file does not exist
        :raises ArtifactChanged: if the content does not match ``sha256``
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
        """Check that this worker can read the file, before anything that depends on it is written.

        :raises ArtifactNotFound: if it does not exist
        """
        if not self.path.exists():
            raise self._missing()

    def _missing(self) -> ArtifactNotFound:
        if "://" in self.uri and not self.uri.startswith("file:"):
            advice = "Was it deleted, or is conn_id another store?"
        else:
            advice = (
                "A local file exists only on the worker that wrote it: set [workplace] artifacts_path to object storage or "
                "a disk that all workers share, and clear the task that made the file."
            )
        return ArtifactNotFound(f"this worker cannot find the file {self.name}. {advice} ({self.uri})")

    def _verified_copy(self, stored: IO[bytes]) -> IO[bytes]:
        copy = spooled_file()
        digest, size = hashlib.sha256(), 0
        try:
            while chunk := stored.read(_CHUNK):
                size += len(chunk)
                # A file that is longer than announced could fill the worker's disk.
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
            f"{self.name} was changed after its task wrote it: {difference}. Clear that task, and check who may write to "
            f"the folder. ({self.uri})"
        )


def as_artifacts(value: Any) -> list[Artifact]:
    """Return the files in an argument of a task as artifacts.

    ::

        as_artifacts([image.output, "/data/report.csv"])
        as_artifacts({"report-46.csv": "/data/report.csv"})

    A manifest becomes the files that it lists.

    :param value: an Artifact or its dict, an object-storage path, a local path, or a list of those; a dict of file name
        to any of them renames the files
    :raises ValueError: if a value is none of these; the message names it
    """
    if value is None:
        return []
    if isinstance(value, Mapping) and "uri" not in value:
        return [_rename(name, item) for name, item in value.items()]
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | PathLike) and not _is_remote(value):
        return [artifact for item in value for artifact in as_artifacts(item)]
    artifact = _artifact(value)
    return as_artifacts(read_manifest(artifact)["files"]) if artifact.media_type == MANIFEST else [artifact]


def read_manifest(value: Any) -> dict[str, Any]:
    """Return the content of a manifest; its ``files`` are dicts of artifacts.

    :param value: the manifest's artifact, or the artifact's dict
    :raises ValueError: if it is not a manifest
    """
    manifest = _artifact(value)
    if manifest.media_type != MANIFEST:
        raise ValueError(f"{value!r} is not a manifest; use the output of a task that returns one")
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
        f"{value!r} is not a file; use an artifact, an object-storage path, a local path, "
        "or a list or name-to-file dict of them"
    )


def _rename(name: str, value: Any) -> Artifact:
    artifacts = as_artifacts(value)
    if len(artifacts) != 1:
        raise ValueError(f"{name!r} has {len(artifacts)} files; a file name needs exactly one")
    return replace(artifacts[0], name=name)


def _is_remote(value: Any) -> bool:
    """Return whether a value is an ObjectStoragePath, by its attributes: the import of the type would slow down each DAG."""
    return hasattr(value, "protocol") and hasattr(value, "path") and hasattr(value, "open")


def _name(uri: str) -> str:
    return uri.rstrip("/").rpartition("/")[2]


def _media_type(uri: str) -> str:
    return mimetypes.guess_type(uri)[0] or "application/octet-stream"
