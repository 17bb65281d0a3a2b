"""The reference of every key of a sync's definition and of a service's description, from the code that reads them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import timedelta
from inspect import getdoc
from typing import Any, Final, get_args

import msgspec

from workplace_provider.identity.definition import GROUP_KEYS, KEYS, MEMBER_KEYS, NOT_IN_FILES, TARGET_KEYS
from workplace_provider.identity.groups import GroupRule, MemberRule
from workplace_provider.identity.mapping import AttributeMap
from workplace_provider.identity.policy import SyncPolicy
from workplace_provider.identity.scope import Scope
from workplace_provider.identity.source_definition import SOURCE_KEYS
from workplace_provider.identity.targets import description as service

DEFINITION: Final[Mapping[str, str]] = {
    "name": "the system's name in reports; by default the name that the system has",
    "key": "key of the sync's state; by default the file's name without extension",
    "target": "the system with the accounts",
    "source": "the people, if they do not come from the workspace of the DAG",
    "schedule": "`snapshot` (default), a cron expression, or `{asset: NAME}`",
    "timezone": "time zone of a cron expression, such as `Asia/Seoul`; by default UTC",
    "scope": "the people who get an account",
    "mapping": "the sources of attributes; by default those of most SCIM services",
    "groups": "groups of a SCIM target and their members",
    "policy": "rules and limits of a run",
    "secrets": "connections whose passwords are the secrets of the mapping, by the names of the secrets",
    "reviewers": "user names of Airflow who may approve a plan that a gate blocks",
    "retire": "`true` removes all people from the scope",
}
TARGET: Final[Mapping[str, str]] = {
    "conn_id": "the Airflow connection: of type `scim`, or of type `http` for a described service",
    "conn_ids": "other connections that a run may choose; each has a state of its own",
    "service": "file with the description of a REST service, relative to the definition's folder",
    "attributes": "attributes to read and write; by default those of the mapping",
    "read": "`list` (default) reads all users, `lookup` looks them up one by one",
    "bulk": "`auto` (default) uses Bulk if the service supports it; `never`",
    "patch_style": "form of changes: `rfc` (default), `entra`, or `put` to replace users",
    "page_size": "users per request",
    "members": "how members of groups are read: `list` with the groups, or `filter` by user",
    "group_patch_style": "`patch_style` of groups, if it differs",
    "path": "the file, relative to the definition's folder, or an object-storage URL",
    "columns": "the attribute of each column or key; `id`, `externalId`, `userName` and `active` are required",
    "records": "keys to the list of accounts, separated by dots; by default the file is the list",
    "storage_conn_id": "Airflow connection of the object store",
}
SOURCE: Final[Mapping[str, str]] = {
    "conn_id": "the Airflow connection, of type `slack` or `scim`",
    "team_id": "workspace; required for a token of an Enterprise organization",
    "profile_fields": "labels or ids of custom profile fields, by the names of the attributes that they become",
    "max_profile_reads": "profiles to read in one run; by default 1000",
    "name": "part of the marks of accounts, such as `file:NAME:1001`; for `scim`, the connection's id by default",
    "path": "the file, relative to the definition's folder, or an object-storage URL",
    "columns": "the field of a person for each column or key; `key` is required",
    "storage_conn_id": "Airflow connection of the object store",
    "format": "`csv`, `json` or `jsonl`; by default the extension of the file",
    "active_values": "values of the column `active` that mean that a person is active; by default `true`, `yes`, `on`, `1`",
    "sources": "the sources to merge, the preferred one first",
    "by": "the field that is equal for one person: `email` (default), `user_name` or `attributes.NAME`",
    "agree": "fields that must be equal in all sources; otherwise the person is a conflict",
}
_PARAM: Final = re.compile(r"^:param (\w+): (.*?)(?=^:|\Z)", re.MULTILINE | re.DOTALL)
_INTRODUCTION: Final = """\
# Reference of account syncs

All keys of the files in `include/identity`; [Account sync](identity.md) has the explanations. `workplace identity reference`
prints this page from the code that reads the files, and a test compares both."""


@dataclass(frozen=True, slots=True)
class _Key:
    """A row of the reference."""

    name: str
    kind: str
    default: str
    text: str


def identity_reference() -> str:
    """Return the reference as Markdown."""
    return "\n\n".join((_INTRODUCTION, *_definition_sections(), *_service_sections())) + "\n"


def _definition_sections() -> Iterator[str]:
    yield "## Definition of a sync\n\n" + _plain_table((key, "", DEFINITION[key]) for key in KEYS)
    yield "### target\n\n" + _typed_tables(TARGET_KEYS, TARGET)
    yield "### source\n\n" + _typed_tables(SOURCE_KEYS, SOURCE)
    yield "### scope\n\n" + _table(_keys_of(Scope, lambda name: name not in NOT_IN_FILES))
    yield (
        "### mapping\n\nFor each attribute its source, or these keys; `values` maps each value of an attribute "
        "to a [rule](#rules).\n\n" + _table(_keys_of(AttributeMap, lambda name: name != "target"))
    )
    group_keys = _keys_of(GroupRule, lambda name: name in GROUP_KEYS)
    yield (
        "### groups\n\nFor each group a list of groups of the directory, or a [rule](#rules) with these keys.\n\n"
        + _table(group_keys)
    )
    yield "### Rules\n\n" + _table(_keys_of(MemberRule, lambda name: name in MEMBER_KEYS))
    yield "### policy\n\n" + _table(_keys_of(SyncPolicy, lambda _: True))


def _service_sections() -> Iterator[str]:
    structs = (
        ("## Description of a REST service", service.Description),
        ("### account", service.AccountFields),
        ("### account.active and account.admin", service.ValueTest),
        ("### find, create, update, enable, disable, delete", service.Endpoint),
        ("### list", service.ListEndpoint),
        ("### list.paging", service.Paging),
        ("### error", service.ErrorFields),
    )
    for title, struct in structs:
        yield f"{title}\n\n{_first_line(struct)}\n\n" + _table(_keys_of(struct, lambda _: True))


def _typed_tables(keys: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]], texts: Mapping[str, str]) -> str:
    """Return a table for each type of a target or a source."""
    parts: list[str] = []
    for kind, (needed, optional) in keys.items():
        rows = [(key, "required" if key in needed else "", texts[key]) for key in (*needed, *optional)]
        parts.append(f"`type: {kind}`\n\n" + _plain_table(rows))
    return "\n\n".join(parts)


def _plain_table(rows: Iterable[tuple[str, str, str]]) -> str:
    lines = [f"| `{key}` | {need} | {text} |" for key, need, text in rows]
    return "\n".join(["| key | | meaning |", "|---|---|---|", *lines])


def _table(keys: Iterable[_Key]) -> str:
    lines = [f"| `{key.name}` | {key.kind} | {key.default} | {key.text} |" for key in keys]
    return "\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *lines])


def _keys_of(kind: Any, is_key: Callable[[str], bool]) -> list[_Key]:
    """Return the keys of a class: its fields, with the texts of its docstring and those of its base."""
    texts = {**_parameters(kind.__mro__[1]), **_parameters(kind)}
    if is_dataclass(kind):
        return [
            _Key(field.name, _kind(str(field.type)), _default(field), _cell(texts.get(field.name, "")))
            for field in fields(kind)
            if field.init and is_key(field.name)
        ]
    return [
        _Key(field.encode_name, _kind(_annotation(kind, field.name)), _default(field), _cell(texts.get(field.name, "")))
        for field in msgspec.structs.fields(kind)
        if is_key(field.name)
    ]


def _annotation(kind: Any, name: str) -> str:
    return next(str(base.__annotations__[name]) for base in kind.__mro__ if name in getattr(base, "__annotations__", {}))


def _parameters(kind: Any) -> dict[str, str]:
    """Return the texts of a docstring's parameters."""
    return {name: " ".join(text.split()) for name, text in _PARAM.findall(getdoc(kind) or "")}


def _first_line(kind: Any) -> str:
    return _cell((getdoc(kind) or "").splitlines()[0])


def _cell(text: str) -> str:
    return re.sub(r":\w+:`~?([^`]*)`", r"`\1`", text).replace("``", "`").replace("|", "\\|")


def _kind(annotation: str) -> str:
    """Return a type in the words of YAML."""
    words = [_word(part) for part in annotation.split(" | ") if not part.startswith("Callable") and part != "None"]
    return " or ".join(dict.fromkeys(words))


_WORDS: Final = {
    "str": "text",
    "Source": "text",
    "int": "whole number",
    "Size": "whole number",
    "float": "number",
    "bool": "true or false",
    "Any": "any",
    "Method": ", ".join(f"`{method}`" for method in get_args(service.Method)),
    "Statuses": "list of statuses",
    "timedelta": "duration",
    "AccountFields": "mapping",
    "ListEndpoint": "request",
    "Endpoint": "request",
    "Paging": "mapping",
    "ErrorFields": "mapping",
    "ValueTest": "mapping",
    "MemberRule": "rule",
}


def _word(annotation: str) -> str:
    if annotation.startswith("Literal["):
        choices = annotation.removeprefix("Literal[").removesuffix("]").replace('"', "").replace("'", "").split(", ")
        return ", ".join(f"`{choice}`" for choice in choices)
    if annotation.startswith(("tuple[", "list[", "frozenset[")):
        return "list"
    if annotation.startswith(("dict[", "Mapping[")):
        return "mapping"
    return _WORDS.get(annotation, annotation)


def _default(field: Any) -> str:
    """Return the default of a field; ``required`` if there is none."""
    missing = (MISSING, msgspec.NODEFAULT)
    default, factory = field.default, field.default_factory
    if default in missing and factory in missing:
        return "required"
    value = factory() if default in missing else default
    if value is None or value == "" or value == () or value == {} or value == [] or value == frozenset():
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, timedelta):
        return f"`{int(value.total_seconds() // 3600)} hours`"
    if isinstance(value, list | tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value}`" if isinstance(value, str | int | float) else ""
