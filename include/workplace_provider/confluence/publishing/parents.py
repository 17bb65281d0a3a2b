"""Find or create the parents of a page along a path of titles, from the top of the space down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from workplace_provider.confluence.client.protocol import HasFolders
from workplace_provider.confluence.publishing.current import find_current, get_current
from workplace_provider.http.errors import AlreadyExists, Invalid, NotFound, WorkplaceError
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Page
    from workplace_provider.confluence.client.protocol import ConfluenceClient

log = get_logger("workplace_provider.confluence")

LIST_OF_CHILDREN: Final = '<ac:structured-macro ac:name="children" />'
"""Body of a created parent: a macro that lists its children."""


class MissingParents(NamedTuple):
    """The titles of a path that have no page, and the error that names the first one."""

    titles: Sequence[str]
    error: WorkplaceError


def find_parents(
    client: ConfluenceClient, space: str, path: str | Sequence[str], *, create: bool = False
) -> tuple[Page | None, MissingParents | None]:
    """Follow a path of titles.

    :param path: titles separated by slashes, or a list of titles
    :param create: create the missing pages, each exactly once
    :return: the last page that exists, and the missing titles below it
    :raises AlreadyExists: when a page of the path is elsewhere in the space; titles are unique in a space
    """
    titles = [title.strip() for title in (path.split("/") if isinstance(path, str) else path)]
    if not titles or not all(titles):
        raise Invalid(f"{path!r} is no path of titles", advice="separate the titles by slashes: 팀/보고/2026")
    parent: Page | None = None
    for number, title in enumerate(titles):
        page = _child(client, space, title, parent)
        if page is None and not create:
            where = f"under {parent.title!r} ({parent.url})" if parent else f"in the space {space}"
            error = NotFound(
                f"no page {title!r} {where}",
                code="parent-missing",
                advice="create it, or set create_parents",
            )
            return parent, MissingParents(titles[number:], error)
        parent = page or _create(client, space, title, parent)
    return parent, None


def find_parent(client: ConfluenceClient, space: str, named: str) -> Page:
    """Return the current page above a new one.

    ::

        find_parent(client, "TEAM", "팀/보고/2026"), find_parent(client, "TEAM", "4711")

    :param named: title of the page, titles from the top of the space down with slashes between them, id or link. A page with
        this title comes first, whatever the title looks like
    :raises NotFound: if there is no such page, or it is archived or in the trash
    """
    if "://" in named:
        return get_current(client, named, "parent page")
    page = client.find_page(space, named)
    if page is not None and page.status == "current":
        return page
    if named.isdecimal():
        return get_current(client, named, "parent page")
    if "/" not in named:
        return find_current(client, space, named, "parent page")
    parent, missing = find_parents(client, space, named)
    if missing is not None or parent is None:
        raise missing.error if missing else NotFound(f"no parent page {named!r} in the space {space}")
    return parent


def _child(client: ConfluenceClient, space: str, title: str, parent: Page | None) -> Page | None:
    page = client.find_page(space, title)
    elsewhere = page is None or (parent is not None and page.parent_id != parent.id)
    if elsewhere and isinstance(client, HasFolders):
        page = client.find_folder(space, title, parent_id=parent.id if parent else None) or page
    if page is None:
        return None
    if page.status != "current":
        cause, advice = f"the title of a parent is held by a page that is {page.status}", "restore or rename it"
    elif parent is not None and page.parent_id != parent.id:
        cause, advice = f"a page elsewhere than under {parent.title!r} has the title of a parent", "correct parent_path"
    else:
        return page
    raise AlreadyExists(f"{cause}: {title!r} ({page.url})", code="title-exists", advice=advice)


def _create(client: ConfluenceClient, space: str, title: str, parent: Page | None) -> Page:
    try:
        page = client.create_page(space, title, LIST_OF_CHILDREN, parent_id=parent.id if parent else None)
    except AlreadyExists:
        page = _child(client, space, title, parent)  # type: ignore[assignment]
        if page is None:
            raise
        return page
    log.info("created the parent %r: %s", title, page.url)
    return page
