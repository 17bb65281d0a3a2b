"""Names instead of ids: of the people who wrote or are mentioned, and of channels."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from workplace_provider.http.errors import Forbidden, NotFound
from workplace_provider.http.redaction import get_logger
from workplace_provider.slack.client.answers import SYSTEM
from workplace_provider.slack.client.groups import user_groups
from workplace_provider.slack.client.users import Member

if TYPE_CHECKING:
    from workplace_provider.slack.client.reader import SlackReader

log = get_logger("workplace_provider.slack")

FEW: Final = 20
"""Up to so many people are asked for one by one; more are looked for in the directory, which has up to 999 on a page."""
_CHANNEL_ID: Final = re.compile(r"[CGD][A-Z0-9]{2,}")


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A channel: its id, and its name without ``#``."""

    id: str
    name: str | None = None
    is_private: bool | None = None
    is_archived: bool | None = None

    @property
    def shown_name(self) -> str:
        """The name; the id where there is none."""
        return self.name or self.id


class SlackNames:
    """Finds out names and remembers them. Who or what cannot be found goes by the id.

    :param reader: reads from the workspace
    :param team_id: workspace, which a token of an Enterprise organization must name
    """

    def __init__(self, reader: SlackReader, *, team_id: str | None = None) -> None:
        self._reader = reader
        self._team_id = team_id
        self._users: dict[str, str] = {}
        self._channels: dict[str, Channel] = {}
        self._groups: dict[str, str] | None = None

    def user(self, user_id: str) -> str:
        """The name of a person, as the channel shows it."""
        return self._users.get(user_id, user_id)

    def channel(self, channel_id: str) -> str:
        """The name of a channel, without ``#``."""
        known = self._channels.get(channel_id)
        return known.shown_name if known else channel_id

    def group(self, group_id: str) -> str:
        """The handle of a user group, without ``@``."""
        return (self._groups or {}).get(group_id) or group_id

    def learn_groups(self, group_ids: Iterable[str]) -> None:
        """Find out the handles of user groups; without the scope ``usergroups:read`` they go by their ids.

        :raises WorkplaceError: Slack could not be asked
        """
        if self._groups is not None or not set(group_ids):
            return
        try:
            groups = user_groups(self._reader, team_id=self._team_id)
        except Forbidden as error:
            if error.code != "missing_scope":
                raise
            log.warning("user groups are written as ids: %s", error)
            groups = []
        self._groups = {group.id: group.handle or group.name for group in groups}

    def learn_users(self, user_ids: Iterable[str]) -> None:
        """Find out the names of people who are not known yet.

        :raises WorkplaceError: Slack could not be asked
        """
        missing = set(user_ids) - self._users.keys()
        if len(missing) > FEW:
            for page in self._reader.paginate("users.list", "members", {"team_id": self._team_id}, kind=Member):
                self._users |= {each.id: each.slim().shown_name for each in page.items if each.id in missing}
                missing -= self._users.keys()
                if len(missing) <= FEW:
                    break
        for user_id in sorted(missing):
            self._users[user_id] = self._asked_user(user_id)

    def learn_channels(self, channel_ids: Iterable[str]) -> None:
        """Find out the names of channels that are not known yet.

        :raises WorkplaceError: Slack could not be asked
        """
        for channel_id in sorted(set(channel_ids) - self._channels.keys()):
            try:
                self._channels[channel_id] = self._asked_channel(channel_id)
            except (NotFound, Forbidden):
                self._channels[channel_id] = Channel(id=channel_id)

    def channels(self, wanted: Sequence[str]) -> list[Channel]:
        """The channels that a person named.

        :param wanted: ids, or names with or without ``#``
        :raises NotFound: there is no such channel, or the app may not see it
        """
        ids = {each: each.strip() for each in wanted if is_channel_id(each)}
        by_name = self._named([_name(each) for each in wanted if each not in ids])
        return [self._known(ids[each]) if each in ids else by_name[_name(each)] for each in dict.fromkeys(wanted)]

    def _known(self, channel_id: str) -> Channel:
        if channel_id not in self._channels:
            try:
                self._channels[channel_id] = self._asked_channel(channel_id)
            except Forbidden as error:
                # Reading messages and reading about channels are two scopes; the id is enough for the first.
                if error.code != "missing_scope":
                    raise
                self._channels[channel_id] = Channel(id=channel_id)
        return self._channels[channel_id]

    def _named(self, names: Sequence[str]) -> dict[str, Channel]:
        missing = set(names)
        if not missing:
            return {}
        found: dict[str, Channel] = {}
        try:
            self._search("public_channel,private_channel", missing, found)
        except Forbidden as error:
            if error.code != "missing_scope":
                raise
            self._search("public_channel", missing, found)
        if lost := [each for each in names if each not in found]:
            raise NotFound(
                f"there is no channel {', '.join('#' + each for each in lost)} that the app can see",
                system=SYSTEM,
                method="GET",
                code="channel_not_found",
                advice="check the name; invite the app to a private channel, and give it the scope groups:read",
            )
        return found

    def _search(self, types: str, missing: set[str], found: dict[str, Channel]) -> None:
        params = {"types": types, "team_id": self._team_id}
        for page in self._reader.paginate("conversations.list", "channels", params, kind=Channel):
            for channel in page.items:
                self._channels[channel.id] = channel
                # A name is free again once its channel is archived and renamed; a living one goes first.
                name = _name(channel.name or "")
                if name in missing and (name not in found or found[name].is_archived):
                    found[name] = channel
            if all(name in found and not found[name].is_archived for name in missing):
                return

    def _asked_user(self, user_id: str) -> str:
        try:
            member: Member = self._reader.get("users.info", "user", Member, {"user": user_id})
        except NotFound:
            return user_id
        return member.slim().shown_name

    def _asked_channel(self, channel_id: str) -> Channel:
        found: Any = self._reader.get("conversations.info", "channel", Channel, {"channel": channel_id})
        return Channel(id=channel_id, name=found.name, is_private=found.is_private, is_archived=found.is_archived)


def is_channel_id(channel: str) -> bool:
    """Return whether this looks like the id of a channel, and not like its name."""
    return _CHANNEL_ID.fullmatch(channel.strip()) is not None


def _name(text: str) -> str:
    """A channel's name in the form to compare by: macOS sends Korean letters in pieces."""
    return unicodedata.normalize("NFC", text.strip().removeprefix("#")).lower()
