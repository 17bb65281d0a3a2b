from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.confluence.pages import Image, PageDocument, Status, Storage
from workplace_provider.confluence.pages.edits.base import Edit, EditError
from workplace_provider.confluence.pages.edits.sections import KEEP, ClearSection, ReplaceSection
from workplace_provider.confluence.pages.selectors import Section, headings, section

HOSTILE = st.one_of(
    st.sampled_from(
        ["]]>", "</p><h1>x", "a&b;\n\n<br/>", "\x00\x1f\r\n", "\u202eabc\u202c", "👩‍👩‍👧가\u0301", "x" * 1_000_000]
    ),
    st.text(max_size=40),
)
PAGE = (
    '<ac:layout><ac:layout-section ac:type="two_equal"><ac:layout-cell>\n<h2>1. 요약</h2>\n<p>지난&nbsp;주</p>\n'
    "<h3>세부</h3><p>더</p>\n<h2>2. 인사이트</h2><p>끝<br/></p></ac:layout-cell>"
    "<ac:layout-cell><p>右</p></ac:layout-cell></ac:layout-section></ac:layout>"
)
IMAGE = '<ac:image ac:width="1"><ri:attachment ri:filename="a.png" /></ac:image>'
EXPAND = (
    '<ac:structured-macro ac:name="expand"><ac:parameter ac:name="title">자세히</ac:parameter>'
    "<ac:rich-text-body>{}</ac:rich-text-body></ac:structured-macro>"
)
LAYOUT = "<ac:layout><ac:layout-section ac:type='single'><ac:layout-cell>{}</ac:layout-cell></ac:layout-section></ac:layout>"
HEADED = "<table data-layout='wide'><colgroup><col /></colgroup><thead><tr><th>열</th></tr></thead><tbody>{}</tbody></table>"


def applied(page: str, *wanted: Edit) -> str:
    return PageDocument(page).apply(wanted).storage


def cleared(content: str, *keep: str) -> str:
    """What is left of a section."""
    before, after = "<p>앞&nbsp;</p><h2>현황</h2>", "<h2>다음</h2><p>뒤<br/></p>"
    edit = ClearSection("현황", keep) if keep else ClearSection("현황")
    page = applied(before + content + after, edit)
    assert page.startswith(before)
    assert page.endswith(after)
    assert applied(page, edit) == page
    return page[len(before) : -len(after)]


def test_a_section_is_replaced_and_its_heading_stays() -> None:
    page = applied(PAGE, ReplaceSection("1. 요약", "이번 주 <좋음>\n\n둘째 문단\n둘째 줄"))
    old = "\n<p>지난&nbsp;주</p>\n<h3>세부</h3><p>더</p>\n"
    assert page == PAGE.replace(old, "\n<p>이번 주 &lt;좋음&gt;</p><p>둘째 문단<br />둘째 줄</p>\n")


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ("", ""),
        ("  \n\n ", ""),
        ([], ""),
        ("가\r\n\r\n\r\n나", "<p>가</p><p>나</p>"),
        ({"storage": "\n<ul><li>x</li></ul>\n"}, "<ul><li>x</li></ul>"),
        (Storage("<p>&rarr;</p>"), "<p>&rarr;</p>"),
        (1234, "<p>1,234</p>"),
        (
            ["A & B", dt.date(2026, 11, 19), Storage("<hr/>"), Storage("<em>x</em>"), {"status": {"title": "주의"}}],
            (
                '<p>A &amp; B</p><p><time datetime="2026-11-19" /></p><hr/><p><em>x</em></p><p><ac:structured-macro '
                'ac:name="status"><ac:parameter ac:name="colour">Grey</ac:parameter><ac:parameter ac:name="title">주의'
                "</ac:parameter></ac:structured-macro></p>"
            ),
        ),
        ([Image("a.png")], '<p><ac:image><ri:attachment ri:filename="a.png" /></ac:image></p>'),
    ],
)
def test_bodies(body: Any, written: str) -> None:
    edit = ReplaceSection("2. 인사이트", body)
    page = applied(PAGE, edit)
    assert page == PAGE.replace("<p>끝<br/></p>", written)
    assert applied(page, edit) == page


def test_a_body_that_would_end_its_own_section_is_refused() -> None:
    with pytest.raises(EditError, match="body contains a heading h2, which would end the section under the h2"):
        applied(PAGE, ReplaceSection("1. 요약", Storage("<p>1</p><h2>새 제목</h2>")))
    assert "<h3>새</h3>" in applied(PAGE, ReplaceSection("1. 요약", Storage("<h3>새</h3>")))


def test_a_missing_output_does_not_empty_a_section() -> None:
    with pytest.raises(EditError, match="body is None"):
        applied(PAGE, ReplaceSection("1. 요약", None))
    with pytest.raises(EditError, match="is not a value for a page"):
        applied(PAGE, ReplaceSection("1. 요약", {"text": "x"}))


def test_one_of_several_headings() -> None:
    page = "<h2>가</h2><p>1</p><h2>가</h2><p>2</p>"
    assert applied(page, ReplaceSection("가", "x", index=1)) == page.replace("2</p>", "x</p>")
    assert applied(page, ReplaceSection("가", "x", expect=2)) == page.replace("1</p>", "x</p>").replace("2</p>", "x</p>")
    with pytest.raises(EditError, match="the heading '가' was found 2 times, expected 1"):
        applied(page, ReplaceSection("가", "x"))
    with pytest.raises(EditError, match="the heading '요약' was found 0 times, expected 1; the page has: '가'"):
        applied(page, ReplaceSection("요약", "x"))
    nested = "<h2>가</h2><h3>가</h3><p>1</p>"
    with pytest.raises(EditError, match="inside another one"):
        applied(nested, ReplaceSection("가", "x", expect=None))


@pytest.mark.parametrize(
    ("content", "left"),
    [
        ("\n<p>글</p>\n<ul><li>x</li></ul> 맨 글\n", "\n\n"),
        ("", ""),
        (f"<p>글 {IMAGE} 뒤</p><p>글</p>", f"<p>{IMAGE}</p>"),
        (HEADED.format("<tr><td>1</td></tr>\n<tr><td>2</td></tr>"), HEADED.format("\n")),
        # An image in a row is kept, and so is its place.
        (HEADED.format(f"<tr><td>1</td></tr><tr><td>글 {IMAGE}</td></tr>"), HEADED.format(f"<tr><td>{IMAGE}</td></tr>")),
        ("<table><tbody><tr><td>머리글 없음</td></tr></tbody></table>", ""),
        (
            '<table><tbody><tr><th>담당</th><td><p style="text-align: right;">지민</p></td></tr></tbody></table>',
            '<table><tbody><tr><th>담당</th><td><p style="text-align: right;"></p></td></tr></tbody></table>',
        ),
        (
            EXPAND.format(f"<p>글</p>{HEADED.format('<tr><td>1</td></tr>')}") + "<p>글</p>",
            EXPAND.format(HEADED.format("")),
        ),
        (
            LAYOUT.format("<p>1</p>"),
            LAYOUT.format(""),
        ),
        # A link without its target would be no link.
        (
            f'<p>글 <ac:link><ri:page ri:content-title="x" /><ac:link-body>글 {IMAGE}</ac:link-body></ac:link></p>',
            f'<p><ac:link><ri:page ri:content-title="x" /><ac:link-body>글 {IMAGE}</ac:link-body></ac:link></p>',
        ),
        ("<h3>아래</h3><p>글</p><!-- 주석 --><ac:structured-macro ac:name='toc' />", ""),
    ],
)
def test_a_section_is_emptied_and_its_structure_stays(content: str, left: str) -> None:
    assert cleared(content) == left


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        (["headings"], "<h3>아래 <em>1</em></h3>"),
        (["macro"], "<ac:structured-macro ac:name='toc' /><p><ac:structured-macro ac:name='x' /></p>"),
        (["image"], f"<table><tbody><tr><td>{IMAGE}</td></tr></tbody></table>"),
        (["table header"], "<table><tbody><tr><th>열</th></tr></tbody></table>"),
    ],
)
def test_what_is_kept_is_said_in_words(keep: list[str], left: str) -> None:
    content = (
        "<h3>아래 <em>1</em></h3><p>글</p><ac:structured-macro ac:name='toc' /><p><ac:structured-macro ac:name='x' />글</p>"
        f"<table><tbody><tr><th>열</th></tr><tr><td>{IMAGE}</td></tr></tbody></table>"
    )
    assert cleared(content, *keep) == left


def test_other_words_are_refused() -> None:
    with pytest.raises(EditError, match="keep contains 'tabel'; use table header, image, headings, macro"):
        ClearSection("가", ("tabel",))
    with pytest.raises(EditError, match="must be a list of words"):
        ClearSection("가", "image")  # type: ignore[arg-type]
    assert ClearSection("가", ["image"]) == ClearSection("가", ("image",))  # type: ignore[arg-type]


def test_an_adf_extension_goes_or_stays_as_a_whole() -> None:
    node = "<ac:adf-extension><ac:adf-node><ac:adf-content>{}</ac:adf-content></ac:adf-node></ac:adf-extension>"
    assert cleared(node.format("<p>글</p>")) == ""
    assert cleared(node.format(f"<p>글 {IMAGE}</p>")) == node.format(f"<p>글 {IMAGE}</p>")


@given(HOSTILE, st.lists(HOSTILE, max_size=3))
def test_no_text_becomes_markup(text: str, values: list[str]) -> None:
    start, end = PAGE.index("<p>끝"), PAGE.index("</ac:layout-cell>")
    for body in (text, values, [Status(text)]):
        page = applied(PAGE, ReplaceSection("2. 인사이트", body))
        assert page.startswith(PAGE[:start])
        assert page.endswith(PAGE[end:])
        document = PageDocument(page)
        assert [heading.text for heading in headings(document)] == ["1. 요약", "세부", "2. 인사이트"]
        assert not document.select("//script | //p/p")
        assert applied(page, ReplaceSection("2. 인사이트", body)) == page


@st.composite
def contents(draw: st.DrawFn, depth: int = 3) -> str:
    """What may stand in a section."""
    leaves = [
        "글&nbsp;",
        "\n",
        "<!-- <h1> -->",
        "<![CDATA[<p>]]>",
        IMAGE,
        "<br/>",
        "<h3>아래</h3>",
        "<ac:structured-macro ac:name='toc'/>",
    ]
    if depth == 0:
        return draw(st.sampled_from(leaves))
    parts = "".join(draw(st.lists(st.one_of(st.sampled_from(leaves), contents(depth=depth - 1)), max_size=3)))
    shape = draw(
        st.sampled_from(
            [
                "<p>{}</p>",
                "<ul><li>{}</li></ul>",
                HEADED.format("<tr><td>{}</td></tr>"),
                "<table><tbody><tr><th>{}</th><td>{}</td></tr><tr><td>{}</td></tr></tbody></table>",
                EXPAND,
                LAYOUT,
                "<ac:link><ri:page ri:content-title='x' /><ac:link-body>{}</ac:link-body></ac:link>",
            ]
        )
    )
    return shape.replace("{}", parts)


@given(st.lists(contents(), max_size=3), st.sets(st.sampled_from(list(KEEP))))
def test_clearing_keeps_all_of_what_it_is_told_to_keep(parts: list[str], keep: set[str]) -> None:
    content = "".join(parts)
    left = cleared(content, *sorted(keep)) if keep else cleared(content, "headings")
    document, before = PageDocument(left), PageDocument(content)
    # What is kept whole may hold other things, so there are never fewer.
    if "image" in keep:
        assert len(document.select("//ac:image")) == len(before.select("//ac:image"))
    if "macro" in keep:
        assert len(document.select("//ac:structured-macro")) == len(before.select("//ac:structured-macro"))
    if "headings" in keep:
        assert len(document.select("//h3")) == len(before.select("//h3"))
    if "table header" in keep:
        xpath = "//table[not(ancestor::table) and not(ancestor::ac:link)]/thead"
        assert len(document.select(xpath)) == len(before.select(xpath))


def test_clearing_takes_time_in_proportion_to_the_section() -> None:
    content = f"<p>글 {IMAGE}</p>" * 5_000
    assert cleared(content) == f"<p>{IMAGE}</p>" * 5_000


@pytest.mark.contract
def test_outside_of_a_section_recorded_pages_stay(recorded_pages: list[Path]) -> None:
    count = 0
    for path in recorded_pages:
        body = path.read_bytes().decode()
        document = PageDocument(body)
        seen: dict[str, int] = {}
        for heading in headings(document):
            index = seen[heading.text] = seen.get(heading.text, -1) + 1
            found: Section = section(document, heading)
            for edit in (
                ReplaceSection(heading.text, "이번 주\n\n<새> 글", index=index),
                ClearSection(heading.text, index=index),
                ClearSection(heading.text, tuple(KEEP), index=index),
            ):
                changed = applied(body, edit)
                assert changed.startswith(body[: found.start])
                assert changed.endswith(body[found.end :])
                assert applied(changed, edit) == changed
                count += 1
    assert count >= 200
