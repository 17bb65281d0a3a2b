"""Conversion of edits to and from plain dictionaries, for YAML, JSON and DAG Params.

The dictionary of an edit has its name and its fields: ``{"edit": "SetImage", "filename": "wau.png"}``. Values are checked
against the type hints of the fields, so every dataclass of an edit has a dictionary form without further code.
"""

from __future__ import annotations

import datetime as dt
import difflib
import functools
import inspect
import numbers
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from workplace_provider.confluence.pages.edits.base import Edit, EditError
from workplace_provider.confluence.pages.values import Image, Link, Markdown, Status, Storage, User, from_plain

NAME: Final = "edit"
"""The key for the name of the edit."""

_VALUES: Final[Mapping[str, type]] = {"link": Link, "user": User, "status": Status, "image": Image, "markdown": Markdown}
# Type of a value's plain form, by the key that names its kind.
_SHAPES: Final[Mapping[str, Any]] = {
    **dict.fromkeys(_VALUES, Mapping),
    "storage": str,
    "markdown": (str, Mapping),
    "date": (str, dt.date),
    "datetime": (str, dt.date),
    "decimal": str,
}
_TEMPLATE_MARKS: Final = ("{{", "{%")


class _WrongType(EditError):
    """A value that does not have the type of its field."""


def from_dict(mapping: Mapping[str, Any]) -> Edit:
    """Return the edit for a dictionary.

    Values with a type of their own are ``{"storage": "<p/>"}``, ``{"markdown": "**x**"}``, ``{"link": {...}}``,
    ``{"user": {...}}``, ``{"status": {...}}``, ``{"image": {...}}``, ``{"date": "2026-11-19"}``,
    ``{"datetime": "2026-11-19T10:00:00+09:00"}`` and ``{"decimal": "1.50"}``. In fields that Airflow renders, a template is
    accepted in place of any type.

    ::

        from_dict({"edit": "SetImage", "filename": "wau.png", "heading": "WAU"})

    :raises EditError: the edit or a key is unknown, a key is missing, or a value has the wrong type; the message names it
    """
    return _read_edit(mapping, "")


def from_dicts(mappings: Iterable[Mapping[str, Any]]) -> list[Edit]:
    """Return the edits for a list of dictionaries, such as the content of a YAML file.

    :raises EditError: as in :func:`from_dict`; the message has the number of the edit, from 0
    """
    if isinstance(mappings, str | bytes | Mapping) or not isinstance(mappings, Iterable):
        raise EditError(f"edits must be a list of mappings, not {_excerpt(mappings)}")
    return [_read_edit(mapping, f"edits[{number}]") for number, mapping in enumerate(mappings)]


def to_dict(edit: Edit) -> dict[str, Any]:
    """Return the dictionary of an edit, with types of YAML and JSON only; fields with default values are omitted.

    A tuple becomes a list. :func:`from_dict` restores the tuple only if the field has a tuple type.

    :raises EditError: the edit is not one of this package, or a value has no plain form
    """
    name = type(edit).__name__
    if _edit_classes().get(name) is not type(edit):
        raise EditError(f"{name} is not an edit of workplace_provider.confluence.pages.edits")
    plain: dict[str, Any] = {NAME: name}
    for field in fields(edit):
        value = getattr(edit, field.name)
        if not _is_default(field, value):
            plain[field.name] = _to_plain(value, f"{name}: {field.name}")
    return plain


def to_dicts(edits: Iterable[Edit]) -> list[dict[str, Any]]:
    """Return the dictionaries of edits."""
    return [to_dict(edit) for edit in edits]


def _edit_classes() -> dict[str, type[Edit]]:
    """Return the edits of this package by name, in alphabetical order."""
    package = __name__.rpartition(".")[0]
    classes: dict[str, type[Edit]] = {}
    pending = Edit.__subclasses__()
    while pending:
        edit_class = pending.pop()
        pending += edit_class.__subclasses__()
        is_public = edit_class.__module__.startswith(f"{package}.") and not edit_class.__name__.startswith("_")
        if is_public and not inspect.isabstract(edit_class):
            classes[edit_class.__name__] = edit_class
    return dict(sorted(classes.items()))


def _read_edit(mapping: Any, where: str) -> Edit:
    if not isinstance(mapping, Mapping):
        raise EditError(f"{_prefix(where)}an edit must be a mapping, not {_excerpt(mapping)}")
    known = _edit_classes()
    if NAME not in mapping:
        raise EditError(f"{_prefix(where)}the key {NAME!r} is missing; it must be one of {', '.join(known)}")
    name = mapping[NAME]
    if not isinstance(name, str) or name not in known:
        raise EditError(f"{_prefix(where)}unknown edit {name!r}{_suggest(name, known)}")
    where = f"{where} ({name})" if where else name
    return _build(known[name], {key: value for key, value in mapping.items() if key != NAME}, where)


def _build(edit_class: type[Edit], content: Mapping[str, Any], where: str) -> Edit:
    known = {field.name: field for field in fields(edit_class) if field.init}
    for key in content:
        if key not in known:
            raise EditError(f"{where}: unknown key {key!r}{_suggest(key, known)}")
    missing = [name for name, field in known.items() if name not in content and _is_required(field)]
    if missing:
        raise EditError(f"{where}: missing {', '.join(map(repr, missing))}")
    hints = _hints(edit_class)
    arguments: dict[str, Any] = {}
    for key, value in content.items():
        is_template = key in edit_class.template_fields and isinstance(value, str) and _contains_template(value)
        arguments[key] = value if is_template else _read(value, hints.get(key, Any), f"{where}: {key}")
    try:
        return edit_class(**arguments)
    except (ValueError, TypeError) as error:
        message = str(error).removeprefix(f"{edit_class.__name__}: ")
        raise EditError(f"{where}: {message}") from error


@functools.cache
def _hints(kind: type) -> Mapping[str, Any]:
    try:
        return get_type_hints(kind)
    except NameError:
        # The hint uses a name that only the type checker imports: the field accepts every value.
        return {}


def _read(value: Any, hint: Any, where: str) -> Any:
    """Convert a plain value to the type of a field.

    :raises EditError: the value cannot be converted
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any or hint is object:
        return _read_any(value, where)
    if origin is Union or origin is types.UnionType:
        return _read_union(value, hint, where)
    if origin is Literal:
        if not any(value == choice and type(value) is type(choice) for choice in arguments):
            raise _WrongType(
                f"{where}: {value!r} is not one of {', '.join(map(repr, arguments))}{_close_matches(value, arguments)}"
            )
        return value
    if origin is tuple or hint is tuple:
        return _read_tuple(value, arguments, where)
    if inspect.isclass(origin or hint) and issubclass(origin or hint, Mapping):
        return _read_mapping(value, arguments or (Any, Any), where)
    if (origin or hint) is not str and inspect.isclass(origin or hint) and issubclass(origin or hint, Iterable):
        return _read_list(value, (arguments or (Any,))[0], where)
    return _read_one(value, hint, where)


def _read_union(value: Any, hint: Any, where: str) -> Any:
    options = [option for option in get_args(hint) if option is not type(None)]
    if value is None and len(options) < len(get_args(hint)):
        return None
    errors: list[EditError] = []
    for option in options:
        try:
            return _read(value, option, where)
        except EditError as error:
            errors.append(error)
    # With several types, the error of a type with the right shape is the most helpful: it names the wrong part inside.
    inner = [error for error in errors if not isinstance(error, _WrongType) or not str(error).startswith(f"{where}: ")]
    if inner or len(errors) == 1:
        raise (inner or errors)[0]
    raise _WrongType(f"{where}: expected {_type_name(hint)}, not {_excerpt(value)}")


def _read_tuple(value: Any, arguments: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_read_list(value, arguments[0], where))
    if not isinstance(value, list | tuple) or (arguments and len(value) != len(arguments)):
        expected = f"a list of {len(arguments)} values" if arguments else "a list"
        raise _WrongType(f"{where}: expected {expected}, not {_excerpt(value)}")
    hints = arguments or (Any,) * len(value)
    return tuple(_read(item, hint, f"{where}[{n}]") for n, (item, hint) in enumerate(zip(value, hints, strict=True)))


def _read_mapping(value: Any, hints: tuple[Any, ...], where: str) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise _WrongType(f"{where}: expected a mapping, not {_excerpt(value)}")
    key_hint, value_hint = hints
    return {
        _read(key, key_hint, f"{where}: the key {key!r}"): _read(item, value_hint, f"{where}[{key!r}]")
        for key, item in value.items()
    }


def _read_list(value: Any, hint: Any, where: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise _WrongType(f"{where}: expected a list, not {_excerpt(value)}")
    return [_read(item, hint, f"{where}[{number}]") for number, item in enumerate(value)]


def _read_one(value: Any, hint: Any, where: str) -> Any:
    if isinstance(value, Mapping):
        value = _read_any(value, where)
    # In Python, True is also a number, and a datetime also a date; in an edit, these are errors.
    wrong_bool = isinstance(value, bool) and hint is not bool
    wrong_time = isinstance(value, dt.datetime) and hint is dt.date
    fits = isinstance(value, int | float) if hint is float else not inspect.isclass(hint) or isinstance(value, hint)
    if wrong_bool or wrong_time or not fits:
        raise _WrongType(f"{where}: expected {_type_name(hint)}, not {_excerpt(value)}")
    return value


def _read_any(value: Any, where: str) -> Any:
    if isinstance(value, list | tuple):
        return [_read_any(item, f"{where}[{number}]") for number, item in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    if len(value) == 1:
        ((kind, content),) = value.items()
        if kind in _SHAPES and isinstance(content, _SHAPES[kind]):
            return _read_value(str(kind), content, where)
    return {key: _read_any(item, f"{where}[{key!r}]") for key, item in value.items()}


def _read_value(kind: str, content: Any, where: str) -> Any:
    """Return a value with a type of its own, such as a link."""
    if isinstance(content, dt.date):
        # YAML parses 2026-11-19 without quotes as a date.
        return content
    try:
        value = from_plain({kind: content})
    except (ValueError, InvalidOperation) as error:
        raise EditError(f"{where}: {error or f'{content!r} is not a valid {kind}'}") from error
    if kind in _VALUES and isinstance(content, Mapping):
        hints = _hints(_VALUES[kind])
        for name, part in content.items():
            _read(part, hints.get(name, Any), f"{where}: {kind}: {name}")
    return value


def _to_plain(value: Any, where: str) -> Any:
    """Convert a value to types of YAML and JSON."""
    if isinstance(value, list | tuple):
        return [_to_plain(item, f"{where}[{number}]") for number, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {_plain_key(key, where): _to_plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    match value:
        case None | bool():
            return value
        case str():
            return str.__str__(value)  # a subclass, such as a rendered template, as plain text
        case numbers.Integral():
            return int(value)
        case float():
            return float(value)
    return _to_tagged(value, where)


def _to_tagged(value: Any, where: str) -> dict[str, Any]:
    """Convert a value with a type of its own to a mapping from the name of its kind."""
    match value:
        case dt.datetime():
            return {"datetime": value.isoformat()}
        case dt.date():
            return {"date": value.isoformat()}
        case Decimal():
            return {"decimal": str(value)}
        case Storage():
            return {"storage": value.markup}
        case Markdown(text=text, headings=1, inserted=()):
            return {"markdown": text}
    for kind, value_class in _VALUES.items():
        if isinstance(value, value_class):
            parts = [(field, getattr(value, field.name)) for field in fields(value_class)]
            return {kind: {field.name: _to_plain(part, where) for field, part in parts if not _is_default(field, part)}}
    raise EditError(f"{where}: {_excerpt(value)} has no plain form")


def _plain_key(key: Any, where: str) -> str | int:
    plain = _to_plain(key, where)
    if isinstance(plain, str | int) and not isinstance(plain, bool):
        return plain
    raise EditError(f"{where}: the key {key!r} must be text or a whole number")


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _is_default(field: Field[Any], value: Any) -> bool:
    if _is_required(field):
        return False
    default = field.default_factory() if field.default_factory is not MISSING else field.default
    return type(value) is type(default) and bool(value == default)


def _contains_template(text: str) -> bool:
    return any(mark in text for mark in _TEMPLATE_MARKS)


def _prefix(where: str) -> str:
    return f"{where}: " if where else ""


def _excerpt(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"


def _type_name(hint: Any) -> str:
    return hint.__name__ if inspect.isclass(hint) and not get_args(hint) else str(hint).replace("typing.", "")


def _suggest(name: Any, known: Iterable[str]) -> str:
    """Return the end of a message that suggests a similar name, or lists all names."""
    names = list(known)
    return _close_matches(name, names) or f"; use one of {', '.join(names) or 'none'}"


def _close_matches(name: Any, known: Sequence[Any]) -> str:
    names = {str(choice).casefold(): str(choice) for choice in known}
    near = difflib.get_close_matches(str(name).casefold(), names, n=3)
    return f"; did you mean {' or '.join(repr(names[match]) for match in near)}?" if near else ""
