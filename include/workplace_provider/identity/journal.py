"""The journal of a run: what was begun and what became of it, so that a run that broke off can be taken up again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from workplace_provider.common.private_files import open_private

Entry = Mapping[str, Any]


class Journal(Protocol):
    """Where entries are kept; an entry is plain data without secrets."""

    def read(self) -> Iterator[Entry]:
        """The entries so far, in their order."""
        ...

    def append(self, entry: Entry) -> None:
        """Keep an entry; when this returns, it must outlive a crash. Never called from two threads at once."""
        ...


class MemoryJournal:
    """A journal that lives as long as the process."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def read(self) -> Iterator[Entry]:
        """The entries so far."""
        return iter(tuple(self.entries))

    def append(self, entry: Entry) -> None:
        """Keep an entry."""
        self.entries.append(dict(entry))


class FileJournal:
    """A journal as a file of JSON lines.

    :param path: the file; made by the first entry
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Iterator[Entry]:
        """The entries so far; a last line that a crash has cut is none."""
        if not self.path.exists():
            return
        with self.path.open("rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    yield json.loads(line)

    def append(self, entry: Entry) -> None:
        """Write an entry through to the disk."""
        with open_private(self.path, append=True) as stream:
            if stream.tell() and not self._whole():
                stream.truncate(self._end_of_last_line())
            stream.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())

    def _whole(self) -> bool:
        with self.path.open("rb") as stream:
            stream.seek(-1, os.SEEK_END)
            return stream.read(1) == b"\n"

    def _end_of_last_line(self) -> int:
        return self.path.read_bytes().rfind(b"\n") + 1
