"""What one sync does, as a team writes it into a file: which system, who gets an account, what is in it, how far it goes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from workplace_provider.common.yaml_description import YamlMapping, check_keys, closest, line_of, read_yaml
from workplace_provider.identity.accounts import ACTIVE, EXTERNAL_ID, ID, USER_NAME
from workplace_provider.identity.directory import MemberKind, empty_mapping
from workplace_provider.identity.mapping import SCIM_MAPPING, AttributeMap, AttributeMapping
from workplace_provider.identity.passwords import SecretSource
from workplace_provider.identity.planning import check_match_on
from workplace_provider.identity.policy import SyncPolicy
from workplace_provider.identity.scope import Scope

_KEYS: Final = (
    "name",
    "key",
    "target",
    "schedule",
    "timezone",
    "scope",
    "mapping",
    "policy",
    "secrets",
    "reviewers",
    "retire",
)
TARGET_KEYS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "scim": (("conn_id",), ("attributes", "read", "bulk", "patch_style", "page_size")),
    "rest": (("conn_id", "service"), ()),
    "csv": (("path", "columns"), ("storage_conn_id",)),
}
"""Keys of a target by its type: those that it needs, and others."""
_MAP_KEYS: Final = tuple(field.name for field in fields(AttributeMap) if field.name != "target")
_SECONDS: Final = {"minutes": 60, "minute": 60, "hours": 3600, "hour": 3600, "days": 86400, "day": 86400}
_NOT_IN_FILES: Final = ("retired",)
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "read": ("list", "lookup"),
    "bulk": ("auto", "never"),
    "patch_style": ("rfc", "entra", "put"),
}
Made = TypeVar("Made")


class DefinitionError(ValueError):
    """A definition of a sync that cannot be used; the message names file and key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncDefinition:
    """One sync.

    :param key: what the sync's memory is kept under: ``key`` of the file, or else its name without extension
    :param name: the system's name in reports; empty for its own
    :param target: which system it is, and how it is reached
    :param secrets: names of secrets to the Airflow connections whose passwords they are
    :param where: what the definition is called in messages
    :param folder: where files are that the definition names
    :param schedule: when it runs, as it is written; what becomes of that is the scheduler's matter, not the sync's
    :param reviewers: user names of Airflow who may approve a plan that a gate stops; empty for everybody whom Airflow's
        permissions let answer
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

    @property
    def system(self) -> str:
        """Tells the target from others, whatever the definition's file is called."""
        place = {name: self.target.get(name) for name in ("type", "conn_id", "service", "path") if name in self.target}
        return hashlib.sha256(json.dumps(place, sort_keys=True).encode()).hexdigest()[:16]


def load(path: Path) -> SyncDefinition:
    """Read a definition from a YAML file.

    :raises DefinitionError: it cannot be used
    """
    return define(read_yaml(path, DefinitionError), key=path.stem, where=path.name, folder=path.parent)


def define(plain: Any, *, key: str, where: str, folder: Path) -> SyncDefinition:
    """Read a definition from plain data.

    :param key: what the sync's memory is kept under
    :param where: what the definition is called in messages
    :param folder: where files are that the definition names
    :raises DefinitionError: it cannot be used
    """
    check_keys(plain, _KEYS, where, DefinitionError)
    for name in ("name", "key"):
        if plain.get(name) is not None and (not isinstance(plain[name], str)):
            raise DefinitionError(f"{where}{line_of(plain, name)}: {name} is {plain[name]!r}; it must be a text")
    if not isinstance(plain.get("retire", False), bool):
        raise DefinitionError(f"{where}{line_of(plain, 'retire')}: retire is {plain['retire']!r}; it must be true or false")
    mapping = _attribute_mapping(_mapping_of(plain, "mapping", where), where)
    policy = _made(
        SyncPolicy,
        _mapping_of(plain, "policy", where),
        f"{where}{line_of(plain, 'policy')}",
        "policy",
        {"max_plan_age": _span, "delete_after": _span},
    )
    _checked(lambda: check_match_on(mapping, policy), f"{where}{line_of(plain, 'policy', 'match_on')}: policy")
    scope = _made(
        Scope,
        _mapping_of(plain, "scope", where),
        f"{where}{line_of(plain, 'scope')}",
        "scope",
        {"exclude": _kinds, "admit": _kinds},
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
    )


def _reviewers(value: Any, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(name, str) and name.strip() for name in value):
        raise DefinitionError(f"{where}: reviewers is {value!r}; it must be a list of user names of Airflow")
    return tuple(name.strip() for name in value)


def _target(plain: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """Return which system it is, with no key missing and none too many."""
    target = plain.get("target")
    if not isinstance(target, Mapping):
        raise DefinitionError(
            f"{where}{line_of(plain, 'target')}: target is {'missing' if target is None else repr(target)}: say which "
            "system, such as target: {type: scim, conn_id: …}"
        )
    place = f"{where}{line_of(plain, 'target')}"
    kind = target.get("type")
    if not isinstance(kind, str) or kind not in TARGET_KEYS:
        raise DefinitionError(
            f"{where}{line_of(plain, 'target', 'type')}: target.type is {kind!r}{closest(kind, TARGET_KEYS)} It must be "
            f"one of {', '.join(TARGET_KEYS)}"
        )
    needed, optional = TARGET_KEYS[kind]
    check_keys(target, ("type", *needed, *optional), where, DefinitionError, key=f"target of type {kind}")
    for name in needed:
        if not target.get(name):
            raise DefinitionError(f"{place}: target.{name} is missing, which a target of type {kind} needs")
    for name, value in target.items():
        line = line_of(plain, "target", name)
        allowed = _WORDS.get(name)
        if allowed is not None and value not in allowed:
            raise DefinitionError(
                f"{where}{line}: target.{name} is {value!r}{closest(value, allowed)} It must be one of {', '.join(allowed)}"
            )
        if name == "columns":
            _check_columns(value, f"{where}{line}")
        elif name == "attributes":
            _check_type(value, "tuple[str, ...]", f"{where}{line}: target.{name}")
        elif name == "page_size":
            _check_type(value, "int", f"{where}{line}: target.{name}")
        elif not isinstance(value, str):
            raise DefinitionError(f"{where}{line}: target.{name} is {value!r}; it must be a text")
    return target


def _check_columns(columns: Any, where: str) -> None:
    if not isinstance(columns, Mapping) or not all(isinstance(each, str) for pair in columns.items() for each in pair):
        raise DefinitionError(
            f"{where}: target.columns is {columns!r}; it must map each column to an attribute (YAML reads on, yes and no as "
            "truth values: write them in quotes)"
        )
    attributes = list(columns.values())
    for needed in (ID, EXTERNAL_ID, USER_NAME, ACTIVE):
        if needed not in attributes:
            raise DefinitionError(f"{where}: target.columns has no column for {needed}{closest(needed, attributes)}")
    twice = next((each for each in attributes if attributes.count(each) > 1), None)
    if twice is not None:
        raise DefinitionError(f"{where}: target.columns has two columns for {twice}")


def _secrets(plain: Mapping[str, Any], mapping: AttributeMapping, where: str) -> dict[str, str]:
    """Return the secrets that the mapping names, with the connections that have them."""
    given = _mapping_of(plain, "secrets", where)
    named = [name for each in mapping.maps if each.secret and (name := SecretSource.of(str(each.source)).name)]
    for name, conn_id in given.items():
        line = line_of(plain, "secrets", name)
        # A mapping without secrets may have had some; among others, one that is not used is a misspelt one.
        if named and name not in named:
            raise DefinitionError(
                f"{where}{line}: secrets.{name} is not used{closest(name, named)} The mapping uses {', '.join(named)}"
            )
        if not isinstance(conn_id, str) or not conn_id:
            raise DefinitionError(f"{where}{line}: secrets.{name} is {conn_id!r}; it must be the id of a connection")
    for name in named:
        if name not in given:
            raise DefinitionError(
                f"{where}{line_of(plain, 'mapping')}: the mapping uses the secret {name}{closest(name, given)} Say under "
                f"secrets which connection's password it is, such as secrets: {{{name}: CONN_ID}}"
            )
    return {str(name): str(conn_id) for name, conn_id in given.items()}


def _attribute_mapping(plain: Mapping[str, Any], where: str) -> AttributeMapping:
    """Attributes to their sources, where a source may say more; what most systems want when there are none."""
    if not plain:
        return AttributeMapping(SCIM_MAPPING)
    maps: list[AttributeMap] = []
    for target, given in plain.items():
        line = line_of(plain, target)
        place = f"{where}{line}"
        if not isinstance(target, str):
            raise DefinitionError(f"{place}: mapping has the key {target!r}; the name of an attribute must be a text")
        declared = dict(given) if isinstance(given, Mapping) else {"source": given}
        if True in declared:  # YAML 1.1 reads the key on: as true
            declared["on"] = declared.pop(True)
        if isinstance(given, Mapping):
            check_keys(
                _named(given),
                _MAP_KEYS,
                place if not isinstance(given, YamlMapping) else where,
                DefinitionError,
                key=f"mapping.{target}",
            )
        if not isinstance(declared.get("source"), str):
            raise DefinitionError(
                f"{place}: mapping.{target}: source is {declared.get('source')!r}; it must be a text such as email|lower"
            )
        for name in ("required", "secret", "ignore_case", "allow_constant_secret", "grants_admin"):
            if name in declared and not isinstance(declared[name], bool):
                raise DefinitionError(f"{place}: mapping.{target}.{name} is {declared[name]!r}; it must be true or false")
        if "allow" in declared and not isinstance(declared["allow"], list):
            raise DefinitionError(f"{place}: mapping.{target}.allow is {declared['allow']!r}; it must be a list of values")
        # One by one, so that an error in a source is reported with its line.
        maps.append(_checked(lambda: AttributeMapping([AttributeMap(target, **declared)]).maps[0], f"{place}: mapping"))  # noqa: B023 - called at once
    return _checked(lambda: AttributeMapping(maps), f"{where}{line_of(plain)}: mapping")


def _named(given: Mapping[Any, Any]) -> YamlMapping:
    """Return the mapping with ``on`` by its name, which YAML 1.1 reads as true."""
    named = YamlMapping({"on" if name is True else name: value for name, value in given.items()})
    lines = given.lines if isinstance(given, YamlMapping) else {}
    named.lines = {"on" if name is True else name: line for name, line in lines.items()}
    return named


def _made(
    kind: Callable[..., Made], plain: Mapping[str, Any], where: str, key: str, readers: Mapping[str, Callable[[Any], Any]]
) -> Made:
    file = where.partition(", line ")[0]
    known = {field.name: field for field in fields(kind) if field.init and field.name not in _NOT_IN_FILES}  # type: ignore[arg-type]
    check_keys(plain, tuple(known), file, DefinitionError, key=key)
    values: dict[str, Any] = {}
    for name, value in plain.items():
        place = f"{file}{line_of(plain, name)}: {key}.{name}"
        if read := readers.get(name):
            try:
                values[name] = value if value is None else read(value)
            except ValueError as error:
                raise DefinitionError(f"{place} is {value!r}; {error}") from None
        else:
            _check_type(value, str(known[name].type), place)
            values[name] = value
        # One by one, so that what is wrong is reported with its line.
        _checked(lambda: kind(**{name: values[name]}), f"{file}{line_of(plain, name)}: {key}")  # noqa: B023 - called at once
    return _checked(lambda: kind(**values), f"{where}: {key}")


def _check_type(value: Any, kind: str, where: str) -> None:
    """YAML knows types, and what has another one is a mistake: ``guests: "no"`` would be true, ``rate: 10`` has no unit.

    :param kind: the type as it is written in the class
    """
    kinds = kind.split(" | ")
    if value is None and "None" in kinds:
        return
    words: tuple[str, ...] = ()
    if kind.startswith("Literal["):
        words = tuple(part.strip().strip("\"'") for part in kind.removeprefix("Literal[").removesuffix("]").split(","))
        good, wanted = value in words, f"one of {', '.join(words)}"
    elif "bool" in kinds:
        good, wanted = isinstance(value, bool), "true or false"
    elif "int" in kinds:
        good, wanted = isinstance(value, int) and not isinstance(value, bool), "a whole number"
    elif "float" in kinds:
        good, wanted = isinstance(value, int | float) and not isinstance(value, bool), "a number"
    elif kind.startswith("tuple[str"):
        good = isinstance(value, list | tuple) and all(isinstance(each, str) and each.strip() for each in value)
        wanted = "a list of texts"
    elif "str" in kinds:
        good, wanted = isinstance(value, str), "a text"
    else:
        return
    if not good:
        hint = closest(value, words) if words else ";"
        raise DefinitionError(f"{where} is {value!r}{hint} {'It' if words else 'it'} must be {wanted}")


def _checked(make: Callable[[], Made], where: str) -> Made:
    try:
        return make()
    except (ValueError, TypeError) as error:
        raise DefinitionError(f"{where}: {error}") from error


def _mapping_of(plain: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    value = plain.get(name)
    if value is None:
        return empty_mapping()
    if not isinstance(value, Mapping):
        raise DefinitionError(f"{where}{line_of(plain, name)}: {name} is {value!r}; it must be a mapping")
    return value


def _kinds(value: Any) -> frozenset[MemberKind]:
    known = ", ".join(MemberKind)
    if not isinstance(value, list):
        raise ValueError(f"it must be a list of {known}")
    for each in value:
        if each not in set(MemberKind):
            raise ValueError(f"there is no {each!r}{closest(each, MemberKind)} It must be a list of {known}")
    return frozenset(map(MemberKind, value))


def _span(value: Any) -> timedelta:
    found = re.fullmatch(r"\s*(\d+)\s*(\w+)\s*", str(value))
    if not found or found[2] not in _SECONDS:
        raise ValueError("it must be a span of time such as 30 days or 12 hours")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
