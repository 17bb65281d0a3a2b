from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from support.dags import parse_for
from workplace_provider.common import dag_files
from workplace_provider.common.dag_files import dags_to_build, portable_path, resolve_beside_dag, resolve_in_task

NAME = "include/notices/company.yaml"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a DAG file in a subfolder of its own."""
    project = tmp_path / "include" / "project"
    for file in (NAME, "dags/team/watch.py"):
        (project / file).parent.mkdir(parents=True)
        (project / file).touch()
    return project


def run_in_task(monkeypatch: pytest.MonkeyPatch, dag_file: Path) -> None:
    context = {"dag": SimpleNamespace(fileloc=str(dag_file))}
    monkeypatch.setattr(dag_files, "get_current_context", lambda: context)


@pytest.mark.parametrize(
    ("wanted", "built"),
    [(None, ["a", "b"]), ("b", ["b"]), ("of another file", ["a", "b"]), ("", ["a", "b"])],
    ids=["processor", "task", "another id", "no id"],
)
def test_a_task_builds_only_its_dag(monkeypatch: pytest.MonkeyPatch, wanted: str | None, built: list[str]) -> None:
    parse_for(monkeypatch, wanted)
    assert dags_to_build(iter(["a", "b"])) == built


def test_a_file_of_a_project_is_found_on_another_worker(project: Path, tmp_path: Path) -> None:
    name = portable_path(project / NAME)
    assert name == NAME
    project.rename(tmp_path / "elsewhere")
    for dag_file in ("dags/watch.py", "dags/team/watch.py"):
        assert resolve_beside_dag(name, tmp_path / "elsewhere" / dag_file).samefile(tmp_path / "elsewhere" / NAME)


def test_the_nearest_include_folder_wins(project: Path) -> None:
    nearest = project / "dags" / "team" / NAME
    nearest.parent.mkdir(parents=True)
    nearest.touch()
    assert resolve_beside_dag(NAME, project / "dags/team/watch.py") == nearest
    assert resolve_beside_dag(NAME, project / "dags/watch.py") == project / NAME


def test_other_paths_stay(project: Path, tmp_path: Path) -> None:
    outside = tmp_path / "include" / "boards" / "company.yaml"  # no project: there is no dags folder beside it
    for path in (outside, tmp_path / "boards" / "company.yaml", Path("boards/company.yaml")):
        assert portable_path(path) == str(path)
    assert resolve_beside_dag(outside, project / "dags/watch.py") == outside
    assert resolve_beside_dag("boards/a.yaml", project / "dags/watch.py") == project / "dags/boards/a.yaml"
    # The error of a missing file shows the place beside the DAG.
    assert resolve_beside_dag("include/a.yaml", project / "dags/watch.py") == project / "dags/include/a.yaml"


def test_in_a_task_the_project_is_that_of_the_dag(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_in_task("notices") == Path("notices")
    run_in_task(monkeypatch, project / "watch.py")
    assert portable_path(project / NAME) == NAME
    assert resolve_in_task("notices") == project / "notices"
    other = tmp_path / "other"
    run_in_task(monkeypatch, other / "dags" / "watch.py")
    assert portable_path(project / NAME) == str(project / NAME)
