"""Messages and threads of a channel within a time window, each once.

The history of a window contains neither replies nor the older messages they reply to. So the history is read from some days
before the window, followed by the replies of the threads that were active in the window.
Source: https://docs.slack.dev/reference/methods/conversations.history and ``conversations.replies``.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec

from workplace_provider.http.errors import BadResponse, Invalid, NotFound
from workplace_provider.http.redaction import get_logger
from workplace_provider.slack.client.reader import LARGEST_PAGE

if TYPE_CHECKING:
    from workplace_provider.slack.client.api_response import SlackPage
    from workplace_provider.slack.client.reader import SlackReader

log = get_logger("workplace_provider.slack")

Broadcasts: TypeAlias = Literal["once", "never"]

REPLY_LOOKBACK: Final = timedelta(days=14)
DEFAULT_CALLS_PER_MINUTE: Final = 50.0
SLOW_PLAN_CALLS_PER_MINUTE: Final = 1.0
SLOW_PLAN_PAGE: Final = 15
"""Since 2025-05-29, apps distributed outside Slack's Marketplace get 15 messages per call, and one call per minute."""
_MICROSECOND: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Reaction(msgspec.Struct, frozen=True, kw_only=True):
    """An emoji under a message: its name without colons, and the number of people who added it."""

    name: str = ""
    count: int = 0


class SharedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a message; fields that Slack omits are ``None``.

    :param mode: ``tombstone`` for a deleted file, ``hidden_by_limit`` for one that the workspace's plan hides
    :param is_external: the file is stored elsewhere, and Slack has only a link
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
        """The name shown in Slack."""
        return self.name or self.title or self.id

    @property
    def is_image(self) -> bool:
        """Return whether the file is an image."""
        return (self.mimetype or "").startswith("image/")


class _BotProfile(msgspec.Struct):
    name: str | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message as Slack returns it, identified by ``(channel, ts)``.

    :param ts: id in the channel and time: seconds since 1970 with six decimals
    :param thread_ts: id of the first message of its thread; its own id if it is the first
    :param user: author; empty for bots without a user
    :param team: workspace of the author. In channels shared by Slack Connect, ``user_team`` is more accurate
    :param text: text in Slack's mrkdwn
    :param room: of a huddle: participants and times
    :param blocks: Block Kit blocks, including the rich text of people's messages
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
        """The time of the message, in UTC."""
        return _EPOCH + ts_microseconds(self.ts) * _MICROSECOND

    @property
    def is_reply(self) -> bool:
        """Return whether the message is a reply."""
        return bool(self.thread_ts) and self.thread_ts != self.ts

    @property
    def is_broadcast(self) -> bool:
        """Return whether the message is a reply that was also sent to the channel."""
        return self.subtype == "thread_broadcast"

    @property
    def bot_name(self) -> str:
        """The name under which a bot posted."""
        return self.username or (self.bot_profile and self.bot_profile.name) or ""


@dataclass(frozen=True, slots=True)
class Thread:
    """A message and its replies within a time window.

    :param root: the first message; it may be older than the window
    :param replies: replies in the window, oldest first
    :param root_in_window: whether the root was posted in the window too
    """

    root: Message
    replies: tuple[Message, ...]
    root_in_window: bool

    @property
    def in_window(self) -> Iterator[Message]:
        """The messages within the window."""
        if self.root_in_window:
            yield self.root
        yield from self.replies


@dataclass(frozen=True, slots=True)
class Estimate:
    """The estimated cost of reading the rest of a channel.

    :param calls: requests to send
    :param minutes: duration under Slack's rate limit
    """

    calls: int
    minutes: float

    def __str__(self) -> str:
        minutes = f"{self.minutes:.0f} minutes" if self.minutes >= 1 else "less than a minute"
        return f"about {self.calls} calls, {minutes}"


def ts_microseconds(ts: str) -> int:
    """Convert a Slack timestamp to microseconds since 1970. A float does not have the digits to keep messages distinct.

    :raises BadResponse: the text is not a timestamp
    """
    seconds, _, fraction = ts.partition(".")
    try:
        return int(seconds) * 1_000_000 + int(fraction[:6].ljust(6, "0"))
    except ValueError:
        raise BadResponse(f"{ts!r} is not the timestamp of a message") from None


def slack_ts(microseconds: int) -> str:
    """Convert microseconds since 1970 to a Slack timestamp."""
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
    """Iterate over the messages of ``[oldest, latest)``, oldest first, each once.

    ::

        now = datetime.now(UTC)
        for message in iter_messages(reader, "C0GENERAL", now - timedelta(days=7), now):
            print(message.at, message.text)

    :param channel: id of the channel
    :param replies: include replies in threads, also replies to older messages
    :param reply_lookback: maximum age of a message, before the window, whose replies are found. A reply that was also sent
        to the channel is always found
    :param broadcasts: ``once`` includes replies that were also sent to the channel, ``never`` omits them
    :raises WorkplaceError: a page could not be read
    """
    if replies:
        threads = iter_threads(reader, channel, oldest, latest, reply_lookback=reply_lookback, broadcasts=broadcasts)
        messages = {message.ts: message for thread in threads for message in thread.in_window}
    else:
        start, end = _bounds(oldest, latest)
        history = (message for page in _history(reader, channel, start, end) for message in page.items)
        messages = {message.ts: message for message in _select(history, start, end, broadcasts)}
    for ts in sorted(messages, key=ts_microseconds):
        yield _with_channel(channel, messages[ts])


@dataclass
class ReadingBudget:
    """A limit on the time that reading a channel may take.

    :param channel_name: name of the channel, for log and error
    :param max_minutes: maximum duration; ``None`` only logs the estimates
    """

    channel_name: str
    max_minutes: float | None = None

    def check(self, estimate: Estimate) -> None:
        """Log an estimate.

        :raises Invalid: it exceeds the limit
        """
        log.info("reading #%s: %s", self.channel_name, estimate)
        if self.max_minutes is not None and estimate.minutes > self.max_minutes:
            raise Invalid(
                f"reading #{self.channel_name} takes {estimate} at the app's rate limit; "
                f"max_minutes is {self.max_minutes:g}",
                advice="choose a shorter time span, use an app that the company created for itself, or raise max_minutes",
            )


def iter_threads(
    reader: SlackReader,
    channel: str,
    oldest: datetime,
    latest: datetime,
    *,
    reply_lookback: timedelta = REPLY_LOOKBACK,
    broadcasts: Broadcasts = "once",
    budget: ReadingBudget | None = None,
) -> Iterator[Thread]:
    """Iterate over the threads with messages in ``[oldest, latest)``, in the order of their first messages.

    A message without replies is a thread too. The parameters are those of :func:`iter_messages`.

    :param budget: checks an estimate of the duration twice: after the first page of the history, extrapolated from it, and
        after the history, by the number of threads to read
    :raises WorkplaceError: a page could not be read, or the budget is exceeded
    """
    start, end = _bounds(oldest, latest)
    lookback = reply_lookback // _MICROSECOND
    return _ThreadReader(reader, channel, start, end, lookback, broadcasts, budget).threads()


class _ThreadReader:
    """The two steps of :func:`iter_threads`: the history, then the replies of each active thread.

    Times are microseconds since 1970.
    """

    def __init__(
        self,
        reader: SlackReader,
        channel: str,
        start: int,
        end: int,
        lookback: int,
        broadcasts: Broadcasts,
        budget: ReadingBudget | None,
    ) -> None:
        self._reader = reader
        self._channel = channel
        self._start = start
        self._end = end
        self._history_start = start - lookback
        self._broadcasts: Broadcasts = broadcasts
        self._budget = budget
        self._is_slow_plan = False
        # First messages by ts, and replies that the history contains because they were also sent to the channel.
        self._roots: dict[str, Message] = {}
        self._broadcast_replies: dict[str, list[Message]] = {}

    def threads(self) -> Iterator[Thread]:
        """Read the history, then yield each thread."""
        self._read_history()
        active = {ts for ts, root in self._roots.items() if _active_since(root, self._start)} | set(self._broadcast_replies)
        if self._budget is not None and active:
            self._budget.check(self._estimate_replies(active))
        for ts in sorted(self._roots.keys() | active, key=ts_microseconds):
            thread = self._thread(ts, is_active=ts in active)
            if thread is not None:
                yield thread

    def _read_history(self) -> None:
        for number, page in enumerate(_history(self._reader, self._channel, self._history_start, self._end)):
            if number == 0:
                self._check_first_page(page)
            for message in _select(page.items, self._history_start, self._end, self._broadcasts):
                self._record(message)

    def _check_first_page(self, page: SlackPage[Message]) -> None:
        self._is_slow_plan = page.next_cursor is not None and len(page.items) == SLOW_PLAN_PAGE
        if self._budget is not None and page.items:
            self._budget.check(self._extrapolate(page))

    def _record(self, message: Message) -> None:
        in_window = ts_microseconds(message.ts) >= self._start
        if message.is_reply:
            if in_window:
                self._broadcast_replies.setdefault(message.thread_ts or "", []).append(message)
        elif in_window or _active_since(message, self._start):
            self._roots[message.ts] = message

    def _thread(self, ts: str, *, is_active: bool) -> Thread | None:
        """Return a thread; ``None`` if it has no message in the window."""
        root, replies = self._roots.get(ts), {reply.ts: reply for reply in self._broadcast_replies.get(ts, ())}
        if is_active:
            first, more = self._read_replies(ts)
            root = root or first or next((reply.root for reply in replies.values() if reply.root), None)
            replies |= more
        root = root or self._read_root(ts)
        ordered = [replies[reply_ts] for reply_ts in sorted(replies, key=ts_microseconds)]
        if root is None:
            # The first message was deleted without a trace, and its broadcast reply remains.
            root, ordered = ordered[0], ordered[1:]
        in_window = ts_microseconds(root.ts) >= self._start
        if not (in_window or ordered):
            return None
        return Thread(
            _with_channel(self._channel, root),
            tuple(_with_channel(self._channel, reply) for reply in ordered),
            in_window,
        )

    def _read_replies(self, ts: str) -> tuple[Message | None, dict[str, Message]]:
        """Return the first message of a thread, if the response has it, and the replies in the window."""
        root: Message | None = None
        replies: dict[str, Message] = {}
        params = {**_window(self._channel, self._start, self._end), "ts": ts}
        try:
            for page in self._reader.paginate("conversations.replies", "messages", params, kind=Message):
                root = root or next((message for message in page.items if message.ts == ts), None)
                selected = _select(page.items, self._start, self._end, self._broadcasts)
                replies |= {message.ts: message for message in selected if message.ts != ts}
        except NotFound as error:
            if error.code != "thread_not_found":
                raise
            log.info("the thread %s was deleted while the channel was read", ts)
        return root, replies

    def _read_root(self, ts: str) -> Message | None:
        """Return the first message of a thread, which is the first in ``conversations.replies``."""
        params = {"channel": self._channel, "ts": ts}
        pages = self._reader.paginate("conversations.replies", "messages", params, page_size=1, kind=Message)
        try:
            return next((message for message in next(pages).items if message.ts == ts), None)
        except NotFound:
            return None

    # --- estimates

    def _calls_per_minute(self) -> float:
        default = SLOW_PLAN_CALLS_PER_MINUTE if self._is_slow_plan else DEFAULT_CALLS_PER_MINUTE
        return self._reader.calls_per_minute or default

    def _extrapolate(self, page: SlackPage[Message]) -> Estimate:
        """Estimate the whole window, assuming that it is as busy as its newest page."""
        pages = 1
        if page.next_cursor is not None:
            covered = max(1, self._end - min(ts_microseconds(message.ts) for message in page.items))
            pages = max(2, math.ceil((self._end - self._history_start) / covered))
        threads = sum(_active_since(message, self._start) for message in page.items)
        calls = pages + threads * pages
        return Estimate(calls, (calls - 1) / self._calls_per_minute())

    def _estimate_replies(self, active: Collection[str]) -> Estimate:
        page_size = SLOW_PLAN_PAGE if self._is_slow_plan else LARGEST_PAGE
        calls = sum(_reply_pages(self._roots[ts], page_size) if ts in self._roots else 1 for ts in active)
        return Estimate(calls, calls / self._calls_per_minute())


def _history(reader: SlackReader, channel: str, start: int, end: int) -> Iterator[SlackPage[Message]]:
    return reader.paginate("conversations.history", "messages", _window(channel, start, end), kind=Message)


def _window(channel: str, start: int, end: int) -> dict[str, Any]:
    # Both bounds, so that pages are newest first: with "oldest" alone, Slack pages forward in time.
    return {"channel": channel, "oldest": slack_ts(start), "latest": slack_ts(end), "inclusive": True}


def _select(messages: Iterable[Message], start: int, end: int, broadcasts: Broadcasts) -> Iterator[Message]:
    for message in messages:
        if start <= ts_microseconds(message.ts) < end and not (broadcasts == "never" and message.is_broadcast):
            yield message


def _active_since(root: Message, moment: int) -> bool:
    """Return whether a message may have received a reply since a moment."""
    if root.latest_reply:
        return ts_microseconds(root.latest_reply) >= moment
    return bool(root.reply_count) or root.thread_ts == root.ts


def _bounds(oldest: datetime, latest: datetime) -> tuple[int, int]:
    start, end = _microseconds(oldest), _microseconds(latest)
    if start >= end:
        raise ValueError(f"the window ends at {latest.isoformat()}, before it begins at {oldest.isoformat()}")
    return start, end


def _microseconds(moment: datetime) -> int:
    """Convert a time to microseconds since 1970.

    :raises ValueError: the time has no time zone
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    return (moment - _EPOCH) // _MICROSECOND


def _with_channel(channel: str, message: Message) -> Message:
    return msgspec.structs.replace(message, channel=channel, root=None)


def _reply_pages(root: Message, page_size: int) -> int:
    return max(1, math.ceil((root.reply_count or 0) / page_size))
