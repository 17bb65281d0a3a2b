"""Lookup of members, user groups and channels in Slack, for the allow-lists of a bot."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from workplace_provider.http.errors import Forbidden, NotFound
from workplace_provider.slack.bot_access import FULL_MEMBER, GUEST, NO_PERSON, OUTSIDER, Person
from workplace_provider.slack.client.users import Member, MemberKind, classify, user_groups

if TYPE_CHECKING:
    from workplace_provider.slack.client.names import SlackNames
    from workplace_provider.slack.client.reader import SlackReader
    from workplace_provider.slack.client.users import UserGroup

_FULL = (MemberKind.PERSON, MemberKind.UNCONFIRMED)
_GUESTS = (MemberKind.GUEST, MemberKind.SINGLE_CHANNEL_GUEST, MemberKind.INVITED)


class Workspace(Protocol):
    """A workspace in which people are looked up."""

    team_id: str | None

    @property
    def reader(self) -> SlackReader:
        """Reader with the app's token."""

    @property
    def names(self) -> SlackNames:
        """Channels by name."""


class WorkspacePeople:
    """A lookup that requests each person, group and channel once, when it is needed.

    :param workspace: workspace to read with the app's token, such as ``SlackDirectoryHook``. The token needs ``users:read``,
        and ``usergroups:read`` for groups
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._people: dict[tuple[str, str], Person] = {}

    def person(self, user_id: str, user_team: str) -> Person:
        """Return a person with their kind in the app's workspace.

        :raises WorkplaceError: the request failed
        """
        key = (user_id, user_team)
        if key not in self._people:
            self._people[key] = Person(user_id, self._kind(user_id, user_team))
        return self._people[key]

    def group_members(self, groups: Sequence[str]) -> Collection[str]:
        """Return the ids of the members of user groups.

        :raises NotFound: a group does not exist
        """
        names = [group.strip().removeprefix("@") for group in groups]
        by_name = {name: group for group in self._groups for name in (group.id, group.handle)}
        if unknown := [name for name in names if name not in by_name]:
            raise NotFound(
                f"no user group {', '.join(unknown)} in Slack",
                system="Slack",
                code="no_such_subteam",
                advice="check the handle in the command's access list",
            )
        return {user for name in names for user in by_name[name].users}

    def channel_ids(self, channels: Sequence[str]) -> Collection[str]:
        """Return the ids of channels.

        :raises NotFound: a channel does not exist, or the app cannot see it
        """
        return [channel.id for channel in self._workspace.names.channels(channels)]

    def _kind(self, user_id: str, user_team: str) -> str:
        try:
            member: Member = self._workspace.reader.get("users.info", "user", Member, {"user": user_id})
        except NotFound:
            return OUTSIDER
        except Forbidden as error:
            # Slack hides people of other companies from apps.
            if error.code in ("user_not_visible", "user_not_found"):
                return OUTSIDER
            raise
        enterprise = member.enterprise_user
        teams = {member.team_id, *((enterprise and enterprise.teams) or ())}
        if self._team not in teams or (user_team and user_team not in teams | {self._team}):
            return OUTSIDER
        kind = classify(member.slim())
        if kind is MemberKind.STRANGER:
            return OUTSIDER
        return FULL_MEMBER if kind in _FULL else GUEST if kind in _GUESTS else NO_PERSON

    @cached_property
    def _team(self) -> str:
        return self._workspace.team_id or self._workspace.reader.token_owner().team_id

    @cached_property
    def _groups(self) -> list[UserGroup]:
        return user_groups(self._workspace.reader, team_id=self._workspace.team_id)
