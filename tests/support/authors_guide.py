from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

PREPARED = """
from airflow.utils.db import initdb

initdb()
"""
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)


def try_the_guide(guide: str, folder: Path, python: Path, search_path: str = "") -> str:
    """Write the DAG and the test of docs/authors.md into an empty folder, run the test there, and return what pytest prints.

    The folder has no plugins: macros and fixtures come from what is installed.

    :param python: interpreter of an environment with the provider and the sandbox
    :param search_path: value of PYTHONPATH
    """
    dag, test, *_ = CODE.findall(guide)
    project, home = folder / "project", folder / "airflow"
    for directory in (project / "dags", home, folder / "no_plugins"):
        directory.mkdir(parents=True)
    (project / "dags" / "channel_page.py").write_text(dag, encoding="utf-8")
    (project / "test_channel_page.py").write_text(test, encoding="utf-8")
    (project / "conftest.py").write_text(PREPARED, encoding="utf-8")
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW_", "PYTHONPATH"))},
        **({"PYTHONPATH": search_path} if search_path else {}),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(project / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(folder / "no_plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
    }
    # Without this repository's settings: the fixture comes from the installed package.
    command = [str(python), "-m", "pytest", "-q", "--rootdir", str(project), "-p", "no:cacheprovider"]
    ran = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    return ran.stdout
