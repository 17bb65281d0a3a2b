"""Look-up of a page that must exist and be current, neither archived nor in the trash.

Operators import this module when a DAG file is parsed, so it imports the client when it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workplace_provider.confluence.client import ConfluenceClient, Page


def find_current(client: ConfluenceClient, space: str, title: str, what: str = "page", *, body: bool = True) -> Page:
    """Return the current page with this title.

    :param what: role of the page in the task, for the message
    :param body: read its body, too
    :raises NotFound: if there is none
    """
    from workplace_provider.http.errors import NotFound

    page = client.find_page(space, title, body=body)
    if page is None or page.status != "current":
        raise NotFound(
            f"no {what} {title!r} in the space {space}" + (f"; it is {page.status}" if page else ""),
            advice="check title and space, and that the connection's account may see the page",
        )
    return page


def get_current(client: ConfluenceClient, page_id: str, what: str = "page") -> Page:
    """Return the page with this id, or at this link, with its body.

    :param what: role of the page in the task, for the message
    :raises NotFound: if there is none, or it is archived or in the trash
    """
    from workplace_provider.confluence.client.links import page_id_of
    from workplace_provider.http.errors import NotFound

    page = client.get_page(page_id_of(page_id), body=True)
    if page.status != "current":
        raise NotFound(
            f"the {what} is {page.status}: {page.title!r} ({page.url})",
            code="source-missing",
            advice="restore it, or use another page",
        )
    return page
