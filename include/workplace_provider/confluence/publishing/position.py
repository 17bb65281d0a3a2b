"""The position of a page among its siblings. Only Cloud has a published call that moves a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workplace_provider.confluence.client.checks import same_title
from workplace_provider.confluence.client.decoding import not_confirmed
from workplace_provider.confluence.client.protocol import OrdersPages
from workplace_provider.http.errors import Invalid, NotFound
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workplace_provider.confluence.client.model import Page
    from workplace_provider.confluence.client.protocol import ConfluenceClient

log = get_logger("workplace_provider.confluence")

Position = Literal["first", "last", "before", "after"]


@dataclass(frozen=True, slots=True)
class Place:
    """A place among the pages under one parent.

    ::

        Place("first"), Place("after", "20261112_주간 보고")

    :param position: ``first``, ``last``, or ``before`` or ``after`` the sibling
    :param sibling: id or title of the sibling
    """

    position: Position
    sibling: str = ""

    def check(self, client: ConfluenceClient, parent_id: str | None) -> None:
        """Check that the page can be put there, before anything is written.

        :raises Invalid: the site cannot move pages, or the page has no parent
        :raises NotFound: the parent has no such sibling
        """
        if not isinstance(client, OrdersPages):
            raise Invalid(
                f"the page cannot be put {self}: Data Center has no published API that moves a page among its siblings",
                advice="leave position empty; new pages are the last ones",
            )
        if parent_id is None:
            # The description of the call warns that a page beside one at the top of a space disappears from the page tree.
            raise Invalid(f"the page cannot be put {self}: it has no parent", advice="set the parent page, too")
        if self.sibling:
            self._index(list(client.children(parent_id)))

    def put(self, client: ConfluenceClient, page_id: str, parent_id: str | None) -> bool:
        """Move a page to the place, unless it is there.

        :return: whether the page was moved
        :raises BadResponse: the page is at another place afterwards
        """
        if not isinstance(client, OrdersPages) or parent_id is None:
            return False
        if self._is_at(page_id, children := list(client.children(parent_id))):
            return False
        others = [child for child in children if child.id != page_id]
        index = self._index(others)
        position: Literal["before", "after"] = "before" if index < len(others) else "after"
        client.move_beside(page_id, position, others[min(index, len(others) - 1)].id)
        if not self._is_at(page_id, list(client.children(parent_id))):
            raise not_confirmed(f"moving the page {page_id} {self}")
        log.info("moved the page %s %s", page_id, self)
        return True

    def _is_at(self, page_id: str, children: Sequence[Page]) -> bool:
        ids = [child.id for child in children]
        others = [child for child in children if child.id != page_id]
        return page_id in ids and ids.index(page_id) == self._index(others)

    def _index(self, others: Sequence[Page]) -> int:
        """Return the index of the place among the other pages."""
        if not self.sibling:
            return 0 if self.position == "first" else len(others)
        for index, page in enumerate(others):
            if self.sibling == page.id or same_title(page.title, self.sibling):
                return index + (self.position == "after")
        raise NotFound(
            f"no page {self.sibling!r} under the parent of the page",
            advice=f"set sibling to the title or the id of one of the {len(others)} pages there",
        )

    def __str__(self) -> str:
        return f"{self.position} {self.sibling!r}" if self.sibling else self.position
