"""The messages of a channel in a window of time, with their threads, each of them once.

Slack's history of a window has neither replies nor the older messages that were replied to in it. So it is read from some
days before the window on; then come the replies of the threads that were active in the window. Source: the methods
``conversations.history`` and ``conversations.replies``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec

from workplace_provider.http.errors import BadResponse, NotFound
from workplace_provider.http.redaction import get_logger
from workplace_provider.slack.client.answers import SYSTEM
from workplace_provider.slack.client.reader import LARGEST_PAGE

if TYPE_CHECKING:
    from workplace_provider.slack.client.answers import Page
    from workplace_provider.slack.client.reader import SlackReader

log = get_logger("workplace_provider.slack")

Broadcasts: TypeAlias = Literal["once", "never"]

REPLY_LOOKBACK: Final = timedelta(days=14)
USUAL_CALLS_PER_MINUTE: Final = 50.0
SLOW_PLAN_CALLS_PER_MINUTE: Final = 1.0
SLOW_PLAN_PAGE: Final = 15
"""Apps distributed outside Slack's Marketplace get 15 messages a call, and one call a minute, since 2025-05-29."""
_MICROSECOND: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Reaction(msgspec.Struct, frozen=True, kw_only=True):
    """An emoji under a message: its name without colons, and how many people put it there."""

    name: str = ""
    count: int = 0


class SharedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a message; what Slack left out is ``None``.

    :param mode: ``tombstone`` for one that was deleted, ``hidden_by_limit`` for one that the plan does not show any more
    :param is_external: it lies elsewhere, and only its address is in Slack
    """

    id: str = ""
    name: str | None = None
    title: str | None = None
    mimetype: str | None = None
    size: int | None = None
    url_private: str | None = None
    url_private_download: str | None = None
    permalink: str | None = None
    mode: str | None = None
    is_external: bool | None = None

    @property
    def shown_name(self) -> str:
        """The name that people see."""
        return self.name or self.title or self.id

    @property
    def is_image(self) -> bool:
        """Whether it is a picture."""
        return (self.mimetype or "").startswith("image/")


class _BotProfile(msgspec.Struct):
    name: str | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message as Slack sends it; the same one is always the same ``(channel, ts)``.

    :param ts: its id in the channel and its time: seconds since 1970 with six decimals
    :param thread_ts: id of the message that its thread begins with; its own, when that is itself
    :param user: author; empty for what a bot without a user wrote
    :param team: workspace of the author; in a channel that is shared by Slack Connect, ``user_team`` is more exact
    :param text: in Slack's mrkdwn
    :param room: of a huddle: who was there and when
    :param blocks: Block Kit blocks, among them the rich text of what people write
    """

    ts: str
    channel: str = ""
    thread_ts: str | None = None
    user: str | None = None
    team: str | None = None
    user_team: str | None = None
    source_team: str | None = None
    bot_id: str | None = None
    username: str | None = None
    bot_profile: _BotProfile | None = None
    subtype: str | None = None
    text: str | None = None
    blocks: list[dict[str, Any]] | None = None
    attachments: list[dict[str, Any]] | None = None
    files: list[SharedFile] | None = None
    reactions: list[Reaction] | None = None
    reply_count: int | None = None
    latest_reply: str | None = None
    root: Message | None = None
    room: dict[str, Any] | None = None

    @property
    def at(self) -> datetime:
        """When it was written, in UTC."""
        return _EPOCH + ts_microseconds(self.ts) * _MICROSECOND

    @property
    def is_reply(self) -> bool:
        """Whether it answers another message."""
        return bool(self.thread_ts) and self.thread_ts != self.ts

    @property
    def is_broadcast(self) -> bool:
        """Whether it is a reply that was sent to the channel as well."""
        return self.subtype == "thread_broadcast"

    @property
    def bot_name(self) -> str:
        """The name that a bot wrote under."""
        return self.username or (self.bot_profile and self.bot_profile.name) or ""


@dataclass(frozen=True, slots=True)
class Thread:
    """A message and the replies to it that were written in a window of time.

    :param root: the message that began it; it may be older than the window
    :param replies: oldest first
    :param root_in_window: whether the root was written in the window, too
    """

    root: Message
    replies: tuple[Message, ...]
    root_in_window: bool

    @property
    def in_window(self) -> Iterator[Message]:
        """The messages that were written in the window."""
        if self.root_in_window:
            yield self.root
        yield from self.replies


@dataclass(frozen=True, slots=True)
class Estimate:
    """What reading a channel takes from here on.

    :param calls: requests to send
    :param minutes: how long Slack's limit makes that
    """

    calls: int
    minutes: float

    def __str__(self) -> str:
        minutes = f"{self.minutes:.0f} minutes" if self.minutes >= 1 else "less than a minute"
        return f"about {self.calls} calls, {minutes}"


def ts_microseconds(ts: str) -> int:
    """A timestamp of Slack as whole microseconds since 1970; a float has not the digits to tell messages apart.

    :raises BadResponse: it is none
    """
    seconds, _, fraction = ts.partition(".")
    try:
        return int(seconds) * 1_000_000 + int(fraction[:6].ljust(6, "0"))
    except ValueError:
        raise BadResponse(f"{ts!r} is no timestamp of a message", system=SYSTEM) from None


def slack_ts(microseconds: int) -> str:
    """Whole microseconds since 1970 as a timestamp of Slack."""
    return f"{microseconds // 1_000_000:010d}.{microseconds % 1_000_000:06d}"


def iter_messages(
    reader: SlackReader,
    channel: str,
    oldest: datetime,
    latest: datetime,
    *,
    replies: bool = True,
    reply_lookback: timedelta = REPLY_LOOKBACK,
    broadcasts: Broadcasts = "once",
) -> Iterator[Message]:
    """The messages of ``[oldest, latest)``, oldest first, each of them once.

    :param channel: id of the channel
    :param replies: with the replies in threads, those to older messages included
    :param reply_lookback: how much older a message may be for replies to it to be found. A reply that was sent to the
        channel as well leads to its thread, however old that is
    :param broadcasts: ``once`` for a reply that was sent to the channel as well, ``never`` to leave those out
    :raises WorkplaceError: a page could not be had
    """
    if replies:
        threads = iter_threads(reader, channel, oldest, latest, reply_lookback=reply_lookback, broadcasts=broadcasts)
        found = {message.ts: message for thread in threads for message in thread.in_window}
    else:
        lo, hi = _bounds(oldest, latest)
        history = (message for page in _history(reader, channel, lo, hi) for message in page.items)
        found = {message.ts: message for message in _wanted(history, lo, hi, broadcasts)}
    for ts in sorted(found, key=ts_microseconds):
        yield _of(channel, found[ts])


def iter_threads(
    reader: SlackReader,
    channel: str,
    oldest: datetime,
    latest: datetime,
    *,
    reply_lookback: timedelta = REPLY_LOOKBACK,
    broadcasts: Broadcasts = "once",
    estimated: Callable[[Estimate], None] | None = None,
) -> Iterator[Thread]:
    """The threads in which something was written in ``[oldest, latest)``, in the order in which they were begun.

    A message that nobody answered is a thread, too. The parameters are those of :func:`iter_messages`.

    :param estimated: is told what the reading will take: after the first page, by how full the channel was then, and when
        the history is read, by the threads that are left. It may raise an error to stop there
    """
    lo, hi = _bounds(oldest, latest)
    since = lo - reply_lookback // _MICROSECOND
    roots: dict[str, Message] = {}
    copies: dict[str, list[Message]] = {}
    slow = False
    for number, page in enumerate(_history(reader, channel, since, hi)):
        if number == 0:
            slow = page.next_cursor is not None and len(page.items) == SLOW_PLAN_PAGE
            if estimated is not None and page.items:
                estimated(_extrapolated(page, since, lo, hi, _rate(reader, slow=slow)))
        for message in _wanted(page.items, since, hi, broadcasts):
            if message.is_reply:
                if ts_microseconds(message.ts) >= lo:
                    copies.setdefault(message.thread_ts or "", []).append(message)
            elif ts_microseconds(message.ts) >= lo or _active_since(message, lo):
                roots[message.ts] = message
    to_read = {ts for ts, root in roots.items() if _active_since(root, lo)} | set(copies)
    if estimated is not None and to_read:
        page_size = SLOW_PLAN_PAGE if slow else LARGEST_PAGE
        calls = sum(_pages(roots[ts], page_size) if ts in roots else 1 for ts in to_read)
        estimated(Estimate(calls, calls / _rate(reader, slow=slow)))
    for ts in sorted(roots.keys() | to_read, key=ts_microseconds):
        root, answers = roots.get(ts), {message.ts: message for message in copies.get(ts, ())}
        if ts in to_read:
            first, more = _replies(reader, channel, ts, lo, hi, broadcasts)
            root = root or first or next((each.root for each in answers.values() if each.root), None)
            answers |= more
        root = root or _alone(reader, channel, ts)
        ordered = [answers[each] for each in sorted(answers, key=ts_microseconds)]
        if root is None:  # deleted without a trace, while the reply that was sent to the channel is still there
            root, ordered = ordered[0], ordered[1:]
        in_window = ts_microseconds(root.ts) >= lo
        if in_window or ordered:
            yield Thread(_of(channel, root), tuple(_of(channel, each) for each in ordered), in_window)


def _history(reader: SlackReader, channel: str, since: int, until: int) -> Iterator[Page[Message]]:
    return reader.paginate("conversations.history", "messages", _window(channel, since, until), kind=Message)


def _replies(
    reader: SlackReader, channel: str, ts: str, since: int, until: int, broadcasts: Broadcasts
) -> tuple[Message | None, dict[str, Message]]:
    """The root of a thread, where the answer has it, and the replies of a window."""
    root: Message | None = None
    found: dict[str, Message] = {}
    try:
        for page in reader.paginate(
            "conversations.replies", "messages", {**_window(channel, since, until), "ts": ts}, kind=Message
        ):
            root = root or next((each for each in page.items if each.ts == ts), None)
            found |= {each.ts: each for each in _wanted(page.items, since, until, broadcasts) if each.ts != ts}
    except NotFound as error:
        if error.code != "thread_not_found":
            raise
        log.info("the thread %s was deleted while the channel was read", ts)
    return root, found


def _alone(reader: SlackReader, channel: str, ts: str) -> Message | None:
    """A message by its timestamp, which is the first of its thread's."""
    pages = reader.paginate("conversations.replies", "messages", {"channel": channel, "ts": ts}, page_size=1, kind=Message)
    try:
        return next((each for each in next(pages).items if each.ts == ts), None)
    except NotFound:
        return None


def _window(channel: str, since: int, until: int) -> dict[str, Any]:
    # Both ends, so that every page is newest first: with "oldest" alone the pages go forward in time.
    return {"channel": channel, "oldest": slack_ts(since), "latest": slack_ts(until), "inclusive": True}


def _wanted(messages: Iterable[Message], since: int, until: int, broadcasts: Broadcasts) -> Iterator[Message]:
    for message in messages:
        if since <= ts_microseconds(message.ts) < until and not (broadcasts == "never" and message.is_broadcast):
            yield message


def _active_since(root: Message, moment: int) -> bool:
    """Whether a message may have been replied to since a moment."""
    if root.latest_reply:
        return ts_microseconds(root.latest_reply) >= moment
    return bool(root.reply_count) or root.thread_ts == root.ts


def _bounds(oldest: datetime, latest: datetime) -> tuple[int, int]:
    lo, hi = (_microseconds(each) for each in (oldest, latest))
    if lo >= hi:
        raise ValueError(f"the window ends at {latest.isoformat()}, before it begins at {oldest.isoformat()}")
    return lo, hi


def _microseconds(moment: datetime) -> int:
    """A moment as whole microseconds since 1970.

    :raises ValueError: it has no time zone
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    return (moment - _EPOCH) // _MICROSECOND


def _of(channel: str, message: Message) -> Message:
    return msgspec.structs.replace(message, channel=channel, root=None)


def _pages(root: Message, page_size: int) -> int:
    return max(1, math.ceil((root.reply_count or 0) / page_size))


def _rate(reader: SlackReader, *, slow: bool) -> float:
    return reader.calls_per_minute or (SLOW_PLAN_CALLS_PER_MINUTE if slow else USUAL_CALLS_PER_MINUTE)


def _extrapolated(page: Page[Message], since: int, lo: int, hi: int, rate: float) -> Estimate:
    """What the whole window takes when the rest of it is as full as its newest part."""
    pages = 1
    if page.next_cursor is not None:
        covered = max(1, hi - min(ts_microseconds(each.ts) for each in page.items))
        pages = max(2, math.ceil((hi - since) / covered))
    threads = sum(_active_since(each, lo) for each in page.items)
    calls = pages + threads * pages
    return Estimate(calls, (calls - 1) / rate)
