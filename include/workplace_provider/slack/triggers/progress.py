"""The progress of a trigger in a channel: a watermark, and the messages after it that have been processed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from workplace_provider.slack.triggers.stream import StreamItem

OVERLAP: Final = timedelta(minutes=10)
"""Slack does not deliver in order: a late event may be older than the watermark, so reading starts this much earlier."""
LEAD: Final = timedelta(minutes=5)
"""How far the watermark may be ahead of the last reading. Less than ``OVERLAP``, so that the next reading misses nothing."""
REMEMBERED: Final = 500
_MICROSECOND: Final = timedelta(microseconds=1)


class ChannelProgress:
    """The progress of a trigger in one channel.

    The watermark is the newest message before which nothing is in progress any more. Reading starts some minutes before it;
    the messages since then that led to trigger events are remembered, so that they do not lead to another one. The state is
    small JSON, which is stored outside the triggerer.

    :param watermark: microseconds since 1970
    :param emitted: timestamps of the messages that led to trigger events
    :param since: lower bound of all reading, in microseconds since 1970

    While ``is_behind`` is true, messages may have been missed that are not read yet, and the watermark does not move. After
    a complete reading, ``read_until`` is its start, in microseconds since 1970. The watermark stays close to it, so that the
    next reading also has the messages that the socket does not deliver.
    """

    def __init__(self, watermark: int, emitted: Iterable[str] = (), *, since: int = 0) -> None:
        self.watermark = watermark
        self.is_behind = False
        self.read_until: int | None = None
        self._since = since
        self._emitted = set(emitted)
        self._newest = watermark
        self._open: list[tuple[str, bool, StreamItem]] = []

    @classmethod
    def from_state(cls, state: Any) -> ChannelProgress | None:
        """Read what :meth:`state` returned; return ``None`` for anything else."""
        if not isinstance(state, Mapping):
            return None
        try:
            emitted = [str(ts) for ts in state["told"] if _microseconds(str(ts)) >= 0]
            return cls(_microseconds(state["watermark"]), emitted, since=_microseconds(state["since"]))
        except (KeyError, ValueError, AttributeError, TypeError):
            return None

    def state(self) -> dict[str, Any]:
        """Return the state to store, as JSON of a few kilobytes."""
        # The key "told" is part of the stored format.
        return {"watermark": _ts(self.watermark), "since": _ts(self._since), "told": sorted(self._emitted)}

    @property
    def oldest(self) -> int:
        """Start of the next reading of the channel, in microseconds since 1970."""
        return max(self._since, self.watermark - OVERLAP // _MICROSECOND)

    def was_emitted(self, ts: str) -> bool:
        """Return whether a message led to a trigger event that is stored."""
        return ts in self._emitted

    def record(self, ts: str, item: StreamItem, *, emitted: bool) -> None:
        """Record the arrival of a message.

        :param item: stream item that brought the message; its outcome settles the message
        :param emitted: whether the message led to a trigger event
        """
        self._open.append((ts, emitted, item))

    def advance(self) -> bool:
        """Move the watermark past the settled messages, and return whether the state has changed."""
        settled = [(ts, emitted) for ts, emitted, item in self._open if item.outcome == "settled"]
        self._open = [(ts, emitted, item) for ts, emitted, item in self._open if item.outcome == "open"]
        self._emitted |= {ts for ts, emitted in settled if emitted}
        self._newest = max([self._newest, *(_microseconds(ts) for ts, _ in settled)])
        if self.read_until is not None:
            self._newest = max(self._newest, self.read_until)
        reached = min([self._newest, *(_microseconds(ts) - 1 for ts, _, _ in self._open)])
        if self.read_until is not None:
            reached = min(reached, self.read_until + LEAD // _MICROSECOND)
        if not self.is_behind:
            self.watermark = max(self.watermark, reached)
        # Not limited by `since`: events that arrived while a new trigger started are older, and Slack may repeat them.
        begin = self.watermark - OVERLAP // _MICROSECOND
        kept = sorted((ts for ts in self._emitted if _microseconds(ts) >= begin), key=_microseconds)
        if len(kept) > REMEMBERED:
            # Before the oldest remembered message, it is unknown which messages led to events; so do not read there.
            kept = kept[-REMEMBERED:]
            self._since = max(self._since, _microseconds(kept[0]))
        self._emitted = set(kept)
        return bool(settled)


def _microseconds(ts: str) -> int:
    seconds, _, fraction = ts.partition(".")
    return int(seconds) * 1_000_000 + int(fraction[:6].ljust(6, "0"))


def _ts(microseconds: int) -> str:
    return f"{microseconds // 1_000_000:010d}.{microseconds % 1_000_000:06d}"
