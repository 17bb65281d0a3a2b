"""The journal of a run: started and finished operations, so that an interrupted run can resume."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from workplace_provider.common.private_files import open_private

Entry = Mapping[str, Any]


class Journal(Protocol):
    """A store for entries, which are JSON values without secrets."""

    def read(self) -> Iterator[Entry]:
        """Yield the entries in their order."""
        ...

    def append(self, entry: Entry) -> None:
        """Store an entry, so that it survives a crash. Never called by two threads at a time."""
        ...


class MemoryJournal:
    """A journal in memory, for tests and runs that need no resume."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def read(self) -> Iterator[Entry]:
        """Return the entries."""
        return iter(tuple(self.entries))

    def append(self, entry: Entry) -> None:
        """Store an entry."""
        self.entries.append(dict(entry))


class FileJournal:
    """A journal in a file of JSON lines.

    :param path: the file; created with the first entry
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Iterator[Entry]:
        """Yield the entries, without a last line that a crash has cut."""
        if not self.path.exists():
            return
        with self.path.open("rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    yield json.loads(line)

    def append(self, entry: Entry) -> None:
        """Write an entry and flush it to the disk."""
        import fcntl

        with open_private(self.path, append=True) as stream:
            # Another try of the same task may still run; the cut line below could be one that it is writing.
            fcntl.flock(stream, fcntl.LOCK_EX)
            if stream.tell() and not self._ends_with_newline():
                stream.truncate(self._end_of_last_line())
            stream.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())

    def _ends_with_newline(self) -> bool:
        with self.path.open("rb") as stream:
            stream.seek(-1, os.SEEK_END)
            return stream.read(1) == b"\n"

    def _end_of_last_line(self) -> int:
        return self.path.read_bytes().rfind(b"\n") + 1
