from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.confluence.pages import Link, PageDocument, Status, Storage
from workplace_provider.confluence.pages.edits.base import Edit, EditError
from workplace_provider.confluence.pages.edits.fill_text import FillText

HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(list("<>&\"'{}]\r\n\t\x00\x1b\ufffe\u0301\u202e\u05d0가\ud800👩\u200d")),
    ),
    max_size=40,
) | st.sampled_from(["]]>", "<![CDATA[", "</p><script>", "&nbsp;", "{{이름}}", "<!--", "<?pi", "x" * 5000])
# Text that has no part in a placeholder.
AROUND = st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs", "Cc", "Cn"]), max_size=12)


def filled(page: str, *wanted: Edit) -> str:
    return PageDocument(page).apply(wanted).storage


def fill(page: str, values: dict[str, Any], **options: Any) -> str:
    return filled(page, FillText(values, **options))


def readable(text: str) -> str:
    """Text as a page can hold it: the documented pictures of control characters, and line feeds only."""
    written = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f]", lambda each: chr(0x2400 + ord(each.group())), text)
    written = re.sub("[\ud800-\udfff\ufffe\uffff]", "\ufffd", written)
    return written.replace("\r\n", "\n").replace("\r", "\n")


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@pytest.mark.parametrize(
    ("page", "result"),
    [
        ("<p>{{이름}} 님</p>", "<p>김 님</p>"),
        ("<p>{{ 이름 }}{{\u00a0이름&nbsp;}}</p>", "<p>김김</p>"),
        ("<p>&#123;{이름&#x7d;&rcub;</p>", "<p>김</p>"),
        ("<p>{{<strong>이</strong>름}}</p>", "<p>김<strong></strong></p>"),
        ("<p>{<em>{이름}</em>}!</p>", "<p>김<em></em>!</p>"),
        ("<p><b>{{</b>이<!-- x -->름<i>}}</i></p>", "<p><b>김</b><!-- x --><i></i></p>"),
        ("<p><span style='a: \">\"'>{{이름</span>}}</p>", "<p><span style='a: \">\"'>김</span></p>"),
        ('<p>{{<ac:inline-comment-marker ac:ref="1">이름</ac:inline-comment-marker>}}</p>', None),
        ("<p>{{{이름}}}</p>", "<p>{김}</p>"),
        ('<p>a <at:var at:name="이름" /> b</p>', "<p>a 김 b</p>"),
        ("<p><at:var at:name='이름'>설명</at:var></p>", "<p>김</p>"),
    ],
)
def test_a_value_goes_where_its_placeholder_begins_and_the_tags_stay(page: str, result: str | None) -> None:
    expected = result or '<p>김<ac:inline-comment-marker ac:ref="1"></ac:inline-comment-marker></p>'
    assert fill(page, {"이름": "김"}) == expected


@pytest.mark.parametrize(
    "page",
    [
        "<p>{{이</p><p>름}}</p>",
        "<table><tr><td>{{이</td><td>름}}</td></tr></table>",
        "<ul><li>{{이</li></ul>름}}",
        "<p>{{이<br />름}}</p>",
        "<p>{{이<sup>름</sup>}}</p>",
        '<p>{{이<ac:structured-macro ac:name="x" />름}}</p>',
        '<p title="{{이름}}">x</p>',
        "<ac:plain-text-body><![CDATA[{{이름}}]]></ac:plain-text-body>",
        "<p><![CDATA[{{이름}}]]></p>",
        "<p><!-- {{이름}} --></p>",
        "<p><ac:placeholder>{{이름}}</ac:placeholder></p>",
        "<ac:adf-extension><p>{{이름}}</p></ac:adf-extension>",
        "<p>{이름} { {이름} } {{}} {{ }}</p>",
    ],
)
def test_what_is_no_placeholder_is_left_alone(page: str) -> None:
    assert fill(page, {"이름": "김"}, missing="keep") == page
    with pytest.raises(EditError, match=r"{{이름}} was found"):
        fill(page, {"이름": "김"})


def test_names_are_read_as_people_write_them() -> None:
    decomposed = "\u1112\u1161\u11ab"  # 한, as macOS types it
    page = f"<p>{{{{{decomposed} 주 요약}}}} {{{{R&amp;D.비용-합계}}}} {{{{売上}}}} {{{{Total}}}}</p>"
    values = {"한  주 요약": 1, "R&D.비용-합계": 2, "売上": 3, "total": 4}
    assert fill(page, values) == "<p>1 2 3 4</p>"
    with pytest.raises(EditError, match="names in values are equal"):
        fill(page, {"total": 1, "Total": 2})


def test_values_are_written_like_those_of_tables() -> None:
    page = "<p>{{a}} {{b}} {{c}} {{d}} {{e}} {{f}} {{g}}|{{h}}</p>"
    values = {
        "a": 1234,
        "b": 0.256,
        "c": dt.date(2026, 11, 19),
        "d": Link("보고", url="https://x/?a=1&b=2"),
        "e": Status("완료", "Green"),
        "f": Storage("<strong>굵게</strong>"),
        "g": None,
        "h": {"storage": "<em/>"},
    }
    assert fill(page, values, formats={"b": ".1%"}) == (
        '<p>1,234 25.6% <time datetime="2026-11-19" /> <a href="https://x/?a=1&amp;b=2">보고</a> '
        '<ac:structured-macro ac:name="status"><ac:parameter ac:name="colour">Green</ac:parameter>'
        '<ac:parameter ac:name="title">완료</ac:parameter></ac:structured-macro> <strong>굵게</strong> |<em/></p>'
    )
    with pytest.raises(EditError, match=r"{{a}}: the format '%Y' does not fit 1"):
        fill("<p>{{a}}</p>", {"a": 1}, formats={"a": "%Y"})
    with pytest.raises(EditError, match="formats contains 'z'"):
        fill("<p>{{a}}</p>", {"a": 1}, formats={"z": ".1%"})


def test_the_parameter_of_a_macro_holds_plain_text() -> None:
    page = '<ac:structured-macro ac:name="jira"><ac:parameter ac:name="jqlQuery">{}</ac:parameter></ac:structured-macro>'
    jql = "created >= {{since}} AND text ~ {{word}}"
    values = {"since": dt.date(2026, 11, 19), "word": "a\nb <"}
    assert fill(page.format(jql), values) == page.format("created >= 2026-11-19 AND text ~ a\nb &lt;")
    with pytest.raises(EditError, match="can only contain plain text"):
        fill(page.format("{{x}}"), {"x": Status("x")})


def test_a_value_is_not_filled_again() -> None:
    assert fill("<p>{{a}} {{b}}</p>", {"a": "{{b}}", "b": "{{a}}"}) == "<p>{{b}} {{a}}</p>"


def test_names_that_are_not_there_are_named_with_those_that_are() -> None:
    page = '<p>{{매출}} {{고객}} <at:var at:name="작성자" /></p>'
    with pytest.raises(EditError, match=r"{{매출액}} was found") as caught:
        fill(page, {"매출액": 1})
    assert all(name in str(caught.value) for name in ("{{매출}}", "{{고객}}", "{{작성자}}"))
    assert fill(page, {"매출액": 1, "매출": 2}, optional=["매출액"]) == page.replace("{{매출}}", "2")
    assert fill(page, {"매출액": 1, "매출": 2}, missing="keep") == page.replace("{{매출}}", "2")
    with pytest.raises(EditError, match="found 1 time, expected 2"):
        fill(page, {"매출": 2}, expect=2)
    with pytest.raises(EditError, match=r"no value for {{고객}}, {{작성자}}"):
        fill(page, {"매출": 2}, unfilled="fail")


def test_the_declaration_of_a_filled_variable_goes() -> None:
    declared = '<at:declarations><at:string at:name="a" /><at:list at:name="b"><at:option at:value="1" /></at:list>{}'
    page = declared.format("</at:declarations>") + '<p><at:var at:name="a" /><at:var at:name="b" /></p>'
    assert fill(page, {"a": 1, "b": 2}) == "<p>12</p>"
    kept = '<at:declarations><at:string at:name="a" /></at:declarations><p><at:var at:name="a" />2</p>'
    assert fill(page, {"b": 2}) == kept


def test_an_edit_that_fails_changes_nothing() -> None:
    document = PageDocument("<p>{{a}}</p>")
    with pytest.raises(EditError):
        document.apply([FillText({"a": 1}), FillText({"nope": 1})])
    assert document.storage == "<p>{{a}}</p>"


@given(
    HOSTILE, AROUND, AROUND, st.sampled_from(["{{이름}}", "{{<b>이</b>름}}", "{<i>{이름}</i>}", '<at:var at:name="이름" />'])
)
def test_hostile_text_stays_text_and_nothing_around_it_changes(value: str, before: str, after: str, slot: str) -> None:
    head, tail = f"<h1>{escaped(before)}&nbsp;</h1>\r\n<p a='1'>{escaped(before)}", f"{escaped(after)}</p><hr/>"
    page = fill(f"{head}{slot}{tail}", {"이름": value})
    assert page.startswith(head)
    assert page.endswith(tail)
    document = PageDocument(page)
    assert {str(each.tag) for each in document.select("//*")} <= {
        "page",
        "h1",
        "p",
        "b",
        "i",
        "br",
        "hr",
    }
    (paragraph,) = document.select("//p")
    for line_break in paragraph.iter("br"):
        line_break.text = "\n"
    said = "".join(paragraph.itertext())
    assert said == readable(before) + readable(value) + readable(after)


@given(
    st.lists(
        st.sampled_from(["{", "}", "{{a}}", "{{", "}}", "a", "<b>", "</b>", "&#123;", "<br/>", " ", "<p>x</p>"]), max_size=14
    )
)
def test_any_mix_of_braces_and_tags_stays_balanced(parts: list[str]) -> None:
    body, depth = "", 0
    for part in parts:
        if part == "</b>" and not depth:
            continue
        depth += {"<b>": 1, "</b>": -1}.get(part, 0)
        body += part
    body += "</b>" * depth
    result = fill(body, {"a": "V"}, missing="keep")
    markup = re.compile(r"<[^>]*>")
    assert markup.findall(result) == markup.findall(body)


@pytest.mark.large
def test_a_large_value_and_many_placeholders() -> None:
    value = "가<&" * 350_000
    page = fill("<p>{{a}}</p>" + "<p>{{b}} {{</p>" * 20_000, {"a": value, "b": 1})
    assert page.count("<p>1 {{</p>") == 20_000
    assert PageDocument(page).root[0].text == value


@pytest.mark.contract
def test_recorded_pages_keep_every_byte_around_a_placeholder(recorded_pages: list[Path]) -> None:
    for path in recorded_pages:
        body = path.read_bytes().decode()
        assert fill(body, {"없음": 1}, missing="keep") == body, path.name
        assert fill(f"{body}<p>{{{{이름}}}}</p>{body}", {"이름": "<김>"}) == f"{body}<p>&lt;김&gt;</p>{body}", path.name


@pytest.mark.parametrize("between", ["<!--x-->", "<!-- --> <!-- -->", "<b><!--x--></b>"])
def test_comments_between_words_cost_no_more_than_their_length(between: str) -> None:
    document = PageDocument(f"<p>a{between * 5000}</p><p>{{{{b}}}}</p>")
    document.apply([FillText({"b": "c"})])
    assert document.storage == f"<p>a{between * 5000}</p><p>c</p>"
