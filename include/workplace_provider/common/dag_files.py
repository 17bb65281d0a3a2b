"""DAG files: which DAGs of a file to build, and paths that are valid on every worker."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from airflow.sdk import get_current_context, get_parsing_context

INCLUDE: Final = "include"
"""The folder beside ``dags`` for files that are no DAGs, in Astro projects and in Git bundles."""


def dags_to_build(dag_ids: Iterable[str]) -> list[str]:
    """Return the ids of the DAGs that a file has to build: only the DAG of the task that is about to run, if there is one.

    The DAG processor needs all DAGs of a file. A worker imports the file again for each task, and needs one. The ids are
    all returned if the task's DAG is not among them, since a file may give a DAG another id than expected::

        for dag_id in dags_to_build(TEAMS):
            build_dag(dag_id, TEAMS[dag_id])
    """
    known = list(dag_ids)
    wanted = get_parsing_context().dag_id
    return [wanted] if wanted is not None and wanted in known else known


def portable_path(path: Path) -> str:
    """Return a path that a task on another machine can resolve with :func:`resolve_beside_dag`.

    An absolute path in the ``include`` folder of a project becomes relative to the project, such as
    ``include/notices/company.yaml``. The project is the folder that has the running DAG's file or, outside of a task, a
    ``dags`` folder. Any other path is returned unchanged.
    """
    parts = path.parts
    if not path.is_absolute() or INCLUDE not in parts:
        return str(path)
    # The last one: a project may itself be in a folder called include.
    position = len(parts) - 1 - parts[::-1].index(INCLUDE)
    project = Path(*parts[:position])
    dag_file = _running_dag_file()
    is_project = (project / "dags").is_dir() if dag_file is None else project in dag_file.parents
    return path.relative_to(project).as_posix() if is_project else str(path)


def resolve_beside_dag(name: str | Path, dag_file: str | Path) -> Path:
    """Return the file with a name on this machine.

    A relative name is relative to the DAG file. A name that begins with ``include/`` may also be in the ``include`` folder
    of a parent folder; the nearest one is used. An absolute path is not changed::

        resolve_beside_dag("include/notices/company.yaml", "/opt/airflow/dags/team/notice_watch.py")

    :param dag_file: ``fileloc`` of the DAG
    """
    folder, path = Path(dag_file).parent, Path(name)
    beside = folder / path
    if path.is_absolute() or path.parts[:1] != (INCLUDE,) or beside.exists():
        return beside
    return next((parent / path for parent in folder.parents if (parent / path).exists()), beside)


def resolve_in_task(name: str | Path) -> Path:
    """Return the file with a name, relative to the DAG file of the running task, and outside of a task to the process."""
    dag_file = _running_dag_file()
    return Path(name) if dag_file is None else resolve_beside_dag(name, dag_file)


def _running_dag_file() -> Path | None:
    """Return the DAG file of the running task; ``None`` outside of a task."""
    try:
        return Path(get_current_context()["dag"].fileloc)
    except RuntimeError:
        return None
