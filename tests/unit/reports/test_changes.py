from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.examples import examples
from workplace_provider.reports.changes import MOST_ROWS, Comparison, describe_changes

KPI = "지표"


def rows(**values: Any) -> list[dict[str, Any]]:
    return [{KPI: name, "값": value} for name, value in values.items()]


BY_KPI = Comparison([KPI])
SHARES = Comparison([KPI], formats={"값": ".2%"})
WIDE_BEFORE = [{KPI: "PC", "매출": 100, "주문": 50}]
WIDE_AFTER = [{KPI: "PC", "매출": 1100.5, "주문": 25}]
LINK = {"link": {"text": "ANL-1", "url": "https://jira.example/ANL-1"}}

CASES: list[tuple[str, Any, Any, Comparison, list[str], list[str], list[str]]] = [
    (
        "a share rises by points",
        rows(전환율="7.47%"),
        rows(전환율="7.69%"),
        BY_KPI,
        ["전환율이 7.47%에서 7.69%로 올랐습니다 (+0.22%p)."],
        ["전환율 rose from 7.47% to 7.69% (+0.22 pp)."],
        ["전환율は7.47%から7.69%に上がりました（+0.22ポイント）。"],
    ),
    (
        "a share as a ratio with its format",
        rows(이탈률=0.0769),
        rows(이탈률=0.0747),
        SHARES,
        ["이탈률이 7.69%에서 7.47%로 내렸습니다 (-0.22%p)."],
        ["이탈률 fell from 7.69% to 7.47% (-0.22 pp)."],
        ["이탈률は7.69%から7.47%に下がりました（-0.22ポイント）。"],
    ),
    (
        "a number with its share, the largest change first",
        rows(WAU=48210, 매출=100),
        rows(WAU=51020, 매출=80),
        BY_KPI,
        ["매출이 100에서 80으로 내렸습니다 (-20, -20.0%).", "WAU가 48,210에서 51,020으로 올랐습니다 (+2,810, +5.8%)."],
        ["매출 fell from 100 to 80 (-20, -20.0%).", "WAU rose from 48,210 to 51,020 (+2,810, +5.8%)."],
        ["매출は100から80に下がりました（-20, -20.0%）。", "WAUは48,210から51,020に上がりました（+2,810, +5.8%）。"],
    ),
    (
        "no share of zero",
        rows(가입=0),
        rows(가입=500),
        BY_KPI,
        ["가입이 0에서 500으로 올랐습니다 (+500)."],
        ["가입 rose from 0 to 500 (+500)."],
        ["가입は0から500に上がりました（+500）。"],
    ),
    (
        "to zero",
        rows(가입=500),
        rows(가입=0),
        BY_KPI,
        ["가입이 500에서 0으로 내렸습니다 (-500, -100.0%)."],
        ["가입 fell from 500 to 0 (-500, -100.0%)."],
        ["가입は500から0に下がりました（-500, -100.0%）。"],
    ),
    (
        "small counts have no share",
        rows(장애=2),
        rows(장애=4),
        BY_KPI,
        ["장애가 2에서 4로 올랐습니다 (+2, 작은 수)."],
        ["장애 rose from 2 to 4 (+2, small numbers)."],
        ["장애は2から4に上がりました（+2, 少数）。"],
    ),
    (
        "small counts come after others",
        rows(장애=2, 매출=1000),
        rows(장애=4, 매출=1001),
        BY_KPI,
        ["매출이 1,000에서 1,001로 올랐습니다 (+1, +0.1%).", "장애가 2에서 4로 올랐습니다 (+2, 작은 수)."],
        ["매출 rose from 1,000 to 1,001 (+1, +0.1%).", "장애 rose from 2 to 4 (+2, small numbers)."],
        ["매출は1,000から1,001に上がりました（+1, +0.1%）。", "장애は2から4に上がりました（+2, 少数）。"],
    ),
    (
        "a missing value appears",
        rows(반품=None),
        rows(반품=30),
        BY_KPI,
        ["반품의 값이 새로 생겼습니다 (30)."],
        ["반품 has a value now (30)."],
        ["반품に値が入りました（30）。"],
    ),
    (
        "a value disappears",
        rows(반품="1,200"),
        rows(반품=""),
        BY_KPI,
        ["반품의 값이 없어졌습니다 (이전 1,200)."],
        ["반품 has no value any more (before 1,200)."],
        ["반품の値がなくなりました（以前は1,200）。"],
    ),
    (
        "new and removed rows",
        rows(웹=30),
        rows(앱=40_000_000),
        BY_KPI,
        ["새 항목: 앱 (40,000,000)", "없어진 항목: 웹 (30)"],
        ["New: 앱 (40,000,000)", "Gone: 웹 (30)"],
        ["新しい項目：앱（40,000,000）", "なくなった項目：웹（30）"],
    ),
    (
        "the first period",
        None,
        rows(웹=30),
        BY_KPI,
        ["이전 기간의 값이 없어 비교하지 않았습니다."],
        ["Not compared: there are no values of the previous period."],
        ["前の期間の値がないため比較していません。"],
    ),
    (
        "nothing changed, however it is written",
        rows(웹="1,000", 앱=Decimal("1.50")),
        rows(웹=1000.0, 앱="1.5"),
        BY_KPI,
        ["이전 기간과 달라진 것이 없습니다."],
        ["Nothing changed since the previous period."],
        ["前の期間から変わったものはありません。"],
    ),
    (
        "texts",
        rows(상태="진행"),
        rows(상태="완료"),
        BY_KPI,
        ["상태: ‘진행’ → ‘완료’"],
        ["상태: “진행” → “완료”"],
        ["상태：「진행」→「완료」"],
    ),
    (
        "negative numbers have no share",
        rows(손익=-5000),
        rows(손익=3000),
        BY_KPI,
        ["손익이 -5,000에서 3,000으로 올랐습니다 (+8,000)."],
        ["손익 rose from -5,000 to 3,000 (+8,000)."],
        ["손익は-5,000から3,000に上がりました（+8,000）。"],
    ),
    (
        "duplicate keys",
        rows(웹=1) + rows(웹=2),
        rows(웹=1),
        BY_KPI,
        ["웹: 같은 행이 여러 개라 비교하지 않았습니다."],
        ["웹: not compared, because several rows have this key."],
        ["웹：同じ行が複数あるため比較していません。"],
    ),
    (
        "several columns name themselves",
        WIDE_BEFORE,
        WIDE_AFTER,
        BY_KPI,
        [
            "PC 매출이 100.0에서 1,100.5로 올랐습니다 (+1,000.5, +1,000.5%).",
            "PC 주문이 50에서 25로 내렸습니다 (-25, -50.0%).",
        ],
        ["PC 매출 rose from 100.0 to 1,100.5 (+1,000.5, +1,000.5%).", "PC 주문 fell from 50 to 25 (-25, -50.0%)."],
        [
            "PC 매출は100.0から1,100.5に上がりました（+1,000.5, +1,000.5%）。",
            "PC 주문は50から25に下がりました（-25, -50.0%）。",
        ],
    ),
    (
        "ties keep the order of the table, and the rest is counted",
        rows(가=100, 나=100, 다=100),
        rows(가=110, 나=110, 다=110),
        Comparison([KPI], top=2),
        [
            "가가 100에서 110으로 올랐습니다 (+10, +10.0%).",
            "나가 100에서 110으로 올랐습니다 (+10, +10.0%).",
            "그 밖에 1건이 달라졌습니다.",
        ],
        ["가 rose from 100 to 110 (+10, +10.0%).", "나 rose from 100 to 110 (+10, +10.0%).", "1 more changes."],
        [
            "가は100から110に上がりました（+10, +10.0%）。",
            "나は100から110に上がりました（+10, +10.0%）。",
            "ほかに1件の変化があります。",
        ],
    ),
    (
        "currencies and units stay",
        rows(객단가="₩12,000", 방문="10명"),
        rows(객단가="₩13,500", 방문="12명"),
        BY_KPI,
        [
            "방문이 10명에서 12명으로 올랐습니다 (+2명, +20.0%).",
            "객단가가 ₩12,000에서 ₩13,500으로 올랐습니다 (+₩1,500, +12.5%).",
        ],
        ["방문 rose from 10명 to 12명 (+2명, +20.0%).", "객단가 rose from ₩12,000 to ₩13,500 (+₩1,500, +12.5%)."],
        [
            "방문は10명から12명に上がりました（+2명, +20.0%）。",
            "객단가は₩12,000から₩13,500に上がりました（+₩1,500, +12.5%）。",
        ],
    ),
    (
        "several key columns",
        [{"지역": "서울", "기기": "PC", "값": 100}],
        [{"지역": "서울", "기기": "PC", "값": 200}],
        Comparison(["지역", "기기"]),
        ["서울 · PC가 100에서 200으로 올랐습니다 (+100, +100.0%)."],
        ["서울 · PC rose from 100 to 200 (+100, +100.0%)."],
        ["서울 · PCは100から200に上がりました（+100, +100.0%）。"],
    ),
    (
        "links and dates are compared by their text",
        [{KPI: LINK, "값": dt.date(2026, 11, 19)}],
        [{KPI: "ANL-1", "값": "2026-11-26"}],
        BY_KPI,
        ["ANL-1: ‘2026-11-19’ → ‘2026-11-26’"],
        ["ANL-1: “2026-11-19” → “2026-11-26”"],
        ["ANL-1：「2026-11-19」→「2026-11-26」"],
    ),
    (
        "another unit is another text",
        rows(매출="3억원"),
        rows(매출="3천원"),
        BY_KPI,
        ["매출: ‘3억원’ → ‘3천원’"],
        ["매출: “3억원” → “3천원”"],
        ["매출：「3억원」→「3천원」"],
    ),
]


@pytest.mark.parametrize(
    ("before", "after", "comparison", "language", "sentences"),
    [
        pytest.param(before, after, comparison, language, sentences, id=f"{name}, {language}")
        for name, before, after, comparison, *translations in CASES
        for language, sentences in zip(("ko", "en", "ja"), translations, strict=True)
    ],
)
def test_changes_in_words(before: Any, after: Any, comparison: Comparison, language: Any, sentences: list[str]) -> None:
    assert describe_changes(before, after, comparison, language) == sentences


@pytest.mark.parametrize(
    ("number", "particle"),
    [
        ("10", "으로"),
        ("7", "로"),
        ("8", "로"),
        ("3", "으로"),
        ("6", "으로"),
        ("2", "로"),
        ("100", "으로"),
        ("1,000", "으로"),
    ],
)
def test_korean_particles_follow_the_reading_of_a_number(number: str, particle: str) -> None:
    (sentence,) = describe_changes(rows(웹=999_999), rows(웹=number), BY_KPI, "ko")
    assert f"{number}{particle} " in sentence


def test_a_missing_key_column_and_too_many_rows_are_errors() -> None:
    with pytest.raises(ValueError, match="no column '이름' to compare rows by; there are 지표, 값"):
        describe_changes(rows(웹=1), rows(웹=1), Comparison(["이름"]))
    with pytest.raises(ValueError, match="the most are 10,000"):
        describe_changes([], [{}] * (MOST_ROWS + 1), BY_KPI)


def test_hostile_text_is_one_short_line() -> None:
    (sentence,) = describe_changes(rows(x="a"), rows(x="<!channel>\n" * 1000), BY_KPI)
    assert "\n" not in sentence
    assert len(sentence) < 200


CELLS = st.one_of(st.none(), st.integers(-(10**6), 10**6), st.decimals(-1000, 1000, places=2), st.text(max_size=8))
TABLES = st.dictionaries(st.text("가나다ab", min_size=1, max_size=2), CELLS, max_size=6)


@given(TABLES, TABLES, st.sampled_from(["en", "ja", "ko"]))
@settings(max_examples=examples(60), deadline=None)
def test_every_difference_gives_a_sentence_and_equal_tables_give_none(before: Any, after: Any, language: Any) -> None:
    everything = Comparison([KPI], top=100)
    same = describe_changes(rows(**after), rows(**after), everything, language)
    assert same == describe_changes([], [], everything, language)
    sentences = describe_changes(rows(**before), rows(**after), everything, language)
    appeared, gone = set(after) - set(before), set(before) - set(after)
    assert len(sentences) >= len(appeared) + len(gone)
    assert sentences == describe_changes(rows(**before), rows(**after), everything, language)
