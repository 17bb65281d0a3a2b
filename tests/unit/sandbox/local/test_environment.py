"""Making the environment: the version check, and pip where uv cannot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from workplace_sandbox.local import environment
from workplace_sandbox.local.environment import InstallError, check_python, install, main


class Commands:
    """Stands in for running commands: remembers them, and fails those that contain one of the texts."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.run: list[str] = []

    def __call__(self, command: list[str], quiet: bool = False) -> int:
        self.run.append(" ".join(command))
        return int(any(text in self.run[-1] for text in self.failing))


@pytest.fixture
def no_uv_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workplace_sandbox.local.environment.shutil.which", lambda name: None)


def installs(commands: Commands) -> list[str]:
    return [line for line in commands.run if "pip install" in line and not line.endswith(" uv")]


def test_python_that_is_too_old_is_refused_with_what_to_type() -> None:
    with pytest.raises(InstallError, match=r"3\.11 or newer is needed; /usr/bin/python3 is 3\.10\.4\. .*make PYTHON="):
        check_python((3, 10, 4), "/usr/bin/python3")


def test_this_python_is_new_enough() -> None:
    check_python()


def test_uv_installs_with_the_pins_and_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = Commands()
    monkeypatch.setattr(environment, "_run", commands)
    monkeypatch.setattr("workplace_sandbox.local.environment.shutil.which", lambda name: "/opt/uv")

    assert install(Path("v/bin/python"), ["-e", ".[dev]"], Path("c.txt"), say=lambda text: None) == "uv"

    assert installs(commands) == [
        "/opt/uv pip install --python v/bin/python --compile-bytecode --constraint c.txt -e .[dev]"
    ]


@pytest.mark.parametrize(
    ("failing", "how"),
    [("", "/opt/uv pip install --python python"), ("pip install --python", "python -m pip install --no-compile")],
)
def test_what_is_tried_once_need_not_be_compiled(monkeypatch: pytest.MonkeyPatch, failing: str, how: str) -> None:
    commands = Commands(failing) if failing else Commands()
    monkeypatch.setattr(environment, "_run", commands)
    monkeypatch.setattr("workplace_sandbox.local.environment.shutil.which", lambda name: "/opt/uv")

    install(Path("python"), ["lxml"], say=lambda text: None, byte_compile=False)

    assert installs(commands)[-1] == f"{how} lxml"


@pytest.mark.usefixtures("no_uv_on_path")
def test_pip_installs_the_same_set_when_uv_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = Commands("-m uv pip install")
    monkeypatch.setattr(environment, "_run", commands)
    said: list[str] = []

    assert install(Path("v/bin/python"), ["-e", ".[dev]"], Path("c.txt"), say=said.append) == "pip"

    assert installs(commands)[-1] == "v/bin/python -m pip install --compile --constraint c.txt -e .[dev]"
    assert any("uv failed" in text for text in said)


@pytest.mark.usefixtures("no_uv_on_path")
def test_pip_installs_when_there_is_no_uv_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = Commands("-m uv", "--quiet --disable-pip-version-check uv")
    monkeypatch.setattr(environment, "_run", commands)

    assert install(Path("v/bin/python"), ["lxml"], say=lambda text: None) == "pip"

    assert installs(commands) == ["v/bin/python -m pip install --compile lxml"]


def test_a_shim_on_path_without_a_uv_behind_it_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = Commands("/shims/uv")
    monkeypatch.setattr(environment, "_run", commands)
    monkeypatch.setattr("workplace_sandbox.local.environment.shutil.which", lambda name: "/shims/uv")

    assert install(Path("v/bin/python"), ["lxml"], say=lambda text: None) == "uv"

    assert installs(commands) == ["v/bin/python -m uv pip install --python v/bin/python --compile-bytecode lxml"]


def test_when_pip_fails_too_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_run", Commands("pip install"))
    with pytest.raises(InstallError, match=r"pip ended with 1.*v/bin/python -m pip install --compile nonsense"):
        install(Path("v/bin/python"), ["nonsense"], say=lambda text: None)


def test_the_command_hands_pip_style_arguments_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commands = Commands()
    monkeypatch.setattr(environment, "_run", commands)
    monkeypatch.setattr(environment, "make_venv", lambda directory: directory / "bin" / "python")

    assert main([str(tmp_path), "--constraints", "c.txt", "--editable", ".[dev]"]) == 0

    assert installs(commands)[0].endswith("--constraint c.txt --editable .[dev]")


def test_it_runs_by_its_path_without_anything_installed(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-I", "-S", environment.__file__, "--help"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "--constraints" in ran.stdout
