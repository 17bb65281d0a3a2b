"""What one may wait for on a page, and a look at whether it is so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workplace_provider.confluence.pages import PageDocument
from workplace_provider.confluence.pages.selectors import same_status, status_texts
from workplace_provider.http.errors import NotFound

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Page
    from workplace_provider.confluence.client.protocol import ConfluenceClient


@dataclass(frozen=True, slots=True)
class PageConditions:
    """A page, and what must be so: all of it at the same time. That the page exists is always a part of it.

    :param page_id: id of the page; or
    :param space: key of its space, with
    :param title: its title
    :param after_version: its version must be above this one
    :param labels: it must have these labels
    :param status: a status lozenge on it must say this; case does not count
    :param heading: the lozenge must be under this heading
    :raises ValueError: the page is not named, or a heading without a status
    """

    page_id: str = ""
    space: str = ""
    title: str = ""
    after_version: int | None = None
    labels: tuple[str, ...] = ()
    status: str = ""
    heading: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be looked for."""
        if bool(self.page_id) == bool(self.space and self.title) or (self.page_id and (self.space or self.title)):
            raise ValueError("name the page by page_id, or by space and title")
        if self.heading and not self.status:
            raise ValueError(f"heading is {self.heading!r}, but there is no status to look for under it")

    def __str__(self) -> str:
        return f"page {self.page_id}" if self.page_id else f"the page {self.title!r} in the space {self.space}"


@dataclass(frozen=True, slots=True)
class PageStatus:
    """What was seen.

    :param page: ``None`` when there is no such page
    :param missing: what is not so yet, in words; nothing when all of it is so
    """

    page: Page | None
    missing: tuple[str, ...]

    @property
    def done(self) -> bool:
        """Whether all of it is so."""
        return not self.missing


def check_conditions(client: ConfluenceClient, wanted: PageConditions) -> PageStatus:
    """Look at a page once: one request, and one more for labels.

    :raises WorkplaceError: the site cannot be asked
    :raises IllFormedStorage: the page's body cannot be read
    """
    page = _found(client, wanted)
    if page is None or page.status != "current":
        state = f"{wanted} is {page.status}" if page else f"there is no {str(wanted).removeprefix('the ')}"
        return PageStatus(None, (state,))
    missing: list[str] = []
    if wanted.after_version is not None and page.version <= wanted.after_version:
        missing.append(f"its version is {page.version}, not above {wanted.after_version}")
    if wanted.status:
        missing += _status_missing(page, wanted)
    # Asked for only when nothing else is missing: it takes a request of its own.
    if wanted.labels and not missing:
        there = set(client.labels(page.id))
        absent = [label for label in wanted.labels if label.lower() not in there]
        if absent:
            missing.append(f"it has no label {', '.join(absent)}")
    return PageStatus(page, tuple(missing))


def _found(client: ConfluenceClient, wanted: PageConditions) -> Page | None:
    body = bool(wanted.status)
    if not wanted.page_id:
        return client.find_page(wanted.space, wanted.title, body=body)
    try:
        return client.get_page(wanted.page_id, body=body)
    except NotFound:
        return None


def _status_missing(page: Page, wanted: PageConditions) -> list[str]:
    texts = status_texts(PageDocument(page.body or ""), wanted.heading or None)
    if texts is None:
        return [f"it has no heading {wanted.heading!r}"]
    if any(same_status(text, wanted.status) for text in texts):
        return []
    there = ", ".join(map(repr, texts)) or "none"
    where = f" under {wanted.heading!r}" if wanted.heading else ""
    return [f"no status says {wanted.status!r}{where}; there is {there}"]
