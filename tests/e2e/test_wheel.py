"""The wheels by themselves: built, installed into clean environments, and known to Airflow and pytest there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from support.authors_guide import try_the_guide
from support.wheels import build_wheel
from workplace_sandbox.local.environment import install, make_venv

pytestmark = pytest.mark.e2e

PROJECT = Path(__file__).parents[2]
DISTRIBUTION = "airflow-provider-workplace"

# Run with the environment's interpreter: the provider's information for the connection form and the operators.
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
def sandbox_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(PROJECT / "sandbox", tmp_path_factory.mktemp("sandbox-wheel"))


@pytest.fixture
def python(clean_environment: Path) -> Path:
    return clean_environment


@pytest.fixture(scope="module")
def sandbox_python(sandbox_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a clean environment with the sandbox's wheel, and pytest; without Airflow."""
    made = make_venv(tmp_path_factory.mktemp("sandbox-environment") / "venv")
    install(made, [str(sandbox_wheel), "pytest"], PROJECT / "constraints.txt", byte_compile=False)
    return made


def environment(home: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "PYTHONPATH"))}
    return kept | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "COLUMNS": "300",
    }


def airflow(python: Path, home: Path, *arguments: str) -> Any:
    """Return the JSON output of an `airflow` command."""
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


def names_in(wheel: Path, package: str) -> list[str]:
    """Return the files of a wheel, which has one package and its metadata."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    (metadata,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops == {package, metadata}
    assert f"{package}/py.typed" in names
    assert f"{metadata}/licenses/LICENSE" in names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
    return names


def test_each_wheel_has_its_package_and_nothing_else(wheel: Path, sandbox_wheel: Path) -> None:
    provider, sandbox = names_in(wheel, "workplace_provider"), names_in(sandbox_wheel, "workplace_sandbox")
    entries = zipfile.ZipFile(wheel).read(next(name for name in provider if name.endswith("entry_points.txt"))).decode()
    assert "[airflow.plugins]" in entries
    assert "[apache_airflow_provider]" in entries
    assert "pytest11" not in entries
    for folder, package, names in (
        (PROJECT / "include", "workplace_provider", provider),
        (PROJECT / "sandbox" / "src", "workplace_sandbox", sandbox),
    ):
        files = {str(file.relative_to(folder)) for file in (folder / package).rglob("*") if file.is_file()}
        in_wheel = {name for name in names if name.startswith(f"{package}/") and not name.startswith(f"{package}/example_")}
        assert {name for name in files if "__pycache__" not in name} == in_wheel
    dags = {f"workplace_provider/example_dags/{file.name}" for file in (PROJECT / "dags").glob("*.py")}
    assert {name for name in provider if "/example_dags/" in name} == dags


def run(python: Path, home: Path, *arguments: str) -> str:
    """Return the output of a command of the environment's interpreter."""
    ran = subprocess.run(
        [python, "-P", *arguments], cwd=home, env=environment(home), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_pytest_loads_no_plugin_of_the_provider(python: Path, tmp_path: Path) -> None:
    (tmp_path / "test_nothing.py").write_text("def test_nothing(pytestconfig):\n    assert True\n")
    listed = run(python, tmp_path, "-m", "pytest", "--trace-config", "-p", "no:cacheprovider", "test_nothing.py")
    assert "1 passed" in listed
    assert "workplace" not in listed.replace(str(python.parents[1]), "").replace(str(tmp_path), "")


def test_the_sandbox_is_a_fixture_without_airflow_and_without_the_provider(sandbox_python: Path, tmp_path: Path) -> None:
    (tmp_path / "test_wiki.py").write_text(
        "import importlib.util, requests\n"
        "def test_wiki(workplace_sandbox):\n"
        "    assert importlib.util.find_spec('airflow') is importlib.util.find_spec('workplace_provider') is None\n"
        "    assert requests.get(workplace_sandbox.confluence_url).status_code == 200\n"
    )
    assert "1 passed" in run(sandbox_python, tmp_path, "-m", "pytest", "-p", "no:cacheprovider", "test_wiki.py")


def site_packages(python: Path) -> str:
    (folder,) = python.parents[1].glob("lib/python*/site-packages")
    return str(folder)


def test_the_authors_guide_works_from_both_wheels_in_an_empty_folder(
    python: Path, sandbox_python: Path, tmp_path: Path
) -> None:
    # Both environments as one, which saves installing Airflow a second time.
    guide = (PROJECT / "docs" / "authors.md").read_text(encoding="utf-8")
    search_path = os.pathsep.join(map(site_packages, (sandbox_python, python)))
    where = "import workplace_provider, workplace_sandbox; print(workplace_provider.__file__, workplace_sandbox.__file__)"
    found = subprocess.run(
        [sandbox_python, "-c", where], env={"PYTHONPATH": search_path}, capture_output=True, text=True, check=True
    ).stdout.split()
    assert [Path(each).is_relative_to(PROJECT) for each in found] == [False, False]
    assert "1 passed" in try_the_guide(guide, tmp_path, sandbox_python, search_path)


def test_a_new_project_passes_its_tests_and_publishes_its_report(python: Path, sandbox_python: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    ran = subprocess.run(
        [python.with_name("workplace"), "init", project, "--weekly"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    variables = environment(tmp_path / "home") | {
        "PYTHONPATH": os.pathsep.join(map(site_packages, (sandbox_python, python))),
        "PATH": os.pathsep.join([str(python.parent), os.environ["PATH"]]),
        "AIRFLOW__CORE__DAGS_FOLDER": str(project / "dags"),
    }
    (line,) = re.findall(r"workplace-sandbox (run .*)", (project / "README.md").read_text("utf-8"))
    for command in (["pytest", "-q"], ["workplace_sandbox.cli", *shlex.split(line)]):
        done = subprocess.run(
            [sandbox_python, "-m", *command], cwd=project, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "주간 보고" in (project / "pages" / "index.html").read_text("utf-8")


SHOW_PLUGIN = """
from airflow import plugins_manager
plugins_manager.integrate_macros_plugins()
from airflow.sdk.execution_time import macros
pages = [app["name"] for app in plugins_manager.get_fastapi_plugins()[0]]
print(macros.workplace.report_title.__name__, pages, plugins_manager.get_import_errors())
"""


def test_the_macros_and_the_pages_come_with_the_wheel(python: Path, tmp_path: Path) -> None:
    assert (
        run(python, tmp_path, "-c", SHOW_PLUGIN).splitlines()[-1]
        == "report_title ['Connect Atlassian', 'Workplace reports'] {}"
    )


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
