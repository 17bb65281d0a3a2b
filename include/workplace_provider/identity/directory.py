"""The people of a directory at one moment, from any system."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final

EMPTY_MAPPING: Final[Mapping[str, Any]] = MappingProxyType({})


def empty_mapping() -> Mapping[str, Any]:
    """Return an empty mapping; one object for all, which saves memory."""
    return EMPTY_MAPPING


class MemberKind(StrEnum):
    """The kind of a member of a directory. ``Identity.active`` shows whether the member is deactivated."""

    PERSON = "person"
    GUEST = "guest"
    SINGLE_CHANNEL_GUEST = "single_channel_guest"
    INVITED = "invited"
    STRANGER = "stranger"
    BOT = "bot"
    APP = "app"
    WORKFLOW_BOT = "workflow_bot"
    SLACKBOT = "slackbot"


GUESTS: Final = frozenset({MemberKind.GUEST, MemberKind.SINGLE_CHANNEL_GUEST})
PEOPLE: Final = GUESTS | {MemberKind.PERSON}
NOT_PEOPLE: Final = frozenset(MemberKind) - PEOPLE
"""Kinds of members who get no account unless a scope admits them."""
_IN_COMMON: Final = ("family", "title", "tz", "locale")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A member of a directory. A text that the directory does not have is empty.

    :param key: id in the directory, such as ``U1``
    :param external_id: the mark of this person's accounts in other systems, such as ``slack:T1:U1``
    :param display_name: the name in messages
    :param full_name: the name in the profile, which may differ
    :param email_confirmed: ``None`` when the directory does not show it
    :param groups: names or ids of the person's groups
    :param attributes: other attributes, which a mapping may use
    :param hold: the reason why a part of the person's data is unknown; then the person gets no new account, and an existing
        account is not changed
    :param conflict: how the sources of the person's data contradict each other; a person has to decide
    """

    key: str
    external_id: str
    user_name: str = ""
    display_name: str = ""
    full_name: str = ""
    given: str = ""
    family: str = ""
    email: str = ""
    email_confirmed: bool | None = None
    kind: MemberKind = MemberKind.PERSON
    active: bool = True
    groups: tuple[str, ...] = ()
    title: str = ""
    tz: str = ""
    locale: str = ""
    attributes: Mapping[str, Any] = field(default_factory=empty_mapping, hash=False)
    hold: str = ""
    conflict: str = ""

    def __post_init__(self) -> None:
        # Values that many people share are stored once, which saves a fifth of the memory for 100,000 people.
        for name in _IN_COMMON:
            object.__setattr__(self, name, sys.intern(getattr(self, name)))

    @property
    def guest(self) -> bool:
        """Return whether the person is a guest."""
        return self.kind in GUESTS

    @property
    def is_active_person(self) -> bool:
        """Return whether the member is an active person, guests included."""
        return self.active and self.kind in PEOPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceNumbers:
    """The numbers of a source that the gates check.

    :param name: the source, such as ``slack:T1``; empty for the whole directory
    :param complete: whether all members were read
    :param emails_known: whether the credential can see e-mail addresses
    :param users: active people, guests included
    :param with_email: people among them who have an address
    :param last_users: people at the last run that was applied; ``None`` if it is unknown
    """

    name: str
    complete: bool
    emails_known: bool
    users: int
    with_email: int
    last_users: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """The members of a directory; create one with :meth:`of`.

    :param identities: the members, sorted by key
    :param source: the prefix of every external id up to the last colon, such as ``slack:T1``
    :param complete: whether these are all members; nothing is written from an incomplete directory
    :param taken_at: when it was read, with a time zone
    :param emails_known: whether the credential can see e-mail addresses
    :param groups: names and ids of all groups, sorted; a scope can only name these
    :param sha256: digest of the members: equal for directories with the same members
    :param parts: the sources of a merged directory, each of which has gates of its own
    """

    identities: Sequence[Identity]
    source: str
    complete: bool
    taken_at: datetime
    emails_known: bool
    groups: tuple[str, ...]
    sha256: str
    parts: tuple[SourceNumbers, ...] = ()

    @classmethod
    def of(
        cls,
        identities: Iterable[Identity],
        *,
        source: str,
        taken_at: datetime,
        complete: bool,
        emails_known: bool = True,
        groups: Iterable[str] = (),
        parts: Iterable[SourceNumbers] = (),
    ) -> Directory:
        """Return a directory with sorted and checked members.

        :param groups: further groups, such as those without members
        :raises ValueError: two members have the same key, an external id does not begin with the source, or ``taken_at``
            has no time zone
        """
        if taken_at.tzinfo is None:
            raise ValueError("taken_at has no time zone. Pass an aware datetime, such as datetime.now(UTC)")
        members = sorted(identities, key=attrgetter("key"))
        digest = hashlib.sha256()
        for number, member in enumerate(members):
            if number and members[number - 1].key == member.key:
                raise ValueError(f"The directory has two members with the key {member.key}")
            if not member.external_id.startswith(f"{source}:"):
                raise ValueError(f"The external id {member.external_id!r} of {member.key} does not begin with {source}:")
            digest.update(_canonical(member))
        for one, next_one in pairwise(sorted(member.external_id for member in members)):
            if one == next_one:
                raise ValueError(f"The directory has two members with the external id {one}")
        return cls(
            identities=members,
            source=source,
            complete=complete,
            taken_at=taken_at,
            emails_known=emails_known,
            groups=tuple(sorted({*groups, *(group for member in members for group in member.groups)})),
            sha256=digest.hexdigest(),
            parts=tuple(parts),
        )

    @property
    def numbers(self) -> SourceNumbers:
        """The numbers of the whole directory."""
        people = [member for member in self.identities if member.is_active_person]
        return SourceNumbers(
            name="",
            complete=self.complete,
            emails_known=self.emails_known,
            users=len(people),
            with_email=sum(bool(person.email) for person in people),
        )


def _canonical(member: Identity) -> bytes:
    known = (
        member.key,
        member.external_id,
        member.user_name,
        member.display_name,
        member.full_name,
        member.given,
        member.family,
        member.email,
        member.email_confirmed,
        member.kind,
        member.active,
        sorted(member.groups),
        member.title,
        member.tz,
        member.locale,
        dict(member.attributes),
        *filter(None, (member.hold, member.conflict)),
    )
    return json.dumps(known, sort_keys=True, default=str).encode() + b"\n"
