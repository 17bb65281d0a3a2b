"""Parts of every program of this package: a directory for its output, its end by a signal, and free ports."""

from __future__ import annotations

import fcntl
import shutil
import signal
import socket
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from workplace_sandbox.local.errors import LocalError
from workplace_sandbox.local.processes import ENDING_SIGNALS, end_leftovers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workplace_sandbox.local.console import Progress

MARK = ".workplace-demo"  # file that marks a directory as ours to empty; locked while a program runs in it


class Interrupted(BaseException):
    """The user ended the program. Not an Exception, so that no handler takes it for a fault."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number


def report_error(error: Exception, progress: Progress) -> None:
    """Report an error; a bug in this package with its trace."""
    text = str(error) if isinstance(error, LocalError) else "".join(traceback.format_exception(error))
    progress.say(f"\nFailed: {text}")


@contextmanager
def work_directory(work: Path, progress: Progress) -> Iterator[None]:
    """Empty the work directory, and lock it.

    :raises LocalError: another program of this package runs in it, or it has files that none of them has written.
    """
    work.mkdir(parents=True, exist_ok=True)
    mark = work / MARK
    if any(work.iterdir()) and not mark.exists():
        raise LocalError(f"{work} has files of another program; name an empty directory")
    with mark.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalError(f"another program runs in {work}; end it first, or name another directory") from None
        # The lock is free, so any process that still runs here belongs to a program that was killed.
        if ended := end_leftovers(str(work)):
            progress.say(f"Killed {ended} processes that an earlier, killed run had left behind")
        for entry in work.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry != mark:
                entry.unlink()
        yield


def free_port(preferred: int = 0) -> int:
    """Return a free loopback port, the preferred one if it is free."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            # Like the servers: a port whose last user has just ended counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            number: int = probe.getsockname()[1]
            return number
    raise LocalError("this machine has no free port")


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the signals that end a program into an exception, so that all processes are ended."""

    def interrupt(number: int, _frame: object) -> NoReturn:
        raise Interrupted(number)

    # nohup ignores SIGHUP: keep that.
    numbers = [n for n in ENDING_SIGNALS if not (n == signal.SIGHUP and signal.getsignal(n) == signal.SIG_IGN)]
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
