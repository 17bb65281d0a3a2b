"""Controls of the Slack workspace for tests and demos: add or remove people, post messages, change the paging."""

from __future__ import annotations

import io
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from workplace_sandbox.faults import Fault
from workplace_sandbox.model import SlackUser
from workplace_sandbox.slack.commands import Composer
from workplace_sandbox.slack.representation import CUSTOM_FIELDS
from workplace_sandbox.slack.schedule import post_due
from workplace_sandbox.slack.sockets import Delivery
from workplace_sandbox.slack.workspace import API_PATH, PAGE_BEHAVIOURS, PageBehaviour, SlackBehaviour
from workplace_sandbox.state.database import now
from workplace_sandbox.state.errors import NotFoundError
from workplace_sandbox.state.slack_ids import slack_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from workplace_sandbox.faults import FaultBoard
    from workplace_sandbox.model import (
        EphemeralMessage,
        ScheduledMessage,
        SlackChannel,
        SlackFile,
        SlackMessage,
        SlackUserGroup,
        SlackUserKind,
    )
    from workplace_sandbox.slack.response_urls import ResponseUrls
    from workplace_sandbox.slack.sockets import DisconnectReason, SocketMode
    from workplace_sandbox.slack.views import View
    from workplace_sandbox.store import Store

OVER_HTTP = frozenset(
    {
        "add_channel", "add_people", "add_person", "add_user_group", "archive", "behave_well", "click", "command",
        "deactivate", "disconnect", "drop_sockets", "post_scheduled", "ratelimit", "react", "reactivate", "refuse_sockets",
        "remove", "remove_reaction", "rename", "say", "set_page_behaviour", "set_redelivery", "set_share_after",
        "socket_count", "write",
    }
)  # fmt: skip
"""The actions that other processes may call: ``POST /_sandbox/slack/<action>`` with the arguments as JSON."""


class SlackControls:
    """The workspace's controls. A person is given by id or name, a channel by id or name with or without ``#``.

    :param store: the state.
    :param faults: the fault rules, for rate limits.
    :param sockets: the app's connections of Socket Mode.
    :param responses: creates response URLs.
    """

    def __init__(self, store: Store, faults: FaultBoard, sockets: SocketMode, responses: ResponseUrls) -> None:
        self._store = store
        self._faults = faults
        self._sockets = sockets
        self._responses = responses
        self._composer = Composer(store, sockets, responses)
        self.behaviour = SlackBehaviour()

    @property
    def composer(self) -> Composer:
        """The input field of the channels."""
        return self._composer

    # --- behaviour

    @property
    def page_behaviour(self) -> PageBehaviour:
        """The paging of lists; see ``SlackBehaviour``."""
        return self.behaviour.pages

    @page_behaviour.setter
    def page_behaviour(self, behaviour: PageBehaviour) -> None:
        self.set_page_behaviour(behaviour)

    def set_page_behaviour(self, behaviour: PageBehaviour) -> None:
        """Change the paging of lists.

        :raises ValueError: there is no such paging.
        """
        if behaviour not in PAGE_BEHAVIOURS:
            raise ValueError(f"unknown page behaviour {behaviour!r}: one of {', '.join(PAGE_BEHAVIOURS)}")
        self.behaviour.pages = behaviour

    @property
    def share_after(self) -> int | None:
        """The number of ``files.info`` calls until an uploaded file is shared; None for never."""
        return self.behaviour.share_after

    @share_after.setter
    def share_after(self, looks: int | None) -> None:
        self.set_share_after(looks)

    def set_share_after(self, looks: int | None) -> None:
        """Change the number of ``files.info`` calls until an uploaded file is shared; None for never."""
        self.behaviour.share_after = looks

    def behave_well(self) -> None:
        """Restore the initial paging and uploads."""
        self.behaviour.pages, self.behaviour.share_after, self.behaviour.member_events = "full", 0, False

    def ratelimit(self, method: str, *, retry_after: int = 1, times: int | None = 1) -> int:
        """Respond to calls of a method with status 429, as Slack does.

        :param method: e.g. ``users.list``.
        :param retry_after: seconds.
        :param times: how many calls; None for all.
        :return: the id of the fault's rule.
        """
        path = f"^{API_PATH}{method}$".replace(".", r"\.")
        headers = {"Retry-After": str(retry_after), "Content-Type": "application/json; charset=utf-8"}
        body = '{"ok":false,"error":"ratelimited"}'
        return self._faults.add(Fault(path, "status", times=times, status=429, headers=headers, body=body))

    # --- people

    @property
    def people_count(self) -> int:
        """Return the number of members, bots and deactivated ones included."""
        return self._store.people_count()

    def person(self, who: str) -> SlackUser:
        """Return the member of that id or name.

        :raises NotFoundError: there is no such member.
        """
        member = self._store.person(who)
        if member is None:
            raise NotFoundError(who)
        return member

    def add_person(
        self, name: str, real_name: str = "", *, email: str | None = None, kind: SlackUserKind = "member", **facts: Any
    ) -> SlackUser:
        """Add a member.

        :param name: the user name, unique.
        :param real_name: the full name; the user name when empty.
        :param email: ``<name>@example.com`` when None, except for bots; empty for no address.
        :param kind: see ``SlackUserKind``.
        :param facts: other fields of ``SlackUser``; ``id`` is made from the name by default.
        :return: the member.
        """
        address = "" if kind in ("bot", "workflow_bot", "slackbot") else f"{name}@example.com"
        fields: dict[str, Any] = {"id": slack_id("U", name), "updated": int(now().timestamp())}
        fields |= {"real_name": real_name or name, "display_name": real_name or name} | facts
        person = SlackUser(name=name, email=address if email is None else email, kind=kind, **fields)
        self._store.put_people([person])
        return person

    def add_people(self, count: int, prefix: str = "member") -> int:
        """Add many ordinary members at once, e.g. 100,000.

        :param count: how many; members of an earlier call with the same prefix are kept, and counted in.
        :param prefix: the beginning of their names: ``member000001`` and so on.
        :return: the number of members afterwards.
        """
        stem = slack_id("U", prefix)[:5]

        def made() -> Iterator[SlackUser]:
            for number in range(1, count + 1):
                name = f"{prefix}{number:06d}"
                yield SlackUser(f"{stem}{number:06d}", name, f"Member {number}", name, f"{name}@example.com")

        self._store.put_people(made())
        return self.people_count

    def deactivate(self, who: str, *, forgotten: bool = False) -> SlackUser:
        """Deactivate a member, as an administrator does when a person leaves.

        :param forgotten: whether the person requested erasure, which removes the names and the address.
        """
        changes: dict[str, Any] = {"deleted": True, "forgotten": forgotten}
        if forgotten:
            changes |= {"real_name": "", "display_name": "", "email": ""}
        return self._store.change_person(who, **changes)

    def reactivate(self, who: str) -> SlackUser:
        """Reactivate a member."""
        return self._store.change_person(who, deleted=False, forgotten=False)

    def rename(self, who: str, real_name: str | None = None, **facts: Any) -> SlackUser:
        """Change a member's name, address or other fields of ``SlackUser``.

        :param real_name: the new full name, which becomes the display name too; unchanged when None.
        """
        names = {} if real_name is None else {"real_name": real_name, "display_name": real_name}
        return self._store.change_person(who, **(names | facts))

    def set_profile_fields(self, who: str, **values: str) -> SlackUser:
        """Set custom fields of a member's profile.

        :param values: values by the ids of ``PROFILE_FIELDS``, such as ``Xf0DEPT="분석"``.
        """
        person = self._store.person(who)
        extra = dict(person.extra) if person else {}
        return self._store.change_person(who, extra=extra | {CUSTOM_FIELDS: extra.get(CUSTOM_FIELDS, {}) | values})

    def remove(self, who: str) -> None:
        """Remove a member from the list without a trace, which Slack itself never does."""
        self._store.remove_person(who)

    def add_user_group(self, handle: str, name: str, members: Sequence[str], description: str = "") -> SlackUserGroup:
        """Create a user group, or change the one of that handle."""
        return self._store.put_user_group(handle, name, [self.person(who).id for who in members], description)

    # --- channels

    def channel(self, which: str) -> SlackChannel:
        """Return the channel of that id or name.

        :raises NotFoundError: there is no such channel.
        """
        record = self._store.channel(which)
        if record is None:
            raise NotFoundError(which)
        return record

    def add_channel(
        self,
        name: str,
        *,
        members: Sequence[str] = (),
        private: bool = False,
        archived: bool = False,
        topic: str = "",
        purpose: str = "",
        at: datetime | None = None,
    ) -> SlackChannel:
        """Create a channel.

        :param members: its members; the bot only if it is named.
        """
        users = [self.person(who).id for who in members]
        made = self._store.add_channel(
            name,
            kind="private_channel" if private else "public_channel",
            creator=users[0] if users else "",
            topic=topic,
            purpose=purpose,
            members=users,
            at=at,
        )
        return self.archive(made.id) if archived else made

    def archive(self, channel: str) -> SlackChannel:
        """Archive a channel."""
        self._store.set_archived(self.channel(channel).id)
        return self.channel(channel)

    # --- actions of people

    def say(
        self, channel: str, user: str, text: str, thread_ts: str | None = None, at: datetime | None = None, **extra: Any
    ) -> SlackMessage:
        """Post a message as a person, even one who is not in the channel.

        :param thread_ts: the parent, for a reply.
        :param at: when; now when None.
        :param extra: ``broadcast`` for a reply that goes to the channel too, ``subtype``, and other fields of the
            message:
            ``blocks``, ``attachments``, ``metadata``.
        :return: the message.
        """
        person = self.person(user)
        broadcast, subtype = bool(extra.pop("broadcast", False)), extra.pop("subtype", None)
        return self._store.post(
            self.channel(channel).id,
            text,
            username=person.shown_name,
            payload=extra,
            source="api" if person.is_bot else "system" if subtype else "person",
            user_id=person.id,
            thread_ts=thread_ts,
            broadcast=broadcast,
            subtype=subtype,
            at=at,
        )

    def edit(self, message: SlackMessage, text: str, at: datetime | None = None) -> SlackMessage:
        """Change a message as its author."""
        return self._store.edit_message(message, text, message.payload, message.user_id or "", at)

    def delete(self, message: SlackMessage) -> None:
        """Delete a message; a parent with replies leaves its placeholder."""
        self._store.delete_message(message)

    def react(self, channel: str, ts: str, name: str, user: str) -> None:
        """Add a person's reaction to a message."""
        self._store.react(self.channel(channel).id, ts, name, self.person(user).id)

    def remove_reaction(self, channel: str, ts: str, name: str, user: str) -> None:
        """Remove a person's reaction to a message."""
        self._store.remove_reaction(self.channel(channel).id, ts, name, self.person(user).id)

    def scheduled(self, channel: str) -> list[ScheduledMessage]:
        """Return the messages that will be posted in a channel."""
        return self._store.scheduled(self.channel(channel).id)

    def post_scheduled(self, at: datetime | None = None) -> int:
        """Post the scheduled messages that are due; every call of the Web API does so too.

        :param at: the time; now when None, a later one to wait no longer.
        :return: how many were due.
        """
        return post_due(self._store, at)

    def share_file(
        self,
        channel: str,
        user: str,
        filename: str,
        content: bytes,
        *,
        title: str | None = None,
        comment: str = "",
        thread_ts: str | None = None,
        at: datetime | None = None,
    ) -> SlackFile:
        """Share a file as a person.

        :param title: its title; the file's name when None.
        :param comment: the text of the message.
        :return: the file, with its message.
        """
        person = self.person(user)
        file_id = self._store.announce_file(person.id, filename, len(content), at)
        with self._store.stage_slack_file() as staged:
            staged.copy_from(io.BytesIO(content))
            self._store.take_slack_file(file_id, staged)
        self._store.complete_file(file_id, title)
        where = self.channel(channel).id
        self._store.share_files(
            [file_id], where, comment, person.id, username=person.shown_name, thread_ts=thread_ts, source="person", at=at
        )
        shared = self._store.slack_file(file_id)
        if shared is None:
            raise NotFoundError(file_id)
        return shared

    # --- Socket Mode

    def write(self, channel: str, user: str, typed: str, thread_ts: str | None = None) -> SlackMessage | Delivery:
        """Type text as a person: a message, in which ``@bot`` is the mention of the app, or a ``/command``."""
        return self._composer.write(self.channel(channel), self.person(user), typed, thread_ts)

    def command(self, channel: str, user: str, command: str, text: str = "") -> Delivery:
        """Call a slash command as a person; the app has every command.

        :param command: with its slash.
        """
        return self._composer.command(self.channel(channel), self.person(user), command, text)

    def create_response_url(self, channel_id: str, user_id: str, message_ts: str = "") -> str:
        """Create a response URL, as a command or an interaction brings it.

        :param message_ts: the message that the person clicked in; empty for a command.
        """
        return self._responses.create(channel_id, user_id, message_ts)

    def click(self, channel: str, user: str, ts: str, action_id: str) -> Delivery | None:
        """Click a button of a message as a person; None when the message has no such button any more."""
        return self._composer.interactions.click(self.channel(channel), self.person(user), ts, action_id)

    def open_view(self, trigger_id: str, view: dict[str, Any]) -> View:
        """Open a modal, as the app does with ``views.open``."""
        return self._composer.interactions.open(trigger_id, view)

    def close_view(self, view_id: str) -> None:
        """Close a view as the person who has it open."""
        self._composer.interactions.close(view_id)

    def modal(self, user: str) -> View | None:
        """Return the upper view of the modal that a person has open."""
        return self._composer.interactions.modal(self.person(user).id)

    def submit(self, user: str, **values: str) -> Delivery | None:
        """Submit the modal that a person has open.

        :param values: what they typed or chose, by the action id of the input.
        :return: the delivery; None when no modal is open.
        """
        view = self.modal(user)
        if view is None:
            return None
        blocks = [block for block in view.content["blocks"] if block.get("type") == "input"]
        keys = {block["element"]["action_id"]: (block["block_id"], block["element"]["action_id"]) for block in blocks}
        return self._composer.interactions.submit(view.id, {keys[name]: [value] for name, value in values.items()})

    def whispers(self, channel: str) -> list[EphemeralMessage]:
        """Return the messages in a channel that only one person sees."""
        return self._store.whispers(self.channel(channel).id)

    def deliveries(self, kind: str | None = None) -> list[Delivery]:
        """Return the deliveries to the app, with the time of their acknowledgement.

        :param kind: the type of ``event`` in the payload, or ``slash_commands``, ``interactive``; None for all.
        """
        all_deliveries = self._sockets.deliveries
        return [
            delivery
            for delivery in all_deliveries
            if kind in (None, delivery.kind, delivery.payload.get("event", {}).get("type"))
        ]

    def socket_count(self) -> int:
        """Return the number of the app's connections."""
        return self._sockets.connections

    def disconnect(self, reason: DisconnectReason = "refresh_requested", *, grace: float = 0.5) -> int:
        """Announce the end of all connections, and end them; Slack does so every few hours.

        :param reason: ``warning``, ``refresh_requested`` or ``link_disabled``.
        :param grace: seconds from the announcement to the end.
        :return: the number of connections.
        """
        return self._sockets.disconnect(reason, grace=grace)

    def drop_sockets(self) -> int:
        """End all connections without an announcement.

        :return: the number of connections.
        """
        return self._sockets.drop()

    def refuse_sockets(self, times: int = 1) -> None:
        """Refuse the next connections; their tickets are used up all the same."""
        self._sockets.behaviour.refusals = times

    def set_redelivery(self, *, after: float, times: int = 3) -> None:
        """Change the redelivery of events without an acknowledgement.

        :param after: seconds.
        :param times: the largest number of redeliveries.
        """
        self._sockets.behaviour.redeliver_after = after
        self._sockets.behaviour.redeliveries = times

    # --- for other processes

    def run(self, action: str, arguments: Mapping[str, Any]) -> Any:
        """Run an action for another process.

        :param action: name of a method; see ``OVER_HTTP``.
        :param arguments: by name; ``at`` in ISO 8601 with its offset.
        :return: the result as JSON.
        :raises NotFoundError: there is no such action, person or channel.
        :raises TypeError: the arguments do not fit.
        :raises ValueError: a value is invalid.
        """
        if action not in OVER_HTTP:
            raise NotFoundError(action)
        values = dict(arguments)
        if "at" in values:
            values["at"] = datetime.fromisoformat(values["at"])
        result = getattr(self, action)(**values)
        if isinstance(result, Delivery):
            return result.to_json()
        return asdict(result) if is_dataclass(result) and not isinstance(result, type) else {"result": result}
