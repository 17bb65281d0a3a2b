"""The ``params`` of a definition: fields of the trigger form, and their values in texts.

A value of the form is data: it is checked by its type and size, and never rendered. The person who triggers a run must not
choose a connection, a space, a file, a query or a reviewer, so only some keys of a definition take params.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from workplace_provider.common.yaml_description import closest, fields_of, key_text
from workplace_provider.reports.placeholders import has_placeholder, render_text

if TYPE_CHECKING:
    from workplace_provider.reports.definition import ParamSpec, ReportDefinition

MOST_PARAMS: Final = 50
LONGEST_TEXT: Final = 2000
LONGEST_ITEM: Final = 500
MOST_ITEMS: Final = 200

GENERATED: Final = ("report_date", "review", "dry_run", "rehearsal")
"""The fields that every report's form has; ``rehearsal`` only with ``page.rehearsal_parent``."""

SOURCE_FAILURES: Final = ("fail", "placeholder")
"""What happens if a source fails: nothing is published, or the rest with a note."""

# report_day() reads this one.
_RESERVED: Final = (*GENERATED, "weekday")
_NAME: Final = re.compile(r"[^\W\d]\w{0,59}")
_WHOLE: Final = re.compile(r"\s*(?:\{\{-?\s*params\.(\w+)\s*-?\}\}|\{params\.(\w+)\})\s*")
_USED: Final = re.compile(r"\bparams\.(\w+)")
_EMPTY: Final[tuple[Any, ...]] = (None, "", [], {})
_Keys = tuple[Any, ...]


def whole_param(text: str) -> str | None:
    """Return the name of the param if a text is exactly one placeholder of a param, whose value keeps its type."""
    match = _WHOLE.fullmatch(text)
    return match[1] or match[2] if match else None


def used_params(value: Any) -> list[str]:
    """Return the names of the params in the texts of a value."""
    if isinstance(value, str):
        return _USED.findall(value) if has_placeholder(value) else []
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [name for item in items for name in used_params(item)]


def has_params(value: Any, params: Mapping[str, Any]) -> bool:
    """Return whether no param of a text is empty; of a list, whether that is so for an item.

    :param params: the params of the run
    """
    if isinstance(value, list | tuple):
        return any(has_params(item, params) for item in value)
    return not any(_is_empty(params.get(name)) for name in used_params(value))


def _is_empty(value: Any) -> bool:
    return value in _EMPTY


def render_value(value: Any, values: Mapping[str, Any], *, keep_empty: bool = False) -> Any:
    """Return a value of a definition with its placeholders filled; ``None`` if it is the placeholder of an empty param.

    ::

        render_value({"지역": "{{ params.regions }}"}, {"params": {"regions": ["서울", "부산"]}})
        # {"지역": ["서울", "부산"]}

    An empty part of a mapping or list is left out. The items of a list in a list are items of that list.

    :param values: the values of ``period``, ``params`` and ``page``
    :param keep_empty: keep the keys of a mapping whose value is empty
    """
    if isinstance(value, str):
        name = whole_param(value)
        if name is None:
            return render_text(value, values)
        filled = values["params"].get(name)
        return None if _is_empty(filled) else filled
    if isinstance(value, Mapping):
        parts = {name: render_value(item, values) for name, item in value.items()}
        return {name: part for name, part in parts.items() if keep_empty or part is not None}
    if isinstance(value, list | tuple):
        items: list[Any] = []
        for item in value:
            if has_params(item, values["params"]):
                part = render_value(item, values)
                items += part if isinstance(part, list) else [part]
        return items
    return value


def default_values(definition: ReportDefinition) -> dict[str, Any]:
    """Return the values of the params in an untouched form."""
    return {name: param_schema(spec)["default"] for name, spec in definition.params.items()}


def param_schema(spec: ParamSpec) -> dict[str, Any]:
    """Return the default and the JSON Schema of a field of the form, as Airflow's ``Param`` takes them."""
    schema: dict[str, Any] = {"default": _plain(spec.default), **_type_schema(spec)}
    if spec.type == "boolean":
        schema["default"] = bool(spec.default)
    elif not spec.required:
        # The form sends null for an empty field, and does not let a field without this type be empty.
        schema["type"] = ["null", *([schema["type"]] if isinstance(schema["type"], str) else schema["type"])]
        if "enum" in schema:
            schema["enum"] = [None, *schema["enum"]]
    texts = {"title": spec.title, "description": spec.description, "section": spec.section}
    return schema | {name: text for name, text in texts.items() if text}


def _type_schema(spec: ParamSpec) -> dict[str, Any]:
    text = {"type": "string", "maxLength": LONGEST_ITEM}
    match spec.type:
        case "text":
            return {"type": "string", "maxLength": LONGEST_TEXT} | ({"minLength": 1} if spec.required else {})
        case "date":
            return {"type": "string", "format": "date"}
        case "choice":
            kinds = {str: "string", int: "integer", float: "number"}
            return {"type": sorted({kinds[type(choice)] for choice in spec.choices}), "enum": list(spec.choices)}
        case "list":
            return {"type": "array", "items": text, "maxItems": MOST_ITEMS} | ({"minItems": 1} if spec.required else {})
        case "mapping":
            one = {"type": ["string", "number", "boolean"], "maxLength": LONGEST_ITEM}
            values = {"anyOf": [one, {"type": "array", "items": one, "maxItems": MOST_ITEMS}]}
            return {"type": "object", "additionalProperties": values, "maxProperties": MOST_ITEMS}
        case _:
            return {"type": spec.type}


def _plain(value: Any) -> Any:
    # YAML reads 2026-11-19 as a date.
    return value.isoformat() if isinstance(value, dt.date) else value


def param_problems(definition: ReportDefinition) -> Iterator[tuple[str, _Keys]]:
    """Yield what is wrong with the params of a definition and with their use, each with the path of keys to it."""
    if len(definition.params) > MOST_PARAMS:
        yield f"there are {len(definition.params)} params; a report has at most {MOST_PARAMS}", ("params",)
    for name, spec in definition.params.items():
        yield from ((problem, ("params", name)) for problem in _spec_problems(name, spec))
    used: set[str] = set()
    for text, keys, kind in _strings(definition, (), None):
        names = used_params(text)
        used |= set(names)
        if names:
            yield from ((problem, keys) for problem in _use_problems(definition, text, keys, kind))
        elif wanted := _wanted(keys):
            yield _wrong_kind(text, keys, wanted), keys
    yield from _failure_problems(definition)
    for name in definition.params:
        if name not in used:
            yield (
                (f"params.{name} is not used. Use it as {{{{ params.{name} }}}}, or remove it"),
                ("params", name),
            )


def _spec_problems(name: Any, spec: ParamSpec) -> Iterator[str]:
    where = f"params.{name}"
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield f"params has the name {name!r}; a name has up to 60 letters, digits and _, and begins with a letter"
    elif name in _RESERVED:
        yield f"{where}: every report has a param of this name, or Airflow uses it; choose another name"
    if spec.type == "choice" and not spec.choices:
        yield f"{where} is a choice without choices. Add choices: [A, B]"
    elif spec.choices and spec.type != "choice":
        yield f"{where} has choices, and its type is {spec.type}. Set type: choice"
    elif spec.default is None:
        if spec.required and spec.type != "boolean":
            yield f"{where} is required and has no default; a scheduled run would have no value. Add a default"
    elif not _fits(spec):
        yield f"{where}.default is {spec.default!r}; it must be {_DEFAULTS[spec.type]}"
    elif any(has_placeholder(text) for text in texts_in(spec.default)):
        yield f"{where}.default has a placeholder; a value of the form is data, and is not filled"


_DEFAULTS: Final = {
    "text": f"a text of at most {LONGEST_TEXT:,} characters",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "date": "a date such as 2026-11-19",
    "choice": "one of its choices",
    "list": f"a list of at most {MOST_ITEMS} texts; quote numbers",
    "mapping": "a mapping of names to texts, numbers or lists of those",
}


def _fits(spec: ParamSpec) -> bool:
    """Return whether the default of a param has the type that the form sends."""
    value = spec.default
    if spec.required and _is_empty(value):
        return False
    match spec.type:
        case "text":
            return isinstance(value, str) and len(value) <= LONGEST_TEXT
        case "number":
            return _is_number(value)
        case "integer":
            return _is_number(value) and value == int(value)
        case "boolean":
            return isinstance(value, bool)
        case "date":
            return isinstance(value, dt.date) or (isinstance(value, str) and _is_date(value))
        case "choice":
            return value in spec.choices
        case "list":
            return _is_list(value, (str,))
        case "mapping":
            return isinstance(value, Mapping) and all(
                isinstance(name, str) and (_is_item(item, _SCALARS) or _is_list(item, _SCALARS))
                for name, item in value.items()
            )


_SCALARS: Final = (str, int, float, bool)


def _is_item(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and len(str(value)) <= LONGEST_ITEM


def _is_list(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, list) and len(value) <= MOST_ITEMS and all(_is_item(item, kinds) for item in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _use_problems(definition: ReportDefinition, text: str, keys: _Keys, kind: Any) -> Iterator[str]:
    from workplace_provider.reports.definition import Query, is_template

    where = key_text(keys)
    if kind is None or not is_template(kind):
        yield (
            f"{where} has a placeholder of a param, and takes none: the person who triggers a run must not choose it."
            " Write the value itself"
        )
        return
    known = [*definition.params, *(name for name in GENERATED if name != "rehearsal" or definition.page.rehearsal_parent)]
    for name in used_params(text):
        if name not in known:
            yield f"{where}: there is no param {name}{closest(name, known)} The params are {', '.join(known)}"
            return
    whole = whole_param(text)
    spec = definition.params.get(whole or "")
    wanted = _wanted(keys)
    if wanted and (spec is None or spec.type != wanted):
        yield _wrong_kind(text, keys, wanted)
    elif kind == Query and whole:
        yield f"{where} is only a param. A param is a value in the query, such as project = {{{{ params.{whole} }}}}"
    elif spec and spec.type == "list" and not (kind == Query or _allows_list(kind)):
        yield f"{where} is one value, and the param {whole} is a list"
    for used in set(used_params(text)):
        mapping = definition.params.get(used)
        if mapping and mapping.type == "mapping" and wanted != "mapping":
            yield f"{where}: the param {used} is a mapping, which only filters and each of a source can be"


def _failure_problems(definition: ReportDefinition) -> Iterator[tuple[str, _Keys]]:
    text, allowed = definition.if_source_fails, " or ".join(SOURCE_FAILURES)
    if text in SOURCE_FAILURES:
        return
    spec = definition.params.get(whole_param(text) or "")
    if spec is None or spec.type != "choice" or not spec.required or not {*spec.choices} <= {*SOURCE_FAILURES}:
        yield (
            (
                f"if_source_fails is {text!r}; it must be {allowed}, or the placeholder of a param of the type choice with"
                " these choices and required: true"
            ),
            ("if_source_fails",),
        )


def _strings(part: Any, keys: _Keys, kind: Any) -> Iterator[tuple[str, _Keys, Any]]:
    """Yield each text of a definition with the keys to it, and the type of the field that it is in; not those of params."""
    if isinstance(part, msgspec.Struct):
        for field in fields_of(type(part)):
            if keys or field.name != "params":
                yield from _strings(getattr(part, field.name), (*keys, field.encode_name), field.type)
    elif isinstance(part, Mapping):
        for name, value in part.items():
            yield from _strings(value, (*keys, name), kind)
    elif isinstance(part, list):
        for number, value in enumerate(part):
            yield from _strings(value, (*keys, number), kind)
    elif isinstance(part, str):
        yield part, keys, kind


def _wanted(keys: _Keys) -> str:
    """Return the type that a text must be the placeholder of; empty if the text can be any."""
    match keys:
        case ("sources", _, "filters" | "each"):
            return "mapping"
        case ("sources", _, "each", _):
            return "list"
    return ""


def _wrong_kind(text: str, keys: _Keys, wanted: str) -> str:
    return f"{key_text(keys)} is {text!r}; it must be a {wanted}, or the placeholder of a param of the type {wanted}"


def _allows_list(kind: Any) -> bool:
    arguments = getattr(kind, "__args__", ())
    return getattr(kind, "__origin__", None) is list or any(_allows_list(part) for part in arguments)


def texts_in(value: Any) -> Iterator[str]:
    """Yield the texts in a value: a text, or the texts of a list or mapping."""
    if isinstance(value, str):
        yield value
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for item in items:
        yield from texts_in(item)
