"""Base classes of the operators that export views: pool, connection, place of the files, link to the view."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow.sdk import Asset, BaseOperator, BaseOperatorLink
from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common.artifact_store import ArtifactStore
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.fields import Field, boolean, choice, integer, mapping, optional_text, text
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.tableau.operators.exporter import ON_EMPTY, ExportRequest, ViewExporter, ViewName

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import TaskInstanceKey

    from workplace_provider.common.artifacts import Artifact
    from workplace_provider.tableau.client import TableauClient, ViewFormat
    from workplace_provider.tableau.pictures import PictureEdit

POOL: Final = "tableau_pat"
"""Name of the Airflow pool. It has one slot per personal access token, because a token has one session at a time."""


class TableauViewLink(BaseOperatorLink):
    """Link on a task in the Airflow UI that opens the view, workbook or data source of the task."""

    name = "Open in Tableau"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the URL, which the operator stored while it ran; empty if it failed before the look-up."""
        return str(getattr(operator, "view_url", ""))


class TableauExportOperator(WorkplaceOperator):
    """Base class of the operators that export views to files.

    :param enabled: ``False`` skips the task, so that a Param can turn it off
    :param output_path: folder or object-storage URL for the files; by default the provider's ``artifacts_path``
    :param output_conn_id: Airflow connection of the object store
    :param tableau_conn_id: connection of type ``tableau_rest``
    """

    operator_extra_links = (TableauViewLink(),)
    ui_color = "#fff1e0"
    argument_defaults: ClassVar[Mapping[str, Any]] = {"pool": POOL}

    enabled: Field[bool] = boolean(default=True)
    output_path: Field[str | None] = optional_text()
    output_conn_id: Field[str | None] = optional_text()
    tableau_conn_id: Field[str] = text(default="tableau_default")

    view_url = ""

    def execute(self, context: Context) -> dict[str, Any]:
        """Export the view or views and publish the files.

        :return: the artifact as a dict
        :raises AirflowFailException: the error is permanent, so that a retry cannot help
        :raises AirflowSkipException: ``enabled`` is false, or the view is empty and ``on_empty`` is ``skip``
        """
        from workplace_provider.tableau.client import EmptyView
        from workplace_provider.tableau.hooks import TableauRestHook

        with fail_on_permanent_error("Tableau"):
            self.parse_fields()
            if not self.enabled:
                raise AirflowSkipException("not enabled")
            store = ArtifactStore(self.output_path, self.output_conn_id)
            folder = store.run_folder(context, self.task_id)
            # Parallel tasks start with different tokens: two sessions of one token end each other.
            hook = TableauRestHook(self.tableau_conn_id, first_credential=zlib.crc32(folder.encode()))
            try:
                with hook.client as client:
                    artifact = self._export(client, store, folder, context)
            except EmptyView as error:
                if getattr(self, "on_empty", "fail") == "skip":
                    raise AirflowSkipException(str(error)) from error
                raise
        emit_artifact_event(context, self.outlets, artifact)
        return artifact.as_dict()

    def _export(self, client: TableauClient, store: ArtifactStore, folder: str, context: Context) -> Artifact:
        raise NotImplementedError


class TableauViewOperator(TableauExportOperator):
    """Base class of the operators that export one view to one file.

    :param view: the view: its URL from a browser, ``Workbook/Sheet`` as in that URL, its id, or its name; also the URL or
        id of a custom view
    :param workbook: name of the view's workbook, when ``view`` is a name
    :param project: name of the view's project, or its path such as ``Parent/Team``, when workbooks in several projects have
        the same name
    :param custom_view: name or id of one of the view's custom views
    :param filters: mapping (or JSON) of a field's name, or ``Parameters.`` and the name of a parameter, to a value or a list
        of values
    :param max_age: maximum age in minutes of a result from Tableau's cache; Tableau's minimum is 1
    :param on_empty: when the view shows no data with these filters: ``fail``, ``skip`` the task, or ``keep`` the file with a
        warning. For images and PDFs, too, the operator checks the view's data
    :param file_name: name of the file, with ``{view}``, ``{custom_view}``, ``{workbook}``, ``{project}`` and the names of
        filters in braces
    """

    view: Field[str] = text()
    workbook: Field[str] = text(default="")
    project: Field[str] = text(default="")
    custom_view: Field[str] = text(default="")
    filters: Field[Mapping[str, Any]] = mapping(renderer="json")
    max_age: Field[int] = integer(default=1)
    on_empty: Field[str] = choice(*ON_EMPTY, default="fail")
    file_name: Field[str] = text(default="{view}")

    def _format(self) -> ViewFormat:
        raise NotImplementedError

    def _options(self) -> dict[str, Any]:
        """Return the options of this format, by the names of :class:`~workplace_provider.tableau.client.ExportOptions`."""
        return {}

    def _edit(self) -> PictureEdit | None:
        """Return the parts of a picture to keep."""
        return None

    def _export(self, client: TableauClient, store: ArtifactStore, folder: str, context: Context) -> Artifact:
        from workplace_provider.tableau.client import ExportOptions, ViewFilters

        request = ExportRequest(
            ViewName(self.view, self.workbook, self.project, self.custom_view),
            self._format(),
            ExportOptions(filters=ViewFilters(self.filters), max_age=self.max_age, **self._options()),
            self.file_name,
            self.on_empty,
            self._edit(),
        )
        exporter = ViewExporter(client, store, folder)
        self.view_url = exporter.find(request.name).url
        self.record_input(self.view_url)
        return exporter.export(request)


def emit_artifact_event(context: Context, outlets: Sequence[Any], artifact: Artifact) -> None:
    """Add the file's URI, name, checksum and facts to the asset events of the operator's outlets."""
    for outlet in outlets:
        if isinstance(outlet, Asset):
            context["outlet_events"][outlet].extra.update(
                {"uri": artifact.uri, "name": artifact.name, "sha256": artifact.sha256, **artifact.facts}
            )
