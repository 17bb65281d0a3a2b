"""What one sync does, as a team writes it into a file: which system, who gets an account, what is in it, how far it goes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from workplace_provider.common.yaml_description import read_yaml
from workplace_provider.identity.directory import MemberKind, nothing
from workplace_provider.identity.mapping import SCIM_MAPPING, AttributeMap, AttributeMapping
from workplace_provider.identity.policy import SyncPolicy
from workplace_provider.identity.scope import Scope

_KEYS: Final = ("name", "target", "schedule", "timezone", "scope", "mapping", "policy", "secrets", "reviewers")
_MAP_KEYS: Final = tuple(field.name for field in fields(AttributeMap) if field.name != "target")
_SECONDS: Final = {"minutes": 60, "minute": 60, "hours": 3600, "hour": 3600, "days": 86400, "day": 86400}
Made = TypeVar("Made")


class DefinitionError(ValueError):
    """A definition of a sync that cannot be used; the message names file and key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncDefinition:
    """One sync.

    :param key: what the sync's memory is kept under: the file's name without extension
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
    _check_keys(plain, _KEYS, where)
    target = plain.get("target")
    if not isinstance(target, Mapping):
        raise DefinitionError(f"{where}: target is missing: say which system, such as target: {{type: scim, conn_id: …}}")
    secrets = _mapping_of(plain, "secrets", where)
    return SyncDefinition(
        key=key,
        name=str(plain.get("name") or ""),
        target=target,
        scope=_made(Scope, _mapping_of(plain, "scope", where), f"{where}: scope", {"exclude": _kinds}),
        mapping=_attribute_mapping(_mapping_of(plain, "mapping", where), where),
        policy=_made(
            SyncPolicy,
            _mapping_of(plain, "policy", where),
            f"{where}: policy",
            {"max_plan_age": _span, "delete_after": _span},
        ),
        secrets={str(name): str(conn_id) for name, conn_id in secrets.items()},
        where=where,
        folder=folder,
        schedule={name: plain[name] for name in ("schedule", "timezone") if name in plain},
        reviewers=_reviewers(plain.get("reviewers"), where),
    )


def _reviewers(value: Any, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(name, str) and name.strip() for name in value):
        raise DefinitionError(f"{where}: reviewers is {value!r}; it must be a list of user names of Airflow")
    return tuple(name.strip() for name in value)


def _attribute_mapping(plain: Mapping[str, Any], where: str) -> AttributeMapping:
    """Attributes to their sources, where a source may say more; what most systems want when there are none."""
    if not plain:
        return AttributeMapping(SCIM_MAPPING)
    maps: list[AttributeMap] = []
    for target, given in plain.items():
        place = f"{where}: mapping.{target}"
        declared = dict(given) if isinstance(given, Mapping) else {"source": given}
        if True in declared:  # YAML 1.1 reads the key on: as true
            declared["on"] = declared.pop(True)
        _check_keys(declared, _MAP_KEYS, place)
        if not isinstance(declared.get("source"), str):
            raise DefinitionError(f"{place}: source is {declared.get('source')!r}; it must be a text such as email|lower")
        maps.append(_checked(lambda: AttributeMap(str(target), **declared), f"{where}: mapping"))  # noqa: B023 - called at once
    return _checked(lambda: AttributeMapping(maps), f"{where}: mapping")


def _made(
    kind: Callable[..., Made], plain: Mapping[str, Any], where: str, readers: Mapping[str, Callable[[Any], Any]]
) -> Made:
    known = {field.name: field for field in fields(kind) if field.init}  # type: ignore[arg-type]
    _check_keys(plain, tuple(known), where)
    values: dict[str, Any] = {}
    for name, value in plain.items():
        usual = known[name].default
        read = readers.get(name)
        try:
            values[name] = value if read is None or value is None else read(value)
        except ValueError as error:
            raise DefinitionError(f"{where}.{name} is {value!r}; {error}") from None
        if read is None and usual is not MISSING:
            _check_type(values[name], usual, f"{where}.{name}")
    return _checked(lambda: kind(**values), where)


def _check_type(value: Any, usual: Any, where: str) -> None:
    """YAML knows types, and what has another one than the usual value is a mistake: ``guests: "no"`` would be true."""
    if isinstance(usual, bool):
        good, wanted = isinstance(value, bool), "true or false"
    elif isinstance(usual, int | float):
        good, wanted = value is None or (isinstance(value, int | float) and not isinstance(value, bool)), "a number"
    elif isinstance(usual, tuple):
        good, wanted = isinstance(value, list | tuple) and all(isinstance(each, str) for each in value), "a list of texts"
    else:
        return
    if not good:
        raise DefinitionError(f"{where} is {value!r}; it must be {wanted}")


def _checked(make: Callable[[], Made], where: str) -> Made:
    try:
        return make()
    except (ValueError, TypeError) as error:
        raise DefinitionError(f"{where}: {error}") from error


def _check_keys(plain: Any, known: tuple[str, ...], where: str) -> None:
    if not isinstance(plain, Mapping):
        raise DefinitionError(f"{where} is {plain!r}; it must be a mapping with {', '.join(known)}")
    for name in plain:
        if name not in known:
            raise DefinitionError(f"{where} has a key {name!r}; there are {', '.join(known)}")


def _mapping_of(plain: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    value = plain.get(name)
    if value is None:
        return nothing()
    if not isinstance(value, Mapping):
        raise DefinitionError(f"{where}: {name} is {value!r}; it must be a mapping")
    return value


def _kinds(value: Any) -> frozenset[MemberKind]:
    known = ", ".join(MemberKind)
    if not isinstance(value, list) or not set(value) <= set(MemberKind):
        raise ValueError(f"it must be a list of {known}")
    return frozenset(map(MemberKind, value))


def _span(value: Any) -> timedelta:
    found = re.fullmatch(r"\s*(\d+)\s*(\w+)\s*", str(value))
    if not found or found[2] not in _SECONDS:
        raise ValueError("it must be a span of time such as 30 days or 12 hours")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
