"""Take turns among machines that share nothing but a register which can be read and overwritten.

An Airflow Variable is such a register: a task may get, set and delete it, and there is no compare-and-swap. Mutual
exclusion is possible all the same when it is known how long a write takes at the most (Fischer's algorithm; Lamport, "A
Fast Mutual Exclusion Algorithm", 1987): wait until nobody is entered, enter oneself, wait for longer than a write of
somebody who saw the register empty can take, and look again. Whoever is still entered then is alone. An entry ends by
itself, so that a machine that dies keeps nobody out.

When a write takes longer than that nevertheless, two hold the lease at once. For a refresh of tokens that is harmless:
Atlassian takes the same refresh token again within ten minutes, and an entry lives for one.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

LASTS: Final = 60.0
"""Seconds after which an entry counts no more."""

SETTLES: Final = 2.0
"""Seconds within which a write is seen by everybody."""


class Register(Protocol):
    """A value that all machines see."""

    def read(self) -> str:
        """The value; empty when there is none."""

    def write(self, value: str) -> None:
        """Overwrite the value; an empty one clears it."""


@contextmanager
def lease(
    register: Register,
    done: Callable[[], bool],
    *,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.time,
    lasts: float = LASTS,
    settles: float = SETTLES,
) -> Iterator[bool]:
    """Wait for one's turn.

    :param done: asked while waiting; the wait ends when it says yes
    :param lasts: seconds that an entry lasts; clocks of different machines may differ by a part of that
    :param settles: seconds within which a write is seen by everybody
    :return: whether the lease is held; it is not when ``done`` ended the wait
    """
    owner = uuid.uuid4().hex
    while True:
        if _held_until(register.read()) > now():
            if done():
                yield False
                return
            sleep(settles * random.uniform(0.2, 0.4))  # noqa: S311 - spreads reads, guards nothing
            continue
        register.write(json.dumps({"owner": owner, "until": now() + lasts}))
        sleep(settles)
        if _entry(register.read()).get("owner") == owner:
            break
    try:
        yield True
    finally:
        # Somebody who took over after our entry had ended keeps theirs.
        if _entry(register.read()).get("owner") == owner:
            register.write("")


def _held_until(text: str) -> float:
    until = _entry(text).get("until")
    return float(until) if isinstance(until, int | float) else 0.0


def _entry(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text) if text else {}
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
