from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workplace_provider import cli
from workplace_provider.cli import COMMANDS, Command, main


def run(monkeypatch: pytest.MonkeyPatch, function: Any, *arguments: str) -> int:
    """Run a command ``한글`` whose module has this function."""
    monkeypatch.setattr(cli, "COMMANDS", (Command("한글", "somewhere", "does something"),))
    monkeypatch.setattr(cli, "import_module", lambda name: SimpleNamespace(main=function) if name == "somewhere" else None)
    return main(["한글", *arguments])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_a_function_and_a_help_of_its_own(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    function = importlib.import_module(command.module).main
    assert list(inspect.signature(function).parameters) == ["arguments", "prog"]
    with pytest.raises(SystemExit) as ended:
        main([command.name, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: workplace {command.name} ")


def test_the_project_installs_the_command(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"]["workplace"] == "workplace_provider.cli:main"


def test_the_help_lists_the_commands_without_importing_them() -> None:
    program = """
import sys
from workplace_provider.cli import main
try:
    main(["--help"])
except SystemExit as ended:
    assert ended.code == 0
heavy = {"airflow", "requests", "lxml", "slack_sdk", "msgspec"} & set(sys.modules)
assert not heavy, heavy
"""
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert process.returncode == 0, process.stderr
    assert all(f"  {command.name}" in process.stdout and command.summary in process.stdout for command in COMMANDS)


def test_arguments_and_exit_code_are_those_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[list[str], str]] = []

    def function(arguments: list[str], *, prog: str) -> int:
        seen.append((arguments, prog))
        return 3

    assert run(monkeypatch, function, "check", "--online", "--", "파일.yaml", "--version") == 3
    assert seen == [(["check", "--online", "--", "파일.yaml", "--version"], "workplace 한글")]


def test_ctrl_c_ends_with_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def function(arguments: list[str], *, prog: str) -> int:
        raise KeyboardInterrupt

    assert run(monkeypatch, function) == 130
    assert capsys.readouterr().err == "workplace: interrupted\n"


def test_a_reader_that_stops_reading_is_no_traceback() -> None:
    program = """
import sys
from types import SimpleNamespace
from workplace_provider import cli

def function(arguments, *, prog):
    for number in range(100_000):
        print(number)
    return 0

cli.COMMANDS = (cli.Command("numbers", "somewhere", "prints"),)
cli.import_module = lambda name: SimpleNamespace(main=function)
sys.exit(cli.main(["numbers"]))
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 1


def test_unknown_commands_suggest_the_closest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["confluence-log-in"])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert "unknown command 'confluence-log-in'; did you mean 'confluence-login'? The commands are " in error


def test_the_version_is_that_of_the_provider(capsys: pytest.CaptureFixture[str]) -> None:
    from workplace_provider import __version__

    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"airflow-provider-workplace {__version__}\n"
