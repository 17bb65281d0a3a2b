"""Operator that exports a workbook, or several views, as one PDF."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.common.artifact_store import safe_name
from workplace_provider.common.fields import Field, choice, integer, mapping, optional_text, template, text
from workplace_provider.tableau.operators.base import TableauExportOperator
from workplace_provider.tableau.operators.exporter import ON_EMPTY, VIEW_KEYS, ViewExporter, view_entries, view_name_of
from workplace_provider.tableau.pdf import FileSink, PdfPart, merge_pdfs

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.common.artifact_store import ArtifactStore
    from workplace_provider.common.artifacts import Artifact
    from workplace_provider.tableau.client import ExportOptions, TableauClient, View, Workbook

_PARALLEL: Final = 4


class TableauPdfOperator(TableauExportOperator):
    """Export a whole workbook, or several views in their order, as one PDF with bookmarks.

    ::

        TableauPdfOperator(task_id="book", workbook="WeeklyKPI", orientation="landscape")
        TableauPdfOperator(task_id="pages", views=["WeeklyKPI/Overview", {"view": "Sales/매출", "custom_view": "서울만"}])

    :param workbook: the workbook: its URL from a browser, its id, or its name
    :param project: name of its project, or its path such as ``Parent/Team``, when several have the same name
    :param views: in place of a workbook: a list of views. Each is a text as for ``TableauViewPdfOperator``, or a mapping of
        ``view``, ``workbook``, ``project``, ``custom_view`` and ``filters``
    :param filters: filters of all views
    :param page_type: paper size in upper or lower case
    :param orientation: ``portrait`` or ``landscape``
    :param language: language of dates and numbers, such as ``ko``
    :param max_age: maximum age in minutes of a result from Tableau's cache
    :param on_empty: when a view shows no data: ``fail``, ``skip`` its page, or ``keep`` it with a warning. A workbook with
        tabs is one file of Tableau's, and is not checked
    :param file_name: name of the file; by default that of the workbook, or of the first view
    """

    workbook: Field[str] = text(default="")
    project: Field[str] = text(default="")
    views: Field[Any] = template(default=None, renderer="json")
    filters: Field[Mapping[str, Any]] = mapping(renderer="json")
    page_type: Field[str | None] = optional_text(default="A4")
    orientation: Field[str | None] = optional_text()
    language: Field[str | None] = optional_text()
    max_age: Field[int] = integer(default=1)
    on_empty: Field[str] = choice(*ON_EMPTY, default="fail")
    file_name: Field[str] = text(default="")

    def check_fields(self) -> None:
        """Check that there is either a workbook or a list of views."""
        if bool(self.workbook) == bool(self.views):
            raise ValueError("give either workbook or views")

    def _export(self, client: TableauClient, store: ArtifactStore, folder: str, context: Context) -> Artifact:
        from workplace_provider.tableau.client import PDF, Workbook

        if not self.workbook:
            exporter = ViewExporter(client, store, folder)
            pages = [
                (exporter.find(view_name_of(entry)), self._options(entry.get("filters")))
                for entry in view_entries(self.views, {*VIEW_KEYS, "filters"})
            ]
            return self._merge(client, store, folder, pages, pages[0][0].name)
        book = client.find_content(Workbook, self.workbook, project=self.project)
        self.view_url = book.url
        if not book.show_tabs:
            # Tableau's own PDF of such a workbook has its default view only.
            options = self._options(None)
            return self._merge(client, store, folder, [(view, options) for view in _views_of(client, book)], book.name)
        with store.publish(folder, self._name(book.name), PDF.media_type) as sink:
            client.export_workbook(book, sink, self._options(None))
            sink.describe(**self._facts([], workbook=book.name))
        return sink.artifact

    def _merge(
        self,
        client: TableauClient,
        store: ArtifactStore,
        folder: str,
        pages: Sequence[tuple[View, ExportOptions]],
        name: str,
    ) -> Artifact:
        from workplace_provider.tableau.client import PDF, EmptyView

        self.view_url = self.view_url or pages[0][0].url
        with TemporaryDirectory(prefix="tableau-pdf-") as place:

            def export(number: int) -> tuple[PdfPart | None, tuple[str, ...]]:
                view, options = pages[number]
                path = Path(place) / f"{number}.pdf"
                try:
                    with closing(FileSink(path)) as sink:
                        exported = client.export(view, PDF, sink, options, allow_empty=self.on_empty == "keep")
                except EmptyView as error:
                    if self.on_empty != "skip":
                        raise
                    return None, (f"without a page: {error}",)
                custom = f" ({view.custom_view.name})" if view.custom_view else ""
                return PdfPart(f"{view.name}{custom}", path), exported.warnings

            with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="tableau-pdf") as pool:
                results = list(pool.map(export, range(len(pages))))
            parts = [part for part, _ in results if part is not None]
            if not parts:
                raise EmptyView(f"no view of {name!r} shows data", advice="check the views and filters in Tableau")
            merged = Path(place) / "merged.pdf"
            count = merge_pdfs(parts, merged)
            with store.publish(folder, self._name(name), PDF.media_type) as sink, merged.open("rb") as content:
                shutil.copyfileobj(content, sink)
                warnings = [warning for _, found in results for warning in found]
                sink.describe(**self._facts(warnings, views=[part.title for part in parts], pages=count))
        self.log.info("%s: %d pages of %d views", sink.artifact.name, count, len(parts))
        return sink.artifact

    def _options(self, own_filters: Any) -> ExportOptions:
        from workplace_provider.common.arguments import parse_mapping
        from workplace_provider.tableau.client import ExportOptions, ViewFilters

        return ExportOptions(
            filters=ViewFilters({**self.filters, **parse_mapping(own_filters, "filters of a view")}),
            max_age=self.max_age,
            page_type=self.page_type,
            orientation=self.orientation,
            language=self.language,
        )

    def _name(self, default: str) -> str:
        name = self.file_name or default
        return safe_name(name if name.lower().endswith(".pdf") else f"{name}.pdf")

    def _facts(self, warnings: Sequence[str], **more: Any) -> dict[str, Any]:
        facts = {**more, "view_url": self.view_url, "language": self.language, "warnings": list(warnings)}
        return {name: value for name, value in facts.items() if value}


def _views_of(client: TableauClient, book: Workbook) -> list[View]:
    """Return the views of a workbook in the order of its tabs, with the types of their sheets."""
    from workplace_provider.tableau.client import Condition

    condition = Condition("workbookName", book.name)
    listed = {view.id: view for view in client.views([condition] if condition.exact else [])}
    return [listed.get(view.id, view) for view in client.views_of(book.id)]
