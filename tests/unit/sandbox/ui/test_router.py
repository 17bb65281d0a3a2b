"""The pages of the user interface, by their addresses."""

from __future__ import annotations

from urllib.parse import quote_plus

import pytest

from unit.sandbox.ui.open_wiki import NEWEST_REPORT, Wiki
from workplace_sandbox.ui.addresses import page_id_of_tiny_link, tiny_link


def test_front_page_names_spaces_and_channels(wiki: Wiki) -> None:
    wiki.store.add_message("#front", "bot", "hi", {"text": "hi"}, "incoming")
    text = wiki.text("/")
    assert "데이터분석팀" in text
    assert NEWEST_REPORT in text
    assert "#front" in text


@pytest.mark.parametrize("path", ["/confluence/spaces/ANALYTICS", "/confluence/display/analytics"])
def test_space_shows_its_tree(wiki: Wiki, path: str) -> None:
    text = wiki.text(path)
    for title in ("주간 보고", NEWEST_REPORT, "활성 사용자 산출 쿼리", "週次レポートの読み方", "지표 정의 (구버전)"):
        assert title in text


def test_a_page_has_many_addresses(wiki: Wiki) -> None:
    page = wiki.newest_report()
    plus = quote_plus(page.title)
    for path in (
        f"/pages/viewpage.action?pageId={page.id}",
        f"/pages/viewpage.action?spaceKey=ANALYTICS&title={plus}",
        f"/display/ANALYTICS/{plus}",
        f"/spaces/ANALYTICS/pages/{page.id}",
        f"/spaces/ANALYTICS/pages/{page.id}/{plus}",
        f"/spaces/ANALYTICS/pages/{page.id}/A+former+title",
        f"/x/{tiny_link(page.id)}",
    ):
        assert f"<h1>{page.title}" in wiki.text(f"/confluence{path}"), path


def test_a_blog_post_has_the_addresses_of_both_dialects(wiki: Wiki) -> None:
    post = wiki.store.create_page("ANALYTICS", "릴리스 노트", "<p>새 글</p>", author="jimin", kind="blogpost")
    day = f"{post.created_at:%Y/%m/%d}"
    for path in (f"/spaces/ANALYTICS/blog/{day}/{post.id}", f"/display/ANALYTICS/{day}/{quote_plus(post.title)}"):
        assert "<h1>릴리스 노트" in wiki.text(f"/confluence{path}"), path
    assert "릴리스 노트" in wiki.text("/confluence/spaces/ANALYTICS").partition("<h2>Blog</h2>")[2]


def test_titles_with_plus_slash_and_question_mark(wiki: Wiki) -> None:
    for title in ("C++ / 질문?", "50% & more", "a+b c"):
        page = wiki.store.create_page("ANALYTICS", title, "<p>x</p>", author="jimin")
        assert wiki.text(f"/confluence/display/ANALYTICS/{quote_plus(title, safe='')}")
        assert wiki.text(f"/confluence/spaces/ANALYTICS/pages/{page.id}/{quote_plus(title)}")


def test_page_shows_what_hangs_on_it(wiki: Wiki) -> None:
    text = wiki.text(f"/confluence/pages/viewpage.action?pageId={wiki.newest_report().id}")
    for part in (
        "김지민", "보고봇", "weekly-report", "주간활성사용자.png", "revenue by channel (weekly).png", "Inline comments",
        "취소 반영 전 금액이죠", "Search 입니다", 'class="lock"', "update: 김지민, 보고봇", 'class="page full"',
        "2026-10-29 14:37",
        "데이터분석팀 홈",
    ):  # fmt: skip
        assert part in text, part


def test_source_is_the_body(wiki: Wiki) -> None:
    page = wiki.store.create_page("ANALYTICS", "Source", "\n<p>a &nbsp; <b>b</b></p>", author="jimin")
    text = wiki.text(f"/confluence/plugins/viewstorage/viewpagestorage.action?pageId={page.id}")
    # The first of the two newlines is the one that the parser of HTML drops.
    assert '<pre class="source">\n\n&lt;p&gt;a &amp;nbsp; &lt;b&gt;b&lt;/b&gt;&lt;/p&gt;</pre>' in text


def test_an_ill_formed_page_is_shown_as_such(wiki: Wiki) -> None:
    page = wiki.store.create_page("ANALYTICS", "Broken", "<p>a", author="jimin")
    assert "the element &lt;p&gt; is not closed" in wiki.text(f"/confluence/pages/viewpage.action?pageId={page.id}")
    source = wiki.text(f"/confluence/plugins/viewstorage/viewpagestorage.action?pageId={page.id}")
    assert "Not well-formed" in source


def test_history_old_version_and_difference(wiki: Wiki) -> None:
    page = wiki.newest_report()
    history = wiki.text(f"/confluence/pages/viewpreviousversions.action?pageId={page.id}")
    for part in ("인사이트 작성", "지난주 보고에서 시작", "minor edit", "current"):
        assert part in history
    for name in ("pageVersion", "version"):
        old = wiki.text(f"/confluence/pages/viewpage.action?pageId={page.id}&{name}=1")
        assert "This is <b>version 1</b> of 3" in old
        assert "이번 주에 잘 된 점을 적어 주세요" in old
    path = (
        f"/confluence/pages/diffpagesbyversion.action?pageId={page.id}&selectedPageVersions={{}}&selectedPageVersions={{}}"
    )
    for numbers in ((1, 3), (3, 1)):
        difference = wiki.text(path.format(*numbers))
        assert "Changes from version 1 to 3" in difference
        assert "ac:inline-comment-marker" in difference
    assert "The two bodies are the same" in wiki.text(path.format(1, 1))


def test_renamed_page_says_so(wiki: Wiki) -> None:
    page = wiki.store.create_page("ANALYTICS", "Before", "<p>x</p>", author="jimin")
    wiki.store.update_page(page.id, title="After", author="alex")
    assert "Title was “Before”" in wiki.text(f"/confluence/pages/viewpreviousversions.action?pageId={page.id}")


def test_archived_and_trashed_pages_say_so(wiki: Wiki) -> None:
    page = wiki.store.create_page("ANALYTICS", "Gone", "<p>x</p>", author="jimin")
    wiki.store.trash_page(page.id)
    assert "This page is <b>trashed</b>" in wiki.text(f"/confluence/pages/viewpage.action?pageId={page.id}")
    wiki.text("/confluence/display/ANALYTICS/Gone", 404)


@pytest.mark.parametrize(
    "path",
    [
        "/confluence/pages/viewpage.action",
        "/confluence/pages/viewpage.action?pageId=1",
        "/confluence/pages/viewpage.action?pageId=%00",
        "/confluence/pages/viewpage.action?pageId=99999999999999999999",
        "/confluence/display/ANALYTICS/Nothing",
        "/confluence/display/NOPE",
        "/confluence/spaces/NOPE",
        "/confluence/x/____",
        "/confluence/x/%EA%B0%80",
        "/confluence/pages/viewpreviousversions.action?pageId=1",
        "/confluence/pages/diffpagesbyversion.action?pageId=1&selectedPageVersions=1",
        "/confluence/plugins/viewstorage/viewpagestorage.action?pageId=1",
        "/slack/archives/nothing",
    ],
)
def test_not_found_is_a_page(wiki: Wiki, path: str) -> None:
    text = wiki.text(path, 404)
    assert "<h1>Not found</h1>" in text


def test_versions_that_are_not_there(wiki: Wiki) -> None:
    page_id = wiki.newest_report().id
    for query in ("pageVersion=99", "pageVersion=x", "pageVersion=-1", "pageVersion=0"):
        wiki.text(f"/confluence/pages/viewpage.action?pageId={page_id}&{query}", 404)
    for query in ("selectedPageVersions=1", "selectedPageVersions=1&selectedPageVersions=9", "selectedPageVersions=x"):
        wiki.text(f"/confluence/pages/diffpagesbyversion.action?pageId={page_id}&{query}", 404)


def test_nothing_may_run_on_any_page(wiki: Wiki) -> None:
    evil = "<script>alert(1)</script>"
    page = wiki.store.create_page("ANALYTICS", evil, f"<p>{evil}</p>", author="jimin", message=evil)
    wiki.store.add_comment(page.id, evil, evil, location="inline", selection=evil, marker_ref='"><x>')
    wiki.store.add_labels(page.id, [evil])
    for path in (
        f"/confluence/pages/viewpage.action?pageId={page.id}",
        f"/confluence/pages/viewpreviousversions.action?pageId={page.id}",
        f"/confluence/plugins/viewstorage/viewpagestorage.action?pageId={page.id}",
        "/confluence/spaces/ANALYTICS",
        "/",
    ):
        answer = wiki.client.get(path)
        assert evil not in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "script-src" not in answer.headers["content-security-policy"]


def test_no_page_loads_anything_from_elsewhere(wiki: Wiki) -> None:
    css = wiki.text("/_ui/sandbox.css")
    assert "url(" not in css
    assert "@import" not in css
    assert "<script" not in wiki.text("/")


def test_a_tree_of_many_pages(wiki: Wiki) -> None:
    parent = wiki.store.create_page("ANALYTICS", "Many", "<p>x</p>", author="jimin")
    for number in range(400):
        wiki.store.create_page("ANALYTICS", f"Many {number:03}", "<p>x</p>", parent.id, author="jimin")
    assert "Many 399" in wiki.text(f"/confluence/pages/viewpage.action?pageId={parent.id}")


@pytest.mark.parametrize(("page_id", "name"), [("65609", "SQAB"), ("544211126", "tgBwI"), ("1", "AQ"), ("65536", "AAAB")])
def test_tiny_links(page_id: str, name: str) -> None:
    assert tiny_link(page_id) == name
    assert page_id_of_tiny_link(name) == page_id
