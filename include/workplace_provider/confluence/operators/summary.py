"""Short forms of template fields for the serialized DAG and the *Rendered template* view."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

from airflow.sdk.definitions._internal.mixins import ResolveMixin

SHOWN_TEXT: Final = 200
SHOWN_ITEMS: Final = 5
SHOWN_DEPTH: Final = 5


def summarize(value: Any, depth: int = 0) -> Any:
    """Return a value as plain, short data that is equal in every process."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value if len(value) <= SHOWN_TEXT else f"{value[:SHOWN_TEXT]}… ({len(value)} characters)"
    if isinstance(value, ResolveMixin):
        return f"output of {', '.join(operator.task_id for operator, _ in value.iter_references())}"
    if depth > SHOWN_DEPTH:
        return "…"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {type(value).__name__: _summarize_fields(value, depth)}
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return _summarize_container(value, depth)
    if callable(value):
        return f"<{getattr(value, '__qualname__', type(value).__name__)}>"
    text = str(value)
    # The default text of an object has its address in memory, which differs between processes.
    return f"<{type(value).__name__}>" if " object at 0x" in text else summarize(text)


def _summarize_container(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        items = [(str(key), summarize(item, depth + 1)) for key, item in list(value.items())[: 4 * SHOWN_ITEMS]]
        return dict(items) | ({"…": f"{len(value)} in all"} if len(value) > len(items) else {})
    # All edits are shown, which are at the top. Of their rows, only the first ones.
    most = 10 * SHOWN_ITEMS if depth == 0 else SHOWN_ITEMS
    shown = [summarize(item, depth + 1) for item in list(value)[:most]]
    return shown + ([f"… {len(value)} in all"] if len(value) > most else [])


def _summarize_fields(value: Any, depth: int) -> dict[str, Any]:
    """Return the fields of a dataclass that do not have their default."""
    return {
        field.name: summarize(getattr(value, field.name), depth + 1)
        for field in dataclasses.fields(value)
        if field.default is dataclasses.MISSING or getattr(value, field.name) is not field.default
    }
