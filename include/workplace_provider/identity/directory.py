"""Who there is: the people of a directory at one moment, whatever system they come from."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final

EMPTY_MAPPING: Final[Mapping[str, Any]] = MappingProxyType({})


def empty_mapping() -> Mapping[str, Any]:
    """An empty mapping, which all that have none share."""
    return EMPTY_MAPPING


class MemberKind(StrEnum):
    """What a member of a directory is. Whether the member is still there is told by ``Identity.active``."""

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
"""Members who never get an account, unless a scope says otherwise."""
_IN_COMMON: Final = ("family", "title", "tz", "locale")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A member of a directory. A text that the directory left out is empty.

    :param key: id in the directory, such as ``U1``
    :param external_id: what the accounts of this person are marked with in other systems, such as ``slack:T1:U1``
    :param display_name: the name that the person is shown by
    :param full_name: the name on record, which may be another
    :param email_confirmed: ``None`` when the directory does not tell
    :param groups: names or ids of the groups that the person is in
    :param attributes: what else the directory knows and a mapping may use
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

    def __post_init__(self) -> None:
        # What many people have in common is kept once: of a hundred thousand people that is a fifth of the memory.
        for name in _IN_COMMON:
            object.__setattr__(self, name, sys.intern(getattr(self, name)))

    @property
    def guest(self) -> bool:
        """Whether the person is a guest."""
        return self.kind in GUESTS

    @property
    def is_active_person(self) -> bool:
        """Whether it is somebody who is there, guests included."""
        return self.active and self.kind in PEOPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """The members of a directory; make one with :meth:`of`.

    :param identities: the members, sorted by key
    :param source: what every external id begins with, up to the last colon, such as ``slack:T1``
    :param complete: whether these are all members; nothing is written from less
    :param taken_at: when it was read, aware
    :param emails_known: whether the credential may see e-mail addresses at all
    :param groups: names and ids of the groups that there are, sorted; a scope may name no other
    :param sha256: digest of the members: two directories with the same one say the same
    """

    identities: Sequence[Identity]
    source: str
    complete: bool
    taken_at: datetime
    emails_known: bool
    groups: tuple[str, ...]
    sha256: str

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
    ) -> Directory:
        """Sort and check the members, and take their digest.

        :param groups: groups that there are beside those that members are in, such as empty ones
        :raises ValueError: two members share a key, an external id does not begin with the source, or ``taken_at`` has no
            time zone
        """
        if taken_at.tzinfo is None:
            raise ValueError("taken_at must have a time zone")
        members = sorted(identities, key=lambda each: each.key)
        digest = hashlib.sha256()
        for number, member in enumerate(members):
            if number and members[number - 1].key == member.key:
                raise ValueError(f"the directory has two members with the key {member.key}")
            if not member.external_id.startswith(f"{source}:"):
                raise ValueError(f"the external id {member.external_id!r} of {member.key} does not begin with {source}:")
            digest.update(_canonical(member))
        for one, next_one in pairwise(sorted(each.external_id for each in members)):
            if one == next_one:
                raise ValueError(f"the directory has two members with the external id {one}")
        return cls(
            identities=members,
            source=source,
            complete=complete,
            taken_at=taken_at,
            emails_known=emails_known,
            groups=tuple(sorted({*groups, *(group for member in members for group in member.groups)})),
            sha256=digest.hexdigest(),
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
    )
    return json.dumps(known, sort_keys=True, default=str).encode() + b"\n"
