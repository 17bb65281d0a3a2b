from __future__ import annotations

from pathlib import Path

import pytest

from workplace_provider.common.artifact_store import ArtifactStore
from workplace_provider.common.artifacts import Artifact, ArtifactChanged
from workplace_provider.confluence.operators.base import uploads_of
from workplace_provider.confluence.operators.composed import ComposedDocument
from workplace_provider.confluence.operators.templates import RenderedEdits, ready_edits
from workplace_provider.confluence.pages import Storage
from workplace_provider.confluence.pages.edits import ReplaceSection


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(f"file://{tmp_path}")


def publish(store: ArtifactStore, name: str, media_type: str, content: bytes) -> Artifact:
    with store.publish(f"{store.base}/run", name, media_type) as sink:
        sink.write(content)
    return sink.artifact


def test_what_a_reviewer_saw_is_what_is_published(store: ArtifactStore) -> None:
    image = publish(store, "a.png", "image/png", b"png")
    edit = ReplaceSection("Results", Storage("<p>ok</p>"))
    document = ComposedDocument([edit], [image]).publish(store, f"{store.base}/run")
    assert ComposedDocument.read(document.as_dict()).places == [edit]
    (upload,) = uploads_of(ComposedDocument.read(document.as_dict()).files)
    with upload.file.open() as stream:
        assert stream.read() == b"png"
    Path(image.uri).write_bytes(b"pmg")
    with pytest.raises(ArtifactChanged, match=r"a\.png was changed"):
        upload.file.open()
    path = Path(document.uri)
    path.write_text(path.read_text().replace("ok", "no"))
    with pytest.raises(ArtifactChanged, match=r"document\.json was changed"):
        ComposedDocument.read(document.as_dict())


def test_a_fragment_that_was_changed_reaches_no_page(store: ArtifactStore) -> None:
    fragment = publish(store, "threads.xhtml", "application/xhtml+xml", b"<p>said</p>")
    edit = ReplaceSection("Results", fragment.as_dict())  # type: ignore[arg-type]
    (ready,) = ready_edits(RenderedEdits((edit,)))
    assert ready == ReplaceSection("Results", Storage("<p>said</p>"))
    Path(fragment.uri).write_bytes(b"<p>sold</p>")
    with pytest.raises(ArtifactChanged, match=r"threads\.xhtml was changed"):
        ready_edits(RenderedEdits((edit,)))
