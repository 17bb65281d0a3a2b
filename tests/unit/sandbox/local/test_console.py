"""What the runner says, in a terminal and in a file."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from workplace_sandbox.local.console import Progress


def lines(progress: Progress) -> list[str]:
    file = progress.console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue().splitlines()


def test_a_file_gets_plain_lines_and_a_text_only_when_it_changes() -> None:
    progress = Progress(Console(file=io.StringIO()))
    with progress.step("Airflow starts") as step:
        step.detail("waiting for [scheduler]")
        step.detail("waiting for [scheduler]")
        step.detail("waiting for triggerer")
    assert lines(progress) == [
        "  Airflow starts ...",
        "  Airflow starts: waiting for [scheduler] (0 s)",
        "  Airflow starts: waiting for triggerer (0 s)",
        "✓ Airflow starts (0 s)",
    ]


def test_a_long_wait_gives_a_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("workplace_sandbox.local.console.time.monotonic", lambda: now[0])
    progress = Progress(Console(file=io.StringIO()))
    with progress.step("Run") as step:
        step.detail("queued")
        now[0] = 10.0
        step.detail("queued")
        now[0] = 16.0
        step.detail("queued")
    assert lines(progress) == ["  Run ...", "  Run: queued (0 s)", "  Run: queued (16 s)", "✓ Run (16 s)"]


def test_a_failed_step_says_so() -> None:
    progress = Progress(Console(file=io.StringIO()))
    with pytest.raises(KeyboardInterrupt), progress.step("Run"):
        raise KeyboardInterrupt
    assert lines(progress)[-1] == "✗ Run (0 s)"


def test_long_lines_are_not_broken() -> None:
    progress = Progress(Console(file=io.StringIO()))
    progress.say("x" * 500)
    assert lines(progress) == ["x" * 500]


def test_a_terminal_gets_a_living_line() -> None:
    progress = Progress(Console(file=io.StringIO(), force_terminal=True, width=80))
    with progress.step("Airflow starts") as step:
        step.detail("waiting")
        assert str(step.__rich__()) == "Airflow starts: waiting (0 s)"
    assert any("✓ Airflow starts" in line for line in lines(progress))
