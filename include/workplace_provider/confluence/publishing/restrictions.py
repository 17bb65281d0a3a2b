"""Restrictions of a page that is created from another page: a user who may not read the source may not read the copy."""

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
    """Return the restrictions that a page created from another one must have.

    :param source: the page that it is created from
    :param parent_id: its parent
    :param wanted: ``None`` keeps the restrictions of a source that not everyone may read; ``True`` keeps them in any case,
        ``False`` drops them
    :raises Forbidden: when the source is protected by restrictions of a page above it that the new page would not inherit
    """
    if wanted is False:
        return Restrictions()
    own = client.restrictions(source.id)
    if parent_id != source.parent_id:
        _check_inherited(client, source, parent_id)
    return own if wanted or is_read_restricted(own) else Restrictions()


def is_read_restricted(restrictions: Restrictions) -> bool:
    """Return whether some users who may read the space may not read the page."""
    return bool(restrictions.users.get(READ) or restrictions.groups.get(READ))


def _check_inherited(client: ConfluenceClient, source: Page, parent_id: str | None) -> None:
    # A user may read a page only with read access to every page above it. Such lists cannot be merged into one restriction,
    # because a restriction is a union of users and this is an intersection.
    left = {page.id: page for page in _ancestors(client, source.parent_id)}
    if not left:
        return
    above = {page.id for page in _ancestors(client, parent_id)}
    for page in left.values():
        if page.id not in above and is_read_restricted(client.restrictions(page.id)):
            raise Forbidden(
                f"the page {source.title!r} is restricted by {page.title!r} above it, and a copy elsewhere would not be",
                code="restricted-source",
                advice=f"put it under {page.title!r} as well, or give restrictions=False if everyone may read it",
            )


def _ancestors(client: ConfluenceClient, page_id: str | None) -> Iterator[Page]:
    for _ in range(_DEEPEST):
        if page_id is None:
            return
        try:
            page = client.get_page(page_id)
        except NotFound:  # a folder of Cloud, which has no restrictions
            return
        yield page
        page_id = page.parent_id
