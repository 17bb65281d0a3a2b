from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE = 30.0
"""Seconds; far more than anything takes, so that a busy machine fails no test."""


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.01)


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds, in an event loop."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not come to hold"
        await asyncio.sleep(0.01)
