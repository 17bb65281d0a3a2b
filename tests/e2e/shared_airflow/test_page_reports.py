"""A real scheduler makes a report that someone without access to git has described on a page of the wiki."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from support.real_airflow import RealAirflow, until
from workplace_sandbox.local.weeks import week_of

pytestmark = pytest.mark.e2e

DAG = "page_reports"
DEFINITION = """\
period: {every: week, weekday: thursday}
timezone: Asia/Seoul
page: {space: ANALYTICS, parent: 분석 문서, title: "%Y%m%d_하루카 지표"}
sources:
  kpis: {sql: QUERY, params: {day: "{{ period.day }}"}}
  trend: {tableau: 주간 지표/주간활성사용자, filters: {Parameters.기준일: "{{ period.day }}"}}
fill:
  - {table: 지표, source: kpis, key: 지표}
  - {image: 추이, source: trend}
"""
BODY = """\
<ac:structured-macro ac:name="code"><ac:parameter ac:name="title">report</ac:parameter>\
<ac:plain-text-body><![CDATA[{definition}]]></ac:plain-text-body></ac:structured-macro>\
<h2>지표</h2><table><tbody><tr><th>지표</th><th>지난주</th><th>이번 주</th><th>목표</th></tr>\
<tr><td /><td /><td /><td /></tr></tbody></table><h2>추이</h2><p />"""


class Wiki:
    """The wiki as Haruka uses it, with nothing but her own account."""

    def __init__(self, airflow: RealAirflow) -> None:
        self._api = f"{airflow.sandbox.confluence_url}/rest/api/content"
        self._session = requests.Session()
        self._session.headers["Authorization"] = "Bearer sandbox-token-haruka"

    def create(self, title: str, definition: str) -> str:
        page = {
            "type": "page",
            "title": title,
            "space": {"key": "ANALYTICS"},
            "body": {"storage": {"value": BODY.format(definition=definition), "representation": "storage"}},
        }
        page_id = str(self._call("POST", "", json=page)["id"])
        self._call("POST", f"/{page_id}/label", json=[{"prefix": "global", "name": "report-template"}])
        return page_id

    def comments(self, page_id: str) -> list[str]:
        found = self._call("GET", f"/{page_id}/child/comment", params={"expand": "body.storage"})["results"]
        return [re.sub(r"<[^<>]+>", " ", comment["body"]["storage"]["value"]) for comment in found]

    def _call(self, method: str, path: str, **options: Any) -> Any:
        response = self._session.request(method, self._api + path, timeout=30, **options)
        response.raise_for_status()
        return response.json()


def test_a_report_of_a_page_is_published_and_a_forbidden_source_is_refused(shared_airflow: RealAirflow) -> None:
    sandbox, api, wiki = shared_airflow.sandbox, shared_airflow.airflow.api, Wiki(shared_airflow)
    good = wiki.create("하루카 템플릿", DEFINITION.replace("QUERY", "weekly_kpis"))
    forbidden = wiki.create("금지된 템플릿", DEFINITION.replace("QUERY", "salaries").replace("하루카", "금지된"))
    run_id = api.trigger(DAG, run_after=datetime.now(UTC))["dag_run_id"]

    def state() -> str:
        return str(next(run["state"] for run in api.runs(DAG) if run["dag_run_id"] == run_id))

    until(lambda: state() in ("failed", "success"), "the run to end")
    tasks = {
        (task["rendered_map_index"], task["task_id"].removeprefix("make.")): task["state"]
        for task in api.task_instances(DAG, run_id)
    }
    assert tasks["금지된 템플릿", "compose"] == "failed"
    assert [tasks["하루카 템플릿", task] for task in ("compose", "publish")] == ["success"] * 2
    assert tasks["하루카 템플릿", "announce"] == "skipped", "it announces nothing"

    title = f"{week_of(datetime.now(UTC)):%Y%m%d}_하루카 지표"
    (page,) = [page for page in sandbox.store.pages("ANALYTICS") if page.title == title]
    assert page.created_by == "report-bot"
    assert "주간 활성 사용자" in page.body
    assert "weekly_kpis" not in page.body
    assert [file.filename for file in sandbox.store.attachments(page.id)] == ["주간활성사용자.png"]
    assert wiki.comments(good) == []
    (error,) = wiki.comments(forbidden)
    assert "sources.kpis.sql is 'salaries'. The catalogue allows weekly_kpis, channel_revenue" in error
    assert not [page for page in sandbox.store.pages("ANALYTICS") if page.title.endswith("_금지된 지표")]
