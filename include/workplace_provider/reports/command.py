"""The command ``workplace report``: create, check and preview definitions, and correct published reports, in a terminal."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.common.terminal import for_terminal, print_text, use_all_connections
from workplace_provider.common.yaml_description import read_yaml
from workplace_provider.reports.correction_command import add_actions, republish, withdraw
from workplace_provider.reports.folder import PageTitles
from workplace_provider.reports.new import LEFT_OUT, QUESTIONS, Question, create_report
from workplace_provider.reports.placeholders import period_title
from workplace_provider.reports.reading import ReportError, period_rule, read_definition

if TYPE_CHECKING:
    from workplace_provider.reports.definition import ReportDefinition

FAILED: Final = 1


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
        "republish": republish,
        "withdraw": withdraw,
        "schema": _schema,
    }
    try:
        return actions[options.action](options)
    except (ReportError, OSError) as error:
        print(f"{prog}: {for_terminal(str(error))}", file=sys.stderr)
        return FAILED


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog, description="Create, check, preview and correct reports that are described in YAML."
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    new = actions.add_parser("new", help="create a definition from a few questions")
    new.add_argument("file", type=Path, metavar="FILE", help="the file to create, such as include/reports/weekly.yaml")
    new.add_argument("--yes", action="store_true", help="use the suggested answer for every question that no option answers")
    for question in QUESTIONS:
        suggestion = question.suggestion.replace("%", "%%")
        text = question.text.replace("%", "%%")
        new.add_argument(f"--{question.key}", metavar=question.key.upper(), help=f"{text} (such as {suggestion})")
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
    add_actions(actions)
    actions.add_parser("schema", help="print the JSON Schema of definitions, for editors")
    return parser


def _new(options: argparse.Namespace) -> int:
    path: Path = options.file
    template = create_report(path, {question.key: _answer(options, question) for question in QUESTIONS})
    print_text(f"{path}: created, with {template} as the template of its pages")
    print_text(f"The first page: {_title_today(read_definition(path))}")
    print_text(f"Next: workplace report check {path} --online")
    return 0


def _answer(options: argparse.Namespace, question: Question) -> str:
    given: str | None = getattr(options, question.key)
    if given is None and not options.yes:
        hint = f", {LEFT_OUT} for none" if question.is_optional else ""
        given = input(f"{question.text} [{question.suggestion}{hint}]: ").strip()
    return given or question.suggestion


def _check(options: argparse.Namespace) -> int:
    code = 0
    titles = PageTitles()
    for path in options.files:
        try:
            definition = titles.read(path)
            _build(definition, path)
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
    if options.online:
        for report_id in _without_definition({path.parent for path in options.files}):
            print_text(
                f"{report_id}: has published periods, but no definition. If it was renamed, add formerly: [{report_id}]"
            )
    return code


def _without_definition(folders: Collection[Path]) -> list[str]:
    """Return the ids of reports with manifests that no definition in some folders has, or had formerly."""
    from workplace_provider.common.artifact_store import ArtifactStore
    from workplace_provider.reports.manifest import reports_with_state

    files = [path for folder in folders for path in folder.glob("*.yaml")]
    unknown = set(reports_with_state(ArtifactStore())) - {path.stem for path in files}
    for path in files if unknown else ():
        with suppress(ReportError):
            unknown.difference_update(read_definition(path).formerly)
    return sorted(unknown)


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
    from workplace_provider.reports.local_run import LocalRun, artifacts_in, read_manifests_from
    from workplace_provider.reports.texts import COMPOSE

    definition = read_definition(options.file)
    dag = _build(definition, options.file)
    options.out.mkdir(parents=True, exist_ok=True)
    # The manifests of earlier periods are read where runs have written them. All files are written to a temporary folder.
    read_manifests_from(dag, ArtifactStore().base)
    with TemporaryDirectory() as work, artifacts_in(work):
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
