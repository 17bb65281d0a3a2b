"""What the guide for authors of DAGs shows works: its DAG and its test, in a project of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.dags

PREPARED = """
from airflow.utils.db import initdb

initdb()
"""


def test_the_dag_and_the_test_of_the_guide(repository: Path, tmp_path: Path) -> None:
    guide = (repository / "docs" / "authors.md").read_text(encoding="utf-8")
    dag, test, *_ = re.findall(r"```python\n(.*?)```", guide, re.S)
    lines = [line for line in dag.splitlines() if line.strip() and not line.startswith(("import ", "from "))]
    assert len(lines) <= 20, "a short DAG is what the guide promises"
    project = tmp_path / "project"
    (project / "dags").mkdir(parents=True)
    (project / "dags" / "channel_page.py").write_text(dag, encoding="utf-8")
    (project / "test_channel_page.py").write_text(test, encoding="utf-8")
    (project / "conftest.py").write_text(PREPARED, encoding="utf-8")
    home = tmp_path / "airflow"
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW_")},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(project / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(repository / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
    }
    # Not with this repository's settings: the fixture comes from the installed package.
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(project), "-p", "no:cacheprovider"]
    result = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    assert "1 passed" in result.stdout
