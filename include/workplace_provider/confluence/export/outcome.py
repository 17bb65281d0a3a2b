"""The result of an export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

NEW: Final = "new"
CHANGED: Final = "changed"
DELETED: Final = "deleted"


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a page since the export before.

    :param kind: ``new``, ``changed`` or ``deleted``
    :param what: changed parts of a changed page, see :data:`~workplace_provider.confluence.export.lines.PARTS`
    :param version: the page's current version; for a deleted page the last known one
    :param previous_version: its version in the export before
    """

    id: str
    title: str
    url: str
    kind: str
    what: tuple[str, ...] = ()
    version: int | None = None
    previous_version: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the change as a JSON object, for a file."""
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
    """The result of an export.

    :param manifest: the content of ``manifest.json``
    :param published: whether a new export was published; without changes the latest one stays
    :param read: number of pages that this attempt has read with their bodies
    :param resumed: number of pages that an earlier attempt has read
    :param downloaded: number of files that this attempt has downloaded
    """

    manifest: Mapping[str, Any] = field(repr=False)
    published: bool
    read: int = 0
    resumed: int = 0
    downloaded: int = 0
