"""Conditions that a sensor waits for on a page, and their check."""

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
    """A page, and the conditions that it must meet at the same time. The page must exist in any case.

    :param page_id: id of the page; give either this, or ``space`` and ``title``
    :param space: key of its space
    :param title: its title
    :param after_version: its version must be higher than this one
    :param labels: it must have these labels
    :param status: it must have a status lozenge with this text; case is ignored
    :param heading: the lozenge must be under this heading
    :raises ValueError: when the page is not named, or a heading is given without a status
    """

    page_id: str = ""
    space: str = ""
    title: str = ""
    after_version: int | None = None
    labels: tuple[str, ...] = ()
    status: str = ""
    heading: str = ""

    def __post_init__(self) -> None:
        """Validate the fields."""
        if bool(self.page_id) == bool(self.space and self.title) or (self.page_id and (self.space or self.title)):
            raise ValueError("name the page by page_id, or by space and title")
        if self.heading and not self.status:
            raise ValueError(f"heading is {self.heading!r}, but no status to find under it is given")

    def __str__(self) -> str:
        return f"page {self.page_id}" if self.page_id else f"the page {self.title!r} in the space {self.space}"


@dataclass(frozen=True, slots=True)
class PageStatus:
    """The result of one check of a page.

    :param page: ``None`` when the page does not exist or is not current
    :param missing: the conditions that are not met, in words; empty when all are met
    """

    page: Page | None
    missing: tuple[str, ...]

    @property
    def done(self) -> bool:
        """``True`` when all conditions are met."""
        return not self.missing


def check_conditions(client: ConfluenceClient, wanted: PageConditions) -> PageStatus:
    """Check a page once: one request, and one more for labels.

    :raises WorkplaceError: when the site cannot be read
    :raises IllFormedStorage: when the page's body cannot be parsed
    """
    page = _find(client, wanted)
    if page is None or page.status != "current":
        state = f"{wanted} is {page.status}" if page else f"no {str(wanted).removeprefix('the ')}"
        return PageStatus(None, (state,))
    missing: list[str] = []
    if wanted.after_version is not None and page.version <= wanted.after_version:
        missing.append(f"its version is {page.version}, not above {wanted.after_version}")
    if wanted.status:
        missing += _status_missing(client, page, wanted)
    # Labels take a request of their own, so they are read only when the other conditions are met.
    if wanted.labels and not missing:
        present = set(client.labels(page.id))
        absent = [label for label in wanted.labels if label.lower() not in present]
        if absent:
            missing.append(f"it has no label {', '.join(absent)}")
    return PageStatus(page, tuple(missing))


def _find(client: ConfluenceClient, wanted: PageConditions) -> Page | None:
    body = bool(wanted.status)
    if not wanted.page_id:
        return client.find_page(wanted.space, wanted.title, body=body)
    try:
        return client.get_page(wanted.page_id, body=body)
    except NotFound:
        return None


def _status_missing(client: ConfluenceClient, page: Page, wanted: PageConditions) -> list[str]:
    texts = status_texts(PageDocument(page.body or "", client), wanted.heading or None)
    if texts is None:
        return [f"it has no heading {wanted.heading!r}"]
    if any(same_status(text, wanted.status) for text in texts):
        return []
    present = ", ".join(map(repr, texts)) or "none"
    where = f" under {wanted.heading!r}" if wanted.heading else ""
    return [f"no status {wanted.status!r}{where}; present: {present}"]
