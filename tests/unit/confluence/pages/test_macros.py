from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.confluence.pages import Link, PageDocument, Storage
from workplace_provider.confluence.pages.edits.base import Edit, EditError
from workplace_provider.confluence.pages.edits.macros import SetMacroParameter, SetStatus
from workplace_provider.confluence.pages.selectors import macros, parameters

HOSTILE = st.one_of(
    st.sampled_from(["]]>", '"', "</ac:parameter>", "a&b;", "\x00\x0b", "\u202eabc", "👩‍👩‍👧가\u0301", "x" * 1_000_000]),
    st.text(max_size=30),
)


def status(title: str | None, colour: str | None = None) -> str:
    parts = "" if title is None else f'<ac:parameter ac:name="title">{title}</ac:parameter>'
    parts += "" if colour is None else f'<ac:parameter ac:name="colour">{colour}</ac:parameter>'
    return f"<ac:structured-macro ac:name='status' ac:macro-id=\"1\">{parts}</ac:structured-macro>"


def applied(page: str, *wanted: Edit) -> str:
    return PageDocument(page).apply(wanted).storage


def test_a_status_is_found_by_its_text() -> None:
    page = f"<p>가&nbsp;{status('진행 중', 'Yellow')}</p><p>{status('완료', 'Green')}</p>"
    edit = SetStatus("보류", "Red", match="진행 중")
    once = applied(page, edit)
    assert once == page.replace("진행 중", "보류").replace("Yellow", "Red")
    assert applied(once, edit) == once
    assert applied(page, SetStatus("DONE", match="완료")) == page.replace("완료", "DONE")


def test_a_status_without_colour_or_title_gets_one() -> None:
    assert applied(status("초안"), SetStatus("완료", "Green")) == status("완료", "Green")
    assert applied(status("초안"), SetStatus("초안", "Grey")) == status("초안")
    assert applied(status(None, "Red"), SetStatus("완료")) == (
        '<ac:structured-macro ac:name=\'status\' ac:macro-id="1"><ac:parameter ac:name="colour">Red</ac:parameter>'
        '<ac:parameter ac:name="title">완료</ac:parameter></ac:structured-macro>'
    )
    assert applied('<ac:structured-macro ac:name="status" />', SetStatus("a", "Red")) == (
        '<ac:structured-macro ac:name="status"><ac:parameter ac:name="title">a</ac:parameter>'
        '<ac:parameter ac:name="colour">Red</ac:parameter></ac:structured-macro>'
    )


def test_a_status_that_is_the_same_already_is_not_written() -> None:
    page = status("A &amp; B &rarr;", "Green")
    assert applied(page, SetStatus("A & B →", "Green")) == page


def test_a_lozenge_with_the_title_but_another_colour_is_not_taken_for_the_one_that_is_missing() -> None:
    with pytest.raises(EditError, match=r"the status '진행' was found 0 times, expected 1; the page has: '완료'"):
        applied(status("완료", "Grey"), SetStatus("완료", "Green", match="진행"))


def test_a_status_is_chosen_by_heading_and_number() -> None:
    page = f"<h2>가</h2><p>{status('1')}{status('2')}</p><h2>나</h2><ul><li>{status('3')}</li></ul>"
    assert applied(page, SetStatus("x", heading="나")) == page.replace(">3<", ">x<")
    assert applied(page, SetStatus("x", heading="가", index=1)) == page.replace(">2<", ">x<")
    assert applied(page, SetStatus("x", index=1, match="2")) == page.replace(">2<", ">x<")
    assert applied(page, SetStatus("x", expect=3)) == page.replace(">1<", ">x<").replace(">2<", ">x<").replace(">3<", ">x<")
    with pytest.raises(EditError, match="found 3 times, expected 1; the page has: '3', '2', '1'"):
        applied(page, SetStatus("x"))


def test_a_colour_that_confluence_does_not_know_is_refused() -> None:
    with pytest.raises(EditError, match="the colour of a status is 'Orange'; it must be one of Grey, Red"):
        applied(status("a"), SetStatus("a", "Orange"))


JIRA = (
    '<ac:structured-macro ac:name="jira" ac:schema-version="1"><ac:parameter ac:name="columns">key</ac:parameter>'
    '<ac:parameter ac:name="jqlQuery">project = DATA &amp;&amp; week=46</ac:parameter></ac:structured-macro>'
)
EXPAND = (
    '<ac:structured-macro ac:name="expand"><ac:rich-text-body><ac:structured-macro ac:name="expand">'
    '<ac:parameter ac:name="title">안</ac:parameter></ac:structured-macro></ac:rich-text-body></ac:structured-macro>'
)


def test_a_parameter_is_set_added_and_taken_away() -> None:
    page = f"<p>앞</p>{JIRA}<p>뒤</p>"
    assert applied(page, SetMacroParameter("jira", "jqlQuery", "due < now()")) == page.replace(
        "project = DATA &amp;&amp; week=46", "due &lt; now()"
    )
    assert applied(page, SetMacroParameter("jira", "maximumIssues", 1000)) == page.replace(
        "</ac:structured-macro>", '<ac:parameter ac:name="maximumIssues">1000</ac:parameter></ac:structured-macro>'
    )
    assert applied(page, SetMacroParameter("jira", "columns")) == page.replace(
        '<ac:parameter ac:name="columns">key</ac:parameter>', ""
    )
    assert applied(page, SetMacroParameter("jira", "none")) == page
    assert applied('<ac:structured-macro ac:name="toc"/>', SetMacroParameter("toc", "maxLevel", 2)) == (
        '<ac:structured-macro ac:name="toc"><ac:parameter ac:name="maxLevel">2</ac:parameter></ac:structured-macro>'
    )


def test_a_parameter_goes_before_the_body_and_belongs_to_its_own_macro() -> None:
    page = applied(EXPAND, SetMacroParameter("expand", "title", "밖", index=0))
    assert page == EXPAND.replace('"expand"><ac:rich', '"expand"><ac:parameter ac:name="title">밖</ac:parameter><ac:rich', 1)
    both = applied(EXPAND, SetMacroParameter("expand", "title", "둘", expect=2))
    assert both.count(">둘<") == 2


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "true"),
        (False, "false"),
        (1_000_000, "1000000"),
        (0.5, "0.5"),
        (dt.date(2026, 11, 19), "2026-11-19"),
        ({"date": "2026-11-19"}, "2026-11-19"),
        (["key", "summary", "a,b"], "key,summary,a,b"),
        (Storage('<ri:page ri:content-title="가" />'), '<ri:page ri:content-title="가" />'),
        (Link(page="가"), '<ac:link><ri:page ri:content-title="가" /><ac:link-body>가</ac:link-body></ac:link>'),
        ("", ""),
    ],
)
def test_values_are_written_as_macros_read_them(value: Any, written: str) -> None:
    assert f'<ac:parameter ac:name="columns">{written}</ac:parameter>' in applied(
        JIRA, SetMacroParameter("jira", "columns", value)
    )


def test_text_in_place_of_a_file_is_the_name_of_the_file() -> None:
    page = (
        '<ac:structured-macro ac:name="view-file"><ac:parameter ac:name="name">'
        '<ri:attachment ri:filename="지난주.xlsx" ri:version-at-save="1" /></ac:parameter></ac:structured-macro>'
    )
    assert applied(page, SetMacroParameter("view-file", "name", "이번 주.xlsx")) == page.replace(
        '"지난주.xlsx" ri:version-at-save="1"', '"이번 주.xlsx"'
    )


def test_a_macro_that_is_missing_is_named_with_those_there_are() -> None:
    with pytest.raises(EditError, match=r"the macro 'jria' was found 0 times, expected 1; the page has: 'jira'"):
        applied(JIRA, SetMacroParameter("jria", "columns", "x"))
    with pytest.raises(EditError, match="not a value for a page"):
        applied(JIRA, SetMacroParameter("jira", "columns", {"colour": "Red"}))


def test_code_and_adf_extensions_are_left_alone() -> None:
    code = f"<ac:plain-text-body><![CDATA[{status('a')}]]></ac:plain-text-body>"
    page = (
        f'<ac:structured-macro ac:name="code">{code}</ac:structured-macro><ac:adf-extension>{status("a")}</ac:adf-extension>'
    )
    with pytest.raises(EditError, match="found 0 times"):
        applied(page, SetStatus("b"))
    assert applied(page + status("a"), SetStatus("b", match="a")) == page + status("b")


@given(HOSTILE, HOSTILE)
def test_no_value_becomes_markup(title: str, value: str) -> None:
    before, after = "<p>앞&nbsp;</p>", "<p/>"
    page = f"{before}{status('진행')}{JIRA}{after}"
    changed = applied(
        page, SetStatus(title), SetMacroParameter("jira", "columns", value), SetMacroParameter("jira", value, "1")
    )
    assert changed.startswith(before)
    assert changed.endswith(after)
    document = PageDocument(changed)
    assert {str(each.tag).rpartition("}")[2] for each in document.root.iter("*")} == {
        "page", "p", "structured-macro", "parameter",
    }  # fmt: skip
    assert len(parameters(macros(document, "status")[0])) == 1
    assert len(parameters(macros(document, "jira")[0])) in (2, 3)


@pytest.mark.contract
def test_only_the_parameter_changes_on_recorded_pages(recorded_pages: list[Path]) -> None:
    count = 0
    for path in recorded_pages:
        body = path.read_bytes().decode()
        document = PageDocument(body)
        for index, lozenge in enumerate(macros(document, "status")):
            span = document.span(lozenge)
            for edit in (SetStatus("주의", "Purple", index=index), SetMacroParameter("status", "새", "값", index=index)):
                changed = applied(body, edit)
                assert changed.startswith(body[: span.inner])
                assert changed.endswith(body[span.close :])
                assert applied(changed, edit) == changed
                count += 1
    assert count >= 40
