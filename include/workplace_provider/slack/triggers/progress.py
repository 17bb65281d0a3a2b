"""How far a trigger is in a channel: up to where everything is taken care of, and what beyond that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from workplace_provider.slack.triggers.stream import Raw

OVERLAP: Final = timedelta(minutes=10)
"""Slack keeps no order: what came late may be older than what came before it, so reading begins this much earlier."""
REMEMBERED: Final = 500
_MICROSECOND: Final = timedelta(microseconds=1)


class ChannelProgress:
    """How far a trigger is in one channel.

    The watermark is the newest message up to which nothing is under way any more. Reading begins some minutes before it;
    the messages since then that events were made of are remembered, so that they are not told of twice. All of that is
    small JSON, to be kept where it outlives the triggerer.

    :param watermark: microseconds since 1970
    :param told: timestamps of the messages that events were made of
    :param since: nothing before this is ever read, in microseconds since 1970

    While ``is_behind`` is set, something may be missing that has yet to be read: the watermark stays where it is.
    """

    def __init__(self, watermark: int, told: Iterable[str] = (), *, since: int = 0) -> None:
        self.watermark = watermark
        self.is_behind = False
        self._since = since
        self._told = set(told)
        self._newest = watermark
        self._open: list[tuple[str, bool, Raw]] = []

    @classmethod
    def from_state(cls, state: Any) -> ChannelProgress | None:
        """Read what :meth:`state` wrote; ``None`` for anything else."""
        if not isinstance(state, Mapping):
            return None
        try:
            told = [str(each) for each in state["told"] if _microseconds(str(each)) >= 0]
            return cls(_microseconds(state["watermark"]), told, since=_microseconds(state["since"]))
        except (KeyError, ValueError, AttributeError, TypeError):
            return None

    def state(self) -> dict[str, Any]:
        """All that is to be remembered, as JSON of a few kilobytes."""
        return {"watermark": _ts(self.watermark), "since": _ts(self._since), "told": sorted(self._told)}

    @property
    def oldest(self) -> int:
        """From where on the channel is to be read, in microseconds since 1970."""
        return max(self._since, self.watermark - OVERLAP // _MICROSECOND)

    def was_told(self, ts: str) -> bool:
        """Whether an event was made of this message, and stored."""
        return ts in self._told

    def begin(self, ts: str, raw: Raw, *, told: bool) -> None:
        """Note that a message came.

        :param raw: what it came with, and is taken care of with
        :param told: whether an event was made of it
        """
        self._open.append((ts, told, raw))

    def advance(self) -> bool:
        """Take in what is settled by now; whether there is something new to remember."""
        settled = [(ts, told) for ts, told, raw in self._open if raw.outcome == "settled"]
        self._open = [each for each in self._open if each[2].outcome == "open"]
        self._told |= {ts for ts, told in settled if told}
        self._newest = max([self._newest, *(_microseconds(ts) for ts, _ in settled)])
        reached = min([self._newest, *(_microseconds(ts) - 1 for ts, _, _ in self._open)])
        if not self.is_behind:
            self.watermark = max(self.watermark, reached)
        # Not only those since ``since``: what the socket brought while a new trigger started is older than that, and Slack
        # may send it again.
        begin = self.watermark - OVERLAP // _MICROSECOND
        kept = sorted((ts for ts in self._told if _microseconds(ts) >= begin), key=_microseconds)
        if len(kept) > REMEMBERED:
            # Of what is older than those that are remembered, it would not be known whether it was told of.
            kept = kept[-REMEMBERED:]
            self._since = max(self._since, _microseconds(kept[0]))
        self._told = set(kept)
        return bool(settled)


def _microseconds(ts: str) -> int:
    seconds, _, fraction = ts.partition(".")
    return int(seconds) * 1_000_000 + int(fraction[:6].ljust(6, "0"))


def _ts(microseconds: int) -> str:
    return f"{microseconds // 1_000_000:010d}.{microseconds % 1_000_000:06d}"
