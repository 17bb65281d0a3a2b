"""What is remembered of a board between two polls."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from workplace_provider.notices.notice import Notice  # noqa: TC001 - msgspec reads the annotations


class Waiting(msgspec.Struct, frozen=True):
    """A notice that was found and is to be handed over.

    :param since: no earlier can it have been handed over
    """

    notice: Notice
    since: datetime


class Memory(msgspec.Struct, frozen=True):
    """A board's memory.

    A new notice is noted as waiting before anything is done with it, and crossed out afterwards. So it is not lost when
    somebody dies in between, not even when the board has dropped it by then.

    :param seen: marks of notices with their contents, the last seen at the end
    :param waiting: what is to be handed over, the oldest first
    :param etag: of the board's last answer
    :param modified: the ``Last-Modified`` of the board's last answer
    """

    seen: dict[str, str]
    waiting: tuple[Waiting, ...] = ()
    etag: str = ""
    modified: str = ""

    @classmethod
    def of(cls, stored: Any) -> Memory:
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
