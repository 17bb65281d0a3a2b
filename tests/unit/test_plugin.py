from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import workplace_provider

PROGRAM = """
from airflow import plugins_manager
plugins = [plugin for plugin in plugins_manager._get_plugins()[0] if "workplace" in type(plugin).__module__]
print([(plugin.name, type(plugin).__name__) for plugin in plugins])
print(plugins_manager.get_import_errors())
plugins_manager.integrate_macros_plugins()
from airflow.sdk.execution_time import macros
print(macros.workplace.report_title.__name__, macros.workplace.report_date.__name__)
"""


def test_the_entry_point_names_the_plugin() -> None:
    (found,) = entry_points(group="airflow.plugins", name="workplace")
    assert found.load().name == "workplace"


def test_the_plugin_is_registered_once() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    plugins, errors, macros = done.stdout.splitlines()[-3:]
    assert plugins == "[('workplace', 'WorkplacePlugin')]"
    assert errors == "{}"
    assert macros == "report_title report_date"


def test_the_plugin_is_light_since_every_process_of_airflow_loads_it() -> None:
    program = (
        "import sys, workplace_provider.plugin; print(*(name for name in sys.modules if name.startswith('workplace_')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1].split()
    assert "workplace_provider.reports.timetable" in loaded
    heavy = (
        "slack",
        "confluence",
        "tableau",
        "jira",
        "identity",
        "reports.definition",
        "reports.holidays",
        "reports.web.pages",
    )
    assert [name for name in loaded if name.removeprefix("workplace_provider.").startswith(heavy)] == []


def test_the_core_of_accounts_is_listed_in_the_contracts(repository: Path) -> None:
    contracts = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    core = {f"workplace_provider.identity.{file.stem}" for file in _core()}
    for name in (
        "the core of identity does not import a system",
        "clients, use cases, pages and the core of accounts know nothing of Airflow",
    ):
        (contract,) = (each for each in contracts if each["name"] == name)
        assert core <= set(contract["source_modules"])


def _core() -> list[Path]:
    folder = Path(workplace_provider.__file__).parent / "identity"
    # Hooks, the command and the reference of keys connect the core with Airflow and the systems.
    return [file for file in folder.glob("*.py") if file.stem not in ("__init__", "command", "hooks", "reference")]
