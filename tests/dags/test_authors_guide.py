"""What the guide for authors of DAGs shows works: its DAG and its test, in a project of their own.

tests/e2e/test_wheel.py runs them from the wheels in every `make test`; here they run from the working copy.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support.authors_guide import CODE, try_the_guide

pytestmark = pytest.mark.dags


@pytest.fixture
def guide(repository: Path) -> str:
    return (repository / "docs" / "authors.md").read_text(encoding="utf-8")


def test_the_dag_of_the_guide_is_short(guide: str) -> None:
    dag = CODE.findall(guide)[0]
    lines = [line for line in dag.splitlines() if line.strip() and not line.startswith(("import ", "from "))]
    assert len(lines) <= 20, "a short DAG is what the guide promises"


@pytest.mark.large
def test_the_dag_and_the_test_of_the_guide(guide: str, tmp_path: Path) -> None:
    assert "1 passed" in try_the_guide(guide, tmp_path, Path(sys.executable))
