"""Archive the old pages of a series by the dates in their titles. Nothing is deleted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workplace_provider.common.title_dates import read_title
from workplace_provider.confluence.client.protocol import ArchivesPages
from workplace_provider.http.errors import Invalid
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Page
    from workplace_provider.confluence.client.protocol import ConfluenceClient

log = get_logger("workplace_provider.confluence")

MOST_PAGES: Final = 20
"""Pages that one run archives at most by default."""


@dataclass(frozen=True, slots=True)
class ArchiveRule:
    """The pages to archive: those of a series that are old by both measures, as far as they are given.

    :param series: title of one page of the series. Pages with the same words and another date belong to it
    :param today: day from which the age counts; later pages stay
    :param keep: number of the newest pages that stay
    :param older_than: age in days that a page must exceed
    :raises Invalid: when the series has no date with a year, or no measure is given
    """

    series: str
    today: dt.date
    keep: int | None = None
    older_than: int | None = None

    def __post_init__(self) -> None:
        """Check that the rule can be applied."""
        pattern = read_title(self.series)
        if pattern.day is None or not pattern.has_year:
            raise Invalid(
                f"the title {self.series!r} has no date with a year, so that the age of its pages is unknown",
                advice="give the title of a page such as 20261119_Weekly",
            )
        if self.keep is None and self.older_than is None:
            raise Invalid("no rule says which pages are old", advice="give keep, older_than_days, or both")

    def select(self, pages: list[Page]) -> list[Page]:
        """Return the pages to archive, oldest first."""
        pattern = read_title(self.series).pattern
        dated: list[tuple[dt.date, Page]] = []
        for page in pages:
            title = read_title(page.title)
            if page.status == "current" and title.pattern == pattern and title.day is not None and title.day <= self.today:
                dated.append((title.day, page))
        dated.sort(key=lambda entry: entry[0])
        if self.keep is not None:
            dated = dated[: max(0, len(dated) - self.keep)]
        if self.older_than is not None:
            dated = [(day, page) for day, page in dated if (self.today - day).days > self.older_than]
        return [page for _, page in dated]


@dataclass(frozen=True, slots=True)
class ArchiveSpec:
    """The archiving of one series.

    :param parent: page whose child pages are archived
    :param rule: the pages to archive
    :param below: page to move them below; ``None`` to archive them, which only Cloud does
    :param label: label that they get before; empty for none
    :param most: gate: if more pages were to be archived, nothing is
    """

    parent: Page
    rule: ArchiveRule
    below: Page | None = None
    label: str = ""
    most: int = MOST_PAGES


class Archiver:
    """Archives the old pages of one series.

    Example::

        rule = ArchiveRule("20261119_Weekly", dt.date(2026, 11, 19), keep=12)
        archiver = Archiver(client, ArchiveSpec(client.get_page("4711"), rule, label="archived"))
        archived = archiver.run(archiver.plan())

    :param client: the site
    :param spec: the archiving
    """

    def __init__(self, client: ConfluenceClient, spec: ArchiveSpec) -> None:
        self._client = client
        self._spec = spec

    def plan(self) -> list[Page]:
        """Return the pages to archive, in this order. Nothing is written.

        :raises Invalid: when the gate is closed, or the site cannot archive pages
        """
        spec = self._spec
        if spec.below is None and not isinstance(self._client, ArchivesPages):
            raise Invalid(
                "Confluence Data Center has no call that archives a page",
                advice="give the page to move old pages below as archive_parent_id or archive_parent_title",
            )
        pages = spec.rule.select(list(self._client.children(spec.parent.id)))
        if spec.below is not None:
            self._check_target(spec.below, pages)
        else:
            # Whether the site archives child pages with their parent is not documented, so that each is archived itself.
            pages = [page for top in pages for page in self._tree(top)]
        if len(pages) > spec.most:
            oldest = ", ".join(repr(page.title) for page in pages[:3])
            raise Invalid(
                f"{len(pages)} pages would be archived, more than {spec.most}: {oldest}, …",
                code="gate-closed",
                advice="check the rule with dry_run, then raise max_pages for one run",
            )
        return pages

    def run(self, pages: list[Page]) -> list[Page]:
        """Archive pages that :meth:`plan` has returned. A page that a person renamed or moved since then stays.

        :return: the pages that were archived
        """
        archived = []
        for page in pages:
            present = self._client.get_page(page.id)
            if present.status != "current" or present.title != page.title or present.parent_id != page.parent_id:
                log.warning("%r was renamed, moved or removed in between, and stays: %s", page.title, present.url)
                continue
            self._archive(present)
            archived.append(present)
            log.info("archived %r: %s", present.title, present.url)
        return archived

    def _archive(self, page: Page) -> None:
        spec = self._spec
        if spec.label and spec.label not in self._client.labels(page.id):
            # Before the move: a page that was moved already would not be found again.
            self._client.add_labels(page.id, [spec.label])
        if spec.below is not None:
            self._client.move_page(page.id, spec.below.id)
        elif isinstance(self._client, ArchivesPages):
            self._client.archive_page(page.id)

    def _check_target(self, below: Page, pages: list[Page]) -> None:
        if below.id == self._spec.parent.id:
            raise Invalid("the archive is the page whose child pages are archived", advice="give another archive_parent")
        if any(page.id == below.id for page in pages):
            raise Invalid(
                f"the archive {below.title!r} is itself one of the pages to archive",
                advice="give a page whose title is not of the series",
            )

    def _tree(self, page: Page) -> Iterator[Page]:
        """Yield the pages below a page, deepest first, and the page."""
        for child in self._client.children(page.id):
            yield from self._tree(child)
        yield page
