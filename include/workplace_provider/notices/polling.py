"""One poll of a board: read it, note what is new, hand it over, cross it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from workplace_provider.notices.news import new_notices
from workplace_provider.notices.notice import Notice  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from workplace_provider.notices.board import Board
    from workplace_provider.notices.reader import Reading


class Store(Protocol):
    """Keeps JSON under keys."""

    def get(self, key: str, /) -> Any:
        """What is kept; ``None`` for nothing."""

    def set(self, key: str, value: Any, /) -> None:
        """Keep it instead of what was there."""


class PendingNotice(msgspec.Struct, frozen=True):
    """A notice that was found and is to be handed over.

    :param since: no earlier can it have been handed over
    """

    notice: Notice
    since: datetime


class BoardMemory(msgspec.Struct, frozen=True):
    """A board's memory.

    A new notice is noted as waiting before anything is done with it, and crossed out afterwards. So it is not lost when
    somebody dies in between, not even when the board has dropped it by then.

    :param seen: marks of notices with their contents, the last seen at the end
    :param waiting: what is to be handed over, the oldest first
    :param etag: of the board's last answer
    :param modified: the ``Last-Modified`` of the board's last answer
    """

    seen: dict[str, str]
    waiting: tuple[PendingNotice, ...] = ()
    etag: str = ""
    modified: str = ""

    @classmethod
    def of(cls, stored: Any) -> BoardMemory:
        """The memory that :meth:`stored` gave.

        :raises ValueError: it is none
        """
        try:
            return msgspec.convert(stored, cls)
        except msgspec.ValidationError as error:
            raise ValueError(f"what is remembered of the board cannot be read, clear it: {error}") from error

    @property
    def stored(self) -> Any:
        """The memory as plain JSON."""
        return msgspec.json.decode(msgspec.json.encode(self))


@dataclass(frozen=True, slots=True)
class PollResult:
    """How a poll went.

    :param first_run: nothing was remembered before
    :param seen: how many notices are remembered now
    """

    first_run: bool
    seen: int


def poll(
    board: Board,
    store: Store,
    key: str,
    *,
    read: Callable[[str, str], Reading | None],
    hand_over: Callable[[PendingNotice], None],
    max_new: int | None = None,
) -> PollResult:
    """Poll a board.

    It may break off anywhere and be begun again: a new notice that was read is handed over at least once, and a second time
    only when it broke off right behind the first. So ``hand_over`` has to look whether that happened, no further back than
    ``since``.

    :param key: of the board's memory in the store
    :param read: reads the board, given ``etag`` and ``modified`` of the answer before
    :param hand_over: takes a new notice
    :param max_new: takes the place of the board's own
    """
    stored = store.get(key)
    memory = BoardMemory({}) if stored is None else BoardMemory.of(stored)
    memory = _hand_over(memory, store, key, hand_over)
    reading = read(memory.etag, memory.modified)
    if reading is not None:
        news = new_notices(
            reading.notices,
            memory.seen,
            first_run=stored is None,
            max_new=max_new or board.max_new,
            max_initial=board.max_initial,
            keep=board.keep,
            updated=board.updated,
            system=board.system,
        )
        now = datetime.now(UTC)
        after = BoardMemory(
            news.seen, tuple(PendingNotice(notice, now) for notice in news.notices), reading.etag, reading.modified
        )
        # The order counts as well: it tells what may be forgotten first.
        if stored is None or after != memory or list(after.seen) != list(memory.seen):
            store.set(key, after.stored)
        memory = _hand_over(after, store, key, hand_over)
    return PollResult(stored is None, len(memory.seen))


def _hand_over(memory: BoardMemory, store: Store, key: str, hand_over: Callable[[PendingNotice], None]) -> BoardMemory:
    """Hand over what waits, and cross out each when it is done."""
    while memory.waiting:
        first, *others = memory.waiting
        hand_over(first)
        memory = msgspec.structs.replace(memory, waiting=tuple(others))
        store.set(key, memory.stored)
    return memory
