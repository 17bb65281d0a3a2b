"""The notice board."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workplace_sandbox.model import BoardNotice
from workplace_sandbox.state.database import Database, as_moment, as_text
from workplace_sandbox.state.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_COLUMNS = "id, title, author, body, pinned, published, updated"


class NoticeTable(Database):
    """Notices in the order of the board."""

    def board_notices(self) -> list[BoardNotice]:
        """Return every notice: those pinned to the top, then the others, the newest first."""
        sql = f"SELECT {_COLUMNS} FROM board_notice ORDER BY pinned DESC, position DESC"  # noqa: S608 - the names are ours
        return [_notice(row) for row in self._rows(sql)]

    def board_notice(self, notice_id: int) -> BoardNotice | None:
        """Return the notice of that number, or None."""
        row = self._row(f"SELECT {_COLUMNS} FROM board_notice WHERE id = ?", notice_id)  # noqa: S608
        return _notice(row) if row else None

    def add_board_notice(self, title: str, author: str, body: str, *, pinned: bool, at: datetime | None) -> BoardNotice:
        """Put a notice above the others."""
        with self._transaction() as db:
            moment = as_text(at)
            row = db.execute(
                "INSERT INTO board_notice (position, title, author, body, pinned, published, updated)"
                " SELECT coalesce(max(position), 0) + 1, ?, ?, ?, ?, ?, ? FROM board_notice RETURNING id",
                (title, author, body, pinned, moment, moment),
            ).fetchone()
            return self._require_notice(row[0])

    def change_board_notice(self, notice_id: int, **changes: Any) -> BoardNotice:
        """Set fields of a notice; only another title or text changes its date.

        :raises NotFoundError: there is no such notice.
        """
        with self._transaction() as db:
            before = self._require_notice(notice_id)
            after = {name: getattr(before, name) for name in ("title", "author", "body", "pinned")} | changes
            edited = (after["title"], after["body"]) != (before.title, before.body)
            db.execute(
                "UPDATE board_notice SET title = ?, author = ?, body = ?, pinned = ?, updated = ? WHERE id = ?",
                (*after.values(), as_text(None if edited else before.updated), notice_id),
            )
            return self._require_notice(notice_id)

    def remove_board_notice(self, notice_id: int) -> None:
        """Remove a notice.

        :raises NotFoundError: there is no such notice.
        """
        with self._transaction() as db:
            self._require_notice(notice_id)
            db.execute("DELETE FROM board_notice WHERE id = ?", (notice_id,))

    def order_board_notices(self, ids: Sequence[int]) -> None:
        """Reorder the notices.

        :param ids: all of them, the one at the top first.
        :raises ValueError: the ids are not those of the board.
        """
        with self._transaction() as db:
            if sorted(ids) != sorted(notice.id for notice in self.board_notices()):
                raise ValueError("the order must name every notice once")
            for position, notice_id in enumerate(reversed(ids), 1):
                db.execute("UPDATE board_notice SET position = ? WHERE id = ?", (position, notice_id))

    def _require_notice(self, notice_id: int) -> BoardNotice:
        notice = self.board_notice(notice_id)
        if notice is None:
            raise NotFoundError(f"notice {notice_id}")
        return notice


def _notice(row: tuple[Any, ...]) -> BoardNotice:
    notice_id, title, author, body, pinned, published, updated = row
    return BoardNotice(notice_id, title, author, body, bool(pinned), as_moment(published), as_moment(updated))
