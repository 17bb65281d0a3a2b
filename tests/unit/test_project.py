from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag

from workplace_provider.cli import main
from workplace_provider.doctor.usage import connections_of
from workplace_provider.project.parts import PARTS


@pytest.mark.parametrize("options", [[], [f"--{name}" for name in PARTS]], ids=["weekly", "everything"])
def test_the_settings_name_each_connection_and_pool_of_the_dags(tmp_path: Path, options: list[str]) -> None:
    folder = tmp_path / "project"
    assert main(["init", str(folder), *options]) == 0
    bag = DagBag(dag_folder=str(folder / "dags"), bundle_name="dags-folder")
    assert bag.import_errors == {}
    tasks = [task for dag in bag.dags.values() for task in dag.tasks]
    settings = yaml.safe_load((folder / "airflow_settings.yaml").read_text("utf-8"))["airflow"]
    named = {connection["conn_id"] for connection in settings["connections"]}
    assert {conn_id for task in tasks for conn_id in connections_of(task)} <= named
    assert {task.pool for task in tasks} <= {pool["pool_name"] for pool in settings["pools"]} | {"default_pool"}
    readme = (folder / "README.md").read_text("utf-8")
    assert named == set(re.findall(r"^\| `(\w+)`", readme, flags=re.M))
    for file in re.findall(r"`((?:dags|include)/[\w./]+)`", readme):
        assert (folder / file).exists()
    secrets = [
        value for connection in settings["connections"] for key, value in connection.items() if key == "conn_password"
    ]
    assert set(secrets) == {""}


def test_a_folder_with_files_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text("x = 1\n")
    assert main(["init", str(tmp_path)]) == 1
    assert "is not empty; choose an empty folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


def test_a_new_project_has_the_base_image_of_this_one(repository: Path, tmp_path: Path) -> None:
    assert main(["init", str(tmp_path / "project")]) == 0
    images = [
        re.findall(r"^FROM (\S+?:[\w.-]+)", (folder / "Dockerfile").read_text("utf-8"), flags=re.M)
        for folder in (repository, tmp_path / "project")
    ]
    assert images[0] == images[1] != []
