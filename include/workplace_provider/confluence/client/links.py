"""The id of the page that a link leads to."""

from __future__ import annotations

from workplace_provider.confluence.pages.addresses import page_id_in
from workplace_provider.http.errors import Invalid


def page_id_of(named: str | int) -> str:
    """Return the id of a page that is given by its id or by a link.

    :param named: an id or a link; an id may be a number, because DAGs with native rendering turn it into one
    :raises Invalid: when a link does not contain an id
    """
    named = str(named).strip()
    if "/" not in named:
        return named
    try:
        page_id = page_id_in(named)
    except ValueError as error:
        raise Invalid(f"{named!r} is not a valid link: {error}", advice="give the page's id, or a link to it") from error
    if page_id is None:
        raise Invalid(
            f"the link {named} does not contain the id of a page",
            advice="open the page and use Share, Copy link, or the id in Page information",
        )
    return page_id
