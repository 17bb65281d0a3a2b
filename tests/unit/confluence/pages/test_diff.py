from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.confluence.pages import IllFormedStorage, PageDocument, same_content
from workplace_provider.confluence.pages.diff import page_diff


def status(title: str, colour: str) -> str:
    return (
        f'<ac:structured-macro ac:name="status"><ac:parameter ac:name="title">{title}</ac:parameter>'
        f'<ac:parameter ac:name="colour">{colour}</ac:parameter></ac:structured-macro>'
    )


def task(number: int, status_text: str, body: str) -> str:
    return (
        f"<ac:task><ac:task-id>{number}</ac:task-id><ac:task-status>{status_text}</ac:task-status>"
        f"<ac:task-body>{body}</ac:task-body></ac:task>"
    )


PAGE = (
    '<ac:layout><ac:layout-section ac:type="single"><ac:layout-cell><p>기간 <time datetime="2026-11-19" /></p>'
    "<h2>핵심 지표</h2><table><tbody><tr><th>지표</th><th>값</th><th>상태</th></tr>"
    f"<tr><td><p>DAU</p></td><td><p>10</p></td><td>{status('진행', 'Blue')}</td></tr></tbody></table>"
    '<ac:image ac:width="600"><ri:attachment ri:filename="주간.png" /><ac:caption><p>추이</p></ac:caption></ac:image>'
    f"<h2>할 일</h2><ac:task-list>\n{task(1, 'incomplete', '보고')}\n{task(2, 'incomplete', '회의')}\n</ac:task-list>"
    "<ul><li><p>하나</p><ul><li>하나의 하나</li></ul></li><li>둘</li></ul>"
    '<p>자세히: <ac:link><ri:page ri:content-title="지표 정의" /></ac:link> '
    '<ac:link><ri:user ri:username="kim" /></ac:link> <a href="https://x/">여기</a> <ac:emoticon ac:name="tick" /></p>'
    '<ac:structured-macro ac:name="code"><ac:parameter ac:name="language">sql</ac:parameter>'
    "<ac:plain-text-body><![CDATA[select 1\nfrom t\nwhere x < 2]]></ac:plain-text-body></ac:structured-macro>"
    "</ac:layout-cell></ac:layout-section></ac:layout>"
)


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("2026-11-19", "2026-11-26", ["== (top of the page)", "  - 기간 2026-11-19", "  + 기간 2026-11-26"]),
        (">10<", ">12<", ["== 핵심 지표", "  - DAU | 10 | [진행]", "  + DAU | 12 | [진행]"]),
        ("진행", "완료", ["== 핵심 지표", "  - DAU | 10 | [진행]", "  + DAU | 10 | [완료]"]),
        ("Blue", "Green", ["== 핵심 지표", "  ~ DAU | 10 | [진행]: status colour: Blue → Green"]),
        (
            "</tr></tbody>",
            "</tr><tr><td>WAU</td><td>70</td><td></td></tr></tbody>",
            ["== 핵심 지표", "  + WAU | 70 |"],
        ),
        ("600", "760", ["== 핵심 지표", "  ~ [image: 주간.png]: image width: 600 → 760"]),
        (
            'ri:filename="주간.png"',
            'ri:filename="월간.png"',
            ["== 핵심 지표", "  - [image: 주간.png]", "  + [image: 월간.png]"],
        ),
        ("<h2>할 일</h2>", "<h2>다음 할 일</h2>", ["== 다음 할 일", "  - ## 할 일", "  + ## 다음 할 일"]),
        (
            "incomplete</ac:task-status><ac:task-body>보고",
            "complete</ac:task-status><ac:task-body>보고",
            ["== 할 일", "  - [ ] 보고", "  + [x] 보고"],
        ),
        (f"\n{task(1, 'incomplete', '보고')}", "", ["== 할 일", "  - [ ] 보고"]),
        ("<li>둘</li>", "<li>셋</li><li>둘</li>", ["== 할 일", "  + • 셋"]),
        ("하나의 하나", "하나의 둘", ["== 할 일", "  - • 하나의 하나", "  + • 하나의 둘"]),
        (
            "https://x/",
            "https://y/",
            ["== 할 일", "  ~ 자세히: 지표 정의 @kim 여기 ✅: a href: https://x/ → https://y/"],
        ),
        ("from t", "from u", ["== 할 일", "  - from t", "  + from u"]),
        (">sql<", ">python<", ["== 할 일", "  ~ [code]: code language: sql → python"]),
        ("<li>둘</li>", "<li><strong>둘</strong></li>", ["== 할 일", "  ~ • 둘: +strong"]),
        ("자세히: ", "자세히:\n", ["== 할 일", "  ~ 자세히: 지표 정의 @kim 여기 ✅: white space"]),
        (
            "<p>DAU</p>",
            '<p style="color: red;">DAU</p>',
            ["== 핵심 지표", "  ~ DAU | 10 | [진행]: p style: none → color: red;"],
        ),
        ("<h2>핵심 지표</h2>", " \n<h2>핵심 지표</h2>", ["== (top of the page)", "  ~ only white space"]),
    ],
)
def test_a_person_reads_what_changed_and_where(old: str, new: str, lines: list[str]) -> None:
    assert old in PAGE
    diff = page_diff(PAGE, PAGE.replace(old, new))
    assert diff.text.splitlines() == lines
    assert str(diff) == diff.text
    assert diff.changed


def test_rows_that_changed_and_rows_that_came_are_told_apart() -> None:
    row = "<tr><td>{}</td><td>{}</td></tr>"
    old = f"<table>{row.format('DAU', 10)}{row.format('매출', 5)}</table>"
    new = f"<table>{row.format('WAU', 70)}{row.format('DAU', 12)}{row.format('매출', 6)}</table>"
    assert page_diff(old, new).text.splitlines()[1:] == [
        "  + WAU | 70", "  - DAU | 10", "  + DAU | 12", "  - 매출 | 5", "  + 매출 | 6",
    ]  # fmt: skip


def test_what_is_the_same_to_a_reader_is_no_change() -> None:
    saved = PAGE.replace(" />", "/>").replace("<table>", '<table ac:local-id="1">').replace("기간", "&#44592;간")
    for other in (PAGE, saved):
        diff = page_diff(PAGE, other)
        assert (diff.changed, diff.text, diff.html) == (False, "", "")
    with pytest.raises(IllFormedStorage):
        page_diff(PAGE, "<p>")


def test_a_page_that_moves_into_a_layout_keeps_its_words() -> None:
    body = "<h1>가</h1><p>나</p>"
    diff = page_diff(
        body, f"<ac:layout><ac:layout-section><ac:layout-cell>{body}</ac:layout-cell></ac:layout-section></ac:layout>"
    )
    assert diff.text.splitlines() == ["== (top of the page)", "  + [columns]"]
    assert page_diff("<p>a</p>", "<div><div><p>a</p></div></div>").changed


def test_the_fragment_escapes_what_the_page_says() -> None:
    diff = page_diff("<p>a</p>", '<p>&lt;script&gt;alert(1)&lt;/script&gt; &amp;amp; "x"</p>')
    assert "<script" not in diff.html
    assert "&lt;script&gt;" in diff.html
    document = PageDocument(diff.html)
    assert "".join(document.root.itertext()).strip() == '(top of the page)a<script>alert(1)</script> &amp; "x"'
    changed = page_diff("<p>주간 사용자 10 명</p>", "<p>주간 사용자 12 명</p>").html
    assert ">10</del>" in changed
    assert ">12</ins> 명</p>" in changed


def test_long_lines_and_many_changes_are_cut_and_counted() -> None:
    words = " ".join(f"낱말{number}" for number in range(1000))
    diff = page_diff(f"<p>{words}</p>", f"<p>{words.replace('낱말500', '바뀜')}</p>")
    assert all(len(line) < 300 for line in diff.text.splitlines())
    assert "낱말500" in diff.text
    assert "바뀜" in diff.text
    assert page_diff("<p>a</p>", f"<p>{'b' * 1_000_000}</p>").text.endswith("… (999,600 more characters)")
    many = page_diff("", "".join(f"<p>{number}</p>" for number in range(100)), limit=10)
    assert many.text.splitlines()[-1] == "… and 90 more changes"
    assert "… and 90 more changes" in many.html


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=6).map(
    lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
)
TAGS = ["p", "h2", "ul", "li", "table", "tr", "td", "b", "ac:task", "ac:task-list", "ac:task-status", "ac:layout-cell",
        "ac:structured-macro", "ac:parameter", "ac:rich-text-body", "ac:plain-text-body", "ac:image", "x:y"]  # fmt: skip
STORAGE = st.recursive(
    TEXT | st.sampled_from(["<br />", "<!-- a -->", "<![CDATA[<p>\n]]>", '<time datetime="2026-11-19" />', "\n", "&nbsp;"]),
    lambda inner: st.builds(
        lambda tag, attribute, parts: f"<{tag}{attribute}>{''.join(parts)}</{tag}>",
        st.sampled_from(TAGS),
        st.sampled_from(["", ' a="1"', ' a="2"', ' ac:name="status"', ' ac:name="title"']),
        st.lists(inner, max_size=3),
    ),
    max_leaves=8,
)


@given(STORAGE, STORAGE)
def test_a_diff_is_empty_exactly_when_nothing_changed(old: str, new: str) -> None:
    diff = page_diff(old, new)
    assert diff.changed is not same_content(old, new)
    assert bool(diff.text) is bool(diff.html) is diff.changed
    PageDocument(diff.html)
    assert page_diff(old, old).text == ""


@given(STORAGE, STORAGE, STORAGE)
def test_a_paragraph_that_came_is_shown_wherever_it_stands(before: str, inside: str, after: str) -> None:
    page = "{}<h1>x</h1>{}<h1>y</h1>{}"
    added = f"{inside}<p>새 문단</p>"
    assert "새 문단" in page_diff(page.format(before, inside, after), page.format(before, added, after)).text


@pytest.mark.large
def test_large_pages() -> None:
    rows = [f"<tr><td><p>{number % 50}</p></td><td><p>같은 값</p></td></tr>" for number in range(4_000)]
    mixed = random.Random(1).sample(rows, len(rows))
    page = f"<h1>가</h1><table>{''.join(rows)}</table>"
    for other in (mixed, rows[::2], rows[100:], [row.replace("같은", "다른") for row in rows], []):
        assert page_diff(page, f"<h1>가</h1><table>{''.join(other)}</table>").changed
    assert page_diff("<p>a</p>" * 6_000, "<p>b</p>" * 4_000).changed
    deep = "<div>" * 500 + "{}" + "</div>" * 500
    assert page_diff(deep.format("a"), deep.format("b")).text.splitlines()[1:] == ["  - a", "  + b"]


@pytest.mark.contract
def test_recorded_pages(recorded_pages: list[Path]) -> None:
    for path in recorded_pages:
        body = path.read_bytes().decode()
        added = page_diff(body, f"{body}<p>새 문단</p>")
        assert added.text.splitlines()[1:] == ["  + 새 문단"], path.name
        wider = page_diff(body, body.replace(' ac:width="', ' ac:width="1'))
        assert ("image width: " in wider.text) is wider.changed is (' ac:width="' in body), path.name
        PageDocument(page_diff(body, "").html)
        # Every word of a page is in the diff that takes it away.
        gone = page_diff(body, "<p/>", limit=100_000).text
        words = PageDocument(body).select("//li/p[not(*)] | //h2[not(*)]")
        for word in words:
            first = " ".join("".join(word.itertext()).split())[:60]
            assert first in gone, path.name


def headings_of(text: str) -> list[str]:
    return [line.removeprefix("== ") for line in text.splitlines() if line.startswith("== ")]


def test_each_heading_is_there_once_in_its_place() -> None:
    before = "<p>intro</p>"
    after = "<p>intro</p><h2>A</h2><p>a</p><h2>B</h2><p>b</p><h2>C</h2><p>c</p>"
    assert page_diff(before, after).text.splitlines() == [
        *("== A", "  + ## A", "  + a", "== B", "  + ## B", "  + b", "== C", "  + ## C", "  + c"),
    ]
    assert headings_of(page_diff(after, before).text) == ["A", "B", "C"]


def test_headings_with_the_same_text_are_told_apart_by_those_above() -> None:
    page = "".join(f"<h2>{name}</h2><h3>이번 주</h3><p>{name} {{}}</p>" for name in ("김", "이"))
    text = page_diff(page.format(1, 1), page.format(2, 2)).text
    assert headings_of(text) == ["김 / 이번 주", "이 / 이번 주"]


def test_changes_below_a_renamed_heading_are_below_its_new_name() -> None:
    old = "<h1>20261112</h1><h2>지표</h2><p>하나</p><p>둘</p><p>같다</p>"
    new = "<h1>20261119</h1><h2>지표</h2><p>셋</p><p>같다</p><p>넷</p>"
    assert headings_of(page_diff(old, new).text) == ["20261119", "지표"]


@given(st.lists(st.sampled_from("ABC"), max_size=8), st.lists(st.sampled_from("ABC"), max_size=8), st.randoms())
def test_no_heading_is_there_twice(one: list[str], other: list[str], random: random.Random) -> None:
    def page(names: list[str]) -> str:
        return "".join(f"<h2>{name}{number}</h2><p>{random.choice('xyz')}</p>" for number, name in enumerate(names))

    found = headings_of(page_diff(page(one), page(other)).text)
    assert len(found) == len(set(found))
