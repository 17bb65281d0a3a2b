"""Each construct of the storage format as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

import lxml.html
import pytest

from workplace_sandbox.ui.render import PageEntry, PageRef, render_storage

if TYPE_CHECKING:
    from lxml.html import HtmlElement

FILES = {
    (None, "a.png"): "/files/a.png",
    ("Other", "b.png"): "/files/other/b.png",
    (None, "주간.png"): "/files/%EC%A3%BC.png",
    (None, "data.csv"): "/files/data.csv",
}
PAGES = {("Other", None): "/other", ("Far", "KEY"): "/key/far", (None, "KEY"): "/key"}


def attachment_url(page: PageRef | None, filename: str) -> str | None:
    return FILES.get((page.title if page else None, filename))


def link_url(page: PageRef) -> str | None:
    return "/by-id/7" if page.content_id == "7" else PAGES.get((page.title, page.space_key))


def html(storage: str, **options: object) -> str:
    return render_storage(
        storage,
        page_id="1",
        attachment_url=attachment_url,
        link_url=link_url,
        user_name={"k1": "김지민", "alex": "Alex Morgan", "557058:x": "佐藤 遥"}.get,
        **options,  # type: ignore[arg-type]
    )


def tree(storage: str, **options: object) -> HtmlElement:
    return lxml.html.fragment_fromstring(html(storage, **options), create_parent="div")


def macro(name: str, body: str = "", **parameters: str) -> str:
    given = "".join(f'<ac:parameter ac:name="{key}">{value}</ac:parameter>' for key, value in parameters.items())
    return f'<ac:structured-macro ac:name="{name}">{given}{body}</ac:structured-macro>'


def rich(body: str) -> str:
    return f"<ac:rich-text-body>{body}</ac:rich-text-body>"


def plain(body: str) -> str:
    return f"<ac:plain-text-body><![CDATA[{body}]]></ac:plain-text-body>"


def image(source: str, attributes: str = "", more: str = "") -> str:
    return f"<ac:image {attributes}>{source}{more}</ac:image>"


def attachment(name: str, page: str = "") -> str:
    return f'<ri:attachment ri:filename="{name}">{page}</ri:attachment>'


# ---- text


def test_headings_get_anchors_that_differ() -> None:
    found = tree("<h2>핵심 지표</h2><h3>핵심 지표</h3><h2>A<strong>b</strong></h2>")
    assert [h.get("id") for h in found] == ["h-핵심지표", "h-핵심지표.1", "h-Ab"]


def test_heading_with_a_status_is_anchored_by_what_one_sees() -> None:
    (heading,) = tree(f"<h2>A {macro('status', title='DONE', colour='Green')}</h2>")
    assert heading.get("id") == "h-ADONE"


def test_paragraphs_keep_their_alignment_and_entities() -> None:
    assert html('<p style="text-align: center;">&nbsp;&rarr;</p>') == '<p style="text-align: center">\u00a0→</p>'


def test_inline_marks() -> None:
    source = "<p><strong>a</strong><em>b</em><u>c</u><del>d</del><sub>e</sub><sup>f</sup><code>g</code></p>"
    assert html(source) == source


def test_lists_with_start_and_nesting() -> None:
    found = tree('<ol start="3"><li><p>a</p><ul><li>b</li></ul></li></ol>')
    assert found.find("ol").get("start") == "3"
    assert found.xpath("string(ol/li/ul/li)") == "b"


def test_a_paragraph_with_a_block_in_it_stays_one() -> None:
    found = tree(f"<p>a {macro('info', rich('<p>b</p>'))} c</p>")
    assert len(found) == 1
    assert found[0].tag == "div"
    assert found[0].text_content().split() == ["a", "b", "c"]


def test_time_and_placeholder() -> None:
    found = tree('<p><time datetime="2026-11-22" /><ac:placeholder>여기에</ac:placeholder></p>')
    assert found.xpath("string(//time)") == found.xpath("string(//time/@datetime)") == "2026-11-22"
    assert found.xpath("string(//*[@class='wk-placeholder'])") == "여기에"


# ---- tables


def test_table_with_merged_header_and_coloured_cells() -> None:
    found = tree(
        '<table><tbody><tr><th colspan="2">a</th></tr><tr><td rowspan="2" data-highlight-colour="#e3fcef">b</td>'
        '<td data-highlight-colour="grey">c</td></tr><tr><td class="numberingColumn">1</td></tr></tbody></table>'
    )
    assert found.xpath("string(//th/@colspan)") == "2"
    assert found.xpath("string(//td[1]/@rowspan)") == "2"
    assert found.xpath("//td/@style") == ["background-color: #e3fcef", "background-color: #f4f5f7"]
    assert found.xpath("string(//td[@class='wk-numbering'])") == "1"


def test_columns_keep_their_shares_in_a_narrow_window() -> None:
    found = tree(
        '<table data-table-width="800"><colgroup><col style="width: 100.0px;" /><col style="width: 300.0px;" /></colgroup>'
        "<tbody><tr><td>a</td><td>b</td></tr></tbody></table>"
    )
    assert found.xpath("//col/@style") == ["width: 25.00%", "width: 75.00%"]
    assert "min(100%, 800px)" in found.xpath("string(//table/@style)")


# ---- images


def test_image_of_this_page() -> None:
    found = tree(
        image(
            attachment("a.png"),
            'ac:width="600" ac:alt="말" ac:title="t" ac:align="center"',
            "<ac:caption><p>그림 <em>하나</em></p></ac:caption>",
        )
    )
    picture = found.find(".//img")
    assert dict(picture.attrib) == {"src": "/files/a.png", "alt": "말", "title": "t", "width": "600"}
    assert "wk-align-center" in found[0].get("class")
    assert found.xpath("string(//*[@class='wk-caption'])") == "그림 하나"


def test_image_of_another_page_and_of_the_web() -> None:
    assert tree(image(attachment("b.png", '<ri:page ri:content-title="Other" />'))).xpath("//img/@src") == [
        "/files/other/b.png"
    ]
    assert tree(image('<ri:url ri:value="https://example.com/x.png" />')).xpath("//img/@src") == [
        "https://example.com/x.png"
    ]


def test_missing_image_is_named() -> None:
    found = tree(image(attachment("없음.png")))
    assert not found.xpath("//img")
    assert "missing image 없음.png" in " ".join(found.text_content().split())


def test_image_in_a_sentence_is_inline() -> None:
    assert "wk-inline" in html(f"<p>the {image(attachment('a.png'))} button</p>")
    assert "wk-inline" not in html(f"<p>{image(attachment('a.png'))}</p>")


# ---- links


@pytest.mark.parametrize(
    ("link", "href", "text"),
    [
        ('<ri:page ri:content-title="Other" />', "/other", "Other"),
        ('<ri:page ri:content-title="Far" ri:space-key="KEY" /><ac:link-body>a <b>b</b></ac:link-body>', "/key/far", "a b"),
        (
            '<ri:page ri:content-title="Other" /><ac:plain-text-link-body><![CDATA[<x> & y]]></ac:plain-text-link-body>',
            "/other",
            "<x> & y",
        ),
        ('<ri:space ri:space-key="KEY" />', "/key", "KEY"),
        ('<ri:content-entity ri:content-id="7" />', "/by-id/7", "7"),
        ('<ri:attachment ri:filename="data.csv" />', "/files/data.csv", "data.csv"),
        ('<ri:url ri:value="https://example.com" /><ac:link-body>out</ac:link-body>', "https://example.com", "out"),
    ],
)  # fmt: skip
def test_links(link: str, href: str, text: str) -> None:
    found = tree(f"<p><ac:link>{link}</ac:link></p>").find(".//a")
    assert found.get("href") == href
    assert found.text_content() == text


def test_link_to_a_page_that_is_not_there() -> None:
    found = tree('<ac:link><ri:page ri:content-title="Nowhere" /></ac:link>')
    assert not found.xpath("//a")
    assert found.text_content() == "Nowhere"


@pytest.mark.parametrize("anchor", ["핵심 지표", "핵심-지표", "핵심지표", "%ED%95%B5%EC%8B%AC-%EC%A7%80%ED%91%9C"])
def test_anchor_links_reach_their_heading_however_they_are_written(anchor: str) -> None:
    found = tree(f'<h2>핵심 지표</h2><ac:link ac:anchor="{anchor}"><ac:link-body>x</ac:link-body></ac:link>')
    assert unquote(found.find(".//a").get("href")) == "#" + found.find(".//h2").get("id")
    other = tree(f'<ac:link ac:anchor="{anchor}"><ri:page ri:content-title="Other" /></ac:link>')
    assert unquote(other.find(".//a").get("href")) == "/other#h-핵심지표"


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ('ri:userkey="k1"', "@김지민"),
        ('ri:account-id="557058:x"', "@佐藤 遥"),
        ('ri:username="alex"', "@Alex Morgan"),
        ('ri:userkey="gone"', "@gone"),
    ],
)
def test_mentions(user: str, name: str) -> None:
    assert tree(f"<p><ac:link><ri:user {user} /></ac:link></p>").text_content() == name


# ---- tasks, status, emoji, comments


def test_tasks() -> None:
    found = tree(
        "<ac:task-list><ac:task><ac:task-id>1</ac:task-id><ac:task-status>complete</ac:task-status>"
        "<ac:task-body>done</ac:task-body></ac:task><ac:task><ac:task-id>2</ac:task-id>"
        "<ac:task-status>incomplete</ac:task-status><ac:task-body>open</ac:task-body></ac:task></ac:task-list>"
    )
    boxes = found.xpath("//input[@type='checkbox']")
    assert [box.get("checked") is not None for box in boxes] == [True, False]
    assert [" ".join(item.text_content().split()) for item in found.xpath("//li")] == ["done", "open"]


@pytest.mark.parametrize("colour", ["Grey", "Red", "Yellow", "Blue", "Green", "Purple", "nonsense"])
def test_status(colour: str) -> None:
    found = tree(f"<p>{macro('status', title='완료', colour=colour)}</p>").find(".//span")
    assert found.text_content() == "완료"
    assert found.get("class") == f"wk-status wk-{'grey' if colour == 'nonsense' else colour.lower()}"


@pytest.mark.parametrize(
    ("attributes", "shown"),
    [
        ('ac:name="smile"', "🙂"),
        ('ac:name="tick"', "✓"),
        ('ac:name="blue-star" ac:emoji-shortname=":copy:" ac:emoji-fallback=":copy:"', ":copy:"),
        ('ac:name="blue-star" ac:emoji-shortname=":bar_chart:" ac:emoji-fallback="📊"', "📊"),
        ('ac:name="nonsense"', "(nonsense)"),
    ],
)
def test_emoticons(attributes: str, shown: str) -> None:
    assert tree(f"<p><ac:emoticon {attributes} /></p>").text_content() == shown


def test_inline_comment_markers() -> None:
    marker = '<ac:inline-comment-marker ac:ref="r-1">{}</ac:inline-comment-marker>'
    found = tree(f"<p>{marker.format('a')} {marker.format('b')}</p>").xpath("//mark")
    assert [mark.text for mark in found] == ["a", "b"]
    assert [mark.get("id") for mark in found] == ["marker-r-1", None]


# ---- layouts


@pytest.mark.parametrize(
    "kind", ["single", "two_equal", "two_left_sidebar", "two_right_sidebar", "three_equal", "three_with_sidebars"]
)
def test_layouts(kind: str) -> None:
    cells = "<ac:layout-cell><p>a</p></ac:layout-cell>" * 2
    found = tree(f'<ac:layout><ac:layout-section ac:type="{kind}">{cells}</ac:layout-section></ac:layout>')
    assert found.xpath("//div[@class='wk-layout']/div/@class") == [f"wk-section wk-{kind}"]
    assert len(found.xpath("//div[@class='wk-cell']")) == 2


# ---- macros


@pytest.mark.parametrize("name", ["info", "note", "tip", "warning"])
def test_message_boxes(name: str) -> None:
    found = tree(macro(name, rich("<p>본문</p>"), title="제목"))
    assert found[0].get("class") == f"wk-panel wk-{name}"
    assert [p.text for p in found.xpath("//p")] == ["제목", "본문"]


def test_panel_with_its_colours() -> None:
    found = tree(macro("panel", rich("<p>x</p>"), bgColor="#E6FCFF", borderColor="red;x:y", panelIconText="🌈"))
    assert found[0].get("style") == "background-color: #E6FCFF"
    assert "🌈" in found.text_content()


def test_editor_extension_shows_its_fallback() -> None:
    source = (
        '<ac:adf-extension><ac:adf-node type="panel"><ac:adf-attribute key="panel-type">note</ac:adf-attribute>'
        "<ac:adf-content><p>content</p></ac:adf-content></ac:adf-node>{}</ac:adf-extension>"
    )
    fallback = (
        '<ac:adf-fallback><div class="panel conf-macro" style="background-color: red;"><p>fall</p></div></ac:adf-fallback>'
    )
    found = tree(source.format(fallback))
    assert found.text_content() == "fall"
    assert found[0].get("class") == "wk-adf-panel"
    assert tree(source.format("")).text_content() == "content"


def test_expand() -> None:
    found = tree(macro("expand", rich("<p>b</p>"), title="더 보기"))
    assert found[0].tag == "details"
    assert found.xpath("string(//summary)") == "더 보기"


def test_code_keeps_every_character() -> None:
    code = "\n  SELECT 1 &nbsp; <b>\n\n\tWHERE a < 2 && b > 3\n"
    found = tree(macro("code", plain(code), language="sql", title="q.sql"))
    assert found.find(".//code").text_content() == code
    assert found.xpath("string(//*[@class='wk-code-head'])") == "q.sqlsql"
    assert tree(macro("noformat", plain("a  b"))).find(".//code").text_content() == "a  b"


def test_split_cdata_is_one_text() -> None:
    found = tree(macro("code", "<ac:plain-text-body><![CDATA[a]]]]><![CDATA[>b]]></ac:plain-text-body>"))
    assert found.find(".//code").text_content() == "a]]>b"


def test_table_of_contents() -> None:
    body = "<h1>하나</h1><h2>둘</h2><h3>셋</h3><h2>Overview</h2><h1>넷</h1>"
    found = tree(macro("toc", maxLevel="2", exclude="Over.*|x", outline="true") + body).find(".//nav")
    assert [link.text_content() for link in found.xpath(".//a")] == ["1하나", "1.1둘", "2넷"]
    assert [unquote(link.get("href")) for link in found.xpath(".//a")] == ["#h-하나", "#h-둘", "#h-넷"]
    assert found.xpath("string(ul/li[1]/ul/li/a)") == "1.1둘"


def test_table_of_contents_of_a_page_that_begins_deep() -> None:
    found = tree(macro("toc") + "<h3>a</h3><h2>b</h2><h3>c</h3>").find(".//nav")
    assert [link.text for link in found.xpath("ul/li/a")] == ["a", "b"]
    assert found.xpath("string(ul/li[2]/ul/li/a)") == "c"


def test_patterns_of_a_page_are_not_run() -> None:
    evil = "(a+)+$"
    assert "aaa" in html(macro("toc", exclude=evil) + f"<h2>{'a' * 60}!</h2>")


def test_children() -> None:
    pages = [PageEntry("a", "/a", [PageEntry("b", "/b")]), PageEntry("c", "/c")]
    assert tree(macro("children"), children=pages).xpath("//a/@href") == ["/a", "/c"]
    assert tree(macro("children", all="true"), children=pages).xpath("//a/@href") == ["/a", "/b", "/c"]
    assert tree(macro("children", reverse="true"), children=pages).xpath("//a/@href") == ["/c", "/a"]
    assert "No child pages" in html(macro("children"))


def test_section_column_quote_excerpt_anchor() -> None:
    found = tree(macro("section", rich(macro("column", rich("<p>l</p>"), width="30%") + macro("column", rich("<p>r</p>")))))
    assert found.xpath("//div[@class='wk-column']/@style") == ["flex: 0 1 30%"]
    assert tree(macro("quote", rich("<p>q</p>"))).xpath("string(//blockquote)") == "q"
    assert tree(macro("excerpt", rich("<p>e</p>"))).text_content() == "e"
    assert tree(macro("excerpt", rich("<p>e</p>"), hidden="true")).text_content() == ""
    anchor = '<ac:structured-macro ac:name="anchor"><ac:parameter ac:name="">here</ac:parameter></ac:structured-macro>'
    assert tree(f"<p>{anchor}</p>").xpath("//span/@id") == ["h-here"]


def test_view_file_and_issue() -> None:
    name = '<ac:parameter ac:name="name"><ri:attachment ri:filename="{}" /></ac:parameter>'
    assert tree(f"<p>{macro('view-file', name.format('data.csv'))}</p>").xpath("//a/@href") == ["/files/data.csv"]
    assert "missing file" in html(macro("view-file", name.format("gone.csv")))
    assert tree(f"<p>{macro('jira', key='ANL-1')}</p>").text_content() == "ANL-1"


def test_unknown_macro_shows_name_parameters_and_body() -> None:
    found = tree(macro("tableau-embed", rich("<p>본문</p>"), view="Weekly/KPI", height="<b>".replace("<", "&lt;")))
    assert found.xpath("string(//b)") == "tableau-embed"
    assert [d.text_content() for d in found.xpath("//dl/*")] == ["view", "Weekly/KPI", "height", "<b>"]
    assert "본문" in found.text_content()
    assert "x  y" in html(macro("mermaid", plain("x  y")))


def test_ids_of_a_comment_do_not_meet_those_of_its_page() -> None:
    assert 'id="c7-h-a"' in html("<h2>a</h2>", anchor_prefix="c7-")


# ---- bodies that cannot be read


def test_ill_formed_body_shows_reason_and_source() -> None:
    shown = tree("<p>a <b>c</p><script>alert(1)</script>")
    box = shown.find(".//div[@role='alert']") if shown.get("role") is None else shown
    text = shown.text_content()
    assert box is not None
    assert "line 1" in text
    assert "<p>a <b>c</p><script>alert(1)</script>" in text
    assert not shown.xpath("//script")


def test_a_very_deep_body_is_refused_not_crashed_on() -> None:
    assert "cannot be rendered" in html("<b>" * 5000 + "</b>" * 5000)
    assert "deep" in html("<b>" * 200 + "deep" + "</b>" * 200)
