"""Write exactly once and over nobody's words, whichever dialect carries the requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.confluence.client.checks import differs, page_title, same_title
from workplace_provider.confluence.client.responses import OPERATIONS, not_confirmed
from workplace_provider.confluence.pages import same_content
from workplace_provider.http.errors import AlreadyExists, Conflict, NotFound, WorkplaceError

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Page, Restrictions
    from workplace_provider.http.client import HttpClient

CONFLICT_ATTEMPTS: Final = 5
NO_CONTENT: Final = 204


def created_once(send: Callable[[], Page], look: Callable[[], Page | None], wait: Callable[[float], None]) -> Page:
    """Send a create request until it is certain that it was carried out exactly once.

    :param look: the page that our request has made, if there is one
    :param wait: lets seconds pass between two attempts
    """
    for attempt in range(1, CONFLICT_ATTEMPTS + 1):
        try:
            return send()
        except AlreadyExists:
            if attempt > 1 and (ours := look()) is not None:
                return ours
            raise
        except WorkplaceError as error:
            if not error.outcome_unknown:
                raise
            wait(0.5 * attempt)
            if (ours := look()) is not None:
                return ours
            if attempt == CONFLICT_ATTEMPTS:
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


def updated(
    read: Callable[[bool], Page],
    send: Callable[[Page, str, str], None],
    edit: Callable[[str], str],
    title: str | None,
    wait: Callable[[float], None],
) -> tuple[Page, bool]:
    """Edit a page's body; somebody else's edit in between is kept, and nothing is written when nothing changes.

    :param read: reads the page, with its body or without
    :param send: writes the version after the given page's, with a title and a body
    :param edit: turns the current storage format into the new one; called again on the fresh body after a conflict
    :return: the page, and whether a new version was written
    """
    if title is not None:
        title = page_title(title)
    sent: tuple[int, str] | None = None
    for attempt in range(1, CONFLICT_ATTEMPTS + 1):
        page = read(True)
        before = page.body or ""
        ours = sent is not None and page.version == sent[0] and same_content(before, sent[1])
        if ours and (title is None or same_title(page.title, title)):
            return page, True
        after = edit(before)
        new_title = title or page.title
        if new_title == page.title and not differs(before, after):
            return page, False
        sent = (page.version + 1, after)
        try:
            send(page, new_title, after)
        except Conflict:
            if attempt == CONFLICT_ATTEMPTS:
                raise
            wait(0.2 * attempt)
        except WorkplaceError as error:
            # The answer is lost, not necessarily the write: the next round reads the page and compares.
            if not error.outcome_unknown or attempt == CONFLICT_ATTEMPTS:
                raise
            wait(0.5 * attempt)
        else:
            # The link to the page changes with its title.
            written = page if new_title == page.title else read(False)
            return replace(written, title=new_title, version=page.version + 1, body=after), True
    raise AssertionError("unreachable: the last attempt returns or raises")


def stored_property(
    read: Callable[[], tuple[Any, Any] | None],
    send: Callable[[Any, Any], None],
    update: Callable[[Any], Any],
    wait: Callable[[float], None],
    *,
    absent: bool,
) -> Any:
    """Compute a content property from its present value and write it, with the version as a guard.

    :param read: the value that is there, and what ``send`` needs to replace it; ``None`` when there is none
    :param send: writes a value, in place of what ``read`` gave
    :param absent: it is not there as far as is known, so it need not be read first
    :return: the value that is there now
    """
    for attempt in range(1, CONFLICT_ATTEMPTS + 1):
        present = None if absent and attempt == 1 else read()
        value = update(present[0] if present else None)
        if present and present[0] == value:
            return value
        try:
            send(value, present[1] if present else None)
        except WorkplaceError as error:
            # Written by another at the same time, or the response is lost: the next round reads the value that is there.
            again = error.outcome_unknown or isinstance(error, Conflict | AlreadyExists)
            if not again or attempt == CONFLICT_ATTEMPTS:
                raise
            wait(0.3 * attempt)
        else:
            return value
    raise AssertionError("unreachable: the last attempt returns or raises")


def trash(http: HttpClient, path: str, read: Callable[[], Page]) -> None:
    """Move a page to the trash, and make certain that it is there.

    :param path: of the page
    :param read: reads the page
    :raises BadResponse: the site did not do it, whatever its response says
    """
    try:
        response = http.request("DELETE", path)
        if response.status_code == NO_CONTENT:
            return
    except NotFound:
        if read().status != "trashed":
            raise
        return
    page = read()
    if page.status != "trashed":
        raise not_confirmed(f"moving the page {page.title!r} to the trash")


def check_restrictions(present: Restrictions, sent: Restrictions, page_id: str) -> None:
    """Make certain that restrictions are in force: files that only a few may see are put on the page next.

    :raises BadResponse: others are
    """
    for operation in OPERATIONS:
        for now, wanted in ((present.users, sent.users), (present.groups, sent.groups)):
            if set(now.get(operation, ())) != set(wanted.get(operation, ())):
                raise not_confirmed(f"the restriction of {operation!r} of the page {page_id}")
