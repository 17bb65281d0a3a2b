"""A composed document between two tasks: a reviewer sees the same content that the second task publishes."""

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
class ComposedDocument:
    """The content of a page, without templates or outputs of tasks.

    :param places: one edit for each managed place whose source has an output
    :param files: artifacts to attach to the page
    :param failed_sources: ids of the source tasks that failed
    """

    places: Sequence[Edit]
    files: Sequence[Artifact] = field(default=())
    failed_sources: tuple[str, ...] = ()

    def publish(self, store: ArtifactStore, folder: str) -> Artifact:
        """Write the document to the artifact store, as a manifest of its files together with the places."""
        from workplace_provider.confluence.pages.edits import to_dicts

        content = {
            "places": to_dicts(self.places),
            "files": [artifact.as_dict() for artifact in self.files],
            "failed_sources": list(self.failed_sources),
        }
        with store.publish(folder, FILE_NAME, MANIFEST) as sink:
            sink.write(json.dumps(content, ensure_ascii=False).encode())
            sink.describe(places=len(self.places), files=len(self.files))
        return sink.artifact

    @classmethod
    def read(cls, value: Any) -> ComposedDocument:
        """Return a document that :meth:`publish` has written.

        :param value: its artifact, or the artifact's dict
        :raises ValueError: if it is another file
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
