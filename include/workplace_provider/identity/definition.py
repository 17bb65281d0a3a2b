"""The definition of a sync in a YAML file: system, scope, mapping and policy."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from workplace_provider.common.yaml_description import YamlMapping, check_keys, check_kind, closest, line_of, read_yaml
from workplace_provider.identity.accounts import ACTIVE, EXTERNAL_ID, ID, USER_NAME
from workplace_provider.identity.directory import MemberKind, empty_mapping
from workplace_provider.identity.groups import GroupRule, MemberRule, MemberValues, check_names
from workplace_provider.identity.mapping import SCIM_MAPPING, AttributeMap, AttributeMapping
from workplace_provider.identity.passwords import SecretSource
from workplace_provider.identity.planning import check_match_on
from workplace_provider.identity.policy import SyncPolicy
from workplace_provider.identity.scope import Scope
from workplace_provider.identity.source_definition import check_source

KEYS: Final = (
    "name",
    "key",
    "target",
    "source",
    "schedule",
    "timezone",
    "scope",
    "mapping",
    "groups",
    "policy",
    "secrets",
    "reviewers",
    "retire",
)
TARGET_KEYS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "scim": (
        ("conn_id",),
        ("conn_ids", "attributes", "read", "bulk", "patch_style", "page_size", "members", "group_patch_style"),
    ),
    "rest": (("conn_id", "service"), ("conn_ids",)),
    "csv": (("path", "columns"), ("storage_conn_id",)),
    "json": (("path", "columns"), ("records", "storage_conn_id")),
    "yaml": (("path", "columns"), ("records", "storage_conn_id")),
}
"""Required and optional keys of a target, by its type."""
_MAP_KEYS: Final = tuple(field.name for field in fields(AttributeMap) if field.name != "target")
_SECONDS: Final = {"minutes": 60, "minute": 60, "hours": 3600, "hour": 3600, "days": 86400, "day": 86400}
NOT_IN_FILES: Final = ("retired",)
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "read": ("list", "lookup"),
    "bulk": ("auto", "never"),
    "patch_style": ("rfc", "entra", "put"),
    "members": ("list", "filter"),
    "group_patch_style": ("rfc", "entra", "put"),
}
Built = TypeVar("Built")


class DefinitionError(ValueError):
    """An invalid definition of a sync; the message names the file and the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncDefinition:
    """The definition of one sync.

    :param key: key of the sync's state: ``key`` of the file, or the file's name without extension
    :param name: the system's name in reports; empty for the name that the system itself has
    :param target: type and connection of the system
    :param secrets: connections whose passwords are the secrets, by the names of the secrets
    :param where: name of the definition in messages
    :param folder: folder of files that the definition names
    :param schedule: the keys of the schedule; the sync itself does not use them
    :param groups: the groups of the system whose members are managed
    :param reviewers: user names of Airflow who may approve a plan that a gate blocks; empty for all users with Airflow's
        permission to respond
    :param source: the source of the people; ``None`` for the directory of the task that syncs
    """

    key: str
    name: str
    target: Mapping[str, Any]
    scope: Scope
    mapping: AttributeMapping
    policy: SyncPolicy
    secrets: Mapping[str, str]
    where: str
    folder: Path
    schedule: Mapping[str, Any]
    reviewers: tuple[str, ...] = ()
    source: Mapping[str, Any] | None = None
    groups: tuple[GroupRule, ...] = ()

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that the scope and the rules name."""
        rules = [rule.members for rule in self.groups]
        for declared in self.mapping.maps:
            rules += declared.source.rules.values() if isinstance(declared.source, MemberValues) else ()
        return tuple(dict.fromkeys((*self.scope.channels, *(channel for rule in rules for channel in rule.channels))))

    def with_connection(self, conn_id: str | None) -> SyncDefinition:
        """Return the definition with another connection of its target, and a state of its own.

        :param conn_id: one of the target's ``conn_ids``; its ``conn_id`` or ``None`` for the definition itself
        :raises DefinitionError: the definition does not allow the connection
        """
        if not conn_id or conn_id == self.target.get("conn_id"):
            return self
        allowed = self.target.get("conn_ids", ())
        if conn_id not in allowed:
            raise DefinitionError(
                f"{self.where}: the target does not allow the connection {conn_id!r}. Its conn_ids are "
                f"{', '.join(allowed) or 'empty'}"
            )
        target = {**self.target, "conn_id": conn_id}
        name = f"{self.name} ({conn_id})" if self.name else ""
        # Accounts and links of another system must not be mixed with those of this one.
        return replace(self, key=f"{self.key}@{conn_id}", name=name, target=target)

    @property
    def system(self) -> str:
        """An id of the target, which does not depend on the name of the definition's file."""
        place = {name: self.target.get(name) for name in ("type", "conn_id", "service", "path") if name in self.target}
        return hashlib.sha256(json.dumps(place, sort_keys=True).encode()).hexdigest()[:16]


def load(path: Path) -> SyncDefinition:
    """Read a definition from a YAML file.

    :raises DefinitionError: it is invalid
    """
    return define(read_yaml(path, DefinitionError), key=path.stem, where=path.name, folder=path.parent)


def define(plain: Any, *, key: str, where: str, folder: Path) -> SyncDefinition:
    """Read a definition from plain data.

        define({"target": {"type": "scim", "conn_id": "portal"}}, key="portal", where="portal", folder=Path())

    :param key: key of the sync's state
    :param where: name of the definition in messages
    :param folder: folder of files that the definition names
    :raises DefinitionError: it is invalid
    """
    check_keys(plain, KEYS, where, DefinitionError)
    for name in ("name", "key"):
        if plain.get(name) is not None and (not isinstance(plain[name], str)):
            raise DefinitionError(f"{where}{line_of(plain, name)}: {name} is {plain[name]!r}; it must be a text")
    if not isinstance(plain.get("retire", False), bool):
        raise DefinitionError(f"{where}{line_of(plain, 'retire')}: retire is {plain['retire']!r}; it must be true or false")
    mapping = _attribute_mapping(_mapping_of(plain, "mapping", where), where)
    policy = _build(
        SyncPolicy,
        _mapping_of(plain, "policy", where),
        f"{where}{line_of(plain, 'policy')}",
        "policy",
        {"max_plan_age": _parse_duration, "delete_after": _parse_duration},
    )
    with _errors_at(f"{where}{line_of(plain, 'policy', 'match_on')}: policy"):
        check_match_on(mapping, policy)
    scope = _build(
        Scope,
        _mapping_of(plain, "scope", where),
        f"{where}{line_of(plain, 'scope')}",
        "scope",
        {"exclude": _parse_kinds, "admit": _parse_kinds},
    )
    return SyncDefinition(
        key=str(plain.get("key") or key),
        name=str(plain.get("name") or ""),
        target=_target(plain, where),
        scope=replace(scope, retired=True) if plain.get("retire") else scope,
        mapping=mapping,
        policy=policy,
        secrets=_secrets(plain, mapping, where),
        where=where,
        folder=folder,
        schedule={name: plain[name] for name in ("schedule", "timezone") if name in plain},
        reviewers=_reviewers(plain.get("reviewers"), f"{where}{line_of(plain, 'reviewers')}"),
        source=None if plain.get("source") is None else check_source(plain["source"], where, DefinitionError),
        groups=_groups(plain, where),
    )


MEMBER_KEYS: Final = ("groups", "channels", "include")
GROUP_KEYS: Final = (*MEMBER_KEYS, "adopt", "others", "grants_admin")


def _groups(plain: Mapping[str, Any], where: str) -> tuple[GroupRule, ...]:
    """Return the rules of groups: each either a list of groups of the directory, or a mapping of options."""
    declared = _mapping_of(plain, "groups", where)
    target = plain.get("target")
    if declared and isinstance(target, Mapping) and target.get("type") != "scim":
        raise DefinitionError(
            f"{where}{line_of(plain, 'groups')}: groups needs a target of type scim; a target of type "
            f"{target.get('type')} has no groups"
        )
    rules = tuple(_group(name, value, declared, where) for name, value in declared.items())
    with _errors_at(f"{where}{line_of(plain, 'groups')}"):
        check_names(rules)
    return rules


def _group(name: Any, value: Any, declared: Mapping[str, Any], where: str) -> GroupRule:
    place = f"{where}{line_of(declared, name)}"
    if not isinstance(name, str):
        raise DefinitionError(f"{place}: groups has the key {name!r}; the name of a group must be a text")
    options = _rule_options(value, GROUP_KEYS, place, f"groups.{name}")
    members = {key: options[key] for key in MEMBER_KEYS if key in options}
    rest = {key: item for key, item in options.items() if key not in members}
    for key in ("adopt", "grants_admin"):
        if key in rest and not isinstance(rest[key], bool):
            raise DefinitionError(f"{place}: groups.{name}.{key} is {rest[key]!r}; it must be true or false")
    with _errors_at(f"{place}: groups.{name}"):
        return GroupRule(name=name, members=_member_rule(members), **rest)


def _rule_options(value: Any, keys: Sequence[str], where: str, key: str) -> Mapping[str, Any]:
    """Return the options of a rule, which may be only a list of groups."""
    options: Any = {"groups": value} if isinstance(value, list) else value
    if not isinstance(options, Mapping):
        raise DefinitionError(f"{where}: {key} is {value!r}; it must be a list of groups, or a mapping")
    check_keys(options, tuple(keys), where.partition(", line ")[0], DefinitionError, key=key)
    return options


def _member_values(target: str, values: Any, where: str) -> MemberValues:
    """Return the values of an attribute such as roles, with their rules."""
    if not isinstance(values, Mapping) or not values or not all(isinstance(value, str) for value in values):
        raise DefinitionError(
            f"{where}: mapping.{target}.values is {values!r}; it must map each value to a rule, such as {{agent: [support]}}"
        )
    rules: dict[str, MemberRule] = {}
    for value, rule in values.items():
        place, key = f"{where.partition(', line ')[0]}{line_of(values, value)}", f"mapping.{target}.values.{value}"
        options = _rule_options(rule, MEMBER_KEYS, place, key)
        with _errors_at(f"{place}: {key}"):
            rules[value] = _member_rule(options)
    return MemberValues(rules)


def _member_rule(plain: Mapping[str, Any]) -> MemberRule:
    """Return the rule for the members of a group, or for the people with a right.

    :raises ValueError: it is invalid
    """
    if not plain:
        raise ValueError("it has no rule. Add groups: [HANDLE], or include: an expression ('true' for everyone in scope)")
    for name in ("groups", "channels"):
        if name in plain and not _is_text_list(plain[name]):
            raise ValueError(f"{name} is {plain[name]!r}; it must be a list of names or ids")
    if "include" in plain and not isinstance(plain["include"], str):
        raise ValueError(f"include is {plain['include']!r}; it must be an expression as a text, such as 'true'")
    return MemberRule(**plain)


def _reviewers(value: Any, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(name, str) and name.strip() for name in value):
        raise DefinitionError(f"{where}: reviewers is {value!r}; it must be a list of user names of Airflow")
    return tuple(name.strip() for name in value)


def _target(plain: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """Return the target, after checking its keys and values."""
    target = plain.get("target")
    if not isinstance(target, Mapping):
        raise DefinitionError(
            f"{where}{line_of(plain, 'target')}: target is {'missing' if target is None else repr(target)}. Name the "
            "system, such as target: {type: scim, conn_id: …}"
        )
    line = line_of(plain, "target")
    check_kind(target, TARGET_KEYS, where, DefinitionError, key="target", noun="target", line=line)
    for name, value in target.items():
        _check_target_value(name, value, f"{where}{line_of(plain, 'target', name)}")
    return target


def _check_target_value(name: str, value: Any, where: str) -> None:
    allowed = _WORDS.get(name)
    if allowed is not None and value not in allowed:
        raise DefinitionError(
            f"{where}: target.{name} is {value!r}{closest(value, allowed)} It must be one of {', '.join(allowed)}"
        )
    if name == "columns":
        _check_columns(value, where)
    elif name in ("attributes", "conn_ids"):
        _check_type(value, "tuple[str, ...]", f"{where}: target.{name}")
    elif name == "page_size":
        _check_type(value, "int", f"{where}: target.{name}")
    elif not isinstance(value, str):
        raise DefinitionError(f"{where}: target.{name} is {value!r}; it must be a text")


def _check_columns(columns: Any, where: str) -> None:
    if not isinstance(columns, Mapping) or not all(isinstance(text, str) for pair in columns.items() for text in pair):
        raise DefinitionError(
            f"{where}: target.columns is {columns!r}; it must map each column to an attribute (YAML reads on, yes and no as "
            "booleans: write them in quotes)"
        )
    attributes = list(columns.values())
    for needed in (ID, EXTERNAL_ID, USER_NAME, ACTIVE):
        if needed not in attributes:
            raise DefinitionError(f"{where}: target.columns has no column for {needed}{closest(needed, attributes)}")
    duplicate = next((name for name in attributes if attributes.count(name) > 1), None)
    if duplicate is not None:
        raise DefinitionError(f"{where}: target.columns has two columns for {duplicate}")


def _secrets(plain: Mapping[str, Any], mapping: AttributeMapping, where: str) -> dict[str, str]:
    """Return the connections of the secrets that the mapping names."""
    connections = _mapping_of(plain, "secrets", where)
    used = [name for declared in mapping.maps if declared.secret and (name := SecretSource.of(str(declared.source)).name)]
    for name, conn_id in connections.items():
        line = line_of(plain, "secrets", name)
        # Without any used secret, the others may be leftovers. Otherwise, an unused secret is a misspelt one.
        if used and name not in used:
            raise DefinitionError(
                f"{where}{line}: secrets.{name} is not used{closest(name, used)} The mapping uses {', '.join(used)}"
            )
        if not isinstance(conn_id, str) or not conn_id:
            raise DefinitionError(f"{where}{line}: secrets.{name} is {conn_id!r}; it must be the id of a connection")
    for name in used:
        if name not in connections:
            raise DefinitionError(
                f"{where}{line_of(plain, 'mapping')}: the mapping uses the secret {name}{closest(name, connections)} Add "
                f"the connection whose password it is, such as secrets: {{{name}: CONN_ID}}"
            )
    return {str(name): str(conn_id) for name, conn_id in connections.items()}


def _attribute_mapping(plain: Mapping[str, Any], where: str) -> AttributeMapping:
    """Return the mapping; the default one if there is none."""
    if not plain:
        return AttributeMapping(SCIM_MAPPING)
    maps = [_attribute_map(target, value, plain, where) for target, value in plain.items()]
    with _errors_at(f"{where}{line_of(plain)}: mapping"):
        return AttributeMapping(maps)


def _attribute_map(target: Any, value: Any, plain: Mapping[str, Any], where: str) -> AttributeMap:
    """Return one attribute of the mapping: either only its source, or a mapping of options."""
    place = f"{where}{line_of(plain, target)}"
    if not isinstance(target, str):
        raise DefinitionError(f"{place}: mapping has the key {target!r}; the name of an attribute must be a text")
    options = {"source": value}
    if isinstance(value, Mapping):
        renamed = _rename_on(value)
        check_where = where if isinstance(value, YamlMapping) else place
        check_keys(renamed, (*_MAP_KEYS, "values"), check_where, DefinitionError, key=f"mapping.{target}")
        options = dict(renamed)
        if "values" in options:
            if "source" in options:
                raise DefinitionError(f"{place}: mapping.{target} has source and values; it must have one of them")
            options["source"] = _member_values(target, options.pop("values"), place)
    _check_options(target, options, place)
    # Attributes are checked one by one, so that an error has its line.
    with _errors_at(f"{place}: mapping"):
        return AttributeMapping([AttributeMap(target, **options)]).maps[0]


def _check_options(target: str, options: Mapping[str, Any], where: str) -> None:
    if not isinstance(options.get("source"), str | MemberValues):
        raise DefinitionError(
            f"{where}: mapping.{target}: source is {options.get('source')!r}; it must be a text such as email|lower"
        )
    for name in ("required", "secret", "ignore_case", "allow_constant_secret", "grants_admin"):
        if name in options and not isinstance(options[name], bool):
            raise DefinitionError(f"{where}: mapping.{target}.{name} is {options[name]!r}; it must be true or false")
    if "allow" in options and not isinstance(options["allow"], list):
        raise DefinitionError(f"{where}: mapping.{target}.allow is {options['allow']!r}; it must be a list of values")


def _rename_on(options: Mapping[Any, Any]) -> YamlMapping:
    """Return a mapping with the key ``on``, which YAML 1.1 reads as true."""
    renamed = YamlMapping({"on" if name is True else name: value for name, value in options.items()})
    lines = options.lines if isinstance(options, YamlMapping) else {}
    renamed.lines = {"on" if name is True else name: line for name, line in lines.items()}
    return renamed


def _build(
    kind: Callable[..., Built], plain: Mapping[str, Any], where: str, key: str, parsers: Mapping[str, Callable[[Any], Any]]
) -> Built:
    """Return a scope or a policy from its part of a definition.

    :param parsers: functions that parse the values of some fields
    """
    file = where.partition(", line ")[0]
    known = {field.name: field for field in fields(kind) if field.init and field.name not in NOT_IN_FILES}  # type: ignore[arg-type]
    check_keys(plain, tuple(known), file, DefinitionError, key=key)
    values: dict[str, Any] = {}
    for name, value in plain.items():
        place = f"{file}{line_of(plain, name)}: {key}.{name}"
        if parse := parsers.get(name):
            try:
                values[name] = value if value is None else parse(value)
            except ValueError as error:
                raise DefinitionError(f"{place} is {value!r}; {error}") from None
        else:
            _check_type(value, str(known[name].type), place)
            values[name] = value
        # Fields are checked one by one, so that an error has its line.
        with _errors_at(f"{file}{line_of(plain, name)}: {key}"):
            kind(**{name: values[name]})
    with _errors_at(f"{where}: {key}"):
        return kind(**values)


def _check_type(value: Any, kind: str, where: str) -> None:
    """Refuse a value of another type: ``guests: "no"`` would be true, and ``rate: 10`` has no unit.

    :param kind: the type as it is written in the class
    """
    kinds = kind.split(" | ")
    if value is None and "None" in kinds:
        return
    if kind.startswith("Literal["):
        words = [part.strip().strip("\"'") for part in kind.removeprefix("Literal[").removesuffix("]").split(",")]
        if value not in words:
            raise DefinitionError(f"{where} is {value!r}{closest(value, words)} It must be one of {', '.join(words)}")
        return
    for type_name, is_valid, wanted in _TYPES:
        if type_name in kinds or kind.startswith(f"{type_name}["):
            if not is_valid(value):
                raise DefinitionError(f"{where} is {value!r}; it must be {wanted}")
            return


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or _is_whole(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_text_list(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) and item.strip() for item in value)


# The first type of an annotation such as "int | None" that is in this table decides.
_TYPES: Final = (
    ("bool", _is_boolean, "true or false"),
    ("int", _is_whole, "a whole number"),
    ("float", _is_number, "a number"),
    ("tuple", _is_text_list, "a list of texts"),
    ("str", _is_text, "a text"),
)


@contextmanager
def _errors_at(where: str) -> Iterator[None]:
    """Raise a ``DefinitionError`` with the place for an error in the block."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise DefinitionError(f"{where}: {error}") from error


def _mapping_of(plain: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    value = plain.get(name)
    if value is None:
        return empty_mapping()
    if not isinstance(value, Mapping):
        raise DefinitionError(f"{where}{line_of(plain, name)}: {name} is {value!r}; it must be a mapping")
    return value


def _parse_kinds(value: Any) -> frozenset[MemberKind]:
    known = ", ".join(MemberKind)
    if not isinstance(value, list):
        raise ValueError(f"it must be a list of {known}")
    for kind in value:
        if kind not in set(MemberKind):
            raise ValueError(f"unknown kind {kind!r}{closest(kind, MemberKind)} It must be a list of {known}")
    return frozenset(map(MemberKind, value))


def _parse_duration(value: Any) -> timedelta:
    match = re.fullmatch(r"\s*(\d+)\s*(\w+)\s*", str(value))
    if not match or match[2] not in _SECONDS:
        raise ValueError("it must be a duration such as 30 days or 12 hours")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
