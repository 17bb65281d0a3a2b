"""What an export came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

NEW: Final = "new"
CHANGED: Final = "changed"
DELETED: Final = "deleted"


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a page since the export before.

    :param kind: ``new``, ``changed`` or ``deleted``
    :param what: of a changed page, what is different, see :data:`~workplace_provider.confluence.export.lines.PARTS`
    :param version: the page's version now; of a deleted one the last that was seen
    :param previous_version: that of the export before
    """

    id: str
    title: str
    url: str
    kind: str
    what: tuple[str, ...] = ()
    version: int | None = None
    previous_version: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """For a file."""
        return {
            "id": self.id,
            "title": self.title,
            "url": self.url,
            "change": self.kind,
            "what": list(self.what),
            "version": self.version,
            "previous_version": self.previous_version,
        }


@dataclass(frozen=True, slots=True)
class ExportOutcome:
    """What an export came to.

    :param manifest: the content of ``manifest.json``
    :param published: whether there is a new export; without changes the one that is there stays
    :param read: how many pages were read with their bodies, by this attempt
    :param resumed: how many an earlier attempt had read
    :param downloaded: how many files were downloaded, by this attempt
    """

    manifest: Mapping[str, Any] = field(repr=False)
    published: bool
    read: int = 0
    resumed: int = 0
    downloaded: int = 0
