"""Start a program with all processes that it starts, and end all of them.

`airflow standalone` starts four more processes, and those start workers. When only its first process is ended, they stay
behind: SIGTERM reaches the parent only. So each program gets a session of its own, and the end of the program ends every
process in the session.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil

from workplace_sandbox.local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

POLL = 0.1  # seconds between two checks whether everything has ended
KILL_PATIENCE = 5.0  # seconds; a killed process ends at once unless the machine is in trouble
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
OWNER = "WORKPLACE_DEMO"  # environment variable that every process of a demonstration carries


class ProcessEnded(LocalError):
    """A program ended while it was still needed; the message has the last lines of its log."""


class LeftBehind(LocalError):
    """A program's processes did not end even when killed."""


class Program:
    """A program in a session of its own, with its output in a file.

    :param name: its name in messages.
    :param command: the command line.
    :param environment: its whole environment; nothing is inherited.
    :param log: file for standard output and standard error.
    :param grace: seconds between the request to end and the kill.
    :param stop_signal: the request to end.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log: Path,
        grace: float,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.log = log
        self._command = list(command)
        self._environment = dict(environment)
        self._grace = grace
        self._stop_signal = stop_signal
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; the working directory is the caller's."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        # A signal between the fork and the assignment would leave an unknown process behind.
        with self.log.open("ab") as output, signals_held_back():
            self._process = subprocess.Popen(  # noqa: S603  the commands are built in this package
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Its own session and process group: Ctrl-C in the terminal goes to the caller alone, which ends this.
                start_new_session=True,
            )

    def __enter__(self) -> Program:
        """Start it."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End it."""
        self.stop()

    @property
    def session(self) -> int:
        """Process id of the first process, which is the id of the session too."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process.pid

    def check(self) -> None:
        """Check that it runs.

        :raises ProcessEnded: it has ended.
        """
        if self._process is not None and (status := self._process.poll()) is not None:
            raise ProcessEnded(f"{self.name} ended with {status}. The end of {self.log}:\n{self.tail()}")

    def run(self, timeout: float) -> int:
        """Start it, wait for its end, and end its remaining processes.

        :param timeout: seconds.
        :return: its status; 124 after a timeout, as in timeout(1).
        """
        with self:
            if self._process is None:
                raise RuntimeError(f"{self.name} was not started")
            try:
                return self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                return 124

    def tail(self, lines: int = 30) -> str:
        """Return the last lines of its log."""
        try:
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        except OSError:
            return "(no log)"

    def stop(self) -> None:
        """End every process of the session: first by request, after the grace by force.

        :raises LeftBehind: a process is alive even then.
        """
        if self._process is None:
            return
        deadline = time.monotonic() + self._grace
        self.terminate()
        while self._alive() and time.monotonic() < deadline:
            time.sleep(POLL)
        deadline = time.monotonic() + KILL_PATIENCE
        while (alive := self._alive()) and time.monotonic() < deadline:
            self.signal(signal.SIGKILL)  # repeatedly: a process may have been about to start another
            time.sleep(POLL)
        self._process.poll()
        if alive:
            raise LeftBehind(f"{self.name}: processes {', '.join(map(str, alive))} do not end")

    def terminate(self) -> None:
        """Request the end of every process of the session, without waiting for it."""
        if self._process is not None:
            self.signal(self._stop_signal)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every process of the session."""
        # One call for the group reaches its members at the same instant; then the processes that left the group for one of
        # their own within the session.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.session, number)
        for pid in self._alive():
            if _group_of(pid) != self.session:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def _alive(self) -> list[int]:
        """Return the ids of the session's living processes."""
        if self._process is not None:
            self._process.poll()  # so that the first process does not stay a zombie
        return session_members(self.session)


def session_members(session: int) -> list[int]:
    """Return the ids of the living processes of a session, without zombies, which only wait for their parent."""
    members = []
    for pid in psutil.pids():
        try:
            if os.getsid(pid) == session and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                members.append(pid)
        except (ProcessLookupError, PermissionError, psutil.Error):
            continue
    return members


def processes_of(owner: str) -> list[int]:
    """Return the ids of the living processes with this owner in their environment, in any session."""
    processes = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(OWNER) == owner and process.status() != psutil.STATUS_ZOMBIE:
                processes.append(process.pid)
        except psutil.Error:  # another user's, or gone
            continue
    return processes


def end_leftovers(owner: str) -> int:
    """Kill the processes of a demonstration that was itself killed before it could end them.

    :return: their number.
    :raises LeftBehind: a process is alive even then.
    """
    left = processes_of(owner)
    deadline = time.monotonic() + KILL_PATIENCE
    alive = left
    while alive and time.monotonic() < deadline:
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(POLL)
        alive = processes_of(owner)
    if alive:
        raise LeftBehind(f"processes {', '.join(map(str, alive))} of an earlier run do not end")
    return len(left)


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Deliver the signals that end a program after the block instead of in it."""
    if threading.current_thread() is not threading.main_thread():  # Python handles signals in the main thread only
        yield
        return
    held: list[int] = []
    # A function, not SIG_IGN: a program started in the block would inherit SIG_IGN and ignore the signal for good.
    before = {number: signal.signal(number, lambda got, _: held.append(got)) for number in ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for got in dict.fromkeys(held):
            signal.raise_signal(got)


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0
