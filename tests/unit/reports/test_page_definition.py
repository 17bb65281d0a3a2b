"""Template pages are written by people who may not change the project: what they may use, and what is refused."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from workplace_provider.confluence.client.model import Author, Authorship, Page
from workplace_provider.confluence.pages import PageDocument
from workplace_provider.reports.catalogue import Catalogue, read_catalogue
from workplace_provider.reports.definition import ReportDefinition, SqlSource, TableauSource
from workplace_provider.reports.page_definition import (
    parse_page_definition,
    read_page_report,
    restrict_jql,
    split_page,
)
from workplace_provider.reports.reading import ReportError

GOOD = """\
schedule: "0 9 * * THU"
timezone: Asia/Seoul
period: {every: week, weekday: thursday}
page:
  space: ANALYTICS
  parent: 주간 보고
  title: "%Y%m%d_팀 지표"
  labels: {add: [kpi]}
sources:
  kpis: {sql: weekly_kpis, params: {day: "{{ period.day }}"}}
  trend: {tableau: 주간 지표/주간활성사용자, filters: {기준일: "{{ period.day }}"}, each: {기기: [PC, 모바일]}}
  issues: {jira: "created < {{ period.day }} ORDER BY key", fields: {key: 이슈}}
  talk: {slack: "#data-분석"}
checks:
  - {source: kpis, rows: {min: 3}, else: note}
fill:
  - {table: 지표, source: kpis, key: 지표, formats: {값: ",.1f"}, more: "그 밖에 {n}건"}
  - {image: 추이, source: trend, width: 300}
  - {table: 이슈, source: issues}
  - {section: 대화, source: talk}
announce:
  - {slack: "#weekly-report", text: "<{{ page.url }}|{{ page.title }}>", files: [trend]}
"""


@pytest.fixture(scope="module")
def catalogue(repository: Path) -> Catalogue:
    return read_catalogue(repository / "include" / "report_catalogue.yaml")


def macro(text: str, title: str = "report") -> str:
    body = text.replace("]]>", "]]]]><![CDATA[>")
    return (
        f'<ac:structured-macro ac:name="code"><ac:parameter ac:name="title">{escape(title)}</ac:parameter>'
        f"<ac:plain-text-body><![CDATA[{body}]]></ac:plain-text-body></ac:structured-macro>"
    )


def template_page(body: str) -> Page:
    updated = Authorship(by=Author("jimin", "김지민"))
    return Page("4711", "ANALYTICS", "팀 지표 템플릿", "current", 3, "https://wiki/x", body=body, updated=updated)


def parsed(text: str, catalogue: Catalogue) -> ReportDefinition:
    return parse_page_definition(text, template_page(""), catalogue)


def test_a_page_describes_a_report_with_the_connections_of_the_catalogue(catalogue: Catalogue) -> None:
    body = f"<p>{{{{first_day}}}}</p>{macro(GOOD)}<h2>지표</h2>"
    report = read_page_report(template_page(body), catalogue)
    definition = report.definition
    assert definition.id == "page-4711"
    assert definition.name == "팀 지표 템플릿"
    assert report.template == "<p>{{first_day}}</p><h2>지표</h2>", "the macro is not on the pages of the report"
    assert definition.sources["kpis"] == SqlSource(
        sql="sql/report_kpis.sql", conn_id="warehouse", params={"day": "{{ period.day }}"}
    )
    view = definition.sources["trend"]
    assert isinstance(view, TableauSource)
    assert (view.project, view.conn_id) == ("데이터분석팀", "tableau_default")
    assert 'project in ("ANL") AND (created < {{ period.day }}) ORDER BY key' in str(definition.sources["issues"])
    assert definition.review.by == []


# What is replaced, by what, and the words of the error. "" adds a line at the end.
@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        # Other places, connections, files and people than those of the catalogue.
        ("space: ANALYTICS", "space: FINANCE", "line 5: page.space is 'FINANCE'. The catalogue allows ANALYTICS"),
        ("parent: 주간 보고", "parent: 회의록", "page.parent is '회의록'. The catalogue allows 주간 보고, 분석 문서"),
        ("  parent: 주간 보고\n", "", "page has no parent"),
        ("labels: {add: [kpi]}", "conn_id: other", "page has a key 'conn_id'"),
        ("labels: {add: [kpi]}", "from: existing", "page has a key 'from'"),
        ("labels: {add: [kpi]}", "rehearsal_parent: x", "page has a key 'rehearsal_parent'"),
        ("labels: {add: [kpi]}", "properties: {airflow.copy: 1}", "page has a key 'properties'"),
        ("labels: {add: [kpi]}", "labels: {add: [Report Template]}", "report-template, which marks template pages"),
        ("sql: weekly_kpis", "sql: select * from secrets", "line 10: sources.kpis.sql is 'select * from secrets'"),
        ("sql: weekly_kpis", "sql: sql/report_kpis.sql", "The catalogue allows weekly_kpis, channel_revenue"),
        ("sql: weekly_kpis", "conn_id: other, sql: weekly_kpis", "sources.kpis has a key 'conn_id'"),
        ("params: {day:", "params: {table: x, day:", "sources.kpis.params must have day"),
        (
            "{tableau: ",
            "{project: 마케팅, tableau: ",
            "sources.trend.project is '마케팅'. The catalogue",
        ),
        ("주간 지표/주간활성사용자", "https://tableau/#/views/A/B", "it must be Workbook/Sheet"),
        ("주간 지표/주간활성사용자", "1f2f7a5e-1111-4222-8333-123456789abc", "it must be Workbook/Sheet"),
        ('"created < {{ period.day }} ORDER', '"a) OR (project = HR ORDER', "its brackets do not match"),
        ("fields: {key: 이슈}", "limit: 100000", "sources.issues.limit is 100000"),
        ("fields: {key: 이슈}", "limit: null", "sources.issues.limit is None"),
        ('slack: "#data-분석"', 'slack: "#hr"', "sources.talk.slack is '#hr'"),
        ('slack: "#data-분석"', 'slack: ["#data-분석", "#hr"]', "sources.talk.slack is '#hr'"),
        ('{slack: "#data-분석"}', "{file: /etc/passwd}", "sources.talk must be a mapping with one of the keys sql"),
        ('{slack: "#data-분석"}', "{confluence: {page: 급여, table: 0}}", "sources.talk must be a mapping"),
        ('{slack: "#weekly-report"', '{slack: "#general"', "announce[0].slack is '#general'"),
        ('{slack: "#weekly-report"', '{slack: "@jimin"', "announce[0].slack is '@jimin'"),
        ('{slack: "#weekly-report", text', "{workflow: slack_report, text", "announce[0] must be a mapping"),
        ("", "review: {by: [mallory]}", "review has a key 'by'"),
        ("", "review: {otherwise: skip}", "review has a key 'otherwise'"),
        ("", 'on_failure: {slack: "#general"}', "there is a key 'on_failure'"),
        ("", "owner: mallory", "there is a key 'owner'"),
        ("", "id: weekly_kpis", "there is a key 'id'"),
        ('"0 9 * * THU"', "{asset: payroll}", "schedule must be a cron expression"),
        ('"0 9 * * THU"', '"* * * * * *"', "it must be a cron expression"),
        # Template syntax.
        ("%Y%m%d_팀 지표", "%Y%m%d_{{7*7}}", "line 7: page.title is '%Y%m%d_{{7*7}}'; a template page has placeholders"),
        ("%Y%m%d_팀 지표", "{% raw %}%Y", "a template page has placeholders"),
        ("{add: [kpi]}", '{add: ["{{ conn.warehouse.password }}"]}', "a template page has placeholders"),
        ("{add: [kpi]}", '{add: ["{{ params.x }}"]}', "a template page has placeholders"),
        ("{add: [kpi]}", '{add: ["{{ page.url }}"]}', "there is no page"),
        ("{add: [kpi]}", '{add: ["{{ period.__class__ }}"]}', "a template page has placeholders"),
        ("{add: [kpi]}", '{add: ["{period.x}"]}', "period has no x"),
        ("{key: 이슈}", '{"{{ ti }}": 이슈}', "a template page has placeholders"),
        ("{key: 이슈}", '{key: "{{ dag }}"}', "a template page has placeholders"),
        ("{table: 이슈,", '{table: "{{ ti.xcom_pull() }}",', "a template page has placeholders"),
        ("{{ page.title }}", "{{ macros.os }}", "a template page has placeholders"),
        ("{{ page.title }}", "<!channel>", "announce[0].text mentions everyone"),
        # Values that would take much time or memory.
        ('{값: ",.1f"}', '{값: ">999999999"}', "fill[0].formats has '>999999999'"),
        ("{n}건", "{n:>999999999}", "fill[0].more is"),
        ("{n}건", "{n.__class__}", "fill[0].more is"),
        ("[PC, 모바일]", f"[{', '.join(map(str, range(31)))}]", "sources.trend exports 31 files"),
        ("each:", "width: 99999, each:", "is wider or higher than 4000 pixels"),
        ("", "x: &a [1]\ny: [*a, *a, *a]", "line 23: anchors and aliases"),
        ("", "x: !!python/object/apply:os.system [ls]", "line 23: tags such as"),
        ("", f"x: {'[' * 50}{']' * 50}", "line 23: more than 12 levels"),
        ("", "period: {every: day}", "the key 'period' is already in line 3"),
        ("%Y%m%d_팀 지표", f"%Y%m%d_{'x' * 300}", "page.title has more than 200 characters"),
        ("checks:\n", "checks:\n" + "  - {source: kpis, rows: {min: 1}}\n" * 21, "checks has 22 entries"),
        ("schedule:", "scheduel:", "there is a key 'scheduel'; did you mean 'schedule'?"),
    ],
)
def test_what_the_catalogue_does_not_allow_is_an_error(old: str, new: str, error: str, catalogue: Catalogue) -> None:
    text = GOOD.replace(old, new, 1) if old else f"{GOOD}{new}\n"
    assert text != GOOD
    with pytest.raises(ReportError) as raised:
        parsed(text, catalogue)
    assert error in str(raised.value)
    assert str(raised.value).startswith("macro report")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("<p>nothing</p>", "no code macro has the title 'report'"),
        (macro(GOOD) + macro(GOOD), "2 code macros have the title 'report'"),
        (macro(" "), "the code macro 'report' is empty"),
        (
            f'<ac:structured-macro ac:name="x"><ac:rich-text-body>{macro(GOOD)}</ac:rich-text-body></ac:structured-macro>',
            "is inside of another macro",
        ),
        (macro(GOOD).replace("]]></ac:plain-text-body>", "]]><ac:link /></ac:plain-text-body>"), "'report' is empty"),
        (f"<ac:structured-macro{macro(GOOD)}", "the page cannot be read"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]>" + macro(GOOD), "the page cannot be read"),
        (macro("# " + "x" * 20_001 + "\n" + GOOD), "it has more than 20,000 characters"),
        ("<p>" + "x" * 500_001 + "</p>", "the page has more than 500,000 characters"),
    ],
)
def test_a_page_without_one_definition_is_an_error(body: str, error: str, catalogue: Catalogue) -> None:
    with pytest.raises(ReportError) as raised:
        read_page_report(template_page(body), catalogue)
    assert error in str(raised.value)


def test_code_that_is_no_definition_stays_on_the_page() -> None:
    shown = macro("<ac:structured-macro>{{7*7}}", title="예시 report")
    text, template = split_page(shown + macro("a ]]> b"))
    assert text == "a ]]> b", "the end of CDATA in a definition is text"
    assert template == shown


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=60))
def test_any_text_is_refused_or_stays_data(before: str, after: str, value: str) -> None:
    """Neither parsing nor filling runs what people write: the only errors are those that a person can read."""
    try:
        text, template = split_page(f"<p>{escape(before)}</p>{macro(after)}<p>{escape(value)}</p>")
    except ReportError:
        return
    assert text == after.replace("\r\n", "\n").replace("\r", "\n")
    assert PageDocument(template).select("//ac:structured-macro") == []


@settings(max_examples=30, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(value=st.text(max_size=60) | st.sampled_from(["{{7*7}}", "{{ conn.x }}", "{% if %}", "{# #}", "a.sql", "{x!r:>9}"]))
def test_any_value_is_refused_or_stays_text(value: str, catalogue: Catalogue) -> None:
    import json

    quoted = json.dumps(value)
    for old in ("kpi]", "지표, source", "주간 보고", '"%Y%m%d_팀 지표"', "weekly_kpis", '"#data-분석"', '",.1f"'):
        text = GOOD.replace(old, old.replace(old.strip("]").partition(",")[0], quoted), 1)
        try:
            definition = parsed(text, catalogue)
        except ReportError:
            continue
        assert "{{" not in str(definition).replace("{{ period.", "").replace("{{ page.", "")
        assert definition.sources["kpis"] == parsed(GOOD, catalogue).sources["kpis"]
        assert definition.page.space == "ANALYTICS"


@given(st.text(alphabet=st.sampled_from("ab ()\"'\\=,ORDERBYorderby"), max_size=60))
def test_no_query_leaves_its_projects(query: str) -> None:
    try:
        restricted = restrict_jql(query, ["ANL"])
    except ValueError:
        return
    own = restricted.removeprefix('project in ("ANL")')
    assert own != restricted
    unquoted = re.sub(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'", "", own)
    assert not set(unquoted) & set("\"'\\")
    while unquoted != (unquoted := re.sub(r"\([^()]*\)", "", unquoted)):
        pass
    assert re.fullmatch(r"( AND)?\s*(order\s+by\b[^()]*)?", unquoted, re.I), "all conditions are in one pair of brackets"


@pytest.mark.parametrize(
    ("query", "restricted"),
    [
        ("", 'project in ("ANL", "OPS")'),
        ("a = 1 OR b = 2", 'project in ("ANL", "OPS") AND (a = 1 OR b = 2)'),
        ("text ~ 'a) or (' ORDER BY key", 'project in ("ANL", "OPS") AND (text ~ \'a) or (\') ORDER BY key'),
        ("order by rank", 'project in ("ANL", "OPS") order by rank'),
    ],
)
def test_a_query_is_limited_to_projects(query: str, restricted: str) -> None:
    assert restrict_jql(query, ["ANL", "OPS"]) == restricted


def catalogue_error(path: Path, text: str) -> str:
    path.write_text(text, "utf-8")
    with pytest.raises(ReportError) as raised:
        read_catalogue(path)
    return str(raised.value)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("spaces: {A: {}}", "c.yaml: templates is empty"),
        ("templates: [A]\nspaces: {A: {}}\nquerys: {}", "c.yaml, line 3: there is a key 'querys'; did you mean 'queries'?"),
        ("templates: [A]\nspaces:\n  A: {parent: [x]}", "line 3: spaces.A has a key 'parent'; did you mean 'parents'?"),
        (
            "templates: [A]\nspaces: {A: {}}\nqueries:\n  kpis: {sql: missing.sql, conn_id: w}",
            "line 4: queries.kpis.sql: there is no file missing.sql",
        ),
        ("templates: [A]\nspaces: {A: {}}\nschedule: often", "line 3: schedule is 'often'; it must be a cron expression"),
        ("templates: [A]\nspaces: {A: {}}\ntimezone: Seoul", "line 3: timezone is 'Seoul'"),
        ("templates: [A]\nspaces: {A: {}}\nreview: {within: soon}", "line 3: review.within: 'soon' is no duration"),
        ("templates: [A]\nspaces: {A: {}}\nlimits: {pages: 0}", "line 3: limits.pages is 0; it must be at least 1"),
        (
            "templates: [A]\nspaces: {A: {}}\ntableau: [{projects: [P]}, {projects: [P], conn_id: b}]",
            "line 3: tableau[1].projects has 'P', which another entry has",
        ),
        ("- templates", "c.yaml: the file is ['templates']; it must be a mapping"),
    ],
)
def test_errors_of_the_catalogue_name_the_line(text: str, error: str, tmp_path: Path) -> None:
    assert error in catalogue_error(tmp_path / "c.yaml", text)


def test_a_broken_catalogue_is_a_dag_that_shows_the_error(tmp_path: Path) -> None:
    from workplace_provider.reports import build_page_reports

    path = tmp_path / "report_catalogue.yaml"
    path.write_text("templates: []\nspaces: {}", "utf-8")
    dag: Any = build_page_reports(path)
    assert dag.dag_id == "page_reports"
    assert "templates is empty" in dag.description
    assert dag.task_ids == ["definition"]
