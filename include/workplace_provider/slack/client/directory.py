"""The whole directory of a workspace at one moment, or an error: what an account sync may act on."""

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
from workplace_provider.slack.client.answers import SYSTEM
from workplace_provider.slack.client.users import Member, MemberKind, SlackUser, classify

if TYPE_CHECKING:
    from workplace_provider.slack.client.reader import SlackReader, TokenOwner

EMAIL_SCOPE: Final = "users:read.email"
WITH_EMAIL: Final = frozenset({MemberKind.PERSON, MemberKind.UNCONFIRMED, MemberKind.GUEST, MemberKind.SINGLE_CHANNEL_GUEST})
"""Members who have an e-mail address, when the token may see it."""


class Members(Sequence[SlackUser]):
    """The members of a snapshot, sorted by id.

    They are held encoded and come out one by one: a hundred thousand of them take a third of what they would as objects.
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
        """Digest of all that is known of them."""
        digest = hashlib.sha256()
        for each in self._encoded:
            digest.update(each)
        return digest.hexdigest()


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(SlackUser)


@dataclass(frozen=True)
class DirectorySnapshot:
    """Every member of a workspace; there is no such thing as a part of one.

    :param users: all members, Slackbot included
    :param owner: whose token read it
    :param taken_at: when the last page came
    :param pages: pages of the listing
    :param calls: requests sent, those that failed included
    :param waited: seconds waited, most of them because Slack said so
    :param sha256: digest of the members: two snapshots with the same one say the same
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
        """What the token may do; ``None`` when Slack did not tell."""
        return self.owner.scopes

    @cached_property
    def kinds(self) -> Mapping[MemberKind, int]:
        """How many members of each kind there are."""
        return Counter(classify(user) for user in self.users)


def directory_snapshot(reader: SlackReader, *, team_id: str | None = None) -> DirectorySnapshot:
    """Read the whole directory.

    Without the scope for e-mail addresses Slack simply leaves them out, which looks like a company without any; so the
    scope is asked for first, where Slack tells it, and a directory without a single address is an error.

    :param team_id: workspace, which a token of an Enterprise organization must name
    :raises Forbidden: the token may not see e-mail addresses
    :raises WorkplaceError: a page could not be had
    """
    calls, waited = reader.calls, reader.waited
    owner = reader.token_owner()
    if owner.scopes is not None and EMAIL_SCOPE not in owner.scopes:
        raise _no_email(f"the token has not the scope {EMAIL_SCOPE}; it has {', '.join(sorted(owner.scopes)) or 'none'}")
    pages = addressable = with_email = 0
    # By id: when somebody joins while the pages are read, a member may come twice. The later one is the newer.
    found: dict[str, bytes] = {}
    for page in reader.paginate("users.list", "members", {"team_id": team_id}, kind=Member):
        pages += 1
        for member in page.items:
            user = member.slim()
            found[user.id] = _ENCODER.encode(user)
            if classify(user) in WITH_EMAIL:
                addressable += 1
                with_email += bool(user.email)
    if not found:
        raise BadResponse("the directory is empty, which no workspace's is", system=SYSTEM, method="GET")
    if addressable and not with_email:
        raise _no_email(f"none of {addressable} people has an e-mail address")
    users = Members(found[key] for key in sorted(found))
    return DirectorySnapshot(
        users=users,
        owner=owner,
        taken_at=datetime.now(UTC),
        pages=pages,
        calls=reader.calls - calls,
        waited=reader.waited - waited,
        sha256=users.sha256,
    )


def _no_email(found: str) -> Forbidden:
    return Forbidden(
        found,
        system=SYSTEM,
        method="GET",
        code="missing_scope",
        advice=f"add {EMAIL_SCOPE} to the app's scopes and install it again",
    )
