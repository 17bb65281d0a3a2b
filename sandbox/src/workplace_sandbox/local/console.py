"""Progress of the current step: a live line in a terminal, plain lines in a file or a CI log."""

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

HEARTBEAT = 15.0  # seconds between two lines of a plain log about the same step
PLAIN_WIDTH = 200  # characters; a table in a file must not wrap at 80


class Step:
    """A step that takes time.

    :param title: its name.
    :param console: the output.
    """

    def __init__(self, title: str, console: Console) -> None:
        self.title = title
        self._console = console
        self._started = time.monotonic()
        self._said = self._started
        self._detail = ""

    @property
    def seconds(self) -> float:
        """Return the elapsed time."""
        return time.monotonic() - self._started

    def detail(self, text: str) -> None:
        """Report the progress; the same text again is a heartbeat only."""
        changed, self._detail = text != self._detail, text
        if not self._console.is_terminal and (changed or time.monotonic() - self._said > HEARTBEAT):
            self._said = time.monotonic()
            self._console.print(f"  {self.title}: {text} ({self.seconds:.0f} s)", highlight=False, markup=False)

    def __rich__(self) -> Text:
        """Return the live line; rich renders it several times a second."""
        detail = f": {self._detail}" if self._detail else ""
        return Text(f"{self.title}{detail} ({self.seconds:.0f} s)")


class Progress:
    """The output of the runner.

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
        """Announce a step, and report afterwards how long it took."""
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
