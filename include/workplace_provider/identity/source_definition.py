"""The ``source`` of a definition: the system that has the people."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.common.yaml_description import check_kind, closest, line_of
from workplace_provider.identity.text import fold_case

if TYPE_CHECKING:
    from workplace_provider.identity.directory import Identity

SOURCE_KEYS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "slack": (("conn_id",), ("team_id", "profile_fields", "max_profile_reads")),
    "scim": (("conn_id",), ("name",)),
    "file": (("path", "name", "columns"), ("storage_conn_id", "format", "active_values")),
    "merged": (("name", "sources"), ("by", "agree")),
}
"""Required and optional keys of a source, by its type."""
FORMATS: Final = ("csv", "json", "jsonl")
TEXTS: Final = ("user_name", "display_name", "full_name", "given", "family", "email", "title", "tz", "locale")
"""Fields of a person that are texts."""
KEY: Final = "key"
ACTIVE: Final = "active"
ATTRIBUTES: Final = "attributes."
_FIELDS: Final = (KEY, *TEXTS, ACTIVE, "kind", "groups")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRule:
    """The rule by which members of several directories are one person.

        rule = MergeRule(by="email", agree=("user_name",))

    :param by: the field that is equal for one person in all sources, ignoring case: ``email``, ``user_name``, or
        ``attributes.NAME``, such as an employee number. It becomes the mark of the person's accounts and should not change
    :param agree: fields that must have the same value in all sources; otherwise the person is a conflict. Of other fields,
        the value of the first source with one is used
    """

    by: str = "email"
    agree: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.by not in ("email", "user_name") and not re.fullmatch(r"attributes\..+", self.by):
            raise ValueError(f"by is {self.by!r}; it must be email, user_name or attributes.NAME")
        for field in self.agree:
            if field not in TEXTS:
                raise ValueError(f"agree has {field!r}; it must have some of {', '.join(TEXTS)}")

    def value(self, member: Identity) -> str:
        """Return the value that identifies a person, without case; empty if there is none."""
        if self.by.startswith("attributes."):
            value = member.attributes.get(self.by.removeprefix("attributes."))
            return fold_case(str(value)) if value not in (None, "") else ""
        return fold_case(getattr(member, self.by))


def check_source(source: Any, where: str, refusal: type[ValueError]) -> Mapping[str, Any]:
    """Return the source of a definition, after checking its keys and values.

    :param where: name of the definition in messages
    :param refusal: the error to raise
    :raises ValueError: (as ``refusal``) if it is invalid
    """
    return _check(source, where, "source", refusal)


def _check(source: Any, where: str, key: str, refusal: type[ValueError]) -> Mapping[str, Any]:
    if not isinstance(source, Mapping):
        raise refusal(f"{where}: {key} is {source!r}; it must be a mapping such as {{type: slack, conn_id: …}}")
    kind = check_kind(source, SOURCE_KEYS, where, refusal, key=key, noun="source")
    for name, value in source.items():
        if problem := _CHECKS.get(name, _text)(value):
            raise refusal(f"{where}{line_of(source, name)}: {key}.{name} is {value!r}; {problem}")
    try:
        if kind == "file":
            check_columns(source["columns"])
        elif kind == "merged":
            MergeRule(by=source.get("by", "email"), agree=tuple(source.get("agree", ())))
    except ValueError as error:
        raise refusal(f"{where}{line_of(source)}: {key}: {error}") from None
    if kind == "merged":
        for number, part in enumerate(source["sources"]):
            _check(part, where, f"{key}.sources[{number}]", refusal)
    return source


def check_columns(columns: Mapping[str, str]) -> None:
    """Refuse columns for unknown fields, without a key, or with two columns for a field.

    :raises ValueError: a column is invalid
    """
    wanted = list(columns.values())
    for field in wanted:
        if field not in _FIELDS and not (field.startswith(ATTRIBUTES) and field != ATTRIBUTES):
            raise ValueError(
                f"columns has the field {field!r}{closest(field, _FIELDS)} The fields are {', '.join(_FIELDS)} and "
                f"{ATTRIBUTES}NAME"
            )
        if wanted.count(field) > 1:
            raise ValueError(f"columns has two columns for {field}")
    if KEY not in wanted:
        raise ValueError("columns has no column for key, which identifies a person, such as an employee number")


def _text(value: Any) -> str:
    return "" if isinstance(value, str) and value.strip() else "it must be a text"


def _name(value: Any) -> str:
    # It becomes a part of the mark of every account.
    is_name = isinstance(value, str) and _NAME.fullmatch(value)
    return "" if is_name else "it must be a name of letters, digits, dots, hyphens and underscores"


def _texts(value: Any) -> str:
    return "" if isinstance(value, list) and all(isinstance(item, str) for item in value) else "it must be a list of texts"


def _is_text_mapping(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(text, str) and text for pair in value.items() for text in pair)


def _columns(value: Any) -> str:
    return "" if _is_text_mapping(value) else "it must map each column to a field of a person"


def _profile_fields(value: Any) -> str:
    return "" if _is_text_mapping(value) else "it must map names of attributes to labels or ids of profile fields"


def _count(value: Any) -> str:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return "" if is_count else "it must be a whole number of 1 or more"


def _sources(value: Any) -> str:
    return "" if isinstance(value, list) and len(value) > 1 else "it must be a list of two sources or more"


def _format(value: Any) -> str:
    return "" if value in FORMATS else f"it must be one of {', '.join(FORMATS)}"


_CHECKS: Final[Mapping[str, Callable[[Any], str]]] = {
    "name": _name,
    "columns": _columns,
    "active_values": _texts,
    "agree": _texts,
    "sources": _sources,
    "format": _format,
    "profile_fields": _profile_fields,
    "max_profile_reads": _count,
}
