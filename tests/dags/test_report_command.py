from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from workplace_provider.cli import main
from workplace_sandbox import Sandbox

pytestmark = pytest.mark.dags


@pytest.fixture
def folder(repository: Path, tmp_path: Path) -> Path:
    """A folder of definitions, with the files that the project's report names beside it."""
    for name in ("reports/weekly_kpis.yaml", "reports/pages/weekly_kpis.xhtml", "sql/report_kpis.sql"):
        (tmp_path / "include" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "include" / name).write_text((repository / "include" / name).read_text())
    return tmp_path / "include" / "reports"


def test_a_new_report_is_created_checked_and_previewed(
    sandbox: Sandbox, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "trend.yaml"
    assert main(["report", "new", str(file), "--yes", "--language", "ja", "--each", "기기=PC, 모바일, 태블릿"]) == 0
    assert "_팀 주간 보고" in capsys.readouterr().out
    assert main(["report", "check", str(file), "--online"]) == 0, capsys.readouterr().err
    assert "valid (2 sources, 3 checks" in capsys.readouterr().out
    out = folder / "out"
    pages = [(page.title, page.version) for page in sandbox.store.pages("ANALYTICS")]
    code = main(["report", "preview", str(file), "--date", "2026-11-19", "--out", str(out)])
    assert code == 0, capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["trend.html"]
    preview = (out / "trend.html").read_text()
    assert "20261119_팀 주간 보고" in preview
    assert "主要指標" in preview
    assert preview.count("data:image/png") == 3
    assert [(page.title, page.version) for page in sandbox.store.pages("ANALYTICS")] == pages
    assert main(["report", "new", str(file), "--yes"]) == 1
    assert "exists already" in capsys.readouterr().err


def test_parts_without_an_answer_are_left_out_and_nothing_is_written_for_a_wrong_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "short.yaml"
    assert main(["report", "new", str(file), "--yes", "--query", "-", "--channel", "-", "--name", "값: [1] # {2}"]) == 0
    created = yaml.safe_load(file.read_text())
    assert created["name"] == "값: [1] # {2}"
    assert list(created["sources"]) == ["pictures"]
    assert "announce" not in created
    assert "<table" not in (folder / "pages" / "short.xhtml").read_text()
    for option, value, problem in (
        ("--every", "hour", "every is 'hour'; it must be one of day, week"),
        ("--language", "fr", "language is 'fr'; it must be one of ko, ja, en"),
        ("--value", "매출", "value is '매출'; it must be one of the columns 지표"),
        ("--timezone", "Asia/Seoull", "Asia/Seoull"),
    ):
        assert main(["report", "new", str(folder / "x.yaml"), "--yes", option, value]) == 1
        assert problem in capsys.readouterr().err
    assert not list(folder.rglob("x.*"))


def test_a_check_finds_what_does_not_exist(sandbox: Sandbox, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "weekly_kpis.yaml"
    assert main(["report", "check", str(file), "--online"]) == 0, capsys.readouterr().err
    text = file.read_text()
    for old, new in (
        ("parent: 분석 문서", "parent: 없는 문서"),
        ("WeeklyKPI/WeeklyActiveUsers", "WeeklyKPI/WeeklyUsers"),
        ('slack: "#data-분석"', 'slack: "#data-없음"'),
        ('slack: "#weekly-report"', 'slack: "#weekly-없음"'),
        ("conn_id: warehouse", "conn_id: lager"),
    ):
        text = text.replace(old, new, 1)
    file.write_text(text)
    assert main(["report", "check", str(file), "--online"]) == 1
    errors = capsys.readouterr().err
    lines = text.splitlines()
    for begin, key, problem in (
        ("  parent:", "page.parent", "No parent page '없는 문서' in the space ANALYTICS. Check"),
        ("    tableau:", "sources.trend.tableau", "No view 'WeeklyKPI/WeeklyUsers'"),
        ("  talk:", "sources.talk.slack", ""),
        ("  - {slack:", "announce[0].slack", ""),
        ("  kpis:", "sources.kpis.conn_id", "connection lager: "),
    ):
        line = next(number for number, text in enumerate(lines, 1) if text.startswith(begin))
        assert f"weekly_kpis.yaml, line {line}: {key}: {problem}" in errors


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("2. 핵심 지표, source", "2. 없는 지표, source", "a table under the heading '2. 없는 지표'"),
        ("3. 기기별 추이, source", "3. 없는 추이, source", "3. 없는 추이"),
    ],
)
def test_a_check_finds_a_missing_heading(
    sandbox: Sandbox, folder: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, problem: str
) -> None:
    file = folder / "weekly_kpis.yaml"
    file.write_text(file.read_text().replace(old, new, 1))
    assert main(["report", "check", str(file), "--online"]) == 1
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "not_null: [이번 주]",
            "not_null: [이번주]",
            "checks[0]: kpis has no column '이번주'; did you mean '이번 주'? It has 지표,",
        ),
        ("column: 이번 주, change", "column: 다음 달, change", "checks[1]: kpis has no column '다음 달'. It has 지표,"),
        ('목표: ",.7g"', '목표값: ",.7g"', "fill[2]: kpis has no column '목표값'; did you mean '목표'?"),
        ("columns: [이번 주], top", "columns: [금주], top", "fill[1]: kpis has no column '금주'."),
        ("space: ANALYTICS", "space: ANALYTCS", "page.parent: No space with key 'ANALYTCS' on this Confluence site. Check"),
        ('{slack: "#data-alarms"', '{slack: "#data-alarm"', "on_failure.slack: "),
        (
            "from: {file: pages/weekly_kpis.xhtml}",
            "from: {template: 없는 템플릿}",
            "page: No page '없는 템플릿' in the space",
        ),
        ("  labels: {add", "  place: first\n  labels: {add", "page.place: The page cannot be put first: Data Center has no"),
    ],
)
def test_a_check_finds_wrong_columns_and_places_by_line(
    sandbox: Sandbox, folder: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, problem: str
) -> None:
    file = folder / "weekly_kpis.yaml"
    text = file.read_text()
    assert old in text
    text = text.replace(old, new, 1)
    file.write_text(text)
    assert main(["report", "check", str(file), "--online"]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert f": {problem}" in error
    at = error.partition(", line ")[2].partition(":")[0]
    first = new.partition("\n")[0] if not problem.startswith("page.parent") else "parent: "
    assert first in text.splitlines()[int(at) - 1] or problem.startswith("page: ")


def test_wrong_files_are_reported_one_by_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = folder / "weekly_kpis.yaml"
    for name, text in {"bad.yaml": "page: 1", "twin.yaml": good.read_text()}.items():
        (folder / name).write_text(text)
    assert main(["report", "check", *(str(folder / name) for name in ("bad.yaml", good.name, "twin.yaml"))]) == 1
    printed = capsys.readouterr()
    assert "bad.yaml: there is no period" in printed.err
    assert "twin.yaml, line 13: page.title is that of weekly_kpis.yaml" in printed.err
    assert "weekly_kpis.yaml: valid (4 sources, 3 checks; today's page: 20" in printed.out
    for arguments, problem in (
        (["new", str(folder / "x.yml"), "--yes"], "x.yml is no id of a DAG"),
        (["preview", str(folder / "none.yaml")], "none.yaml"),
    ):
        assert main(["report", *arguments]) == 1
        assert problem in capsys.readouterr().err


def test_questions_are_asked_with_a_suggestion(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return "month" if question.startswith("Every") else ""

    monkeypatch.setattr("builtins.input", answer)
    assert main(["report", "new", str(folder / "monthly.yaml"), "--space", "SALES"]) == 0
    assert "Name of the report [팀 주간 보고]: " in asked
    assert not any("Key of the Confluence space" in question for question in asked)
    created: dict[str, Any] = yaml.safe_load((folder / "monthly.yaml").read_text())
    assert (created["page"]["space"], created["period"], created["schedule"]) == ("SALES", {"every": "month"}, "0 9 1 * *")
    assert "created" in capsys.readouterr().out


def test_the_schema_accepts_what_the_reader_accepts(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for file in (repository / "include" / "reports").glob("*.yaml"):
        assert list(validator.iter_errors(yaml.safe_load(file.read_text()))) == []
    for wrong in ({}, {"page": {"space": "A", "title": "%Y"}, "period": {"every": "weak"}}, {"naem": 1}):
        assert list(validator.iter_errors(wrong))
