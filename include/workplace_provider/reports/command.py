"""The command ``workplace report``: create, check and preview definitions of reports in a terminal."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.common.terminal import for_terminal, print_text, use_all_connections
from workplace_provider.common.yaml_description import read_yaml
from workplace_provider.reports.placeholders import period_title
from workplace_provider.reports.reading import ReportError, parse_definition, period_rule, read_definition

if TYPE_CHECKING:
    from workplace_provider.reports.definition import ReportDefinition

FAILED: Final = 1
_IDENTIFIER: Final = re.compile(r"[\w.-]{1,100}")
_TEMPLATE: Final = """\
# yaml-language-server: $schema=report.schema.json
# A report: one file, one DAG. Reference: docs/reports.md
name: {name}
owner: {owner}
schedule: {schedule}
timezone: {timezone}
period: {{every: {every}{day}}}

page:
  space: {space}
  parent: {parent}
  title: {title}
  from: previous          # copies the page of the period before, and moves its dates on

sources:
  picture: {{tableau: {view}, formats: [png]}}

checks:
  - {{source: picture, picture: {{blank: false, same_as: never}}}}

fill:
  - {{image: {heading}, source: picture, width: 900}}

announce:
  - {{slack: {channel}}}
"""
# For each question: its key, its text, and the answer for an empty line.
_QUESTIONS: Final = (
    ("name", "Name of the report", "주간 보고"),
    ("owner", "Owner (a person or team in Airflow)", "analytics"),
    ("every", "Every day, week, month, quarter or year", "week"),
    ("timezone", "Time zone", "Asia/Seoul"),
    ("space", "Key of the Confluence space", "ANALYTICS"),
    ("parent", "Title of the page above", "주간 보고"),
    ("title", "Title, with the date as in %Y%m%d", "%Y%m%d_주간 보고"),
    ("view", "Tableau view for the picture (Workbook/Sheet)", "WeeklyKPI/Overview"),
    ("heading", "Heading above the picture", "추이"),
    ("channel", "Slack channel for the announcement", "#weekly-report"),
)
_SCHEDULES: Final = {
    "day": "0 9 * * *",
    "week": "0 9 * * THU",
    "month": "0 9 1 * *",
    "quarter": "0 9 1 1,4,7,10 *",
    "year": "0 9 1 1 *",
}


def main(arguments: Sequence[str] | None = None, *, prog: str = "workplace report") -> int:
    """Run the command.

    :param arguments: arguments of the command; ``None`` for those of this process
    :param prog: the command as people type it
    :return: exit code: 0 for success, 1 for a problem
    """
    options = _parser(prog).parse_args(arguments)
    use_all_connections()
    actions: dict[str, Callable[[argparse.Namespace], int]] = {
        "new": _new,
        "check": _check,
        "preview": _preview,
        "schema": _schema,
    }
    try:
        return actions[options.action](options)
    except (ReportError, OSError) as error:
        print(f"{prog}: {for_terminal(str(error))}", file=sys.stderr)
        return FAILED


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, description="Create, check and preview reports that are described in YAML.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    new = actions.add_parser("new", help="create a definition from a few questions")
    new.add_argument("file", type=Path, metavar="FILE", help="the file to create, such as include/reports/weekly.yaml")
    new.add_argument("--yes", action="store_true", help="use the suggested answer for every question that no option answers")
    for key, text, default in _QUESTIONS:
        new.add_argument(f"--{key}", metavar=key.upper(), help=f"{text} (%(metavar)s, such as {default.replace('%', '%%')})")
    check = actions.add_parser("check", help="check definitions", description="Check definitions; nothing is written.")
    check.add_argument("files", nargs="+", type=Path, metavar="FILE", help="definitions")
    check.add_argument("--online", action="store_true", help="also look up connections, page, headings, views and channels")
    preview = actions.add_parser(
        "preview",
        help="make the preview of a report",
        description="Read the sources and write the page as it would be into a folder. Nothing else is written.",
    )
    preview.add_argument("file", type=Path, metavar="FILE", help="a definition")
    preview.add_argument("--date", default=None, metavar="DATE", help="a day of the period to report on; by default today")
    preview.add_argument("--out", type=Path, default=Path("preview"), metavar="DIR", help="folder for it (%(default)s)")
    actions.add_parser("schema", help="print the JSON Schema of definitions, for editors")
    return parser


def _new(options: argparse.Namespace) -> int:
    path: Path = options.file
    if path.exists():
        raise ReportError(f"{path} exists already; choose another name, or edit it")
    if not _IDENTIFIER.fullmatch(path.stem) or path.suffix != ".yaml":
        raise ReportError(f"{path.name} is no id of a DAG; use letters, digits, '-', '_' or '.', and end it with .yaml")
    answers = {key: _answer(options, key, text, default) for key, text, default in _QUESTIONS}
    every = answers["every"]
    if every not in _SCHEDULES:
        raise ReportError(f"every is {every!r}; it must be one of {', '.join(_SCHEDULES)}")
    quoted = {key: json.dumps(value, ensure_ascii=False) for key, value in answers.items()}
    text = _TEMPLATE.format(
        **quoted | {"every": every},
        schedule=json.dumps(_SCHEDULES[every]),
        day=", weekday: thursday" if every == "week" else "",
    )
    definition = parse_definition(text, path.name, path.stem)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as stream:
        stream.write(text)
    print_text(f"{path}: created. Next: workplace report check {path} --online")
    print_text(f"The first page: {_title_today(definition)}")
    return 0


def _answer(options: argparse.Namespace, key: str, text: str, default: str) -> str:
    given = getattr(options, key)
    if given is None and not options.yes:
        given = input(f"{text} [{default}]: ").strip()
    return given or default


def _check(options: argparse.Namespace) -> int:
    code = 0
    titles: dict[tuple[str, str, str], str] = {}
    for path in options.files:
        try:
            definition = read_definition(path)
            _build(definition, path)
            page = definition.page
            other = titles.setdefault((page.conn_id, page.space, page.title), path.name)
            if other != path.name:
                raise ReportError(f"{path.name}: page.title is that of {other}; two reports cannot write one page")
        except ReportError as error:
            print(for_terminal(str(error)), file=sys.stderr)
            code = FAILED
            continue
        problems = _online(definition, path) if options.online else []
        for problem in problems:
            print(for_terminal(problem), file=sys.stderr)
        if problems:
            code = FAILED
            continue
        print_text(
            f"{path}: valid ({len(definition.sources)} sources, {len(definition.checks)} checks; "
            f"today's page: {_title_today(definition)})"
        )
    return code


def _build(definition: ReportDefinition, path: Path) -> Any:
    from workplace_provider.reports.factory import build_dag

    return build_dag(definition, path.parent)


def _online(definition: ReportDefinition, path: Path) -> list[str]:
    from workplace_provider.reports.online import OnlineCheck

    plain = read_yaml(path, ReportError)
    return [problem.describe(plain, path.name) for problem in OnlineCheck(definition, path.parent).problems()]


def _preview(options: argparse.Namespace) -> int:
    from airflow.sdk import ObjectStoragePath

    from workplace_provider.common.artifact_store import ArtifactStore
    from workplace_provider.reports.base import ReportOperator
    from workplace_provider.reports.local_run import LocalRun, artifacts_in
    from workplace_provider.reports.texts import COMPOSE

    definition = read_definition(options.file)
    dag = _build(definition, options.file)
    options.out.mkdir(parents=True, exist_ok=True)
    # The manifests of earlier periods are read where runs have written them. All files are written to a temporary folder.
    published = ArtifactStore().base
    with TemporaryDirectory() as work, artifacts_in(work):
        for task in dag.tasks:
            if isinstance(task, ReportOperator):
                task.manifest_base = published
        params = {"report_date": options.date} if options.date else {}
        composed = LocalRun(dag, datetime.now(UTC), params).run(COMPOSE)
        preview = ObjectStoragePath(composed["preview"]["uri"]).read_text(encoding="utf-8")
    target = options.out / f"{definition.id}.html"
    target.write_text(preview, encoding="utf-8")
    print_text(f"{target}: the preview of “{composed['title']}”")
    for line in (*composed["changes"], *composed["checks"]):
        print_text(f"  {line}")
    return 0


def _schema(_: argparse.Namespace) -> int:
    from workplace_provider.reports.schema import json_schema

    print(json.dumps(json_schema(), ensure_ascii=False, indent=2))
    return 0


def _title_today(definition: ReportDefinition) -> str:
    from zoneinfo import ZoneInfo

    if definition.page.source == "existing":
        return definition.page.title
    today = datetime.now(ZoneInfo(definition.timezone)).date()
    return period_title(definition.page.title, period_rule(definition).at(today))
