from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html as lxml_html

from support.examples import examples
from workplace_provider.confluence.pages import PageDocument
from workplace_provider.confluence.pages.html import page_html
from workplace_provider.confluence.pages.values import escape_text

PIXEL = "data:image/png;base64,AAAA"


@pytest.mark.parametrize(
    ("storage", "html"),
    [
        ("<h2>지표</h2><p>WAU &amp; &lt;b&gt;</p>", "<h2>지표</h2><p>WAU &amp; &lt;b&gt;</p>"),
        ("<p>한 줄<br />두 줄</p><hr />", "<p>한 줄<br>두 줄</p><hr>"),
        ('<table><tr><td colspan="2" onclick="x()">1</td></tr></table>', '<table><tr><td colspan="2">1</td></tr></table>'),
        ('<p><time datetime="2026-11-19" /></p>', "<p><time>2026-11-19</time></p>"),
        (
            '<p><a href="https://wiki.example/x?a=1&amp;b=2">글</a></p>',
            '<p><a href="https://wiki.example/x?a=1&amp;b=2" rel="noopener noreferrer">글</a></p>',
        ),
        ('<p><a href="javascript:alert(1)">x</a></p>', '<p><a rel="noopener noreferrer">x</a></p>'),
        (
            (
                '<ac:image ac:width="300" ac:alt="추이"><ri:attachment ri:filename="추이.png" />'
                "<ac:caption><p>설명</p></ac:caption></ac:image>"
            ),
            f'<figure><img src="{PIXEL}" width="300" alt="추이"><figcaption><p>설명</p></figcaption></figure>',
        ),
        (
            '<ac:image><ri:url ri:value="https://tracker.example/x.png" /></ac:image>',
            '<span class="missing">image</span>',
        ),
        (
            (
                '<ac:structured-macro ac:name="status"><ac:parameter ac:name="title">발행 &lt;1&gt;</ac:parameter>'
                '<ac:parameter ac:name="colour">Green</ac:parameter></ac:structured-macro>'
            ),
            '<span class="status green">발행 &lt;1&gt;</span>',
        ),
        (
            (
                '<ac:structured-macro ac:name="status"><ac:parameter ac:name="colour">" onload="x</ac:parameter>'
                "</ac:structured-macro>"
            ),
            '<span class="status grey"></span>',
        ),
        (
            (
                '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[a < b]]></ac:plain-text-body>'
                "</ac:structured-macro>"
            ),
            "<pre>a &lt; b</pre>",
        ),
        (
            (
                '<ac:structured-macro ac:name="info"><ac:parameter ac:name="title">기간</ac:parameter>'
                "<ac:rich-text-body><p>목–수</p></ac:rich-text-body></ac:structured-macro>"
            ),
            '<div class="panel info"><strong>기간</strong><p>목–수</p></div>',
        ),
        (
            '<ac:structured-macro ac:name="toc" /><ac:structured-macro ac:name="anchor" />',
            '<span class="missing">toc</span>',
        ),
        (
            (
                "<ac:task-list><ac:task><ac:task-status>complete</ac:task-status><ac:task-body>끝</ac:task-body></ac:task>"
                "<ac:task><ac:task-status>incomplete</ac:task-status><ac:task-body>남음</ac:task-body></ac:task></ac:task-list>"
            ),
            '<ul class="tasks"><li>☑ 끝</li><li>☐ 남음</li></ul>',
        ),
        (
            (
                '<p><ac:link><ri:page ri:content-title="지표 정의" /></ac:link>, '
                '<ac:link><ri:user ri:username="jimin" /><ac:link-body>지민</ac:link-body></ac:link></p>'
            ),
            '<p><span class="link" title="지표 정의">지표 정의</span>, <span class="link" title="jimin">지민</span></p>',
        ),
        (
            "<ac:layout><ac:layout-section><ac:layout-cell><p>1</p></ac:layout-cell></ac:layout-section></ac:layout>",
            '<div class="layout"><div class="layout-section"><div class="layout-cell"><p>1</p></div></div></div>',
        ),
        ("<p><ac:placeholder>안내</ac:placeholder><script>alert(1)</script></p>", "<p>alert(1)</p>"),
        ('<p><ac:emoticon ac:name="tick" /></p>', "<p>✅</p>"),
    ],
)
def test_a_page_as_html(storage: str, html: str) -> None:
    assert page_html(storage, {"추이.png": PIXEL}) == html


@given(st.text(max_size=40))
@settings(max_examples=examples(50), deadline=None)
def test_text_is_never_markup(text: str) -> None:
    shown = page_html(f"<p>{escape_text(text)}</p>")
    assert re.fullmatch(r"<p>[^<]*</p>", shown)


def test_the_pages_of_the_sandbox_have_no_script_and_no_request(repository: Path) -> None:
    pages = list((repository / "sandbox/src/workplace_sandbox/seed/pages").glob("*.xhtml"))
    plain = [text for path in pages if "{%" not in (text := path.read_text()) and "{{" not in text]
    assert plain
    for storage in plain:
        tree = lxml_html.fragment_fromstring(page_html(storage), create_parent="div")
        assert not tree.xpath("//script | //iframe | //@onclick | //img[not(starts-with(@src, 'data:'))]")
        words = "".join(PageDocument(storage).root.itertext())
        assert "".join(tree.itertext()).count("지표") <= words.count("지표") + 1
