"""Which events came, which are taken care of, and which acknowledgements are still owed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, Literal, TypeVar

Receipt = TypeVar("Receipt", bound=Hashable)

REMEMBERED: Final = 10_000
"""Slack sends an event again within minutes; so many ids are far more than come in that time."""

Arrival = Literal["new", "open", "settled"]


class EventLedger(Generic[Receipt]):
    """Tells new events from those that came before.

    An event that comes again while nobody has taken care of it is not acknowledged: the copy's receipt is kept with the
    others, and all of them are owed once it is settled. Slack would otherwise forget what may still get lost here.

    :param size: how many settled events are remembered; those that are open are never forgotten
    """

    def __init__(self, size: int = REMEMBERED) -> None:
        if size < 1:
            raise ValueError(f"size is {size}; it must be at least 1")
        self._size = size
        self._open: dict[str, list[Receipt]] = {}
        self._settled: OrderedDict[str, None] = OrderedDict()

    def arrive(self, event_id: str, receipt: Receipt) -> Arrival:
        """Note that an event came.

        :param event_id: the same for each copy
        :param receipt: what acknowledges this copy
        :return: ``new``; ``open`` for a copy of one that nobody has taken care of yet, whose receipt is kept; ``settled``
            for a copy of one that is, which can be acknowledged at once
        """
        if event_id in self._settled:
            self._settled.move_to_end(event_id)
            return "settled"
        if event_id in self._open:
            self._open[event_id].append(receipt)
            return "open"
        self._open[event_id] = [receipt]
        return "new"

    def settle(self, event_id: str) -> list[Receipt]:
        """Note that an event is taken care of.

        :return: the receipts that are owed for it, the newest first; none when it was not open
        """
        receipts = self._open.pop(event_id, None)
        if receipts is None:
            return []
        self._settled[event_id] = None
        while len(self._settled) > self._size:
            self._settled.popitem(last=False)
        return receipts[::-1]

    def release(self, event_id: str) -> None:
        """Forget an event that nobody could take care of, so that it is new when it comes again."""
        self._open.pop(event_id, None)
