"""A complete snapshot of a workspace's directory, or an error; an account sync must not act on less."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Final, overload

import msgspec

from workplace_provider.http.errors import BadResponse, Forbidden
from workplace_provider.slack.client.api_response import SYSTEM
from workplace_provider.slack.client.users import Member, MemberKind, SlackUser, classify

if TYPE_CHECKING:
    from workplace_provider.slack.client.reader import SlackReader, TokenOwner

EMAIL_SCOPE: Final = "users:read.email"
WITH_EMAIL: Final = frozenset({MemberKind.PERSON, MemberKind.UNCONFIRMED, MemberKind.GUEST, MemberKind.SINGLE_CHANNEL_GUEST})
"""Kinds of members who have an e-mail address, visible with the scope ``users:read.email``."""


class Members(Sequence[SlackUser]):
    """The members of a snapshot, sorted by id.

    They are stored encoded and decoded one by one: 100,000 members take a third of the memory of as many objects.
    """

    def __init__(self, encoded: Iterable[bytes]) -> None:
        self._encoded = tuple(encoded)

    @overload
    def __getitem__(self, index: int) -> SlackUser: ...
    @overload
    def __getitem__(self, index: slice) -> Members: ...
    def __getitem__(self, index: int | slice) -> SlackUser | Members:
        if isinstance(index, slice):
            return Members(self._encoded[index])
        return _DECODER.decode(self._encoded[index])

    def __iter__(self) -> Iterator[SlackUser]:
        return map(_DECODER.decode, self._encoded)

    def __len__(self) -> int:
        return len(self._encoded)

    @property
    def sha256(self) -> str:
        """Digest of all members and their fields."""
        digest = hashlib.sha256()
        for member in self._encoded:
            digest.update(member)
        return digest.hexdigest()


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(SlackUser)


@dataclass(frozen=True)
class DirectorySnapshot:
    """All members of a workspace; never a part of them.

    :param users: all members, Slackbot included
    :param owner: owner of the token that read it
    :param taken_at: time at which the last page arrived
    :param pages: pages of the listing
    :param calls: requests sent, including failed ones
    :param waited: seconds waited, mostly for Slack's rate limit
    :param sha256: digest of the members; equal for snapshots with the same content
    """

    users: Members
    owner: TokenOwner
    taken_at: datetime
    pages: int
    calls: int
    waited: float
    sha256: str

    @property
    def scopes(self) -> frozenset[str] | None:
        """Scopes of the token; ``None`` if Slack did not report them."""
        return self.owner.scopes

    @cached_property
    def kinds(self) -> Mapping[MemberKind, int]:
        """Number of members by kind."""
        return Counter(classify(user) for user in self.users)


def directory_snapshot(reader: SlackReader, *, team_id: str | None = None) -> DirectorySnapshot:
    """Read the whole directory.

    Without the scope ``users:read.email`` Slack omits the addresses and reports no error. So the scope is checked first, if
    Slack reports the token's scopes, and a directory without any address is an error::

        with SlackReader(token) as reader:
            people = [user for user in directory_snapshot(reader).users if classify(user) is MemberKind.PERSON]

    :param team_id: workspace; required with a token of an Enterprise organization
    :raises Forbidden: the token cannot read e-mail addresses
    :raises WorkplaceError: a page could not be read
    """
    calls, waited = reader.calls, reader.waited
    owner = reader.token_owner()
    check_email_scope(owner)
    pages = addressable = with_email = 0
    # By id: if someone joins while the pages are read, a member may appear on two pages. The later copy is newer.
    members: dict[str, bytes] = {}
    for page in reader.paginate("users.list", "members", {"team_id": team_id}, kind=Member):
        pages += 1
        for member in page.items:
            user = member.slim()
            members[user.id] = _ENCODER.encode(user)
            if classify(user) in WITH_EMAIL:
                addressable += 1
                with_email += bool(user.email)
    if not members:
        raise BadResponse("the directory is empty, but every workspace has members", system=SYSTEM, method="GET")
    if addressable and not with_email:
        raise _no_email(f"none of the {addressable} people in the directory has an e-mail address")
    users = Members(members[key] for key in sorted(members))
    return DirectorySnapshot(
        users=users,
        owner=owner,
        taken_at=datetime.now(UTC),
        pages=pages,
        calls=reader.calls - calls,
        waited=reader.waited - waited,
        sha256=users.sha256,
    )


def check_email_scope(owner: TokenOwner) -> None:
    """Refuse a token that cannot see e-mail addresses, if Slack reports its scopes.

    :raises Forbidden: the scope is missing
    """
    if owner.scopes is not None and EMAIL_SCOPE not in owner.scopes:
        raise _no_email(f"the token is missing the scope {EMAIL_SCOPE}; it has {', '.join(sorted(owner.scopes)) or 'none'}")


def _no_email(message: str) -> Forbidden:
    return Forbidden(
        message,
        system=SYSTEM,
        method="GET",
        code="missing_scope",
        advice=f"add the scope {EMAIL_SCOPE} to the app and install the app again",
    )
