"""Content status (Verified, Ready for review) of pages: writes of Cloud clear it, so it is set again after them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workplace_provider.confluence.client.protocol import HasContentStates
from workplace_provider.http.errors import WorkplaceError
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import ContentState, Page
    from workplace_provider.confluence.client.protocol import ConfluenceClient

log = get_logger("workplace_provider.confluence")


@dataclass(slots=True)
class KeptState:
    """The content status of a page that is written.

    :param versions: how many versions of the page setting it again has made
    """

    versions: int = 0

    def after(self, page: Page) -> Page:
        """Return the page with the version that it has now."""
        return replace(page, version=page.version + self.versions) if self.versions else page


@contextmanager
def keeping_state(client: ConfluenceClient, page_id: str) -> Iterator[KeptState]:
    """Set the content status of a page again when the writes in the block have cleared it.

    Writes of the body and of content properties clear it on Cloud (hunyadi/md2conf#286); Data Center has none. Also after an
    error in the block. Where the credential may not read or set it, the log says so.
    """
    kept = KeptState()
    before = _state(client, page_id)
    try:
        yield kept
    finally:
        if before is not None and isinstance(client, HasContentStates) and _state(client, page_id) != before:
            try:
                client.set_content_state(page_id, before)
            except WorkplaceError as error:
                log.warning("the content status %r of the page %s is lost: %s", before.name, page_id, error)
            else:
                kept.versions = 1
                log.info("the content status %r of the page %s was set again", before.name, page_id)


def _state(client: ConfluenceClient, page_id: str) -> ContentState | None:
    if not isinstance(client, HasContentStates):
        return None
    try:
        return client.content_state(page_id)
    except WorkplaceError as error:
        log.info("the content status of the page %s cannot be read: %s", page_id, error)
        return None
