"""The sources of account attributes in a person's data, and when attributes are written."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, runtime_checkable

from workplace_provider.identity.accounts import ACTIVE, EMAIL, EXTERNAL_ID, ID, USER_NAME
from workplace_provider.identity.directory import Identity
from workplace_provider.identity.passwords import SecretSource
from workplace_provider.identity.privilege import grants_rights, is_allowed, is_secret_name
from workplace_provider.identity.text import normalize

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment


@runtime_checkable
class ValueSource(Protocol):
    """A source of several values. A sync adds and removes these values only; other values of an account stay.

    :ivar values: all values that the source can have
    """

    values: tuple[str, ...]

    def __call__(self, identity: Identity) -> list[str]:
        """Return the values of a person."""
        ...

    def check(self, known: Collection[str], where: str) -> None:
        """Refuse groups that the directory does not have."""
        ...


Source = str | ValueSource | Callable[[Identity], Any]
CONSTANT: Final = "="
_SET_BY_SYNC: Final = frozenset({EXTERNAL_ID, ACTIVE, ID})
_FIELDS: Final = frozenset(field.name for field in fields(Identity)) - {"hold", "conflict"} | {"guest"}


class MappingError(ValueError):
    """A mapping that is invalid or not explicit enough; the message names the attribute."""


@dataclass(frozen=True, slots=True)
class AttributeMap:
    """The source of one attribute of an account.

        AttributeMap("userName", "email|lower|localpart", required=True)
        AttributeMap("role", "=AGENT", allow=("AGENT",))
        AttributeMap("password", "derived:initial_password", secret=True)

    :param target: the attribute, such as ``userName``, ``name.givenName`` or ``emails.value``
    :param source: a path with filters such as ``email|lower|localpart``; a constant such as ``=AGENT``; a Jinja expression
        such as ``{{ family }}{{ given }}``; a function of the person; or ``MemberValues`` for roles by rules.
        For a secret: ``generated`` or ``generated:32`` (random, with its length), ``derived:NAME`` (per person, derived from
        the secret of that name), ``secret:NAME`` or a constant
    :param on: ``always`` writes every change; ``create`` writes the attribute once; ``empty`` also writes it later while the
        account has no value. An empty value of a person is never written: a missing title does not clear a title
    :param required: a person without a value gets no account
    :param secret: the value is written at creation only, and never shown, compared or stored
    :param ignore_case: values that differ only in case are equal; the default for ``userName`` and ``emails.value``
    :param allow_constant_secret: all people may have the same password
    :param allow: the allowed values of an attribute that grants rights (a role, a group, a type); any other value is a
        conflict. Without it no value is allowed
    :param grants_admin: an attribute that grants rights may get any value, also one that makes administrators
    """

    target: str
    source: Source
    on: Literal["always", "create", "empty"] = "always"
    required: bool = False
    secret: bool = False
    ignore_case: bool | None = None
    allow_constant_secret: bool = False
    grants_admin: bool = False
    allow: tuple[Any, ...] | None = None

    def __post_init__(self) -> None:
        if self.target in _SET_BY_SYNC:
            raise MappingError(f"{self.target} is set by the sync itself; take it out of the mapping")
        if self.on not in ("always", "create", "empty"):
            raise MappingError(f"{self.target}: on is {self.on!r}; it must be always, create or empty")
        if is_secret_name(self.target) and not self.secret:
            raise MappingError(f"{self.target} looks like a secret: set secret=True, so that its value is never shown")
        if self.allow is not None:
            if isinstance(self.allow, str) or not all(isinstance(value, str | bool | int) for value in self.allow):
                raise MappingError(f"{self.target}: allow is {self.allow!r}; it must be a list of values")
            object.__setattr__(self, "allow", tuple(self.allow))
        if isinstance(self.source, ValueSource):
            refused = [value for value in self.source.values if not self.allows(value)]
            if refused:
                raise MappingError(
                    f"{self.target} grants rights, and {refused[0]!r} is not in its allow-list. If it is meant, add it"
                )
        if self.secret:
            self._check_secret()
        elif isinstance(self.source, str) and self.source.startswith(CONSTANT):
            value = self.source.removeprefix(CONSTANT)
            if not self.allows(value):
                raise MappingError(
                    f"{self.target} would be {value!r} for all people, and it grants rights. If that is meant, add "
                    f"allow=[{value!r}], or grants_admin=True for any value"
                )

    def _check_secret(self) -> None:
        if not isinstance(self.source, str):
            raise MappingError(f"{self.target}: the source of a secret must be generated, derived:NAME or secret:NAME")
        if self.on == "always":
            object.__setattr__(self, "on", "create")  # a value that is never read cannot be compared
        if self.on != "create":
            raise MappingError(f"{self.target}: a secret is only written at creation; set on=create")
        try:
            source = SecretSource.of(self.source)
        except ValueError as error:
            raise MappingError(f"{self.target}: {error}") from error
        if source.constant and not self.allow_constant_secret:
            raise MappingError(
                f"{self.target} would be the same for all people: use generated or derived:NAME, "
                "or set allow_constant_secret=True in the mapping"
            )

    def allows(self, value: Any) -> bool:
        """Return whether a value is allowed; any value is, if the attribute grants no rights."""
        if self.allow is not None:
            return is_allowed(value, self.allow)
        return self.grants_admin or not grants_rights(self.target)

    def __repr__(self) -> str:
        source = "***" if self.secret else repr(self.source)
        return f"AttributeMap({self.target!r}, {source}, on={self.on!r}, required={self.required}, secret={self.secret})"

    @property
    def owned_values(self) -> frozenset[str] | None:
        """The values that the sync adds and removes; ``None`` for an attribute that it sets as a whole."""
        return frozenset(self.source.values) if isinstance(self.source, ValueSource) else None

    @property
    def folds_case(self) -> bool:
        """Return whether values that differ only in case are equal."""
        return self.target in (USER_NAME, EMAIL) if self.ignore_case is None else self.ignore_case


SCIM_MAPPING: Final = (
    AttributeMap(USER_NAME, "email", required=True),
    AttributeMap(EMAIL, "email", required=True),
    AttributeMap("displayName", "display_name"),
    AttributeMap("name.givenName", "given"),
    AttributeMap("name.familyName", "family"),
    AttributeMap("title", "title"),
    AttributeMap("timezone", "tz"),
    AttributeMap("locale", "locale"),
)
"""The attributes that most SCIM services have."""


class AttributeMapping:
    """A checked list of :class:`AttributeMap`.

    :param maps: one for each attribute
    :raises MappingError: two maps have the same attribute, or a source is invalid
    """

    def __init__(self, maps: Iterable[AttributeMap]) -> None:
        self.maps: tuple[AttributeMap, ...] = tuple(maps)
        targets = [declared.target for declared in self.maps]
        for target in targets:
            if targets.count(target) > 1:
                raise MappingError(f"{target} is mapped twice")
        self.by_target: Mapping[str, AttributeMap] = {declared.target: declared for declared in self.maps}
        self.secrets = tuple(sorted(declared.target for declared in self.maps if declared.secret))
        self._sources = {declared.target: _reader(declared) for declared in self.maps if not declared.secret}

    @classmethod
    def of(cls, mapping: AttributeMapping | Iterable[AttributeMap]) -> AttributeMapping:
        """Return the mapping itself, or a mapping of attribute maps."""
        return mapping if isinstance(mapping, AttributeMapping) else cls(mapping)

    def check_groups(self, known: Collection[str]) -> None:
        """Refuse rules with groups that the directory does not have.

        :raises ValueError: a group is unknown
        """
        for declared in self.maps:
            if isinstance(declared.source, ValueSource):
                declared.source.check(known, f"mapping.{declared.target}")

    def value(self, identity: Identity, target: str) -> Any:
        """Return a person's value of an attribute; ``None`` if it is empty, not mapped, or a secret."""
        source = self._sources.get(target)
        return None if source is None else normalize(source(identity))

    def values(self, identity: Identity) -> dict[str, Any]:
        """Return a person's values, without secrets and empty values."""
        found: dict[str, Any] = {}
        for target, source in self._sources.items():
            value = normalize(source(identity))
            if value is not None:
                found[target] = value
        return found

    def missing(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the required attributes without a value."""
        return tuple(
            declared.target
            for declared in self.maps
            if declared.required and not declared.secret and declared.target not in values
        )

    def forbidden(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the attributes that grant rights and have a value outside their allow-list."""
        return tuple(name for name, value in values.items() if not self.by_target[name].allows(value))

    def secret_values(self, external_id: str, names: Sequence[str], secrets: Mapping[str, str]) -> dict[str, str]:
        """Return the secrets for a new account.

        :param external_id: the account's owner
        :param names: the attributes
        :param secrets: the secrets that sources name, by name
        :raises MappingError: a secret is missing
        """
        made: dict[str, str] = {}
        for name in names:
            declared = self.by_target.get(name)
            if declared is None or not declared.secret:
                raise MappingError(f"The mapping has no secret {name}, which the plan needs. Plan again")
            try:
                made[name] = SecretSource.of(str(declared.source)).value(f"{name}\0{external_id}", secrets)
            except KeyError as error:
                raise MappingError(f"{name}: no secret named {error.args[0]}. Add it to secrets") from None
        return made


def _reader(declared: AttributeMap) -> Callable[[Identity], Any]:
    source = declared.source
    if not isinstance(source, str):
        return source
    if source.startswith(CONSTANT):
        constant = source.removeprefix(CONSTANT)
        return lambda _: constant
    if "{{" in source or "{%" in source:
        return _template(declared.target, source)
    return _path(declared.target, source)


def _path(target: str, source: str) -> Callable[[Identity], Any]:
    path, *names = (part.strip() for part in source.split("|"))
    first, *rest = path.split(".")
    steps: list[Callable[[str], str]] = []
    for written in names:
        name, _, argument = written.partition(":")
        if name == "default":
            continue
        if name not in FILTERS:
            raise MappingError(f"{target}: unknown filter {name!r}; use default, {', '.join(sorted(FILTERS))}")
        if argument:
            raise MappingError(f"{target}: the filter {name} takes no argument after a colon")
        steps.append(FILTERS[name])
    fallback = next((written.partition(":")[2] for written in names if written.startswith("default:")), None)
    if first not in _FIELDS:
        raise MappingError(
            f"{target}: a person has no {first!r}; use {', '.join(sorted(_FIELDS))}, where "
            "attributes.NAME is a further attribute of the directory"
        )

    def read(identity: Identity) -> Any:
        value: Any = getattr(identity, first)
        for name in rest:
            value = value.get(name) if isinstance(value, Mapping) else None
        for step in steps:
            if isinstance(value, str):
                value = step(value)
        return fallback if value is None or value == "" else value

    return read


def _template(target: str, source: str) -> Callable[[Identity], Any]:
    from jinja2 import TemplateError

    try:
        template = environment().from_string(source)
    except TemplateError as error:
        raise MappingError(f"{target}: {source!r} is not a valid template: {error}") from error

    def read(identity: Identity) -> Any:
        try:
            return template.render(context_of(identity))
        except TemplateError as error:
            raise MappingError(f"{target}: {source!r} failed for {identity.key}: {error}") from error

    return read


def context_of(identity: Identity) -> dict[str, Any]:
    """Return the variables of an expression: every field of a person by its name."""
    return {name: getattr(identity, name) for name in _FIELDS}


@functools.cache
def environment() -> ImmutableSandboxedEnvironment:
    """Return the sandbox for expressions: they can only use their variables, and an unknown name is an error."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    sandbox = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    sandbox.filters.update(FILTERS)
    return sandbox


def _ascii(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", text) if char.isascii())


FILTERS: Final[Mapping[str, Callable[[str], str]]] = {
    "lower": str.lower,
    "upper": str.upper,
    "trim": str.strip,
    "localpart": lambda text: text.rpartition("@")[0] or text,
    "domain": lambda text: text.rpartition("@")[2],
    "ascii": _ascii,
}
"""Filters of paths and Jinja expressions, besides Jinja's own."""
