"""Names for the ids of people, channels and user groups."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from workplace_provider.http.errors import Forbidden, NotFound
from workplace_provider.http.redaction import get_logger
from workplace_provider.slack.client.api_response import SYSTEM
from workplace_provider.slack.client.users import Member, user_groups

if TYPE_CHECKING:
    from workplace_provider.slack.client.reader import SlackReader

log = get_logger("workplace_provider.slack")

FEW: Final = 20
"""Up to this many people are requested one by one; more are looked up in the member list, with up to 999 per page."""
_CHANNEL_ID: Final = re.compile(r"[CGD][A-Z0-9]{2,}")


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A channel: its id, and its name without ``#``."""

    id: str
    name: str | None = None
    is_private: bool | None = None
    is_archived: bool | None = None

    @property
    def shown_name(self) -> str:
        """The name; the id if Slack did not return a name."""
        return self.name or self.id


class SlackNames:
    """A cache of names. The name of anything that cannot be found is its id.

    ::

        names = SlackNames(reader)
        names.learn_users(["U0ANNA"])
        names.user("U0ANNA")  # "Anna Kim"

    :param reader: reads from the workspace
    :param team_id: workspace; required with a token of an Enterprise organization
    """

    def __init__(self, reader: SlackReader, *, team_id: str | None = None) -> None:
        self._reader = reader
        self._team_id = team_id
        self._users: dict[str, str] = {}
        self._channels: dict[str, Channel] = {}
        self._groups: dict[str, str] | None = None

    def user(self, user_id: str) -> str:
        """Return the display name of a person."""
        return self._users.get(user_id, user_id)

    def channel(self, channel_id: str) -> str:
        """Return the name of a channel, without ``#``."""
        known = self._channels.get(channel_id)
        return known.shown_name if known else channel_id

    def group(self, group_id: str) -> str:
        """Return the handle of a user group, without ``@``."""
        return (self._groups or {}).get(group_id) or group_id

    def learn_groups(self, group_ids: Iterable[str]) -> None:
        """Look up the handles of user groups, also of disabled ones, which older messages mention.

        Without the scope ``usergroups:read``, and in a plan without user groups, ids are used instead.

        :raises WorkplaceError: the request failed
        """
        if self._groups is not None or not set(group_ids):
            return
        try:
            groups = user_groups(self._reader, team_id=self._team_id, members=False, disabled=True)
        except Forbidden as error:
            if error.code not in ("missing_scope", "plan_upgrade_required"):
                raise
            log.warning("user groups are shown as ids: %s", error)
            groups = []
        self._groups = {group.id: group.handle or group.name for group in groups}

    def learn_users(self, user_ids: Iterable[str]) -> None:
        """Look up the names of people that are not in the cache yet.

        :raises WorkplaceError: the request failed
        """
        missing = set(user_ids) - self._users.keys()
        if len(missing) > FEW:
            for page in self._reader.paginate("users.list", "members", {"team_id": self._team_id}, kind=Member):
                self._users |= {member.id: member.slim().shown_name for member in page.items if member.id in missing}
                missing -= self._users.keys()
                if len(missing) <= FEW:
                    break
        for user_id in sorted(missing):
            self._users[user_id] = self._fetch_user_name(user_id)

    def learn_channels(self, channel_ids: Iterable[str]) -> None:
        """Look up the names of channels that are not in the cache yet.

        :raises WorkplaceError: the request failed
        """
        for channel_id in sorted(set(channel_ids) - self._channels.keys()):
            try:
                self._channels[channel_id] = self._fetch_channel(channel_id)
            except (NotFound, Forbidden):
                self._channels[channel_id] = Channel(id=channel_id)

    def channels(self, channels: Sequence[str]) -> list[Channel]:
        """Return channels by id or name.

        :param channels: ids, or names with or without ``#``
        :raises NotFound: a channel does not exist, or the app cannot see it
        """
        ids = {channel: channel.strip() for channel in channels if is_channel_id(channel)}
        by_name = self._find_by_name([_name(channel) for channel in channels if channel not in ids])
        return [
            self._by_id(ids[channel]) if channel in ids else by_name[_name(channel)] for channel in dict.fromkeys(channels)
        ]

    def _by_id(self, channel_id: str) -> Channel:
        if channel_id not in self._channels:
            try:
                self._channels[channel_id] = self._fetch_channel(channel_id)
            except Forbidden as error:
                # channels:read is not needed to read messages; the id is enough for that.
                if error.code != "missing_scope":
                    raise
                self._channels[channel_id] = Channel(id=channel_id)
        return self._channels[channel_id]

    def _find_by_name(self, names: Sequence[str]) -> dict[str, Channel]:
        missing = set(names)
        if not missing:
            return {}
        by_name: dict[str, Channel] = {}
        try:
            self._search("public_channel,private_channel", missing, by_name)
        except Forbidden as error:
            if error.code != "missing_scope":
                raise
            self._search("public_channel", missing, by_name)
        if unknown := [name for name in names if name not in by_name]:
            raise NotFound(
                f"the app cannot see a channel {', '.join('#' + name for name in unknown)}",
                system=SYSTEM,
                method="GET",
                code="channel_not_found",
                advice="check the name; for a private channel, invite the app and add the scope groups:read",
            )
        return by_name

    def _search(self, types: str, missing: set[str], by_name: dict[str, Channel]) -> None:
        params = {"types": types, "team_id": self._team_id}
        for page in self._reader.paginate("conversations.list", "channels", params, kind=Channel):
            for channel in page.items:
                self._channels[channel.id] = channel
                # The name of an archived channel can be used again, so an active channel takes precedence.
                name = _name(channel.name or "")
                if name in missing and (name not in by_name or by_name[name].is_archived):
                    by_name[name] = channel
            if all(name in by_name and not by_name[name].is_archived for name in missing):
                return

    def _fetch_user_name(self, user_id: str) -> str:
        try:
            member: Member = self._reader.get("users.info", "user", Member, {"user": user_id})
        except NotFound:
            return user_id
        return member.slim().shown_name

    def _fetch_channel(self, channel_id: str) -> Channel:
        channel: Any = self._reader.get("conversations.info", "channel", Channel, {"channel": channel_id})
        return Channel(id=channel_id, name=channel.name, is_private=channel.is_private, is_archived=channel.is_archived)


def is_channel_id(channel: str) -> bool:
    """Return whether a text is the id of a channel, not a name."""
    return _CHANNEL_ID.fullmatch(channel.strip()) is not None


def _name(text: str) -> str:
    """Return a channel's name for comparison, composed: macOS sends Korean letters decomposed (NFD)."""
    return unicodedata.normalize("NFC", text.strip().removeprefix("#")).lower()
