"""What the guide for authors of DAGs shows works: its DAG and its test, in a project of their own.

tests/e2e/test_wheel.py does the same from the wheels.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support.authors_guide import CODE, try_the_guide

pytestmark = pytest.mark.dags


def test_the_dag_and_the_test_of_the_guide(repository: Path, tmp_path: Path) -> None:
    guide = (repository / "docs" / "authors.md").read_text(encoding="utf-8")
    dag = CODE.findall(guide)[0]
    lines = [line for line in dag.splitlines() if line.strip() and not line.startswith(("import ", "from "))]
    assert len(lines) <= 20, "a short DAG is what the guide promises"
    assert "1 passed" in try_the_guide(guide, tmp_path, Path(sys.executable))
