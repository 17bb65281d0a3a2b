"""The wheel by itself: built, installed into a clean environment, and known to Airflow there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from workplace_sandbox.local.environment import install, make_venv

pytestmark = pytest.mark.e2e

PROJECT = Path(__file__).parents[2]
DISTRIBUTION = "airflow-provider-workplace"

# Run with the environment's interpreter: what the connection form and the operators ask Airflow for.
LOAD_HOOKS = """
import json
from airflow.providers_manager import ProvidersManager
hooks = ProvidersManager().hooks
info = hooks["confluence"]
from workplace_provider.confluence.hooks import ConfluenceHook
hook = ConfluenceHook()
print(json.dumps({
    "package": info.package_name,
    "class": info.hook_class_name,
    "conn_type": hook.conn_type,
    "conn_id": ConfluenceHook.default_conn_name,
    "file": __import__("workplace_provider").__file__,
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", str(PROJECT), "--no-deps", "--wheel-dir", str(folder)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a clean environment with the wheel and its dependencies."""
    made = make_venv(tmp_path_factory.mktemp("wheel-environment") / "venv")
    install(made, [str(wheel)], PROJECT / "constraints.txt")
    return made


def environment(home: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "PYTHONPATH"))}
    return kept | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "COLUMNS": "300",
    }


def airflow(python: Path, home: Path, *arguments: str) -> Any:
    """What an `airflow` command prints as JSON."""
    ran = subprocess.run(
        [python, python.with_name("airflow"), *arguments, "--output", "json"],
        cwd=home,
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout[ran.stdout.index("[") :])


def test_the_wheel_has_the_two_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    (metadata,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops == {"workplace_provider", "workplace_sandbox", metadata}
    assert "workplace_provider/py.typed" in names
    assert f"{metadata}/licenses/LICENSE" in names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_airflow_lists_the_provider(python: Path, tmp_path: Path) -> None:
    listed = {entry["package_name"]: entry for entry in airflow(python, tmp_path, "providers", "list")}
    assert DISTRIBUTION in listed
    assert listed[DISTRIBUTION]["version"]


def test_airflow_lists_its_hooks(python: Path, tmp_path: Path) -> None:
    listed = {entry["connection_type"]: entry for entry in airflow(python, tmp_path, "providers", "hooks")}
    assert listed["confluence"]["class"] == "workplace_provider.confluence.hooks.confluence.ConfluenceHook"
    assert listed["confluence"]["conn_id_attribute_name"]


def test_airflow_gets_the_provider(python: Path, tmp_path: Path) -> None:
    (entry,) = airflow(python, tmp_path, "providers", "get", DISTRIBUTION)
    assert DISTRIBUTION in json.dumps(entry)


def test_the_hook_loads_with_nothing_else_of_this_repository(python: Path, tmp_path: Path) -> None:
    ran = subprocess.run(
        [python, "-P", "-c", LOAD_HOOKS],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout.splitlines()[-1])
    assert found["package"] == DISTRIBUTION
    assert found["class"] == "workplace_provider.confluence.hooks.confluence.ConfluenceHook"
    assert (found["conn_type"], found["conn_id"]) == ("confluence", "confluence_default")
    assert Path(found["file"]).is_relative_to(python.parents[1])
