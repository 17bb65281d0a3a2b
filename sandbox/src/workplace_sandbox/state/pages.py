"""Spaces and the pages in them."""

from __future__ import annotations

import enum
import sqlite3
from typing import TYPE_CHECKING, Any

from workplace_sandbox.model import Page, PageKind, PageStatus, PageVersion, Space
from workplace_sandbox.state.database import Database, as_moment, as_number, as_text
from workplace_sandbox.state.errors import NotFoundError, ParentError, TitleTakenError, VersionConflictError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

LIVE_STATUSES: tuple[PageStatus, ...] = ("current",)


class Keep(enum.Enum):
    """The marker for "unchanged" where ``None`` is a value of its own."""

    KEEP = enum.auto()


KEEP = Keep.KEEP

_PAGE = """
SELECT p.id, p.space_key, p.title, p.parent_id, p.status, p.version, v.body, v.message, v.minor,
       p.created_at, p.created_by, v.at, v.author, p.position, p.kind
FROM page p JOIN page_version v ON v.page_id = p.id AND v.number = p.version
"""


class PageTables(Database):
    """Spaces, pages and their versions."""

    _kept_pages: tuple[tuple[int, str | None, tuple[PageStatus, ...], PageKind], list[Page]] | None = None

    def spaces(self) -> list[Space]:
        """Return every space, by key."""
        rows = self._rows("SELECT id, key, name, homepage_id, description FROM space ORDER BY key")
        return [Space(*row) for row in rows]

    def space(self, key: str) -> Space | None:
        """Return the space of that key (any case), or None."""
        row = self._row("SELECT id, key, name, homepage_id, description FROM space WHERE upper(key) = ?", key.upper())
        return Space(*row) if row else None

    def add_space(
        self,
        key: str,
        name: str,
        *,
        description: str = "",
        homepage_title: str | None = None,
        homepage_body: str = "",
        author: str = "report-bot",
        at: datetime | None = None,
    ) -> Space:
        """Add a space with its home page, or rename the one of that key.

        A space always has a home page: Confluence creates one with the space.

        :param key: space key, e.g. ``ANALYTICS``.
        :param name: the visible name, e.g. ``데이터분석팀``.
        :param description: plain text.
        :param homepage_title: title of the home page; ``<name> Home`` when None.
        :param homepage_body: its body in storage format.
        :param author: user name of the creator.
        :param at: when; now when None.
        :return: the space.
        """
        with self._transaction() as db:
            space = self.space(key)
            if space is None:
                db.execute("INSERT INTO space VALUES (?, ?, ?, NULL, ?)", (key, self._next_id(), name, description))
                page = self.create_page(key, homepage_title or f"{name} Home", homepage_body, author=author, at=at)
                db.execute("UPDATE space SET homepage_id = ? WHERE key = ?", (page.id, key))
            else:
                db.execute("UPDATE space SET name = ?, description = ? WHERE key = ?", (name, description, space.key))
                if space.homepage_id and (homepage_title or homepage_body):
                    self.update_page(
                        space.homepage_id,
                        title=homepage_title,
                        body=homepage_body or None,
                        author=author,
                        at=at,
                    )
        found = self.space(key)
        assert found is not None  # noqa: S101 - it was just written
        return found

    def page(self, page_id: str) -> Page | None:
        """Return the page of that id in any status, or None."""
        row = self._row(f"{_PAGE} WHERE p.id = ?", as_number(page_id))
        return _page(row) if row else None

    def page_by_title(self, space_key: str, title: str, statuses: Sequence[PageStatus] = LIVE_STATUSES) -> Page | None:
        """Return the page of that title in a space, or None.

        Titles are compared without regard to case, as Confluence keeps them unique.

        :param space_key: key of the space.
        :param title: the title.
        :param statuses: the statuses of the pages. Several trashed pages may share a title: the newest is returned.
        """
        condition = "p.space_key = ? AND p.kind = 'page' AND p.lower_title = ?"
        pages = self._pages_where(condition, (space_key, title.lower()), statuses, "p.id DESC")
        return pages[0] if pages else None

    def pages(
        self, space_key: str | None = None, statuses: Sequence[PageStatus] = LIVE_STATUSES, kind: PageKind = "page"
    ) -> list[Page]:
        """Return the pages or the blog posts of a space, or of all spaces, in the order they were made."""
        # A client that pages through a large space repeats the query; the same number of changes means the same pages.
        key = (self.changes, space_key, tuple(statuses), kind)
        kept = self._kept_pages
        if kept is None or kept[0] != key:
            condition, values = (
                ("p.kind = ?", (kind,)) if space_key is None else ("p.kind = ? AND p.space_key = ?", (kind, space_key))
            )
            kept = self._kept_pages = (key, self._pages_where(condition, values, statuses, "p.id"))
        return list(kept[1])

    def pages_by_title(
        self,
        title: str,
        space_key: str | None = None,
        statuses: Sequence[PageStatus] = LIVE_STATUSES,
        kind: PageKind = "page",
    ) -> list[Page]:
        """Return the pages or blog posts of that title, in any case, in a space or in all.

        Several trashed ones may share a title.
        """
        if space_key is None:
            return self._pages_where("p.kind = ? AND p.lower_title = ?", (kind, title.lower()), statuses, "p.id")
        condition = "p.space_key = ? AND p.kind = ? AND p.lower_title = ?"
        return self._pages_where(condition, (space_key, kind, title.lower()), statuses, "p.id")

    def children(self, page_id: str, statuses: Sequence[PageStatus] = LIVE_STATUSES) -> list[Page]:
        """Return the pages directly below a page, in their order."""
        return self._pages_where("p.parent_id = ?", (as_number(page_id),), statuses, "p.position, p.id")

    def descendants(self, page_id: str) -> list[Page]:
        """Return all current pages below a page, each parent before its children."""
        pages: list[Page] = []
        for child in self.children(page_id):
            pages += [child, *self.descendants(child.id)]
        return pages

    def ancestors(self, page_id: str) -> list[Page]:
        """Return the pages above a page, from the top of the tree down to its parent."""
        pages: list[Page] = []
        page = self.page(page_id)
        while page is not None and page.parent_id is not None:
            page = self.page(page.parent_id)
            if page is not None:
                pages.insert(0, page)
        return pages

    def versions(self, page_id: str) -> list[PageVersion]:
        """Return all versions of a page, the newest first."""
        rows = self._rows(
            "SELECT page_id, number, title, body, message, minor, author, at FROM page_version"
            " WHERE page_id = ? ORDER BY number DESC",
            as_number(page_id),
        )
        return [_page_version(row) for row in rows]

    def page_version(self, page_id: str, number: int) -> PageVersion | None:
        """Return one version of a page, or None."""
        row = self._row(
            "SELECT page_id, number, title, body, message, minor, author, at FROM page_version"
            " WHERE page_id = ? AND number = ?",
            as_number(page_id),
            number,
        )
        return _page_version(row) if row else None

    def authors(self, page_id: str) -> list[str]:
        """Return the authors of a page's versions, each user name once, the first author first."""
        rows = self._rows(
            "SELECT author FROM page_version WHERE page_id = ? GROUP BY author ORDER BY min(number)", as_number(page_id)
        )
        return [author for (author,) in rows]

    def all_authors(self) -> dict[str, frozenset[str]]:
        """Return the authors of each page's versions, by page id."""
        found: dict[str, set[str]] = {}
        for page_id, author in self._rows("SELECT DISTINCT page_id, author FROM page_version"):
            found.setdefault(str(page_id), set()).add(author)
        return {page_id: frozenset(authors) for page_id, authors in found.items()}

    def create_page(
        self,
        space_key: str,
        title: str,
        body: str,
        parent_id: str | None = None,
        *,
        author: str,
        message: str = "",
        at: datetime | None = None,
        status: PageStatus = "current",
        kind: PageKind = "page",
    ) -> Page:
        """Create a page or a blog post.

        :param space_key: key of the space.
        :param title: the title; unique in the space.
        :param body: storage format, kept unchanged.
        :param parent_id: the page above it; None for the top of the space.
        :param author: user name.
        :param message: version message.
        :param at: when; now when None.
        :param status: status of the new page.
        :param kind: a page or a blog post, which has no parent.
        :return: the page, at version 1.
        :raises TitleTakenError: a current or archived page of the space has the title.
        :raises ParentError: the parent does not exist, or is in another space.
        """
        moment = as_text(at)
        with self._transaction() as db:
            self._check_parent(space_key, parent_id)
            number = self._next_id()
            position = self._next_position(space_key, parent_id)
            self._guard_title(
                "INSERT INTO page VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?)",
                (
                    number,
                    space_key,
                    as_number(parent_id) if parent_id else None,
                    status,
                    position,
                    title,
                    title.lower(),
                    moment,
                    author,
                    kind,
                ),
                title,
                space_key,
            )
            db.execute(
                "INSERT INTO page_version VALUES (?, 1, ?, ?, ?, 0, ?, ?)",
                (number, title, body, message, author, moment),
            )
        return self._require_page(str(number))

    def update_page(
        self,
        page_id: str,
        *,
        author: str,
        title: str | None = None,
        body: str | None = None,
        parent_id: str | Keep | None = KEEP,
        status: PageStatus | None = None,
        position: int | None = None,
        message: str = "",
        minor: bool = False,
        expected_version: int | None = None,
        at: datetime | None = None,
    ) -> Page:
        """Write the next version of a page; omitted fields stay unchanged.

        :param page_id: the page.
        :param author: user name.
        :param title: new title.
        :param body: new body in storage format.
        :param parent_id: new parent, None for the top of the space.
        :param status: new status, e.g. ``current`` to restore a trashed page.
        :param position: new place among its siblings.
        :param message: version message.
        :param minor: a minor edit notifies no watcher.
        :param expected_version: the version the change is based on; None to skip the check.
        :param at: when; now when None.
        :return: the page after the write.
        :raises NotFoundError: there is no such page.
        :raises VersionConflictError: another write came in between.
        :raises TitleTakenError: another page of the space has the title.
        :raises ParentError: the parent is missing, in another space, or below the page.
        """
        with self._transaction() as db:
            page = self._require_page(page_id)
            if expected_version is not None and expected_version != page.version:
                raise VersionConflictError(page.version)
            new_title = page.title if title is None else title
            parent = page.parent_id if isinstance(parent_id, Keep) else parent_id
            if parent != page.parent_id:
                self._check_parent(page.space_key, parent, moving=page_id)
            if position is None:
                moved = parent != page.parent_id
                position = self._next_position(page.space_key, parent) if moved else page.position
            self._guard_title(
                "UPDATE page SET title = ?, lower_title = ?, parent_id = ?, position = ?, status = ?,"
                " version = version + 1 WHERE id = ?",
                (
                    new_title,
                    new_title.lower(),
                    as_number(parent) if parent else None,
                    position,
                    status or page.status,
                    as_number(page_id),
                ),
                new_title,
                page.space_key,
            )
            db.execute(
                "INSERT INTO page_version VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    as_number(page_id),
                    page.version + 1,
                    new_title,
                    page.body if body is None else body,
                    message,
                    minor,
                    author,
                    as_text(at),
                ),
            )
        return self._require_page(page_id)

    def rewrite_page(self, page_id: str, body: str) -> Page:
        """Change the text of a page's current version in place, as the marker of an inline comment does.

        :raises NotFoundError: there is no such page.
        """
        with self._transaction() as db:
            page = self._require_page(page_id)
            db.execute(
                "UPDATE page_version SET body = ? WHERE page_id = ? AND number = ?", (body, as_number(page_id), page.version)
            )
        return self._require_page(page_id)

    def move_page(self, page_id: str, parent_id: str | None, beside: str | None = None, *, before: bool = False) -> Page:
        """Move a page without a new version, as REST v1 of the cloud does.

        :param page_id: the page.
        :param parent_id: new parent, None for the top of the space.
        :param beside: the new sibling after which the page is put; None for the end.
        :param before: put the page before that sibling.
        :raises NotFoundError: there is no such page.
        :raises ParentError: the parent is missing, in another space, or below the page.
        """
        with self._transaction() as db:
            page = self._require_page(page_id)
            self._check_parent(page.space_key, parent_id, moving=page_id)
            number = as_number(parent_id) if parent_id else None
            rows = self._rows(
                "SELECT id FROM page WHERE space_key = ? AND parent_id IS ? AND id != ? ORDER BY position, id",
                page.space_key,
                number,
                as_number(page_id),
            )
            siblings = [row[0] for row in rows]
            at = siblings.index(as_number(beside)) + (not before) if beside else len(siblings)
            siblings.insert(at, as_number(page_id))
            db.execute("UPDATE page SET parent_id = ? WHERE id = ?", (number, as_number(page_id)))
            db.executemany("UPDATE page SET position = ? WHERE id = ?", list(enumerate(siblings)))
        return self._require_page(page_id)

    def archive_page(self, page_id: str) -> Page:
        """Archive a page: out of the tree, but its title stays taken."""
        return self._set_status(page_id, "archived")

    def trash_page(self, page_id: str) -> Page:
        """Put a page into the trash. Its children move up to its parent, as they do in Confluence.

        :raises NotFoundError: there is no such page.
        """
        with self._transaction() as db:
            page = self._require_page(page_id)
            db.execute(
                "UPDATE page SET parent_id = ? WHERE parent_id = ? AND status != 'trashed'",
                (as_number(page.parent_id) if page.parent_id else None, as_number(page_id)),
            )
            return self._set_status(page_id, "trashed")

    def purge_page(self, page_id: str) -> None:
        """Remove a page for good, with its versions, attachments, labels, properties and comments.

        :raises NotFoundError: there is no such page.
        """
        with self._transaction() as db:
            self._require_page(page_id)
            db.execute("UPDATE page SET parent_id = NULL WHERE parent_id = ?", (as_number(page_id),))
            db.execute("DELETE FROM property WHERE page_id = ?", (as_number(page_id),))
            db.execute("DELETE FROM page WHERE id = ?", (as_number(page_id),))

    def _pages_where(
        self, condition: str, parameters: Sequence[object], statuses: Sequence[PageStatus], order: str
    ) -> list[Page]:
        marks = ", ".join("?" * len(statuses))
        sql = f"{_PAGE} WHERE {condition} AND p.status IN ({marks}) ORDER BY {order}"
        return [_page(row) for row in self._rows(sql, *parameters, *statuses)]

    def _require_page(self, page_id: str) -> Page:
        page = self.page(page_id)
        if page is None:
            raise NotFoundError(f"no page {page_id}")
        return page

    def _next_position(self, space_key: str, parent_id: str | None) -> int:
        row = self._row(
            "SELECT coalesce(max(position), -1) + 1 FROM page WHERE space_key = ? AND parent_id IS ?",
            space_key,
            as_number(parent_id) if parent_id else None,
        )
        return int(row[0]) if row else 0

    def _check_parent(self, space_key: str, parent_id: str | None, moving: str | None = None) -> None:
        if parent_id is None:
            return
        parent = self.page(parent_id)
        if parent is None or parent.status != "current" or parent.space_key != space_key:
            raise ParentError(f"no current page {parent_id} in {space_key}")
        if moving is not None and moving in {parent_id, *(page.id for page in self.ancestors(parent_id))}:
            raise ParentError(f"{parent_id} is below {moving}")

    def _guard_title(self, sql: str, parameters: Sequence[object], title: str, space_key: str) -> None:
        """Run a write that the unique index on titles may refuse."""
        try:
            self._db.execute(sql, parameters)
        except sqlite3.IntegrityError as error:
            if "page.lower_title" in str(error):
                raise TitleTakenError(title, space_key) from error
            raise

    def _set_status(self, page_id: str, status: PageStatus) -> Page:
        with self._transaction() as db:
            self._require_page(page_id)
            db.execute("UPDATE page SET status = ? WHERE id = ?", (status, as_number(page_id)))
        return self._require_page(page_id)


def _page(row: tuple[Any, ...]) -> Page:
    (number, space_key, title, parent, status, version, body, message, minor) = row[:9]
    (created_at, created_by, updated_at, updated_by, position, kind) = row[9:]
    return Page(
        id=str(number),
        space_key=space_key,
        title=title,
        parent_id=None if parent is None else str(parent),
        status=status,
        version=version,
        body=body,
        message=message,
        minor=bool(minor),
        created_at=as_moment(created_at),
        created_by=created_by,
        updated_at=as_moment(updated_at),
        updated_by=updated_by,
        position=position,
        kind=kind,
    )


def _page_version(row: tuple[Any, ...]) -> PageVersion:
    page_id, number, title, body, message, minor, author, at = row
    return PageVersion(str(page_id), number, title, body, message, bool(minor), author, as_moment(at))
