"""Protect open inline comments from edits that remove the passage that they refer to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workplace_provider.confluence.client.comments import describe, find_orphans
from workplace_provider.confluence.pages import PageDocument
from workplace_provider.http.errors import Invalid
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Page
    from workplace_provider.confluence.client.protocol import ConfluenceClient
    from workplace_provider.confluence.pages.edits import Edit

log = get_logger("workplace_provider.confluence")

IfOpenComments = Literal["warn", "skip", "fail"]
"""The action for an edit that removes the passage of an open comment: apply and log it, omit it, or raise."""


@dataclass(frozen=True, slots=True)
class CommentGuard:
    """Checks whether new bodies of one page orphan open inline comments.

    Comments are read for each check that removes a marker, because people resolve and reopen them. With ``warn`` nothing is
    checked here: the client logs the comments when it writes the body.

    :param client: the site
    :param page: the page
    :param policy: the action for an edit that orphans a comment
    """

    client: ConfluenceClient
    page: Page
    policy: IfOpenComments = "warn"

    def apply(self, document: PageDocument, edits: Iterable[Edit]) -> PageDocument:
        """Apply edits in their order; with ``skip``, those that orphan a comment are omitted.

        :return: the edited document
        :raises Invalid: an edit orphans a comment, and the policy is ``fail``
        """
        for edit in edits:
            before = document.storage
            document.apply([edit])
            if self.accept(before, document.storage, what=type(edit).__name__) != document.storage:
                document = PageDocument(before, document.people)
        return document

    def accept(self, before: str, after: str, *, what: str = "the new body") -> str:
        """Return the body to write: the new one, or with ``skip`` the present one if the new one orphans a comment.

        :param what: the change, for the message
        :raises Invalid: the new body orphans a comment, and the policy is ``fail``
        """
        orphans = [] if self.policy == "warn" else find_orphans(self.client, self.page.id, before, after)
        if not orphans:
            return after
        listed = "; ".join(map(describe, orphans))
        if self.policy == "fail":
            raise Invalid(
                f"{what} removes the passage of {len(orphans)} open comments of {self.page.title!r}: {listed}",
                code="open-comments",
                advice=f"resolve them, or set if_open_comments to warn or skip: {self.page.url}",
            )
        log.warning("%s: %s was skipped, because it removes the passage of open comments: %s", self.page.url, what, listed)
        return before
