"""Documents of Jira Cloud as plain text and as Confluence's storage format, and documents that were made to do harm."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.examples import examples
from workplace_provider.confluence.pages.document import PageDocument
from workplace_provider.jira.client.adf import MAX_DEPTH, MAX_NODES, is_document, plain_text, storage_format


def document(*content: Any) -> dict[str, Any]:
    return {"type": "doc", "version": 1, "content": list(content)}


def node(kind: str, *content: Any, **attributes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"type": kind}
    if content:
        made["content"] = list(content)
    if attributes:
        made["attrs"] = attributes
    return made


def text(value: str, *marks: Any) -> dict[str, Any]:
    return {"type": "text", "text": value} | ({"marks": list(marks)} if marks else {})


def paragraph(*content: Any) -> dict[str, Any]:
    return node("paragraph", *(text(each) if isinstance(each, str) else each for each in content))


LINK = {"type": "link", "attrs": {"href": "https://example.com/?a=1&b=2"}}


@pytest.mark.parametrize(
    ("content", "plain", "storage"),
    [
        (paragraph("가 <b> & 나"), "가 <b> & 나", "<p>가 &lt;b&gt; &amp; 나</p>"),
        (paragraph("첫", node("hardBreak"), "둘"), "첫\n둘", "<p>첫<br />둘</p>"),
        (node("heading", text("제목"), level=2), "제목", "<h2>제목</h2>"),
        (node("heading", text("x"), level="1 onclick"), "x", "<h3>x</h3>"),
        (
            paragraph(text("굵게", {"type": "strong"}, {"type": "em"})),
            "굵게",
            "<p><em><strong>굵게</strong></em></p>",
        ),
        (paragraph(text("2", {"type": "subsup", "attrs": {"type": "sub"}})), "2", "<p><sub>2</sub></p>"),
        (
            paragraph(text("문서", LINK)),
            "문서 (https://example.com/?a=1&b=2)",
            '<p><a href="https://example.com/?a=1&amp;b=2">문서</a></p>',
        ),
        (
            node("bulletList", node("listItem", paragraph("a"), node("bulletList", node("listItem", paragraph("b"))))),
            "- a\n  - b",
            "<ul><li><p>a</p><ul><li><p>b</p></li></ul></li></ul>",
        ),
        (
            node("orderedList", node("listItem", paragraph("a")), node("listItem", paragraph("b")), order=9),
            "9. a\n10. b",
            "<ol><li><p>a</p></li><li><p>b</p></li></ol>",
        ),
        (
            node("taskList", node("taskItem", text("끝"), state="DONE"), node("taskItem", text("할 일"), state="TODO")),
            "[x] 끝\n[ ] 할 일",
            (
                "<ac:task-list><ac:task><ac:task-status>complete</ac:task-status><ac:task-body>끝</ac:task-body></ac:task>"
                "<ac:task><ac:task-status>incomplete</ac:task-status><ac:task-body>할 일</ac:task-body></ac:task>"
                "</ac:task-list>"
            ),
        ),
        (
            node("codeBlock", text("a ]]> b\nc"), language="sql"),
            "a ]]> b\nc",
            (
                '<ac:structured-macro ac:name="code"><ac:parameter ac:name="language">sql</ac:parameter><ac:plain-text-body>'
                "<![CDATA[a ]]]]><![CDATA[> b\nc]]></ac:plain-text-body></ac:structured-macro>"
            ),
        ),
        (
            node("panel", paragraph("주의"), panelType="error"),
            "주의",
            (
                '<ac:structured-macro ac:name="warning"><ac:rich-text-body><p>주의</p></ac:rich-text-body>'
                "</ac:structured-macro>"
            ),
        ),
        (
            node("expand", paragraph("속"), title="겉"),
            "겉\n속",
            (
                '<ac:structured-macro ac:name="expand"><ac:parameter ac:name="title">겉</ac:parameter>'
                "<ac:rich-text-body><p>속</p></ac:rich-text-body></ac:structured-macro>"
            ),
        ),
        (
            node(
                "table",
                node("tableRow", node("tableHeader", paragraph("A"), colspan=2)),
                node("tableRow", node("tableCell", paragraph("1"), paragraph("2")), node("tableCell", paragraph("3"))),
            ),
            "A\n1 2\t3",
            (
                '<table><tbody><tr><th colspan="2"><p>A</p></th></tr>'
                "<tr><td><p>1</p><p>2</p></td><td><p>3</p></td></tr></tbody></table>"
            ),
        ),
        (
            paragraph(node("mention", id="712020:a", text="@김지민"), " ", node("emoji", shortName=":smile:", text="😄")),
            "@김지민 😄",
            '<p><ac:link><ri:user ri:account-id="712020:a" /></ac:link> 😄</p>',
        ),
        (
            paragraph(node("status", text="완료", color="green"), node("date", timestamp="1763510400000")),
            "완료2025-11-19",
            (
                '<p><ac:structured-macro ac:name="status"><ac:parameter ac:name="title">완료</ac:parameter>'
                '<ac:parameter ac:name="colour">Green</ac:parameter></ac:structured-macro><time datetime="2025-11-19" /></p>'
            ),
        ),
        (
            node("blockCard", url="https://example.com/x"),
            "https://example.com/x",
            '<p><a href="https://example.com/x">https://example.com/x</a></p>',
        ),
        (node("mediaSingle", node("media", id="u", alt="그림.png")), "[그림.png]", "<p>[그림.png]</p>"),
        (node("rule"), "---", "<hr />"),
    ],
)
def test_nodes(content: Any, plain: str, storage: str) -> None:
    assert plain_text(document(content)) == plain
    assert storage_format(document(content)) == (storage, [])
    PageDocument(storage)


def test_blocks_are_lines() -> None:
    assert plain_text(document(paragraph("a"), paragraph(), paragraph("b"))) == "a\n\nb"


def test_unknown_nodes_give_their_content_and_are_reported() -> None:
    odd = document(node("layoutFuture", paragraph("안"), paragraph("밖")), node("extension", text("숨은")), node("x" * 99))
    assert plain_text(odd) == "안\n밖"
    assert storage_format(odd) == ("<p>안</p><p>밖</p>", ["extension", "layoutFuture", "x" * 40])


@pytest.mark.parametrize("href", ["javascript:alert(1)", "JaVaScRiPt:x", "data:text/html,x", "//evil", "http://[", 7, None])
def test_links_that_browsers_could_run_are_text(href: Any) -> None:
    harmful = document(paragraph(text("누르세요", {"type": "link", "attrs": {"href": href}})), node("blockCard", url=href))
    assert plain_text(harmful) == "누르세요"
    assert storage_format(harmful)[0] == "<p>누르세요</p>"


def test_attributes_cannot_leave_their_quotes() -> None:
    harmful = document(
        paragraph(
            node("mention", id='a" /><script>x</script>'),
            node("status", text="<script>", color='x"><script>'),
            text("\x00\ufffe\ud800"),
        ),
        node("codeBlock", text("x"), language='"><script>'),
        node("table", node("tableRow", node("tableCell", paragraph("x"), colspan='2" onclick="x'))),
    )
    markup, _ = storage_format(harmful)
    assert "<script>" not in markup
    assert "onclick" not in markup
    PageDocument(markup)


def test_a_document_that_is_too_deep_or_too_long_is_refused() -> None:
    deep: Any = paragraph("x")
    for _ in range(100_000):
        deep = {"type": "blockquote", "content": [deep]}
    wide = document(*[{"type": "rule"}] * (MAX_NODES + 1))
    for harmful in (document(deep), wide):
        for convert in (plain_text, storage_format):
            with pytest.raises(ValueError, match=f"more than {MAX_DEPTH} levels or 50,000 nodes"):
                convert(harmful)
    while deep.get("content"):  # freed level by level
        deep = deep["content"].pop()


@pytest.mark.parametrize(
    "value", [None, 7, [], {}, {"type": "doc"}, {"type": "doc", "content": {}}, {"type": "x", "content": []}]
)
def test_other_values_are_no_documents(value: Any) -> None:
    assert not is_document(value)
    with pytest.raises(ValueError, match="not in the Atlassian Document Format"):
        plain_text(value)


def test_text_of_version_2_stays() -> None:
    assert plain_text("*굵게*") == "*굵게*"
    assert storage_format("a < b\nc") == ("<p>a &lt; b</p><p>c</p>", [])


KINDS = "paragraph text table tableRow tableCell taskList orderedList mention date status x"
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.fixed_dictionaries(
            {
                "type": st.sampled_from(
                    [
                        "paragraph",
                        "text",
                        "table",
                        "tableRow",
                        "tableCell",
                        "taskList",
                        "orderedList",
                        "mention",
                        "date",
                        "status",
                        "x",
                    ]
                )
            },
            optional={
                "content": inner,
                "text": inner,
                "marks": inner,
                "attrs": st.dictionaries(
                    st.sampled_from(["order", "level", "url", "href", "timestamp", "id", "colspan"]), inner, max_size=3
                ),
            },
        )
    ),
    max_leaves=20,
)


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(JUNK, max_size=4))
def test_any_content_gives_text_and_well_formed_markup(content: list[Any]) -> None:
    assert isinstance(plain_text(document(*content)), str)
    PageDocument(storage_format(document(*content))[0])
