"""Values of template fields in short, for the serialized DAG and the *Rendered template* view."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

from airflow.sdk.definitions._internal.mixins import ResolveMixin

SHOWN_TEXT: Final = 200
SHOWN_ITEMS: Final = 5
SHOWN_DEPTH: Final = 5


def described(value: Any, depth: int = 0) -> Any:
    """A value as plain, short data that is the same in every process."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value if len(value) <= SHOWN_TEXT else f"{value[:SHOWN_TEXT]}… ({len(value)} characters)"
    if isinstance(value, ResolveMixin):
        return f"output of {', '.join(operator.task_id for operator, _ in value.iter_references())}"
    if depth > SHOWN_DEPTH:
        return "…"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        said = {
            each.name: described(getattr(value, each.name), depth + 1)
            for each in dataclasses.fields(value)
            if not _is_default(each, getattr(value, each.name))
        }
        return {type(value).__name__: said}
    if isinstance(value, Mapping):
        items = [(str(key), described(each, depth + 1)) for key, each in list(value.items())[: 4 * SHOWN_ITEMS]]
        return dict(items) | ({"…": f"{len(value)} in all"} if len(value) > len(items) else {})
    if isinstance(value, list | tuple | set | frozenset):
        # The edits themselves are all shown; rows are not.
        most = 10 * SHOWN_ITEMS if depth == 0 else SHOWN_ITEMS
        shown = [described(each, depth + 1) for each in list(value)[:most]]
        return shown + ([f"… {len(value)} in all"] if len(value) > most else [])
    if callable(value):
        return f"<{getattr(value, '__qualname__', type(value).__name__)}>"
    text = str(value)
    # The default text has an address in memory in it.
    return f"<{type(value).__name__}>" if " object at 0x" in text else described(text)


def _is_default(declared: dataclasses.Field[Any], value: Any) -> bool:
    return declared.default is not dataclasses.MISSING and value is declared.default
