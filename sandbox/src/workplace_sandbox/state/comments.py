"""Comments on pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workplace_sandbox.model import Comment, CommentLocation
from workplace_sandbox.state.database import as_moment, as_number, as_text
from workplace_sandbox.state.errors import NotFoundError
from workplace_sandbox.state.pages import PageTables

if TYPE_CHECKING:
    from datetime import datetime


_COMMENT = """
SELECT c.*, coalesce(e.number, 1), coalesce(e.at, c.at), coalesce(e.author, c.author)
FROM comment c LEFT JOIN comment_edit e
  ON e.comment_id = c.id AND e.number = (SELECT max(number) FROM comment_edit WHERE comment_id = c.id)
"""


class CommentTable(PageTables):
    """Comments and their replies."""

    def comments(self, page_id: str) -> list[Comment]:
        """Return the comments of a page and their replies, by age."""
        rows = self._rows(f"{_COMMENT} WHERE c.page_id = ? ORDER BY c.id", as_number(page_id))
        return [_comment(row) for row in rows]

    def all_comments(self) -> list[Comment]:
        """Return every comment of every page, by age."""
        return [_comment(row) for row in self._rows(f"{_COMMENT} ORDER BY c.id")]

    def comment(self, comment_id: str) -> Comment | None:
        """Return one comment, or None."""
        row = self._row(f"{_COMMENT} WHERE c.id = ?", as_number(comment_id))
        return _comment(row) if row else None

    def add_comment(
        self,
        page_id: str,
        body: str,
        author: str,
        *,
        parent_id: str | None = None,
        location: CommentLocation = "footer",
        at: datetime | None = None,
        marker_ref: str | None = None,
        selection: str | None = None,
        resolved: bool = False,
    ) -> Comment:
        """Comment on a page.

        :param page_id: the page.
        :param body: storage format.
        :param author: user name.
        :param parent_id: the comment it replies to.
        :param location: below the page, or on a passage of it.
        :param at: when; now when None.
        :param marker_ref: ``ac:ref`` of the marker in the body (inline comments).
        :param selection: the passage (inline comments).
        :param resolved: whether it is resolved (inline comments).
        :return: the comment.
        :raises NotFoundError: the page or the comment it replies to does not exist.
        """
        with self._transaction() as db:
            self._require_page(page_id)
            if parent_id is not None and self.comment(parent_id) is None:
                raise NotFoundError(f"no comment {parent_id}")
            number = self._next_id()
            db.execute(
                "INSERT INTO comment VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    number,
                    as_number(page_id),
                    as_number(parent_id) if parent_id else None,
                    location,
                    body,
                    author,
                    as_text(at),
                    marker_ref,
                    selection,
                    resolved,
                ),
            )
        return self._require_comment(str(number))

    def update_comment(
        self,
        comment_id: str,
        *,
        author: str,
        body: str | None = None,
        resolved: bool | None = None,
        at: datetime | None = None,
    ) -> Comment:
        """Change a comment, or resolve or reopen it.

        Only a new body makes a new version.

        :param comment_id: the comment.
        :param author: user name.
        :param body: storage format; None keeps it.
        :param resolved: whether it is resolved; None keeps it.
        :param at: when; now when None.
        :return: the comment.
        :raises NotFoundError: there is no such comment.
        """
        with self._transaction() as db:
            comment = self._require_comment(comment_id)
            number = as_number(comment_id)
            if body is not None:
                db.execute("UPDATE comment SET body = ? WHERE id = ?", (body, number))
                db.execute(
                    "INSERT INTO comment_edit VALUES (?, ?, ?, ?)", (number, comment.version + 1, author, as_text(at))
                )
            if resolved is not None:
                db.execute("UPDATE comment SET resolved = ? WHERE id = ?", (resolved, number))
        return self._require_comment(comment_id)

    def remove_comment(self, comment_id: str) -> None:
        """Remove a comment with its replies.

        :raises NotFoundError: there is no such comment.
        """
        with self._transaction() as db:
            self._require_comment(comment_id)
            db.execute("DELETE FROM comment WHERE id = ?", (as_number(comment_id),))

    def _require_comment(self, comment_id: str) -> Comment:
        comment = self.comment(comment_id)
        if comment is None:
            raise NotFoundError(f"no comment {comment_id}")
        return comment


def _comment(row: tuple[Any, ...]) -> Comment:
    number, page_id, parent, location, body, author, at, marker_ref, selection, resolved = row[:10]
    version, updated_at, updated_by = row[10:]
    return Comment(
        id=str(number),
        page_id=str(page_id),
        parent_id=None if parent is None else str(parent),
        location=location,
        body=body,
        author=author,
        at=as_moment(at),
        marker_ref=marker_ref,
        selection=selection,
        resolved=bool(resolved),
        version=version,
        updated_at=as_moment(updated_at),
        updated_by=updated_by,
    )
