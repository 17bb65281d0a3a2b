"""Content status of pages, such as *Verified*: writes on Cloud clear it, so it is set again afterwards.

Only Cloud has a published API for it; that of Data Center 10.0.3 has no content status.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from workplace_provider.confluence.client.model import ContentState
from workplace_provider.confluence.client.protocol import HasContentStates
from workplace_provider.http.errors import Invalid, WorkplaceError
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Page
    from workplace_provider.confluence.client.protocol import ConfluenceClient

log = get_logger("workplace_provider.confluence")


MAX_NAME: Final = 20
"""Most characters of a content status, as in the API's description."""

_COLOR: Final = re.compile(r"#[0-9A-Fa-f]{6}")


@dataclass(frozen=True, slots=True)
class WantedStatus:
    """The content status that a page gets: a named one, or that of another page.

    ::

        WantedStatus("Ready for review"), WantedStatus("확정", "#57d9a3"), WantedStatus(of_page="4711")

    :param name: its name; without a color, one of those that the page can have
    :param color: color of a status that the connection's account defines, such as ``#57d9a3``
    :param of_page: id of the page whose status is copied, instead of a name
    """

    name: str = ""
    color: str = ""
    of_page: str = ""

    def check(self, client: ConfluenceClient) -> None:
        """Check that the site can set the status, before anything is written.

        :raises Invalid: a named status on a site without content status, or an invalid name or color
        """
        if self.of_page:
            return
        if not isinstance(client, HasContentStates):
            raise Invalid(
                f"the content status {self.name!r} cannot be set: Data Center has no published API for it",
                advice="leave content_status empty, or use the status macro on the page (edits.SetStatus)",
            )
        if not self.name.strip() or len(self.name) > MAX_NAME:
            raise Invalid(f"the content status {self.name!r} must have 1 to {MAX_NAME} characters")
        if self.color and not _COLOR.fullmatch(self.color):
            raise Invalid(f"the color {self.color!r} of a content status must be like #57d9a3")

    def set(self, client: ConfluenceClient, page: Page, *, only_missing: bool = False) -> Page:
        """Set the status of a page, unless the page has it.

        A status that is copied and cannot be set, because the space does not allow it, is left out with a log line.

        :param only_missing: keep another status that the page has
        :return: the page with its current version
        :raises Invalid: the page cannot have a status with this name
        """
        if not isinstance(client, HasContentStates):
            return page
        wanted = _read_state(client, self.of_page) if self.of_page else self._find(client, page)
        if wanted is None:
            return page
        try:
            present = client.content_state(page.id)
            if present is not None and (only_missing or _is_same(present, wanted)):
                return page
            client.set_content_state(page.id, wanted)
        except WorkplaceError as error:
            if not self.of_page:
                raise
            log.warning("the content status %r is not on the copy %s: %s", wanted.name, page.url, error)
            return page
        log.info("the page %s has the content status %r", page.id, wanted.name)
        return replace(page, version=client.get_page(page.id).version)

    def _find(self, client: HasContentStates, page: Page) -> ContentState:
        if self.color:
            return ContentState(OWN_STATE, self.name, self.color)
        available = client.available_content_states(page.id)
        for state in available:
            if state.name.casefold() == self.name.strip().casefold():
                return state
        names = ", ".join(repr(state.name) for state in available) or "none"
        raise Invalid(
            f"the page {page.title!r} cannot have the content status {self.name!r}, only {names}",
            advice="use one of these names, or give a color too, which defines a status of the connection's account",
        )


OWN_STATE: Final = -1
"""Id of a status that is set by name and color."""


def _is_same(one: ContentState, other: ContentState) -> bool:
    """Return whether two statuses look the same. A status of another account gets another id when it is set."""
    return (one.name, one.color.lower()) == (other.name, other.color.lower())


@dataclass(slots=True)
class KeptState:
    """The content status of a page during writes.

    :param versions: number of versions that setting the status again has created
    """

    versions: int = 0

    def after(self, page: Page) -> Page:
        """Return the page with its current version."""
        return replace(page, version=page.version + self.versions) if self.versions else page


@contextmanager
def keeping_state(client: ConfluenceClient, page_id: str) -> Iterator[KeptState]:
    """Set the content status of a page again when the writes in the block have cleared it, even after an error.

    On Cloud, writes of the body and of content properties clear it (hunyadi/md2conf#286). Data Center has no content status.
    Where the credential may not read or set it, a log line reports that.
    """
    kept = KeptState()
    before = _read_state(client, page_id)
    try:
        yield kept
    finally:
        if before is not None and isinstance(client, HasContentStates) and _read_state(client, page_id) != before:
            try:
                client.set_content_state(page_id, before)
            except WorkplaceError as error:
                log.warning("the content status %r of the page %s is lost: %s", before.name, page_id, error)
            else:
                kept.versions = 1
                log.info("the content status %r of the page %s was set again", before.name, page_id)


def _read_state(client: ConfluenceClient, page_id: str) -> ContentState | None:
    if not isinstance(client, HasContentStates):
        return None
    try:
        return client.content_state(page_id)
    except WorkplaceError as error:
        log.info("the content status of the page %s is not kept because it cannot be read: %s", page_id, error)
        return None
