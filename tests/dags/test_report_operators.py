"""The operators of a report without a scheduler: what each check leads to, and the three kinds of pages."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import OutletEventAccessors

from workplace_provider.reports.definition import ReportDefinition
from workplace_provider.reports.operators import (
    ReportCheckOperator,
    ReportComposeOperator,
    ReportFileOperator,
    ReportPublishOperator,
)
from workplace_provider.reports.reading import parse_definition
from workplace_sandbox import Sandbox
from workplace_sandbox.model import Page

pytestmark = pytest.mark.dags

PAGE = (
    "<p>{{period}}</p><h2>변화</h2><p /><h2>지표</h2><table><tbody><tr><th>지표</th><th>값</th></tr>"
    "<tr><td></td><td></td></tr></tbody></table>"
)
DEFINITION = """\
period: {every: month, day: last}
page:
  space: ANALYTICS
  parent: 분석 문서
  title: "%Y년 %-m월 매출"
  from: {template: 매출 템플릿}
  rehearsal_parent: 회의록
sources: {sales: {sql: SELECT 1, conn_id: warehouse}}
checks: CHECKS
fill:
  - {text: {period: "{{ period.label }}"}}
  - {changes: 변화, sources: [sales], language: ko}
  - {table: 지표, source: sales, key: 지표}
"""
VERSION_1 = """{"version": 1, "report": "sales", "period": "2026-03", "run": "run_20260331",
  "page": {"id": "1", "title": "2026년 3월 매출", "url": "https://wiki.example.com/1"},
  "rows": {"sales": [{"지표": "매출", "값": 100}]}, "pictures": {}, "checks": [], "changes": []}"""
NO_CHECKS = "[{source: sales, rows: {min: 1}}]"


class Report:
    """A report whose tasks run here, one after another."""

    def __init__(self, sandbox: Sandbox, text: str = DEFINITION, checks: str = NO_CHECKS) -> None:
        self.sandbox = sandbox
        self.definition: ReportDefinition = parse_definition(text.replace("CHECKS", checks), "sales.yaml", "sales")
        self.pushed: dict[str, Any] = {}

    def context(self, day: datetime) -> Any:
        return {
            "dag": SimpleNamespace(dag_id="sales", timezone=UTC, fileloc="dags/reports.py"),
            "dag_run": SimpleNamespace(run_after=day, run_type="manual", triggering_user_name=None),
            "run_id": f"run_{day:%Y%m%d}",
            "params": {},
            "ti": SimpleNamespace(map_index=-1, try_number=1, xcom_push=self._push),
            "outlet_events": OutletEventAccessors(),
        }

    def _push(self, key: str, value: Any) -> None:
        self.pushed[key] = value

    def check(self, rows: Any, day: datetime) -> Any:
        return ReportCheckOperator(task_id="check", definition=self.definition, sources={"sales": rows}).execute(
            self.context(day)
        )

    def compose(self, rows: Any, day: datetime, **options: Any) -> Any:
        results = self.check(rows, day)["results"]
        label = {"variables": {"period": f"{day:%Y-%m}"}, "labels": ["Monthly Sales"]}
        return ReportComposeOperator(
            task_id="compose", definition=self.definition, sources={"sales": rows}, checks=results, texts=label, **options
        ).execute(self.context(day))

    def publish(self, composed: Any, day: datetime, **options: Any) -> Any:
        return ReportPublishOperator(
            task_id="publish", definition=self.definition, document=composed["document"], **options
        ).execute(self.context(day))

    def run(self, rows: Any, day: datetime, **options: Any) -> Any:
        return self.publish(self.compose(rows, day, **options), day)

    def page(self, title: str) -> Page:
        (page,) = [page for page in self.sandbox.store.pages("ANALYTICS") if page.title == title]
        return page


@pytest.fixture
def wiki(sandbox: Sandbox) -> Sandbox:
    (parent,) = [page for page in sandbox.store.pages("ANALYTICS") if page.title == "분석 문서"]
    sandbox.store.create_page("ANALYTICS", "매출 템플릿", PAGE, parent_id=parent.id, author="jimin")
    return sandbox


def month(number: int) -> datetime:
    return datetime(2026, number + 1, 1, tzinfo=UTC) - timedelta(hours=1)


def sales(value: Any) -> list[dict[str, Any]]:
    return [{"지표": "매출", "값": value}]


def test_six_months_in_any_order_give_six_pages_each_compared_with_the_month_before(wiki: Sandbox) -> None:
    report = Report(wiki)
    for number in (3, 1, 2, 6, 5, 4):
        report.run(sales(number * 100), month(number))
    for number in (1, 2, 3, 4, 5, 6):  # again, now that the months before are there
        report.run(sales(number * 100), month(number))
    assert "비교하지 않았습니다" in report.page("2026년 1월 매출").body
    for number in (2, 3, 4, 5, 6):
        body = report.page(f"2026년 {number}월 매출").body
        assert f"{number * 100 - 100}에서 {number * 100}으로 올랐습니다" in body
        assert f"<p>2026-0{number}</p>" in body
    assert {label.name for label in wiki.store.labels(report.page("2026년 6월 매출").id)} == {"monthly-sales"}


def test_a_check_that_stops_publishes_nothing_and_says_what_to_do(wiki: Sandbox) -> None:
    report = Report(wiki, checks="[{source: sales, range: {column: 값, min: 1}}]")
    with pytest.raises(
        AirflowFailException, match=r"Nothing was published: stop: sales: 값 at least 1\.0; 0 in row 1\. Fix"
    ):
        report.run(sales(0), month(3))
    (result,) = report.pushed["results"]
    assert (result["finding"], result["passed"]) == ("0 in row 1", False), "the page of the run shows it"
    assert not [page for page in wiki.store.pages("ANALYTICS") if page.title == "2026년 3월 매출"]


def test_a_check_that_asks_for_review_and_one_that_notes(wiki: Sandbox) -> None:
    report = Report(
        wiki,
        checks="[{source: sales, key: 지표, column: 값, change: {max: 10%}, else: review},"
        " {source: sales, range: {column: 값, max: 100}, else: note}]",
    )
    first = report.compose(sales(100), month(3))
    assert (first["needs_review"], first["notes"]) == (False, [])
    report.publish(first, month(3))
    second = report.compose(sales(200), month(4))
    assert second["needs_review"] is True
    assert second["notes"] == ["sales: 값 at most 100.0; 200 in row 1"]
    assert any("매출 from 100 to 200" in line for line in second["checks"])
    report.publish(second, month(4))
    assert "값 at most 100.0; 200 in row 1" in report.page("2026년 4월 매출").body
    third = report.compose(sales(90), month(5), ask_for_review=True)
    assert third["needs_review"] is True
    report.publish(third, month(5))
    assert "at most" not in report.page("2026년 5월 매출").body


def test_the_preview_is_the_published_page(wiki: Sandbox, tmp_path: Path) -> None:
    report = Report(wiki)
    composed = report.compose(sales("<script>alert(1)</script>"), month(3))
    preview = Path(composed["preview"]["uri"]).read_text()
    assert "<script>alert" not in preview
    assert "&lt;script&gt;" in preview
    assert "2026년 3월 매출" in preview
    result = report.publish(composed, month(3))
    assert result["changed"] is True
    assert report.publish(composed, month(3))["changed"] is False, "a retry writes nothing"
    assert (result["title"], result["version"]) == ("2026년 3월 매출", report.page("2026년 3월 매출").version)


def test_a_rehearsal_is_another_page_and_no_period_to_compare_with(wiki: Sandbox) -> None:
    report = Report(wiki)
    result = report.run(sales(100), month(3), rehearse=True)
    assert result["title"] == "[rehearsal] 2026년 3월 매출"
    page = report.page(result["title"])
    (parent,) = [parent for parent in wiki.store.pages("ANALYTICS") if parent.id == page.parent_id]
    assert parent.title == "회의록"
    assert report.check(sales(100), month(4))["has_previous"] is False


def test_a_dry_run_writes_nothing(wiki: Sandbox) -> None:
    report = Report(wiki)
    composed = report.compose(sales(100), month(3))
    wiki.clear_requests()
    result = report.publish(composed, month(3), dry_run=True)
    assert result == {"id": "", "title": "2026년 3월 매출", "url": "", "version": 0, "changed": False, "missing": []}
    assert {request.method for request in wiki.requests()} <= {"GET"}


def test_the_previous_page_is_rolled_on_and_a_missing_one_handled(wiki: Sandbox) -> None:
    weekly = """\
period: {every: week, weekday: thursday}
page:
  space: ANALYTICS
  parent: 주간 보고
  title: "%Y%m%d_데이터분석팀 주간 보고"
  labels: {add: [w], drop: [주간*]}
sources: {sales: {sql: SELECT 1, conn_id: warehouse}}
checks: CHECKS
fill: [{attach: sales}]
"""
    thursday = datetime(2026, 11, 26, tzinfo=UTC)
    report = Report(wiki, weekly)
    composed = report.compose(sales(1), thursday)
    result = report.publish(composed, thursday)
    page = report.page("20261126_데이터분석팀 주간 보고")
    assert result["changed"] is True
    assert "2026-11-19" in page.body
    again = report.compose(sales(2), thursday)
    assert report.publish(again, thursday)["changed"] is False, "people have written on it since"
    missing = Report(wiki, weekly.replace("  labels", "  if_previous_missing: fail\n  labels"))
    with pytest.raises(AirflowFailException, match=r"No page .20270107_데이터분석팀 주간 보고"):
        missing.compose(sales(1), datetime(2027, 1, 14, tzinfo=UTC))
    template = weekly.replace("  labels", "  if_previous_missing: template\n  template: 매출 템플릿\n  labels")
    created = Report(wiki, template)
    created.run(sales(1), datetime(2027, 1, 14, tzinfo=UTC))
    assert "변화" in created.page("20270114_데이터분석팀 주간 보고").body


def test_an_existing_page_keeps_what_people_wrote(wiki: Sandbox) -> None:
    text = DEFINITION.replace('"%Y년 %-m월 매출"', "매출 템플릿").replace("{template: 매출 템플릿}", "existing")
    report = Report(wiki, text.replace('  - {text: {period: "{{ period.label }}"}}\n', ""))
    report.run(sales(7), month(3))
    body = report.page("매출 템플릿").body
    assert "<td>7</td>" in body
    assert "{{period}}" in body
    version = report.page("매출 템플릿").version
    report.run(sales(7), month(3))
    assert report.page("매출 템플릿").version == version


def test_a_broken_manifest_is_no_period_to_compare_with(wiki: Sandbox, tmp_path: Path) -> None:
    report = Report(wiki)
    report.run(sales(100), month(3))
    (manifest,) = (path for path in tmp_path.rglob("manifest.json") if "2026-03" in path.parts)
    good = json.loads(manifest.read_bytes())
    for content in ("{", "[]", json.dumps({**good, "report": "other"})):
        manifest.write_text(content)
        assert report.check(sales(100), month(4))["has_previous"] is False


def test_a_manifest_of_version_1_is_migrated_and_one_of_a_newer_version_is_refused(wiki: Sandbox, tmp_path: Path) -> None:
    report = Report(wiki)
    folder = tmp_path / "artifacts" / "reports" / "sales" / "2026-03"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(VERSION_1)
    report.run(sales(110), month(4))
    assert "100에서 110으로 올랐습니다" in report.page("2026년 4월 매출").body
    report.run(sales(100), month(3))
    stored = json.loads((folder / "manifest.json").read_text())
    assert (stored["version"], stored["page"]["conn_id"]) == (2, "confluence_default")

    (folder / "manifest.json").write_text(json.dumps({**stored, "version": 9}))
    for day in (month(3), month(4)):
        with pytest.raises(AirflowFailException, match=r"version 9, and this provider knows 2\. Update the provider"):
            report.run(sales(100), day)
    assert json.loads((folder / "manifest.json").read_text())["version"] == 9


def test_a_renamed_report_compares_with_the_periods_of_its_earlier_id(wiki: Sandbox, tmp_path: Path) -> None:
    Report(wiki).run(sales(100), month(3))
    renamed = Report(wiki)
    text = DEFINITION.replace("CHECKS", NO_CHECKS) + "formerly: [sales]\n"
    renamed.definition = parse_definition(text, "revenue.yaml", "revenue")
    renamed.run(sales(120), month(4))
    assert "100에서 120으로 올랐습니다" in renamed.page("2026년 4월 매출").body
    manifests = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("manifest.json"))
    assert manifests == [f"artifacts/reports/{name}/manifest.json" for name in ("revenue/2026-04", "sales/2026-03")]


def test_a_source_without_usable_rows_is_named(wiki: Sandbox) -> None:
    report = Report(wiki)
    for rows in (None, [[1, 2]], "text"):
        with pytest.raises(AirflowFailException, match="source sales: "):
            report.check(rows, month(3))


def test_a_file_is_copied_and_its_time_is_known(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "목표.csv").write_text("지표,목표\nWAU,1\n")
    task = ReportFileOperator(task_id="goals", path=str(tmp_path / "목표.csv"))
    artifact = task.execute(Report(sandbox).context(month(3)))
    assert (artifact["name"], artifact["media_type"]) == ("목표.csv", "text/csv")
    assert artifact["facts"]["updated_at"].startswith("20")
    assert Path(artifact["uri"]).read_text() == "지표,목표\nWAU,1\n"
    (tmp_path / "x.exe").write_text("")
    for name, message in {"x.exe": "is no file of rows", "none.csv": "none.csv"}.items():
        task = ReportFileOperator(task_id="other", path=str(tmp_path / name))
        with pytest.raises((AirflowFailException, FileNotFoundError), match=message):
            task.execute(Report(sandbox).context(month(3)))
