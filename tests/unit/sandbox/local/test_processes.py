"""Ending a program with everything it has started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from workplace_sandbox.local.processes import (
    OWNER,
    ProcessEnded,
    Program,
    end_leftovers,
    processes_of,
    session_members,
    signals_held_back,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# A parent that starts a child which hears no SIGTERM, and one that leaves the process group.
FAMILY = """
    import os, pathlib, signal, subprocess, sys, time
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    apart = "import os, time; os.setpgid(0, 0); print('up', flush=True); time.sleep(600)"
    for code in (deaf, apart):
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE).stdout.readline()
    pathlib.Path(sys.argv[1]).touch()
    time.sleep(600)
"""


def program(tmp_path: Path, code: str, *arguments: str, grace: float = 0.5, **environment: str) -> Program:
    return Program(
        "test program",
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        environment={**os.environ, **environment},
        log=tmp_path / "logs" / "program.log",
        grace=grace,
    )


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_stop_ends_the_deaf_and_those_who_left_the_group(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    with program(tmp_path, FAMILY, str(ready)) as family:
        wait_for(ready.exists)
        session = family.session
        assert len(session_members(session)) == 3

    assert session_members(session) == []


def test_stop_finds_children_whose_parent_has_ended(tmp_path: Path) -> None:
    orphan = """
        import subprocess, sys
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    """
    parent = program(tmp_path, orphan)
    parent.start()
    wait_for(lambda: len(session_members(parent.session)) == 1 and ended(parent))

    parent.stop()

    assert session_members(parent.session) == []


def ended(parent: Program) -> bool:
    try:
        parent.check()
    except ProcessEnded:
        return True
    return False


def test_a_program_that_ends_by_itself_is_noticed_with_its_last_words(tmp_path: Path) -> None:
    with program(tmp_path, "import sys; print('no such port'); sys.exit(3)") as failing:
        wait_for(lambda: ended(failing))
        with pytest.raises(ProcessEnded, match=r"(?s)test program ended with 3\..*program\.log:\nno such port"):
            failing.check()


def test_run_returns_the_status(tmp_path: Path) -> None:
    assert program(tmp_path, "import sys; sys.exit(4)").run(timeout=20) == 4


def test_run_ends_what_takes_too_long(tmp_path: Path) -> None:
    slow = program(tmp_path, "import time; time.sleep(600)")
    assert slow.run(timeout=0.2) == 124
    assert session_members(slow.session) == []


def test_stop_before_start_does_nothing(tmp_path: Path) -> None:
    program(tmp_path, "").stop()


def test_leftovers_are_found_by_their_owner_and_ended(tmp_path: Path) -> None:
    owner = str(tmp_path)
    left = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], env={**os.environ, OWNER: owner}, start_new_session=True
    )
    try:
        wait_for(lambda: processes_of(owner) == [left.pid])
        assert processes_of(owner + "-other") == []
        assert end_leftovers(owner) == 1
        assert left.wait(10) == -signal.SIGKILL
    finally:
        left.kill()
        left.wait()
    assert end_leftovers(owner) == 0


def test_a_signal_in_a_critical_section_comes_afterwards() -> None:
    done = []

    class Ended(BaseException):
        pass

    def end(number: int, frame: object) -> None:
        raise Ended

    before = signal.signal(signal.SIGTERM, end)
    try:
        with pytest.raises(Ended), signals_held_back():  # noqa: PT012
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.05)
            done.append("the section")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert done == ["the section"]


def test_a_program_started_in_a_critical_section_still_hears_signals(tmp_path: Path) -> None:
    up, heard = tmp_path / "up", tmp_path / "heard"
    with signals_held_back():
        code = """
            import pathlib, signal, sys, time
            up, heard = map(pathlib.Path, sys.argv[1:])
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(heard.touch()))
            up.touch()
            time.sleep(600)
        """
        child = program(tmp_path, textwrap.dedent(code), str(up), str(heard), grace=20)
        child.start()
    wait_for(up.exists)
    child.stop()
    assert heard.exists()
