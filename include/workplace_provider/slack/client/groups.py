"""The user groups of a workspace, which people mention by a handle such as ``@analysts``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from workplace_provider.slack.client.reader import SlackReader

GROUPS_SCOPE: Final = "usergroups:read"


class UserGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A user group.

    :param handle: what it is mentioned by, without ``@``
    :param users: ids of its members
    """

    id: str
    handle: str = ""
    name: str = ""
    users: list[str] = []


def user_groups(reader: SlackReader, *, team_id: str | None = None) -> list[UserGroup]:
    """The groups that are in use, with their members. Slack gives all of them at once.

    :param team_id: workspace, which a token of an Enterprise organization must name
    :raises WorkplaceError: they could not be had, such as without the scope ``usergroups:read``
    """
    found: list[UserGroup] = reader.get(
        "usergroups.list", "usergroups", list[UserGroup], {"include_users": True, "team_id": team_id}
    )
    return found
