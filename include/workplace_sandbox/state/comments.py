"""Comments on pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workplace_sandbox.model import Comment, CommentLocation
from workplace_sandbox.state.database import as_moment, as_number, as_text
from workplace_sandbox.state.errors import NotFoundError
from workplace_sandbox.state.pages import PageTables

if TYPE_CHECKING:
    from datetime import datetime


class CommentTable(PageTables):
    """Comments and the answers to them."""

    def comments(self, page_id: str) -> list[Comment]:
        """The comments of a page and the answers to them, by age."""
        rows = self._rows("SELECT * FROM comment WHERE page_id = ? ORDER BY id", as_number(page_id))
        return [_comment(row) for row in rows]

    def comment(self, comment_id: str) -> Comment | None:
        """One comment, or None."""
        row = self._row("SELECT * FROM comment WHERE id = ?", as_number(comment_id))
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
        :param parent_id: the comment it answers.
        :param location: below the page, or beside a passage of it.
        :param at: when; now when None.
        :param marker_ref: ``ac:ref`` of the marker in the body (inline comments).
        :param selection: the passage it is about (inline comments).
        :param resolved: whether the discussion is closed (inline comments).
        :return: the comment.
        :raises NotFoundError: the page or the comment it answers is not there.
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
        found = self.comment(str(number))
        assert found is not None  # noqa: S101 - it was just written
        return found

    def comment_version(self, comment_id: str) -> tuple[int, datetime | None]:
        """The version of a comment, and when it was changed; None when it never was."""
        row = self._row("SELECT version, at FROM comment_edit WHERE comment_id = ?", as_number(comment_id))
        return (int(row[0]), as_moment(row[1])) if row else (1, None)

    def change_comment(self, comment_id: str, *, body: str | None = None, resolved: bool | None = None) -> Comment:
        """Write the next version of a comment; what is not given stays.

        :raises NotFoundError: there is no such comment.
        """
        with self._transaction() as db:
            current = self.comment(comment_id)
            if current is None:
                raise NotFoundError(f"no comment {comment_id}")
            version, _ = self.comment_version(comment_id)
            db.execute(
                "UPDATE comment SET body = ?, resolved = ? WHERE id = ?",
                (
                    current.body if body is None else body,
                    current.resolved if resolved is None else resolved,
                    as_number(comment_id),
                ),
            )
            db.execute(
                "INSERT OR REPLACE INTO comment_edit VALUES (?, ?, ?)",
                (as_number(comment_id), version + 1, as_text(None)),
            )
        found = self.comment(comment_id)
        assert found is not None  # noqa: S101 - it was just written
        return found

    def remove_comment(self, comment_id: str) -> None:
        """Remove a comment with the replies to it.

        :raises NotFoundError: there is no such comment.
        """
        with self._transaction() as db:
            if db.execute("DELETE FROM comment WHERE id = ?", (as_number(comment_id),)).rowcount == 0:
                raise NotFoundError(f"no comment {comment_id}")


def _comment(row: tuple[Any, ...]) -> Comment:
    number, page_id, parent, location, body, author, at, marker_ref, selection, resolved = row
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
    )
