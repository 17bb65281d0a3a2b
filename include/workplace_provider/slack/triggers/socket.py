"""A trigger that starts DAGs by what people say to a Slack app."""

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
from workplace_provider.slack.events import APP_MENTION, SLASH_COMMANDS, Match, check_kind
from workplace_provider.slack.triggers.catch_up import CatchUp
from workplace_provider.slack.triggers.stream import Heard, SlackSocketProducer, failing_slowly

if TYPE_CHECKING:
    from workplace_provider.slack.client.names import Channel
    from workplace_provider.slack.events import SlackEvent
    from workplace_provider.slack.hooks.socket import SlackSocketModeHook
    from workplace_provider.slack.triggers.stream import Raw

log = get_logger("workplace_provider.slack")


class SlackSocketModeTrigger(BaseEventTrigger):
    """Fires for each message, mention or slash command that matches; for an ``AssetWatcher``.

    ::

        Asset("slack_questions", watchers=[
            AssetWatcher("slack", SlackSocketModeTrigger(match={"channel": "#analytics", "pattern": "주간 보고"}))
        ])

    The triggers of one app share one WebSocket in a triggerer. An event is acknowledged when all of them are done with it
    and what they made of it is in Airflow's database; until then Slack sends it again. An event may come twice after a
    failure, never not at all: ``event_id``, and for a message channel and timestamp, tell.

    The payload is small JSON: ``type``, ``event_id``, ``channel``, ``user``, ``text``, ``ts``, ``thread_ts``, ``command``,
    ``team``, ``user_team``, and ``source``, which is ``socket``, or ``backfill`` for what was read from a channel after a
    downtime. A slash command has ``sealed_response_url`` as well: the address that takes its answers, encrypted with the
    bot's token, for ``SlackPostOperator``.

    :param slack_app_conn_id: connection of type ``slack_app``
    :param events: what to wait for, of :data:`~workplace_provider.slack.events.EVENT_KINDS`
    :param match: conditions, see :class:`~workplace_provider.slack.events.Match`: a dictionary of ``event``, ``channel``,
        ``pattern`` and ``command``, or a list of such, one of which must hold; also as JSON
    :param backfill_channels: channels, by id or name, in which what was said during a downtime is caught up with
    :param backfill_hours: what was said longer ago is left out then
    :param by_bots: whether what other bots say counts; what the app itself says never does
    :param exclusive: fail when something else uses the same app and takes a part of the events. The triggers of a connection
        should agree on it: the first one decides
    :param response_url: put a command's ``response_url`` into the payload as plain text, too. Whoever reads Airflow's
        database can answer the command with it for half an hour
    :raises ValueError: an event or a condition that there is not
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
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow does not say
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
        """The class and the arguments, which Airflow keeps in its database as they are."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "slack_app_conn_id": self.slack_app_conn_id,
                "events": self.events,
                # As text: Airflow's encoding of trigger arguments does not bring dictionaries in a list back.
                "match": json.dumps([each.conditions() for each in self.match], ensure_ascii=False),
                "backfill_channels": self.backfill_channels,
                "backfill_hours": self.backfill_hours,
                "by_bots": self.by_bots,
                "exclusive": self.exclusive,
                "response_url": self.response_url,
            },
        )

    def shared_stream_key(self) -> Hashable:
        """The app: all of its triggers share one WebSocket."""
        return "slack_socket_mode", self.slack_app_conn_id

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> SlackSocketProducer:
        """Make what receives for all triggers of the app."""
        return SlackSocketProducer(kwargs["slack_app_conn_id"], exclusive=bool(kwargs.get("exclusive")))

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Raw]) -> AsyncGenerator[TriggerEvent, None]:
        """Make trigger events of what matches."""
        from workplace_provider.slack.hooks.socket import SlackSocketModeHook

        hook = SlackSocketModeHook(self.slack_app_conn_id)
        matches, watched = await self._resolved(hook)
        catch_up = CatchUp(
            hook,
            watched,
            longest=timedelta(hours=self.backfill_hours),
            store=self.asset_state_store,
            name=self._digest(),
        )
        try:
            await catch_up.start()
            async for raw in shared_stream:
                events = [raw.event] if isinstance(raw, Heard) else await catch_up.beat(raw)
                for event in events:
                    if catch_up.passes(event, raw, wanted=self._wants(event, matches)):
                        sealed = await _sealed(hook, event)
                        payload = event.payload(response_url=self.response_url, sealed_response_url=sealed)
                        yield TriggerEvent(payload)  # type: ignore[no-untyped-call]  # as above
        finally:
            await catch_up.close()

    async def run(self) -> AsyncGenerator[TriggerEvent, None]:
        """Fire without a shared stream, with a WebSocket of its own; an event is acknowledged when it was passed on."""
        producer = self.create_shared_stream_producer(self.serialize()[1])
        try:
            async with (
                aclosing(_advanced(producer)) as stream,
                aclosing(self.filter_shared_stream(stream)) as events,
            ):
                async for event in events:
                    yield event
        finally:
            await producer.aclose()

    def _wants(self, event: SlackEvent, matches: Sequence[Match]) -> bool:
        if not event.is_said(by_bots=self.by_bots) or not any(map(event.is_kind, self.events)):
            return False
        return not matches or any(each.accepts(event) for each in matches)

    async def _resolved(self, hook: SlackSocketModeHook) -> tuple[list[Match], list[Channel]]:
        """The conditions and the channels to catch up with, by ids, which is all that events have."""
        named = [each.channel for each in self.match if each.channel is not None and each.names_channel]
        wanted = list(dict.fromkeys([*named, *self.backfill_channels]))
        if not wanted:
            return self.match, []
        async with failing_slowly("the channels of a Slack trigger cannot be found"):
            found = await asyncio.to_thread(_channels, hook, wanted)
        ids = {name: channel.id for name, channel in found.items()}
        return [each.with_ids(ids) for each in self.match], [found[name] for name in self.backfill_channels]

    def _digest(self) -> str:
        """A short name for what is waited for: another trigger of the asset keeps a state of its own."""
        _, arguments = self.serialize()
        told = [arguments[name] for name in ("slack_app_conn_id", "events", "match", "by_bots")]
        return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()[:12]


async def _sealed(hook: SlackSocketModeHook, event: SlackEvent) -> str | None:
    """Return a command's ``response_url``, encrypted: Airflow keeps and shows payloads as plain text."""
    if not event.response_url:
        return None
    try:
        return await hook.aseal(event.response_url)
    except Exception as error:
        # A command that can only be answered in its channel is better than none.
        log.warning("the response_url of %s cannot be encrypted: %s", event.command, type(error).__name__)
        return None


def _matches(match: Mapping[str, Any] | Sequence[Mapping[str, Any]] | str | None) -> list[Match]:
    """Read the conditions in any form in which they may be given.

    :raises ValueError: they are in none, or can never hold
    """
    given: Any = match
    if isinstance(match, str):
        try:
            given = json.loads(match)
        except ValueError:
            raise ValueError(
                f"match is {match!r}; it must be a dictionary, a list of dictionaries, or JSON of such"
            ) from None
    if given is None:
        return []
    return [Match.of(each) for each in given] if isinstance(given, list | tuple) else [Match.of(given)]


async def _advanced(producer: SlackSocketProducer) -> AsyncGenerator[Raw, None]:
    """The stream of a producer, each event of which is advanced when the next one is asked for."""
    async with aclosing(producer.open_stream()) as stream:
        async for raw, payload in stream:
            yield raw
            await producer.advance([AdvanceItem(payload, AdvanceOutcome(acked=1, failed=0))])


def _channels(hook: SlackSocketModeHook, wanted: Sequence[str]) -> dict[str, Channel]:
    bot = hook.bot()
    try:
        return dict(zip(wanted, bot.find_channels(wanted), strict=True))
    finally:
        bot.close()
