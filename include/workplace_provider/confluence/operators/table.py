"""Operator that reads the rows of a table on a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.fields import Field, optional_text, template, text
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.confluence.operators.base import check_one_of
from workplace_provider.confluence.publishing.current import find_current, get_current

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context


def _parse_table(value: Any, where: str) -> int | str | Sequence[str] | None:
    if value is None or (isinstance(value, int | str) and not isinstance(value, bool)):
        return int(value) if isinstance(value, str) and value.strip().isdigit() else value or None
    if isinstance(value, list | tuple) and all(isinstance(header, str) for header in value):
        return tuple(value)
    raise ValueError(f"{where} is {value!r}; it must be a heading, a list of header cells, or a number from 0")


class ConfluenceTableOperator(WorkplaceOperator):
    """Read a table of a page as rows, for the table of another page or for a check.

    ::

        goals = ConfluenceTableOperator(task_id="goals", space="ANALYTICS", title="2026 목표", table="분기 목표")

    A row is a mapping of the header cells to the visible texts. Rows of totals are omitted. Every cell is text.

    :param page_id: id of the page, or a link to it
    :param space: key of the page's space; with ``title``, instead of ``page_id``
    :param title: title of the page
    :param table: the heading above the table, some of its header cells, or its number from 0; by default the only table
    :param confluence_conn_id: connection of type ``confluence``
    """

    ui_color = "#deebff"

    page_id: Field[str | None] = optional_text()
    space: Field[str | None] = optional_text()
    title: Field[str | None] = optional_text()
    table: Field[int | str | Sequence[str] | None] = template(default=None, parse=_parse_table)
    confluence_conn_id: Field[str] = text(default="confluence_default")

    def check_fields(self) -> None:
        """Check that the arguments name one page."""
        super().check_fields()
        check_one_of("the page to read", page_id=self.page_id, title=self.title)
        if bool(self.space) != bool(self.title):
            raise ValueError("space and title belong together; set both, or page_id: the page to read")

    def execute(self, context: Context) -> list[dict[str, str]]:
        """Read the table.

        :return: a mapping of header to text for each row
        :raises AirflowFailException: if the page or the table is missing, or the table has no header row
        """
        from workplace_provider.confluence.hooks.confluence import ConfluenceHook
        from workplace_provider.confluence.pages import PageDocument
        from workplace_provider.confluence.pages.edits.tables import table_rows

        with fail_on_permanent_error("Confluence"):
            self.parse_fields()
            client = ConfluenceHook(self.confluence_conn_id).client
            try:
                page = (
                    get_current(client, self.page_id)
                    if self.page_id
                    else find_current(client, self.space or "", self.title or "")
                )
                rows = table_rows(PageDocument(page.body or "", client), self.table)
            finally:
                client.close()
            self.log.info("%d rows of %s (version %d)", len(rows), page.url, page.version)
            return rows
