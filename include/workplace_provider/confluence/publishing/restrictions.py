"""Who may read a page that is made of another one: nobody who may not read the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from workplace_provider.confluence.client.model import Restrictions
from workplace_provider.http.errors import Forbidden, NotFound

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Page
    from workplace_provider.confluence.client.protocol import ConfluenceClient

READ: Final = "read"
_DEEPEST: Final = 100


def kept_restrictions(client: ConfluenceClient, source: Page, parent_id: str | None, *, wanted: bool | None) -> Restrictions:
    """Return the restrictions that a page made of another one must have.

    :param source: the page that it is made of
    :param parent_id: the page that it will be under
    :param wanted: ``None`` keeps all restrictions of a page that not everybody may read, and none of another one; ``True``
        keeps them in any case, ``False`` in none
    :raises Forbidden: a page above the source restricts who may read it, and would not be above the new page
    """
    if wanted is False:
        return Restrictions()
    own = client.restrictions(source.id)
    if parent_id != source.parent_id:
        _check_inherited(client, source, parent_id)
    return own if wanted or is_read_restricted(own) else Restrictions()


def is_read_restricted(restrictions: Restrictions) -> bool:
    """Return whether a page may not be read by everybody whom the space lets."""
    return bool(restrictions.users.get(READ) or restrictions.groups.get(READ))


def _check_inherited(client: ConfluenceClient, source: Page, parent_id: str | None) -> None:
    # Confluence lets only those read a page who may read every page above it, so several lists cannot become one.
    left = {page.id: page for page in _ancestors(client, source.parent_id)}
    if not left:
        return
    above = {page.id for page in _ancestors(client, parent_id)}
    for page in left.values():
        if page.id not in above and is_read_restricted(client.restrictions(page.id)):
            raise Forbidden(
                f"the page {source.title!r} is restricted by {page.title!r} above it, and a copy elsewhere would not be",
                system="Confluence",
                code="restricted-source",
                advice=f"put it under {page.title!r} as well, or give restrictions=False if everybody may read it",
            )


def _ancestors(client: ConfluenceClient, page_id: str | None) -> Iterator[Page]:
    for _ in range(_DEEPEST):
        if page_id is None:
            return
        try:
            page = client.get_page(page_id)
        except NotFound:  # a folder of Cloud, which restricts nobody
            return
        yield page
        page_id = page.parent_id
