"""A definition with every key reads, and each of its texts arrives at the task that needs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.serialization.serialized_objects import DagSerialization

from support.complete_definition import COMPLETE, complete_folder
from workplace_provider.reports import build_dag
from workplace_provider.reports.definition import PlaceAfter, ReportDefinition
from workplace_provider.reports.reading import parse_definition


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return complete_folder(tmp_path)


def read(text: str = COMPLETE) -> ReportDefinition:
    return parse_definition(text, "weekly.yaml", "weekly")


def test_a_definition_with_every_key_becomes_a_dag(folder: Path) -> None:
    dag = build_dag(read(), folder)
    DagSerialization.to_dict(dag)
    tasks: dict[str, Any] = {task.task_id: task for task in dag.tasks}
    assert type(tasks["review"]).__name__ == "SlackReviewOperator"
    assert tasks["review"].channel == "#reviews"
    assert tasks["review"].labels == {"Approve": "승인", "Reject": "반려"}
    assert [getattr(name, "value", name) for name in tasks["review"].reviewers] == ["lead@example.com"]
    assert tasks["announce_3"].channel == "@lead"
    assert tasks["collect.wau"].each == {"기기": ["PC", "모바일"]}
    assert str(tasks["collect.costs"].path) == "s3://aws_default@finance/{period.month}/costs.parquet"


@pytest.mark.parametrize("place", ["last", "{after: previous}", "{after: 2026 목표}"])
def test_places_of_a_new_page(place: str) -> None:
    page = read(COMPLETE.replace("place: first", f"place: {place}")).page
    assert page.place == (PlaceAfter(place[8:-1]) if "after" in place else "last")
