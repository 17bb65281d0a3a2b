from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.examples import examples
from workplace_provider.confluence.pages import Link, Markdown, PageDocument, Status, markdown_to_storage
from workplace_provider.confluence.pages.edits import EditError, FillText, ReplaceSection, SetCell, from_dict, to_dict
from workplace_provider.confluence.pages.markdown import LONGEST, insertion
from workplace_provider.confluence.pages.values import to_storage


def p(text: str) -> str:
    return f"<p>{text}</p>"


def file(name: str, shown: str) -> str:
    return f'<ac:link><ri:attachment ri:filename="{name}" /><ac:link-body>{shown}</ac:link-body></ac:link>'


def task(status: str, body: str) -> str:
    return f"<ac:task><ac:task-status>{status}</ac:task-status><ac:task-body>{body}</ac:task-body></ac:task>"


@pytest.mark.parametrize(
    ("markdown", "storage"),
    [
        ("", ""),
        ("# 요약\n## b", "<h1>요약</h1><h2>b</h2>"),
        ("가 **나** *다* ~~라~~ `a < b`", p("가 <strong>나</strong> <em>다</em> <s>라</s> <code>a &lt; b</code>")),
        ("one\ntwo  \nthree<br>four<BR />five", p("one\ntwo<br />three<br />four<br />five")),
        ("> q\n\n---", "<blockquote><p>q</p></blockquote><hr />"),
        ("- a\n- b\n\n3. c", '<ul><li>a</li><li>b</li></ul><ol start="3"><li>c</li></ol>'),
        ("- a\n\n  b", "<ul><li><p>a</p><p>b</p></li></ul>"),
        ("[가](https://e.com/?a=1&b=2)", p('<a href="https://e.com/?a=1&amp;b=2">가</a>')),
        ("<https://e.com> [](https://e.com)", p('<a href="https://e.com">https://e.com</a> ' * 2).replace(" </p>", "</p>")),
        ("[표](data/%ED%91%9C%201.csv)", p(file("표 1.csv", "표"))),
        ("[t](<표 1.csv>)", p(file("표 1.csv", "t"))),
        ("[위](#요약)", p('<ac:link ac:anchor="요약"><ac:link-body>위</ac:link-body></ac:link>')),
        (
            "[지난주](<page:20261112_주간 보고>)",
            p('<ac:link><ri:page ri:content-title="20261112_주간 보고" /><ac:link-body>지난주</ac:link-body></ac:link>'),
        ),
        ("[x]() [y](/wiki/x)", p('x <a href="/wiki/x">y</a>')),
        (
            '![가 *나*](img/wau.png "설명")',
            p(
                '<ac:image ac:alt="가 나"><ri:attachment ri:filename="wau.png" />'
                "<ac:caption><p>설명</p></ac:caption></ac:image>"
            ),
        ),
        ("![](https://e.com/a.png)", p('<ac:image><ri:url ri:value="https://e.com/a.png" /></ac:image>')),
        ("![x](mailto:a@e.com) ![y](img/)", p("x y")),
        (
            "|이름|값|\n|---|--:|\n|a \\| b|`1`|",
            (
                "<table><tbody><tr><th><p>이름</p></th>"
                '<th><p style="text-align: right;">값</p></th></tr>'
                '<tr><td><p>a | b</p></td><td><p style="text-align: right;"><code>1</code></p></td></tr></tbody></table>'
            ),
        ),
        (
            "```python title\nif ']]>':\n    pass\n```",
            (
                '<ac:structured-macro ac:name="code"><ac:parameter ac:name="language">python</ac:parameter>'
                "<ac:plain-text-body>"
                "<![CDATA[if ']]]]><![CDATA[>':\n    pass]]></ac:plain-text-body></ac:structured-macro>"
            ),
        ),
        (
            "    <b>",
            (
                '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[<b>]]></ac:plain-text-body>'
                "</ac:structured-macro>"
            ),
        ),
        (
            "- [ ] 하나 **x**\n  - [x] 둘",
            "<ac:task-list>"
            + task("incomplete", f"하나 <strong>x</strong><ac:task-list>{task('complete', '둘')}</ac:task-list>")
            + "</ac:task-list>",
        ),
        ("- [ ] a\n- b\n- [X] c\n-\n", "<ul><li>☐ a</li><li>b</li><li>☑ c</li><li></li></ul>"),
        ("- [x](https://e.com) a", '<ul><li><a href="https://e.com">x</a> a</li></ul>'),
        ("<b id='x'>&amp; <script>f(1)</script>", p("&lt;b id='x'&gt;&amp; &lt;script&gt;f(1)&lt;/script&gt;")),
        ("[j](javascript:alert(1)) <javascript:x>", p("[j](javascript:alert(1)) &lt;javascript:x&gt;")),
        ("[j](JAVASCRIPT&#58;x) [d](data:text/html,x)", p("[j](JAVASCRIPT:x) [d](data:text/html,x)")),
        ("<ac:structured-macro ac:name='html'/>", p("&lt;ac:structured-macro ac:name='html'/&gt;")),
        ("]]> \x00\x07 &nbsp;\ud800", p("]]&gt; \ufffd\u2407 \xa0\ufffd")),
    ],
)
def test_markdown_as_storage_format(markdown: str, storage: str) -> None:
    assert markdown_to_storage(markdown) == storage
    PageDocument(storage)


def test_the_level_of_headings_is_chosen_and_the_paragraph_omitted() -> None:
    assert markdown_to_storage("# a\n###### b", headings=3) == "<h3>a</h3><h6>b</h6>"
    assert markdown_to_storage("**a**", inline=True) == "<strong>a</strong>"
    assert markdown_to_storage("a\n\nb", inline=True) == "<p>a</p><p>b</p>"


PIECES = st.sampled_from(
    [
        "# ",
        "- ",
        "- [ ] ",
        "- [x] ",
        "1. ",
        "> ",
        "```\n",
        "    ",
        "|",
        "|-|-|\n",
        "\n",
        "\n\n",
        "**",
        "*",
        "~~",
        "`",
        "[",
        "]",
        "](",
        ")",
        "](page:",
        "![",
        "<",
        ">",
        "\x00",
        "</p>",
        "<!--",
        "]]>",
        "&",
        "&amp;",
        "&#0;",
        "\\",
        '"',
        "'",
        "a",
        "가",
        "x y",
        "\r\n",
        "\ud800",
        "\ue0000\ue001",
        "\ue00077\ue001",
        "https://e.com",
        "javascript:",
        "<br>",
        "{{",
        "---",
        "\t",
    ]
)


@settings(max_examples=examples(150))
@given(text=st.one_of(st.lists(PIECES, max_size=40).map("".join), st.text(max_size=60)), value=st.text(max_size=20))
@example(
    text=f"[a]({insertion(0)}) ![{insertion(0)}]({insertion(0)} '{insertion(0)}')\n\n```{insertion(0)}", value="]]>\"'<&"
)
def test_the_result_is_always_well_formed_and_runs_nothing(text: str, value: str) -> None:
    storage = markdown_to_storage(text, inserted=[value])
    document = PageDocument(storage)
    macros = document.select("//ac:structured-macro/@ac:name/..")
    assert all(macro.get("{http://atlassian.com/content}name") == "code" for macro in macros)
    assert not document.select("//script | //*[starts-with(@href, 'javascript')]")
    PageDocument(to_storage(Markdown(text)))


@pytest.mark.parametrize("hostile", ["[" * 99_999, "![[" * 30_000, "- " * 4_000 + "a", ">" * 4_000, "x" * (LONGEST + 1)])
def test_text_that_would_keep_a_worker_busy_or_lose_content_is_refused(hostile: str) -> None:
    started = time.process_time()
    with pytest.raises(ValueError, match="the Markdown"):
        markdown_to_storage(hostile)
    assert time.process_time() - started < 5


def test_inserted_values_are_never_parsed() -> None:
    values: list[Any] = [
        "**a** [x](https://e.com) | <b>",
        Status("DONE", "Green"),
        "javascript:alert(1)",
        {"link": {"page": "p"}},
    ]
    marks = [insertion(number) for number in range(4)]
    text = f"{marks[0]} {marks[1]} [j]({marks[2]}) {marks[3]} `{marks[0]}` ![]({marks[0]}) {insertion(9)}"
    storage = markdown_to_storage(text, inserted=values)
    assert storage == p(
        f"**a** [x](https://e.com) | &lt;b&gt; {to_storage(values[1])} j {to_storage(Link(page='p'))} "
        "<code>**a** [x](https://e.com) | &lt;b&gt;</code> "
        '<ac:image><ri:attachment ri:filename="e.com) | &lt;b&gt;" /></ac:image> \ue0009\ue001'
    )


# --- in edits ---------------------------------------------------------------------------------------------------------

PAGE = "<h2>요약</h2><p>old</p><p> {{메모}} </p><p>말: {{메모}}</p><table><tbody><tr><td><p>1</p></td></tr></tbody></table>"
LIST = "- **a**\n- b"


def applied(page: str, *edits: Any) -> str:
    return PageDocument(page).apply(edits).storage


def test_a_section_from_markdown() -> None:
    page = applied("<h2>요약</h2><p>old</p>", ReplaceSection("요약", Markdown("### 새\n\n" + LIST)))
    assert page == "<h2>요약</h2><h3>새</h3><ul><li><strong>a</strong></li><li>b</li></ul>"
    assert applied("<h2>요약</h2>", ReplaceSection("요약", Markdown("# 새", headings=3))) == "<h2>요약</h2><h3>새</h3>"
    assert applied("<h2>요약</h2>", ReplaceSection("요약", ["가", Markdown("**나**"), Markdown(LIST)])) == (
        "<h2>요약</h2><p>가</p><p><strong>나</strong></p><ul><li><strong>a</strong></li><li>b</li></ul>"
    )
    with pytest.raises(EditError, match="for Markdown headings=3"):
        applied("<h2>요약</h2>", ReplaceSection("요약", Markdown("# 새")))


def test_placeholders_from_markdown() -> None:
    assert "말: <strong>a</strong></p>" in applied(PAGE, FillText({"메모": Markdown("**a**")}))
    alone = PAGE.replace("<p>말: {{메모}}</p>", "")
    assert "<p>old</p><ul><li><strong>a</strong></li><li>b</li></ul><table>" in applied(
        alone, FillText({"메모": Markdown(LIST)})
    )
    assert applied("<td>{{a}}</td>", FillText({"a": Markdown("x\n\ny")})) == "<td><p>x</p><p>y</p></td>"
    variable = '<at:declarations><at:string at:name="a" /></at:declarations><p><at:var at:name="a" /></p>'
    assert applied(variable, FillText({"a": Markdown(LIST)})) == "<ul><li><strong>a</strong></li><li>b</li></ul>"
    with pytest.raises(EditError, match="put the placeholder into a paragraph of its own"):
        applied(PAGE, FillText({"메모": Markdown(LIST)}))
    with pytest.raises(EditError, match="a paragraph of its own"):
        applied('<p>{{a}}<ac:image><ri:attachment ri:filename="x.png" /></ac:image></p>', FillText({"a": Markdown(LIST)}))


def test_cells_from_markdown() -> None:
    assert "<td><p><strong>a</strong></p></td>" in applied(PAGE, SetCell(row=0, column=0, value=Markdown("**a**"), table=0))
    assert "<td><ul><li>" in applied(PAGE, SetCell(row=0, column=0, value=Markdown(LIST), table=0))


@pytest.mark.parametrize(
    "value", [Markdown("**a**"), Markdown("# a", headings=2), Markdown("\ue0000\ue001", inserted=[Status("x")])]
)
def test_markdown_in_the_plain_form_of_edits(value: Markdown) -> None:
    edit = ReplaceSection("요약", value)
    plain = json.loads(json.dumps(to_dict(edit)))
    again = from_dict(plain)
    assert applied("<h1>요약</h1>", again) == applied("<h1>요약</h1>", edit)
    assert from_dict({"edit": "ReplaceSection", "heading": "a", "body": {"markdown": "x"}}) == ReplaceSection(
        "a", Markdown("x")
    )
