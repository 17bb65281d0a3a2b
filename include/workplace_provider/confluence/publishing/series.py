"""A series of pages, such as weekly reports: titles that move on, and the edits that roll a page over to its next period."""

from __future__ import annotations

import re
from collections.abc import Sequence
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

MOST_ADDRESSES: Final = 50
"""Links by address whose pages are looked up, for one page."""


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
        if self.shift is not None:
            return read_title(title).pattern == read_title(self.source).pattern
        old, new = read_numbers(self.source), read_numbers(self.title)
        return bool(old.numbers) and read_numbers(title).pattern == old.pattern == new.pattern

    def move(self, title: str) -> str:
        """Return the title after the move; unchanged if it has no date or number that could move.

        A title that contains the source's title gets the copy's title in its place.
        """
        if title == self.source:
            return self.title
        if self.shift is not None:
            try:
                moved = shift_text(title, days=self.shift.days, months=self.shift.months, around=self.shift.around)
            except EditError:  # a date without a year, or outside the calendar
                moved = title
        else:
            moved = self._move_numbers(title)
        return moved if moved != title else title.replace(self.source, self.title)

    def _move_numbers(self, title: str) -> str:
        if not self.is_member(title):
            return title
        old, new = read_numbers(self.source).numbers, read_numbers(self.title).numbers
        steps = iter(number - before for before, number in zip(old, new, strict=True))

        def step(match: re.Match[str]) -> str:
            return str(max(0, int(match[0]) + next(steps))).zfill(len(match[0]) if match[0].startswith("0") else 0)

        return re.sub(r"\d+", step, title)


def roll_edits(source: Page, title: str, roll: Sequence[str]) -> list[Edit]:
    """Return the edits that roll a page over to its next period.

    :param source: the page, read with its body
    :param title: title of the copy
    :param roll: parts to roll over, of :data:`ROLLS`
    """
    series = TitleSeries(source.title, title)
    rolled: list[Edit] = [CarryOverTasks()] if "open_tasks" in roll else []
    within = [*(("text", "time") if "dates" in roll else ()), *(("links",) if "links" in roll and series.shift else ())]
    if within:
        # An open task keeps its deadline: it is as late as before.
        rolled.append(ShiftDates(days="titles", within=within, tasks="open_tasks" not in roll))
    return rolled


def roll_links(client: ConfluenceClient, document: PageDocument, source: Page, title: str) -> RetargetLinks:
    """Return the edit for the links that dates do not move: by number, without a date, and by address.

    :param document: the body of the source
    """
    series = TitleSeries(source.title, title)
    linked = {page.get(f"{{{RI}}}content-title") or "" for page in document.select("//ri:page[@ri:content-title]")}
    titles = {} if series.shift is not None else {old: series.move(old) for old in linked if series.is_member(old)}
    addresses = {source.id: title}
    for page_id in _linked_ids(document, client.base_url)[:MOST_ADDRESSES]:
        if page_id not in addresses:
            try:
                linked_title = client.get_page(page_id).title
            except (NotFound, Forbidden):
                continue
            if series.is_member(linked_title):
                addresses[page_id] = series.move(linked_title)
    return RetargetLinks(titles, ids=addresses, site=client.base_url, space=source.space)


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
