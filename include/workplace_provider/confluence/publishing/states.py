"""Content status of pages, such as *Verified*: writes on Cloud clear it, so it is set again afterwards."""

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
