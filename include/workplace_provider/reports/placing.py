"""The place of a report's page among its siblings, and its status: a draft, although the page before it was published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from workplace_provider.confluence.client.protocol import HasContentStates
from workplace_provider.confluence.pages.edits import Edit, SetStatus
from workplace_provider.confluence.publishing.position import Place
from workplace_provider.confluence.publishing.states import WantedStatus
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.confluence.client import ConfluenceClient, Page
    from workplace_provider.reports.definition import PageSpec

WITHDRAWN_STATUS: Final = "WITHDRAWN"
"""Text of the status lozenge of a withdrawn report."""

log = get_logger("workplace_provider.reports")

PREVIOUS = "previous"


def wanted_place(
    client: ConfluenceClient, spec: PageSpec, parent_id: str | None, previous: Page | str, *, rehearsal: bool = False
) -> Place | None:
    """Return the place of a new page; ``None`` to leave it to the site.

    :param previous: page of the period before, or its title, which may have no page
    :param rehearsal: the page is under the rehearsal parent, where it has no place of its own
    """
    if spec.place is None or rehearsal:
        return None
    if isinstance(spec.place, str):
        return Place(spec.place)
    if spec.place.after != PREVIOUS:
        return Place("after", spec.place.after)
    page = client.find_page(spec.space, previous) if isinstance(previous, str) else previous
    if page is None or page.status != "current" or page.parent_id != parent_id:
        log.info("there is no previous page under the parent; the new page is the last one there")
        return Place("last")
    return Place("after", page.id)


def draft_edits(spec: PageSpec) -> list[Edit]:
    """Return the edits that make the status lozenge of a copied page a draft. A page without the lozenge stays unchanged."""
    status = spec.status
    if status is None:
        return []
    return [
        SetStatus(status.draft, status.colour, match=status.published, if_missing="skip"),
        SetStatus(status.draft, status.colour, match=WITHDRAWN_STATUS, expect=None, if_missing="skip"),
    ]


def draft_status(client: ConfluenceClient, spec: PageSpec, source: Page) -> tuple[WantedStatus | None, bool]:
    """Return the content status of a copied page on Cloud, and whether it is that of the page which is copied.

    A published page that is copied would else be published again, before anyone has written on it.
    """
    if spec.status is None or not isinstance(client, HasContentStates):
        return None, True
    present = client.content_state(source.id)
    if present is None or not _is_named(present.name, spec.status.published):
        return None, True
    for state in client.available_content_states(source.id):
        if _is_named(state.name, spec.status.draft):
            return WantedStatus(state.name), False
    log.info("the space has no content status %r, so the new page gets none", spec.status.draft)
    return None, False


def _is_named(name: str, wanted: str) -> bool:
    return name.casefold() == wanted.strip().casefold()
