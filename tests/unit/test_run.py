"""`make test`: three runs of pytest that share the tests between them, and a table of what each part took."""

from __future__ import annotations

from pathlib import Path

import pytest

from run import CLUSTER, E2E, PROJECT, SHARED_AIRFLOW, Group, groups, main, part_of, read_parts, table

REPORT = """<testsuites><testsuite>
<testcase classname="tests.unit.slack.client.test_reader" name="a" time="1.5" />
<testcase classname="tests.unit.slack.test_bot" name="b" time="0.5"><failure message="no" /></testcase>
<testcase classname="tests.unit.test_plugin" name="c" time="0.1"><skipped /></testcase>
<testcase classname="tests.dags.test_integrity" name="d" time="2"><error message="no" /></testcase>
</testsuite></testsuites>"""


def test_results_are_counted_by_part(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT, encoding="utf-8")
    parts = read_parts([report, tmp_path / "of a run that did not come to its end.xml"])
    assert [tuple(line.split()) for line in table(parts).splitlines()] == [
        ("Part", "Tests", "Failed", "Skipped", "Seconds"),
        ("dags", "1", "1", "0", "2.0"),
        ("unit", "1", "0", "1", "0.1"),
        ("unit/slack", "2", "1", "0", "2.0"),
        ("All", "4", "2", "1", "4.1"),
    ]


@pytest.mark.parametrize(
    ("module", "part"),
    [
        ("tests.e2e.test_demo", "e2e"),
        ("tests.e2e.shared_airflow.test_consent", "e2e"),
        ("tests.unit.sandbox.ui.test_render", "unit/sandbox"),
        ("tests.unit.test_run", "unit"),
    ],
)
def test_a_part_is_a_folder(module: str, part: str) -> None:
    assert part_of(module) == part


def test_each_test_is_in_one_of_the_runs() -> None:
    compute, shared, rest = groups(everything=False)
    assert compute.arguments[:2] == ["tests", f"--ignore={E2E}"]
    assert shared.arguments == [SHARED_AIRFLOW]
    assert rest.arguments == [E2E, f"--ignore={SHARED_AIRFLOW}", f"--ignore={CLUSTER}"]
    assert f"pytest {CLUSTER} -m cluster" in (PROJECT / "Makefile").read_text("utf-8")
    for group in groups(everything=True):
        assert group.arguments[-4:] == ["-m", "", "--hypothesis-profile", "all"], "without the selection of pyproject.toml"


def test_a_selection_without_tests_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "test_one.py").write_text("def test_one(): pass\n", encoding="utf-8")
    (tmp_path / "test_two.py").write_text("def test_two(): assert False\n", encoding="utf-8")
    folder = ["-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    both = [Group("one", [str(tmp_path / "test_one.py"), *folder]), Group("two", [str(tmp_path / "test_two.py"), *folder])]
    monkeypatch.setattr("run.groups", lambda everything: both)
    assert main(["-k", "three"]) == 1
    assert main(["-k", "one"]) == 0
    assert main([]) == 1
    printed = capfd.readouterr().out
    assert "1 passed" in printed
    assert "1 failed" in printed
