"""Controls of Tableau for tests and demos: its clock, its sessions, its contents, its delays."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from workplace_sandbox.seed import workbooks
from workplace_sandbox.seed.sheets import KOREAN, WORKSHEETS
from workplace_sandbox.tableau.accounts import BOT, SITE
from workplace_sandbox.tableau.big import BigContents
from workplace_sandbox.tableau.catalogue import (
    Catalogue,
    Sheet,
    TableauDataSource,
    TableauProject,
    TableauWorkbook,
    luid,
    url_name,
)
from workplace_sandbox.tableau.clock import TableauClock
from workplace_sandbox.tableau.jobs import JobBoard, TableauJob
from workplace_sandbox.tableau.product import cloud, server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

    from workplace_sandbox.tableau.catalogue import SheetContents, TableauSite

_BIG_WORKBOOK = "큰 데이터"


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session, without its token.

    :param product: ``server`` or ``cloud``.
    :param pat: name of the personal access token of the sign-in, None for another method.
    :param exports: the number of exported files.
    """

    product: str
    user: str
    site: str
    pat: str | None
    began: datetime
    exports: int


class TableauControls:
    """Tableau Server and Tableau Cloud, with one catalogue and one clock.

    Attributes may be set at any time: ``render_seconds`` is how long each export takes, several at once included;
    ``latency_seconds`` how long each request takes besides; ``metadata_enabled`` whether Tableau Server has the Metadata
    API.

    :param today: the current day, which decides the contents of the catalogue; the real one when None.
    :param sleep: waits for a number of seconds.
    """

    def __init__(self, today: date | None = None, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._sleep = sleep
        self.clock = TableauClock(today)
        self.catalogue = Catalogue(workbooks.sites(self.clock.today()))
        self.server = server(self.catalogue, self.clock)
        self.cloud = cloud(self.catalogue, self.clock)
        self.render_seconds = 0.0
        self.latency_seconds = 0.0
        self.jobs = JobBoard(self.clock, self._apply_job)
        self.metadata_enabled = True

    def reset(self) -> None:
        """Restore the initial state: sessions, exports, workbooks, refreshes, delays, and the clock."""
        self.clock.reset()
        for product in (self.server, self.cloud):
            product.reset()
        self.catalogue.replace(workbooks.sites(self.clock.today()))
        self.render_seconds = self.latency_seconds = 0.0
        self.jobs.reset()
        self.metadata_enabled = True

    # --- sessions

    @property
    def sessions(self) -> list[SessionInfo]:
        """Return the sessions, the oldest first."""
        infos = [
            SessionInfo(name, living.user, living.site, living.pat, living.began, living.exports)
            for name, product in (("server", self.server), ("cloud", self.cloud))
            for living in product.sessions.living()
        ]
        return sorted(infos, key=lambda session: session.began)

    def expire_sessions(self) -> None:
        """End all sessions: from now on, the response to their tokens is 401002."""
        for product in (self.server, self.cloud):
            product.sessions.close_all()

    def end_session_after(self, exports: int | None, *, every_time: bool = False) -> None:
        """End a session early, as it happens on Tableau Cloud: the export after so many gives 401002.

        :param exports: how many exports of a session succeed; None switches it off.
        :param every_time: whether it happens to each session, or once.
        """
        if exports is not None and exports < 0:
            raise ValueError(f"the number of exports must not be negative: {exports}")
        for product in (self.server, self.cloud):
            product.sessions.end_after(exports, every_time=every_time)

    # --- contents

    def refresh_extract(self, workbook: str | TableauWorkbook, through: date | None = None) -> None:
        """Refresh the extract of a workbook: ``updatedAt`` moves, and its data reaches to a later day.

        :param workbook: the workbook, its LUID or its content URL.
        :param through: the last day of the data; the clock's today when None.
        :raises ValueError: there is no such workbook.
        """
        now = self._second()
        day = through or self.clock.today()

        def refreshed(before: TableauWorkbook) -> TableauWorkbook:
            # A refresh is never older than the one before, at any time of day that the seed began with.
            return replace(before, updated_at=max(now, before.updated_at + timedelta(seconds=1)), extract_day=day)

        self.catalogue.change(workbook.luid if isinstance(workbook, TableauWorkbook) else workbook, refreshed)

    def refresh_datasource(self, luid_of_source: str) -> None:
        """Refresh the extract of a published data source; its ``updatedAt`` stays.

        :raises ValueError: there is no such data source.
        """
        now = self._second()

        def refreshed(before: TableauDataSource) -> TableauDataSource:
            earliest = before.extract_at + timedelta(seconds=1) if before.extract_at else now
            return replace(before, extract_at=max(now, earliest))

        self.catalogue.change_datasource(luid_of_source, refreshed)

    def show_tabs(self, workbook: str) -> None:
        """Make a workbook open with tabs.

        :param workbook: its LUID or its content URL.
        """
        self.catalogue.change(workbook, lambda before: replace(before, show_tabs=True))

    def add_workbook(
        self,
        name: str,
        *,
        project: str = "데이터분석팀",
        views: Sequence[str] = ("시트 1",),
        content_url: str | None = None,
        site: str = SITE,
    ) -> TableauWorkbook:
        """Publish a workbook.

        :param name: its name, which other workbooks may have too.
        :param project: name of its project, which is created if it does not exist.
        :param views: names of its worksheets, which show the kinds of seeded sheets in turn.
        :param content_url: its content URL; made from the name when None, with a number when that is taken.
        :param site: content URL of the site.
        :return: the workbook, with the LUIDs of it and its views.
        """

        def one(current_site: TableauSite) -> Iterator[TableauWorkbook]:
            yield self._workbook(
                current_site, name, project, views, _free_content_url(current_site, content_url or url_name(name))
            )

        return self.catalogue.add(site, one)[0]

    def add_workbooks(self, count: int, *, project: str = "많은 통합 문서", site: str = SITE) -> list[TableauWorkbook]:
        """Publish many workbooks of one view each, quickly.

        :param count: how many.
        :return: the workbooks, ``통합 문서 00001`` with the content URL ``Many00001`` first.
        """

        def many(current_site: TableauSite) -> Iterator[TableauWorkbook]:
            before = len(current_site.workbooks)
            earlier = sum(each.project.name == project for each in current_site.workbooks)
            for added in range(count):
                ordinal = f"{earlier + added + 1:05}"
                yield self._workbook(
                    current_site, f"통합 문서 {ordinal}", project, ["시트 1"], f"Many{ordinal}", before + added
                )

        return self.catalogue.add(site, many)

    def add_big_view(self, name: str, *, csv_bytes: int, xlsx_bytes: int | None = None, site: str = SITE) -> TableauWorkbook:
        """Publish a workbook with one view whose files are large; they are generated while they are sent.

        :param name: of the view; the workbook has the name ``큰 데이터``.
        :param csv_bytes: size of its CSV file.
        :param xlsx_bytes: size of its crosstab; as large as the CSV file when None.
        :return: the workbook.
        """
        contents = BigContents(csv_bytes, csv_bytes if xlsx_bytes is None else xlsx_bytes)

        def one(current_site: TableauSite) -> Iterator[TableauWorkbook]:
            yield self._workbook(
                current_site,
                _BIG_WORKBOOK,
                "데이터분석팀",
                [name],
                _free_content_url(current_site, url_name(name)),
                contents=contents,
            )

        return self.catalogue.add(site, one)[0]

    # --- pace

    async def wait(self, *, exporting: bool = False) -> None:
        """Wait for the duration of a request.

        :param exporting: whether a view is drawn for it.
        """
        seconds = self.render_seconds if exporting else self.latency_seconds
        if seconds > 0:
            await self._sleep(seconds)

    # --- inside

    def _apply_job(self, job: TableauJob) -> None:
        if job.target == "workbook":
            self.refresh_extract(job.content)
        elif job.target == "datasource":
            self.refresh_datasource(job.content)

    def _second(self) -> datetime:
        # A list shows whole seconds, and clients filter by the shown value.
        return self.clock.now().replace(microsecond=0)

    def _workbook(
        self,
        site: TableauSite,
        name: str,
        project: str,
        views: Iterable[str],
        content_url: str,
        number: int | None = None,
        contents: BigContents | None = None,
    ) -> TableauWorkbook:
        now = self._second()
        existing = next((candidate for candidate in site.projects if candidate.name == project), None)
        taken: set[str] = set()
        sheets = []
        for index, view in enumerate(views):
            address = url_name(view)
            while address in taken:
                address += "_1"
            taken.add(address)
            shown: SheetContents | BigContents = contents or WORKSHEETS[index % len(WORKSHEETS)](KOREAN)
            sheets.append(Sheet(luid(site.content_url, "view", f"{content_url}/sheets/{address}"), view, address, shown))
        return TableauWorkbook(
            luid(site.content_url, "workbook", content_url),
            (len(site.workbooks) if number is None else number) + 1,
            name,
            content_url,
            existing or TableauProject(luid(site.content_url, "project", project), project),
            BOT,
            now,
            now,
            self.clock.today(),
            tuple(sheets),
        )


def _free_content_url(site: TableauSite, content_url: str) -> str:
    """Return a content URL that is free on the site: Tableau adds a number to a name that is taken."""
    taken = {workbook.content_url for workbook in site.workbooks}
    wanted, number = content_url, 0
    while wanted in taken:
        number += 1
        wanted = f"{content_url}_{number}"
    return wanted
