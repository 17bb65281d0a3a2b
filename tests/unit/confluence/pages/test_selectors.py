from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from workplace_provider.confluence.pages import PageDocument
from workplace_provider.confluence.pages.selectors import (
    change_attributes,
    headings,
    headings_named,
    images,
    macros,
    pick,
    section,
    sections,
)

ADF = (
    "<ac:adf-extension><ac:adf-node><ac:adf-content><h2>숨은</h2><ac:image /></ac:adf-content></ac:adf-node>"
    '<ac:adf-fallback><ac:structured-macro ac:name="status" /></ac:adf-fallback></ac:adf-extension>'
)
LAYOUT = (
    '<ac:layout><ac:layout-section ac:type="two_equal"><ac:layout-cell><h2>1. 요약</h2><p>왼쪽</p><h3>세부</h3><p>더</p>'
    "</ac:layout-cell><ac:layout-cell><p>앞</p><h2>2. 지표</h2><p>오른쪽</p></ac:layout-cell></ac:layout-section>"
    "</ac:layout>"
)


def content(page: str, heading: str) -> str:
    document = PageDocument(page)
    found = section(document, heading)
    return page[found.start : found.end]


@pytest.mark.parametrize(
    ("page", "heading", "expected"),
    [
        ("<h2>가</h2><p>1</p><h2>나</h2><p>2</p>", "가", "<p>1</p>"),
        ("<h2>가</h2><p>1</p><h3>나</h3><p>2</p><h1>다</h1>", "가", "<p>1</p><h3>나</h3><p>2</p>"),
        ("<h2>가</h2><p>1</p><h3>나</h3><p>2</p><h2>다</h2>", "나", "<p>2</p>"),
        ("<h2>가</h2> 글 <!-- 주석 --><p>1</p>\r\n", "가", " 글 <!-- 주석 --><p>1</p>\r\n"),
        ("<h2>가</h2>", "가", ""),
        (LAYOUT, "1. 요약", "<p>왼쪽</p><h3>세부</h3><p>더</p>"),
        (LAYOUT, "세부", "<p>더</p>"),
        (LAYOUT, "2. 지표", "<p>오른쪽</p>"),
        # A heading in something that stands in the section does not end it.
        ("<h2>가</h2><blockquote><h1>x</h1></blockquote><p>1</p>", "가", "<blockquote><h1>x</h1></blockquote><p>1</p>"),
        (
            (
                '<ac:structured-macro ac:name="expand"><ac:rich-text-body><h4>まとめ</h4><p>中</p></ac:rich-text-body>'
                "</ac:structured-macro><p>外</p>"
            ),
            "まとめ",
            "<p>中</p>",
        ),
    ],
)
def test_a_section_runs_to_the_next_heading_of_its_level(page: str, heading: str, expected: str) -> None:
    assert content(page, heading) == expected


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("핵심&nbsp;지표", "핵심 지표"),
        ("  핵심\r\n <strong>지표</strong> ", "핵심 지표"),
        ("Q&amp;A &rarr; 답", "Q&A → 답"),
        (unicodedata.normalize("NFD", "인사이트"), "인사이트"),
        ("Weekly Report", "weekly report"),
        (
            (
                '일정 <ac:structured-macro ac:name="status"><ac:parameter ac:name="title">초안</ac:parameter>'
                "</ac:structured-macro>"
            ),
            "일정",
        ),
        (
            '<ac:structured-macro ac:name="anchor"><ac:parameter ac:name="">top</ac:parameter></ac:structured-macro>목차',
            "목차",
        ),
    ],
)
def test_a_heading_is_known_by_its_words(source: str, text: str) -> None:
    assert len(headings_named(PageDocument(f"<h2>{source}</h2><h2>{source} 아님</h2>"), text)) == 1


def test_exact_words_come_before_similar_ones() -> None:
    document = PageDocument("<h2>SUMMARY</h2><h2>Summary</h2>")
    assert [heading.text for heading in headings_named(document, "Summary")] == ["Summary"]
    assert len(headings_named(document, "summary")) == 2
    with pytest.raises(LookupError, match="2 headings have the text 'summary'"):
        section(document, "summary")


def test_the_inside_of_an_adf_extension_is_never_found() -> None:
    document = PageDocument(f"<h2>보임</h2>{ADF}<ac:image />")
    assert [heading.text for heading in headings(document)] == ["보임"]
    assert len(images(document)) == 1
    assert macros(document, "status") == []


def test_code_is_no_heading() -> None:
    body = "<ac:plain-text-body><![CDATA[<h2>가</h2>]]></ac:plain-text-body>"
    assert headings(PageDocument(f'<ac:structured-macro ac:name="code">{body}</ac:structured-macro>')) == []


@pytest.mark.parametrize(
    ("index", "found"), [(None, [1, 2, 3]), (0, [1]), (2, [3]), (3, []), (-1, [3]), (-3, [1]), (-4, [])]
)
def test_a_place_is_picked_by_its_number(index: int | None, found: list[int]) -> None:
    assert pick([1, 2, 3], index) == found


@pytest.mark.parametrize(
    ("tag", "changes", "expected"),
    [
        ("<x b='1'  a=\"&gt;\"\n/>", {"b": "2"}, '<x b="2"  a="&gt;"\n/>'),
        ("<x b='1'  a=\"&gt;\"\n/>", {"b": "1"}, "<x b='1'  a=\"&gt;\"\n/>"),
        ("<x b='1'  a=\"&gt;\"\n/>", {"b": None}, '<x  a="&gt;"\n/>'),
        ("<x b='1'/>", {"c": "3", "d": "4"}, '<x b=\'1\' c="3" d="4"/>'),
        ("<x b='1'/>", {"b": None, "c": "3"}, '<x c="3"/>'),
        ("<x/>", {"ac:width": "1"}, '<x ac:width="1"/>'),
        (
            '<ac:image ac:alt="ac:width=&quot;1&quot;" />',
            {"ac:width": "2"},
            '<ac:image ac:alt="ac:width=&quot;1&quot;" ac:width="2" />',
        ),
        ("<x a='b=\"1\"' b = '1' />", {"b": "2"}, '<x a=\'b="1"\' b = "2" />'),
        ("<x y:z='1'/>", {"y:z": "1"}, "<x y:z='1'/>"),
        ("<x/>", {"none": None}, "<x/>"),
    ],
)
def test_an_attribute_changes_and_the_others_stay_as_they_are_written(
    tag: str, changes: dict[str, str | None], expected: str
) -> None:
    document = PageDocument(f"<p>{tag}</p>")
    document.replace(change_attributes(document, document.root[0][0], changes))
    assert document.storage == f"<p>{expected}</p>"


@pytest.mark.contract
def test_every_heading_of_the_recorded_pages_has_its_section(recorded_pages: list[Path]) -> None:
    for path in recorded_pages:
        document = PageDocument(path.read_bytes().decode())
        there = headings(document)
        assert len(there) == len(
            document.select("//*[self::h1 or self::h2 or self::h3 or self::h4 or self::h5 or self::h6]")
        )
        for heading in there:
            found = next(each for each in sections(document, heading.text) if each.heading.element is heading.element)
            source = document.storage[found.start : found.end]
            assert len(PageDocument(source).root) == len([each for each in found.elements if isinstance(each.tag, str)])
