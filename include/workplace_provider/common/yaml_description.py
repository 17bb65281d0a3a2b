"""Descriptions in YAML. An error names the file, line and key, the valid values, and the closest match."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, Union, get_args, get_origin

import yaml

_TYPE_NAMES: Final = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "null": "empty",
    "object": "a mapping",
    "str": "a text",
}


class YamlMapping(dict[Any, Any]):
    """A mapping with the line number of each key in its file."""

    lines: dict[Any, int]


class _Loader(yaml.SafeLoader):
    """A YAML loader for which a duplicate key is an error; otherwise the last one would win silently."""


# The parser in C is five times as fast. Where PyYAML was built without it, the one in Python does.
class _FastLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same loader on the parser in C."""


def _mapping(loader: Any, node: yaml.MappingNode) -> Iterator[YamlMapping]:
    mapping = YamlMapping()
    mapping.lines = {}
    yield mapping
    lines: dict[Any, int] = {}
    for key_node, _ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        key, line = loader.construct_object(key_node, deep=True), key_node.start_mark.line + 1
        if isinstance(key, list | dict):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a text", key_node.start_mark)
        if key in lines:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} is already in line {lines[key]}", key_node.start_mark
            )
        lines[key] = line
    loader.flatten_mapping(node)
    mapping.lines.update(lines)
    mapping.update(loader.construct_mapping(node, deep=True))


for _loader in (_Loader, _FastLoader):
    _loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read_yaml(path: Path, refusal: type[ValueError]) -> Any:
    """Return the content of a file.

    :param refusal: the error to raise
    :raises ValueError: (as ``refusal``) if the file cannot be read, or has a duplicate key
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise refusal(f"{path.name}: {error}") from error
    return read_yaml_text(text, path.name, refusal)


def read_yaml_text(text: str, where: str, refusal: type[ValueError]) -> Any:
    """Return the content of a text, as :func:`read_yaml` does for a file.

    :param where: name of the text in messages
    """
    try:
        return _parse(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise refusal(f"{where}{line}: {problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise refusal(f"{where}: {error}") from error


def _parse(text: str) -> Any:
    """Return the content of a YAML text, with :class:`YamlMapping` for mappings.

    :raises yaml.YAMLError: if the text is not valid, or has a duplicate key
    """
    try:
        return yaml.load(text, _FastLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError:
        # The parser in Python names the line more exactly.
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader


def key_text(keys: Sequence[Any]) -> str:
    """Return a path to a place in a file as people write it, such as ``checks[0].source``."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).removeprefix(".")


def line_of(plain: Any, *keys: Any) -> str:
    """Return the position of a key, such as ``, line 4``, by the path of keys to it; empty if it is unknown."""
    line = None
    for key in keys:
        if isinstance(plain, YamlMapping) and key in plain.lines:
            line = plain.lines[key]
        if isinstance(plain, Mapping):
            plain = plain.get(key)
        elif isinstance(plain, list) and isinstance(key, int) and key < len(plain):
            plain = plain[key]
            line = first_line(plain) or line
        else:
            plain = None
    return "" if line is None else f", line {line}"


def first_line(plain: Any) -> int | None:
    """Return the line where a mapping begins; ``None`` if it is unknown."""
    lines = plain.lines if isinstance(plain, YamlMapping) else {}
    return min(lines.values(), default=None)


def closest(name: Any, known: Iterable[str]) -> str:
    """Return the end of a sentence that suggests the closest known name: ``; did you mean 'scope'?``, or a full stop."""
    small = {name.lower(): str(name) for name in known}
    near = get_close_matches(str(name).lower(), list(small), 1, 0.6)
    return f"; did you mean {small[near[0]]!r}?" if near and small[near[0]] != name else "."


def check_keys(plain: Any, known: Iterable[str], where: str, refusal: type[ValueError], *, key: str = "") -> None:
    """Raise an error for a value that is not a mapping, or has an unknown key.

    :param where: name of the file in messages
    :param key: key of the value; empty for the whole file
    """
    known = tuple(known)
    names = ", ".join(known)
    if not isinstance(plain, Mapping):
        of = f"{key} is {plain!r}; it" if key else f"the file is {plain!r}; it"
        raise refusal(f"{where}: {of} must be a mapping with {names}")
    for name in plain:
        if name not in known:
            of = f"{key} has a key" if key else "there is a key"
            raise refusal(f"{where}{line_of(plain, name)}: {of} {name!r}{closest(name, known)} The keys are {names}")


def check_kind(
    part: Mapping[str, Any],
    kinds: Mapping[str, tuple[Sequence[str], Sequence[str]]],
    where: str,
    refusal: type[ValueError],
    *,
    key: str,
    noun: str,
    line: str = "",
) -> str:
    """Return the ``type`` of a part of a file, which decides its other keys.

    :param kinds: required and optional keys by type
    :param where: name of the file in messages
    :param key: key of the part
    :param noun: word for the part, such as ``target``
    :param line: line of the part, as :func:`line_of` returns it
    :raises ValueError: (as ``refusal``) for an unknown type, an unknown key, or a required key without a value
    """
    kind = part.get("type")
    if not isinstance(kind, str) or kind not in kinds:
        raise refusal(
            f"{where}{line_of(part, 'type') or line}: {key}.type is {kind!r}{closest(kind, kinds)} It must be one of "
            f"{', '.join(kinds)}"
        )
    needed, optional = kinds[kind]
    check_keys(part, ("type", *needed, *optional), where, refusal, key=f"{key} of type {kind}")
    for name in needed:
        if not part.get(name):
            raise refusal(f"{where}{line}: {key}.{name} is missing; a {noun} of type {kind} needs it")
    return kind


@cache
def fields_of(kind: Any) -> tuple[Any, ...]:
    """Return the fields of a structure. ``msgspec`` evaluates the annotations each time, which takes most of the reading."""
    import msgspec

    return msgspec.structs.fields(kind)


def converted(plain: Mapping[str, Any], kind: Any, where: str, refusal: type[ValueError], *, path: str = "") -> Any:
    """Return plain data as a type of ``msgspec``.

    :param where: name of the data in messages
    :param refusal: the error to raise
    :param path: key of the data, if it is a part of a file
    :raises ValueError: (as ``refusal``) if it does not match the type
    """
    import msgspec

    _check_shape(plain, kind, where, refusal, path)
    try:
        return msgspec.convert(_as_dicts(plain), kind)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at `$")
        key = place.strip("`.")
        keys = _keys(key)
        problem = _type_problem(plain, keys, problem)
        key = ".".join(filter(None, (path, key)))
        raise refusal(f"{where}{line_of(plain, *keys)}: {key}{problem}") from None


def _type_problem(plain: Any, keys: list[Any], problem: str) -> str:
    """Return the message of ``msgspec`` about a value of a wrong type with the value, in the words of this module."""
    match = re.fullmatch(r"Expected `([\w |]+)`(?:, got `\w+`| (>=|<=) (\S+))", problem)
    if match is None:
        return f": {problem}" if keys else problem
    for key in keys:
        try:
            plain = plain[key]
        except (LookupError, TypeError):
            break
    expected = " or ".join(_TYPE_NAMES.get(name.strip(), name.strip()) for name in match[1].split("|"))
    bound = {None: "", ">=": f" of at least {match[3]}", "<=": f" of at most {match[3]}"}[match[2]]
    return f" is {plain!r}; it must be {expected}{bound}"


def _keys(path: str) -> list[Any]:
    """Return the keys of a path such as ``list.paging`` or ``account.emails[0]``; ``[...]`` means any key."""
    parts = path.replace("[...]", "").replace("[", ".").replace("]", "").split(".")
    return [int(part) if part.isdigit() else part for part in parts if part]


def _as_dicts(plain: Any) -> Any:
    if isinstance(plain, Mapping):
        return {name: _as_dicts(value) for name, value in plain.items()}
    return [_as_dicts(value) for value in plain] if isinstance(plain, list) else plain


def _tag(kind: Any) -> str:
    """Return the key that identifies a type in a union; empty for none."""
    return str(kind.__struct_config__.tag_field or "")


def _check_shape(plain: Any, kind: Any, where: str, refusal: type[ValueError], path: str = "", line: str = "") -> None:
    """Raise an error for unknown keys and values, at any depth, that lists the valid ones."""
    import msgspec

    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        structs = [part for part in arguments if isinstance(part, type) and issubclass(part, msgspec.Struct)]
        if len(structs) > 1 and isinstance(plain, Mapping):
            # A tag selects one of several types; msgspec reports a missing or wrong tag.
            structs = [part for part in structs if plain.get(_tag(part)) == part.__struct_config__.tag]
        if len(structs) == 1 and isinstance(plain, Mapping):
            _check_shape(plain, structs[0], where, refusal, path, line)
        words = [part for part in arguments if get_origin(part) is Literal]
        if words and isinstance(plain, str) and str not in arguments:
            _check_shape(plain, words[0], where, refusal, path, line)
    elif origin is Literal:
        if plain not in arguments:
            names = ", ".join(map(str, arguments))
            raise refusal(
                f"{where}{line}: {path} is {plain!r}{closest(plain, map(str, arguments))} It must be one of {names}"
            )
    elif origin is dict and isinstance(plain, Mapping):
        for name, value in plain.items():
            _check_shape(value, arguments[1], where, refusal, f"{path}.{name}", line_of(plain, name) or line)
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(plain, Mapping):
        fields = {field.encode_name: field for field in fields_of(kind)}
        known = (*fields, *filter(None, [_tag(kind)]))
        check_keys(plain, known, f"{where}{'' if isinstance(plain, YamlMapping) else line}", refusal, key=path)
        for name, value in plain.items():
            place = f"{path}.{name}" if path else str(name)
            if name not in fields:
                continue
            _check_shape(value, fields[name].type, where, refusal, place, line_of(plain, name) or line)
