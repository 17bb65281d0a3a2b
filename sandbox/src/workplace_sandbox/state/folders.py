"""Folders of the cloud: they hold pages and folders, and have no text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workplace_sandbox.model import Folder, Page
from workplace_sandbox.state.database import as_moment, as_number, as_text
from workplace_sandbox.state.errors import NotFoundError, TitleTakenError
from workplace_sandbox.state.pages import LIVE_STATUSES, PageTables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workplace_sandbox.model import PageStatus

_FOLDER = "SELECT id, space_key, title, parent_id, folder_id, position, created_at, created_by FROM folder"


class FolderTables(PageTables):
    """Folders and their pages. In the Data Center dialect those pages are at the top of their space."""

    def folder(self, folder_id: str) -> Folder | None:
        """Return the folder of that id, or None."""
        row = self._row(f"{_FOLDER} WHERE id = ?", as_number(folder_id))
        return _folder(row) if row else None

    def folders_below(self, parent_id: str) -> list[Folder]:
        """Return the folders directly below a page or a folder, in their order."""
        number = as_number(parent_id)
        rows = self._rows(f"{_FOLDER} WHERE parent_id = ? OR folder_id = ? ORDER BY position, id", number, number)
        return [_folder(row) for row in rows]

    def pages_in_folder(self, folder_id: str, statuses: Sequence[PageStatus] = LIVE_STATUSES) -> list[Page]:
        """Return the pages directly below a folder, in their order."""
        rows = self._rows("SELECT page_id FROM page_folder WHERE folder_id = ?", as_number(folder_id))
        pages = [page for (number,) in rows if (page := self.page(str(number))) is not None]
        # A page that was moved below another page since belongs to that page.
        inside = [page for page in pages if page.status in statuses and page.parent_id is None]
        return sorted(inside, key=lambda page: (page.position, int(page.id)))

    def folder_of(self, page_id: str) -> Folder | None:
        """Return the parent folder of a page, or None."""
        row = self._row(
            "SELECT f.folder_id FROM page_folder f JOIN page p ON p.id = f.page_id"
            " WHERE f.page_id = ? AND p.parent_id IS NULL",
            as_number(page_id),
        )
        return self.folder(str(row[0])) if row else None

    def add_folder(self, space_key: str, title: str, parent_id: str | None = None, *, author: str) -> Folder:
        """Create a folder.

        :param space_key: key of the space.
        :param title: its name; unique among the folders of the space.
        :param parent_id: the page or folder above it; None for the top of the space.
        :param author: user name.
        :raises NotFoundError: there is no such parent.
        :raises TitleTakenError: a folder of the space has the name.
        """
        with self._transaction() as db:
            page = self.page(parent_id) if parent_id else None
            folder = self.folder(parent_id) if parent_id else None
            if parent_id and page is None and folder is None:
                raise NotFoundError(f"no page or folder {parent_id}")
            if self._row("SELECT 1 FROM folder WHERE space_key = ? AND lower_title = ?", space_key, title.lower()):
                raise TitleTakenError(title, space_key)
            number = self._next_id()
            db.execute(
                "INSERT INTO folder VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    number,
                    space_key,
                    title,
                    title.lower(),
                    as_number(page.id) if page else None,
                    as_number(folder.id) if folder else None,
                    number,
                    as_text(None),
                    author,
                ),
            )
        found = self.folder(str(number))
        assert found is not None  # noqa: S101 - it was just written
        return found

    def put_in_folder(self, page_id: str, folder_id: str | None) -> None:
        """Put a page directly below a folder, or take it out. A page below another page is not in a folder."""
        with self._transaction() as db:
            db.execute("DELETE FROM page_folder WHERE page_id = ?", (as_number(page_id),))
            if folder_id is not None:
                db.execute("INSERT INTO page_folder VALUES (?, ?)", (as_number(page_id), as_number(folder_id)))

    def remove_folder(self, folder_id: str) -> None:
        """Remove a folder with the folders in it; the pages in them move to the top of their space.

        :raises NotFoundError: there is no such folder.
        """
        with self._transaction() as db:
            if db.execute("DELETE FROM folder WHERE id = ?", (as_number(folder_id),)).rowcount == 0:
                raise NotFoundError(f"no folder {folder_id}")


def _folder(row: tuple[Any, ...]) -> Folder:
    number, space_key, title, parent_id, folder_id, position, at, author = row
    return Folder(
        str(number),
        space_key,
        title,
        None if parent_id is None else str(parent_id),
        None if folder_id is None else str(folder_id),
        position,
        as_moment(at),
        author,
    )
