"""Create the definition of a report, and the template of its pages, from a few answers: ``workplace report new``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

from workplace_provider.reports.reading import ReportError, parse_definition

PAGES: Final = "pages"
"""Folder of the templates, beside the definitions."""


@dataclass(frozen=True)
class Question:
    """A question of ``workplace report new``.

    :param key: name of the answer, and of the command's option
    :param text: the question
    :param suggestion: the answer of an empty line; all of them together make a report that runs on the sandbox
    :param is_optional: ``-`` leaves the part of the report out
    """

    key: str
    text: str
    suggestion: str
    is_optional: bool = False


QUESTIONS: Final = (
    Question("name", "Name of the report", "팀 주간 보고"),
    Question("owner", "Owner (a person or team in Airflow)", "analytics"),
    Question("every", "Every day, week, month, quarter or year", "week"),
    Question("timezone", "Time zone", "Asia/Seoul"),
    Question("language", "Language of the page: ko, ja or en", "ko"),
    Question("space", "Key of the Confluence space", "ANALYTICS"),
    Question("parent", "Title of the page above", "분석 문서"),
    Question("title", "Title, with the date as in %Y%m%d", "%Y%m%d_팀 주간 보고"),
    Question("query", "SQL file of the table, with :day for the report day", "sql/report_kpis.sql", is_optional=True),
    Question("database", "Airflow connection of the query", "warehouse"),
    Question("columns", "Columns of the query; the first identifies a row", "지표, 지난주, 이번 주, 목표"),
    Question("value", "Column whose changes are described", "이번 주"),
    Question("view", "Tableau view of the pictures (Workbook/Sheet)", "WeeklyKPI/WeeklyActiveUsers", is_optional=True),
    Question("day", "Filter or parameter of the view for the report day", "Parameters.기준일", is_optional=True),
    Question("each", "Field and values, for one picture each", "기기=PC, 모바일", is_optional=True),
    Question("channel", "Slack channel of the announcement", "#weekly-report", is_optional=True),
)
LEFT_OUT: Final = "-"

_IDENTIFIER: Final = re.compile(r"[\w.-]{1,100}")
# For each rhythm: the schedule, and the rest of `period`.
_RHYTHMS: Final = {
    "day": ("0 9 * * *", ""),
    "week": ("0 9 * * THU", ", weekday: thursday"),
    "month": ("0 9 1 * *", ""),
    "quarter": ("0 9 1 1,4,7,10 *", ""),
    "year": ("0 9 1 1 *", ""),
}


@dataclass(frozen=True)
class Headings:
    """The headings of a page in one language."""

    changes: str
    table: str
    pictures: str
    comments: str


HEADINGS: Final = {
    "ko": Headings("이번 변화", "핵심 지표", "추이", "의견"),
    "ja": Headings("今回の変化", "主要指標", "推移", "コメント"),
    "en": Headings("Changes", "Key figures", "Trend", "Comments"),
}


def create_report(path: Path, answers: Mapping[str, str]) -> Path:
    """Write the definition of a report, and the template of its pages in storage format beside it.

    ::

        create_report(Path("include/reports/weekly.yaml"), {question.key: question.suggestion for question in QUESTIONS})

    :param path: the definition's file; its name without ``.yaml`` is the id of the DAG
    :param answers: an answer to each of :data:`QUESTIONS`
    :return: the file of the template
    :raises ReportError: if a file exists, or an answer cannot be used; nothing is written then
    """
    if not _IDENTIFIER.fullmatch(path.stem) or path.suffix != ".yaml":
        raise ReportError(f"{path.name} is no id of a DAG; use letters, digits, '-', '_' or '.', and end it with .yaml")
    template = path.parent / PAGES / f"{path.stem}.xhtml"
    for file in (path, template):
        if file.exists():
            raise ReportError(f"{file} exists already; choose another name, or edit it")
    draft = _Draft(path.stem, answers)
    definition, page = draft.definition(), draft.page()
    parse_definition(definition, path.name, path.stem)
    template.parent.mkdir(parents=True, exist_ok=True)
    for file, text in ((template, page), (path, definition)):
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    return template


class _Draft:
    """The texts of a new report.

    :raises ReportError: if an answer is none of those that are possible
    """

    def __init__(self, report_id: str, answers: Mapping[str, str]) -> None:
        self._id = report_id
        self._answers = answers
        self._schedule, self._rest_of_period = _RHYTHMS[self._choice("every", _RHYTHMS)]
        self._headings = HEADINGS[self._choice("language", HEADINGS)]
        self._columns = _listed(answers["columns"])
        if self._has("query") and answers["value"] not in self._columns:
            raise ReportError(f"value is {answers['value']!r}; it must be one of the columns {', '.join(self._columns)}")

    def definition(self) -> str:
        """Return the YAML text."""
        parts = [self._head(), _mapping("sources", self._sources()), _list("checks", self._checks())]
        parts += [_list("fill", self._fill()), _list("announce", self._announcements())]
        return "\n".join(filter(None, parts))

    def page(self) -> str:
        """Return the template of the pages, in storage format."""
        heads = self._headings
        parts = []
        if self._has("query"):
            cells = "".join(f"<th>{escape(column)}</th>" for column in self._columns)
            row = "<td><br /></td>" * len(self._columns)
            parts += [f"<h2>{heads.changes}</h2>", "<p />", f"<h2>{heads.table}</h2>"]
            parts += [f"<table><tbody>\n<tr>{cells}</tr>\n<tr>{row}</tr>\n</tbody></table>"]
        if self._has("view"):
            parts += [f"<h2>{heads.pictures}</h2>", "<p />"]
        return "\n".join([*parts, f"<h2>{heads.comments}</h2>", "<p />", ""])

    def _head(self) -> str:
        return f"""\
# yaml-language-server: $schema=report.schema.json
# One file is one report and one DAG. Reference: docs/reports.md
name: {self._quoted("name")}
owner: {self._quoted("owner")}
schedule: {json.dumps(self._schedule)}
timezone: {self._quoted("timezone")}
period: {{every: {self._answers["every"]}{self._rest_of_period}}}

page:
  space: {self._quoted("space")}
  parent: {self._quoted("parent")}
  title: {self._quoted("title")}
  # The template of the pages. It may also be a page of the space, {{template: TITLE}}; `previous` copies the last report.
  from: {{file: {_quote(f"{PAGES}/{self._id}.xhtml")}}}
"""

    def _sources(self) -> list[str]:
        day = '"{{ period.day }}"'
        sources = []
        if self._has("query"):
            sources += [
                f"figures: {{sql: {self._quoted('query')}, conn_id: {self._quoted('database')}, params: {{day: {day}}}}}"
            ]
        if self._has("view"):
            sources += ["pictures:", f"  tableau: {self._quoted('view')}"]
            if self._has("day"):
                sources += [f"  filters: {{{self._quoted('day')}: {day}}}"]
            if self._has("each"):
                field, _, values = self._answers["each"].partition("=")
                sources += [f"  each: {{{_quote(field.strip())}: {_quotes(_listed(values))}}}"]
        return sources

    def _checks(self) -> list[str]:
        checks = []
        if self._has("query"):
            key, value = _quote(self._columns[0]), self._quoted("value")
            checks += [
                f"{{source: figures, rows: {{min: 1}}, not_null: [{value}]}}",
                f"{{source: figures, key: {key}, column: {value}, change: {{max: 50%}}, else: review}}",
            ]
        if self._has("view"):
            checks += ["{source: pictures, picture: {blank: false, same_as: never}}"]
        return checks

    def _fill(self) -> list[str]:
        heads, fill = self._headings, []
        if self._has("query"):
            compared = f"sources: [figures], columns: [{self._quoted('value')}], language: {self._answers['language']}"
            fill += [
                f"{{changes: {_quote(heads.changes)}, {compared}}}",
                f"{{table: {_quote(heads.table)}, source: figures, key: {_quote(self._columns[0])}}}",
            ]
        if self._has("view"):
            fill += [f"{{image: {_quote(heads.pictures)}, source: pictures, width: 450}}"]
        return fill

    def _announcements(self) -> list[str]:
        return [f"{{slack: {self._quoted('channel')}, changes: true}}"] if self._has("channel") else []

    def _has(self, key: str) -> bool:
        return self._answers[key] not in ("", LEFT_OUT)

    def _quoted(self, key: str) -> str:
        return _quote(self._answers[key])

    def _choice(self, key: str, choices: Mapping[str, object]) -> str:
        answer = self._answers[key]
        if answer not in choices:
            raise ReportError(f"{key} is {answer!r}; it must be one of {', '.join(choices)}")
        return answer


def _quote(text: str) -> str:
    """Return a text for YAML; as it is, where YAML reads it as the same text."""
    if re.fullmatch(r"[^\W\d][\w./ ]*", text) and text == text.strip() and text.lower() not in _NOT_TEXT:
        return text
    return json.dumps(text, ensure_ascii=False)


_NOT_TEXT: Final = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def _quotes(texts: list[str]) -> str:
    return f"[{', '.join(map(_quote, texts))}]"


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _mapping(name: str, lines: list[str]) -> str:
    return "".join([f"{name}:\n", *(f"  {line}\n" for line in lines)]) if lines else ""


def _list(name: str, items: list[str]) -> str:
    return "".join([f"{name}:\n", *(f"  - {item}\n" for item in items)]) if items else ""
