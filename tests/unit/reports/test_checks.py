from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image

from workplace_provider.common.artifacts import Artifact
from workplace_provider.reports.checks import CheckInputs, CheckResult, SourceContent, run_checks, verdict
from workplace_provider.reports.definition import Check
from workplace_provider.reports.pictures import compare_pictures, is_blank

NOW = datetime(2026, 11, 19, 9, tzinfo=UTC)
ROWS = [{"지표": "WAU", "값": 48210}, {"지표": "전환율", "값": "7.69%"}, {"지표": "매출", "값": None}]


def check(**options: Any) -> Check:
    return msgspec.convert({"source": "kpis", **options}, Check)


def results(
    table: Any = ROWS, previous: Any = None, contents: dict[str, SourceContent] | None = None, **options: Any
) -> list[CheckResult]:
    content = SourceContent(table, updated_at=NOW - timedelta(hours=25))
    inputs = CheckInputs({"kpis": content, **(contents or {})}, NOW, previous)
    return run_checks([check(**options)], inputs)


def only(**options: Any) -> CheckResult:
    (result,) = results(**options)
    return result


@pytest.mark.parametrize(
    ("options", "passed", "finding"),
    [
        ({"rows": {"min": 3}}, True, "3"),
        ({"rows": {"min": 4}}, False, "3"),
        ({"rows": {"min": 1, "max": 2}}, False, "3"),
        ({"columns": ["지표", "값"]}, True, "all present"),
        ({"columns": ["지표", "목표"]}, False, "목표 missing"),
        ({"columns": ["지표"], "table": []}, False, "it has no rows"),
        ({"not_null": ["지표"]}, True, "no empty cell"),
        ({"not_null": ["값"]}, False, "empty in row 3"),
        ({"not_null": ["목표"]}, False, "its columns are 지표, 값"),
        ({"unique": ["지표"]}, True, "all different"),
        ({"unique": ["지표"], "table": [*ROWS, *ROWS[:1]]}, False, "more than once: WAU"),
        ({"unique": ["목표"]}, False, "its columns are 지표, 값"),
        ({"range": {"column": "값", "min": 0}, "table": ROWS[:2]}, True, "all values inside"),
        ({"range": {"column": "값", "max": 100}, "table": ROWS[:2]}, False, "48210 in row 1"),
        ({"range": {"column": "값", "min": 0, "max": 10**6}}, False, " in row 3"),
        ({"range": {"column": "목표", "min": 0}}, False, "its columns are 지표, 값"),
        ({"fresh_within": "26h"}, True, "updated 2026-11-18 08:00 UTC"),
        ({"fresh_within": "24h"}, False, "updated 2026-11-18 08:00 UTC"),
    ],
)
def test_expectations_of_rows(options: dict[str, Any], passed: bool, finding: str) -> None:
    result = only(**options)
    assert (result.passed, result.finding) == (passed, finding)


BEFORE = {"kpis": [{"지표": "WAU", "값": 40000}, {"지표": "전환율", "값": "7.47%"}, {"지표": "가입", "값": 0}]}


@pytest.mark.parametrize(
    ("limit", "passed", "finding"),
    [
        ("30%", True, "none changed more"),
        ("20%", False, "WAU from 40,000 to 48,210"),
        (8210, True, "none changed more"),
        (8209, False, "WAU from 40,000 to 48,210"),
    ],
)
def test_changes_against_the_previous_period(limit: Any, passed: bool, finding: str) -> None:
    result = only(previous=BEFORE, key="지표", column="값", change={"max": limit})
    assert (result.passed, result.finding) == (passed, finding)


def test_every_change_from_zero_is_beyond_a_share() -> None:
    result = only(table=[{"지표": "가입", "값": 1}], previous=BEFORE, key="지표", column="값", change={"max": "900%"})
    assert not result.passed


def test_the_first_period_has_nothing_to_compare_with() -> None:
    for previous in (None, {}):
        result = only(previous=previous, key="지표", column="값", change={"max": "1%"})
        assert (result.passed, result.finding) == (True, "there is no previous period to compare with")


def test_sums_of_two_sources_must_match() -> None:
    parts = {"parts": SourceContent([{"값": "20,000"}, {"값": 28210}])}
    rule = {"column": "값", "equals": {"source": "parts", "column": "값"}}
    assert only(table=ROWS[:1], contents=parts, sum=rule).passed
    off = only(table=[{"값": 48211}], contents=parts, sum=rule)
    assert (off.passed, off.finding) == (False, "48,211 and 48,210")
    assert only(table=[{"값": 48211}], contents=parts, sum=rule | {"tolerance": 1}).passed
    missing = only(table=ROWS, contents=parts, sum=rule | {"equals": {"source": "parts", "column": "합"}})
    assert (missing.passed, missing.expectation) == (False, "parts has the column 합")
    assert not only(table=ROWS, contents=parts, sum=rule | {"column": "합"}).passed


def test_a_source_without_rows_fails_once() -> None:
    (result,) = results(table=None, columns=["지표"], not_null=["지표"])
    assert (result.passed, result.expectation) == (False, "has rows")


def test_a_source_that_states_no_time_is_not_fresh() -> None:
    inputs = CheckInputs({"kpis": SourceContent(ROWS)}, NOW)
    (result,) = run_checks([check(fresh_within="26h")], inputs)
    assert (result.passed, result.finding) == (False, "the source does not state when it was updated")


def png(path: Path, name: str, *spots: tuple[int, int]) -> Artifact:
    image = Image.new("RGB", (90, 90), "white")
    for spot in spots:
        image.putpixel(spot, (255, 0, 0))
    image.save(path / name)
    content = (path / name).read_bytes()
    return Artifact(str(path / name), name, "image/png", len(content), hashlib.sha256(content).hexdigest())


def pictures(files: list[Artifact], demands: dict[str, Any], before: Any = ()) -> list[CheckResult]:
    inputs = CheckInputs({"kpis": SourceContent(files=files)}, NOW, previous_files={"kpis": before})
    return run_checks([check(picture=demands)], inputs)


def test_pictures_are_not_blank_not_alike_and_not_those_of_the_previous_period(tmp_path: Path) -> None:
    blank, chart = png(tmp_path, "빈.png"), png(tmp_path, "추이.png", (80, 5))
    demands = {"blank": False, "same_as": "never", "same_as_previous": False}
    assert all(result.passed for result in pictures([chart], demands))
    failed = pictures([chart, blank, chart], demands, [blank.sha256])
    assert [result.finding for result in failed] == ["blank: 빈.png", "alike: 추이.png, 추이.png", "unchanged: 빈.png"]
    (none,) = pictures([], demands)
    assert (none.passed, none.finding) == (False, "it has none")


def test_filters_without_effect_are_found() -> None:
    files = [Artifact("a.png", "a.png", "image/png", facts={"filters_without_effect": ["지역"]})]
    inputs = CheckInputs({"kpis": SourceContent(files=files)}, NOW)
    (result,) = run_checks([check(filtered=True)], inputs)
    assert (result.passed, result.finding) == (False, "no effect: 지역")


def test_a_long_finding_names_five() -> None:
    result = only(table=[{"값": None}] * 12, not_null=["값"])
    assert result.finding == "empty in row 1, 2, 3, 4, 5 and 7 more"


def test_the_verdict_is_the_strongest_effect_of_those_that_failed() -> None:
    def result(severity: Any, *, passed: bool) -> CheckResult:
        return CheckResult("kpis", "", "", passed, severity)

    assert verdict([result("stop", passed=True)]) is None
    assert verdict([result("note", passed=False), result("review", passed=False)]) == "review"
    assert verdict([result("stop", passed=False), result("review", passed=False)]) == "stop"
    assert str(result("review", passed=False)).startswith("review: kpis")


def test_pictures_are_compared_pixel_by_pixel(tmp_path: Path) -> None:
    one, other = png(tmp_path, "1.png", (5, 5)), png(tmp_path, "2.png", (5, 5), (80, 5))

    def compare(first: Artifact, second: Artifact) -> Any:
        with first.open() as before, second.open() as after:
            return compare_pictures(before, after)

    change = compare(one, other)
    assert (round(change.share * 90 * 90), change.place) == (1, "upper right")
    assert compare(one, one).place == ""
    assert compare(one, png(tmp_path, "3.png", (5, 5), (0, 0), (89, 89))).place == "everywhere"
    Image.new("RGB", (10, 10)).save(tmp_path / "small.png")
    assert compare(one, Artifact(str(tmp_path / "small.png"), "small.png")) is None


def test_a_file_that_is_no_picture_or_too_large_is_an_error() -> None:
    with pytest.raises(ValueError, match="the file is no picture"):
        is_blank(io.BytesIO(b"<html>"))
    header = io.BytesIO()
    Image.new("1", (20000, 20000)).save(header, "PNG")
    header.seek(0)
    with pytest.raises(ValueError, match=r"20000 x 20000 pixels|no picture"):
        is_blank(header)
