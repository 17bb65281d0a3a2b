"""The events that have arrived, their state, and the acknowledgements that are due."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, Literal, TypeVar

Receipt = TypeVar("Receipt", bound=Hashable)

REMEMBERED: Final = 10_000
"""Slack repeats an event within minutes; far fewer events than this arrive in that time."""

Arrival = Literal["new", "open", "settled"]


class EventLedger(Generic[Receipt]):
    """Deduplicates events, and keeps the receipts that acknowledge their copies.

    A copy of an event that is still open is not acknowledged: its receipt is kept, and all receipts are due when the
    event is settled. Otherwise Slack would drop an event whose processing may still fail.

    :param size: number of settled events that are remembered; open events are always kept
    """

    def __init__(self, size: int = REMEMBERED) -> None:
        if size < 1:
            raise ValueError(f"size is {size}; it must be at least 1")
        self._size = size
        self._open: dict[str, list[Receipt]] = {}
        self._settled: OrderedDict[str, None] = OrderedDict()

    def arrive(self, event_id: str, receipt: Receipt) -> Arrival:
        """Record the arrival of an event or of its copy.

        :param event_id: id of the event, the same for each copy
        :param receipt: receipt that acknowledges this copy
        :return: ``new``; ``open`` for a copy of an event in progress, whose receipt is kept; ``settled`` for a copy of a
            processed event, which can be acknowledged immediately
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
        """Mark an event as processed.

        :return: the receipts to acknowledge, newest first; none if the event was not open
        """
        receipts = self._open.pop(event_id, None)
        if receipts is None:
            return []
        self._settled[event_id] = None
        while len(self._settled) > self._size:
            self._settled.popitem(last=False)
        return receipts[::-1]

    def release(self, event_id: str) -> None:
        """Drop an event whose processing failed, so that its next copy counts as new."""
        self._open.pop(event_id, None)
