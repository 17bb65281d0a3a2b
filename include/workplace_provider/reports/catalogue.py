"""The catalogue of what a report that describes itself on its template page may use.

It is a file of the project, such as ``include/report_catalogue.yaml``. A template page names queries, projects, channels and
spaces of the catalogue; connections, files, SQL and reviewers are in the catalogue only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from msgspec import Struct, structs

from workplace_provider.common.schedules import check_zone, cron_timetable
from workplace_provider.common.yaml_description import check_keys, converted, line_of, read_yaml
from workplace_provider.reports.collecting import find_beside
from workplace_provider.reports.definition import FailureNotice  # noqa: TC001 - msgspec reads the annotations
from workplace_provider.reports.reading import ReportError, parse_duration

LABEL: Final = "report-template"
"""Label of template pages."""


class _Part(Struct, frozen=True, kw_only=True):
    """Base class of the parts of a catalogue."""


class TargetSpace(_Part, frozen=True):
    """A space in which reports may be created.

    :param parents: titles of the pages below which they may be created; empty for every page of the space
    :param editors: accounts whose template pages may write there, by name, on Cloud by account id; empty to ask Confluence
    """

    parents: list[str] = []
    editors: list[str] = []


class NamedQuery(_Part, frozen=True):
    """A query that pages use by its name.

    :param sql: a file beside the catalogue
    :param params: names of its bound parameters, which a page sets
    """

    sql: str
    conn_id: str
    params: list[str] = []
    columns: list[str] = []


class TableauProjects(_Part, frozen=True):
    """The projects of a Tableau site whose views pages may use, by name or path."""

    projects: list[str]
    conn_id: str = "tableau_default"


class JiraProjects(_Part, frozen=True):
    """The projects whose issues pages may use, by their keys."""

    projects: list[str]
    conn_id: str = "jira_default"


class SlackChannels(_Part, frozen=True):
    """The channels that pages may read, and those in which they may announce."""

    read: list[str] = []
    announce: list[str] = []
    conn_id: str = "slack_api_default"


class Reviewers(_Part, frozen=True):
    """The approval before a page is published; ``when: always`` asks for one of each report.

    ``by`` are user names of Airflow. ``within`` is the time to answer; ``otherwise`` is what happens after it.
    """

    when: Literal["checks", "always"] = "checks"
    by: list[str] = []
    within: str = "24h"
    otherwise: Literal["skip", "fail"] = "fail"


class PageLimits(_Part, frozen=True):
    """The limits of template pages.

    :param pages: template pages in a space
    :param page_size: characters of a page
    :param definition_size: characters of a definition
    :param sources: sources, and likewise checks, places and announcements, of a report
    :param exports: files of a Tableau source
    :param reports: reports of a run; others wait for the next run
    """

    pages: int = 100
    page_size: int = 500_000
    definition_size: int = 20_000
    sources: int = 20
    exports: int = 30
    reports: int = 50


class Catalogue(_Part, frozen=True):
    """The catalogue of a project.

    ::

        catalogue = read_catalogue(Path("include/report_catalogue.yaml"))

    :param templates: keys of the spaces whose template pages are used
    :param spaces: spaces in which reports may be created, by key
    :param queries: queries by name
    :param review: the reviewers of all reports
    """

    templates: list[str]
    spaces: dict[str, TargetSpace]
    conn_id: str = "confluence_default"
    owner: str = "airflow"
    schedule: str | None = "*/30 * * * *"
    timezone: str = "UTC"
    queries: dict[str, NamedQuery] = {}
    tableau: list[TableauProjects] = []
    jira: JiraProjects | None = None
    slack: SlackChannels = SlackChannels()
    review: Reviewers = Reviewers()
    on_failure: FailureNotice | None = None
    limits: PageLimits = PageLimits()

    @property
    def tableau_connections(self) -> dict[str, str]:
        """The connection of each Tableau project."""
        return {project: site.conn_id for site in self.tableau for project in site.projects}


def read_catalogue(path: Path) -> Catalogue:
    """Return the catalogue in a file.

    :raises ReportError: if the file cannot be read, or is invalid; with file, line and advice
    """
    plain = read_yaml(path, ReportError)
    check_keys(plain, [field.encode_name for field in structs.fields(Catalogue)], path.name, ReportError)
    for name in ("templates", "spaces"):
        if not plain.get(name):
            raise ReportError(f"{path.name}: {name} is empty; a catalogue names spaces of templates and of reports")
    catalogue: Catalogue = converted(plain, Catalogue, path.name, ReportError)
    for problem, keys in _problems(catalogue, path):
        raise ReportError(f"{path.name}{line_of(plain, *keys)}: {problem}")
    return catalogue


def _problems(catalogue: Catalogue, path: Path) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield what does not fit together, with the keys of the place."""
    try:
        check_zone(catalogue.timezone)
    except ValueError as error:
        yield str(error), ("timezone",)
    try:
        if catalogue.schedule is not None:
            cron_timetable(catalogue.schedule, "UTC")
    except ValueError as error:
        yield str(error), ("schedule",)
    for name, query in catalogue.queries.items():
        try:
            find_beside(path.parent, query.sql)
        except FileNotFoundError as error:
            yield f"queries.{name}.sql: {error}", ("queries", name, "sql")
    seen: set[str] = set()
    for number, site in enumerate(catalogue.tableau):
        for project in site.projects:
            if project in seen:
                yield (
                    f"tableau[{number}].projects has {project!r}, which another entry has; name it once",
                    ("tableau", number),
                )
            seen.add(project)
    try:
        parse_duration(catalogue.review.within)
    except ValueError as error:
        yield f"review.within: {error}", ("review", "within")
    for field, limit in structs.asdict(catalogue.limits).items():
        if limit < 1:
            yield f"limits.{field} is {limit}; it must be at least 1", ("limits", field)
