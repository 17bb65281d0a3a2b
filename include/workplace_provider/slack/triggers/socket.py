"""A trigger that starts DAGs when people write to a Slack app, react to a message, or click a button.

``SlackSocketProducer`` (``stream``) receives events for all triggers of an app; ``filter_shared_stream`` matches them for
one trigger; ``CatchUp`` drops duplicates and adds events that were missed; ``advance`` acknowledges to Slack.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Mapping, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent
from airflow.triggers.shared_stream import AdvanceItem, AdvanceOutcome

from workplace_provider.http.redaction import get_logger
from workplace_provider.slack.events import (
    APP_MENTION,
    BLOCK_ACTIONS,
    MEMBER_EVENTS,
    REACTIONS,
    SLASH_COMMANDS,
    EventMatch,
    check_kind,
)
from workplace_provider.slack.triggers.catch_up import CatchUp
from workplace_provider.slack.triggers.stream import ReceivedEvent, SlackSocketProducer, delay_failure

if TYPE_CHECKING:
    from workplace_provider.slack.client.names import Channel
    from workplace_provider.slack.events import SlackEvent
    from workplace_provider.slack.hooks.socket import SlackSocketModeHook
    from workplace_provider.slack.triggers.stream import StreamItem

log = get_logger("workplace_provider.slack")


class _SeenMembers:
    """The members whose events this trigger has seen: Slack sends ``user_change`` also for each new status."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, str]] = {}

    def has_changed(self, event: SlackEvent) -> bool:
        """Return whether an event may be news: it is not about a member, or the member's data differs from the last event.

        An event that Slack sends again is the same news.
        """
        if event.type not in MEMBER_EVENTS:
            return True
        event_id, digest = self._seen.get(event.user, ("", ""))
        self._seen[event.user] = (event.event_id, event.member_digest)
        return event_id == event.event_id or digest != event.member_digest


class SlackSocketModeTrigger(BaseEventTrigger):
    """An event trigger for ``AssetWatcher`` that fires for each matching message, command, reaction, click or member.

    ::

        Asset("slack_questions", watchers=[
            AssetWatcher("slack", SlackSocketModeTrigger(match={"channel": "#analytics", "pattern": "주간 보고"}))
        ])

    The triggers of one app share one WebSocket in a triggerer. An event is acknowledged when all of them have processed
    it and their trigger events are in Airflow's database; until then Slack sends it again. So delivery is at least once:
    after a failure an event may arrive twice, with the same ``event_id``.

    The payload is small JSON: ``type``, ``event_id``, ``channel``, ``user``, ``text``, ``ts``, ``thread_ts``,
    ``command``, ``team``, ``user_team`` and ``source``. The source is ``socket``, or ``backfill`` for a message that the
    socket did not deliver and that was read from its channel. A slash command also has ``sealed_response_url``: its
    response URL, encrypted with the bot's token, for ``SlackPostOperator``. A reaction has ``reaction`` and ``item_user``,
    and ``ts`` is the message that was reacted to. A click has ``action_id`` and ``value`` of the button, ``ts`` of its
    message, and ``sealed_response_url``. ``team_join`` and ``user_change`` have the member's id as ``user``; a change of
    status or picture alone does not fire.

    :param slack_app_conn_id: connection of type ``slack_app``
    :param events: event kinds, of :data:`~workplace_provider.slack.events.EVENT_KINDS`
    :param match: conditions, see :class:`~workplace_provider.slack.events.EventMatch`: a dictionary of ``event``,
        ``channel``, ``pattern``, ``command``, ``reaction``, ``user``, ``item_user`` and ``action``, or a list of
        dictionaries, one of which must match; also as JSON
    :param backfill_channels: channels, by id or name, whose messages are read after a downtime, and while another client
        of the app receives a part of the events
    :param backfill_hours: maximum age of those messages
    :param by_bots: include messages of other bots; the app's own messages are always excluded
    :param exclusive: fail if another client uses the same app and receives a part of the events. All triggers of a
        connection should have the same value: that of the first one is used
    :param response_url: also add a command's ``response_url`` to the payload as plain text. Anyone who can read Airflow's
        database can then reply to the command for 30 minutes
    :raises ValueError: an event kind or a condition is invalid
    """

    def __init__(
        self,
        *,
        slack_app_conn_id: str = "slack_app_default",
        events: Sequence[str] = (APP_MENTION, SLASH_COMMANDS),
        match: Mapping[str, Any] | Sequence[Mapping[str, Any]] | str | None = None,
        backfill_channels: Sequence[str] = (),
        backfill_hours: float = 24.0,
        by_bots: bool = False,
        exclusive: bool = False,
        response_url: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # untyped in Airflow
        for name, value in (("events", events), ("backfill_channels", backfill_channels)):
            if isinstance(value, str):
                raise ValueError(f"{name} is {value!r}; it must be a list")
        if not events:
            raise ValueError("events is empty; name at least one")
        for kind in events:
            check_kind(kind, "events")
        if backfill_hours <= 0:
            raise ValueError(f"backfill_hours is {backfill_hours!r}; it must be above 0")
        self.slack_app_conn_id = slack_app_conn_id
        self.events = list(events)
        self.match = _matches(match)
        self.backfill_channels = list(backfill_channels)
        self.backfill_hours = backfill_hours
        self.by_bots = by_bots
        self.exclusive = exclusive
        self.response_url = response_url

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and the arguments, which Airflow stores in its database."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "slack_app_conn_id": self.slack_app_conn_id,
                "events": self.events,
                # As JSON text: Airflow's encoding of trigger arguments does not restore dictionaries in a list.
                "match": json.dumps([match.conditions() for match in self.match], ensure_ascii=False),
                "backfill_channels": self.backfill_channels,
                "backfill_hours": self.backfill_hours,
                "by_bots": self.by_bots,
                "exclusive": self.exclusive,
                "response_url": self.response_url,
            },
        )

    def shared_stream_key(self) -> Hashable:
        """Return a key per app: all of its triggers share one WebSocket."""
        return "slack_socket_mode", self.slack_app_conn_id

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> SlackSocketProducer:
        """Return the producer that receives events for all triggers of the app."""
        return SlackSocketProducer(kwargs["slack_app_conn_id"], exclusive=bool(kwargs.get("exclusive")))

    async def filter_shared_stream(self, shared_stream: AsyncIterator[StreamItem]) -> AsyncGenerator[TriggerEvent, None]:
        """Yield a trigger event for each new event that matches."""
        from workplace_provider.slack.hooks.socket import SlackSocketModeHook

        hook = SlackSocketModeHook(self.slack_app_conn_id)
        matches, backfill_channels = await self._resolve_channels(hook)
        catch_up = CatchUp(
            hook,
            backfill_channels,
            longest=timedelta(hours=self.backfill_hours),
            store=self.asset_state_store,
            name=self._digest(),
            unreadable=self._unreadable(matches, backfill_channels),
        )
        members = _SeenMembers()
        try:
            await catch_up.start()
            async for item in shared_stream:
                events = [item.event] if isinstance(item, ReceivedEvent) else await catch_up.on_tick(item)
                for event in events:
                    wanted = self._wants(event, matches) and members.has_changed(event)
                    if wanted and isinstance(item, ReceivedEvent):
                        item.is_wanted = True
                    if catch_up.accept(event, item, wanted=wanted):
                        sealed = await _seal_response_url(hook, event)
                        payload = event.payload(response_url=self.response_url, sealed_response_url=sealed)
                        yield TriggerEvent(payload)  # type: ignore[no-untyped-call]  # as above
        finally:
            await catch_up.close()

    async def run(self) -> AsyncGenerator[TriggerEvent, None]:
        """Fire with a separate WebSocket instead of a shared stream. An event is acknowledged after it was yielded."""
        producer = self.create_shared_stream_producer(self.serialize()[1])
        try:
            async with (
                aclosing(_advance_each(producer)) as stream,
                aclosing(self.filter_shared_stream(stream)) as events,
            ):
                async for event in events:
                    yield event
        finally:
            await producer.aclose()

    def _wants(self, event: SlackEvent, matches: Sequence[EventMatch]) -> bool:
        if not event.is_conversation(by_bots=self.by_bots) or not any(map(event.is_kind, self.events)):
            return False
        return not matches or any(match.accepts(event) for match in matches)

    def _unreadable(self, matches: Sequence[EventMatch], channels: Sequence[Channel]) -> list[str]:
        """Return the trigger's events that cannot be read from the backfill channels, as texts for the log."""
        readable = {channel.id for channel in channels}
        unreadable = []
        if self._waits_for(SLASH_COMMANDS, matches):
            unreadable.append("slash commands")
        if any(self._waits_for(kind, matches) for kind in REACTIONS):
            unreadable.append("reactions")
        if self._waits_for(BLOCK_ACTIONS, matches):
            unreadable.append("clicks on buttons")
        if any(self._waits_for(kind, matches) for kind in MEMBER_EVENTS):
            unreadable.append("changes of members")
        for_messages = [
            match
            for match in matches
            if match.event != SLASH_COMMANDS and not (match.command or match.is_for_reactions or match.is_for_clicks)
        ]
        in_channels = bool(matches) and all((match.channel or "").strip() in readable for match in for_messages)
        if not set(self.events) <= {SLASH_COMMANDS, BLOCK_ACTIONS, *REACTIONS, *MEMBER_EVENTS} and not in_channels:
            unreadable.append("messages in other channels (add these to backfill_channels)")
        return unreadable

    def _waits_for(self, kind: str, matches: Sequence[EventMatch]) -> bool:
        """Return whether events of a kind, which is neither a message nor a mention, can match."""
        if kind not in self.events:
            return False
        return not matches or any(match.event in (None, kind) and _can_match(match, kind) for match in matches)

    async def _resolve_channels(self, hook: SlackSocketModeHook) -> tuple[list[EventMatch], list[Channel]]:
        """Return the conditions with channel ids instead of names, and the backfill channels. Events have only ids."""
        in_conditions = [match.channel for match in self.match if match.channel is not None and match.names_channel]
        names = list(dict.fromkeys([*in_conditions, *self.backfill_channels]))
        if not names:
            return self.match, []
        async with delay_failure("the channels of a Slack trigger cannot be found"):
            channels = await asyncio.to_thread(_find_channels, hook, names)
        ids = {name: channel.id for name, channel in channels.items()}
        return [match.with_ids(ids) for match in self.match], [channels[name] for name in self.backfill_channels]

    def _digest(self) -> str:
        """Return a short digest of the conditions, since each trigger of an asset has its own state."""
        _, arguments = self.serialize()
        conditions = [arguments[name] for name in ("slack_app_conn_id", "events", "match", "by_bots")]
        return hashlib.sha256(json.dumps(conditions, ensure_ascii=False).encode()).hexdigest()[:12]


async def _seal_response_url(hook: SlackSocketModeHook, event: SlackEvent) -> str | None:
    """Encrypt a command's ``response_url``, since Airflow stores and shows payloads as plain text."""
    if not event.response_url:
        return None
    try:
        return await hook.aseal(event.response_url)
    except Exception as error:
        # Without it the command can still be answered in its channel.
        log.warning("the response_url of %s cannot be encrypted: %s", event.command, type(error).__name__)
        return None


def _can_match(match: EventMatch, kind: str) -> bool:
    """Return whether no condition is for another kind of events."""
    return not (
        (match.command and kind != SLASH_COMMANDS)
        or (match.is_for_reactions and kind not in REACTIONS)
        or (match.is_for_clicks and kind != BLOCK_ACTIONS)
    )


def _matches(match: Mapping[str, Any] | Sequence[Mapping[str, Any]] | str | None) -> list[EventMatch]:
    """Parse the conditions in any of the accepted forms.

    :raises ValueError: the form is invalid, or a condition can never match
    """
    conditions: Any = match
    if isinstance(match, str):
        try:
            conditions = json.loads(match)
        except ValueError:
            raise ValueError(
                f"match is {match!r}; it must be a dictionary, a list of dictionaries, or JSON of these"
            ) from None
    if conditions is None:
        return []
    return [EventMatch.of(item) for item in (conditions if isinstance(conditions, list | tuple) else [conditions])]


async def _advance_each(producer: SlackSocketProducer) -> AsyncGenerator[StreamItem, None]:
    """Yield the items of a producer, and advance each when the next one is requested."""
    async with aclosing(producer.open_stream()) as stream:
        async for item, key in stream:
            yield item
            await producer.advance([AdvanceItem(key, AdvanceOutcome(acked=1, failed=0))])


def _find_channels(hook: SlackSocketModeHook, names: Sequence[str]) -> dict[str, Channel]:
    bot = hook.bot()
    try:
        return dict(zip(names, bot.find_channels(names), strict=True))
    finally:
        bot.close()
