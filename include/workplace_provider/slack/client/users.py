"""The members of a workspace, their kinds (person, guest, bot, deactivated …), and user groups."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from workplace_provider.slack.client.reader import SlackReader

SLACKBOT: Final = "USLACKBOT"
GROUPS_SCOPE: Final = "usergroups:read"
LONGEST_FIELD: Final = 1000
"""Characters that are kept of a custom field of a profile."""


class MemberKind(StrEnum):
    """The kind of a workspace member."""

    PERSON = "person"
    UNCONFIRMED = "unconfirmed"
    """A person who has not confirmed the e-mail address. Slack reports this for active people too."""
    INVITED = "invited"
    GUEST = "guest"
    """A guest in several channels."""
    SINGLE_CHANNEL_GUEST = "single_channel_guest"
    DEACTIVATED = "deactivated"
    STRANGER = "stranger"
    """A member of another organization, seen in a shared channel."""
    BOT = "bot"
    APP = "app"
    """The bot of an app."""
    WORKFLOW_BOT = "workflow_bot"
    SLACKBOT = "slackbot"


class SlackUser(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True, omit_defaults=True):
    """The fields that are kept of a member. Texts that Slack omits are empty.

    :param id: id in the workspace
    :param team: workspace
    :param name: handle
    :param real_name: full name
    :param display_name: name that the person chose
    :param first_name: given name
    :param last_name: family name
    :param email: e-mail address; empty without the scope ``users:read.email``
    :param title: job title
    :param tz: time zone, such as ``Asia/Seoul``
    :param enterprise_id: id in the Enterprise organization, where it is the stable one
    :param app_id: app that the bot belongs to
    :param updated: time of the last profile change, in seconds since 1970
    :param is_email_confirmed: ``None`` where Slack omits it, as for deactivated accounts
    :param fields: values of custom fields of the profile by id, if Slack sent them
    :param is_app_user: the member has authorized the calling app. People do this, so it does not identify apps
    """

    id: str
    team: str = ""
    name: str = ""
    real_name: str = ""
    display_name: str = ""
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    title: str = ""
    tz: str = ""
    enterprise_id: str = ""
    app_id: str = ""
    updated: int = 0
    deleted: bool = False
    is_bot: bool = False
    is_app_user: bool = False
    is_workflow_bot: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    is_invited_user: bool = False
    is_email_confirmed: bool | None = None
    fields: dict[str, str] = {}

    @property
    def lasting_id(self) -> str:
        """The id that does not change: the one in the Enterprise organization if there is one."""
        return self.enterprise_id or self.id

    @property
    def shown_name(self) -> str:
        """The name shown in channels."""
        return self.display_name or self.real_name or self.name or self.id


def classify(user: SlackUser) -> MemberKind:
    """Return the kind of a member.

    Slackbot is found by its id, since its ``is_bot`` is false. ``is_app_user`` is ignored: it is true for people who
    authorized the calling app.
    """
    if user.id == SLACKBOT:
        return MemberKind.SLACKBOT
    if user.is_workflow_bot:
        return MemberKind.WORKFLOW_BOT
    if user.is_bot:
        return MemberKind.APP if user.app_id else MemberKind.BOT
    if user.is_stranger:
        return MemberKind.STRANGER
    if user.deleted:
        return MemberKind.DEACTIVATED
    if user.is_invited_user:
        return MemberKind.INVITED
    if user.is_ultra_restricted:  # is_restricted is true for these as well
        return MemberKind.SINGLE_CHANNEL_GUEST
    if user.is_restricted:
        return MemberKind.GUEST
    return MemberKind.UNCONFIRMED if user.is_email_confirmed is False else MemberKind.PERSON


class _Profile(msgspec.Struct, gc=False):
    real_name: str | None = None
    display_name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    title: str | None = None
    api_app_id: str | None = None
    fields: Any = None


class _EnterpriseUser(msgspec.Struct, gc=False):
    id: str | None = None
    teams: list[str] | None = None


class Member(msgspec.Struct, gc=False):
    """A member as Slack returns it. Texts may be absent, ``null`` or empty."""

    id: str
    team_id: str | None = None
    name: str | None = None
    real_name: str | None = None
    tz: str | None = None
    profile: _Profile | None = None
    enterprise_user: _EnterpriseUser | None = None
    updated: int | float | None = None
    deleted: bool | None = None
    is_bot: bool | None = None
    is_app_user: bool | None = None
    is_workflow_bot: bool | None = None
    is_restricted: bool | None = None
    is_ultra_restricted: bool | None = None
    is_stranger: bool | None = None
    is_invited_user: bool | None = None
    is_email_confirmed: bool | None = None

    def slim(self) -> SlackUser:
        """Return the fields that are kept."""
        profile = self.profile or _Profile()
        return SlackUser(
            id=self.id,
            team=self.team_id or "",
            name=self.name or "",
            real_name=profile.real_name or self.real_name or "",
            display_name=profile.display_name or "",
            first_name=profile.first_name or "",
            last_name=profile.last_name or "",
            email=profile.email or "",
            title=profile.title or "",
            tz=self.tz or "",
            enterprise_id=(self.enterprise_user and self.enterprise_user.id) or "",
            app_id=profile.api_app_id or "",
            updated=int(self.updated or 0),
            deleted=bool(self.deleted),
            is_bot=bool(self.is_bot),
            is_app_user=bool(self.is_app_user),
            is_workflow_bot=bool(self.is_workflow_bot),
            is_restricted=bool(self.is_restricted),
            is_ultra_restricted=bool(self.is_ultra_restricted),
            is_stranger=bool(self.is_stranger),
            is_invited_user=bool(self.is_invited_user),
            is_email_confirmed=self.is_email_confirmed,
            fields=custom_fields(profile.fields),
        )


def custom_fields(fields: Any) -> dict[str, str]:
    """Return the values of the custom fields of a profile by id. Without any, Slack sends an empty list or null."""
    if not isinstance(fields, dict):
        return {}
    values = {str(name): field.get("value") for name, field in fields.items() if isinstance(field, dict)}
    return {
        name: value.strip()[:LONGEST_FIELD] for name, value in values.items() if isinstance(value, str) and value.strip()
    }


def iter_users(reader: SlackReader, *, team_id: str | None = None) -> Iterator[SlackUser]:
    """Iterate over all members of a workspace: people, guests, bots and deactivated accounts.

    :param team_id: workspace; required with a token of an Enterprise organization
    :raises WorkplaceError: a page could not be read
    """
    for page in reader.paginate("users.list", "members", {"team_id": team_id}, kind=Member):
        for member in page.items:
            yield member.slim()


class UserGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A user group, which people mention by a handle such as ``@analysts``.

    :param handle: handle without ``@``
    :param users: ids of the members
    """

    id: str
    handle: str = ""
    name: str = ""
    users: list[str] = []


def user_groups(
    reader: SlackReader, *, team_id: str | None = None, members: bool = True, disabled: bool = False
) -> list[UserGroup]:
    """Return the user groups. Slack returns all of them in one response.

    :param team_id: workspace; required with a token of an Enterprise organization
    :param members: return the ids of their members
    :param disabled: include groups that were disabled, which older messages mention
    :raises WorkplaceError: the request failed, for example without the scope ``usergroups:read``
    """
    groups: list[UserGroup] = reader.get(
        "usergroups.list",
        "usergroups",
        list[UserGroup],
        {"include_users": members, "include_disabled": disabled, "team_id": team_id},
    )
    return groups
