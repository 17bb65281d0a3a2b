"""Which attribute of an account comes from what of a person, and when it is written."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal

from workplace_provider.identity.accounts import ACTIVE, EMAIL, EXTERNAL_ID, ID, USER_NAME
from workplace_provider.identity.directory import Identity
from workplace_provider.identity.passwords import SecretSource
from workplace_provider.identity.privilege import grants_rights, is_allowed, is_secret_name
from workplace_provider.identity.text import normalize

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

Source = str | Callable[[Identity], Any]
CONSTANT: Final = "="
_SET_BY_SYNC: Final = frozenset({EXTERNAL_ID, ACTIVE, ID})
_FIELDS: Final = frozenset(field.name for field in fields(Identity)) | {"guest"}


class MappingError(ValueError):
    """A mapping that cannot be used, or must not be without saying so; the message names the attribute."""


@dataclass(frozen=True, slots=True)
class AttributeMap:
    """Where one attribute of an account comes from.

    :param target: the attribute, such as ``userName``, ``name.givenName`` or ``emails.value``
    :param source: a path with filters such as ``email|lower|localpart``; a constant such as ``=AGENT``; a Jinja expression
        such as ``{{ family }}{{ given }}``; or a function of the person. For a secret one of ``generated`` or
        ``generated:32`` (a random one, with its length), ``derived:NAME`` (one for each person, made from the secret of that
        name), ``secret:NAME`` or a constant
    :param on: ``always`` keeps it in step; ``create`` writes it once; ``empty`` also later, while the account has none.
        What a person has not is never written: an absent title clears no title
    :param required: without it the person gets no account
    :param secret: written, never shown, compared or kept; written at creation only
    :param ignore_case: whether a change of case is none; by default so for ``userName`` and ``emails.value``
    :param allow_constant_secret: everybody may have the same password
    :param allow: the values that an attribute that grants rights (a role, a group, a type) may get; everybody else's is a
        conflict. Nothing is allowed without it
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
            raise MappingError(f"{self.target} looks like a secret: say secret=True, so that it is shown nowhere")
        if self.allow is not None:
            if isinstance(self.allow, str) or not all(isinstance(each, str | bool | int) for each in self.allow):
                raise MappingError(f"{self.target}: allow is {self.allow!r}; it must be a list of values")
            object.__setattr__(self, "allow", tuple(self.allow))
        if self.secret:
            self._check_secret()
        elif isinstance(self.source, str) and self.source.startswith(CONSTANT):
            value = self.source.removeprefix(CONSTANT)
            if not self.allows(value):
                raise MappingError(
                    f"{self.target} would make everybody {value!r}: an attribute that grants rights gets a value of its "
                    f"allow-list only. If it is meant, write allow=[{value!r}], or grants_admin=True for any value"
                )

    def _check_secret(self) -> None:
        if not isinstance(self.source, str):
            raise MappingError(f"{self.target}: a secret comes from generated, derived:NAME or secret:NAME")
        if self.on == "always":
            object.__setattr__(self, "on", "create")  # what is never read cannot be kept in step
        if self.on != "create":
            raise MappingError(f"{self.target}: a secret is written at creation only")
        try:
            source = SecretSource.of(self.source)
        except ValueError as error:
            raise MappingError(f"{self.target}: {error}") from error
        if source.constant and not self.allow_constant_secret:
            raise MappingError(
                f"{self.target} would be the same for everybody: take generated or derived:NAME, "
                "or say allow_constant_secret=True in the mapping"
            )

    def allows(self, value: Any) -> bool:
        """Return whether the attribute may get a value; one that grants no rights may get any."""
        if self.allow is not None:
            return is_allowed(value, self.allow)
        return self.grants_admin or not grants_rights(self.target)

    def __repr__(self) -> str:
        source = "***" if self.secret else repr(self.source)
        return f"AttributeMap({self.target!r}, {source}, on={self.on!r}, required={self.required}, secret={self.secret})"

    @property
    def folds_case(self) -> bool:
        """Whether a change of case is none."""
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
"""What most systems with SCIM want to know of a person."""


class AttributeMapping:
    """A list of :class:`AttributeMap`, checked and made ready to run.

    :param maps: one for each attribute
    :raises MappingError: two are for the same attribute, or a source cannot be read
    """

    def __init__(self, maps: Iterable[AttributeMap]) -> None:
        self.maps: tuple[AttributeMap, ...] = tuple(maps)
        targets = [each.target for each in self.maps]
        for target in targets:
            if targets.count(target) > 1:
                raise MappingError(f"{target} is mapped twice")
        self.by_target: Mapping[str, AttributeMap] = {each.target: each for each in self.maps}
        self.secrets = tuple(sorted(each.target for each in self.maps if each.secret))
        self._sources = {each.target: _reader(each) for each in self.maps if not each.secret}

    @classmethod
    def of(cls, mapping: AttributeMapping | Iterable[AttributeMap]) -> AttributeMapping:
        """The mapping itself, or one of its parts."""
        return mapping if isinstance(mapping, AttributeMapping) else cls(mapping)

    def value(self, identity: Identity, target: str) -> Any:
        """What a person has for an attribute; ``None`` for nothing, or when it is not mapped or a secret."""
        source = self._sources.get(target)
        return None if source is None else normalize(source(identity))

    def values(self, identity: Identity) -> dict[str, Any]:
        """What a person has for every attribute, without secrets and without those that are empty."""
        found: dict[str, Any] = {}
        for target, source in self._sources.items():
            value = normalize(source(identity))
            if value is not None:
                found[target] = value
        return found

    def missing(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """The required attributes that are not there."""
        return tuple(each.target for each in self.maps if each.required and not each.secret and each.target not in values)

    def forbidden(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the attributes that grant rights and would get a value that is not in their allow-list."""
        return tuple(name for name, value in values.items() if not self.by_target[name].allows(value))

    def secret_values(self, external_id: str, names: Sequence[str], secrets: Mapping[str, str]) -> dict[str, str]:
        """The secrets for a new account.

        :param external_id: whose account it is
        :param names: the attributes
        :param secrets: what sources name, by name
        :raises MappingError: a secret that is named is not there
        """
        made: dict[str, str] = {}
        for name in names:
            declared = self.by_target.get(name)
            if declared is None or not declared.secret:
                raise MappingError(f"the plan wants the secret {name}, which the mapping has not")
            try:
                made[name] = SecretSource.of(str(declared.source)).value(f"{name}\0{external_id}", secrets)
            except KeyError as error:
                raise MappingError(f"{name}: there is no secret named {error.args[0]}") from None
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
            raise MappingError(f"{target}: there is no filter {name!r}; there are default, {', '.join(sorted(FILTERS))}")
        if argument:
            raise MappingError(f"{target}: the filter {name} takes nothing after a colon")
        steps.append(FILTERS[name])
    fallback = next((written.partition(":")[2] for written in names if written.startswith("default:")), None)
    if first not in _FIELDS:
        raise MappingError(
            f"{target}: a person has no {first!r}; there are {', '.join(sorted(_FIELDS))}, where "
            "attributes.NAME is what else the directory knows"
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
        raise MappingError(f"{target}: {source!r} is no template: {error}") from error

    def read(identity: Identity) -> Any:
        try:
            return template.render(context_of(identity))
        except TemplateError as error:
            raise MappingError(f"{target}: {source!r} failed for {identity.key}: {error}") from error

    return read


def context_of(identity: Identity) -> dict[str, Any]:
    """What an expression knows of a person: every field under its name."""
    return {name: getattr(identity, name) for name in _FIELDS}


@functools.cache
def environment() -> ImmutableSandboxedEnvironment:
    """Where expressions run: they reach nothing but what they are given, and a name that is not there is an error."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    made = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    made.filters.update(FILTERS)
    return made


def _ascii(text: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFKD", text) if each.isascii())


FILTERS: Final[Mapping[str, Callable[[str], str]]] = {
    "lower": str.lower,
    "upper": str.upper,
    "trim": str.strip,
    "localpart": lambda text: text.rpartition("@")[0] or text,
    "domain": lambda text: text.rpartition("@")[2],
    "ascii": _ascii,
}
"""What a path and a Jinja expression can do with a text, beside Jinja's own filters."""
