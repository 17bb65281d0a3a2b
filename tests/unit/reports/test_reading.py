from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from workplace_provider.reports import ReportError, read_definition
from workplace_provider.reports.definition import PageSource, SqlSource
from workplace_provider.reports.reading import parse_change, parse_definition, parse_duration

GOOD = """\
name: 주간 보고
schedule: "0 9 * * THU"
timezone: Asia/Seoul
period: {every: week, weekday: thursday}
page:
  space: ANALYTICS
  parent: 주간 보고
  title: "%Y%m%d_주간 보고"
  from: {template: 분석 문서 템플릿}
sources:
  wau: {tableau: 지표/WAU, filters: {기준일: "{{ period.day }}"}, formats: [png, csv], each: {기기: [PC]}}
  kpis: {sql: sql/kpis.sql, conn_id: warehouse, params: {day: "{{ period.day }}"}, columns: [지표, 값]}
  issues: {jira: project = ANL, fields: {key: 이슈, summary: 제목}}
  talk: {slack: "#data-분석"}
checks:
  - {source: kpis, rows: {min: 5}, columns: [지표], not_null: [값]}
  - {source: kpis, key: 지표, column: 값, change: {max: 30%}, else: review}
  - {source: wau, picture: {blank: false}}
fill:
  - {text: {first_day: "{{ period.since }}"}}
  - {table: 지표, source: kpis, key: 지표}
  - {table: 이슈, source: issues}
  - {image: 추이, source: wau, width: 900}
  - {section: 대화, source: talk}
  - {changes: 변화, sources: [kpis], top: 5, language: ko}
review: {when: checks, by: [lead], within: 20h, otherwise: skip}
announce:
  - {slack: "#weekly", text: "<{{ page.url }}|{{ page.title }}>", files: [wau]}
  - {workflow: slack_report}
"""


def test_a_definition_has_its_values_and_defaults() -> None:
    report = parse_definition(GOOD, "weekly.yaml", "weekly")
    assert (report.id, report.name, report.timezone) == ("weekly", "주간 보고", "Asia/Seoul")
    assert report.page.source == PageSource(template="분석 문서 템플릿")
    assert report.page.roll == ["dates", "open_tasks", "links"]
    assert isinstance(report.sources["kpis"], SqlSource)
    assert report.checks[0].severity == "stop"
    assert report.review.by == ["lead"]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("name: 주간 보고", "naem: 주간 보고", 1, "there is a key 'naem'; did you mean 'name'?"),
        ("name: 주간 보고", "name: [주간 보고]", 1, "name is ['주간 보고']; it must be a text"),
        ("name: 주간 보고", "name: a\nname: b", 2, "the key 'name' is already in line 1"),
        ('schedule: "0 9 * * THU"', "schedule: [1]", 2, "schedule is [1]; it must be a text or a mapping or empty"),
        ("Asia/Seoul", "Asia/Seoull", 3, "timezone is 'Asia/Seoull'; it must be a name such as Asia/Seoul"),
        ("every: week", "every: weekly", 4, "period.every is 'weekly'; did you mean 'week'? It must be one of day, week,"),
        ("weekday: thursday", "weekday: 목요일", 4, "period: weekday is '목요일'; it must be one of monday,"),
        ("weekday: thursday", "day: 32", 4, "period: day is 32; it must be 1 to 28, 'last', or a weekday"),
        ("period: {every: week, weekday: thursday}\n", "", 0, "there is no period; a report needs page and period"),
        ("  parent:", "  parnet:", 7, "page has a key 'parnet'; did you mean 'parent'?"),
        ("  space: ANALYTICS\n", "", 5, "page has no space. Its keys are space, title, parent, from,"),
        ("%Y%m%d_", "", 8, "page.title: the title pattern '주간 보고' has no date"),
        ("%Y%m%d_", "%Q_", 8, "page.title: the title pattern '%Q_주간 보고' has no date"),
        ("{template: 분석 문서 템플릿}", "{template: a, file: b}", 9, "page.from must have either template or file"),
        ("{template: 분석 문서 템플릿}", "yesterday", 9, "page.from is 'yesterday'. It must be one of previous, existing"),
        ("{template: 분석 문서 템플릿}", "previous", 20, "fill[0].text fills the variables of a template"),
        ("  wau: {tableau", "  w a u: {tableau", 11, "sources has the name 'w a u'; a name has up to 60 letters"),
        ("{tableau:", "{tableu:", 11, "sources.wau has none of the keys tableau, sql,"),
        ("{tableau: 지표/WAU", "{tableau: a, sql: b", 11, "sources.wau has the keys tableau and sql; set only one of them"),
        ("formats: [png, csv]", "formats: [pgn]", 11, "sources.wau.formats[0]"),
        ("conn_id: warehouse, ", "", 12, "sources.kpis has no conn_id. Its keys are sql, conn_id, params, columns"),
        ("{{ period.day }}", "{{ perod.day }}", 11, "{{ perod.day }}: there is no perod; did you mean 'period'?"),
        ("{{ period.day }}", "{{ period.dya }}", 11, "{{ period.dya }}: period has no dya; did you mean 'day'?"),
        ("{{ period.day }}", "{{ var.value.x }}", 11, "there is no var. The names are period, params"),
        ("{{ period.day }}", "{{ conn.warehouse.password | upper }}", 11, "uses conn. The names are period, params"),
        ("{{ period.day }}", "{{ period.day", 11, "is no valid template"),
        ("jira: project = ANL", 'jira: "project = {{ params.x | upper }}"', 13, "has more than placeholders"),
        ('slack: "#data-분석"', "slack: 7", 14, "sources.talk.slack is 7; it must be"),
        (
            "source: kpis, rows",
            "source: kpi, rows",
            16,
            "checks[0].source is 'kpi'; did you mean 'kpis'?",
        ),
        ("columns: [지표], not", "columns: [지료], not", 16, "checks[0]: kpis has no column '지료'. It has 지표, 값"),
        ("rows: {min: 5}", "rows: {min: five}", 16, "checks[0].rows.min is 'five'; it must be a whole number"),
        ("max: 30%", "max: lots", 17, "checks[1].change.max: 'lots' is no change; write a number, or a share such as 30%"),
        ("key: 지표, column: 값, change", "change", 17, "checks[1].change needs key and column"),
        ("else: review", "else: panic", 17, "checks[1].else is 'panic'. It must be one of stop, review, note"),
        ("when: checks", "when: never", 17, "checks[1]: else is review, and review.when is never"),
        (
            "source: wau, picture",
            "source: kpis, picture",
            18,
            "checks[2] is about pictures, and kpis is not a",
        ),
        ("not_null: [값]", "fresh_within: 1 day", 16, "'1 day' is no duration; write minutes, hours or days"),
        ("{table: 지표, source: kpis", "{table: 지표, source: talk", 21, "fill[1].source: talk has no rows"),
        ("formats: [png, csv]", "formats: [png]", 0, ""),
        ("source: wau, width: 900", "source: wau, width: wide", 23, "fill[3].width is 'wide'; it must be"),
        (
            "section: 대화, source: talk",
            "section: 대화, source: kpis",
            24,
            "a section shows conversations of Slack or a",
        ),
        (
            "image: 추이, source: wau",
            "image: 추이, source: kpis",
            23,
            "a picture comes from Tableau or a file, not",
        ),
        ("language: ko", "language: kr", 25, "fill[5].language is 'kr'. It must be one of en, ja, ko"),
        ("within: 20h", "within: soon", 26, "review.within: 'soon' is no duration"),
        ('{slack: "#weekly"', '{slak: "#weekly"', 28, "announce[0] has none of the keys slack, workflow; did you mean"),
        ("files: [wau]", "files: [waw]", 28, "announce[0].files is 'waw'; did you mean 'wau'?"),
        ("{{ page.title }}", "{{ page.titel }}", 28, "page has no titel; did you mean 'title'?"),
        (
            "  - {workflow: slack_report}",
            "  - hello",
            27,
            "announce[1] is 'hello'; it must be a mapping with one of the keys",
        ),
        ("  - {table: 이슈, source: issues}\n", "", 13, "sources.issues is not used."),
        ("  from: {template", "  place: top\n  from: {template", 9, "page.place is 'top'. It must be one of first, last"),
        (
            "  from: {template",
            "  place: {before: x}\n  from: {template",
            9,
            "page.place has a key 'before'. The keys are after",
        ),
        ("  parent: 주간 보고\n", "  place: last\n", 7, "page.place needs page.parent"),
        ("  parent: 주간 보고\n", "  status: {draft: a}\n", 7, "page.status"),
        (
            "  parent: 주간 보고\n",
            "  status: {draft: a, published: b}\n",
            7,
            "page.status is for copied pages, and page.from is not",
        ),
        (
            "{section: 대화, source: talk}",
            "{section: 대화, source: talk, headings: 7}",
            24,
            "fill[4].headings is 7; it must be",
        ),
        ("by: [lead]", 'channel: "#reviews"', 26, "review.channel needs review.by: everyone in a channel can click"),
        (
            "by: [lead]",
            "by: [lead], buttons: {Approve: 예}",
            26,
            "review.buttons are in Slack, and there is no review.channel",
        ),
        (
            "by: [lead]",
            'by: [lead], channel: "#r", buttons: {OK: 예}',
            26,
            "review.buttons has a key 'OK'. The keys are Approve, Reject",
        ),
        ("otherwise: skip", "otherwise: publish", 26, "review.otherwise is 'publish'. It must be one of skip, fail"),
        ("formats: [png, csv]", "formats: png", 11, "sources.wau.formats is 'png'; it must be a list"),
        ("files: [wau]", "files: wau", 28, "announce[0].files is 'wau'; it must be a list"),
        ("checks:\n", "checks: {}\nx:\n", 0, ""),
        ("announce:\n", "announce: [\n", 0, ""),
    ],
)
def test_an_error_names_file_line_and_key(old: str, new: str, line: int, message: str) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    if not line and not message:
        if "formats" in old:
            assert parse_definition(text, "weekly.yaml", "weekly").id == "weekly"
        else:
            with pytest.raises(ReportError, match=r"^weekly\.yaml, line \d+: "):
                parse_definition(text, "weekly.yaml", "weekly")
        return
    with pytest.raises(ReportError) as raised:
        parse_definition(text, "weekly.yaml", "weekly")
    error = str(raised.value)
    assert error.startswith(f"weekly.yaml, line {line}: " if line else "weekly.yaml: ")
    assert message in error


def test_a_table_needs_a_format_with_rows() -> None:
    text = GOOD.replace("table: 이슈, source: issues", "table: 이슈, source: wau").replace(
        "formats: [png, csv]", "formats: [png]"
    )
    with pytest.raises(ReportError, match=r"line 22: fill\[2\]\.source: wau exports png; add csv to its formats"):
        parse_definition(text, "weekly.yaml", "weekly")


def test_a_sum_needs_a_known_source_and_column() -> None:
    rule = "{source: kpis, sum: {column: 값, equals: {source: %s, column: 합}}}"
    with pytest.raises(ReportError, match=r"line 18: checks\[2\]\.sum\.equals\.source is 'isues'; did you mean 'issues'"):
        parse_definition(GOOD.replace("{source: wau, picture: {blank: false}}", rule % "isues"), "weekly.yaml", "weekly")
    text = GOOD.replace("{source: wau, picture: {blank: false}}", "{source: kpis, range: {column: 갑, min: 1}}")
    with pytest.raises(ReportError, match="kpis has no column '갑'"):
        parse_definition(text, "weekly.yaml", "weekly")


def test_a_template_for_a_missing_previous_page_must_be_named() -> None:
    text = GOOD.replace("  from: {template: 분석 문서 템플릿}", "  if_previous_missing: template")
    with pytest.raises(ReportError, match=r"line 9: page\.if_previous_missing is template, and there is no page\.template"):
        parse_definition(text, "weekly.yaml", "weekly")


def test_a_param_cannot_choose_a_file() -> None:
    text = GOOD.replace("{jira: project = ANL, fields: {key: 이슈, summary: 제목}}", '{file: "{{ params.file }}.csv"}')
    with pytest.raises(ReportError, match=r"line 13: sources\.issues\.file: .* there is no params\. The names are period"):
        parse_definition(text, "weekly.yaml", "weekly")


def test_too_many_sources_and_other_content_are_errors(tmp_path: Path) -> None:
    sources = "\n".join(f"  s{number}: {{file: a.csv}}" for number in range(201))
    with pytest.raises(ReportError, match="there are 201 sources; a report has at most 200"):
        parse_definition(GOOD[: GOOD.index("sources:")] + f"sources:\n{sources}\n", "weekly.yaml", "weekly")
    for text in ("", "[]", "1", "{"):
        with pytest.raises(ReportError, match=r"^weekly\.yaml"):
            parse_definition(text, "weekly.yaml", "weekly")
    with pytest.raises(ReportError, match=r"^missing\.yaml"):
        read_definition(tmp_path / "missing.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ReportError, match=r"^binary\.yaml"):
        read_definition(tmp_path / "binary.yaml")
    for part, kind in (("sources: []", "a mapping of names"), ("checks: {}", "a list"), ("fill: [1]", "a mapping with one")):
        with pytest.raises(ReportError, match=kind):
            parse_definition(GOOD[: GOOD.index("sources:")] + part, "weekly.yaml", "weekly")


def test_the_definitions_of_the_project_can_be_read(repository: Path) -> None:
    files = sorted((repository / "include" / "reports").glob("*.yaml"))
    assert files
    for file in files:
        assert read_definition(file).id == file.stem


@pytest.mark.parametrize(
    ("text", "duration"), [("30m", timedelta(minutes=30)), ("26h", timedelta(hours=26)), (" 2d ", timedelta(days=2))]
)
def test_durations(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


def test_changes_are_amounts_or_shares() -> None:
    assert parse_change("30%") == (0.3, True)
    assert parse_change(12) == (12.0, False)
