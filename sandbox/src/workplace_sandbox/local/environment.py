"""Create a virtual environment and install the project's pinned packages.

`make` runs this file by its path with the machine's own Python, before anything is installed, so it uses the standard
library only. The tests that need a clean environment use the same functions, so they test the set-up of a newcomer.

uv goes first because it is quick. It does not read pip's configuration, though, so on a machine that reaches its packages
only through pip's settings, uv fails and plain pip installs the same pins.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MINIMUM_PYTHON = (3, 11)


class InstallError(Exception):
    """A package set could not be installed; the message names the failed command and the reason."""


def check_python(version: tuple[int, ...] = sys.version_info[:3], executable: str = sys.executable) -> None:
    """Refuse a Python that is too old for Airflow 3.3 and this provider.

    :param version: version of the interpreter that will run everything.
    :param executable: its path, for the message.
    :raises InstallError: with the command to type instead.
    """
    if version < MINIMUM_PYTHON:
        wanted, actual = (".".join(map(str, numbers)) for numbers in (MINIMUM_PYTHON, version))
        raise InstallError(
            f"Python {wanted} or newer is needed; {executable} is {actual}. "
            f"Name another one: make PYTHON=/path/to/python{wanted}"
        )


def python_of(directory: Path) -> Path:
    """Return the interpreter of the virtual environment in `directory`."""
    return directory / "bin" / "python"


def make_venv(directory: Path, say: Callable[[str], None] = print) -> Path:
    """Create the virtual environment unless a working one exists.

    :param directory: its path. An environment that no longer starts (its base Python is gone) is created from scratch.
    :param say: receives progress messages.
    :return: its interpreter.
    """
    python = python_of(directory)
    if not _starts(python):
        say(f"Making the virtual environment {directory} (Python {'.'.join(map(str, sys.version_info[:3]))})")
        # symlinks: a copied interpreter does not find its standard library in every Python build.
        venv.EnvBuilder(clear=True, symlinks=True, with_pip=True).create(directory)
    return python


def install(
    python: Path,
    packages: Sequence[str],
    constraints: Path | None = None,
    say: Callable[[str], None] = print,
    *,
    byte_compile: bool = True,
) -> str:
    """Install packages and byte-compile them.

    Byte-compiling halves the start of every Airflow process; uv does it only on request, and PYTHONDONTWRITEBYTECODE
    would keep the processes from doing it themselves.

    :param python: the interpreter of the virtual environment to install into.
    :param packages: arguments as pip takes them: names, paths, `-e PATH`, `-r FILE`.
    :param constraints: file with the exact versions.
    :param say: receives progress messages.
    :param byte_compile: compile every file now; otherwise, Python compiles a file when it is first imported.
    :return: the installer that did it, "uv" or "pip".
    :raises InstallError: pip failed too.
    """
    pins = ["--constraint", str(constraints)] if constraints else []
    uv = _find_uv(python, say)
    if uv:
        say(f"Installing with uv: {' '.join(packages)}")
        on_request = ["--compile-bytecode"] if byte_compile else []
        command = [*uv, "pip", "install", "--python", str(python), *on_request, *pins, *packages]
        if _run(command) == 0:
            return "uv"
        say("uv failed; pip installs the same packages, which takes longer")
    say(f"Installing with pip: {' '.join(packages)}")
    compiling = "--compile" if byte_compile else "--no-compile"
    command = [str(python), "-m", "pip", "install", compiling, *pins, *packages]
    status = _run(command)
    if status != 0:
        raise InstallError(f"pip ended with {status}; the reason is above. The command was: {' '.join(command)}")
    return "pip"


def _find_uv(python: Path, say: Callable[[str], None]) -> list[str]:
    """Return the command that starts uv: the machine's, else one in the environment; [] if there is none."""
    on_path = shutil.which("uv")
    # A version manager's shim is on PATH even without a uv behind it, so a trial run decides.
    if on_path and _run([on_path, "--version"], quiet=True) == 0:
        return [on_path]
    in_environment = [str(python), "-m", "uv"]
    if _run([*in_environment, "--version"], quiet=True) == 0:
        return in_environment
    say("Fetching uv, the quick installer")
    if _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv"], quiet=True) == 0:
        return in_environment
    return []


def _starts(python: Path) -> bool:
    """Return whether this interpreter runs, is new enough, and has pip."""
    if not python.exists():
        return False
    probe = f"import pip, sys; sys.exit(sys.version_info < {MINIMUM_PYTHON!r})"
    return _run([str(python), "-c", probe], quiet=True) == 0


def _run(command: Sequence[str], quiet: bool = False) -> int:
    """Run a command to its end; return its status."""
    sink = subprocess.DEVNULL if quiet else None
    # VIRTUAL_ENV and PYTHONPATH of the caller's shell would point the installers at another environment.
    environment = {k: v for k, v in os.environ.items() if k not in {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"}}
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    return subprocess.run(  # noqa: S603  the commands are built here
        command, env=environment, stdout=sink, stderr=sink, check=False
    ).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command `environment.py DIRECTORY [--constraints FILE] PACKAGE...`; PACKAGE goes to the installer."""
    parser = argparse.ArgumentParser(description="Make a virtual environment and install packages into it.")
    parser.add_argument("directory", type=Path, help="the virtual environment; created if it does not exist")
    parser.add_argument("--constraints", type=Path, help="file with the exact versions")
    options, packages = parser.parse_known_args(arguments)
    try:
        check_python()
        install(make_venv(options.directory), packages, options.constraints)
    except InstallError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
