"""Operator for Jira issues."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from airflow.sdk.exceptions import AirflowSkipException

from workplace_provider.common.arguments import none_if_blank, parse_int, parse_names
from workplace_provider.common.failure import fail_on_permanent_error
from workplace_provider.common.fields import Field, boolean, choice, mapping, template, text
from workplace_provider.common.operator import WorkplaceOperator
from workplace_provider.common.query import fill_placeholders

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.jira.client import SearchResult

DEFAULT_FIELDS: Final = ("key", "summary", "status", "assignee", "duedate")


def _parse_columns(value: Any, where: str) -> Mapping[str, str]:
    """Return field names and their columns; a list of fields has columns of the same names."""
    if isinstance(value, Mapping):
        return value
    return {name: name for name in parse_names(value, where)}


def parse_name_or_id(value: Any, _: str) -> str | None:
    """Return a name or an id as text; an id may be a number, such as the output of a task."""
    name: str | None = none_if_blank(None if value is None else str(value))
    return name


# A quoted text, or the beginning of the order outside of one.
_ORDER: Final = re.compile(r""""(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+'|(?P<order>\border\s+by\b)""", re.S | re.I)


def _in_sprint(jql: str, sprint_id: int) -> str:
    """Return a query that finds only issues of a sprint, in the order of the board unless it has its own.

    >>> _in_sprint("status = Done OR text ~ 'order by' ORDER BY key", 37)
    "sprint = 37 AND (status = Done OR text ~ 'order by') ORDER BY key"
    >>> _in_sprint("", 37)
    'sprint = 37 ORDER BY Rank'
    """
    start = next((match.start() for match in _ORDER.finditer(jql) if match["order"]), len(jql))
    condition, order = jql[:start].strip(), jql[start:].strip()
    return f"sprint = {sprint_id}{f' AND ({condition})' if condition else ''} {order or 'ORDER BY Rank'}"


class JiraIssuesOperator(WorkplaceOperator):
    """Read the issues that a query finds, as rows for a table of a page.

    The key becomes a link, the status a lozenge in the colour of its category, a day a date, and a person their name. A
    field without a value is ``None``. An edit such as ``ReplaceTableRows`` takes the rows. All pages of the result are read.

    ::

        JiraIssuesOperator(
            task_id="issues", jql="project = ANL AND created >= {first_day}", values={"first_day": "{{ ds }}"},
            fields={"key": "Issue", "summary": "Title", "status": "Status"},
        )

    :param jql: the query
    :param values: values for placeholders such as ``{first_day}`` in the query, by name; each is inserted as one quoted
        value, also if the query has quotes around the placeholder
    :param sprint: reads the issues of a sprint that the query finds: its id, its name, ``active``, or ``closed`` for the one
        that was closed last. An empty query then finds all of them
    :param board: id or name of the sprint's board; needed unless the sprint is an id
    :param fields: names of fields in Jira's REST API, or a mapping of such names to the names of columns
    :param limit: the most rows to read; ``None`` for all. The log warns if there are more
    :param rich_text: form of formatted text from Jira Cloud, such as ``description``: ``text`` for plain text, ``storage``
        for Confluence's storage format with headings, lists and links. The wiki markup of Data Center stays as it is
    :param enabled: ``False`` skips the task, so that a Param can turn it off
    :param jira_conn_id: connection of type ``jira``, for Jira Data Center or Jira Cloud
    """

    ui_color = "#e9f2ff"

    jql: Field[str] = text(renderer="sql")
    values: Field[Mapping[str, Any]] = mapping(default=None)
    sprint: Field[str | None] = template(default=None, parse=parse_name_or_id)
    board: Field[str | None] = template(default=None, parse=parse_name_or_id)
    fields: Field[Mapping[str, str]] = template(default=DEFAULT_FIELDS, parse=_parse_columns)
    limit: Field[int | None] = template(default=500, parse=parse_int)
    rich_text: Field[str] = choice("text", "storage", default="text")
    enabled: Field[bool] = boolean(default=True)
    jira_conn_id: Field[str] = text(default="jira_default")

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Read the issues.

        :return: one mapping of column to value for each issue, in the order of the query
        :raises AirflowSkipException: if it is not enabled
        :raises AirflowFailException: for an error that a retry cannot fix, such as an invalid query or credential
        """
        with fail_on_permanent_error("Jira"):
            self.parse_fields()
            if not self.enabled:
                raise AirflowSkipException("not enabled")
            return self._rows()

    def _rows(self) -> list[dict[str, Any]]:
        from workplace_provider.jira.client import cell
        from workplace_provider.jira.hooks import jira_client

        jql = fill_placeholders(self.jql, self.values)
        with jira_client(self.jira_conn_id) as client:
            if self.sprint:
                sprint = client.find_sprint(self.sprint, self.board)
                self.log.info("sprint %d: %s (%s)", sprint.id, sprint.name, sprint.state)
                jql = _in_sprint(jql, sprint.id)
            self.log.info("query: %s", jql)
            self.record_input(f"{client.base_url}/issues/?jql={quote(jql)}")
            result = client.search(jql, list(self.fields), limit=self.limit)
            self._log_number(result)
            sites = [client.site_of(issue) for issue in result.issues]
        return [
            {column: cell(issue, field, site, self.rich_text) for field, column in self.fields.items()}
            for issue, site in zip(result.issues, sites, strict=True)
        ]

    def _log_number(self, result: SearchResult) -> None:
        number = len(result.issues)
        if not result.has_more:
            self.log.info("%d issues", number)
        elif result.total is None:
            self.log.warning("%d issues were read: the limit is %s, and there are more", number, self.limit)
        else:
            about = "about " if result.is_estimate else ""
            self.log.warning("%d of %s%d issues were read: the limit is %s", number, about, result.total, self.limit)
