"""Reading and building JSON by dotted paths, such as ``profile.email``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def value_at(data: Any, path: str) -> Any:
    """Return the value at a path; ``None`` if there is none. A number in the path is an index of a list."""
    value = data
    for step in path.split(".") if path else ():
        if isinstance(value, list):
            value = value[int(step)] if step.isascii() and step.isdigit() and int(step) < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def text_at(data: Any, path: str) -> str:
    """Return the text or number at a path as text; empty if there is none."""
    value = value_at(data, path) if path else None
    return "" if value is None or isinstance(value, dict | list) else str(value)


def texts_at(data: Any, path: str) -> list[str]:
    """Return all texts at a path, which may be a list or a single value."""
    value = value_at(data, path)
    return [str(item) for item in (value if isinstance(value, list) else [value]) if item]


def nest(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes as nested mappings: ``name.givenName`` becomes ``givenName`` of ``name``."""
    tree: dict[str, Any] = {}
    for name, value in values.items():
        *parents, last = name.split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[last] = value
    return tree
