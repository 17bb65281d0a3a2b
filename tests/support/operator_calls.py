"""The values that leave an operator: what it passes to the rest of the provider, returns and raises."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import CodeType, FrameType
from typing import Any

from airflow.sdk import BaseOperator

Leaves = dict[str, set[str]]
DEPTH = 6


def observe(run: Callable[[], Any]) -> Leaves:
    """Run something, and return the values that its operators passed on, by function and parameter.

    :param run: executes one operator
    """
    seen: Leaves = {}

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or not (names := _observed(frame.f_code, str(frame.f_globals.get("__name__")))):
            return
        caller = frame.f_back
        if caller is not None and _is_operator_side(str(caller.f_globals.get("__name__"))):
            # A generator's frame is entered again and again; its parameters are read the first time.
            values = frame.f_locals
            for name in names:
                if name in values:
                    _add(seen, f"{frame.f_globals['__name__']}.{frame.f_code.co_qualname}({name})", values[name])

    sys.setprofile(profile)
    try:
        result = run()
    except Exception as error:
        sys.setprofile(None)
        result = f"{type(error).__name__}: {error}"
    finally:
        sys.setprofile(None)
    _add(seen, "result", result)
    return seen


def differences(before: Leaves, changed: Leaves, after: Leaves) -> list[str]:
    """Return where a run differs from the same runs before and after it; places that differ between these do not count."""
    return [
        key
        for key in before.keys() | changed.keys() | after.keys()
        if before.get(key) == after.get(key) and changed.get(key) != before.get(key)
    ]


@cache
def _observed(code: CodeType, module: str) -> tuple[str, ...]:
    """Return the parameters of a function that an operator may call, and none of any other function."""
    beyond = module.startswith("workplace_provider.") and not _is_operator_side(module)
    if not beyond or code.co_name in ("__repr__", "__hash__", "__eq__"):
        return ()
    starred = bool(code.co_flags & CO_VARARGS) + bool(code.co_flags & CO_VARKEYWORDS)
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + starred]


@cache
def _is_operator_side(module: str) -> bool:
    parts = module.split(".")
    # Parsing an argument is not yet using it.
    beside = module in ("workplace_provider.common.arguments", "workplace_provider.common.operator")
    return parts[0] == "workplace_provider" and (beside or "operators" in parts or "sensors" in parts)


def _add(seen: Leaves, key: str, value: Any) -> None:
    for path, leaf in _leaves(value, 0):
        seen.setdefault(key + path, set()).add(leaf)


def _leaves(value: Any, depth: int) -> Iterator[tuple[str, str]]:
    if value is None or isinstance(value, str | bytes | int | float):
        yield "", repr(value)
    elif isinstance(value, BaseOperator) or depth > DEPTH:
        yield "", type(value).__name__
    elif isinstance(value, Mapping):
        for key, item in list(value.items()):
            if key not in ("dag", "ti", "dag_run", "task_state_store", "asset_state_store", "outlet_events"):
                for path, leaf in _leaves(item, depth + 1):
                    yield f".{key}{path}", leaf
    elif isinstance(value, list | tuple | set | frozenset):
        yield ".len", repr(len(value))
        for item in value:
            yield from _leaves(item, depth + 1)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            for path, leaf in _leaves(getattr(value, field.name, None), depth + 1):
                yield f".{field.name}{path}", leaf
    elif type(value).__module__.startswith("workplace_provider.") and hasattr(value, "__dict__"):
        for name, item in list(vars(value).items()):
            for path, leaf in _leaves(item, depth + 1):
                yield f".{name}{path}", leaf
    else:
        yield "", type(value).__name__ if " at 0x" in repr(value) else repr(value)
