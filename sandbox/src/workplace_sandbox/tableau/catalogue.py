"""The content of the sites: projects, workbooks, their sheets, and the sheets' data."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import date, datetime

    from workplace_sandbox.tableau.big import BigContents


_KEPT_ANSWERS = 256


def luid(site: str, kind: str, name: str) -> str:
    """Return the LUID of an object, the same in every sandbox.

    :param site: content URL of its site.
    :param kind: ``site``, ``project``, ``workbook`` or ``view``; ``user``, with an empty site.
    :param name: content URL of a site, workbook or view; name of a user or a project.
    """
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"workplace-sandbox/tableau/{site}/{kind}/{name}"))


@lru_cache(maxsize=64)
def user_luid(name: str) -> str:
    """Return the LUID of a user, who has one account on all sites."""
    return luid("", "user", name)


def url_name(name: str) -> str:
    """Return a name as Tableau writes it in an address: letters and digits only."""
    return "".join(character for character in name if character.isalnum()) or "sheet"


@dataclass(frozen=True, slots=True)
class SheetData:
    """The data of a sheet, as text formatted for people."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class SheetQuery:
    """The selection of a sheet's data.

    :param thursday: the day of the report: the week ends the day before.
    :param chosen: members of fields; a field that is not named shows all its members.
    """

    thursday: date
    chosen: tuple[tuple[str, frozenset[str]], ...] = ()

    def allows(self, field: str, member: str) -> bool:
        """Return whether a member of a field is shown."""
        return all(member in members for name, members in self.chosen if name == field)


class SheetContents(Hashable, Protocol):
    """The contents of a sheet. Hashable, so that the result of equal questions is cached."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its picture in pixels."""
        ...

    @property
    def parameter(self) -> str:
        """Name of the parameter with the day of the report."""
        ...

    def table(self, question: SheetQuery) -> SheetData:
        """Return its data."""
        ...

    def picture(self, question: SheetQuery, density: int) -> bytes:
        """Return its picture as a PNG.

        :param density: 1, or 2 for twice as many pixels each way.
        """
        ...


@dataclass(frozen=True, slots=True)
class TableauProject:
    """A project; one within another has a parent."""

    luid: str
    name: str
    description: str = ""
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of a workbook; one that is not hidden is a view.

    :param kind: ``worksheet`` or ``dashboard``.
    :param embedded: the author's filters, until a user changes them.
    :param exporters: the users who may export it; None for all.
    :param disconnected: whether its data source cannot be reached.
    """

    luid: str
    name: str
    url_name: str
    contents: SheetContents | BigContents
    kind: str = "worksheet"
    hidden: bool = False
    embedded: tuple[tuple[str, frozenset[str]], ...] = ()
    exporters: frozenset[str] | None = None
    disconnected: bool = False


@dataclass(frozen=True)
class TableauWorkbook:
    """A workbook.

    :param number: the number in the address for browsers, in place of the LUID.
    :param extract_day: the last day of its data.
    :param size: in megabytes.
    :param show_tabs: whether it opens with tabs.
    """

    luid: str
    number: int
    name: str
    content_url: str
    project: TableauProject
    owner: str
    created_at: datetime
    updated_at: datetime
    extract_day: date
    sheets: tuple[Sheet, ...]
    description: str = ""
    tags: tuple[str, ...] = ()
    size: int = 1
    show_tabs: bool = False

    @cached_property
    def views(self) -> tuple[Sheet, ...]:
        """The sheets that are not hidden."""
        return tuple(sheet for sheet in self.sheets if not sheet.hidden)

    def data_sheet(self, sheet: Sheet) -> Sheet:
        """Return the sheet whose data is exported for another: itself, or a dashboard's first visible worksheet by name."""
        if sheet.kind != "dashboard":
            return sheet
        return min((view for view in self.views if view.kind == "worksheet"), key=lambda view: view.name, default=sheet)


@dataclass(frozen=True, slots=True)
class TableauView:
    """A visible sheet with its workbook."""

    sheet: Sheet
    workbook: TableauWorkbook

    @property
    def luid(self) -> str:
        """LUID of the view."""
        return self.sheet.luid

    @property
    def content_url(self) -> str:
        """Content URL, which is unique on a site."""
        return f"{self.workbook.content_url}/sheets/{self.sheet.url_name}"


@dataclass(frozen=True, slots=True)
class TableauCustomView:
    """A custom view: the filters that a user saved for a view.

    :param view: LUID of the view.
    :param workbook: LUID of its workbook.
    :param shared: whether others see it.
    :param chosen: the filters.
    """

    luid: str
    name: str
    view: str
    workbook: str
    owner: str
    shared: bool
    created_at: datetime
    chosen: tuple[tuple[str, frozenset[str]], ...]


@dataclass(frozen=True, slots=True)
class TableauDataSource:
    """A published data source.

    :param number: the number in the address for browsers.
    :param updated_at: of its definition; a refresh does not change it.
    :param extract_at: when its extract was refreshed; None for a live one.
    """

    luid: str
    number: int
    name: str
    content_url: str
    project: TableauProject
    owner: str
    updated_at: datetime
    extract_at: datetime | None


@dataclass(frozen=True, slots=True)
class TableauFlow:
    """A flow of Tableau Prep.

    :param number: the number in the address for browsers.
    :param refreshed_at: end of the successful run that the sandbox begins with.
    """

    luid: str
    number: int
    name: str
    project: TableauProject
    owner: str
    refreshed_at: datetime


@dataclass(frozen=True)
class TableauSite:
    """A site as it was at one moment.

    Lists are in the order of LUIDs, which is stable and means nothing: without ``sort`` the real order is undefined.
    """

    content_url: str
    name: str
    projects: tuple[TableauProject, ...] = ()
    workbooks: tuple[TableauWorkbook, ...] = ()
    custom_views: tuple[TableauCustomView, ...] = ()
    datasources: tuple[TableauDataSource, ...] = ()
    flows: tuple[TableauFlow, ...] = ()
    _answers: dict[Hashable, bytes] = field(default_factory=dict, init=False, repr=False, compare=False)

    def cached(self, question: Hashable, make: Callable[[], bytes]) -> bytes:
        """Return a result that depends on this site, cached: the site is immutable.

        :param question: everything else that the result depends on.
        :param make: makes the result.
        """
        result = self._answers.get(question)
        if result is None:
            result = make()
            if len(self._answers) >= _KEPT_ANSWERS:
                self._answers.clear()
            self._answers[question] = result
        return result

    @cached_property
    def luid(self) -> str:
        """LUID of the site."""
        return luid(self.content_url, "site", self.content_url)

    @cached_property
    def workbook_by_luid(self) -> Mapping[str, TableauWorkbook]:
        """The workbooks by LUID."""
        return {workbook.luid: workbook for workbook in self.workbooks}

    @cached_property
    def view_by_luid(self) -> Mapping[str, TableauView]:
        """The views by LUID."""
        return {view.luid: view for view in self.views}

    @cached_property
    def views(self) -> tuple[TableauView, ...]:
        """All views."""
        views = (TableauView(sheet, workbook) for workbook in self.workbooks for sheet in workbook.views)
        return tuple(sorted(views, key=lambda view: view.luid))

    def find_view(self, workbook: str, sheet: str) -> TableauView | None:
        """Return the view with the names in an address for browsers."""
        wanted = f"{workbook}/sheets/{sheet}"
        return next((view for view in self.views if view.content_url == wanted), None)


class Catalogue:
    """The sites of a server. The content of a site is replaced as a whole, so a reader never sees half of a change."""

    def __init__(self, sites: Iterable[TableauSite]) -> None:
        self._lock = threading.Lock()
        self._sites: dict[str, TableauSite] = {}
        self.replace(sites)

    def replace(self, sites: Iterable[TableauSite]) -> None:
        """Replace all sites."""
        with self._lock:
            self._sites = {site.content_url: _in_order(site) for site in sites}

    def sites(self) -> list[TableauSite]:
        """Return all current sites."""
        with self._lock:
            return list(self._sites.values())

    def site(self, content_url: str) -> TableauSite | None:
        """Return the site with a content URL; the default site has an empty one."""
        with self._lock:
            return self._sites.get(content_url)

    def add(self, content_url: str, make: Callable[[TableauSite], Iterator[TableauWorkbook]]) -> list[TableauWorkbook]:
        """Add workbooks to a site, with their projects.

        :param content_url: of the site.
        :param make: makes the workbooks, given the site.
        :return: the workbooks.
        :raises ValueError: there is no such site.
        """
        with self._lock:
            site = self._sites.get(content_url)
            if site is None:
                raise ValueError(f"no site {content_url!r}: there are {', '.join(map(repr, self._sites))}")
            made = list(make(site))
            projects = {project.luid: project for project in (*site.projects, *(workbook.project for workbook in made))}
            workbooks = (*site.workbooks, *made)
            self._sites[content_url] = _in_order(replace(site, projects=tuple(projects.values()), workbooks=workbooks))
        return made

    def change_datasource(self, luid_of_source: str, change: Callable[[TableauDataSource], TableauDataSource]) -> None:
        """Change a data source.

        :raises ValueError: there is no such data source.
        """
        with self._lock:
            for content_url, site in self._sites.items():
                if any(source.luid == luid_of_source for source in site.datasources):
                    sources = tuple(change(s) if s.luid == luid_of_source else s for s in site.datasources)
                    self._sites[content_url] = replace(site, datasources=sources)
                    return
        raise ValueError(f"no data source {luid_of_source!r}: give its LUID")

    def change(self, workbook: str, change: Callable[[TableauWorkbook], TableauWorkbook]) -> None:
        """Change a workbook on every site that has it.

        :param workbook: LUID or content URL.
        :raises ValueError: there is no such workbook.
        """
        with self._lock:
            exists = False
            for content_url, site in self._sites.items():
                changed = [candidate for candidate in site.workbooks if workbook in (candidate.luid, candidate.content_url)]
                if changed:
                    exists = True
                    kept = tuple(change(candidate) if candidate in changed else candidate for candidate in site.workbooks)
                    self._sites[content_url] = replace(site, workbooks=kept)
        if not exists:
            raise ValueError(f"no workbook {workbook!r}: give its LUID or its content URL, for example WeeklyKPI")


def _in_order(site: TableauSite) -> TableauSite:
    workbooks = tuple(sorted(site.workbooks, key=lambda workbook: workbook.luid))
    projects = tuple(sorted(site.projects, key=lambda project: project.luid))
    return replace(site, projects=projects, workbooks=workbooks)
