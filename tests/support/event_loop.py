from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")


def run_apart(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine in a thread of its own, because the browser of other tests has an event loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def call_apart(function: Callable[[], Result]) -> Result:
    """Call a function in a thread of its own, because it starts an event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()
