"""Operator that exports a wiki to object storage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from airflow.sdk import Asset

from workplace_provider.common.arguments import none_if_blank, parse_bool, parse_choice, parse_int, parse_number
from workplace_provider.common.artifact_store import ArtifactStore, safe_name
from workplace_provider.common.artifacts import MANIFEST
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.common.query import filled
from workplace_provider.confluence.operators.base import labels_of
from workplace_provider.confluence.operators.export_store import StoredExport

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.confluence.client.model import Scope
    from workplace_provider.confluence.export import ExportOutcome, ExportSpec
    from workplace_provider.confluence.hooks.confluence import ConfluenceHook

MANIFEST_NAME = "wiki-export.json"
NAMED = 10


class ExportResult(TypedDict):
    """An export as tasks hand it on.

    ``published`` tells whether there is a new export, ``notable`` whether anything in it is another than in the one before;
    ``new``, ``changed`` and ``deleted`` count those pages. ``lines`` is the file with a line for each page. ``changes`` is
    the file with a line for each change, ``None`` without a new export. ``manifest`` stands for both. ``text`` says it in a
    sentence or two, as Slack takes it.
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

    One file has a line of JSON for each page: title, place, version, authors, labels, bodies, comments with their answers,
    and attachments. The folder stays the same from run to run. Each export lists what there is, reads what is new or
    different, and is a whole one all the same. A retry goes on where a killed try ended. Nothing is there before it is
    whole. See ``docs/export.md`` for the files and for how a change is noticed.

    :param space: key of the space; or
    :param root: id of a page, which is exported with all pages below it; or
    :param cql: a CQL query that finds the pages
    :param values: name to value for places such as ``{label}`` in the query; each stays one value whatever is in it
    :param bodies: ``storage``, ``view`` or both, for pages and comments: a list, or a text with commas
    :param comments: whether comments are exported
    :param attachments: ``none``, ``names`` for what there is to know about files, ``files`` to download them as well
    :param media_types: which files are downloaded, such as ``image/*``: a list, or a text with commas; empty for all
    :param max_file_megabytes: larger files are not downloaded; ``None`` for no limit
    :param mode: ``incremental``, or ``full`` to read everything anew
    :param folder: name of the export's folder; by default made of the scope
    :param concurrency: how many requests run at the same time
    :param pages_per_request: how many pages with their bodies are asked for at once; less where pages are large
    :param keep: how many exports stay in the folder, the new one included
    :param output_path: folder or object-storage URL in which the export's folder is; by default the provider's
        ``artifacts_path``
    :param output_conn_id: Airflow connection that opens the object store
    :param confluence_conn_id: connection of type ``confluence``
    """

    template_fields: Sequence[str] = (
        "confluence_conn_id",
        "space",
        "root",
        "cql",
        "values",
        "bodies",
        "comments",
        "attachments",
        "media_types",
        "max_file_megabytes",
        "mode",
        "folder",
        "concurrency",
        "pages_per_request",
        "keep",
        "output_path",
        "output_conn_id",
    )
    ui_color = "#deebff"
    choices: ClassVar[dict[str, tuple[str, ...]]] = {
        "attachments": ("none", "names", "files"),
        "mode": ("incremental", "full"),
    }

    def __init__(
        self,
        *,
        space: str | None = None,
        root: str | None = None,
        cql: str | None = None,
        values: Mapping[str, Any] | None = None,
        bodies: Sequence[str] | str = ("storage",),
        comments: bool | str = True,
        attachments: str = "names",
        media_types: Sequence[str] | str = (),
        max_file_megabytes: float | str | None = None,
        mode: str = "incremental",
        folder: str | None = None,
        concurrency: int | str = 4,
        pages_per_request: int | str = 50,
        keep: int | str = 2,
        output_path: str | None = None,
        output_conn_id: str | None = None,
        confluence_conn_id: str = "confluence_default",
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("multiple_outputs", True)
        super().__init__(**kwargs)
        self.space = space
        self.root = root
        self.cql = cql
        self.values = values
        self.bodies = bodies
        self.comments = comments
        self.attachments = attachments
        self.media_types = media_types
        self.max_file_megabytes = max_file_megabytes
        self.mode = mode
        self.folder = folder
        self.concurrency = concurrency
        self.pages_per_request = pages_per_request
        self.keep = keep
        self.output_path = output_path
        self.output_conn_id = output_conn_id
        self.confluence_conn_id = confluence_conn_id

    @cached_property
    def hook(self) -> ConfluenceHook:
        """The hook of the connection."""
        from workplace_provider.confluence.hooks.confluence import ConfluenceHook

        return ConfluenceHook(self.confluence_conn_id)

    def execute(self, context: Context) -> ExportResult:
        """Export.

        :return: see :class:`ExportResult`
        :raises AirflowFailException: when a retry cannot help
        """
        from workplace_provider.confluence.export import WikiExporter

        with fail_on_permanent_error():
            spec = self._spec()
            store = ArtifactStore(none_if_blank(self.output_path), none_if_blank(self.output_conn_id))
            name = safe_name(none_if_blank(self.folder) or _usual_name(spec.scope))
            folder = f"{store.base}/confluence/{name}"
            self.log.info("exporting %s to %s", spec.scope, folder)
            with closing(self.hook.client) as client:
                exporter = WikiExporter(client.reader(), StoredExport(store, folder), spec)
                outcome = exporter.run("/".join((context["dag"].dag_id, context["run_id"], self.task_id)))
            result = self._result(outcome, spec.scope, folder, store, store.run_folder(context, self.task_id))
        self.log.info("%s", result["text"])
        for outlet in self.outlets:
            if isinstance(outlet, Asset):
                counts: dict[str, Any] = {
                    key: result[key] for key in ("folder", "published", "notable", "pages", "new", "changed", "deleted")
                }
                context["outlet_events"][outlet].extra.update(counts)
        return result

    def _query(self) -> str | None:
        query = none_if_blank(self.cql)
        return None if query is None else filled(query, self.values or {})

    def _spec(self) -> ExportSpec:
        from workplace_provider.confluence.client.model import Scope
        from workplace_provider.confluence.export import ExportSpec

        for name, allowed in self.choices.items():
            parse_choice(getattr(self, name), name, allowed)
        megabytes = parse_number(self.max_file_megabytes, "max_file_megabytes")
        return ExportSpec(
            scope=Scope.of(space=none_if_blank(self.space), root=none_if_blank(self.root), cql=self._query()),
            bodies=_listed(self.bodies, "bodies"),
            comments=parse_bool(self.comments, "comments"),
            attachments=self.attachments,
            media_types=_listed(self.media_types, "media_types"),
            max_file_bytes=None if megabytes is None else int(megabytes * 1_000_000),
            mode=self.mode,
            workers=parse_int(self.concurrency, "concurrency", 1) or 1,
            pages_per_request=parse_int(self.pages_per_request, "pages_per_request", 1) or 1,
            keep=parse_int(self.keep, "keep", 1) or 1,
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
            "text": escape(_told(outcome, scope)),
        }


def _told(outcome: ExportOutcome, scope: Scope) -> str:
    manifest = outcome.manifest
    if not any(manifest["changes"].values()):
        return f"{scope}: {manifest['pages']} pages, nothing has changed"
    counts = manifest["changes"]
    text = (
        f"{scope}: {manifest['pages']} pages, {counts['new']} new, {counts['changed']} changed, {counts['deleted']} deleted"
    )
    gone = [each["title"] for each in manifest["deleted"]]
    if gone:
        more = f" and {len(gone) - NAMED} more" if len(gone) > NAMED else ""
        text += f". Deleted: {', '.join(gone[:NAMED])}{more}"
    return text


def _usual_name(scope: Scope) -> str:
    """A name by which a scope is told from others; of a query, which may be long, a digest."""
    if scope.kind == "cql":
        return f"cql-{hashlib.sha256(scope.value.encode()).hexdigest()[:16]}"
    return f"{scope.kind}-{scope.value}"


def _listed(value: Any, where: str) -> tuple[str, ...]:
    try:
        return labels_of(none_if_blank(value))
    except ValueError:
        raise ValueError(f"{where} is {value!r}; it must be a list of texts, or a text with commas") from None
