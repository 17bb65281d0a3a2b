"""Find the template pages of a catalogue, and decide which of their reports are due."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict
from zoneinfo import ZoneInfo

from croniter import CroniterError, croniter

from workplace_provider.common.query import quoted
from workplace_provider.confluence.client.checks import same_space
from workplace_provider.confluence.publishing.parents import find_parent
from workplace_provider.http.errors import Forbidden, NotFound, WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.reports.catalogue import LABEL
from workplace_provider.reports.page_definition import ID, PageReport, read_page_report
from workplace_provider.reports.page_errors import INTERNAL, ErrorComments, public_text
from workplace_provider.reports.placeholders import period_title
from workplace_provider.reports.reading import ReportError, period_rule, read_definition

if TYPE_CHECKING:
    from workplace_provider.common.periods import Period
    from workplace_provider.confluence.client import ConfluenceClient, Page
    from workplace_provider.reports.catalogue import Catalogue
    from workplace_provider.reports.definition import ReportDefinition

log = get_logger("workplace_provider.reports")

SAMPLE: Final = (dt.date(2026, 11, 26), dt.date(2027, 1, 1))
"""Days on which titles are compared: two reports must not have one page."""


class FoundReport(TypedDict):
    """A report that is due, or whose definition has an error that is not reported yet.

    :param report: id of the report
    :param period: label of the period; empty with an error
    :param day: the report day
    :param title: title of the template page
    """

    report: str
    period: str
    day: str
    page_id: str
    title: str
    error: str


@dataclass
class PageFinder:
    """Finds the reports of template pages.

    :param definitions: folder of the reports that files define; a page must not write one of their pages
    :param is_published: whether the period of a report has been published, by id and label
    """

    client: ConfluenceClient
    catalogue: Catalogue
    definitions: Path
    is_published: Callable[[str, str], bool]
    _titles: dict[tuple[str, str], str] = field(default_factory=dict, init=False)
    _editors: set[tuple[str, str, str]] = field(default_factory=set, init=False)

    def find(self, moment: dt.datetime, *, day: dt.date | None = None, only: str = "") -> Iterator[FoundReport]:
        """Yield the reports to make, the oldest template page first.

        :param moment: time of the run
        :param day: make the reports of this day's period, due or not
        :param only: id of the template page whose report to make
        """
        self._titles = dict(self._titles_of_files())
        for page, error in self._pages():
            found = self._report(page, error, moment, day)
            if found is not None and only in ("", page.id, found["report"]):
                yield found

    def _report(self, listed: Page, error: str, moment: dt.datetime, day: dt.date | None) -> FoundReport | None:
        entry = FoundReport(
            report=ID.format(page_id=listed.id), period="", day="", page_id=listed.id, title=listed.title, error=error
        )
        try:
            page = self.client.get_page(listed.id, body=True)
        except NotFound:
            log.info("%s is gone; the search index lists it still", listed.title)
            return None
        comments = ErrorComments(self.client, listed.id)
        try:
            if error:
                raise ReportError(error)
            report = self._checked(page)
            period = due_period(report.definition, moment, day)
        except Exception as problem:  # no page may keep the others from their reports
            if isinstance(problem, WorkplaceError) and not isinstance(problem, NotFound):
                raise
            text = public_text(problem)
            log.error("%s (%s): %s", page.title, page.url, text, exc_info=text == INTERNAL)
            return None if comments.has("definition", text) else {**entry, "error": text}
        comments.resolve("definition")
        if day is None and self.is_published(entry["report"], period.label):
            log.info("%s: %s is published", page.title, period.label)
            return None
        log.info("%s: %s is due", page.title, period.label)
        return {**entry, "period": period.label, "day": period.day.isoformat(), "title": page.title}

    def _checked(self, page: Page) -> PageReport:
        """Return the report of a page whose editor may write it, and which no other report writes."""
        report = read_page_report(page, self.catalogue)
        target = report.definition.page
        editor = (page.updated.by.name, target.space, target.parent)
        if editor not in self._editors:
            check_editor(self.client, report, self.catalogue)
            self._editors.add(editor)
        self._check_titles(report)
        return report

    def _pages(self) -> Iterator[tuple[Page, str]]:
        """Yield the template pages, with an error for those beyond the limit of their space."""
        for space in self.catalogue.templates:
            cql = f"space = {quoted(space)} and type = page and label = {quoted(LABEL)}"
            pages = [page for page in self.client.search(cql) if same_space(page.space, space)]
            most = self.catalogue.limits.pages
            for number, page in enumerate(sorted(pages, key=lambda page: (len(page.id), page.id))):
                error = f"the space {space} has more than {most} template pages; remove the label {LABEL} from some"
                yield page, error if number >= most else ""

    def _titles_of_files(self) -> Iterator[tuple[tuple[str, str], str]]:
        for path in sorted(self.definitions.glob("*.yaml")):
            try:
                definition = read_definition(path)
            except ReportError:
                continue  # its own DAG shows the error
            for key in _title_keys(definition):
                yield key, path.name

    def _check_titles(self, report: PageReport) -> None:
        """Raise an error for a title that another report has. The older template page keeps it."""
        for key in _title_keys(report.definition):
            other = self._titles.setdefault(key, report.page.id)
            if other != report.page.id:
                raise ReportError(
                    f"page.title {report.definition.page.title!r} is that of another report in the space"
                    f" {report.definition.page.space}; two reports cannot write one page. Choose another title"
                )


def _title_keys(definition: ReportDefinition) -> Iterator[tuple[str, str]]:
    """Yield the space and the titles of a report's pages on some days."""
    page = definition.page
    if page.source == "existing":
        yield page.space.casefold(), page.title.strip().casefold()
        return
    rule = period_rule(definition)
    for day in SAMPLE:
        yield page.space.casefold(), period_title(page.title, rule.at(day)).strip().casefold()


def due_period(definition: ReportDefinition, moment: dt.datetime, day: dt.date | None = None) -> Period:
    """Return the period of the last time in a report's schedule; without one, that of the day.

    :param day: a day whose period is wanted instead
    :raises ReportError: if the schedule has no time
    """
    local = moment.astimezone(ZoneInfo(definition.timezone)).replace(tzinfo=None)
    if day is None and isinstance(definition.schedule, str):
        try:
            last = croniter(definition.schedule, local + dt.timedelta(seconds=1)).get_prev(dt.datetime)
        except (CroniterError, ValueError, OverflowError) as error:
            raise ReportError(
                f"macro report: schedule is {definition.schedule!r}; it must be a cron expression such as '0 9 * * THU'"
            ) from error
        day = last.date()
    return period_rule(definition).at(day or local.date())


def check_editor(client: ConfluenceClient, report: PageReport, catalogue: Catalogue) -> None:
    """Check that the last editor of a template page may create pages where the report is written.

    :raises ReportError: if they may not, or if that cannot be found out
    """
    page, space = report.page, report.definition.page.space
    editor, target = page.updated.by, catalogue.spaces[space]
    shown = editor.display_name or editor.name
    if not editor.name:
        raise ReportError("Confluence does not name the last editor of the page. Save the page again")
    if editor.name == client.current_user().name:
        raise ReportError("the page was last saved by the account that makes the reports. A person must save it again")
    if target.editors:
        allowed = editor.name in target.editors
    else:
        parent = find_parent(client, space, report.definition.page.parent)
        try:
            allowed = client.may_create_below(parent, editor.name)
        except (Forbidden, NotFound) as error:
            raise ReportError(
                f"it is not known whether {shown}, the last editor of the page, may create pages in the space {space}:"
                " Confluence does not answer the account that makes the reports. Name the editors in the catalogue, or make"
                " the account an administrator"
            ) from error
    if not allowed:
        raise ReportError(
            f"{shown}, the last editor of the page, may not create pages in the space {space}. Someone who may must check"
            " the page and save it again"
        )
