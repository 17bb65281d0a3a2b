"""Operator that exports a wiki to object storage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, cast

from airflow.sdk import Asset

from workplace_provider.common.artifact_store import ArtifactStore, safe_name
from workplace_provider.common.artifacts import MANIFEST
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.fields import Field, boolean, choice, integer, mapping, names, number, optional_text, text
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.common.query import fill_placeholders
from workplace_provider.confluence.operators.base import run_key
from workplace_provider.confluence.operators.export_store import StoredExport

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.confluence.client.model import ContentType, Scope
    from workplace_provider.confluence.export import ExportOutcome, ExportSpec
    from workplace_provider.confluence.hooks.confluence import ConfluenceHook

MANIFEST_NAME = "wiki-export.json"
SHOWN_TITLES = 10


class ExportResult(TypedDict):
    """An export in XCom.

    ``published`` is true if there is a new export, ``notable`` if it differs from the one before; ``new``, ``changed`` and
    ``deleted`` count the pages that differ. ``lines`` is the file with one line for each page. ``changes`` is the file with
    one line for each change, ``None`` without a new export. ``manifest`` lists both files. ``text`` is a summary in mrkdwn.
    """

    folder: str
    published: bool
    notable: bool
    pages: int
    new: int
    changed: int
    deleted: int
    read: int
    lines: dict[str, Any]
    changes: dict[str, Any] | None
    manifest: dict[str, Any]
    text: str


class ConfluenceExportOperator(WorkplaceOperator):
    """Export the pages of a space, a tree or a CQL query to object storage.

    One file has a line of JSON for each page: title, ancestors, version, authors, labels, bodies, comments with their
    replies, and attachments. The folder is the same in each run. Each export lists all pages, reads only new and changed
    ones, and is complete nevertheless. A retry resumes an interrupted export. A file is visible only when it is complete.
    See ``docs/export.md`` for the files, and for how changes are detected.

    ::

        ConfluenceExportOperator(task_id="export", space="ANALYTICS", attachments="files", media_types="image/*")
        ConfluenceExportOperator(task_id="labelled", cql="label = {label}", values={"label": "{{ params.label }}"})

    :param space: key of the space; set one of ``space``, ``root`` and ``cql``
    :param root: id of a page; the export has this page and all pages below it
    :param cql: a CQL query that finds the pages
    :param values: values for placeholders such as ``{label}`` in the query, by name; each is inserted as one quoted value
    :param content_type: ``page``, or ``blogpost`` for the blog posts of the space or query instead
    :param bodies: ``storage``, ``view`` or both, for pages and comments: a list, or one text with commas
    :param comments: export comments
    :param attachments: ``none``, ``names`` for the metadata of files, ``files`` to download the files too
    :param media_types: media types of the files to download, such as ``image/*``: a list, or one text with commas; empty for
        all
    :param max_file_megabytes: larger files are not downloaded; ``None`` for no limit
    :param mode: ``incremental``, or ``full`` to read all pages again
    :param folder: name of the export's folder; by default derived from space, root or query
    :param concurrency: number of concurrent requests
    :param pages_per_request: number of pages with bodies in one response; use fewer if pages are large
    :param keep: number of exports that stay in the folder, including the new one
    :param output_path: folder or object-storage URL that has the export's folder; by default the provider's
        ``artifacts_path``
    :param output_conn_id: Airflow connection of the object store
    :param confluence_conn_id: connection of type ``confluence``
    """

    argument_defaults: ClassVar[Mapping[str, Any]] = {"multiple_outputs": True}
    ui_color = "#deebff"

    space: Field[str | None] = optional_text()
    root: Field[str | None] = optional_text()
    cql: Field[str | None] = optional_text()
    values: Field[Mapping[str, Any]] = mapping()
    content_type: Field[str] = choice("page", "blogpost", default="page")
    bodies: Field[tuple[str, ...]] = names(default=("storage",))
    comments: Field[bool] = boolean(default=True)
    attachments: Field[str] = choice("none", "names", "files", default="names")
    media_types: Field[tuple[str, ...]] = names()
    max_file_megabytes: Field[float | None] = number()
    mode: Field[str] = choice("incremental", "full", default="incremental")
    folder: Field[str | None] = optional_text()
    concurrency: Field[int] = integer(default=4, least=1)
    pages_per_request: Field[int] = integer(default=50, least=1)
    keep: Field[int] = integer(default=2, least=1)
    output_path: Field[str | None] = optional_text()
    output_conn_id: Field[str | None] = optional_text()
    confluence_conn_id: Field[str] = text(default="confluence_default")

    @cached_property
    def hook(self) -> ConfluenceHook:
        """Return the hook of the connection."""
        from workplace_provider.confluence.hooks.confluence import ConfluenceHook

        return ConfluenceHook(self.confluence_conn_id)

    def execute(self, context: Context) -> ExportResult:
        """Export the pages.

        :return: see :class:`ExportResult`
        :raises AirflowFailException: for an error that a retry cannot fix
        """
        from workplace_provider.confluence.export import WikiExporter

        with fail_on_permanent_error("Confluence"):
            self.parse_fields()
            spec = self._spec()
            store = ArtifactStore(self.output_path, self.output_conn_id)
            name = safe_name(self.folder or _default_folder(spec.scope))
            folder = f"{store.base}/confluence/{name}"
            self.log.info("exporting %s to %s", spec.scope, folder)
            with closing(self.hook.client) as client:
                reader = (client.blog_posts() if self.content_type == "blogpost" else client).reader()
                exporter = WikiExporter(reader, StoredExport(store, folder), spec)
                outcome = exporter.run(run_key(context, self.task_id))
            result = self._result(outcome, spec.scope, folder, store, store.run_folder(context, self.task_id))
        self.log.info("%s", result["text"])
        for outlet in self.outlets:
            if isinstance(outlet, Asset):
                counts: dict[str, Any] = {
                    key: result[key] for key in ("folder", "published", "notable", "pages", "new", "changed", "deleted")
                }
                context["outlet_events"][outlet].extra.update(counts)
        return result

    def _spec(self) -> ExportSpec:
        from workplace_provider.confluence.client.model import Scope
        from workplace_provider.confluence.export import ExportSpec

        query = None if self.cql is None else fill_placeholders(self.cql, self.values)
        return ExportSpec(
            scope=Scope.of(space=self.space, root=self.root, cql=query, content_type=cast("ContentType", self.content_type)),
            bodies=self.bodies,
            comments=self.comments,
            attachments=self.attachments,
            media_types=self.media_types,
            max_file_bytes=None if self.max_file_megabytes is None else int(self.max_file_megabytes * 1_000_000),
            mode=self.mode,
            workers=self.concurrency,
            pages_per_request=self.pages_per_request,
            keep=self.keep,
        )

    def _result(
        self, outcome: ExportOutcome, scope: Scope, folder: str, store: ArtifactStore, run_folder: str
    ) -> ExportResult:
        from workplace_provider.common.mrkdwn import escape

        manifest = outcome.manifest
        lines, changes = manifest["files"]
        counts: Mapping[str, int] = manifest["changes"]
        files = [lines, changes] if outcome.published else [lines]
        with store.publish(run_folder, MANIFEST_NAME, MANIFEST) as sink:
            content = {**manifest, "files": files, "folder": folder}
            sink.write(json.dumps(content, ensure_ascii=False, indent=2).encode())
            sink.describe(pages=manifest["pages"], **counts)
        return {
            "folder": folder,
            "published": outcome.published,
            "notable": any(counts.values()),
            "pages": manifest["pages"],
            "new": counts["new"],
            "changed": counts["changed"],
            "deleted": counts["deleted"],
            "read": outcome.read,
            "lines": lines,
            "changes": changes if outcome.published else None,
            "manifest": sink.artifact.as_dict(),
            "text": escape(_summarize(outcome, scope)),
        }


def _summarize(outcome: ExportOutcome, scope: Scope) -> str:
    manifest = outcome.manifest
    if not any(manifest["changes"].values()):
        return f"{scope}: {manifest['pages']} pages, nothing has changed"
    counts = manifest["changes"]
    summary = (
        f"{scope}: {manifest['pages']} pages, {counts['new']} new, {counts['changed']} changed, {counts['deleted']} deleted"
    )
    titles = [page["title"] for page in manifest["deleted"]]
    if titles:
        more = f" and {len(titles) - SHOWN_TITLES} more" if len(titles) > SHOWN_TITLES else ""
        summary += f". Deleted: {', '.join(titles[:SHOWN_TITLES])}{more}"
    return summary


def _default_folder(scope: Scope) -> str:
    """Return a folder name that is unique for a scope: for a query, which may be long, its digest."""
    prefix = "blog-" if scope.content_type == "blogpost" else ""
    if scope.kind == "cql":
        return f"{prefix}cql-{hashlib.sha256(scope.value.encode()).hexdigest()[:16]}"
    return f"{prefix}{scope.kind}-{scope.value}"
