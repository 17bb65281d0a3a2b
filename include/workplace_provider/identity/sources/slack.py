"""The members of a Slack workspace as a directory for account syncs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from workplace_provider.http.redaction import get_logger
from workplace_provider.identity.directory import Directory, Identity
from workplace_provider.identity.directory import MemberKind as IdentityKind
from workplace_provider.slack.client.users import GROUPS_SCOPE, MemberKind, SlackUser, classify

if TYPE_CHECKING:
    from workplace_provider.slack.client.directory import DirectorySnapshot
    from workplace_provider.slack.client.users import UserGroup

log = get_logger(__name__)

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


class Workspace(Protocol):
    """A reader of a workspace's members and user groups, such as ``SlackDirectoryHook``."""

    def directory_snapshot(self) -> DirectorySnapshot:
        """Return all members, or raise an error."""

    def user_groups(self) -> list[UserGroup]:
        """Return all user groups with their members, or raise an error."""


def read_slack_directory(workspace: Workspace) -> Directory:
    """Return the members of a workspace as a directory.

    The directory's groups are the user groups, if the token has the scope ``usergroups:read``; without them, a sync whose
    scope names a group fails::

        directory = read_slack_directory(SlackDirectoryHook("slack_api_default"))

    :param workspace: such as a ``SlackDirectoryHook``
    :raises WorkplaceError: members or groups could not be read completely
    """
    snapshot = workspace.directory_snapshot()
    if snapshot.scopes is not None and GROUPS_SCOPE not in snapshot.scopes:
        log.info("User groups are not read: the token does not have the scope %s", GROUPS_SCOPE)
        return directory_of(snapshot)
    return directory_of(snapshot, workspace.user_groups())


def directory_of(snapshot: DirectorySnapshot, groups: Sequence[UserGroup] = ()) -> Directory:
    """Return the members of a snapshot as a directory.

    In an Enterprise organization, a person has one id in each workspace and one in the organization. Accounts are marked
    with the latter, such as ``slack:E1:W1``, and elsewhere with ``slack:T1:U1``.

    :param snapshot: all members of a workspace
    :param groups: its user groups, known by their handles and their ids
    :raises ValueError: two members have the same id
    """
    place = snapshot.owner.enterprise_id or snapshot.owner.team_id
    memberships = _memberships(groups)
    return Directory.of(
        (_identity(user, f"slack:{place}", memberships.get(user.id, ())) for user in snapshot.users),
        source=f"slack:{place}",
        taken_at=snapshot.taken_at,
        complete=True,
        groups=[name for group in groups for name in _names(group)],
    )


def _identity(user: SlackUser, source: str, groups: tuple[str, ...]) -> Identity:
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
    )


def _memberships(groups: Iterable[UserGroup]) -> dict[str, tuple[str, ...]]:
    """Return the names of each member's groups, by the member's id."""
    found: dict[str, list[str]] = {}
    for group in groups:
        for user_id in group.users:
            found.setdefault(user_id, []).extend(_names(group))
    return {user_id: tuple(sorted(names)) for user_id, names in found.items()}


def _names(group: UserGroup) -> list[str]:
    return [name for name in (group.id, group.handle) if name]
