"""Labels, properties and restrictions of pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from workplace_sandbox.model import Label, Property
from workplace_sandbox.state.database import as_moment, as_number, as_text
from workplace_sandbox.state.errors import VersionConflictError
from workplace_sandbox.state.pages import PageTables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

OPERATIONS = ("read", "update")

Restrictions = dict[str, dict[str, list[str]]]


class MetadataTables(PageTables):
    """The metadata of pages."""

    def labels(self, page_id: str) -> list[Label]:
        """Return the labels of a page, by age."""
        rows = self._rows("SELECT id, prefix, name FROM label WHERE page_id = ? ORDER BY id", as_number(page_id))
        return [Label(str(number), prefix, name) for number, prefix, name in rows]

    def label_names(self) -> dict[str, frozenset[str]]:
        """Return the names of the labels of every page that has some, by page id."""
        found: dict[str, set[str]] = {}
        for page_id, name in self._rows("SELECT page_id, name FROM label"):
            found.setdefault(str(page_id), set()).add(name)
        return {page_id: frozenset(names) for page_id, names in found.items()}

    def hides_pages(self) -> bool:
        """Return whether any page may be read by some people only."""
        return self._row("SELECT 1 FROM restriction WHERE operation = 'read' LIMIT 1") is not None

    def add_labels(self, page_id: str, names: Iterable[str], prefix: str = "global") -> list[Label]:
        """Add labels to a page; existing ones stay unchanged.

        :param page_id: the page.
        :param names: label names; kept in lower case, as Confluence does.
        :param prefix: ``global``, ``my`` or ``team``.
        :return: all labels of the page.
        :raises NotFoundError: there is no such page.
        """
        with self._transaction() as db:
            self._require_page(page_id)
            taken = {(label.prefix, label.name) for label in self.labels(page_id)}
            for name in dict.fromkeys(name.lower() for name in names):
                if (prefix, name) not in taken:
                    db.execute(
                        "INSERT INTO label VALUES (?, ?, ?, ?)",
                        (self._next_id(), as_number(page_id), prefix, name),
                    )
        return self.labels(page_id)

    def remove_label(self, page_id: str, name: str) -> bool:
        """Remove a label from a page.

        :return: whether the page had it.
        """
        with self._transaction() as db:
            done = db.execute("DELETE FROM label WHERE page_id = ? AND name = ?", (as_number(page_id), name.lower()))
            return done.rowcount > 0

    def properties(self, page_id: str) -> list[Property]:
        """Return the content properties of a page, by key."""
        rows = self._rows(
            "SELECT id, page_id, key, value, version, updated_at FROM property WHERE page_id = ? ORDER BY key",
            as_number(page_id),
        )
        return [_property(row) for row in rows]

    def property(self, page_id: str, key: str) -> Property | None:
        """Return one content property of a page, or None."""
        row = self._row(
            "SELECT id, page_id, key, value, version, updated_at FROM property WHERE page_id = ? AND key = ?",
            as_number(page_id),
            key,
        )
        return _property(row) if row else None

    def set_property(self, page_id: str, key: str, value: Any, expected_version: int | None = None) -> Property:
        """Write a content property.

        :param page_id: the page, or the comment.
        :param key: the key.
        :param value: any JSON value.
        :param expected_version: the version the write is based on, 0 for a new property; None to skip the check.
        :return: the property after the write; a new one has version 1.
        :raises NotFoundError: there is no such page.
        :raises VersionConflictError: the property has another version.
        """
        with self._transaction() as db:
            if not self._row("SELECT id FROM comment WHERE id = ?", as_number(page_id)):
                self._require_page(page_id)
            current = self.property(page_id, key)
            version = current.version if current else 0
            if expected_version is not None and expected_version != version:
                raise VersionConflictError(version)
            number = int(current.id) if current else self._next_id()
            text = json.dumps(value, ensure_ascii=False)
            db.execute(
                "INSERT OR REPLACE INTO property VALUES (?, ?, ?, ?, ?, ?)",
                (number, as_number(page_id), key, text, version + 1, as_text(None)),
            )
        stored = self.property(page_id, key)
        assert stored is not None  # noqa: S101 - it was just written
        return stored

    def remove_property(self, page_id: str, key: str) -> bool:
        """Remove a content property.

        :return: whether the page had it.
        """
        with self._transaction() as db:
            done = db.execute("DELETE FROM property WHERE page_id = ? AND key = ?", (as_number(page_id), key))
            return done.rowcount > 0

    def restrictions(self, page_id: str) -> Restrictions:
        """Return the people and groups that alone may read and update a page.

        :return: ``{"read": {"user": [user names], "group": [names]}, "update": {...}}``; two empty lists mean
            that the operation is not restricted.
        """
        by_operation: Restrictions = {operation: {"user": [], "group": []} for operation in OPERATIONS}
        rows = self._rows(
            "SELECT operation, kind, name FROM restriction WHERE page_id = ? ORDER BY name", as_number(page_id)
        )
        for operation, kind, name in rows:
            by_operation[operation][kind].append(name)
        return by_operation

    def has_view_restrictions(self) -> bool:
        """Return whether any page has a view restriction."""
        return self._row("SELECT 1 FROM restriction WHERE operation = 'read' LIMIT 1") is not None

    def view_restrictions(self, page_id: str) -> list[dict[str, list[str]]]:
        """Return the view restrictions of a page and of those above it.

        :return: ``[{"user": [user names], "group": [names]}, ...]``; a reader has to be in every entry.
        """
        rows = self._rows(
            "WITH RECURSIVE above (id, parent_id) AS (SELECT id, parent_id FROM page WHERE id = ?"
            " UNION SELECT p.id, p.parent_id FROM page p JOIN above ON p.id = above.parent_id)"
            " SELECT r.page_id, r.kind, r.name FROM restriction r JOIN above ON r.page_id = above.id"
            " WHERE r.operation = 'read'",
            as_number(page_id),
        )
        by_page: dict[int, dict[str, list[str]]] = {}
        for restricted, kind, name in rows:
            by_page.setdefault(restricted, {"user": [], "group": []})[kind].append(name)
        return list(by_page.values())

    def set_restrictions(self, page_id: str, restrictions: Mapping[str, Mapping[str, Iterable[str]]]) -> Restrictions:
        """Replace the restrictions of the named operations; the others stay.

        :param page_id: the page.
        :param restrictions: as ``restrictions`` returns them; an operation with empty lists loses its restriction.
        :return: all restrictions of the page.
        :raises NotFoundError: there is no such page.
        """
        with self._transaction() as db:
            self._require_page(page_id)
            for operation, subjects in restrictions.items():
                db.execute(
                    "DELETE FROM restriction WHERE page_id = ? AND operation = ?",
                    (as_number(page_id), operation),
                )
                rows = [(as_number(page_id), operation, kind, name) for kind, names in subjects.items() for name in names]
                db.executemany("INSERT OR IGNORE INTO restriction VALUES (?, ?, ?, ?)", rows)
        return self.restrictions(page_id)


def _property(row: tuple[Any, ...]) -> Property:
    number, page_id, key, value, version, updated_at = row
    return Property(str(number), str(page_id), key, json.loads(value), version, as_moment(updated_at))
