"""A definition of a report with every key, and the files beside it."""

from __future__ import annotations

from pathlib import Path

COMPLETE = """\
name: 데이터분석팀 주간 보고
description: 지난주 보고를 이번 주로 옮기고 지표를 채웁니다
owner: analytics
tags: [weekly]
schedule: "0 9 * * THU"
timezone: Asia/Seoul
period: {every: week, weekday: thursday}
late: {by: "10:00", notify: "#data-alarms"}
wait_for:
  - {tableau: 주간 지표/주간활성사용자, project: 데이터분석팀, since: "{{ period.day }}", at_most: 6h}

page:
  space: ANALYTICS
  parent: 주간 보고
  title: "%Y%m%d_데이터분석팀 주간 보고"
  from: previous
  if_previous_missing: latest
  roll: [dates, open_tasks, links]
  labels: {copy: true, add: ["{{ period.label }}"], drop: ["20??-w??"]}
  place: first
  status: {draft: 작성 중, published: 발행}

sources:
  wau:
    tableau: 주간 지표/주간활성사용자
    filters: {Parameters.기준일: "{{ period.day }}"}
    formats: [png, csv]
    each: {기기: [PC, 모바일]}
  kpis: {sql: sql/weekly_kpis.sql, conn_id: warehouse, params: {day: "{{ period.day }}"}}
  issues: {jira: "project = ANL AND created < {{ period.day }}", fields: {key: 이슈, summary: 제목, status: 상태}}
  talk: {slack: "#data-분석", threads: true}
  goals: {confluence: {page: 2026 목표, table: 분기 목표}}
  costs: {file: "s3://aws_default@finance/{period.month}/costs.parquet"}
  notes: {file: notes.md}

checks:
  - {source: kpis, rows: {min: 5}, columns: [지표, 값], not_null: [값]}
  - {source: kpis, key: 지표, column: 값, change: {against: previous, max: 30%}, else: review}
  - {source: wau, fresh_within: 26h, else: stop}
  - {source: costs, fresh_within: 2d, else: note}
  - {source: wau, picture: {blank: false, same_as: never}}

fill:
  - {table: 핵심 지표, source: kpis, key: 지표, formats: {전환율: ".1%"}}
  - {table: 이슈, source: issues, key: 이슈}
  - {table: 목표, source: goals}
  - {image: 3. 추이, source: wau, width: 900}
  - {section: 대화, source: talk}
  - {section: 해설, source: notes, headings: 2}
  - {changes: 이번 주 변화, sources: [kpis, wau], top: 5, language: ko}
review:
  when: checks
  by: [lead@example.com]
  within: 20h
  otherwise: skip
  channel: "#reviews"
  buttons: {Approve: 승인, Reject: 반려}
announce:
  - {slack: "#weekly-report", text: "<{{ page.url }}|{{ page.title }}>", changes: true, files: [wau]}
  - {workflow: slack_report}
  - {slack: "@lead"}
on_failure: {slack: "#data-alarms", owner: true}
"""


def complete_folder(path: Path) -> Path:
    """Return a folder for the definition, with its files."""
    folder = path / "include" / "reports"
    folder.mkdir(parents=True)
    (folder.parent / "sql").mkdir()
    (folder.parent / "sql" / "weekly_kpis.sql").write_text("SELECT :day AS 지표 -- {{ 7*7 }}")
    (folder / "notes.md").write_text("# 해설\n\n**WAU** {{ 7*7 }}")
    return folder
