"""Custom fields of Slack profiles, read only for people whose profile has changed.

Slack has no list of custom fields: one request per person, about 100 per minute (users.profile.get, tier 4), would take
eight hours for 50,000 people. So profiles are remembered with the time of their last change, which the list of members has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from workplace_provider.http.errors import NotFound
from workplace_provider.http.redaction import get_logger
from workplace_provider.identity.directory import empty_mapping
from workplace_provider.slack.client.users import MemberKind, SlackUser, classify

if TYPE_CHECKING:
    from workplace_provider.slack.client.directory import DirectorySnapshot
    from workplace_provider.slack.client.profiles import ProfileField

log = get_logger(__name__)
PEOPLE_WITH_PROFILES: Final = frozenset(
    {MemberKind.PERSON, MemberKind.UNCONFIRMED, MemberKind.GUEST, MemberKind.SINGLE_CHANNEL_GUEST}
)
OF_MEMBERS: Final = "user"
"""Type of a field that has ids of members, such as the manager."""


class ProfileWorkspace(Protocol):
    """A reader of custom profile fields, such as ``SlackDirectoryHook``."""

    def profile_fields(self) -> Sequence[ProfileField]:
        """Return the custom fields, or raise an error."""

    def user_fields(self, user_id: str) -> dict[str, str]:
        """Return the values of a member's custom fields by id, or raise an error."""


@dataclass(frozen=True, slots=True)
class CachedProfile:
    """The custom fields of a member at the time of the last change.

    :param updated: ``updated`` of the member, in seconds since 1970
    """

    updated: int
    fields: Mapping[str, str]


class ProfileCache(Protocol):
    """The profiles of earlier runs."""

    def load(self, workspace: str) -> dict[str, CachedProfile]:
        """Return the profiles of a workspace by the members' ids."""

    def save(self, workspace: str, profiles: Mapping[str, CachedProfile]) -> None:
        """Keep profiles for the next run."""


@dataclass(frozen=True, slots=True)
class Profiles:
    """The attributes from custom fields, by the members' ids.

    :param unread: members whose profile has never been read
    :param without: the attributes of other members: the same names with empty values, so that expressions can use them
    """

    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()
    without: Mapping[str, str] = field(default_factory=empty_mapping)


def read_profiles(
    workspace: ProfileWorkspace,
    snapshot: DirectorySnapshot,
    wanted: Mapping[str, str],
    budget: int,
    cache: ProfileCache | None,
) -> Profiles:
    """Return attributes from custom fields of active people.

    :param wanted: ids or labels of fields, by the names of the attributes
    :param budget: the largest number of profiles to read. People whose profile was never read come first, then those with
        the oldest change
    :param cache: the profiles of earlier runs; without it, every run starts from nothing
    :raises ValueError: the workspace has no such field
    """
    fields = resolve_fields(workspace.profile_fields(), wanted)
    place = snapshot.owner.enterprise_id or snapshot.owner.team_id
    known = cache.load(place) if cache is not None else {}
    people = {user.id: user for user in snapshot.users if classify(user) in PEOPLE_WITH_PROFILES}
    profiles = {user_id: profile for user_id, profile in known.items() if user_id in people}
    # If the list has the values, no request is needed. Whether Slack fills them is not documented.
    profiles |= {user.id: CachedProfile(user.updated, user.fields) for user in people.values() if user.fields}
    changed = [user for user in people.values() if _is_outdated(user, profiles.get(user.id))]
    changed.sort(key=lambda user: (user.id in profiles, user.updated, user.id))
    try:
        for user in changed[:budget]:
            profiles[user.id] = CachedProfile(user.updated, _fields_of(workspace, user.id))
    finally:
        # Also after an error, so that a retry continues.
        if cache is not None and profiles != known:
            cache.save(place, profiles)
    if len(changed) > budget:
        log.warning("%d of %d changed profiles were read; the next run continues", budget, len(changed))
    emails = {user.id: user.email for user in people.values()}
    return Profiles(
        {user_id: attributes_of(profile, fields, emails) for user_id, profile in profiles.items()},
        frozenset(people.keys() - profiles.keys()),
        dict.fromkeys(fields, ""),
    )


def _is_outdated(user: SlackUser, profile: CachedProfile | None) -> bool:
    return profile is None or profile.updated != user.updated


def _fields_of(workspace: ProfileWorkspace, user_id: str) -> dict[str, str]:
    try:
        return workspace.user_fields(user_id)
    except NotFound:
        # The person was removed after the list was read.
        return {}


def resolve_fields(fields: Iterable[ProfileField], wanted: Mapping[str, str]) -> dict[str, ProfileField]:
    """Return fields by the names of their attributes."""
    listed = list(fields)
    found: dict[str, ProfileField] = {}
    for attribute, name in wanted.items():
        matches = [item for item in listed if item.id == name] or [
            item for item in listed if item.label.strip().casefold() == name.strip().casefold()
        ]
        if len(matches) != 1:
            labels = ", ".join(f"{item.label} ({item.id})" for item in listed)
            problem = "several profile fields" if matches else "no profile field"
            raise ValueError(
                f"The workspace has {problem} {name!r}. Correct profile_fields. Its fields are {labels or 'none'}"
            )
        found[attribute] = matches[0]
    return found


def attributes_of(
    profile: CachedProfile, fields: Mapping[str, ProfileField], emails: Mapping[str, str]
) -> Mapping[str, str]:
    """Return the attributes of a person. For a member, such as the manager, that is the e-mail address."""
    attributes: dict[str, str] = {}
    for attribute, profile_field in fields.items():
        value = profile.fields.get(profile_field.id, "")
        if profile_field.type == OF_MEMBERS:
            value = ",".join(address for user_id in value.split(",") if (address := emails.get(user_id.strip(), "")))
        attributes[attribute] = value
    return attributes
