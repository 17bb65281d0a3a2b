"""The preview of a run, which its task ``compose`` has written into the artifact store."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Final

from workplace_provider.common.artifact_store import ArtifactStore
from workplace_provider.common.artifacts import Artifact, ArtifactChanged

if TYPE_CHECKING:
    from workplace_provider.reports.web.states import Run

LARGEST_PREVIEW: Final = 96 * 1024 * 1024
"""Most bytes of a preview that the page shows."""

POLICY: Final = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'"
"""Content-Security-Policy of a preview: it has no origin, and neither script nor form nor request."""

_THEMES: Final = ("light", "dark")


class NoPreview(Exception):
    """Error: the preview cannot be shown; the message is for the person who sees the page."""


def read_preview(run: Run, theme: str = "") -> bytes:
    """Return the preview of a run.

    :param theme: ``light`` or ``dark``; by default that of the browser
    :raises NoPreview: if there is none, or it is not the file that the run's own task has written
    """
    value = run.results.get(("compose", "preview"))
    if not isinstance(value, Mapping):
        raise NoPreview("The task compose of this run has not composed a page.")
    artifact = _artifact(value)
    store = ArtifactStore()
    folder = store.run_folder({"run_id": run.run_id, "dag": SimpleNamespace(dag_id=run.dag_id)}, "compose")
    if not store.contains(artifact, folder):
        raise NoPreview(
            "The preview is not in the folder of this run. Was [workplace] artifacts_path changed? Clear compose to make "
            "it again."
        )
    try:
        with artifact.open() as stream:
            content = stream.read(LARGEST_PREVIEW + 1)
    except ArtifactChanged:
        raise NoPreview("The preview was changed after its task wrote it. Clear compose to make it again.") from None
    except OSError:
        raise NoPreview(
            "The API server cannot read the preview. Was it deleted, or is [workplace] artifacts_path a folder that the API "
            "server and the workers do not share?"
        ) from None
    return content.replace(b"<html>", f'<html class="{theme}">'.encode(), 1) if theme in _THEMES else content


def _artifact(value: Mapping[str, object]) -> Artifact:
    uri, size, sha256, conn_id = (value.get(name) for name in ("uri", "size", "sha256", "conn_id"))
    if not (isinstance(uri, str) and isinstance(size, int) and isinstance(sha256, str)):
        raise NoPreview("The output of compose is not an artifact. Clear compose to make the preview again.")
    if size > LARGEST_PREVIEW:
        raise NoPreview(f"The preview has {size:,} bytes; this page shows at most {LARGEST_PREVIEW:,}.")
    return Artifact(uri, "preview.html", "text/html", size, sha256, conn_id if isinstance(conn_id, str) else None)
