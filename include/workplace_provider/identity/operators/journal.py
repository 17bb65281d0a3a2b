"""The journal of a sync's run in the artifact store, from which a retry of the task resumes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from workplace_provider.common.private_files import make_private_folder
from workplace_provider.identity import FileJournal

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from workplace_provider.common.artifact_store import ArtifactStore
    from workplace_provider.identity import Journal
    from workplace_provider.identity.journal import Entry


def open_journal(store: ArtifactStore, folder: str, digest: str) -> Journal:
    """Return the journal of a plan: a file if the store is a folder, objects if it is an object store.

    :param folder: the run's folder
    :param digest: the plan's digest; every plan has its own journal
    """
    base, name = store.path(folder), f"journal-{digest[:12]}"
    if base.protocol in ("", "file", "local"):
        path = Path(base.path)
        make_private_folder(path)
        return FileJournal(path / f"{name}.jsonl")
    return ObjectJournal(base / name)


class ObjectJournal:
    """A journal in an object store. Objects cannot be appended to, so each entry is an object.

    An object's name begins with a number that is higher than all that its writer has seen, so a retry's entries are read
    after those of the try before. It ends with an id of the writer: two tries that run at the same time, as after a lost
    heartbeat, do not overwrite each other's entries.

    :param folder: folder of the objects
    """

    def __init__(self, folder: ObjectStoragePath) -> None:
        self._folder = folder
        self._writer = uuid.uuid4().hex
        self._next: int | None = None

    def read(self) -> Iterator[Entry]:
        """Yield the entries."""
        for path in self._objects():
            with self._folder.fs.open(path, "rb") as stream:
                yield json.loads(stream.read())

    def append(self, entry: Entry) -> None:
        """Store an entry. It is stored when the object store confirms the object."""
        if self._next is None:
            self._next = max(map(_number, self._objects()), default=-1) + 1
        with self._folder.fs.open(f"{self._folder.path}/{self._next:09}-{self._writer}.json", "wb") as stream:
            stream.write(json.dumps(entry, ensure_ascii=False).encode())
        self._next += 1

    def _objects(self) -> list[str]:
        filesystem = self._folder.fs
        filesystem.invalidate_cache()
        if not filesystem.exists(self._folder.path):
            return []
        return sorted(str(path) for path in filesystem.ls(self._folder.path, detail=False) if str(path).endswith(".json"))


def _number(path: str) -> int:
    # Journals of earlier versions have names without a writer: 000000012.json.
    return int(path.rpartition("/")[2].removesuffix(".json").partition("-")[0])
