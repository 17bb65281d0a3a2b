"""One poll of a board: read it, store the new notices as pending, post them, and remove them from the pending ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from workplace_provider.notices.news import new_notices
from workplace_provider.notices.notice import Notice  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from workplace_provider.notices.board import Board
    from workplace_provider.notices.reader import Reading


class PendingNotice(msgspec.Struct, frozen=True):
    """A new notice that is not posted yet.

    :param since: earliest time at which it can have been posted
    """

    notice: Notice
    since: datetime


class BoardMemory(msgspec.Struct, frozen=True):
    """The memory of a board between polls.

    A new notice is stored as pending before it is posted, and its entry is removed afterwards. If a worker is killed in
    between, the next poll posts the notice, even if the board no longer shows it.

    :param seen: digest of the content of each notice, by the notice's mark; the most recently seen last
    :param waiting: pending notices, oldest first
    :param etag: ``ETag`` of the board's last response
    :param modified: ``Last-Modified`` of the board's last response
    """

    seen: dict[str, str]
    waiting: tuple[PendingNotice, ...] = ()
    etag: str = ""
    modified: str = ""

    @classmethod
    def of(cls, stored: Any) -> BoardMemory:
        """Read what :attr:`stored` returned.

        :raises ValueError: the data is invalid
        """
        try:
            return msgspec.convert(stored, cls)
        except msgspec.ValidationError as error:
            raise ValueError(f"the stored memory of the board is invalid, clear it: {error}") from error

    @property
    def stored(self) -> Any:
        """The memory as JSON."""
        return msgspec.json.decode(msgspec.json.encode(self))


class Store(Protocol):
    """A key-value store for JSON."""

    def get(self, key: str, /) -> Any:
        """Return the value of a key; ``None`` if there is none."""

    def set(self, key: str, value: Any, /) -> None:
        """Store the value of a key."""


class BoardSource(Protocol):
    """A reader for the board."""

    def read(self, *, etag: str, modified: str) -> Reading | None:
        """Return the notices of the board; ``None`` if it has not changed since the response with these validators."""


class Recipient(Protocol):
    """A recipient of new notices."""

    def take(self, pending: PendingNotice) -> None:
        """Process a notice, unless it was processed since ``pending.since``."""


@dataclass(frozen=True, slots=True)
class PollResult:
    """The result of a poll.

    :param first_run: nothing was remembered before
    :param seen: number of remembered notices
    """

    first_run: bool
    seen: int


def poll(
    board: Board,
    store: Store,
    key: str,
    *,
    source: BoardSource,
    recipient: Recipient,
    max_new: int | None = None,
) -> PollResult:
    """Poll a board.

    A poll may be interrupted at any point and repeated: each new notice is passed to the recipient at least once, and twice
    only if the poll was interrupted right after the first time. So the recipient must be idempotent.

    :param key: key of the board's memory in the store
    :param source: reads the board
    :param recipient: processes each new notice
    :param max_new: overrides the board's ``max_new``
    """
    stored = store.get(key)
    memory = BoardMemory({}) if stored is None else BoardMemory.of(stored)
    memory = _pass_on(memory, store, key, recipient)
    reading = source.read(etag=memory.etag, modified=memory.modified)
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
        pending = tuple(PendingNotice(notice, now) for notice in news.notices)
        updated = BoardMemory(news.seen, pending, reading.etag, reading.modified)
        # The order matters too: the first notices are forgotten first.
        if stored is None or updated != memory or list(updated.seen) != list(memory.seen):
            store.set(key, updated.stored)
        memory = _pass_on(updated, store, key, recipient)
    return PollResult(stored is None, len(memory.seen))


def _pass_on(memory: BoardMemory, store: Store, key: str, recipient: Recipient) -> BoardMemory:
    """Pass the pending notices to the recipient, and remove each from the memory afterwards."""
    while memory.waiting:
        first, *others = memory.waiting
        recipient.take(first)
        memory = msgspec.structs.replace(memory, waiting=tuple(others))
        store.set(key, memory.stored)
    return memory
