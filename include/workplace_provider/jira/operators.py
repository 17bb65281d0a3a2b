"""Operator for Jira issues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common.arguments import parse_bool
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.common.query import filled

if TYPE_CHECKING:
    from airflow.sdk import Context

DEFAULT_FIELDS: Final = ("key", "summary", "status", "assignee", "duedate")


class JiraIssuesOperator(WorkplaceOperator):
    """Read the issues that a query finds, as rows for a table of a page.

    The key becomes a link, the status a lozenge in the colour of its category, a day a date, a person their name; what is
    not set is ``None``. The rows fit ``ReplaceTableRows``. All pages of the answer are read.

    :param jql: the query
    :param values: name to value for places such as ``{first_day}`` in the query; a value is put in as quoted text, and
        stays one value whatever is in it, also where the query has quotes around the place
    :param fields: fields by their names in the REST API, or a mapping of such names to the names of columns
    :param limit: how many rows to read at the most; ``None`` for all. The log says when there are more
    :param enabled: ``False`` skips the task, so that a Param can turn it off
    :param jira_conn_id: connection of type ``jira``; with an empty login its password is a personal access token
    """

    template_fields: Sequence[str] = ("jira_conn_id", "jql", "values", "fields", "limit", "enabled")
    template_fields_renderers = {"jql": "sql"}  # noqa: RUF012 - Airflow reads a plain dict
    ui_color = "#e9f2ff"

    def __init__(
        self,
        *,
        jql: str,
        values: Mapping[str, Any] | None = None,
        fields: Sequence[str] | Mapping[str, str] = DEFAULT_FIELDS,
        limit: int | str | None = 500,
        enabled: bool | str = True,
        jira_conn_id: str = "jira_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.jql = jql
        self.values = values
        self.fields = fields
        self.limit = limit
        self.enabled = enabled
        self.jira_conn_id = jira_conn_id

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Read the issues.

        :return: one mapping of column to value for each issue, in the order of the query
        :raises AirflowSkipException: when it is not enabled
        :raises AirflowFailException: when a retry cannot help: the query is wrong, or the credential
        """
        with fail_on_permanent_error():
            if not parse_bool(self.enabled, "enabled"):
                raise AirflowSkipException("not enabled")
            return self._rows()

    def _rows(self) -> list[dict[str, Any]]:
        from workplace_provider.jira.client import cell, search, site_of
        from workplace_provider.jira.hooks import jira_client

        columns = dict(self.fields) if isinstance(self.fields, Mapping) else {name: name for name in self.fields}
        limit = None if self.limit is None else int(self.limit)
        jql = filled(self.jql, self.values or {})
        self.log.info("query: %s", jql)
        client = jira_client(self.jira_conn_id)
        try:
            found = search(client, jql, list(columns), limit=limit)
        finally:
            client.close()
        if found.total > len(found.issues):
            self.log.warning("%d issues read of %d: the limit is %s", len(found.issues), found.total, limit)
        else:
            self.log.info("%d issues", len(found.issues))
        return [
            {column: cell(issue, field, site_of(issue, client.url)) for field, column in columns.items()}
            for issue in found.issues
        ]
