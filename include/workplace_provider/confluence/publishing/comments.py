"""Comment on a page exactly once, even when an attempt is killed between two requests.

A content property of the comment contains the key of the comment. A comment of this account with the same text and without
the property is one whose attempt was killed before it set the property.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.confluence.client.checks import check_body
from workplace_provider.confluence.pages import same_content
from workplace_provider.http.attempts import attempts
from workplace_provider.http.errors import Invalid, WorkplaceError
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from workplace_provider.confluence.client.model import Comment
    from workplace_provider.confluence.client.protocol import ConfluenceClient

log = get_logger("workplace_provider.confluence")

MARKER: Final = "airflow.comment"
"""Content property of a comment that the provider created: its key."""

ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class CommentSpec:
    """The comment to add.

    :param page_id: the page
    :param body: storage format
    :param key: key of the comment; the page gets one comment for each key
    """

    page_id: str
    body: str = field(repr=False)
    key: str

    @property
    def marker(self) -> dict[str, Any]:
        """The value of the content property."""
        return {"key": self.key}


class PageCommenter:
    """Adds one comment below a page, exactly once.

    Example::

        commenter = PageCommenter(client, CommentSpec("4711", "<p>Checked</p>", key="check/2026-12-01"))
        comment, created = commenter.run()

    :param client: the site
    :param spec: the comment
    """

    def __init__(self, client: ConfluenceClient, spec: CommentSpec) -> None:
        self._client = client
        self._spec = spec

    def find(self) -> Comment | None:
        """Return the comment with the key, or an unfinished one of an earlier attempt. Nothing is written.

        :raises Invalid: when the body is empty or not well-formed
        """
        check_body(self._spec.body)
        if not self._spec.body.strip():
            raise Invalid("the comment is empty", advice="give a text")
        return next(self._own(), None)

    def run(self) -> tuple[Comment, bool]:
        """Add the comment.

        :return: the comment, and whether this call has created it
        """
        present = self.find()
        if present is not None:
            self._mark(present)
            return present, False
        comment = self._create()
        first = self._without_repetition(comment)
        return first, first.id == comment.id

    def _create(self) -> Comment:
        for attempt in attempts(ATTEMPTS, lambda error: error.outcome_unknown, sleep=self._client.wait):
            with attempt:
                own = self.find() if attempt.previous else None
                comment = own or self._client.create_comment(self._spec.page_id, self._spec.body)
                self._mark(comment)
        return comment

    def _mark(self, comment: Comment) -> None:
        if self._client.comment_property(comment.id, MARKER) is None:
            self._client.set_comment_property(comment.id, MARKER, self._spec.marker)

    def _own(self) -> Iterator[Comment]:
        """Yield the comments of this key, and unfinished ones with this text, oldest first."""
        account = self._client.current_user().name
        comments = [
            comment
            for comment in self._client.comments(self._spec.page_id)
            if comment.location == "footer" and comment.parent_id is None and comment.account == account
        ]
        for comment in sorted(comments, key=_age):
            stored = self._client.comment_property(comment.id, MARKER)
            if stored.value == self._spec.marker if stored else same_content(comment.body, self._spec.body):
                yield comment

    def _without_repetition(self, comment: Comment) -> Comment:
        """Remove our comment again when an attempt that overlaps with ours added one just before."""
        first = next(self._own(), comment)
        if _age(first) >= _age(comment):
            return comment
        try:
            self._client.remove_comment(comment.id)
        except WorkplaceError as error:
            log.warning("the comment %s repeats %s, and could not be removed: %s", comment.id, first.id, error)
        return first


def _age(comment: Comment) -> tuple[int, str]:
    """Return a key that orders comments by their age: ids are numbers that grow."""
    return len(comment.id), comment.id
