from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from workplace_provider.common.periods import PeriodRule
from workplace_provider.reports.placeholders import (
    PeriodView,
    check_text,
    has_placeholder,
    name_placeholders,
    period_title,
    render_text,
)

WEEK = PeriodRule("week", weekday="thursday").at(date(2026, 11, 22))
QUARTER = PeriodRule("quarter", day="last").at(date(2026, 11, 22))
VALUES: dict[str, Any] = {
    "period": PeriodView(WEEK),
    "params": {"region": "서울", "none": None},
    "page": {"title": "<주간> {{ 7*7 }}", "url": "https://wiki.example/1"},
}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{{ period.day }}", "2026-11-19"),
        ("{{period.since}} ~ {{ period.until }}", "2026-11-12 ~ 2026-11-18"),
        ("{{ period.start }}/{{ period.end }}", "2026-11-16/2026-11-22"),
        ("{{ period.previous.previous.label }}", "2026-W45"),
        ("s3://b/{period.year}/{period.month}/{period.week}.csv", "s3://b/2026/11/47.csv"),
        ("{{ period.quarter }}분기, {{ params.region }}", "4분기, 서울"),
        ("{% if params.region == '서울' %}{{ period.day.year }}{% endif %}", "2026"),
        ("그 밖에 {n}건", "그 밖에 {n}건"),
    ],
)
def test_placeholders_are_filled(text: str, result: str) -> None:
    assert render_text(text, VALUES) == result


def test_values_are_escaped_and_not_rendered_again() -> None:
    def escape(value: Any) -> str:
        return str(value).replace("<", "&lt;")

    assert render_text("<{{ page.url }}|{{ page.title }}>", VALUES, escape) == "<https://wiki.example/1|&lt;주간> {{ 7*7 }}>"
    assert render_text("{{ page.title | upper }}", VALUES, escape) == "&lt;주간> {{ 7*7 }}"


@pytest.mark.parametrize(
    "text",
    [
        "{{ params.missing }}",
        "{{ params.none }}",
        "{{ unknown.x }}",
        "{{ period.__class__ }}",
        "{{ page.title.__class__.__mro__ }}",
        "{{ params.region | nofilter }}",
        "{{ 1 / 0 }}",
        "{{ period.day + 'x' }}",
        "{% for x in y %}{% endfor %}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
    ],
)
def test_a_text_that_cannot_be_filled_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"has no value in this run|cannot be filled"):
        render_text(text, VALUES)


def test_texts_are_checked_before_they_are_used() -> None:
    check_text("{{ period.previous.day }} {{ params.anything }}", ["period", "params"])
    check_text("{{ period.day.strftime('%Y') }}", ["period"])
    with pytest.raises(ValueError, match="there is no page"):
        check_text("{{ page.url }}", ["period", "params"])
    with pytest.raises(ValueError, match="has more than placeholders"):
        check_text("{{ period.day | string }}", ["period"], simple=True)


def test_titles_have_dates_weeks_and_quarters() -> None:
    assert period_title("%Y%m%d_주간 보고", WEEK) == "20261119_주간 보고"
    assert period_title("{year}년 {week}주차", WEEK) == "2026년 47주차"
    assert period_title("%Y년 {quarter}분기 매출", QUARTER) == "2026년 3분기 매출"
    assert period_title("{month}월 보고 100%%", WEEK.shift(0)) == "11월 보고 100%"
    with pytest.raises(ValueError, match="has no date"):
        period_title("주간 보고", WEEK)


def test_queries_get_names_for_values() -> None:
    assert name_placeholders("day >= {{ period.since }} AND x = {params.x}") == (
        "day >= {period_since} AND x = {params_x}",
        {"period_since": "{{ period.since }}", "params_x": "{{ params.x }}"},
    )
    assert has_placeholder("{# x #}")
    assert not has_placeholder("{n}")
