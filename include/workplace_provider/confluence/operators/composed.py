"""A composed document between two tasks: what one prepared and a reviewer saw is what the other publishes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.common.artifacts import MANIFEST, Artifact, as_artifacts, read_manifest

if TYPE_CHECKING:
    from workplace_provider.common.artifact_store import ArtifactStore
    from workplace_provider.confluence.pages.edits import Edit

FILE_NAME: Final = "document.json"


@dataclass(frozen=True, slots=True)
class Composed:
    """What goes onto a page, without any template or task output left in it.

    :param places: one edit for each managed place whose source brought something
    :param files: artifacts to put on the page
    :param failed_sources: ids of the tasks that should have brought a part and failed
    """

    places: Sequence[Edit]
    files: Sequence[Artifact] = field(default=())
    failed_sources: tuple[str, ...] = ()

    def publish(self, store: ArtifactStore, folder: str) -> Artifact:
        """Write it into the artifact store, as a manifest of its files with the places beside them."""
        from workplace_provider.confluence.pages.edits import to_dicts

        content = {
            "places": to_dicts(self.places),
            "files": [each.as_dict() for each in self.files],
            "failed_sources": list(self.failed_sources),
        }
        with store.publish(folder, FILE_NAME, MANIFEST) as sink:
            sink.write(json.dumps(content, ensure_ascii=False).encode())
            sink.describe(places=len(self.places), files=len(self.files))
        return sink.artifact

    @classmethod
    def read(cls, value: Any) -> Composed:
        """Read what :meth:`publish` wrote.

        :param value: its artifact, or the artifact's dict
        :raises ValueError: it is something else
        """
        from workplace_provider.confluence.pages.edits import from_dicts

        content = read_manifest(value)
        if "places" not in content:
            raise ValueError(f"composed is {value!r}; it must be the output 'document' of a ConfluenceDraftOperator")
        return cls(
            places=from_dicts(content["places"]),
            files=as_artifacts(content["files"]),
            failed_sources=tuple(content["failed_sources"]),
        )
