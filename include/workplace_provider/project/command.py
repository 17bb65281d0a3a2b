"""The command ``workplace init``: write an Airflow project into an empty folder, and list what to fill in."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from workplace_provider import __version__
from workplace_provider.common.terminal import for_terminal, print_text
from workplace_provider.project.parts import CONNECTIONS, PARTS, REPORTS, Part, part_files

FAILED: Final = 1
_DOCKERFILE: Final = """\
# Astro Runtime 3.3 is Airflow 3.3. It installs packages.txt and requirements.txt, and copies this folder.
FROM astrocrpublic.azurecr.io/runtime:3.3-8
"""
_CONFTEST: Final = '''\
"""Let the tests use an Airflow of their own, whose files go when the tests have ended."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

_home = tempfile.TemporaryDirectory()
os.environ["AIRFLOW_HOME"] = _home.name
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(Path(__file__).parent.parent / "dags")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"


def pytest_sessionstart() -> None:
    """Create Airflow's database."""
    from airflow.utils.db import initdb

    initdb()
'''
_TESTS: Final = '''\
"""The DAGs can be imported. Add tests that run them on the sandbox, whose fixture is `workplace_sandbox`."""

from __future__ import annotations

import os

from airflow.dag_processing.dagbag import DagBag


def dag_bag() -> DagBag:
    return DagBag(dag_folder=os.environ["AIRFLOW__CORE__DAGS_FOLDER"], bundle_name="dags-folder")


def test_every_dag_can_be_imported() -> None:
    assert dag_bag().import_errors == {}
'''
_WEEKLY_TEST: Final = """

def test_the_weekly_report_is_published_and_announced(workplace_sandbox) -> None:
    assert dag_bag().dags["weekly_report"].test().state == "success"
    assert [page for page in workplace_sandbox.store.pages("ANALYTICS") if page.title.endswith("주간 보고")]
    assert workplace_sandbox.messages("#weekly-report")
"""
_IGNORED: Final = ".git\n.venv\n**/__pycache__\nlogs\nairflow.db\n"


def main(arguments: Sequence[str] | None = None, *, prog: str = "workplace init") -> int:
    """Run the command.

    :param arguments: arguments of the command; ``None`` for those of this process
    :param prog: the command as people type it
    :return: exit code: 0 for success, 1 for a problem
    """
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Write an Airflow project into an empty folder: for the Astro CLI, or for your own Airflow. It can have "
        "reports in YAML and the parts that you choose; without a choice, the weekly report.",
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), metavar="DIR", help="an empty folder (this one)")
    for name, part in PARTS.items():
        parser.add_argument(f"--{name}", action="store_true", help=part.title.replace("`", ""))
    options = parser.parse_args(arguments)
    chosen = [name for name in PARTS if getattr(options, name)] or ["weekly"]
    try:
        write_project(options.folder, chosen)
    except OSError as error:
        print(f"{prog}: {for_terminal(str(error))}", file=sys.stderr)
        return FAILED
    print_text(f"{options.folder.resolve()}: created. README.md lists what to fill in")
    return 0


def write_project(folder: Path, chosen: Sequence[str]) -> None:
    """Write a project.

    ::

        write_project(Path("my-airflow"), ["weekly", "bot"])

    :param folder: the folder; created if it does not exist
    :param chosen: keys of :data:`~workplace_provider.project.parts.PARTS`
    :raises FileExistsError: if the folder is not empty; nothing is written then
    """
    if folder.is_dir() and any(path.name != ".git" for path in folder.iterdir()):
        raise FileExistsError(f"{folder.resolve()} is not empty; choose an empty folder")
    parts = [REPORTS, *(PARTS[name] for name in chosen)]
    copied = {name: source.read_bytes() for part in parts for name, source in part_files(part)}
    written = {name: text.encode() for name, text in _texts(parts, has_weekly="weekly" in chosen).items()}
    for name, content in (copied | written).items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def _texts(parts: Sequence[Part], *, has_weekly: bool) -> Mapping[str, str]:
    extras = ",".join(sorted({extra for part in parts for extra in part.extras}))
    requirement = f"airflow-provider-workplace[{extras}]=={__version__}"
    return {
        "README.md": _readme(parts, has_weekly=has_weekly),
        "requirements.txt": f"{requirement}\n",
        "requirements-dev.txt": f"-r requirements.txt\nworkplace-sandbox=={__version__}\npytest>=8.4\n",
        "packages.txt": "",
        "Dockerfile": _DOCKERFILE,
        ".dockerignore": _IGNORED,
        ".gitignore": ".venv\n__pycache__\nlogs\nairflow.db\nairflow_settings.yaml\n",
        "airflow_settings.yaml": _settings(parts),
        "include/reports/.gitkeep": "",
        "plugins/.gitkeep": "",
        "tests/conftest.py": _CONFTEST,
        "tests/test_dags.py": _TESTS + (_WEEKLY_TEST if has_weekly else ""),
    }


def _connections(parts: Sequence[Part]) -> list[str]:
    used = {conn_id for part in parts for conn_id in part.connections}
    return [conn_id for conn_id in CONNECTIONS if conn_id in used]


def _settings(parts: Sequence[Part]) -> str:
    """Return the local set-up in the Astro CLI's schema, with a placeholder in each field."""
    lines = [
        "# The local set-up of `astro dev start`. It gets secrets, so it is not committed; elsewhere use a secrets backend.",
        "airflow:",
        "  connections:",
    ]
    for conn_id in _connections(parts):
        connection = CONNECTIONS[conn_id]
        lines += [f"    - conn_id: {conn_id}", f"      conn_type: {connection.conn_type}"]
        lines += [f'      conn_{name}: ""  # {text}' for name, text in connection.fields.items()]
    lines += ["  pools:", "    # As many slots as the connection to Tableau has personal access tokens."]
    lines += ["    - pool_name: tableau_pat", "      pool_slot: 1", "      pool_description: one slot per token"]
    lines += ["  variables: []"]
    return "\n".join([*lines, ""])


def _readme(parts: Sequence[Part], *, has_weekly: bool) -> str:
    connections = "\n".join(
        f"| `{conn_id}` | {CONNECTIONS[conn_id].conn_type} | "
        + "; ".join(f"{name}: {text}" for name, text in CONNECTIONS[conn_id].fields.items())
        + " |"
        for conn_id in _connections(parts)
    )
    settings = "".join(f"- {text}\n" for part in parts for text in part.settings)
    dag = "weekly_report" if has_weekly else "DAG"
    command = json.dumps(f"airflow db migrate && airflow dags test {dag}")
    return f"""# Airflow project with the Workplace provider

{"".join(f"- {part.title}" + chr(10) for part in parts)}
## Try it without any account

    python -m venv .venv && . .venv/bin/activate && pip install -r requirements-dev.txt
    pytest
    AIRFLOW__CORE__DAGS_FOLDER=$PWD/dags workplace-sandbox run --export pages sh -c {command}

The last command runs a DAG on local stand-ins of Confluence, Tableau, Jira and Slack, and writes their pages to
`pages/index.html`.

## What to fill in

Connections, under *Admin → Connections*, as variables `AIRFLOW_CONN_…`, in a secrets backend, or for `astro dev start` in
`airflow_settings.yaml`:

| connection | type | fields |
|---|---|---|
{connections}

The pool `tableau_pat` needs one slot for each personal access token of `tableau_default`.

{settings}
Then run `workplace doctor` where Airflow runs: it checks connections, pools, plugins and the artifact store.
"""
