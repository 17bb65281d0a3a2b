from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.confluence.pages import IllFormedStorage, PageDocument, edits, same_content, storage_diff

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("]]>", "]]&gt;")


@st.composite
def storage(draw: st.DrawFn, depth: int = 3) -> str:
    """Storage markup with everything that serializers like to change."""
    text = draw(TEXT)
    leaf = st.sampled_from(
        [
            escaped(text),
            "&nbsp;&rarr;&#44032;",
            f"<![CDATA[{text.replace(']]>', '')} <p> &nbsp;]]>",
            "<br/>",
            "<br />",
            "<p></p>",
            "<!-- <p> & -->",
            "<?pi <p> ?>",
            "\r\n",
            "<ac:image ac:alt=\"a > b\"><ri:attachment ri:filename='주간.png' /></ac:image>",
            '<ac:inline-comment-marker ac:ref="1">가</ac:inline-comment-marker>',
        ]
    )
    if depth == 0:
        return draw(leaf)
    parts = draw(st.lists(st.one_of(leaf, storage(depth=depth - 1)), max_size=3))
    tag = draw(st.sampled_from(["p", "ac:layout", "td", "x:unknown"]))
    attribute = draw(st.sampled_from(["", " a=\"1\"  b='2'", ' ac:x="&quot;&gt;"', "\n"]))
    return f"<{tag}{attribute}>{''.join(parts)}</{tag}>"


@given(storage())
def test_an_untouched_document_is_its_source(body: str) -> None:
    assert PageDocument(body).storage == body


@given(storage())
def test_stripping_markers_takes_the_markers_and_nothing_else(body: str) -> None:
    document = PageDocument(body).apply([edits.StripCommentMarkers()])
    opening, closing = '<ac:inline-comment-marker ac:ref="1">', "</ac:inline-comment-marker>"
    assert document.storage == body.replace(opening, "").replace(closing, "")


def test_markers_may_be_nested_and_span_elements() -> None:
    inner = '<b>둘<ac:inline-comment-marker ac:ref="b"/></b>'
    body = f'<p><ac:inline-comment-marker ac:ref="a">한 {inner}</ac:inline-comment-marker></p>'
    assert PageDocument(body).apply([edits.StripCommentMarkers()]).storage == "<p>한 <b>둘</b></p>"


def test_attachments_are_referred_to_the_page_that_has_them() -> None:
    body = (
        '<ac:image><ri:attachment ri:filename="가.png" /></ac:image>'
        '<ac:image><ri:attachment ri:filename="b.png"></ri:attachment></ac:image>'
        '<ac:image><ri:attachment ri:filename="c.png"><ri:page ri:content-title="x" /></ri:attachment></ac:image>'
    )
    page = '<ri:page ri:content-title="A &amp; &quot;B&quot;" ri:space-key="K" />'
    changed = PageDocument(body).apply([edits.ReferenceAttachments('A & "B"', "K")]).storage
    assert changed == (
        f'<ac:image><ri:attachment ri:filename="가.png">{page}</ri:attachment></ac:image>'
        f'<ac:image><ri:attachment ri:filename="b.png">{page}</ri:attachment></ac:image>'
        '<ac:image><ri:attachment ri:filename="c.png"><ri:page ri:content-title="x" /></ri:attachment></ac:image>'
    )


@pytest.mark.parametrize(
    ("body", "line", "column", "problem"),
    [
        ("<p>가</b>", 1, 5, "</b> does not match <p>"),
        ("<p>\n<b>", 2, 1, "<b> is never closed"),
        ("<p></p></td>", 1, 8, "has no opening tag"),
        ("<p>&bogus;</p>", 1, 4, "unknown entity &bogus;"),
        ('<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><p>&x;</p>', 1, 1, "DOCTYPE"),
        ("<p>한 \ud800</p>", 1, 6, "surrogate"),
        ("<p>a & b</p>", 1, 7, "EntityRef"),
    ],
)
def test_ill_formed_storage_is_refused_with_the_place(body: str, line: int, column: int, problem: str) -> None:
    with pytest.raises(IllFormedStorage, match=problem) as caught:
        PageDocument(body)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_an_entity_inside_cdata_is_text() -> None:
    (code,) = PageDocument("<code><![CDATA[a&nbsp;b]]></code>").select("//code")
    assert code.text == "a&nbsp;b"


def test_unknown_prefixes_are_kept_and_words_with_a_colon_are_words() -> None:
    body = '<p>Q3목표:달성 a:b</p><x:y z:w="q:r" /><가:나/>'
    document = PageDocument(body)
    assert document.storage == body
    assert len(document.select("//*[local-name()='나']")) == 1


def test_overlapping_replacements_are_a_mistake_and_change_nothing() -> None:
    document = PageDocument("<p>abc</p>")
    with pytest.raises(ValueError, match="overlap"):
        document.replace([(3, 5, "x"), (4, 6, "y")])
    with pytest.raises(IllFormedStorage):
        document.replace([(3, 4, "<b>")])
    assert document.storage == "<p>abc</p>"


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("<p a='1' b='2'/>", '<p b="2" a="1"></p>', True),
        ("<p>a&nbsp;b</p>", "<p>a\u00a0b</p>", True),
        ("<ac:link ac:macro-id='1'/>", "<ac:link ac:macro-id='2'/>", True),
        ("<x><![CDATA[a<b]]></x>", "<x>a&lt;b</x>", True),
        ("<a>x<ac:task-uuid>1</ac:task-uuid>y</a>", "<a>xy</a>", True),
        ("<p>ok</p>", "<p>OK</p>", False),
        ("<p>a<b/>c</p>", "<p>ac<b/></p>", False),
        ("<p>a<!-- x -->b</p>", "<p>ab</p>", True),
    ],
)
def test_what_counts_as_a_change(left: str, right: str, same: bool) -> None:
    assert same_content(left, right) is same


def test_the_diff_shows_the_paragraph_that_changed() -> None:
    diff = storage_diff("<p>하나</p><p>둘</p><p>셋</p>", "<p>하나</p><p>둘둘</p><p>셋</p>")
    assert "-<p>둘</p>" in diff
    assert "+<p>둘둘</p>" in diff
    assert storage_diff("<p>a</p>", "<p>a</p>") == ""


@pytest.mark.contract
def test_every_recorded_page_is_kept_to_the_byte(recorded_pages: list[Path]) -> None:
    for path in recorded_pages:
        body = path.read_bytes().decode()
        assert PageDocument(body).storage == body, path.name
        stripped = PageDocument(body).apply([edits.StripCommentMarkers()])
        assert not stripped.select("//ac:inline-comment-marker"), path.name


@pytest.mark.parametrize("piece", ["<!--", "<![CDATA[", "<?x ", "<a b='", '<a b="', "<a ", "&nbsp;<!--", "<p a='1' b="])
def test_an_ill_formed_body_takes_no_longer_than_its_length(piece: str) -> None:
    with pytest.raises(IllFormedStorage):
        _ = PageDocument(f"<p>x</p>{piece * 100_000}").root


def test_a_less_than_sign_in_an_attribute_is_named() -> None:
    with pytest.raises(IllFormedStorage, match="Unescaped '<'"):
        _ = PageDocument('<p><a href="a<b">x</a></p>').root
