"""Bound parameters of queries: ``:day`` in the notation of the database's driver."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Any, Final

_FORMAT: Final = "%s"
"""The placeholder of drivers with the notation ``%(day)s``, such as those of PostgreSQL and MySQL."""
# Quoted texts, names and comments are matched first, so that a colon in them is no parameter; so is the cast ::date.
_TOKENS: Final = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|::|:([A-Za-z_]\w*)|%", re.S)


def bind_parameters(context: Mapping[str, Any]) -> None:
    """Write the parameters of a task's query in the notation of its connection; a ``pre_execute`` of SQL operators."""
    task = context["task"]
    if task.parameters and isinstance(task.sql, str) and task.get_db_hook().placeholder == _FORMAT:
        task.sql = in_format_notation(task.sql, task.parameters)


def in_format_notation(sql: str, names: Container[str]) -> str:
    """Return a query with ``%(name)s`` for each ``:name``; other percent signs are doubled, as these drivers need it.

    ::

        in_format_notation("SELECT * FROM sales WHERE day = :day AND name LIKE 'a%'", {"day"})

    A query without ``:name`` is in the driver's notation already, and is not changed.
    """
    if not any(match[1] in names for match in _TOKENS.finditer(sql) if match[1]):
        return sql
    return _TOKENS.sub(lambda match: f"%({match[1]})s" if match[1] in names else match[0].replace("%", "%%"), sql)
