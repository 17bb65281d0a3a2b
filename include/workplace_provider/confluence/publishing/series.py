"""A series of pages, such as weekly reports: titles that move on, and the edits that roll a page over to its next period."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, get_args

from workplace_provider.common.title_dates import read_numbers, read_title
from workplace_provider.confluence.pages.addresses import is_on_site, page_id_in
from workplace_provider.confluence.pages.document import RI
from workplace_provider.confluence.pages.edits import (
    CarryOverTasks,
    Edit,
    EditError,
    RetargetLinks,
    ShiftDates,
    shift_text,
)
from workplace_provider.http.errors import Forbidden, NotFound

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Page
    from workplace_provider.confluence.client.protocol import ConfluenceClient
    from workplace_provider.confluence.pages import PageDocument

Roll = Literal["dates", "open_tasks", "links"]
ROLLS: Final = get_args(Roll)
"""Parts of a page that roll over: dates move on, only open tasks are carried over, and links to the series move on."""

_YEAR: Final = 366
"""Days after which dates without a year repeat."""

MOST_ADDRESSES: Final = 50
"""Links by address whose pages are looked up, for one page."""


@dataclass(frozen=True, slots=True)
class CopiedPage:
    """A page that is copied, and the title of its copy."""

    source: Page
    title: str


class TitleSeries:
    """Titles that move on by the distance between the titles of a page and its copy.

    ::

        series = TitleSeries("20261112_주간 보고", "20261119_주간 보고")
        series.move("20261105_주간 보고")  # 20261112_주간 보고
        TitleSeries("Week 45", "Week 46").move("Week 44")  # Week 45

    :param source: title of the page that is copied
    :param title: title of the copy
    """

    def __init__(self, source: str, title: str) -> None:
        self.source = source
        self.title = title

    @cached_property
    def shift(self) -> ShiftDates | None:
        """The shift of the dates; ``None`` if the titles do not name dates that can be compared."""
        try:
            edit = ShiftDates(days="titles").for_copy(self.source, self.title)
        except EditError:
            return None
        return edit if isinstance(edit, ShiftDates) else None

    def is_member(self, title: str) -> bool:
        """Return whether a title belongs to the series: it has the same words as the source's."""
        if title == self.source:
            return True
        if self.shift is not None or self._days is not None:
            return read_title(title).pattern == read_title(self.source).pattern
        old, new = read_numbers(self.source), read_numbers(self.title)
        return bool(old.numbers) and read_numbers(title).pattern == old.pattern == new.pattern

    def move(self, title: str) -> str:
        """Return the title after the move; unchanged if it has no date or number that could move.

        A title that contains the source's title gets the copy's title in its place.
        """
        if title == self.source:
            return self.title
        moved = self._move_numbers(title) if self.shift is None and self._days is None else self.move_dates(title)
        return moved if moved != title else title.replace(self.source, self.title)

    def move_dates(self, title: str) -> str:
        """Return a title with its dates moved."""
        try:
            if self.shift is not None:
                return shift_text(title, days=self.shift.days, months=self.shift.months, around=self.shift.around)
            return shift_text(title, days=self._days or 0, around=read_title(self.source).day)
        except EditError:  # a date without a year, or outside the calendar
            return title

    @cached_property
    def _days(self) -> int | None:
        """The days between two titles whose dates have no year; ``None`` if they have no such dates."""
        old, new = read_title(self.source), read_title(self.title)
        if old.day is None or new.day is None or old.has_year or old.form != new.form:
            return None
        return ((new.day - old.day).days + _YEAR // 2) % _YEAR - _YEAR // 2

    def _move_numbers(self, title: str) -> str:
        if not self.is_member(title):
            return title
        old, new = read_numbers(self.source).numbers, read_numbers(self.title).numbers
        steps = [number - before for before, number in zip(old, new, strict=True)]
        moved = [number + step for number, step in zip(read_numbers(title).numbers, steps, strict=True)]
        if any(number < 0 for number in moved):
            return title
        numbers = iter(moved)

        def move(match: re.Match[str]) -> str:
            return str(next(numbers)).zfill(len(match[0]) if match[0].startswith("0") else 0)

        return re.sub(r"\d+", move, title)


def roll_edits(pages: Sequence[CopiedPage], roll: Sequence[str]) -> list[Edit]:
    """Return the edits that roll a page over to its next period.

    :param pages: pages that are copied together, first the one whose title determines the distance. Links to the series of
        each of them move on
    :param roll: parts to roll over, of :data:`ROLLS`
    """
    top = pages[0]
    series = TitleSeries(top.source.title, top.title)
    rolled: list[Edit] = [CarryOverTasks()] if "open_tasks" in roll else []
    within = [*(("text", "time") if "dates" in roll else ()), *(("links",) if "links" in roll and series.shift else ())]
    if within:
        titles = tuple(dict.fromkeys(page.source.title for page in pages))
        # An open task keeps its deadline: it is as late as before.
        shift = ShiftDates(days="titles", within=within, series=titles, tasks="open_tasks" not in roll)
        rolled.append(shift.for_copy(top.source.title, top.title))
    return rolled


def link_edit(
    client: ConfluenceClient, document: PageDocument, pages: Sequence[CopiedPage], roll: Sequence[str]
) -> RetargetLinks | None:
    """Return the edit for the links that dates do not move; ``None`` if all links stay.

    With ``links`` in ``roll``, these are links by number, without a date, and by address. Links among pages that are copied
    together lead to the copies in any case.

    :param document: the body of the source
    :param pages: pages that are copied together, as in :func:`roll_edits`
    """
    family = [TitleSeries(page.source.title, page.title) for page in pages]
    shift = family[0].shift if "links" in roll else None
    titles: dict[str, str] = {}
    addresses: dict[str, str] = {}
    if "links" in roll:
        linked = {page.get(f"{{{RI}}}content-title") or "" for page in document.select("//ri:page[@ri:content-title]")}
        titles = {} if shift else _moved(linked, family)
        addresses = _moved_addresses(client, document, family, pages[0].source.space)
    if "links" in roll or len(pages) > 1:
        addresses |= {page.source.id: page.title for page in pages}
        # Titles that the edit of dates has moved must not move again.
        moved = {page.source.title for page in pages if shift and family[0].move_dates(page.source.title) == page.title}
        titles |= {page.source.title: page.title for page in pages if page.source.title not in moved}
    if not titles and not addresses:
        return None
    return RetargetLinks(titles, ids=addresses, site=client.base_url, space=pages[0].source.space)


def _moved(titles: Iterable[str], family: Sequence[TitleSeries]) -> dict[str, str]:
    """Return the titles that belong to one of several series, and the titles after the move."""
    members = ((title, next((series for series in family if series.is_member(title)), None)) for title in titles)
    return {title: series.move(title) for title, series in members if series is not None}


def _moved_addresses(
    client: ConfluenceClient, document: PageDocument, family: Sequence[TitleSeries], space: str
) -> dict[str, str]:
    """Return the pages of the series to which a body links by address, by id, with their titles after the move."""
    titles: dict[str, str] = {}
    for page_id in _linked_ids(document, client.base_url)[:MOST_ADDRESSES]:
        try:
            page = client.get_page(page_id)
        except (NotFound, Forbidden):
            continue
        if page.space == space:
            titles[page_id] = page.title
    moved = _moved(titles.values(), family)
    return {page_id: moved[title] for page_id, title in titles.items() if title in moved}


def _linked_ids(document: PageDocument, site: str) -> list[str]:
    ids: dict[str, None] = {}
    for link in document.select("//a[@href]"):
        address = link.get("href") or ""
        try:
            page_id = page_id_in(address) if is_on_site(address, site) else None
        except ValueError:  # not an address
            continue
        if page_id is not None:
            ids[page_id] = None
    return list(ids)
