from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.confluence.pages import PageDocument
from workplace_provider.confluence.pages.edits.base import Edit, EditError
from workplace_provider.confluence.pages.edits.dates import DATE_FORMS, ShiftDates, shift_text

AROUND = dt.date(2026, 11, 19)  # a Thursday


def applied(page: str, *wanted: Edit) -> str:
    return PageDocument(page).apply(wanted).storage


def shifted(page: str, **options: Any) -> str:
    return applied(page, ShiftDates(**{"weeks": 1, "around": AROUND, **options}))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2026-11-19", "2026-11-26"),
        ("2026.11.19", "2026.11.26"),
        ("2026. 11. 19.", "2026. 11. 26."),
        ("2026/11/19", "2026/11/26"),
        ("20261119", "20261126"),
        ("11/19", "11/26"),
        ("11월 19일", "11월 26일"),
        ("11월19일까지", "11월26일까지"),
        ("2026년 11월 19일", "2026년 11월 26일"),
        ("26년 12월 30일", "27년 1월 6일"),
        ("11月19日", "11月26日"),
        ("2026年11月19日", "2026年11月26日"),
        ("１１月１９日", "１１月２６日"),
        ("2026-W47", "2026-W48"),
        ("W47", "W48"),
        ("47주차", "48주차"),
        ("제 47주차", "제 48주차"),
        ("第47週", "第48週"),
        ("2026年第47週", "2026年第48週"),
        ("46~47주차", "47~48주차"),
        ("마감:11/19", "마감:11/26"),
        ("(~11/19)", "(~11/26)"),
        ("11/19, 11/26.", "11/26, 12/3."),
    ],
)
def test_a_date_moves_in_the_form_it_was_written_in(before: str, after: str) -> None:
    assert shift_text(before, weeks=1, around=AROUND) == after
    assert shifted(f"<p>앞 {before} 뒤</p>") == f"<p>앞 {after} 뒤</p>"


@pytest.mark.parametrize(
    ("before", "days", "after"),
    [
        ("11/19(목)", 1, "11/20(금)"),
        ("11/19 (목)", -4, "11/15 (일)"),
        ("2026. 11. 19.(목)", 2, "2026. 11. 21.(토)"),
        ("11월 19일 목요일", 1, "11월 20일 금요일"),
        ("11/19(목 10:00)", 1, "11/20(금 10:00)"),
        ("11/19(목, 오전)", 1, "11/20(금, 오전)"),
        ("11月19日（木）", 3, "11月22日（日）"),
        ("11月19日 木曜日", 1, "11月20日 金曜日"),
        ("2026-11-19 (Thu)", 1, "2026-11-20 (Fri)"),
        ("2026-11-19 (THURSDAY)", 1, "2026-11-20 (FRIDAY)"),
        ("11/19 (일 3회)", 1, "11/20 (일 3회)"),  # three times a day
        ("11/19(월간)", 1, "11/20(월간)"),
        ("11/18(수) ~ 11/19(목)", 1, "11/19(목) ~ 11/20(금)"),
        ("11/18(수)~19(목)", 1, "11/19(목)~20(금)"),
    ],
)
def test_the_weekday_behind_a_date_is_that_of_the_new_day(before: str, days: int, after: str) -> None:
    assert shift_text(before, days=days, around=AROUND) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("11/12 ~ 11/18", "11/19 ~ 11/25"),
        ("11/12-11/18", "11/19-11/25"),
        ("11/12~18", "11/19~25"),
        ("11/19~25", "11/26~12/2"),
        ("11월 12일 ~ 18일", "11월 19일 ~ 25일"),
        ("11월 19~25일", "11월 26~12월 2일"),
        ("11월 12일부터 18일까지", "11월 19일부터 25일까지"),
        ("11月12日から18日まで", "11月19日から25日まで"),
        ("2026.11.12 ~ 11.18", "2026.11.19 ~ 11.25"),
        ("2026. 11. 19.(목) ~ 11. 25.(수)", "2026. 11. 26.(목) ~ 12. 2.(수)"),
        ("2026.12.25 ~ 12.31", "2027.01.01 ~ 01.07"),
        ("20261112-20261118", "20261119-20261125"),
        ("2026-11-12~2026-11-18", "2026-11-19~2026-11-25"),
        ("11/19 - 20 users", "11/26 - 20 users"),
        ("11/19~20명", "11/26~20명"),
    ],
)
def test_both_ends_of_a_range_move(before: str, after: str) -> None:
    assert shift_text(before, weeks=1, around=AROUND) == after


@pytest.mark.parametrize(
    ("before", "days", "after"),
    [
        ("12/30", 7, "1/6"),
        ("12월 31일(목)", 1, "1월 1일(금)"),
        ("2026-12-31", 1, "2027-01-01"),
        ("2028-02-28", 1, "2028-02-29"),
        ("2028-02-29", 365, "2029-02-28"),
        ("2027-02-28", 1, "2027-03-01"),
        ("2026-W53", 7, "2027-W01"),  # 2026 has 53 weeks
        ("2025-W52", 7, "2026-W01"),
        ("53주차", 7, "1주차"),
        ("52~53주차", 7, "53~1주차"),
        ("2026-W47", 6, "2026-W47"),
    ],
)
def test_ends_of_years_leap_days_and_long_years(before: str, days: int, after: str) -> None:
    assert shift_text(before, days=days, around=AROUND) == after


@pytest.mark.parametrize(
    "text",
    [
        "120261119",
        "2026111",
        "202611190",
        "v11/19x",
        "11/19/26",
        "26/11/19/1",
        "https://wiki/2026/11/19/보고?d=2026-11-19",
        "www.example.com/2026-11-19",
        "s3://bucket/2026-11-19/x",
        "/data/2026/11/19/",
        "보고_20261119.xlsx",
        "events_20261119",
        "report-2026-11-19",
        "2026-11-19T10:00:00",
        "2026-11-19-01",
        "1,019 11.19 11.19%",
        "2026-13-40",
        "13/45",
        "2026-02-30",
        "2/29",
        "54주차",
        "2025-W53",
        "3/4분기",
        "성공 3/5명",
        "完了 3/5件",
        "11월 3주차",
        "11월 19일간",
        "매년 12월 30일",
        "令和8年11月19日",
        "10.2026.11.19",
        "1850-01-01",
        "11월",
        "19일",
    ],
)
def test_what_is_no_date_is_left_alone(text: str) -> None:
    assert shifted(f"<p>{text}</p>") == f"<p>{text}</p>"


def test_an_underscore_ends_a_word_in_titles() -> None:
    assert shift_text("20261119_데이터분석팀 주간 보고", weeks=1) == "20261126_데이터분석팀 주간 보고"
    assert shift_text("Weekly_20261119_Analytics", weeks=1) == "Weekly_20261126_Analytics"
    assert shifted("<p>20261119_주간 Weekly_20261119</p>") == "<p>20261126_주간 Weekly_20261119</p>"


LINK = '<ac:link><ri:page ri:content-title="{0}" /><ac:link-body>{0}</ac:link-body></ac:link>'


def test_links_to_pages_with_dates_in_their_titles_move() -> None:
    assert shifted(f"<p>{LINK.format('20261105_주간 보고')}</p>") == f"<p>{LINK.format('20261112_주간 보고')}</p>"
    plain = '<ac:link><ri:page ri:content-title="R&amp;D 2026-11-05" />{}</ac:link>'
    text = plain.format("<ac:plain-text-link-body><![CDATA[지난주 (2026-11-05)]]></ac:plain-text-link-body>")
    assert shifted(text) == text.replace("2026-11-05", "2026-11-12")
    code = plain.format("<ac:link-body><code>2026-11-05</code> <b>2026</b>-11-05</ac:link-body>")
    assert shifted(code) == code.replace("-05</ac", "-12</ac").replace('-05" />', '-12" />')
    file = '<ac:link><ri:attachment ri:filename="20261105.pdf">{}</ri:attachment></ac:link>'
    assert shifted(file.format('<ri:page ri:content-title="20261105_주간 보고" />')) == file.format(
        '<ri:page ri:content-title="20261112_주간 보고" />'
    )
    macro = '<ac:structured-macro ac:name="include"><ac:parameter ac:name="">{}</ac:parameter></ac:structured-macro>'
    assert shifted(macro.format(LINK.format("20261105"))).count("20261112") == 1
    assert shifted("<ac:link>" + LINK.format("20261105") * 2 + "</ac:link>").count("20261112") == 4
    both = f"<ac:link><ri:page ri:content-title='20261105' />{plain.format('')}</ac:link>"
    assert shifted(both) == both.replace("'20261105'", '"20261112"').replace("2026-11-05", "2026-11-12")


def test_links_move_by_rule() -> None:
    page = f"<h2>지난 호</h2>{LINK.format('20261105_주간 보고')}<h2>사고</h2>{LINK.format('20261001_사고')}"
    weekly = page.replace("20261105", "20261112")
    edit = ShiftDates(days="titles")
    assert applied(page, edit.for_copy("20261112_주간 보고", "20261119_주간 보고")) == weekly
    assert applied(page, ShiftDates(days=7, series="20260101_주간 보고")) == weekly
    assert applied(page, ShiftDates(days=7, leave=["사고"])) == weekly
    assert applied(page, ShiftDates(days=7, heading="지난 호")) == weekly
    assert applied(page, ShiftDates(days=7)) == weekly.replace("20261001", "20261008")
    assert applied(page, ShiftDates(days=7, series="").for_copy("a", "b")) == applied(page, ShiftDates(days=7))
    assert applied(page, ShiftDates(days=7, within=["text", "time"])) == page
    assert applied(page, ShiftDates(days=7, patterns=["iso"])) == page
    assert applied(page, ShiftDates(days=7, expect=1, heading="지난 호", if_missing="skip")) == page
    undated = LINK.format("11/5 회의")
    assert applied(undated, ShiftDates(days=7)) == undated
    assert applied(undated, ShiftDates(days=7, around="2026-11-12")) == LINK.format("11/12 회의")
    own_file = (
        '<ac:link><ri:attachment ri:filename="a.pdf"><ri:page ri:content-title="20261112" /></ri:attachment></ac:link>'
    )
    assert applied(own_file, edit.for_copy("20261112", "20261119")) == own_file


@pytest.mark.parametrize(
    ("before", "months", "after"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2026-02-28", 1, "2026-03-31"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2026-11-19 (목)", 1, "2026-12-19 (토)"),
        ("2026. 11. 19. ~ 11. 25.", 2, "2027. 1. 19. ~ 1. 25."),
        ("2026-10 월간 보고", 1, "2026-11 월간 보고"),
        ("Monthly_2026-12_a", 1, "Monthly_2027-01_a"),
        ("11월", 1, "12월"),
        ("12월", 1, "1월"),
        ("09월", 1, "10월"),
        ("１１월", 1, "１２월"),
        ("2026년 12월 실적", 1, "2027년 1월 실적"),
        ("26년 12월", 1, "27년 1월"),
        ("10~12월", 3, "1~3월"),
        ("10월~12월", -1, "9월~11월"),
        ("2026年12月", 1, "2027年1月"),
        ("4분기", 3, "1분기"),
        ("2026년 4분기", 3, "2027년 1분기"),
        ("3/4분기", 3, "4/4분기"),
        ("4분기", 2, "4분기"),
        ("4분기", -5, "3분기"),
        ("2026-Q4", 3, "2027-Q1"),
        ("2026 Q4, Q3", 3, "2027 Q1, Q4"),
        ("Q4 2026", 3, "Q1 2027"),
        ("Q4 2026-11-19", 3, "Q1 2027-02-19"),
        ("2026年第4四半期", 3, "2027年第1四半期"),
        ("2026년, 2025년도", 12, "2027년, 2026년도"),
        ("2026년", 11, "2026년"),
        ("11월 19일", 1, "12월 19일"),
        ("13월 2월 30일 11월간 매년 12월 13월~2월", 1, "13월 2월 30일 11월간 매년 12월 13월~2월"),
        (
            "2026-13 12026-11 2026-111 2분기 연속 FQ4 Q4x Q5 3개월",
            3,
            "2026-13 12026-11 2026-111 2분기 연속 FQ4 Q4x Q5 3개월",
        ),
    ],
)
def test_months_quarters_and_years_move(before: str, months: int, after: str) -> None:
    assert shift_text(before, months=months, around=AROUND) == after


@pytest.mark.parametrize(
    ("before", "days", "after"),
    [
        ("Nov 19, 2026", 7, "Nov 26, 2026"),
        ("November 30, 2026", 7, "December 7, 2026"),
        ("NOV 30 2026", 7, "DEC 7 2026"),
        ("nov 30, 2026", 7, "dec 7, 2026"),
        ("Nov. 30, 2026", 7, "Dec. 7, 2026"),
        ("Sept 30, 2026", 7, "Oct 7, 2026"),
        ("Sept 1, 2026", 7, "Sept 8, 2026"),
        ("19 November 2026", 7, "26 November 2026"),
        ("19 Dec. 2026", 14, "2 Jan. 2027"),
        ("19th of November 2026", 12, "1st of December 2026"),
        ("November 19TH, 2026", 3, "November 22ND, 2026"),
        ("Nov 19th", 4, "Nov 23rd"),
        ("Nov 2nd", 9, "Nov 11th"),
        ("Nov 19", 7, "Nov 26"),
        ("19 Nov", 7, "26 Nov"),
        ("April 30, 2026; Apr 30", 1, "May 1, 2026; May 1"),
        ("May 31, 2026", 1, "June 1, 2026"),
        ("May 31, 2026; Nov 19", 1, "Jun 1, 2026; Nov 20"),
        ("Thu, Nov 19, 2026", 1, "Fri, Nov 20, 2026"),
        ("Thursday, 19 November 2026", 1, "Friday, 20 November 2026"),
        ("Nov 19 (Thu)", 1, "Nov 20 (Fri)"),
        ("Nov 12–18, 2026", 7, "Nov 19–25, 2026"),
        ("Nov 19-25, 2026", 7, "Nov 26-Dec 2, 2026"),
        ("12–18 November 2026", 7, "19–25 November 2026"),
        ("19th-25th Nov", 7, "26th Nov-2nd Dec"),
        ("Dec 24–30, 2026", 7, "Dec 31–Jan 6, 2027"),
        ("Nov 12 – Nov 18, 2026", 7, "Nov 19 – Nov 25, 2026"),
        ("19.11.2026", 12, "01.12.2026"),
        ("30.11.2026", 7, "07.12.2026"),
        ("1.9.2026", 7, "8.9.2026"),
        ("19.11.2026 – 25.11.2026 (Wed)", 7, "26.11.2026 – 02.12.2026 (Wed)"),
        ("Week 47", 7, "Week 48"),
        ("WEEK 53, 2026", 7, "WEEK 1, 2027"),
        ("week 47 of 2026", 7, "week 48 of 2026"),
        ("Weeks 46–47", 7, "Weeks 47–48"),
        ("Nov 19 - 20 users", 7, "Nov 26 - 20 users"),
    ],
)
def test_english_and_european_dates_move(before: str, days: int, after: str) -> None:
    assert shift_text(before, days=days, around=AROUND) == after
    assert shifted(f"<p>앞 {before} 뒤</p>", weeks=0, days=days) == f"<p>앞 {after} 뒤</p>"


@pytest.mark.parametrize(
    "text",
    [
        "Nov 31, 2026 Feb 30 31 Nov November May 45",
        "nov 19, march 5 people, xNov 19, Nov 19x, Nov19, Novel 19, 19Nov",
        "11/19/2026 12.–18.11.2026 32.11.2026 1.19.11.2026 19.11.20261",
        "Nov 19:30:00 Nov 19.5 Nov 19% Nov 19-12",
        "Week 54, Week 3 of 12, weeks 47, Biweek 47, week 47",
        "https://wiki/Nov 192026",
    ],
)
def test_no_english_or_european_dates(text: str) -> None:
    assert shifted(f"<p>{text}</p>") == f"<p>{text}</p>"


@pytest.mark.parametrize(
    ("before", "months", "after"),
    [
        ("November 2026", 1, "December 2026"),
        ("NOV 2026, Dec", 1, "DEC 2026, Jan"),
        ("december, 2026", 1, "january, 2027"),
        ("Nov–Dec 2026", 1, "Dec–Jan 2027"),
        ("May", 1, "June"),
        ("Nov 30, 2026", 3, "Feb 28, 2027"),
        ("Jan 31", 1, "Feb 28"),
        ("May I? may, march, Feb 30, 31 Nov, Mayor, Q3 Decade", 1, "May I? may, march, Feb 30, 31 Nov, Mayor, Q3 Decade"),
    ],
)
def test_names_of_months_move(before: str, months: int, after: str) -> None:
    assert shift_text(before, months=months, around=AROUND) == after
    assert shift_text("November 2026 May", days=300) == "November 2026 May"


def test_american_dates_move_where_they_are_named() -> None:
    assert shift_text("11/19/2026 (Thu)", days=12, patterns=["us"]) == "12/1/2026 (Tue)"
    assert shift_text("11/19/2026", days=12) == "11/19/2026"
    page = f"<p>01/05/2026</p>{LINK.format('Weekly 11/05/2026')}"
    assert applied(page, ShiftDates(days=7, patterns=["us"])) == page.replace("/05/", "/12/")
    edit = ShiftDates(days="titles", patterns=["us"]).for_copy("Weekly 11/12/2026", "Weekly 11/19/2026")
    assert applied(page, edit) == page.replace("/05/", "/12/")


def test_months_quarters_and_years_stay_in_shifts_by_days() -> None:
    text = "2026년, 11월 2026-11 4분기 Q4"
    assert shift_text(text, days=300) == text
    assert shift_text(text, quarters=1) == "2026년, 2월 2027-02 1분기 Q1"
    assert shift_text(text, years="1", patterns=["year"]) == "2027년, 11월 2026-11 4분기 Q4"
    assert shifted("<p>11월 <b>Q</b>4 11/19</p>", weeks=0, quarters="1") == "<p>2월 <b>Q</b>1 2/19</p>"
    with pytest.raises(EditError, match="is outside the years 1900 to 2199"):
        shift_text("2199-12", months=1)
    with pytest.raises(EditError, match="moved by 1200 months and 0 days is outside"):
        shift_text("2150-12-01", years=100)
    for months in (10**400, -(10**400)):
        with pytest.raises(EditError, match="is outside the years"):
            shift_text("2026-12-01", months=months)
    with pytest.raises(EditError, match="whole numbers"):
        shift_text("", months="eins")


@pytest.mark.parametrize(
    ("source", "title", "before", "after"),
    [
        ("2026-10 월간 보고", "2026-11 월간 보고", "2026-10-31, 10월, 10/1", "2026-11-30, 11월, 11/1"),
        ("2026년 12월 보고", "2027년 1월 보고", "12월 5일", "1월 5일"),
        ("12월 보고", "1월 보고", "2026년 12월", "2027년 1월"),
        ("Report October 2026", "Report November 2026", "2026-10-05", "2026-11-05"),
        ("2026-Q3", "2026-Q4", "3분기 7월", "4분기 10월"),
        ("2025년 연간", "2026년 연간", "2025년 4분기", "2026년 4분기"),
    ],
)
def test_titles_that_name_months_move_by_months(source: str, title: str, before: str, after: str) -> None:
    edit = ShiftDates(days="titles").for_copy(source, title)
    assert applied(f"<p>{before}</p>", edit) == f"<p>{after}</p>"
    if source.startswith("2026-10"):
        last = LINK.format("2026-09 월간 보고")
        assert applied(last, edit) == last.replace("2026-09", "2026-10")


@pytest.mark.parametrize(("source", "title"), [("11/12", "11/19"), ("47주차", "48주차"), ("2026-10", "2026-Q4"), ("a", "b")])
def test_titles_without_a_distance_are_errors(source: str, title: str) -> None:
    with pytest.raises(EditError, match="has no date with a year"):
        ShiftDates(days="titles").for_copy(source, title)


def test_leading_zeros_follow_the_date_or_others_of_its_form() -> None:
    assert shift_text("2026-11-30 2026-1-5", weeks=1) == "2026-12-7 2026-1-12"
    assert shift_text("11/30", weeks=1, around=AROUND) == "12/7"
    assert shift_text("11/30 01/05", weeks=1, around=AROUND) == "12/07 01/12"
    assert shift_text("11월 30일, 01월 05일", weeks=1, around=AROUND) == "12월 07일, 01월 12일"
    assert shift_text("2026. 11. 30. 2026.11.30", weeks=1) == "2026. 12. 7. 2026.12.07"


def test_dates_without_a_year_are_near_to_the_first_one_with_a_year() -> None:
    assert shift_text("2027-01-07: 12/31(목)", days=1) == "2027-01-08: 1/1(금)"
    page = '<p>12/31(목)</p><p><time datetime="2027-01-07" /></p><p>2020-01-01</p>'
    assert applied(page, ShiftDates(days=1)) == ('<p>1/1(금)</p><p><time datetime="2027-01-08" /></p><p>2020-01-02</p>')
    with pytest.raises(EditError, match="set around"):
        applied("<p>12/31</p>", ShiftDates(days=1))
    with pytest.raises(EditError, match="set around"):
        shift_text("12/31", days=1)
    assert applied("<p>글</p>", ShiftDates(days=1)) == "<p>글</p>"
    assert applied("<p>2/28</p>", ShiftDates(days="1", around="2028-03-01T09:00:00+09:00")) == "<p>2/29</p>"


def test_time_elements_move_with_the_weekday_behind_them() -> None:
    page = "<p><time  x='2026-11-19' datetime='2026-11-19'></time> (목) ~ <time datetime=\"2026-11-25\" />&#40;수&#41;</p>"
    assert shifted(page, days=1, weeks=0) == page.replace("datetime='2026-11-19'", "datetime='2026-11-20'").replace(
        "목", "금"
    ).replace("11-25", "11-26").replace("수", "목")
    assert shifted('<time datetime="2026-11-19T09:00Z" /><time datetime="bad" /><time />') == (
        '<time datetime="2026-11-26T09:00Z" /><time datetime="bad" /><time />'
    )


def test_a_date_may_be_cut_up_by_tags_and_entities() -> None:
    assert shifted("<p>11<b>/</b><i>1</i>9 (<b>목</b>)</p>", weeks=0, days=1) == "<p>11<b>/</b><i>2</i>0 (<b>금</b>)</p>"
    assert shifted("<p>2026-<b>11</b>-19, 11월&nbsp;&#49;9일</p>") == "<p>2026-<b>11</b>-26, 11월&nbsp;26일</p>"
    assert shifted("<p>20<b>26-11-19</b> 1<b>11/19</b></p>") == "<p>20<b>26-11-26</b> 1<b>11/19</b></p>"
    assert shifted("<td>11</td><td>/19</td>") == "<td>11</td><td>/19</td>"


@pytest.mark.parametrize(
    "page",
    [
        "<p><![CDATA[2026-11-19]]><code>2026-11-19</code></p><pre>2026-11-19</pre>",
        '<p title="2026-11-19"><a href="x">2026-11-19</a><!-- 2026-11-19 --></p>',
        '<ac:link><ri:attachment ri:filename="20261119.pdf" /><ac:link-body>20261119</ac:link-body></ac:link>',
        '<ac:link><ri:page ri:content-title="보고" /><ac:link-body>20261119</ac:link-body></ac:link>',
        '<ac:link><ri:blog-post ri:content-title="20261119" ri:posting-day="2026/11/19" /></ac:link>',
        '<ac:image><ri:attachment ri:filename="a.png"><ri:page ri:content-title="20261119" /></ri:attachment></ac:image>',
        '<ac:adf-extension><ac:link><ri:page ri:content-title="20261119" /></ac:link></ac:adf-extension>',
        f'<ac:link><ri:page ri:content-title="20261119{"x " * 200}" /></ac:link>',
        '<ac:structured-macro ac:name="x"><ac:parameter ac:name="id">20261119</ac:parameter></ac:structured-macro>',
        '<ac:adf-extension><p>2026-11-19</p><time datetime="2026-11-19" /></ac:adf-extension>',
        "<ac:task-list><ac:task><ac:task-id>20261119</ac:task-id></ac:task></ac:task-list>",
        "<p><ac:placeholder>2026-11-19</ac:placeholder></p>",
    ],
)
def test_code_links_ids_and_instructions_are_left_alone(page: str) -> None:
    assert shifted(page) == page


def test_what_moves_can_be_chosen() -> None:
    page = '<p>2026-11-19 11/19 <time datetime="2026-11-19" /></p><h2>다음</h2><p>11/19</p><h2>끝 11/19</h2><p>11/19</p>'
    assert shifted(page, patterns=["iso"], within=["text"]) == page.replace("2026-11-19 ", "2026-11-26 ")
    assert shifted(page, within=["time"]) == page.replace('"2026-11-19"', '"2026-11-26"')
    assert shifted(page, heading="다음") == page.replace("<h2>다음</h2><p>11/19", "<h2>다음</h2><p>11/26")
    macro = '<ac:structured-macro ac:name="x"><ac:parameter ac:name="{}">11/19</ac:parameter></ac:structured-macro>'
    assert shifted(macro.format("title")) == macro.format("title").replace("19", "26")
    assert shifted(macro.format("jqlQuery"), parameters=["jqlQuery"]) == macro.format("jqlQuery").replace("19", "26")
    with pytest.raises(EditError, match=r"patterns is .*it must be a list of iso"):
        shifted(page, patterns=["%Y-%m-%d"])
    with pytest.raises(EditError, match="within is 'text'"):
        shifted(page, within="text")
    with pytest.raises(EditError, match="whole numbers"):
        shifted(page, days="eine")


def test_the_number_of_dates_can_be_checked() -> None:
    page = '<p>11/12~18, 13/45 <time datetime="2026-11-19" /></p>'
    assert shifted(page, expect=2) == shifted(page)
    with pytest.raises(EditError, match=r"a date was found 2 times, expected 1.*2026-11-19"):
        shifted(page, expect=1)
    with pytest.raises(EditError, match="is outside the years 1900 to 2199"):
        shifted("<p>2199-12-31</p>")
    assert shifted("<p>11/19(월)</p>", weeks=0) == "<p>11/19(월)</p>"


DATES = st.dates(dt.date(1930, 1, 1), dt.date(2170, 12, 31))
WRITTEN = [
    lambda day: f"{day:%Y-%m-%d}",
    lambda day: f"{day:%Y.%m.%d}",
    lambda day: f"{day:%Y/%m/%d}",
    lambda day: f"{day:%Y%m%d}",
    lambda day: f"{day.year}. {day.month}. {day.day}.",
    lambda day: f"{day.year}년 {day.month}월 {day.day}일",
    lambda day: f"{day.year}년 {day.month}월 {day.day}일({'월화수목금토일'[day.weekday()]})",
    lambda day: f"{day.year}年{day.month}月{day.day}日（{'月火水木金土日'[day.weekday()]}）",
    lambda day: f"{day:%Y-%m-%d (%a)}",
]
# Neither digits nor what stands for a weekday or the end of a range.
WORDS = st.text(
    st.characters(exclude_categories=["Nd", "Nl", "No", "Cs", "Cc", "Cn"], exclude_characters="월화수목금토일月火水木金土日")
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    parts = draw(st.lists(st.tuples(WORDS, DATES, st.sampled_from(WRITTEN)), max_size=4))
    return "".join(f"{words} {write(day)} " for words, day, write in parts) + draw(WORDS)


@given(texts(), st.integers(-9000, 9000))
def test_a_shift_and_its_opposite_cancel_out(text: str, days: int) -> None:
    assert shift_text(shift_text(text, days=days), days=-days) == text


WESTERN = [
    lambda day: f"{day:%d.%m.%Y}",
    lambda day: f"{day:%B} {day.day}, {day.year}",
    lambda day: f"{day:%A}, {day.day} {day:%B} {day.year}",
]
PERIODS = [
    lambda day: f"{day:%Y-%m}",
    lambda day: f"{day.year}년 {day.month}월",
    lambda day: f"{day.month}月",
    lambda day: f"{day.year}-Q{day.month // 4 + 1}",
    lambda day: f"{day.month // 4 + 1}분기",
    lambda day: f"{day.year}年",
    lambda day: f"{day:%B %Y}",
    lambda day: f"{day:%B}",
]


@given(
    DATES.filter(lambda day: day.day <= 27),  # 28 February is the end of a month
    st.sampled_from(WRITTEN + WESTERN + PERIODS),
    st.integers(-300, 300),
    WORDS,
)
def test_a_shift_by_months_and_its_opposite_cancel_out(day: dt.date, write: Any, months: int, words: str) -> None:
    text = f"{words} {write(day)} {words}"
    moved = shift_text(text, months=months)
    assert shift_text(moved, months=-months) == text
    link = LINK.format(write(day))
    assert applied(applied(link, ShiftDates(months=months)), ShiftDates(months=-months)) == link


@given(DATES, st.sampled_from(WRITTEN + WESTERN), st.integers(-9000, 9000), WORDS, WORDS)
def test_every_form_says_the_right_day_and_weekday(day: dt.date, write: Any, days: int, before: str, after: str) -> None:
    expected = f"{before} {write(day + dt.timedelta(days=days))} {after}"
    assert shift_text(f"{before} {write(day)} {after}", days=days) == expected


@given(texts(), st.integers(-9000, 9000), st.sampled_from(["", "<b>", "<br />", "<!-- 2026-11-19 -->", "&nbsp;"]))
def test_only_digits_and_weekdays_change_on_a_page(text: str, days: int, cut: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    middle = len(escaped) // 2 if "&" not in escaped and not re.search("[MTWFS][a-z]{2}", text) else 0
    body = f"<p x='2026-11-19'>{escaped[:middle]}{cut}{escaped[middle:]}{'</b>' if cut == '<b>' else ''}</p>\r\n<hr/>"
    result = applied(body, ShiftDates(days=days, around=AROUND))
    mask = re.compile("[0-9월화수목금토일月火水木金土日]+|Mon|Tue|Wed|Thu|Fri|Sat|Sun")
    # A number that is cut in two, 1<b>0, may come to be one digit.
    masked_cut = mask.sub("#", cut)
    around_cut = re.compile(f"#?{re.escape(masked_cut)}#?") if cut else None
    masked = [mask.sub("#", each) for each in (result, body)]
    masked = [around_cut.sub(masked_cut, each) for each in masked] if around_cut else masked
    assert masked[0] == masked[1]


@given(st.text("0123456789./-년월일月日주차第週W~ (목)11/19,x_:", max_size=40), st.integers(-800, 800))
def test_any_text_of_digits_and_separators_is_survived(text: str, days: int) -> None:
    shift_text(text, months=days // 10, around=AROUND)
    result = shift_text(text, days=days, around=AROUND)
    mask = re.compile("[0-9월화수목금토일/. -]+")
    assert mask.sub("", result) == mask.sub("", text)


PARTS = [
    "Nov",
    "may",
    "May",
    " ",
    "19",
    "th",
    ", ",
    "2026",
    "-",
    "–",
    "(Thu)",
    "Thu",
    "Week ",
    "47",
    "월",
    "4",
    "분기",
    "Q",
    ".",
]


@given(st.lists(st.sampled_from(PARTS), max_size=12).map("".join), st.integers(-400, 400))
def test_any_text_of_names_and_numbers_is_survived(text: str, distance: int) -> None:
    page = f"<p>{text}</p>{LINK.format(text)}"
    for options in ({"days": distance}, {"months": distance}, {"days": distance, "patterns": [*DATE_FORMS, "us"]}):
        assert PageDocument(applied(page, ShiftDates(around=AROUND, **options))).select("//ac:link")


def test_long_lines_are_survived() -> None:
    for text in (
        "Nov 19-" * 4_000,
        "may " * 50_000,
        "11/19 " * 4_000,
        "1" * 400_000,
        "11/" * 100_000,
        "a-" * 200_000,
        "2026. 11. " * 4_000,
        "W" * 400_000,
    ):
        shifted(f"<p>{text}</p>")
        shifted(f"<p>{text}</p>", months=1)


def test_the_forms_are_named() -> None:
    assert set(DATE_FORMS) >= {"iso", "slashed", "dotted", "compact", "month_day", "korean", "japanese", "iso_week"}


@pytest.mark.contract
def test_recorded_pages_change_in_their_dates_only(recorded_pages: list[Path]) -> None:
    for path in recorded_pages:
        body = path.read_bytes().decode()
        edit = ShiftDates(weeks=1, around=AROUND)
        own = f"<p>2026-11-19</p>{body}<p>11/19(목)</p>"
        changed = applied(own, edit)
        assert changed.startswith("<p>2026-11-26</p>"), path.name
        assert changed.endswith("<p>11/26(목)</p>"), path.name
        mask = re.compile(r"\d+")
        assert mask.sub("#", changed) == mask.sub("#", own), path.name
        assert applied(changed, ShiftDates(weeks=-1, around=AROUND)) == own, path.name


def test_on_a_copy_the_titles_may_say_how_far() -> None:
    page = "<p>2026-10-29 (목), 10월 28일</p>"
    edit = ShiftDates(days="titles").for_copy("20261029_주간 보고", "20261119_주간 보고")
    assert PageDocument(page).apply([edit]).storage == "<p>2026-11-19 (목), 11월 18일</p>"
    weeks = ShiftDates(days="titles").for_copy("2026-W53 보고", "2027-W01 보고")
    assert PageDocument("<p>12/31</p>").apply([weeks]).storage == "<p>1/7</p>"
    with pytest.raises(EditError, match="the title '주간 보고' has no date with a year"):
        ShiftDates(days="titles").for_copy("주간 보고", "20261119_주간 보고")
    with pytest.raises(EditError, match="days='titles' works only for copies"):
        PageDocument(page).apply([ShiftDates(days="titles")])


def test_deadlines_in_tasks_and_whole_sections_may_stay() -> None:
    task = '<ac:task><ac:task-id>1</ac:task-id><ac:task-body>기한 <time datetime="2026-11-30" /></ac:task-body></ac:task>'
    page = f"<p>2026-11-12</p><ac:task-list>{task}</ac:task-list><h2>업무</h2><p>2026-12-01</p><h2>끝</h2><p>2026-11-12</p>"
    edit = ShiftDates(weeks=1, tasks=False, leave=["업무", "없는 제목"])
    assert PageDocument(page).apply([edit]).storage == page.replace("2026-11-12", "2026-11-19")
    assert "2026-12-07" in PageDocument(page).apply([ShiftDates(weeks=1)]).storage
