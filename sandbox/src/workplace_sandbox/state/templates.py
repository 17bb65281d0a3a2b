"""Page templates: bodies with named places, from which people create pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from workplace_sandbox.model import Template
from workplace_sandbox.state.database import Database, as_number

if TYPE_CHECKING:
    from collections.abc import Iterable

# Ids of their own: in Confluence too a template is not content, and its id finds no page.
FIRST_TEMPLATE_ID = 1_540_097


class TemplateTable(Database):
    """Templates of spaces, and global ones."""

    def templates(self, space_key: str | None = None) -> list[Template]:
        """Return the templates of a space, or the global ones when None, by name."""
        rows = self._rows("SELECT * FROM template WHERE space_key IS ? ORDER BY name", space_key)
        return [_template(row) for row in rows]

    def template(self, template_id: str) -> Template | None:
        """Return the template with that id, or None."""
        row = self._row("SELECT * FROM template WHERE id = ?", as_number(template_id))
        return _template(row) if row else None

    def add_template(
        self,
        space_key: str | None,
        name: str,
        body: str,
        *,
        description: str = "",
        labels: Iterable[str] = (),
    ) -> Template:
        """Add a template.

        :param space_key: its space; None for a global one.
        :param name: the name in the list of templates.
        :param body: storage format with ``at:var`` places and their ``at:declarations``.
        :param description: a line below the name.
        :param labels: labels of the pages created from it.
        :return: the template.
        """
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO counter VALUES ('template', ?)", (FIRST_TEMPLATE_ID - 1,))
            row = db.execute("UPDATE counter SET value = value + 1 WHERE name = 'template' RETURNING value").fetchone()
            made = Template(str(row[0]), space_key, name, description, body, tuple(labels))
            db.execute(
                "INSERT INTO template VALUES (?, ?, ?, ?, ?, ?)",
                (row[0], space_key, name, description, body, json.dumps(made.labels, ensure_ascii=False)),
            )
        return made


def _template(row: tuple[Any, ...]) -> Template:
    number, space_key, name, description, body, labels = row
    return Template(str(number), space_key, name, description, body, tuple(json.loads(labels)))
