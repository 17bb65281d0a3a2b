"""The members of a Slack workspace as a directory for account syncs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from workplace_provider.http.errors import NotFound
from workplace_provider.http.redaction import get_logger
from workplace_provider.identity.directory import Directory, Identity, empty_mapping
from workplace_provider.identity.directory import MemberKind as IdentityKind
from workplace_provider.identity.scope import channel_name
from workplace_provider.identity.sources.slack_profiles import (
    PEOPLE_WITH_PROFILES,
    CachedProfile,
    ProfileCache,
    Profiles,
    ProfileWorkspace,
    attributes_of,
    read_profiles,
    resolve_fields,
)
from workplace_provider.slack.client.directory import check_email_scope
from workplace_provider.slack.client.users import GROUPS_SCOPE, MemberKind, SlackUser, classify

if TYPE_CHECKING:
    from workplace_provider.slack.client import Channel
    from workplace_provider.slack.client.directory import DirectorySnapshot
    from workplace_provider.slack.client.reader import TokenOwner
    from workplace_provider.slack.client.users import UserGroup

log = get_logger(__name__)
PROFILE_NOT_READ: Final = "profile_not_read"

_KINDS: Final[Mapping[MemberKind, IdentityKind]] = {
    MemberKind.PERSON: IdentityKind.PERSON,
    MemberKind.UNCONFIRMED: IdentityKind.PERSON,
    # Slack does not show whether a deactivated member was a guest.
    MemberKind.DEACTIVATED: IdentityKind.PERSON,
    MemberKind.INVITED: IdentityKind.INVITED,
    MemberKind.GUEST: IdentityKind.GUEST,
    MemberKind.SINGLE_CHANNEL_GUEST: IdentityKind.SINGLE_CHANNEL_GUEST,
    MemberKind.STRANGER: IdentityKind.STRANGER,
    MemberKind.BOT: IdentityKind.BOT,
    MemberKind.APP: IdentityKind.APP,
    MemberKind.WORKFLOW_BOT: IdentityKind.WORKFLOW_BOT,
    MemberKind.SLACKBOT: IdentityKind.SLACKBOT,
}


class Workspace(ProfileWorkspace, Protocol):
    """A reader of a workspace's members, user groups, channels and profiles, such as ``SlackDirectoryHook``."""

    def directory_snapshot(self) -> DirectorySnapshot:
        """Return all members, or raise an error."""

    def user_groups(self) -> list[UserGroup]:
        """Return all user groups with their members, or raise an error."""

    def find_channels(self, channels: Sequence[str]) -> list[Channel]:
        """Return channels by id or name, or raise an error."""

    def channel_members(self, channel_id: str) -> list[str]:
        """Return the ids of all members of a channel, or raise an error."""


class PeopleWorkspace(Workspace, Protocol):
    """A reader of single members, such as ``SlackDirectoryHook``."""

    def token_owner(self) -> TokenOwner:
        """Return the owner of the token."""

    def member(self, user_id: str) -> SlackUser:
        """Return a member, or raise an error."""

    def member_channels(self, user_id: str) -> list[Channel]:
        """Return the channels of a member, or raise an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackExtras:
    """The parts of a workspace that are read besides members and user groups.

    :param channels: ids or names of channels that scopes name
    :param channels_elsewhere: another workspace may have the channels, so a missing one is not an error
    :param profile_fields: ids or labels of custom profile fields, by the names of the attributes that they become
    :param max_profile_reads: the largest number of profiles to read in one run; the people of others wait for the next one
    :param cache: the profiles of earlier runs
    """

    channels: tuple[str, ...] = ()
    channels_elsewhere: bool = False
    profile_fields: Mapping[str, str] = field(default_factory=empty_mapping)
    max_profile_reads: int = 1000
    cache: ProfileCache | None = None


def read_slack_directory(workspace: Workspace, extras: SlackExtras | None = None) -> Directory:
    """Return the members of a workspace as a directory.

    The directory's groups are the user groups, if the token has the scope ``usergroups:read``; without them, a sync whose
    scope names a group fails. Channels and custom profile fields are read only if they are wanted::

        directory = read_slack_directory(
            SlackDirectoryHook("slack_api_default"), SlackExtras(profile_fields={"department": "Department"})
        )

    :param workspace: such as a ``SlackDirectoryHook``
    :raises WorkplaceError: members, groups or channels could not be read completely
    """
    extras = extras or SlackExtras()
    snapshot = workspace.directory_snapshot()
    groups: Sequence[UserGroup] = ()
    if _has_groups(snapshot.owner):
        groups = workspace.user_groups()
    else:
        log.info("User groups are not read: the token does not have the scope %s", GROUPS_SCOPE)
    channels = _read_channels(workspace, extras)
    profiles = Profiles()
    if extras.profile_fields:
        profiles = read_profiles(workspace, snapshot, extras.profile_fields, extras.max_profile_reads, extras.cache)
    return directory_of(snapshot, groups, channels=channels, profiles=profiles)


def _read_channels(workspace: Workspace, extras: SlackExtras) -> dict[tuple[str, ...], list[str]]:
    """Return the members of channels, by the names under which scopes know a channel."""
    found: dict[tuple[str, ...], list[str]] = {}
    for wanted in dict.fromkeys(extras.channels):
        try:
            (channel,) = workspace.find_channels([wanted])
        except NotFound:
            if not extras.channels_elsewhere:
                raise
            continue
        names = (channel.id, *([channel_name(channel.name)] if channel.name else []))
        found[names] = workspace.channel_members(channel.id)
    return found


def refresh_people(
    workspace: PeopleWorkspace, directory: Directory, user_ids: Iterable[str], profile_fields: Mapping[str, str]
) -> tuple[Directory, list[str]]:
    """Return a directory in which some people are as Slack has them now, and the keys of those who differ.

    Groups are read again, and of channels those that the directory has. Members who no longer exist are left as they were.

    :param directory: all members, as they were read earlier
    :param user_ids: the members to read
    :param profile_fields: see :class:`SlackExtras`
    :raises Forbidden: the token cannot see e-mail addresses
    :raises ValueError: the directory is another workspace's
    """
    owner = workspace.token_owner()
    source = f"slack:{owner.enterprise_id or owner.team_id}"
    if source != directory.source:
        raise ValueError(f"The directory is {directory.source}, and the connection is that of {source}. Check slack_conn_id")
    check_email_scope(owner)
    refresh = _Refresh(workspace, directory, source, profile_fields, has_groups=_has_groups(owner))
    known = {identity.key: identity for identity in directory.identities}
    changed: list[str] = []
    for user_id in dict.fromkeys(user_ids):
        identity = refresh.read(user_id)
        if identity is not None and identity != known.get(identity.key):
            known[identity.key] = identity
            changed.append(identity.key)
    return (
        Directory.of(
            known.values(),
            source=source,
            taken_at=directory.taken_at,
            complete=directory.complete,
            emails_known=directory.emails_known,
            groups=directory.groups,
        ),
        changed,
    )


def _has_groups(owner: TokenOwner) -> bool:
    return owner.scopes is None or GROUPS_SCOPE in owner.scopes


class _Refresh:
    """Reads single members of a workspace as people of a directory."""

    def __init__(
        self,
        workspace: PeopleWorkspace,
        directory: Directory,
        source: str,
        profile_fields: Mapping[str, str],
        *,
        has_groups: bool,
    ) -> None:
        self._workspace = workspace
        self._source = source
        self._known_groups = frozenset(directory.groups)
        self._emails = {identity.key: identity.email for identity in directory.identities}
        groups = workspace.user_groups() if has_groups else ()
        self._groups = _memberships((tuple(_names(group)), group.users) for group in groups)
        self._fields = resolve_fields(workspace.profile_fields(), profile_fields) if profile_fields else {}

    def read(self, user_id: str) -> Identity | None:
        """Return a person; ``None`` for a member who does not exist."""
        try:
            user = self._workspace.member(user_id)
        except NotFound:
            log.warning("The member %s does not exist (any more)", user_id)
            return None
        names = tuple(sorted({*self._groups.get(user.id, ()), *self._channels(user)}))
        return _identity(user, self._source, names, self._profiles(user))

    def _channels(self, user: SlackUser) -> set[str]:
        if user.deleted or not any(name.startswith("#") for name in self._known_groups):
            return set()
        channels = self._workspace.member_channels(user.id)
        names = {name for channel in channels for name in (channel.id, channel_name(channel.name or channel.id))}
        return names & self._known_groups

    def _profiles(self, user: SlackUser) -> Profiles:
        if not self._fields:
            return Profiles()
        if classify(user) not in PEOPLE_WITH_PROFILES:
            return Profiles(without=dict.fromkeys(self._fields, ""))
        profile = CachedProfile(user.updated, user.fields or self._workspace.user_fields(user.id))
        return Profiles({user.id: attributes_of(profile, self._fields, self._emails)})


def directory_of(
    snapshot: DirectorySnapshot,
    groups: Sequence[UserGroup] = (),
    *,
    channels: Mapping[tuple[str, ...], Sequence[str]] = MappingProxyType({}),
    profiles: Profiles | None = None,
) -> Directory:
    """Return the members of a snapshot as a directory.

    In an Enterprise organization, a person has one id in each workspace and one in the organization. Accounts are marked
    with the latter, such as ``slack:E1:W1``, and elsewhere with ``slack:T1:U1``.

    :param snapshot: all members of a workspace
    :param groups: its user groups, known by their handles and their ids
    :param channels: members of channels, by the channel's names
    :param profiles: values of custom profile fields
    :raises ValueError: two members have the same id
    """
    place = snapshot.owner.enterprise_id or snapshot.owner.team_id
    named = [(tuple(_names(group)), group.users) for group in groups]
    memberships = _memberships([*named, *channels.items()])
    profiles = profiles or Profiles()
    return Directory.of(
        (_identity(user, f"slack:{place}", memberships.get(user.id, ()), profiles) for user in snapshot.users),
        source=f"slack:{place}",
        taken_at=snapshot.taken_at,
        complete=True,
        groups=[name for names, _ in [*named, *channels.items()] for name in names],
    )


def _identity(user: SlackUser, source: str, groups: tuple[str, ...], profiles: Profiles) -> Identity:
    shown = user.display_name or user.real_name
    return Identity(
        key=user.id,
        external_id=f"{source}:{user.lasting_id}",
        user_name=user.name,
        display_name=shown,
        # One object for equal names, which saves memory for 100,000 people.
        full_name=shown if user.real_name == shown else user.real_name,
        given=user.first_name,
        family=user.last_name,
        email=user.email,
        email_confirmed=user.is_email_confirmed,
        kind=_KINDS[classify(user)],
        active=not user.deleted,
        groups=groups,
        title=user.title,
        tz=user.tz,
        attributes=profiles.attributes.get(user.id, profiles.without),
        hold=PROFILE_NOT_READ if user.id in profiles.unread else "",
    )


def _memberships(groups: Iterable[tuple[tuple[str, ...], Sequence[str]]]) -> dict[str, tuple[str, ...]]:
    """Return the names of each member's groups and channels, by the member's id."""
    found: dict[str, list[str]] = {}
    for names, user_ids in groups:
        for user_id in user_ids:
            found.setdefault(user_id, []).extend(names)
    return {user_id: tuple(sorted(names)) for user_id, names in found.items()}


def _names(group: UserGroup) -> list[str]:
    return [name for name in (group.id, group.handle) if name]
