"""Edits as plain dictionaries, so that a list of them can come from YAML, JSON or a DAG Param.

An edit is ``{"edit": "SetImage", "filename": "wau.png"}``: its name, and its fields. What is read is checked against the
type hints of the edit's fields, so an edit needs nothing but its dataclass to have a dictionary form.
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
from workplace_provider.confluence.pages.values import Image, Link, Status, Storage, User, from_plain

NAME: Final = "edit"
"""The key under which the name of an edit stands."""

_VALUES: Final[Mapping[str, type]] = {"link": Link, "user": User, "status": Status, "image": Image}
# What a value is written as, under the key that names its kind.
_SHAPES: Final[Mapping[str, Any]] = {
    **dict.fromkeys(_VALUES, Mapping),
    "storage": str,
    "date": (str, dt.date),
    "datetime": (str, dt.date),
    "decimal": str,
}
_TEMPLATE_MARKS: Final = ("{{", "{%")


class _WrongType(EditError):
    """A value that is not of the type of its field."""


def from_dict(mapping: Mapping[str, Any]) -> Edit:
    """An edit from its dictionary.

    Values with a type of their own are ``{"storage": "<p/>"}``, ``{"link": {...}}``, ``{"user": {...}}``,
    ``{"status": {...}}``, ``{"image": {...}}``, ``{"date": "2026-11-19"}``,
    ``{"datetime": "2026-11-19T10:00:00+09:00"}`` and ``{"decimal": "1.50"}``. In fields that Airflow renders, a template may
    stand instead of a number.

    :raises EditError: on an unknown edit, an unknown or missing key, or a value of the wrong type; the message names it
    """
    return _edit(mapping, "")


def from_dicts(mappings: Iterable[Mapping[str, Any]]) -> list[Edit]:
    """Edits from a list of dictionaries, as they are in a YAML file.

    :raises EditError: as :func:`from_dict`, with the number of the edit from 0
    """
    if isinstance(mappings, str | bytes | Mapping) or not isinstance(mappings, Iterable):
        raise EditError(f"edits are a list of mappings, not {_shown(mappings)}")
    return [_edit(mapping, f"edits[{number}]") for number, mapping in enumerate(mappings)]


def to_dict(edit: Edit) -> dict[str, Any]:
    """The dictionary of an edit, of types that YAML and JSON know; fields with their default values are left out.

    A tuple becomes a list, and is read as one where the field is not said to be a tuple.

    :raises EditError: when it is no edit of this package, or a value has no plain form
    """
    name = type(edit).__name__
    if _known().get(name) is not type(edit):
        raise EditError(f"{name} is no edit of workplace_provider.confluence.pages.edits")
    plain: dict[str, Any] = {NAME: name}
    for field in fields(edit):
        value = getattr(edit, field.name)
        if not _is_default(field, value):
            plain[field.name] = _plain(value, f"{name}: {field.name}")
    return plain


def to_dicts(edits: Iterable[Edit]) -> list[dict[str, Any]]:
    """The dictionaries of edits."""
    return [to_dict(edit) for edit in edits]


def _known() -> dict[str, type[Edit]]:
    """Return the edits of this package by name, in alphabetical order."""
    package = __name__.rpartition(".")[0]
    found: dict[str, type[Edit]] = {}
    kinds = Edit.__subclasses__()
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        is_public = kind.__module__.startswith(f"{package}.") and not kind.__name__.startswith("_")
        if is_public and not inspect.isabstract(kind):
            found[kind.__name__] = kind
    return dict(sorted(found.items()))


def _edit(mapping: Any, where: str) -> Edit:
    if not isinstance(mapping, Mapping):
        raise EditError(f"{_prefix(where)}an edit is a mapping, not {_shown(mapping)}")
    known = _known()
    if NAME not in mapping:
        raise EditError(f"{_prefix(where)}the key {NAME!r} is missing; it names one of {', '.join(known)}")
    name = mapping[NAME]
    if not isinstance(name, str) or name not in known:
        raise EditError(f"{_prefix(where)}there is no edit {name!r}{_similar(name, known)}")
    where = f"{where} ({name})" if where else name
    return _built(known[name], {key: value for key, value in mapping.items() if key != NAME}, where)


def _built(kind: type[Edit], given: Mapping[str, Any], where: str) -> Edit:
    known = {field.name: field for field in fields(kind) if field.init}
    for key in given:
        if key not in known:
            raise EditError(f"{where}: unknown key {key!r}{_similar(key, known)}")
    missing = [name for name, field in known.items() if name not in given and _is_required(field)]
    if missing:
        raise EditError(f"{where}: missing {', '.join(map(repr, missing))}")
    hints = _hints(kind)
    read: dict[str, Any] = {}
    for key, value in given.items():
        as_template = key in kind.template_fields and isinstance(value, str) and _is_template(value)
        read[key] = value if as_template else _read(value, hints.get(key, Any), f"{where}: {key}")
    try:
        return kind(**read)
    except (ValueError, TypeError) as error:
        message = str(error).removeprefix(f"{kind.__name__}: ")
        raise EditError(f"{where}: {message}") from error


@functools.cache
def _hints(kind: type) -> Mapping[str, Any]:
    try:
        return get_type_hints(kind)
    except NameError:
        # A hint that only the type checker can read: the field takes what it gets.
        return {}


def _read(value: Any, hint: Any, where: str) -> Any:
    """A plain value as the type that a field has.

    :raises EditError: when it cannot be read as that
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any or hint is object:
        return _read_any(value, where)
    if origin is Union or origin is types.UnionType:
        return _read_union(value, hint, where)
    if origin is Literal:
        if not any(value == each and type(value) is type(each) for each in arguments):
            raise _WrongType(f"{where}: {value!r} is none of {', '.join(map(repr, arguments))}{_guess(value, arguments)}")
        return value
    if origin is tuple or hint is tuple:
        return _read_tuple(value, arguments, where)
    if inspect.isclass(origin or hint) and issubclass(origin or hint, Mapping):
        return _read_mapping(value, arguments or (Any, Any), where)
    if (origin or hint) is not str and inspect.isclass(origin or hint) and issubclass(origin or hint, Iterable):
        return _read_list(value, (arguments or (Any,))[0], where)
    return _read_one(value, hint, where)


def _read_union(value: Any, hint: Any, where: str) -> Any:
    options = [each for each in get_args(hint) if each is not type(None)]
    if value is None and len(options) < len(get_args(hint)):
        return None
    errors: list[EditError] = []
    for option in options:
        try:
            return _read(value, option, where)
        except EditError as error:
            errors.append(error)
    # Of several types the one that had the right shape says best what is wrong inside.
    inner = [error for error in errors if not isinstance(error, _WrongType) or not str(error).startswith(f"{where}: ")]
    if inner or len(errors) == 1:
        raise (inner or errors)[0]
    raise _WrongType(f"{where}: expected {_type_name(hint)}, not {_shown(value)}")


def _read_tuple(value: Any, arguments: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_read_list(value, arguments[0], where))
    if not isinstance(value, list | tuple) or (arguments and len(value) != len(arguments)):
        wanted = f"a list of {len(arguments)} values" if arguments else "a list"
        raise _WrongType(f"{where}: expected {wanted}, not {_shown(value)}")
    hints = arguments or (Any,) * len(value)
    return tuple(_read(each, hint, f"{where}[{n}]") for n, (each, hint) in enumerate(zip(value, hints, strict=True)))


def _read_mapping(value: Any, hints: tuple[Any, ...], where: str) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise _WrongType(f"{where}: expected a mapping, not {_shown(value)}")
    key_hint, value_hint = hints
    return {
        _read(key, key_hint, f"{where}: the key {key!r}"): _read(each, value_hint, f"{where}[{key!r}]")
        for key, each in value.items()
    }


def _read_list(value: Any, hint: Any, where: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise _WrongType(f"{where}: expected a list, not {_shown(value)}")
    return [_read(each, hint, f"{where}[{number}]") for number, each in enumerate(value)]


def _read_one(value: Any, hint: Any, where: str) -> Any:
    if isinstance(value, Mapping):
        value = _read_any(value, where)
    # To Python True is a number, and a datetime a date; to who writes an edit they are not.
    wrong_bool = isinstance(value, bool) and hint is not bool
    wrong_time = isinstance(value, dt.datetime) and hint is dt.date
    fits = isinstance(value, int | float) if hint is float else not inspect.isclass(hint) or isinstance(value, hint)
    if wrong_bool or wrong_time or not fits:
        raise _WrongType(f"{where}: expected {_type_name(hint)}, not {_shown(value)}")
    return value


def _read_any(value: Any, where: str) -> Any:
    if isinstance(value, list | tuple):
        return [_read_any(each, f"{where}[{number}]") for number, each in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    if len(value) == 1:
        ((kind, given),) = value.items()
        if kind in _SHAPES and isinstance(given, _SHAPES[kind]):
            return _read_value(str(kind), given, where)
    return {key: _read_any(each, f"{where}[{key!r}]") for key, each in value.items()}


def _read_value(kind: str, given: Any, where: str) -> Any:
    """A value that has a type of its own."""
    if isinstance(given, dt.date):
        # YAML reads 2026-11-19 without quotes as a date.
        return given
    try:
        value = from_plain({kind: given})
    except (ValueError, InvalidOperation) as error:
        raise EditError(f"{where}: {error or f'{given!r} is no {kind}'}") from error
    if kind in _VALUES:
        hints = _hints(_VALUES[kind])
        for name, part in given.items():
            _read(part, hints.get(name, Any), f"{where}: {kind}: {name}")
    return value


def _plain(value: Any, where: str) -> Any:
    """A value in types that YAML and JSON know."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, list | tuple):
        return [_plain(each, f"{where}[{number}]") for number, each in enumerate(value)]
    if isinstance(value, Mapping):
        return {_plain_key(key, where): _plain(each, f"{where}[{key!r}]") for key, each in value.items()}
    if isinstance(value, dt.datetime):
        return {"datetime": value.isoformat()}
    if isinstance(value, dt.date):
        return {"date": value.isoformat()}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, Storage):
        return {"storage": value.markup}
    for kind, each in _VALUES.items():
        if isinstance(value, each):
            parts = [(field, getattr(value, field.name)) for field in fields(each)]
            return {kind: {field.name: _plain(part, where) for field, part in parts if not _is_default(field, part)}}
    raise EditError(f"{where}: {_shown(value)} has no plain form")


def _plain_key(key: Any, where: str) -> str | int:
    plain = _plain(key, where)
    if isinstance(plain, str | int) and not isinstance(plain, bool):
        return plain
    raise EditError(f"{where}: the key {key!r} is neither text nor a number")


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _is_default(field: Field[Any], value: Any) -> bool:
    if _is_required(field):
        return False
    default = field.default_factory() if field.default_factory is not MISSING else field.default
    return type(value) is type(default) and bool(value == default)


def _is_template(text: str) -> bool:
    return any(mark in text for mark in _TEMPLATE_MARKS)


def _prefix(where: str) -> str:
    return f"{where}: " if where else ""


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"


def _type_name(hint: Any) -> str:
    return hint.__name__ if inspect.isclass(hint) and not get_args(hint) else str(hint).replace("typing.", "")


def _similar(name: Any, there: Iterable[str]) -> str:
    """What else it may have been, for a message."""
    names = list(there)
    return _guess(name, names) or f"; there are {', '.join(names) or 'none'}"


def _guess(name: Any, there: Sequence[Any]) -> str:
    names = {str(each).casefold(): str(each) for each in there}
    near = difflib.get_close_matches(str(name).casefold(), names, n=3)
    return f"; did you mean {' or '.join(repr(names[each]) for each in near)}?" if near else ""
