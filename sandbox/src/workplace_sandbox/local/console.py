"""Say what is being waited for: a living line in a terminal, plain lines in a file or a CI log."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.status import Status
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

HEARTBEAT = 15.0  # seconds after which a plain log says that it still waits
PLAIN_WIDTH = 200  # characters; a table in a file is not to be broken at 80


class Step:
    """One thing being waited for.

    :param title: what it is.
    :param console: where to say so.
    """

    def __init__(self, title: str, console: Console) -> None:
        self.title = title
        self._console = console
        self._started = time.monotonic()
        self._said = self._started
        self._detail = ""

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._started

    def detail(self, text: str) -> None:
        """Say how far it is; the same text again is a sign of life only."""
        changed, self._detail = text != self._detail, text
        if not self._console.is_terminal and (changed or time.monotonic() - self._said > HEARTBEAT):
            self._said = time.monotonic()
            self._console.print(f"  {self.title}: {text} ({self.seconds:.0f} s)", highlight=False, markup=False)

    def __rich__(self) -> Text:
        """Return the living line; rich asks for it several times a second."""
        detail = f": {self._detail}" if self._detail else ""
        return Text(f"{self.title}{detail} ({self.seconds:.0f} s)")


class Progress:
    """The runner's voice.

    :param console: a terminal or a file.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console()
        if not self.console.is_terminal:
            self.console.width = PLAIN_WIDTH

    def say(self, text: str = "") -> None:
        """Print a line as it is."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def table(self, table: Table) -> None:
        """Print a table."""
        self.console.print(table)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Announce something that takes time, and say afterwards how long it took."""
        step = Step(title, self.console)
        try:
            if self.console.is_terminal:
                with Status(step, console=self.console):
                    yield step
            else:
                self.say(f"  {title} ...")
                yield step
        except BaseException:
            self.say(f"✗ {title} ({step.seconds:.0f} s)")
            raise
        self.say(f"✓ {title} ({step.seconds:.0f} s)")
