from __future__ import annotations

import datetime as dt
import unicodedata
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


def named(*pairs: tuple[str, Any]) -> list[dict[str, Any]]:
    """Return rows whose names are no identifiers."""
    return [{KPI: name, "값": value} for name, value in pairs]


BY_KPI = Comparison([KPI])
LONG = "아주 긴 이름 " * 20
CUT = f"{LONG[:79]}…"
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
        ["가 rose from 100 to 110 (+10, +10.0%).", "나 rose from 100 to 110 (+10, +10.0%).", "1 more change."],
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
    (
        "a negative share rises",
        named(("성장률", "-1.5%")),
        named(("성장률", "2.5%")),
        BY_KPI,
        ["성장률이 -1.5%에서 2.5%로 올랐습니다 (+4.0%p)."],
        ["성장률 rose from -1.5% to 2.5% (+4.0 pp)."],
        ["성장률は-1.5%から2.5%に上がりました（+4.0ポイント）。"],
    ),
    (
        "a share from zero has points",
        named(("이탈률", "0%")),
        named(("이탈률", "1.2%")),
        BY_KPI,
        ["이탈률이 0.0%에서 1.2%로 올랐습니다 (+1.2%p)."],
        ["이탈률 rose from 0.0% to 1.2% (+1.2 pp)."],
        ["이탈률は0.0%から1.2%に上がりました（+1.2ポイント）。"],
    ),
    (
        "a share as a ratio, rounded as its column",
        named(("전환율", 0.05)),
        named(("전환율", 0.0754)),
        Comparison([KPI], formats={"값": ".1%"}),
        ["전환율이 5.0%에서 7.5%로 올랐습니다 (+2.5%p)."],
        ["전환율 rose from 5.0% to 7.5% (+2.5 pp)."],
        ["전환율は5.0%から7.5%に上がりました（+2.5ポイント）。"],
    ),
    (
        "a share that keeps its value with other digits",
        named(("전환율", "100%")),
        named(("전환율", "100.0%")),
        BY_KPI,
        ["이전 기간과 달라진 것이 없습니다."],
        ["Nothing changed since the previous period."],
        ["前の期間から変わったものはありません。"],
    ),
    (
        "too little for a share",
        named(("매출", "₩1,234,567,890")),
        named(("매출", "₩1,234,567,891")),
        BY_KPI,
        ["매출이 ₩1,234,567,890에서 ₩1,234,567,891로 올랐습니다 (+₩1)."],
        ["매출 rose from ₩1,234,567,890 to ₩1,234,567,891 (+₩1)."],
        ["매출は₩1,234,567,890から₩1,234,567,891に上がりました（+₩1）。"],
    ),
    (
        "dollars",
        named(("ARPU", "$1,299.99")),
        named(("ARPU", "$1,199.99")),
        BY_KPI,
        ["ARPU가 $1,299.99에서 $1,199.99로 내렸습니다 (-$100.00, -7.7%)."],
        ["ARPU fell from $1,299.99 to $1,199.99 (-$100.00, -7.7%)."],
        ["ARPUは$1,299.99から$1,199.99に下がりました（-$100.00, -7.7%）。"],
    ),
    (
        "yen",
        named(("売上", "¥1,000")),
        named(("売上", "¥1,200")),
        BY_KPI,
        ["売上가 ¥1,000에서 ¥1,200으로 올랐습니다 (+¥200, +20.0%)."],
        ["売上 rose from ¥1,000 to ¥1,200 (+¥200, +20.0%)."],
        ["売上は¥1,000から¥1,200に上がりました（+¥200, +20.0%）。"],
    ),
    (
        "ten thousands of yen",
        named(("広告費", "120万円")),
        named(("広告費", "150万円")),
        BY_KPI,
        ["広告費가 120万円에서 150万円으로 올랐습니다 (+30万円, +25.0%)."],
        ["広告費 rose from 120万円 to 150万円 (+30万円, +25.0%)."],
        ["広告費は120万円から150万円に上がりました（+30万円, +25.0%）。"],
    ),
    (
        "hundred millions with decimals",
        named(("매출", "3.2억")),
        named(("매출", "4.1억")),
        BY_KPI,
        ["매출이 3.2억에서 4.1억으로 올랐습니다 (+0.9억, +28.1%)."],
        ["매출 rose from 3.2억 to 4.1억 (+0.9억, +28.1%)."],
        ["매출は3.2억から4.1억に上がりました（+0.9억, +28.1%）。"],
    ),
    (
        "one digit of a large unit is no small count",
        named(("매출", "1억")),
        named(("매출", "2억")),
        BY_KPI,
        ["매출이 1억에서 2억으로 올랐습니다 (+1억, +100.0%)."],
        ["매출 rose from 1억 to 2억 (+1억, +100.0%)."],
        ["매출は1억から2억に上がりました（+1억, +100.0%）。"],
    ),
    (
        "one digit of a currency is no small count",
        named(("단가", "$5")),
        named(("단가", "$8")),
        BY_KPI,
        ["단가가 $5에서 $8로 올랐습니다 (+$3, +60.0%)."],
        ["단가 rose from $5 to $8 (+$3, +60.0%)."],
        ["단가は$5から$8に上がりました（+$3, +60.0%）。"],
    ),
    (
        "counted cases",
        named(("문의", "12건")),
        named(("문의", "20건")),
        BY_KPI,
        ["문의가 12건에서 20건으로 올랐습니다 (+8건, +66.7%)."],
        ["문의 rose from 12건 to 20건 (+8건, +66.7%)."],
        ["문의は12건から20건に上がりました（+8건, +66.7%）。"],
    ),
    (
        "counted times",
        named(("배포", "10회")),
        named(("배포", "15회")),
        BY_KPI,
        ["배포가 10회에서 15회로 올랐습니다 (+5회, +50.0%)."],
        ["배포 rose from 10회 to 15회 (+5회, +50.0%)."],
        ["배포は10회から15회に上がりました（+5회, +50.0%）。"],
    ),
    (
        "few counted cases",
        named(("장애", "3건")),
        named(("장애", "5건")),
        BY_KPI,
        ["장애가 3건에서 5건으로 올랐습니다 (+2건, 작은 수)."],
        ["장애 rose from 3건 to 5건 (+2건, small numbers)."],
        ["장애は3건から5건に上がりました（+2건, 少数）。"],
    ),
    (
        "people in Japanese",
        named(("参加者", "40人")),
        named(("参加者", "35人")),
        BY_KPI,
        ["参加者가 40人에서 35人으로 내렸습니다 (-5人, -12.5%)."],
        ["参加者 fell from 40人 to 35人 (-5人, -12.5%)."],
        ["参加者は40人から35人に下がりました（-5人, -12.5%）。"],
    ),
    (
        "milliseconds",
        named(("응답 시간", "120ms")),
        named(("응답 시간", "95ms")),
        BY_KPI,
        ["응답 시간이 120ms에서 95ms로 내렸습니다 (-25ms, -20.8%)."],
        ["응답 시간 fell from 120ms to 95ms (-25ms, -20.8%)."],
        ["응답 시간は120msから95msに下がりました（-25ms, -20.8%）。"],
    ),
    (
        "hours",
        named(("처리 시간", "26h")),
        named(("처리 시간", "30h")),
        BY_KPI,
        ["처리 시간이 26h에서 30h로 올랐습니다 (+4h, +15.4%)."],
        ["처리 시간 rose from 26h to 30h (+4h, +15.4%)."],
        ["처리 시간は26hから30hに上がりました（+4h, +15.4%）。"],
    ),
    (
        "minutes",
        named(("대기", "10min")),
        named(("대기", "12min")),
        BY_KPI,
        ["대기가 10min에서 12min으로 올랐습니다 (+2min, +20.0%)."],
        ["대기 rose from 10min to 12min (+2min, +20.0%)."],
        ["대기は10minから12minに上がりました（+2min, +20.0%）。"],
    ),
    (
        "a name that ends with L",
        named(("LTV/URL", 200)),
        named(("LTV/URL", 300)),
        BY_KPI,
        ["LTV/URL이 200에서 300으로 올랐습니다 (+100, +50.0%)."],
        ["LTV/URL rose from 200 to 300 (+100, +50.0%)."],
        ["LTV/URLは200から300に上がりました（+100, +50.0%）。"],
    ),
    (
        "a name that ends with R",
        named(("CTR", 200)),
        named(("CTR", 100)),
        BY_KPI,
        ["CTR이 200에서 100으로 내렸습니다 (-100, -50.0%)."],
        ["CTR fell from 200 to 100 (-100, -50.0%)."],
        ["CTRは200から100に下がりました（-100, -50.0%）。"],
    ),
    (
        "a name that ends with a digit",
        named(("채널 2", 200)),
        named(("채널 2", 210)),
        BY_KPI,
        ["채널 2가 200에서 210으로 올랐습니다 (+10, +5.0%)."],
        ["채널 2 rose from 200 to 210 (+10, +5.0%)."],
        ["채널 2は200から210に上がりました（+10, +5.0%）。"],
    ),
    (
        "a name that ends with a one",
        named(("Q1", 200)),
        named(("Q1", 210)),
        BY_KPI,
        ["Q1이 200에서 210으로 올랐습니다 (+10, +5.0%)."],
        ["Q1 rose from 200 to 210 (+10, +5.0%)."],
        ["Q1は200から210に上がりました（+10, +5.0%）。"],
    ),
    (
        "a year as a name",
        [{KPI: 2026, "값": 20}],
        [{KPI: 2026, "값": 30}],
        BY_KPI,
        ["2026이 20에서 30으로 올랐습니다 (+10, +50.0%)."],
        ["2026 rose from 20 to 30 (+10, +50.0%)."],
        ["2026は20から30に上がりました（+10, +50.0%）。"],
    ),
    (
        "a name with its unit",
        named(("매출(원)", 2000)),
        named(("매출(원)", 2500)),
        BY_KPI,
        ["매출(원)이 2,000에서 2,500으로 올랐습니다 (+500, +25.0%)."],
        ["매출(원) rose from 2,000 to 2,500 (+500, +25.0%)."],
        ["매출(원)は2,000から2,500に上がりました（+500, +25.0%）。"],
    ),
    (
        "a name with an emoji",
        named(("🚀 출시", 20)),
        named(("🚀 출시", 25)),
        BY_KPI,
        ["🚀 출시가 20에서 25로 올랐습니다 (+5, +25.0%)."],
        ["🚀 출시 rose from 20 to 25 (+5, +25.0%)."],
        ["🚀 출시は20から25に上がりました（+5, +25.0%）。"],
    ),
    (
        "a name from right to left",
        named(("المبيعات", 100)),
        named(("المبيعات", 120)),
        BY_KPI,
        ["المبيعات가 100에서 120으로 올랐습니다 (+20, +20.0%)."],
        ["المبيعات rose from 100 to 120 (+20, +20.0%)."],
        ["المبيعاتは100から120に上がりました（+20, +20.0%）。"],
    ),
    (
        "a very long name",
        named((LONG, 100)),
        named((LONG, 120)),
        BY_KPI,
        [f"{CUT}이 100에서 120으로 올랐습니다 (+20, +20.0%)."],
        [f"{CUT} rose from 100 to 120 (+20, +20.0%)."],
        [f"{CUT}は100から120に上がりました（+20, +20.0%）。"],
    ),
    (
        "a value becomes not a number",
        named(("반품", 30)),
        named(("반품", float("nan"))),
        BY_KPI,
        ["반품의 값이 없어졌습니다 (이전 30)."],
        ["반품 has no value any more (before 30)."],
        ["반품の値がなくなりました（以前は30）。"],
    ),
    (
        "a value was not a number",
        named(("반품", Decimal("NaN"))),
        named(("반품", Decimal(30))),
        BY_KPI,
        ["반품의 값이 새로 생겼습니다 (30)."],
        ["반품 has a value now (30)."],
        ["반품に値が入りました（30）。"],
    ),
    (
        "not a number stays so",
        named(("반품", float("nan"))),
        named(("반품", None)),
        BY_KPI,
        ["이전 기간과 달라진 것이 없습니다."],
        ["Nothing changed since the previous period."],
        ["前の期間から変わったものはありません。"],
    ),
    (
        "yes and no",
        named(("공개", True)),
        named(("공개", False)),
        BY_KPI,
        ["공개: ‘True’ → ‘False’"],
        ["공개: “True” → “False”"],
        ["공개：「True」→「False」"],
    ),
    (
        "an equal date",
        named(("마감", dt.date(2026, 11, 19))),
        named(("마감", "2026-11-19")),
        BY_KPI,
        ["이전 기간과 달라진 것이 없습니다."],
        ["Nothing changed since the previous period."],
        ["前の期間から変わったものはありません。"],
    ),
    (
        "a time",
        named(("갱신", dt.datetime(2026, 11, 19, 9, 0))),
        named(("갱신", dt.datetime(2026, 11, 26, 9, 30))),
        BY_KPI,
        ["갱신: ‘2026-11-19 09:00:00’ → ‘2026-11-26 09:30:00’"],
        ["갱신: “2026-11-19 09:00:00” → “2026-11-26 09:30:00”"],
        ["갱신：「2026-11-19 09:00:00」→「2026-11-26 09:30:00」"],
    ),
    (
        "decimals with other zeros",
        named(("점수", Decimal("1.10"))),
        named(("점수", Decimal("1.1"))),
        BY_KPI,
        ["이전 기간과 달라진 것이 없습니다."],
        ["Nothing changed since the previous period."],
        ["前の期間から変わったものはありません。"],
    ),
    (
        "a rounding error of floats is no change that is seen",
        named(("점수", 0.3)),
        named(("점수", 0.1 + 0.2)),
        BY_KPI,
        ["이전 기간과 달라진 것이 없습니다."],
        ["Nothing changed since the previous period."],
        ["前の期間から変わったものはありません。"],
    ),
    (
        "all rows are new",
        [],
        named(("앱", 30)),
        BY_KPI,
        ["새 항목: 앱 (30)"],
        ["New: 앱 (30)"],
        ["新しい項目：앱（30）"],
    ),
    (
        "all rows are gone",
        named(("앱", 30)),
        [],
        BY_KPI,
        ["없어진 항목: 앱 (30)"],
        ["Gone: 앱 (30)"],
        ["なくなった項目：앱（30）"],
    ),
    (
        "two empty periods",
        [],
        [],
        BY_KPI,
        ["이전 기간과 달라진 것이 없습니다."],
        ["Nothing changed since the previous period."],
        ["前の期間から変わったものはありません。"],
    ),
    (
        "duplicates before, and another change",
        named(("웹", 1), ("웹", 2), ("앱", 100)),
        named(("웹", 1), ("앱", 150)),
        BY_KPI,
        ["앱이 100에서 150으로 올랐습니다 (+50, +50.0%).", "웹: 같은 행이 여러 개라 비교하지 않았습니다."],
        ["앱 rose from 100 to 150 (+50, +50.0%).", "웹: not compared, because several rows have this key."],
        ["앱は100から150に上がりました（+50, +50.0%）。", "웹：同じ行が複数あるため比較していません。"],
    ),
    (
        "a new row with several values",
        [{KPI: "PC", "매출": 1, "주문": 2}],
        [{KPI: "PC", "매출": 1, "주문": 2}, {KPI: "앱", "매출": 1000, "주문": 50}],
        BY_KPI,
        ["새 항목: 앱 (매출 1,000, 주문 50)"],
        ["New: 앱 (매출 1,000, 주문 50)"],
        ["新しい項目：앱（매출 1,000, 주문 50）"],
    ),
    (
        "a new row with a text only",
        named(("a", "x")),
        named(("a", "x"), ("b", "y")),
        BY_KPI,
        ["새 항목: b"],
        ["New: b"],
        ["新しい項目：b"],
    ),
    (
        "a lozenge",
        [{KPI: "배포", "값": {"status": {"title": "진행"}}}],
        [{KPI: "배포", "값": {"status": {"title": "완료"}}}],
        BY_KPI,
        ["배포: ‘진행’ → ‘완료’"],
        ["배포: “진행” → “완료”"],
        ["배포：「진행」→「완료」"],
    ),
    (
        "from a loss to a larger one",
        named(("손익", -100)),
        named(("손익", -200)),
        BY_KPI,
        ["손익이 -100에서 -200으로 내렸습니다 (-100)."],
        ["손익 fell from -100 to -200 (-100)."],
        ["손익は-100から-200に下がりました（-100）。"],
    ),
    (
        "from a profit to a loss",
        named(("손익", 100)),
        named(("손익", -50)),
        BY_KPI,
        ["손익이 100에서 -50으로 내렸습니다 (-150)."],
        ["손익 fell from 100 to -50 (-150)."],
        ["손익は100から-50に下がりました（-150）。"],
    ),
    (
        "another sign for minus",
        named(("손익", "−50")),
        named(("손익", "-30")),
        BY_KPI,
        ["손익이 -50에서 -30으로 올랐습니다 (+20)."],
        ["손익 rose from -50 to -30 (+20)."],
        ["손익は-50から-30に上がりました（+20）。"],
    ),
    (
        "from nine to ten",
        named(("장애", 9)),
        named(("장애", 10)),
        BY_KPI,
        ["장애가 9에서 10으로 올랐습니다 (+1, +11.1%)."],
        ["장애 rose from 9 to 10 (+1, +11.1%)."],
        ["장애は9から10に上がりました（+1, +11.1%）。"],
    ),
    (
        "from none to few",
        named(("장애", 0)),
        named(("장애", 3)),
        BY_KPI,
        ["장애가 0에서 3으로 올랐습니다 (+3, 작은 수)."],
        ["장애 rose from 0 to 3 (+3, small numbers)."],
        ["장애は0から3に上がりました（+3, 少数）。"],
    ),
    (
        "from few to none",
        named(("장애", 3)),
        named(("장애", 0)),
        BY_KPI,
        ["장애가 3에서 0으로 내렸습니다 (-3, 작은 수)."],
        ["장애 fell from 3 to 0 (-3, small numbers)."],
        ["장애は3から0に下がりました（-3, 少数）。"],
    ),
    (
        "decimals are no counts",
        named(("평점", 1.5)),
        named(("평점", 2.5)),
        BY_KPI,
        ["평점이 1.5에서 2.5로 올랐습니다 (+1.0, +66.7%)."],
        ["평점 rose from 1.5 to 2.5 (+1.0, +66.7%)."],
        ["평점は1.5から2.5に上がりました（+1.0, +66.7%）。"],
    ),
    (
        "a text appears",
        named(("상태", None)),
        named(("상태", "진행")),
        BY_KPI,
        ["상태의 값이 새로 생겼습니다 (진행)."],
        ["상태 has a value now (진행)."],
        ["상태に値が入りました（진행）。"],
    ),
    (
        "a text becomes a number",
        named(("목표", "미정")),
        named(("목표", 30)),
        BY_KPI,
        ["목표: ‘미정’ → ‘30’"],
        ["목표: “미정” → “30”"],
        ["목표：「미정」→「30」"],
    ),
    (
        "a unit disappears",
        named(("방문", "10명")),
        named(("방문", 12)),
        BY_KPI,
        ["방문: ‘10명’ → ‘12’"],
        ["방문: “10명” → “12”"],
        ["방문：「10명」→「12」"],
    ),
    (
        "letters that are written in another way",
        named((unicodedata.normalize("NFD", "매출"), 100)),
        named(("매출", 100)),
        BY_KPI,
        ["이전 기간과 달라진 것이 없습니다."],
        ["Nothing changed since the previous period."],
        ["前の期間から変わったものはありません。"],
    ),
    (
        "lines of a text",
        named(("비고", "첫 줄\n둘째 줄")),
        named(("비고", "셋째\t줄")),
        BY_KPI,
        ["비고: ‘첫 줄 둘째 줄’ → ‘셋째 줄’"],
        ["비고: “첫 줄 둘째 줄” → “셋째 줄”"],
        ["비고：「첫 줄 둘째 줄」→「셋째 줄」"],
    ),
    (
        "only some columns",
        [{KPI: "PC", "매출": 100, "주문": 50}],
        [{KPI: "PC", "매출": 200, "주문": 90}],
        Comparison([KPI], columns=["매출"]),
        ["PC가 100에서 200으로 올랐습니다 (+100, +100.0%)."],
        ["PC rose from 100 to 200 (+100, +100.0%)."],
        ["PCは100から200に上がりました（+100, +100.0%）。"],
    ),
    (
        "the column's decimals",
        named(("객단가", 1234.56)),
        named(("객단가", 1300)),
        Comparison([KPI], formats={"값": ",.1f"}),
        ["객단가가 1,234.6에서 1,300.0으로 올랐습니다 (+65.4, +5.3%)."],
        ["객단가 rose from 1,234.6 to 1,300.0 (+65.4, +5.3%)."],
        ["객단가は1,234.6から1,300.0に上がりました（+65.4, +5.3%）。"],
    ),
    (
        "a column that one period does not have",
        [{KPI: "PC", "매출": 100}],
        [{KPI: "PC", "매출": 100, "주문": 90}],
        BY_KPI,
        ["이전 기간과 달라진 것이 없습니다."],
        ["Nothing changed since the previous period."],
        ["前の期間から変わったものはありません。"],
    ),
    (
        "changes, new and removed rows in this order",
        named(("가", 100), ("나", 10)),
        named(("가", 150), ("다", 20)),
        BY_KPI,
        ["새 항목: 다 (20)", "없어진 항목: 나 (10)", "가가 100에서 150으로 올랐습니다 (+50, +50.0%)."],
        ["New: 다 (20)", "Gone: 나 (10)", "가 rose from 100 to 150 (+50, +50.0%)."],
        ["新しい項目：다（20）", "なくなった項目：나（10）", "가は100から150に上がりました（+50, +50.0%）。"],
    ),
    (
        "several more",
        named(("가", 100), ("나", 100), ("다", 100)),
        named(("가", 400), ("나", 200), ("다", 150)),
        Comparison([KPI], top=1),
        ["가가 100에서 400으로 올랐습니다 (+300, +300.0%).", "그 밖에 2건이 달라졌습니다."],
        ["가 rose from 100 to 400 (+300, +300.0%).", "2 more changes."],
        ["가は100から400に上がりました（+300, +300.0%）。", "ほかに2件の変化があります。"],
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
