"""Several directories merged into one by a rule: a person of two workspaces gets one account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from workplace_provider.identity.directory import PEOPLE, Directory, Identity, MemberKind
from workplace_provider.identity.source_definition import TEXTS, MergeRule
from workplace_provider.identity.text import fold_case

_KINDS: Final = (MemberKind.PERSON, MemberKind.GUEST, MemberKind.SINGLE_CHANNEL_GUEST)


@dataclass(frozen=True, slots=True)
class _Record:
    """A member of one source."""

    source: str
    member: Identity

    @property
    def label(self) -> str:
        return f"{self.member.key} of {self.source}"


def merge_directories(directories: Sequence[Directory], rule: MergeRule, source: str) -> Directory:
    """Return one directory with the people of several.

    A person is active if one source lists an active member for the person. Two active members of one source with the same
    value, members whose fields contradict each other, and active people without a value are conflicts, which the plan names;
    their accounts are not changed. The result is complete if all sources are, and each source has gates of its own::

        directory = merge_directories([read_slack("slack_kr"), read_slack("slack_jp")], MergeRule(), "merged:all")

    :param directories: the sources, the preferred one first
    :param rule: the members who are one person
    :param source: prefix of the marks of accounts, such as ``merged:company``
    :raises ValueError: a source is listed twice
    """
    names = [directory.source for directory in directories]
    if duplicates := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"The source {', '.join(sorted(duplicates))} is merged with itself. Check the sources' connections")
    records: dict[str, list[_Record]] = {}
    rest: list[Identity] = []
    for directory in directories:
        for member in directory.identities:
            record = _Record(directory.source, member)
            if value := rule.value(member):
                records.setdefault(value, []).append(record)
            elif member.active and member.kind in PEOPLE:
                rest.append(_without_value(record, rule, source))
    people = [_person(value, members, rule, source) for value, members in records.items()]
    return Directory.of(
        [*people, *rest],
        source=source,
        taken_at=min(directory.taken_at for directory in directories),
        complete=all(directory.complete for directory in directories),
        emails_known=all(directory.emails_known for directory in directories),
        groups=[group for directory in directories for group in directory.groups],
        parts=[replace(directory.numbers, name=directory.source) for directory in directories],
    )


def _without_value(record: _Record, rule: MergeRule, source: str) -> Identity:
    """Return a member who cannot be merged; an account of the person, if there is one, is not known."""
    key = f"{record.source}:{record.member.key}"
    conflict = f"{record.label} has no {rule.by}, by which the sources are merged"
    return replace(record.member, key=key, external_id=f"{source}:{key}", conflict=conflict)


def _person(value: str, records: Sequence[_Record], rule: MergeRule, source: str) -> Identity:
    """Return the person of some members, who have the same value."""
    active = _active(records)
    chosen = [record.member for record in active or records]
    kinds = [member.kind for member in chosen]
    filled: dict[str, Any] = {field: _first(getattr(member, field) for member in chosen) for field in TEXTS}
    attributes: dict[str, Any] = {}
    for member in reversed(chosen):
        attributes |= member.attributes
    return Identity(
        key=value,
        external_id=f"{source}:{value}",
        **filled,
        email_confirmed=_confirmed([member.email_confirmed for member in chosen]),
        # A guest of one workspace may be a full member of another.
        kind=next((kind for kind in _KINDS if kind in kinds), kinds[0]),
        active=bool(active),
        groups=tuple(sorted({group for member in chosen for group in member.groups})),
        attributes=attributes,
        hold=_first(member.hold for member in chosen),
        conflict=_conflict(active, rule),
    )


def _active(records: Sequence[_Record]) -> list[_Record]:
    """Return the active members of a person.

    Anyone can enter the address of a colleague in another workspace. So a member whose address is not confirmed only counts
    alone: beside a confirmed one it has no effect, and it does not keep the accounts of a deactivated person.
    """
    active = [record for record in records if record.member.active]
    confirmed = [record for record in active if record.member.email_confirmed is not False]
    return confirmed if confirmed or len(active) < len(records) else active


def _conflict(active: Sequence[_Record], rule: MergeRule) -> str:
    """Return how active members who should be one person contradict each other; empty if they do not."""
    problems: list[str] = []
    by_source: dict[str, list[_Record]] = {}
    for record in active:
        by_source.setdefault(record.source, []).append(record)
    for source, records in by_source.items():
        if len(records) > 1:
            keys = " and ".join(sorted(record.member.key for record in records))
            problems.append(f"{keys} of {source} have the same {rule.by}")
    for field in rule.agree:
        values: Mapping[str, str] = {
            fold_case(value): f"{value!r} in {record.source}"
            for record in reversed(active)
            if (value := getattr(record.member, field))
        }
        if len(values) > 1:
            problems.append(f"{field} is {', '.join(sorted(values.values()))}")
    return "; ".join(problems)


def _first(values: Iterable[str]) -> str:
    return next((value for value in values if value), "")


def _confirmed(values: Iterable[bool | None]) -> bool | None:
    known = [value for value in values if value is not None]
    return any(known) if known else None
