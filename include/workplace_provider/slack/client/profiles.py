"""Custom fields of profiles, such as department and manager, and the members of channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from workplace_provider.http.errors import BadResponse
from workplace_provider.slack.client.api_response import SYSTEM
from workplace_provider.slack.client.names import Channel
from workplace_provider.slack.client.users import Member, SlackUser, custom_fields

if TYPE_CHECKING:
    from workplace_provider.slack.client.reader import SlackReader


class ProfileField(msgspec.Struct, frozen=True, kw_only=True):
    """A custom field of profiles.

    :param id: id such as ``Xf0DEPT``
    :param label: the name that people see
    :param type: such as ``text``, ``options_list``, or ``user`` for ids of members
    """

    id: str
    label: str = ""
    type: str = ""


class _TeamProfile(msgspec.Struct):
    fields: list[ProfileField] = []


class _Profile(msgspec.Struct):
    fields: Any = None


def profile_fields(reader: SlackReader, *, team_id: str | None = None) -> Sequence[ProfileField]:
    """Return the custom fields of a workspace.

    :param team_id: workspace; required with a token of an Enterprise organization
    :raises WorkplaceError: the request failed, for example without the scope ``users.profile:read``
    """
    profile: _TeamProfile = reader.get("team.profile.get", "profile", _TeamProfile, {"team_id": team_id})
    return profile.fields


def user_fields(reader: SlackReader, user_id: str) -> dict[str, str]:
    """Return the values of a member's custom fields by id.

    Labels are not requested: Slack limits the rate of such calls heavily (Slack API, users.profile.get).

    :raises WorkplaceError: the request failed
    """
    profile: _Profile = reader.get("users.profile.get", "profile", _Profile, {"user": user_id})
    return custom_fields(profile.fields)


def member(reader: SlackReader, user_id: str) -> SlackUser:
    """Return a member as Slack has it now.

    :raises NotFound: there is no such member
    """
    found: Member = reader.get("users.info", "user", Member, {"user": user_id})
    return found.slim()


def member_channels(reader: SlackReader, user_id: str) -> list[Channel]:
    """Return the channels of a member that the app can see.

    :raises WorkplaceError: the list could not be read completely
    """
    params = {"user": user_id, "types": "public_channel,private_channel"}
    return [
        channel
        for page in reader.paginate("users.conversations", "channels", params, kind=Channel)
        for channel in page.items
    ]


def channel_members(reader: SlackReader, channel_id: str) -> list[str]:
    """Return the ids of all members of a channel.

    :raises WorkplaceError: the list could not be read completely
    """
    pages = reader.paginate("conversations.members", "members", {"channel": channel_id}, kind=str)
    members = [user_id for page in pages for user_id in page.items]
    if not members:
        # The app itself is a member of a channel that it reads, or the channel has people.
        raise BadResponse("the channel has no members", system=SYSTEM, method="GET")
    return members
