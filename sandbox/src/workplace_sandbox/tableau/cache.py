"""The cache of exports. An image and a file of data have entries of their own, so one can be older than the other."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from workplace_sandbox.tableau.clock import TableauClock

DEFAULT_MINUTES = 720
"""The default age limit of a result, in minutes: ``vizportal.rest_api.view_image.max_age``; reference 2.3."""

_KEPT = 512
Made = TypeVar("Made")


class ExportCache:
    """Results with their age.

    :param clock: the clock that ages them.
    """

    def __init__(self, clock: TableauClock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._results: OrderedDict[Hashable, tuple[datetime, object]] = OrderedDict()

    def get(self, key: Hashable, minutes: int, make: Callable[[], Made]) -> Made:
        """Return a result that is young enough, or a new one.

        :param key: identifies the result and decides its type.
        :param minutes: how old the result may be; less than a minute is a minute.
        :param make: makes a new one.
        """
        now = self._clock.now()
        with self._lock:
            made_at, result = self._results.get(key, (None, None))
        if made_at is not None and now - made_at < timedelta(minutes=max(minutes, 1)):
            return cast("Made", result)
        made = make()
        with self._lock:
            self._results[key] = (now, made)
            self._results.move_to_end(key)
            while len(self._results) > _KEPT:
                self._results.popitem(last=False)
        return made

    def clear(self) -> None:
        """Remove all results."""
        with self._lock:
            self._results.clear()
