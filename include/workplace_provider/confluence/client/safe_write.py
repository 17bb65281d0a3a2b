"""Writes that are executed exactly once and never overwrite another writer's version; both clients inherit them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.confluence.client.checks import check_body, differs, page_title, same_title
from workplace_provider.confluence.client.decoding import not_confirmed
from workplace_provider.confluence.client.model import HOLDS_TITLE, is_unfinished_create
from workplace_provider.confluence.client.responses import OPERATIONS
from workplace_provider.confluence.pages import same_content
from workplace_provider.http import metrics
from workplace_provider.http.attempts import attempts
from workplace_provider.http.errors import AlreadyExists, Conflict, NotFound, WorkplaceError

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Page, Restrictions, User
    from workplace_provider.confluence.client.responses import Property
    from workplace_provider.http.client import HttpClient

ANY_STATUS: Final = (*HOLDS_TITLE, "trashed")
"""All statuses, listed because ``any`` means current and trashed only."""

CONFLICT_ATTEMPTS: Final = 5
BACKOFF: Final = 0.3
NO_CONTENT: Final = 204


@dataclass(frozen=True, slots=True)
class NewPage:
    """A page to create.

    :param copy_of: page that the site copies with its files, with another title and body
    """

    space: str
    title: str
    body: str = field(repr=False)
    parent_id: str | None = None
    message: str = ""
    copy_of: Page | None = None


class SafeWrites(ABC):
    """Safe writes, made of the plain requests that a subclass implements for its deployment."""

    _http: HttpClient
    _sleep: Callable[[float], None]

    @abstractmethod
    def get_page(self, page_id: str, *, body: bool = False) -> Page:
        """Return a page by id, with any status."""

    @abstractmethod
    def find_page(self, space: str, title: str, *, body: bool = False) -> Page | None:
        """Return the current or archived page with a title in a space."""

    @abstractmethod
    def current_user(self) -> User:
        """Return the account that the credential belongs to."""

    @abstractmethod
    def restrictions(self, page_id: str) -> Restrictions:
        """Return the restrictions that are set on the page itself."""

    @abstractmethod
    def _page_path(self, page_id: str) -> str:
        """Return the path of a page."""

    @abstractmethod
    def _send_new_page(self, new: NewPage) -> Page:
        """Send the request that creates a page."""

    @abstractmethod
    def _send_update(self, page: Page, title: str, body: str, message: str, *, minor: bool) -> None:
        """Send the request that writes the version after the given one."""

    @abstractmethod
    def _send_move(self, page: Page, parent_id: str) -> None:
        """Send the request that moves a page, read with its body, below another one."""

    @abstractmethod
    def _read_property(self, page_id: str, key: str) -> Property | None:
        """Read a content property."""

    @abstractmethod
    def _send_property(self, page_id: str, key: str, value: Any, present: Property | None) -> None:
        """Send the request that creates a content property, or replaces the present one."""

    @abstractmethod
    def _send_restrictions(self, page_id: str, restrictions: Restrictions) -> None:
        """Send the request that replaces the page's restrictions."""

    # --- pages --------------------------------------------------------------------------------------------------------

    def create_page(self, space: str, title: str, body: str, *, parent_id: str | None = None, message: str = "") -> Page:
        """Create a page exactly once, even if the response is lost.

        :param message: version comment; without effect on Cloud, where ``PageCreateRequest`` of API v2 has no such field
        :raises AlreadyExists: when another page has the title
        """
        title = page_title(title)
        check_body(body)
        page = self._create_once(NewPage(space, title, body, parent_id, message))
        metrics.count("confluence.pages_created")
        return page

    def _create_once(self, new: NewPage) -> Page:
        try:
            for attempt in attempts(CONFLICT_ATTEMPTS, _is_lost, sleep=self._sleep):
                with attempt:
                    own = self._find_own(new) if attempt.previous else None
                    page = own or self._send_new_page(new)
        except AlreadyExists as error:
            # An earlier attempt may have created the page although its response was lost.
            if attempt.previous and (own := self._find_own(new)) is not None:
                return own
            error.advice = self._describe_holder(new) or error.advice
            raise
        except WorkplaceError as error:
            if _is_lost(error) and (own := self._find_own(new)) is not None:
                return own
            raise
        return page

    def _find_own(self, new: NewPage) -> Page | None:
        """Return the page that our request has created, if there is one."""
        page = self.find_page(new.space, new.title, body=True)
        author = self.current_user().name
        if page is None or not is_unfinished_create(page, author=author, body=new.body, parent_id=new.parent_id):
            return None
        return page

    def _describe_holder(self, new: NewPage) -> str:
        holder = self.find_page(new.space, new.title)
        if holder is None:
            return ""
        state = "archived page; restore or rename it" if holder.status == "archived" else "page; rename one of them"
        return f"the title belongs to the {state}: {holder.url}"

    def update_page(
        self,
        page_id: str,
        edit: Callable[[str], str],
        *,
        title: str | None = None,
        message: str = "",
        minor: bool = False,
    ) -> tuple[Page, bool]:
        """Edit a page's body. If another writer saves a version in between, that version is edited and not overwritten.

        :param edit: maps the current storage format to the new one; called again with the current body after a conflict
        :param minor: without effect on Cloud, where API v2 has no minor edits of pages
        :return: the page, and whether a new version was written, which is not the case if the edit changes nothing
        """
        if title is not None:
            title = page_title(title)
        sent: tuple[int, str] | None = None
        for attempt in attempts(CONFLICT_ATTEMPTS, _is_lost_or_conflict, backoff=BACKOFF, sleep=self._sleep):
            with attempt:
                page = self.get_page(page_id, body=True)
                before = page.body or ""
                # The response was lost, not necessarily the write: the page shows whether our version was written.
                is_ours = sent is not None and page.version == sent[0] and same_content(before, sent[1])
                if is_ours and (title is None or same_title(page.title, title)):
                    return page, True
                after = edit(before)
                new_title = title or page.title
                if new_title == page.title and not differs(before, after):
                    return page, False
                sent = (page.version + 1, after)
                self._send_update(page, new_title, after, message, minor=minor)
        metrics.count("confluence.pages_updated")
        # The link to the page changes with its title.
        written = page if new_title == page.title else self.get_page(page_id)
        return replace(written, title=new_title, version=page.version + 1, body=after), True

    def move_page(self, page_id: str, parent_id: str) -> Page:
        """Move a page with its child pages below another page of the space, as its last child.

        :raises BadResponse: when the site does not show the page there afterwards
        """
        for attempt in attempts(CONFLICT_ATTEMPTS, _is_lost_or_conflict, backoff=BACKOFF, sleep=self._sleep):
            with attempt:
                page = self.get_page(page_id, body=True)
                if page.parent_id == parent_id:
                    return page
                self._send_move(page, parent_id)
        page = self.get_page(page_id)
        if page.parent_id != parent_id:
            raise not_confirmed(f"moving the page {page.title!r} below the page {parent_id}")
        return page

    def trash_page(self, page_id: str) -> None:
        """Move a page to the trash. A page in the trash is not changed.

        :raises BadResponse: when the site does not show the page in the trash afterwards
        """
        try:
            response = self._http.request("DELETE", self._page_path(page_id))
        except NotFound:
            if self.get_page(page_id).status != "trashed":
                raise
            return
        if response.status_code == NO_CONTENT:
            return
        page = self.get_page(page_id)
        if page.status != "trashed":
            raise not_confirmed(f"moving the page {page.title!r} to the trash")

    # --- properties and restrictions ----------------------------------------------------------------------------------

    def set_property(self, page_id: str, key: str, update: Callable[[Any], Any], *, absent: bool = False) -> Any:
        """Compute a content property from its current value and write it, guarded by the property's version.

        :param update: maps the current value, or ``None``, to the new one; called again when someone else wrote in between
        :param absent: the property is expected to be absent, so it is not read first
        :return: the value that is stored now
        """
        for attempt in attempts(CONFLICT_ATTEMPTS, _is_lost_or_taken, backoff=BACKOFF, sleep=self._sleep):
            with attempt:
                present = None if absent and attempt.number == 1 else self._read_property(page_id, key)
                value = update(present.value if present else None)
                if present is None or present.value != value:
                    self._send_property(page_id, key, value, present)
        return value

    def set_restrictions(self, page_id: str, restrictions: Restrictions) -> None:
        """Replace the page's restrictions, and verify that they are in force.

        The check is necessary because files that only a few people may see are uploaded to the page next.

        :raises BadResponse: when the site reports other restrictions
        """
        self._send_restrictions(page_id, restrictions)
        present = self.restrictions(page_id)
        for operation in OPERATIONS:
            for stored, sent in ((present.users, restrictions.users), (present.groups, restrictions.groups)):
                if set(stored.get(operation, ())) != set(sent.get(operation, ())):
                    raise not_confirmed(f"the restriction of {operation!r} of the page {page_id}")


def _is_lost(error: WorkplaceError) -> bool:
    """Return whether the response was lost; the next attempt then checks whether the write was executed."""
    return error.outcome_unknown


def _is_lost_or_conflict(error: WorkplaceError) -> bool:
    """Return whether to edit the page again: the response was lost, or another writer was faster."""
    return error.outcome_unknown or isinstance(error, Conflict)


def _is_lost_or_taken(error: WorkplaceError) -> bool:
    """Return whether to compute the property again: the response was lost, or another writer changed or created it."""
    return error.outcome_unknown or isinstance(error, Conflict | AlreadyExists)
