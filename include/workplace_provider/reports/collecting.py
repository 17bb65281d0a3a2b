"""The tasks that read the sources of a report, one for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workplace_provider.common.dag_files import portable_path
from workplace_provider.reports.changes import MOST_ROWS
from workplace_provider.reports.definition import (
    FileSource,
    JiraSource,
    SlackSource,
    Source,
    SqlSource,
    TableauSource,
    TableSource,
)
from workplace_provider.reports.operators import ReportFileOperator
from workplace_provider.reports.placeholders import name_placeholders
from workplace_provider.reports.sql_parameters import bind_parameters
from workplace_provider.reports.texts import (
    DefinedText,
    DefinedValue,
    FileText,
    defined,
    plain,
    plain_texts,
    skip_without_params,
)

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from workplace_provider.common.periods import PeriodRule


@dataclass(frozen=True)
class SourceTasks:
    """Makes the tasks that read the sources of one report.

    :param rule: rhythm of the report
    :param folder: folder of the definition, beside which its files are
    :param space: key of the report's space, where tables of other pages are looked up
    """

    rule: PeriodRule
    folder: Path
    space: str

    def make(self, name: str, source: Source) -> BaseOperator:
        """Return the task of a source; its id is the name.

        :raises ValueError: if a file that the source names does not exist
        """
        try:
            match source:
                case TableauSource():
                    return self._tableau(name, source)
                case SqlSource():
                    return self._sql(name, source)
                case JiraSource():
                    return self._jira(name, source)
                case SlackSource():
                    return self._slack(name, source)
                case TableSource():
                    return self._table(name, source)
                case FileSource():
                    return self._file(name, source)
        except FileNotFoundError as error:
            raise ValueError(f"sources.{name}: {error}") from None

    def _defined(self, value: Any) -> Any:
        return defined(value, self.rule)

    def _tableau(self, task_id: str, source: TableauSource) -> BaseOperator:
        from workplace_provider.tableau.operators import TableauExportBatchOperator

        project = {"project": plain(source.project)} if source.project else {}

        def views(value: Any) -> list[dict[str, Any]]:
            return [{"view": view, **project} for view in (value if isinstance(value, list) else [value])]

        return TableauExportBatchOperator(
            task_id=task_id,
            views=DefinedValue(source.tableau, self.rule, convert=views),
            pre_execute=skip_without_params(source.tableau),
            formats=tuple(plain(name) for name in source.formats),
            filters=self._defined(source.filters),
            each=self._defined(source.each),
            file_name=plain(source.file_name),
            width=source.width,
            height=source.height,
            language=plain(source.language) or None,
            on_empty="keep",
            tableau_conn_id=plain(source.conn_id),
        )

    def _sql(self, task_id: str, source: SqlSource) -> BaseOperator:
        from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator

        sql = source.sql.strip()
        is_file = sql.lower().endswith(".sql") and "\n" not in sql
        text: Any = FileText(find_beside(self.folder, sql)) if is_file else plain(sql)
        return SQLExecuteQueryOperator(
            task_id=task_id,
            conn_id=plain(source.conn_id),
            sql=text,
            parameters=defined(source.params, self.rule, keep_empty=True) or None,
            output_processor=named_rows,
            split_statements=False,
            pre_execute=bind_parameters,
        )

    def _jira(self, task_id: str, source: JiraSource) -> BaseOperator:
        from workplace_provider.jira.operators import JiraIssuesOperator

        jql, texts = name_placeholders(source.jira)
        return JiraIssuesOperator(
            task_id=task_id,
            jql=plain(jql),
            values=self._defined(texts),
            pre_execute=skip_without_params(source.jira),
            fields=plain_texts(source.fields),
            sprint=plain(source.sprint) or None,
            board=plain(source.board) or None,
            limit=source.limit,
            jira_conn_id=plain(source.conn_id),
        )

    def _slack(self, task_id: str, source: SlackSource) -> BaseOperator:
        from workplace_provider.slack.operators import SlackChannelReportOperator

        window: dict[str, Any] = {"days": source.days}
        if source.days is None:
            window |= {
                "oldest": DefinedText("{{ period.since }}", self.rule),
                "latest": DefinedText("{{ period.day }}", self.rule),
            }
        return SlackChannelReportOperator(
            task_id=task_id,
            channels=self._defined(source.slack),
            pre_execute=skip_without_params(source.slack),
            files=plain(source.files),
            replies_title=plain(source.replies_title),
            empty_text=plain(source.empty_text),
            slack_conn_id=plain(source.conn_id),
            **window,
        )

    def _table(self, task_id: str, source: TableSource) -> BaseOperator:
        from workplace_provider.confluence.operators import ConfluenceTableOperator

        table = source.confluence
        return ConfluenceTableOperator(
            task_id=task_id,
            space=plain(table.space or self.space),
            title=self._defined(table.page),
            pre_execute=skip_without_params(table.page),
            table=plain_texts(table.table),
            confluence_conn_id=plain(source.conn_id),
        )

    def _file(self, task_id: str, source: FileSource) -> BaseOperator:
        path = source.file if "://" in source.file else find_beside(self.folder, source.file)
        return ReportFileOperator(task_id=task_id, path=self._defined(path), file_conn_id=plain(source.conn_id) or None)


def find_beside(folder: Path, name: str) -> str:
    """Return the path of a file in the folder of the definition, or in the folder above, as tasks on any worker find it.

    :raises FileNotFoundError: if it is in neither
    """
    return portable_path(_path_beside(folder, name))


def read_beside(folder: Path, name: str) -> str:
    """Return the text of such a file, outside of a task.

    :raises FileNotFoundError: if it is in neither
    """
    return _path_beside(folder, name).read_text("utf-8")


def _path_beside(folder: Path, name: str) -> Path:
    for parent in (folder, folder.parent):
        path = parent / name
        if path.is_file():
            return path
    raise FileNotFoundError(f"there is no file {name} in {folder.name} or in the folder above")


def named_rows(results: list[Any], descriptions: list[Sequence[Sequence[Any]] | None]) -> list[Any]:
    """Return the rows of a query with the names of their columns, in the form of ``output_processor`` of the SQL operator.

    :raises ValueError: if the query has no columns, or too many rows
    """
    description = descriptions[-1] if descriptions else None
    if not description:
        raise ValueError("the statement returned no rows; a source needs a query")
    rows = results[-1] or []
    if len(rows) > MOST_ROWS:
        raise ValueError(f"the query returned {len(rows):,} rows; a report has at most {MOST_ROWS:,}. Aggregate them")
    columns = [str(column[0]) for column in description]
    return [[dict(zip(columns, row, strict=True)) for row in rows]]
