"""No page can run anything in the browser of somebody who looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lxml.html
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_sandbox.ui.render import render_storage
from workplace_sandbox.ui.sanitize import safe_colour, safe_image, safe_link, safe_style

if TYPE_CHECKING:
    from lxml.html import HtmlElement

RUNNING = {"script", "iframe", "object", "embed", "form", "style", "link", "meta", "base", "svg", "math", "video"}


def render(storage: str) -> str:
    return render_storage(storage, page_id="1", attachment_url=lambda page, name: f"/f/{len(name)}")


def assert_harmless(markup: str) -> None:
    tree: HtmlElement = lxml.html.fragment_fromstring(markup, create_parent="div")
    for element in tree.iter():
        assert element.tag not in RUNNING
        for name, value in element.attrib.items():
            assert not name.lower().startswith("on"), (name, value)
            if name in ("href", "src"):
                scheme = "".join(value.split()).lower().partition(":")[0]
                assert scheme not in ("javascript", "vbscript", "data", "file", "blob"), value
            if name == "style":
                assert "url" not in value.lower()
                assert "expression" not in value.lower()
                assert "\\" not in value


R = 'xmlns:r="urn:workplace-sandbox:resolved"'
PLAIN_TEXT_MACRO = (
    '<ac:structured-macro ac:name="{}"><ac:plain-text-body><![CDATA[{}]]></ac:plain-text-body></ac:structured-macro>'
)
HOSTILE = [
    "<script>alert(1)</script>",
    '<x:script xmlns:x="http://www.w3.org/1999/xhtml">alert(1)</x:script>',
    '<script xmlns="http://www.w3.org/1999/xhtml">alert(1)</script>',
    '<p onclick="alert(1)">a</p>',
    '<img src="x" onerror="alert(1)" />',
    '<img src="javascript:alert(1)" />',
    '<a href="javascript:alert(1)">a</a>',
    '<a href=" java&#10;script:alert(1)">a</a>',
    '<a href="JaVaScRiPt&#58;alert(1)">a</a>',
    '<a href="&#1;javascript:alert(1)">a</a>',
    '<a href="data:text/html,&lt;script&gt;alert(1)&lt;/script&gt;">a</a>',
    '<a href="vbscript:x">a</a>',
    '<p style="background:url(javascript:alert(1))">a</p>',
    '<p style="background-color:expression(alert(1))">a</p>',
    '<p style="color:red;background-color:u\\72l(x)">a</p>',
    '<p style="position:fixed;top:0;width:100vw">a</p>',
    '<div style="width:100px/*x*/;color:red}</style>">a</div>',
    "<iframe src='https://example.com'></iframe>",
    "<svg onload='alert(1)'><script>alert(1)</script></svg>",
    "<math><mtext><script>alert(1)</script></mtext></math>",
    "<style>@import url(x)</style>",
    "<form action='/x'><input name='a'/></form>",
    "<meta http-equiv='refresh' content='0;url=x'/><base href='//x'/>",
    '<ac:image><ri:url ri:value="javascript:alert(1)" /></ac:image>',
    '<ac:image><ri:url ri:value="data:image/svg+xml,x" /></ac:image>',
    '<ac:link><ri:url ri:value="javascript:alert(1)" /><ac:link-body>x</ac:link-body></ac:link>',
    f'<a {R} r:href="javascript:alert(1)">a</a>',
    f'<p {R} r:style="background:url(x)" r:onclick="x">a</p>',
    f'<ac:structured-macro ac:name="toc"><r:toc {R}><r:entry r:href="javascript:alert(1)"/></r:toc></ac:structured-macro>',
    f'<r:toc {R}><r:entry r:href="javascript:alert(1)" r:text="x"/></r:toc>',
    '<td data-highlight-colour="red;background:url(x)">a</td>',
    '<ac:structured-macro ac:name="panel"><ac:parameter ac:name="bgColor">url(x)</ac:parameter></ac:structured-macro>',
    '<ac:structured-macro ac:name="&lt;script&gt;alert(1)&lt;/script&gt;" />',
    PLAIN_TEXT_MACRO.format("code", "</code></pre><script>alert(1)</script>"),
    PLAIN_TEXT_MACRO.format("html", "<script>alert(1)</script>"),
    '<ac:image><ri:attachment ri:filename="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;" /></ac:image>',
    '<time datetime="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;" />',
    '<ac:inline-comment-marker ac:ref="&quot; onmouseover=&quot;x">a</ac:inline-comment-marker>',
    "<p><![CDATA[<script>alert(1)</script>]]></p>",
    "<!-- --><?php x ?><xmp><script>alert(1)</script></xmp>",
    "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>",
    "<noscript><p title='&lt;/noscript&gt;&lt;script&gt;alert(1)&lt;/script&gt;'>x</p></noscript>",
]  # fmt: skip


@pytest.mark.parametrize("storage", HOSTILE)
def test_hostile_body(storage: str) -> None:
    assert_harmless(render(storage))


def test_removed_elements_are_named() -> None:
    assert "&lt;script&gt;" in render("<script>alert(1)</script>")


_NAMES = st.sampled_from(
    ["p", "script", "a", "img", "table", "td", "ac:link", "ac:image", "ac:structured-macro", "ac:task", "svg", "style"]
)
_KEYS = st.sampled_from(
    ["href", "src", "onclick", "style", "ac:name", "ac:anchor", "title", "class", "id", "data-highlight-colour", "ac:width"]
)
_VALUES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["javascript:alert(1)", "\tjavascript:x", "color: red; background: url(x)", "toc", "code", "status"]),
)


@st.composite
def _markup(draw: st.DrawFn, depth: int = 3) -> str:
    def legal(text: str) -> str:
        kept = "".join(c for c in text if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff" and c < "\ufffe"))
        return kept.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")

    name = draw(_NAMES)
    attributes = draw(st.dictionaries(_KEYS, _VALUES, max_size=3))
    inner = "".join(draw(st.lists(_markup(depth - 1), max_size=3))) if depth else ""
    text = "".join(f' {key}="{legal(value)}"' for key, value in attributes.items())
    return f"<{name}{text}>{legal(draw(st.text(max_size=20)))}{inner}</{name}>"


@given(_markup())
def test_any_markup_is_harmless(storage: str) -> None:
    assert_harmless(render(storage))


@given(st.text())
def test_any_text_is_harmless(storage: str) -> None:
    assert_harmless(render(storage))


@pytest.mark.parametrize(
    ("address", "link", "image"),
    [
        ("https://a/b?c=d#e", True, True),
        ("mailto:a@example.com", True, False),
        ("/relative", True, True),
        ("page.html", True, True),
        ("my page.html", True, True),
        ("java script:x", False, False),
        ("#anchor", True, True),
        ("ftp://a", False, False),
        ("", False, False),
        (None, False, False),
        ("\x00javascript:x", False, False),
        ("file:///etc/passwd", False, False),
    ],
)
def test_addresses(address: str | None, link: bool, image: bool) -> None:
    assert (safe_link(address) is not None, safe_image(address) is not None) == (link, image)


def test_styles() -> None:
    assert safe_style("COLOR: rgb(1, 2, 3); width: 12.5px; behavior: url(x); text-align:center") == (
        "color: rgb(1, 2, 3); width: 12.5px; text-align: center"
    )
    assert safe_style("width: calc(1px)") is None
    assert safe_style(None) is None


def test_styles_take_no_time_however_long_they_are() -> None:
    assert safe_style("color: " + "a" * 79 + "!") is None
    assert safe_style("color: " + "1" * 100_000) is None


def test_colours() -> None:
    assert safe_colour("grey") == "#f4f5f7"
    assert safe_colour("#abc") == "#abc"
    assert safe_colour("rgb(1,2,3)") == "rgb(1,2,3)"
    assert safe_colour("url(x)") is None
