"""Reports that describe themselves on template pages, on the sandbox's wiki, Tableau, Jira, warehouse and Slack."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.utils.state import DagRunState

from workplace_provider.confluence.hooks import ConfluenceHook
from workplace_provider.reports.catalogue import Catalogue, TargetSpace, read_catalogue
from workplace_provider.reports.page_definition import parse_page_definition, read_page_report
from workplace_provider.reports.page_finding import PageFinder, check_editor, due_period
from workplace_provider.reports.page_operators import PageReportGateOperator, PublishPageReportOperator
from workplace_provider.reports.reading import ReportError
from workplace_sandbox import Sandbox
from workplace_sandbox.faults import Fault
from workplace_sandbox.model import Page

pytestmark = [pytest.mark.dags, pytest.mark.usefixtures("airflow_db")]

THURSDAY = datetime(2026, 11, 19, 0, 30, tzinfo=UTC)
TEMPLATE = "기기별 지표 보고 템플릿"
TITLE = "20261119_기기별 지표 보고"
OWN = """\
period: {every: week, weekday: thursday}
page: {space: ANALYTICS, parent: 주간 보고, title: "%Y%m%d_팀 지표"}
sources:
  kpis: {sql: weekly_kpis, params: {day: "{{ period.day }}"}}
fill:
  - {table: 지표, source: kpis, key: 지표}
"""
_HEAD = "<th>지표</th><th>지난주</th><th>이번 주</th><th>목표</th>"


@pytest.fixture(scope="module")
def dag(repository: Path) -> Any:
    bag = DagBag(dag_folder=str(repository / "dags" / "page_reports.py"), bundle_name="dags-folder")
    assert bag.import_errors == {}
    (dag,) = bag.dags.values()
    for task in dag.tasks:
        task.retry_delay = timedelta(0)
    return dag


@pytest.fixture
def catalogue(repository: Path) -> Catalogue:
    return read_catalogue(repository / "include" / "report_catalogue.yaml")


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Any]:
    with closing(ConfluenceHook("confluence_default").client) as client:
        yield client


def body(definition: str) -> str:
    return (
        '<ac:structured-macro ac:name="code"><ac:parameter ac:name="title">report</ac:parameter>'
        f"<ac:plain-text-body><![CDATA[{definition}]]></ac:plain-text-body></ac:structured-macro>"
        f"<h2>지표</h2><table><tbody><tr>{_HEAD}</tr><tr>{'<td />' * 4}</tr></tbody></table>"
    )


def add_template(sandbox: Sandbox, definition: str = OWN, *, title: str = "팀 템플릿", author: str = "haruka") -> str:
    page_id = sandbox.store.create_page("ANALYTICS", title, body(definition), None, author=author).id
    sandbox.store.add_labels(page_id, ["report-template"])
    return page_id


def pages(sandbox: Sandbox, title: str) -> list[Page]:
    return [page for page in sandbox.store.pages("ANALYTICS") if page.title == title]


def errors(sandbox: Sandbox, page_id: str) -> list[str]:
    """Return the texts of the comments below a page."""
    return [re.sub(r"<[^<>]+>", " ", comment.body) for comment in sandbox.store.comments(page_id)]


def run(dag: Any, moment: datetime = THURSDAY, *, state: str = DagRunState.SUCCESS, **params: Any) -> dict[str, str]:
    drun = dag.test(logical_date=moment, run_after=moment, run_conf=params or None)
    states = {f"{ti.task_id.removeprefix('make.')}[{ti.map_index}]": str(ti.state) for ti in drun.get_task_instances()}
    assert drun.state == state, states
    return states


def test_reports_of_two_pages_are_made_and_an_error_is_shown_once(sandbox: Sandbox, dag: Any) -> None:
    other = add_template(sandbox, OWN.replace("weekly_kpis", "salaries"), title="팀 {{ 7*7 }} 템플릿")

    states = run(dag, state=DagRunState.FAILED)
    assert states["compose[1]"] == "failed", "one report's error does not affect the other"
    made = ("compose[0]", "gate[0]", "publish[0]", "announce[0]")
    assert [states[task] for task in made] == ["success"] * 4
    (page,) = pages(sandbox, TITLE)
    assert "2026-11-12 ~ 2026-11-18" in page.body
    assert "249,044" in page.body
    assert "ANL-" in page.body
    assert "period.day" not in page.body, "the macro is not on the page"
    names = {file.filename for file in sandbox.store.attachments(page.id)}
    assert names == {"주간활성사용자_PC.png", "주간활성사용자_모바일.png"}
    assert {label.name for label in sandbox.store.labels(page.id)} == {"device-kpis"}
    assert sum(TITLE in message.text for message in sandbox.messages("#weekly-report")) == 1
    (shown,) = errors(sandbox, other)
    assert "sources.kpis.sql is 'salaries'. The catalogue allows weekly_kpis, channel_revenue" in shown
    (alarm,) = [message.text for message in sandbox.messages("#data-alarms") if "salaries" in message.text]
    assert "팀 {{ 7*7 }} 템플릿" in alarm

    states = run(dag, THURSDAY + timedelta(hours=1))
    assert states["compose[-1]"] == "skipped", "nothing is due, and the error is known"
    assert len(errors(sandbox, other)) == 1

    sandbox.store.update_page(other, author="haruka", body=body(OWN))
    states = run(dag, THURSDAY + timedelta(hours=2))
    assert states["publish[0]"] == "success"
    assert states["announce[0]"] == "skipped"
    assert errors(sandbox, other) == []
    (page,) = pages(sandbox, "20261119_팀 지표")
    assert page.version == 1


def found(client: Any, catalogue: Catalogue, repository: Path, *, published: bool = False) -> dict[str, str]:
    finder = PageFinder(client, catalogue, repository / "include" / "reports", lambda *_: published)
    return {entry["title"]: entry["error"] or entry["period"] for entry in finder.find(THURSDAY)}


def test_the_last_editor_must_be_allowed_to_write_the_report(
    sandbox: Sandbox, client: Any, catalogue: Catalogue, repository: Path
) -> None:
    page_id = add_template(sandbox, author="viewer")
    assert "열람자, the last editor of the page, may not create pages" in found(client, catalogue, repository)["팀 템플릿"]
    sandbox.store.update_page(page_id, author="report-bot", body=body(OWN))
    assert "A person must save it again" in found(client, catalogue, repository)["팀 템플릿"]
    sandbox.store.update_page(page_id, author="alex", body=body(OWN))
    assert found(client, catalogue, repository) == {TEMPLATE: "2026-W47", "팀 템플릿": "2026-W47"}
    assert found(client, catalogue, repository, published=True) == {}

    sandbox.add_fault(Fault("/permissions/", "status", status=403, times=None))
    assert "it is not known whether Alex Morgan" in found(client, catalogue, repository)["팀 템플릿"]
    sandbox.clear_faults()
    report = read_page_report(client.get_page(page_id, body=True), catalogue)
    named = Catalogue(templates=["ANALYTICS"], spaces={"ANALYTICS": TargetSpace(editors=["jimin"])})
    with pytest.raises(ReportError, match="Alex Morgan, the last editor of the page, may not"):
        check_editor(client, report, named)


@pytest.mark.parametrize(
    ("title", "error"),
    [
        ("%Y%m%d_기기별 지표 보고", "is that of another report in the space ANALYTICS"),  # an older template page
        ("%Y%m%d_주간 지표 보고", "is that of another report in the space ANALYTICS"),  # include/reports/weekly_kpis.yaml
        ("%Y%m%d_기기별 지표 보고 ", "is that of another report in the space ANALYTICS"),
    ],
)
def test_two_reports_cannot_write_one_page(
    sandbox: Sandbox, client: Any, catalogue: Catalogue, repository: Path, title: str, error: str
) -> None:
    add_template(sandbox, OWN.replace("%Y%m%d_팀 지표", title))
    entries = found(client, catalogue, repository)
    assert error in entries["팀 템플릿"]
    assert entries[TEMPLATE] == "2026-W47"


def test_a_hostile_page_does_not_keep_others_from_their_reports(
    sandbox: Sandbox, client: Any, catalogue: Catalogue, repository: Path
) -> None:
    add_template(sandbox, "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]", title="bomb")
    add_template(sandbox, OWN.replace("%Y%m%d_팀 지표", "{{7*7}} %Y"), title="jinja {{7*7}}")
    add_template(sandbox, "- [" * 5000, title="deep")
    twice = sandbox.store.create_page("ANALYTICS", "twice", body(OWN) * 2, None, author="haruka").id
    sandbox.store.add_labels(twice, ["report-template"])
    entries = found(client, catalogue, repository)
    assert entries.pop(TEMPLATE) == "2026-W47"
    assert set(entries) == {"bomb", "jinja {{7*7}}", "deep", "twice"}
    assert "anchors and aliases" in entries["bomb"]
    assert "a template page has placeholders" in entries["jinja {{7*7}}"]
    assert "2 code macros" in entries["twice"]


@pytest.mark.parametrize(
    ("schedule", "moment", "day"),
    [
        ('"0 9 * * THU"', "2026-11-19T00:00", "2026-11-19"),  # 09:00 in Seoul
        ('"0 9 * * THU"', "2026-11-18T23:59", "2026-11-12"),
        ('"0 9 * * THU"', "2026-11-24T12:00", "2026-11-19"),
        ("null", "2026-11-18T16:00", "2026-11-19"),  # Thursday in Seoul
    ],
)
def test_a_report_is_due_at_the_last_time_of_its_schedule(
    catalogue: Catalogue, client: Any, schedule: str, moment: str, day: str
) -> None:
    page = next(iter(client.search("label = 'report-template'")))
    text = f"schedule: {schedule}\ntimezone: Asia/Seoul\n{OWN}"
    definition = parse_page_definition(text, page, catalogue)
    assert due_period(definition, datetime.fromisoformat(moment).replace(tzinfo=UTC)).day == date.fromisoformat(day)


def publishing(client: Any, catalogue: Catalogue, repository: Path, page_id: str, **composed: Any) -> None:
    """Publish the report of a template page that was composed as it is now."""
    report = read_page_report(client.get_page(page_id, body=True), catalogue)
    operator = PublishPageReportOperator(
        task_id="publish",
        catalogue=catalogue,
        folder=str(repository / "include"),
        report={"page_id": page_id, "report": f"page-{page_id}", "period": "2026-W47", "day": "2026-11-19", "title": "t"},
        composed={"title": "20261119_팀 지표", "digest": report.digest, **composed},
    )
    operator.parse_fields()
    operator._run({"ti": SimpleNamespace(try_number=1, max_tries=0), "run_id": "r"}, client)  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("definition", "the definition was changed while the report was made"),
        ("label", "the page is no template page any more"),
        ("editor", "열람자, the last editor of the page, may not create pages"),
        ("taken", "the page '20261119_팀 지표' exists, and this report did not create it"),
    ],
)
def test_nothing_is_published_when_the_template_page_was_changed_meanwhile(
    sandbox: Sandbox, client: Any, catalogue: Catalogue, repository: Path, change: str, error: str
) -> None:
    page_id = add_template(sandbox)
    composed = {"digest": "0" * 64} if change == "definition" else {}
    if change == "label":
        sandbox.store.remove_label(page_id, "report-template")
    elif change == "editor":
        sandbox.store.update_page(page_id, author="viewer", body=body(OWN) + "<p />")
    elif change == "taken":
        sandbox.store.create_page("ANALYTICS", "20261119_팀 지표", "<h2>지표</h2>", None, author="jimin")
    with pytest.raises(AirflowFailException, match=escape(error, quote=False)):
        publishing(client, catalogue, repository, page_id, **composed)
    (shown,) = errors(sandbox, page_id)
    assert error in shown
    with pytest.raises(AirflowSkipException, match="the error is on the template page"):
        publishing(client, catalogue, repository, page_id, **composed)
    assert len(errors(sandbox, page_id)) == 1
    assert [page.body for page in pages(sandbox, "20261119_팀 지표")] == (["<h2>지표</h2>"] if change == "taken" else [])


@pytest.mark.parametrize(
    ("needed", "options", "passes"),
    [(False, None, True), (True, ["Approve"], True), (True, ["Reject"], False), (True, None, False), (None, None, False)],
)
def test_a_rejected_report_stops_at_the_gate(needed: bool | None, options: list[str] | None, passes: bool) -> None:
    composed = None if needed is None else {"needs_review": needed}
    gate = PageReportGateOperator(task_id="gate", composed=composed, review="make.review")
    answer = None if options is None else {"chosen_options": options}
    context: Any = {"ti": SimpleNamespace(map_index=1, xcom_pull=lambda task_ids, map_indexes: answer)}
    if passes:
        assert gate.execute(context) == (answer or {})
    else:
        with pytest.raises(AirflowSkipException, match=r"was not approved|no page"):
            gate.execute(context)
