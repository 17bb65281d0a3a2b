"""The trigger form of every DAG in Airflow's UI: everything that may be empty is emptied, and the form makes a run.

tests/dags/test_params.py has the rules for the schemas, without a browser.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from playwright.sync_api import Locator, Page, expect

from support.real_airflow import RealAirflow, until

pytestmark = pytest.mark.e2e

REPOSITORY = Path(__file__).resolve().parents[3]
REPORTS = {file.stem for file in (REPOSITORY / "include" / "reports").glob("*.yaml")}
DAG_IDS = sorted({file.stem for file in (REPOSITORY / "dags").glob("*.py")} - {"reports"} | REPORTS)


@pytest.fixture(scope="module")
def airflow(shared_airflow: RealAirflow) -> Iterator[RealAirflow]:
    """Return the shared Airflow with its DAGs paused: a run from a form stays queued."""
    api = shared_airflow.airflow.api
    until(lambda: all(map(api.dag, DAG_IDS)), "the DAGs to be parsed")
    paused = {dag_id: (api.dag(dag_id) or {})["is_paused"] for dag_id in DAG_IDS}
    for dag_id in DAG_IDS:
        pause(shared_airflow, dag_id, is_paused=True)
    yield shared_airflow
    shared_airflow.end_runs()
    for dag_id, before in paused.items():
        pause(shared_airflow, dag_id, is_paused=before)


def pause(airflow: RealAirflow, dag_id: str, *, is_paused: bool) -> None:
    airflow.airflow.api._call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": is_paused})


@pytest.fixture(scope="module")
def schemas() -> dict[str, dict[str, dict[str, Any]]]:
    """Return the schema of each Param of each DAG."""
    dags = DagBag(dag_folder=str(REPOSITORY / "dags"), bundle_name="dags-folder").dags
    return {key: {name: dag.params.get_param(name).schema for name in dag.params} for key, dag in dags.items()}


def open_form(page: Page, url: str, *, has_params: bool) -> Locator:
    """Open the form of a DAG."""
    page.goto(url)
    page.get_by_role("button", name="Trigger").first.click()
    form = page.get_by_role("dialog")
    if has_params:  # the first section unfolds itself
        form.locator("button[data-part='item-trigger'][aria-expanded=true]").first.wait_for()
    form.get_by_text("on trigger").click()  # the DAG stays paused
    return form


def unfolded(form: Locator, name: str, schema: dict[str, Any]) -> Locator:
    """Return the field of a Param; its section is unfolded, which folds the others."""
    field = form.locator(f"[id='element_{name}'], [name='element_{name}']").first
    section = form.locator("button[data-part='item-trigger']", has_text=schema.get("section", "Run Parameters"))
    if section.get_attribute("aria-expanded") != "true":
        section.click()
    field.wait_for()
    return field


def empty(field: Locator) -> None:
    """Empty a field as a person does: a text field, a list with a line for each item, a choice, or JSON in an editor."""
    if field.evaluate("element => ['INPUT', 'TEXTAREA'].includes(element.tagName)"):
        field.fill("")
        field.blur()
    elif field.get_by_label("Clear selected options").count():
        field.get_by_label("Clear selected options").click()
    elif field.locator(".monaco-editor").count():
        field.locator(".view-lines").click()
        field.page.keyboard.press("ControlOrMeta+A")
        field.page.keyboard.press("Delete")


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_the_form_is_sent_with_every_optional_field_empty_and_no_required_one(
    airflow: RealAirflow, page: Page, schemas: dict[str, dict[str, dict[str, Any]]], dag_id: str
) -> None:
    api, params = airflow.airflow.api, schemas[dag_id]
    form = open_form(page, f"{airflow.airflow.url}/dags/{dag_id}", has_params=bool(params))
    send = form.get_by_role("button", name="Trigger", exact=True)
    expect(send).to_be_enabled()
    for name in (name for name, schema in params.items() if schema["type"] == "string" and "enum" not in schema):
        field = unfolded(form, name, params[name])
        before = field.input_value()
        empty(field)
        expect(send).to_be_disabled()
        field.fill(before)
        expect(send).to_be_enabled()
    optional = [name for name, schema in params.items() if "null" in schema["type"]]
    for name in optional:
        empty(unfolded(form, name, params[name]))
    expect(send).to_be_enabled()
    known = {run["dag_run_id"] for run in api.runs(dag_id)}
    send.click()
    form.wait_for(state="detached")
    (run,) = [run for run in api.runs(dag_id) if run["dag_run_id"] not in known]
    assert {name: run["conf"][name] for name in optional if run["conf"][name] not in (None, [], {})} == {}
    assert all(run["conf"][name] not in (None, "") for name in params if name not in optional)
