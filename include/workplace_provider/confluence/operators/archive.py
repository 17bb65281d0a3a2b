"""Operator that archives the old pages of a series."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from workplace_provider.common.fields import Field, integer, optional_text, template, text
from workplace_provider.common.report_date import report_day
from workplace_provider.confluence.operators.base import ConfluenceOperator, check_one_of
from workplace_provider.confluence.operators.page_result import PageResult, page_result
from workplace_provider.confluence.publishing.current import find_current, get_current

if TYPE_CHECKING:
    from airflow.sdk import Context

    from workplace_provider.confluence.client import ConfluenceClient, Page


class ArchiveResult(PageResult):
    """The page above a series in XCom, with the number and the titles of the pages that were archived."""

    archived: int
    titles: list[str]


LISTED_TITLES = 50


def _parse_day(value: Any, where: str) -> dt.date | None:
    if value is None or value in ("", "None"):
        return None
    try:
        return value if isinstance(value, dt.date) else dt.date.fromisoformat(str(value).strip()[:10])
    except ValueError as error:
        raise ValueError(f"{where} is {value!r}; it must be a date such as 2026-11-19") from error


class ConfluenceArchiveOperator(ConfluenceOperator):
    """Archive the old pages of a series, by the dates in their titles. Nothing is deleted.

    Pages that are newer than the report day, have another title or no date stay. On Cloud, the pages are archived, each
    with the pages below it. With an archive parent, and on Data Center, which archives only spaces, they move below that
    page with the pages below them. If more pages than ``max_pages`` were to be archived, the task fails and changes
    nothing.

    ::

        ConfluenceArchiveOperator(
            task_id="archive", space="ANALYTICS", parent_title="Weekly reports", series="20261119_Weekly report", keep=26,
            archive_parent_title="Archive", dry_run=True,
        )

    :param space: key of the space
    :param parent_id: id of the page above the series, or a link to it
    :param parent_title: title of the page above the series, instead of ``parent_id``
    :param series: title of any page of the series. Pages with the same words and another date belong to it
    :param keep: number of the newest pages that stay
    :param older_than_days: archive only pages that are older than this. With ``keep``, both must be true
    :param archive_parent_id: id of the page to move the pages below, or a link to it
    :param archive_parent_title: title of that page, instead of ``archive_parent_id``
    :param archive_label: label that the archived pages get; empty for none
    :param max_pages: gate: the most pages that one run archives
    :param today: day from which the age counts; by default the day that the run reports on
    :param dry_run: log the pages, and write nothing
    :param confluence_conn_id: connection of type ``confluence``
    """

    space: Field[str] = text()
    parent_id: Field[str | None] = optional_text()
    parent_title: Field[str | None] = optional_text()
    series: Field[str] = text()
    keep: Field[int | None] = integer(least=0)
    older_than_days: Field[int | None] = integer(least=0)
    archive_parent_id: Field[str | None] = optional_text()
    archive_parent_title: Field[str | None] = optional_text()
    archive_label: Field[str] = text(default="archived")
    max_pages: Field[int] = integer(default=20, least=1)
    today: Field[dt.date | None] = template(default=None, parse=_parse_day)

    def check_fields(self) -> None:
        """Check that the arguments name one page above the series, and at most one archive."""
        super().check_fields()
        check_one_of("the page above the series", parent_id=self.parent_id, parent_title=self.parent_title)
        check_one_of(
            "the page to move old pages below",
            archive_parent_id=self.archive_parent_id,
            archive_parent_title=self.archive_parent_title,
            required=False,
        )

    def _result(self, client: ConfluenceClient, context: Context) -> ArchiveResult:
        from workplace_provider.confluence.publishing.archive import Archiver, ArchiveRule, ArchiveSpec

        parent = self._page(client, self.parent_id, self.parent_title)
        self.page_url = parent.url
        below = None
        if self.archive_parent_id or self.archive_parent_title:
            below = self._page(client, self.archive_parent_id, self.archive_parent_title)
        rule = ArchiveRule(self.series, self.today or report_day(context), self.keep, self.older_than_days)
        spec = ArchiveSpec(parent, rule, below, label=self.archive_label.strip(), most=self.max_pages)
        archiver = Archiver(client, spec)
        pages = archiver.plan()
        where = f"move below {below.title!r}" if below else "archive"
        self.log.info("%s: %s", where, ", ".join(repr(page.title) for page in pages) or "no pages")
        if self.is_dry_run:
            self.log.info("dry run: nothing was written")
            archived: list[Page] = []
        else:
            archived = archiver.run(pages)
        titles = [page.title for page in archived][:LISTED_TITLES]
        return {**page_result(parent, changed=bool(archived)), "archived": len(archived), "titles": titles}

    def _page(self, client: ConfluenceClient, page_id: str | None, title: str | None) -> Page:
        from workplace_provider.confluence.client.checks import same_space

        page = get_current(client, page_id) if page_id else find_current(client, self.space, title or "", body=False)
        if not same_space(page.space, self.space):
            raise ValueError(f"the page {page.title!r} is in the space {page.space}, not in {self.space}: {page.url}")
        return page
